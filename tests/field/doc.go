// Package field runs request servers of other makers, installed from the packages of Debian by scripts/field.sh, as the upstreams
// of gateways: Redmine and Request Tracker. What they speak is described by the profiles in this folder alone, and FACTS.md says
// how each was found to speak.
//
// Its tests are heavy and run only with MERIDIAN_FIELD=1.
package field

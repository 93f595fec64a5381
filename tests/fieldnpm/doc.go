// Package fieldnpm runs request servers of other makers, installed from npm and the Go module proxy by scripts/fieldnpm.sh, as the
// upstreams of gateways: what they speak is described by the profiles in this folder alone. FACTS.md says how each was found to
// speak.
//
// Its tests are heavy and run only with MERIDIAN_FIELD=1.
package fieldnpm

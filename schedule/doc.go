// Package schedule says when things are due: at times of the clock on a wall somewhere (cron), when a site opens or closes, every so
// often, and in windows of the day. It holds no clock: every question comes with a time.
//
// Wall clocks are set twice a year in many places. A time that a wall clock leaves out is taken to be the next minute that it shows; one that it
// shows twice is the first of the two. So a daily run is one run a day, whatever the day; what runs every quarter of an hour by cron has
// no runs while an hour is repeated. What must run evenly is an every.
package schedule

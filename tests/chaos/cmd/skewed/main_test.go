package main

import (
	"testing"
	"time"
)

// The date jumps, and what passes between two looks stays what it was.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{0, time.Hour, -time.Hour, 26 * time.Hour} {
		var c clock
		before := c.Now()
		c.skew.Store(int64(skew))
		after := c.Now()
		if passed := after.Sub(before); passed < 0 || passed > time.Minute {
			t.Errorf("skewed by %v, %v passed between two looks", skew, passed)
		}
		if date := after.Round(0).Sub(before.Round(0)); date < skew || date > skew+time.Minute {
			t.Errorf("skewed by %v, the date moved by %v", skew, date)
		}
	}
}

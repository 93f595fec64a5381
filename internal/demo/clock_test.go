package demo

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClockCanBeSetForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(time.Time{})
		defer c.stop()
		soon, later := c.After(time.Minute), c.After(48*time.Hour)
		begun := time.Now()
		c.set(begun.Add(24 * time.Hour))
		if at := <-soon; at.Before(begun.Add(24 * time.Hour)) {
			t.Errorf("woken at %s", at)
		}
		select {
		case <-later:
			t.Error("woken a day early")
		default:
		}
		c.set(begun) // is not put back
		if got := c.Now().Sub(begun); got != 24*time.Hour {
			t.Errorf("the clock is %s ahead", got)
		}
		<-later
		if took := time.Since(begun); took != 24*time.Hour {
			t.Errorf("the rest took %s", took)
		}
	})
}

// A clock that begins in the past shows it, and goes on from there.
func TestClockBeginsAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, begin := range []time.Time{time.Now().AddDate(-3, 0, 0), time.Now().AddDate(0, 4, 0)} {
			c := newClock(begin)
			if !c.Now().Equal(begin) {
				t.Errorf("the clock shows %s, want %s", c.Now(), begin)
			}
			if at := <-c.After(time.Hour); at.Sub(begin) != time.Hour {
				t.Errorf("woken at %s, an hour after %s", at, begin)
			}
			c.set(begin.AddDate(0, 0, 2))
			if got := c.Now().Sub(begin); got != 48*time.Hour {
				t.Errorf("two days on it is %s on", got)
			}
			c.stop()
		}
	})
}

// Who read the time before the clock was set, and lies down after that, does not sleep through what has come.
func TestClockWakesTheLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(time.Time{})
		defer c.stop()
		due := c.Now().Add(time.Hour)
		nap := due.Sub(c.Now())
		c.set(due)
		begun := time.Now()
		<-c.After(nap)
		if took := time.Since(begun); took > light {
			t.Errorf("slept for %s", took)
		}
		if <-c.After(nap); time.Since(begun) < nap {
			t.Error("nobody sleeps well any more")
		}
	})
}

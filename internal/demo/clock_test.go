package demo

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClockCanBeSetForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
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

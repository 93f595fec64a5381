package replicate

import (
	"context"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

type everyHour struct{}

func (everyHour) Next(after time.Time) (time.Time, bool) {
	return after.Truncate(time.Hour).Add(time.Hour), true
}

// closing moves open requests on: what a schedule does in follow the sun.
type closing struct {
	route routing.Route
	to    request.Site
	runs  int
}

func (c *closing) DecideRoute(_ string, in routing.Input) (d routing.Decision) {
	c.runs++
	if v, _ := in.New.Get("status"); string(v) == `"open"` {
		d.Transfer = &routing.Taken{Route: &c.route, Action: &routing.Action{}, To: []request.Site{c.to}}
		d.Fired = []string{c.route.Name}
	}
	return d
}

func TestScheduleRunsOnceAndIsMadeUp(t *testing.T) {
	withRoutes(t, nil, func(c *cluster) {
		open, _ := c.must("sf", request.Create, "", `{"status":"open"}`)
		shut, _ := c.must("sf", request.Create, "", `{"status":"closed"}`)
		sun := &closing{route: routing.Route{Name: "sun"}, to: "chicago"}
		run := func() (stop func()) {
			ctx, cancel := context.WithCancel(c.t.Context())
			done := make(chan struct{})
			go func() {
				c.at("sf").RunTimers(ctx, sun, []Timer{{Route: "sun", Schedule: everyHour{}}})
				close(done)
			}()
			return func() { cancel(); <-done }
		}
		stop := run()
		time.Sleep(40 * time.Minute)
		if sun.runs != 0 {
			t.Errorf("ran %d times before its time", sun.runs)
		}
		stop()
		time.Sleep(3 * time.Hour) // nobody is there
		stop = run()
		time.Sleep(time.Minute)
		stop()
		c.settledAt(open.Entry.ID, "chicago")
		c.settledAt(shut.Entry.ID, "sf")
		c.converged(open.Entry.ID, "chicago", "sf")
		seen := sun.runs
		stop = run()
		time.Sleep(time.Minute)
		stop()
		if sun.runs != seen {
			t.Error("ran twice for one time")
		}
		// Home again by hand, it goes out with the next run, and hops by schedule are no ring.
		for range 10 {
			if err := c.order("sf", request.Order{Request: open.Entry.ID, To: "sf"}); err != nil {
				t.Fatal(err)
			}
			c.settledAt(open.Entry.ID, "sf")
			if n, err := c.at("sf").RunRoute(c.t.Context(), sun, "sun", true); n != 1 || err != nil {
				t.Errorf("dry: %d, %v", n, err)
			}
			if n, err := c.at("sf").RunRoute(c.t.Context(), sun, "sun", false); n != 1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
			c.settledAt(open.Entry.ID, "chicago")
		}
	})
}

package replicate

import (
	"context"
	"sync"
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

// Two gateways of one site share a store: each run is done by one of them; when that dies in the middle the other takes it over.
func TestScheduleRunsOnceAcrossReplicas(t *testing.T) {
	withRoutes(t, nil, func(c *cluster) {
		c.must("sf", request.Create, "", `{"status":"closed"}`)
		var mu sync.Mutex
		ran := map[string]int{}
		ctx, cancel := context.WithCancel(c.t.Context())
		var both sync.WaitGroup
		for _, name := range []string{"one", "two"} {
			g := New(Options{Self: "sf", Sites: sites, Profile: testProfile(t, true), Ledger: c.stores["sf"], Queue: c.stores["sf"], Notes: c.stores["sf"],
				Upstream: c.apis["sf"], Peers: linkOf{c.links, "sf"}, Routes: c.at("sf").router(), Replica: name, Boot: "1"})
			look := decider(func(string, routing.Input) routing.Decision {
				mu.Lock()
				defer mu.Unlock()
				ran[name+time.Now().Format(" 15h")]++
				return routing.Decision{}
			})
			both.Go(func() { g.RunTimers(ctx, look, []Timer{{Route: "r", Schedule: everyHour{}}}) })
		}
		time.Sleep(4*time.Hour + 30*time.Minute)
		cancel()
		both.Wait()
		total := 0
		for _, n := range ran {
			total += n
		}
		if total != 4 {
			t.Errorf("ran %v", ran)
		}
	})
}

type decider func(string, routing.Input) routing.Decision

func (d decider) DecideRoute(name string, in routing.Input) routing.Decision { return d(name, in) }

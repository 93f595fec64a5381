package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/replicate"
)

// now is the engine's time.
func (a *App) now() time.Time {
	if a.options.Clock != nil {
		return a.options.Clock.Now()
	}
	return time.Now()
}

func poolsOf(n *configs.Network) map[string]replicate.Pool {
	out := make(map[string]replicate.Pool, len(n.Pools))
	for name, p := range n.Pools {
		out[name] = replicate.Pool{Parallel: p.Parallel, Rate: p.Rate, Priority: p.Priority}
	}
	return out
}

// timers are the scheduled routes of the network file in force, running.
type timers struct {
	mu   sync.Mutex
	stop func()
}

// startTimers runs the schedules of the network file in force in place of those that ran before.
func (a *App) startTimers() {
	a.timers.mu.Lock()
	defer a.timers.mu.Unlock()
	if a.timers.stop != nil {
		a.timers.stop()
	}
	a.timers.stop = nil
	if a.stopping.Load() {
		return
	}
	n := a.network.Load()
	var list []replicate.Timer
	for i := range n.Routes {
		r := &n.Routes[i]
		if s := n.Schedule(r, a.site); s != nil && slices.Contains(n.RunsAt(r), a.site) {
			list = append(list, replicate.Timer{Route: r.Name, Schedule: s, Skip: r.Schedule.CatchUp == "skip"})
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); a.engine.RunTimers(ctx, n.Table, list) }()
	a.timers.stop = func() { cancel(); <-done }
}

func (a *App) stopTimers() {
	a.timers.mu.Lock()
	defer a.timers.mu.Unlock()
	if a.timers.stop != nil {
		a.timers.stop()
		a.timers.stop = nil
	}
}

// Schedule is what runs in the days after a time, with how many requests a run would move if it were now, for those at this site.
func (a *App) Schedule(ctx context.Context, from time.Time, days int) ([]gateway.ScheduledRun, error) {
	n := a.network.Load()
	counts := map[string]int{}
	for i := range n.Routes {
		r := &n.Routes[i]
		if r.Schedule == nil || !slices.Contains(n.RunsAt(r), a.site) {
			continue
		}
		count, err := a.engine.RunRoute(ctx, n.Table, r.Name, true)
		if err != nil {
			return nil, err
		}
		counts[r.Name] = count
	}
	out := []gateway.ScheduledRun{}
	for _, run := range n.Runs(from, from.AddDate(0, 0, days)) {
		x := gateway.ScheduledRun{Route: run.Route, At: run.At, In: run.In, Site: run.Site}
		if c, ok := counts[run.Route]; ok {
			x.Requests = &c
		}
		out = append(out, x)
	}
	return out, nil
}

// observeEvery is how often the gauges are brought up to date when nobody asks for health.
const observeEvery = 10 * time.Second

func (a *App) startObserving() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(observeEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				octx, end := context.WithTimeout(ctx, observeEvery)
				_, _ = a.Forwarding(octx) // it says itself what it could not find out
				end()
			case <-ctx.Done():
				return
			}
		}
	}()
	a.onStop("observing", func(context.Context) error { cancel(); <-done; return nil })
}

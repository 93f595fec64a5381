package app

import (
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

const (
	// sampleEvery is the least time between two looks at a backlog that count, sampleKept how many of them are kept: five minutes.
	sampleEvery = 10 * time.Second
	sampleKept  = 31
)

// forecasts remembers how the backlog to each destination went in the last minutes.
type forecasts struct {
	mu    sync.Mutex
	sites map[request.Site]*course
}

// course is what was seen of one destination, oldest first.
type course struct {
	seen []sample
	best float64 // deliveries in a second, between two looks
}

type sample struct {
	at        time.Time
	owed      int
	delivered int // since the start
}

// note takes a look at a backlog.
func (f *forecasts) note(site request.Site, s sample) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sites == nil {
		f.sites = make(map[request.Site]*course)
	}
	c := f.sites[site]
	if c == nil {
		c = &course{}
		f.sites[site] = c
	}
	if n := len(c.seen); n > 0 {
		last := c.seen[n-1]
		gap := s.at.Sub(last.at)
		if gap < sampleEvery {
			return
		}
		c.best = max(c.best, float64(s.delivered-last.delivered)/gap.Seconds())
	}
	if c.seen = append(c.seen, s); len(c.seen) > sampleKept {
		c.seen = append(c.seen[:0], c.seen[1:]...)
	}
}

// of is what a forecast is made of, from what is seen now and the looks before; ok is false until there was time to see anything.
func (f *forecasts) of(site request.Site, now sample) (c gateway.Course, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.sites[site]
	if seen == nil || len(seen.seen) == 0 {
		return c, false
	}
	first := seen.seen[0]
	window := now.at.Sub(first.at)
	if window < sampleEvery {
		return c, false
	}
	// What came is what is more now, and what went: a request that was owed already does not count again.
	out := float64(now.delivered-first.delivered) / window.Seconds()
	in := float64(now.owed-first.owed)/window.Seconds() + out
	return gateway.Course{Owed: now.owed, In: max(in, 0), Out: out, Best: max(seen.best, out), Window: window}, true
}

// foresee looks at the backlog to a site, and ahead.
func (a *App) foresee(site request.Site, d gateway.Destination, owed int, down bool) *gateway.Forecast {
	now := sample{at: time.Now(), owed: owed, delivered: a.lags.delivered(site)}
	a.forecasts.note(site, now)
	c, ok := a.forecasts.of(site, now)
	if !ok {
		return nil
	}
	c.Down, c.Limit = down, a.network.Load().LagLimit
	c.Oldest = time.Duration(d.OldestAge * float64(time.Second))
	return gateway.Foresee(c)
}

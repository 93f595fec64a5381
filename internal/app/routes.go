package app

import (
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// mostOfError is how much of what failed in a condition is kept, in bytes.
const mostOfError = 300

// hits counts how often routes were taken, by their names: a route that has the same name in the next network file goes on.
type hits struct {
	since time.Time
	mu    sync.Mutex
	of    map[string]*gateway.RouteCount
}

func (h *hits) count(route string, change func(*gateway.RouteCount)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = make(map[string]*gateway.RouteCount)
	}
	c := h.of[route]
	if c == nil {
		c = &gateway.RouteCount{}
		h.of[route] = c
	}
	change(c)
}

// RouteHit counts a route that was taken.
func (l *lags) RouteHit(route string) {
	l.Metrics.RouteHit(route)
	if l.hits != nil {
		now := time.Now()
		l.hits.count(route, func(c *gateway.RouteCount) { c.Hits, c.LastHit = c.Hits+1, &now })
	}
}

// RouteTrouble keeps what failed in a condition; it is counted in the metrics by RouteFailed.
func (l *lags) RouteTrouble(route string, err error) {
	if l.hits != nil {
		text := err.Error()
		l.hits.count(route, func(c *gateway.RouteCount) { c.Errors, c.LastError = c.Errors+1, text[:min(len(text), mostOfError)] })
	}
}

// RoutesInForce are the routes of the network file in force, with how often they were taken since the start.
func (a *App) RoutesInForce() ([]gateway.RouteView, time.Time) {
	list := a.network.Load().Table.List()
	out := make([]gateway.RouteView, len(list))
	a.hits.mu.Lock()
	defer a.hits.mu.Unlock()
	for i, r := range list {
		v := gateway.RouteView{Name: r.Name, Collection: r.Collection, On: []string{}, At: r.At, When: r.When, Does: r.Does(),
			Indexed: len(r.Index) > 0, Index: r.Index, WhyNot: r.WhyNot}
		for _, ev := range r.On {
			v.On = append(v.On, string(ev))
		}
		if v.At == nil {
			v.At = []request.Site{}
		}
		if r.Schedule != nil {
			v.Schedule = r.Schedule.String()
		}
		if c := a.hits.of[r.Name]; c != nil {
			v.RouteCount = *c
		}
		out[i] = v
	}
	return out, a.hits.since
}

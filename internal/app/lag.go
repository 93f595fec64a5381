package app

import (
	"slices"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/replicate"
	"github.com/meridian-gateway/meridian/request"
)

// lagKept is how many of the last confirmations of each destination percentiles are taken of.
const lagKept = 1024

// lags remembers how long the last deliveries to each site took, for health; it passes everything on to the metrics.
type lags struct {
	*gateway.Metrics
	hits  *hits
	feed  *gateway.Feed
	self  request.Site
	mu    sync.Mutex
	sites map[request.Site]*lagRing
}

type lagRing struct {
	last [lagKept]time.Duration
	n    int
	// first and latest bound the time in which they were confirmed, for the rate.
	at [lagKept]time.Time
}

// Followed tells those who watch.
func (l *lags) Followed(h replicate.Happened) {
	if l.feed.Listeners() == 0 {
		return
	}
	a := gateway.Activity{At: h.At, Kind: h.What, Request: h.Request, Collection: h.Collection, Site: l.self, From: h.From, To: h.To, Route: h.Route,
		Seconds: h.Took, Note: h.Note}
	if !h.Version.IsZero() {
		a.Version = h.Version.String()
	}
	l.feed.Activity(a)
}

// Delivered notes one confirmation.
func (l *lags) Delivered(site request.Site, lag time.Duration) {
	l.Metrics.Delivered(site, lag)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sites == nil {
		l.sites = make(map[request.Site]*lagRing)
	}
	r := l.sites[site]
	if r == nil {
		r = &lagRing{}
		l.sites[site] = r
	}
	r.last[r.n%lagKept], r.at[r.n%lagKept] = lag, time.Now()
	r.n++
}

// delivered is how many deliveries a site has confirmed since the start.
func (l *lags) delivered(site request.Site) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.sites[site]; r != nil {
		return r.n
	}
	return 0
}

// of gives the percentiles and how many confirmations a second the last minute had.
func (l *lags) of(site request.Site) (lag gateway.Lag, perSecond float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.sites[site]
	if r == nil {
		return lag, 0
	}
	n := min(r.n, lagKept)
	sorted := slices.Clone(r.last[:n])
	slices.Sort(sorted)
	lag.P50, lag.P99 = sorted[n/2].Seconds(), sorted[min(n*99/100, n-1)].Seconds()
	recent, oldest := 0, time.Now()
	for _, at := range r.at[:n] {
		if time.Since(at) < time.Minute {
			recent++
			if at.Before(oldest) {
				oldest = at
			}
		}
	}
	if recent > 1 {
		perSecond = float64(recent) / max(time.Since(oldest).Seconds(), 0.001)
	}
	return lag, perSecond
}

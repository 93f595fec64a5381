package gateway

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// ClientLimit bounds the intercepted writes of one client, so that one cannot use up what all share. A client is an address
// with its credentials.
type ClientLimit struct {
	// Parallel is how many may be under way at once (default 256), Rate how many may begin in a second (0: any number), Burst how
	// many of those at once (default Rate).
	Parallel int
	Rate     float64
	Burst    int
}

// maxClients is how many clients are remembered; idle ones are forgotten first.
const maxClients = 10_000

type clients struct {
	ClientLimit
	mu   sync.Mutex
	list map[string]*client
}

type client struct {
	busy int
	rate *rate.Limiter
	last time.Time
}

func newClients(l ClientLimit) *clients {
	if l.Parallel == 0 {
		l.Parallel = 256
	}
	if l.Burst == 0 {
		l.Burst = max(1, int(l.Rate))
	}
	return &clients{ClientLimit: l, list: make(map[string]*client)}
}

// clientOf names the client of a call. Credentials are only ever kept as a hash.
func clientOf(r *http.Request) string {
	ip := remoteIP(r.RemoteAddr)
	if a := r.Header["Authorization"]; len(a) > 0 {
		return ip + " " + sum(a...)[:16]
	}
	return ip
}

// enter lets a call of a client begin; false when the client has too many. leave must be called when it is done.
func (c *clients) enter(name string) (leave func(), ok bool) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.list[name]
	if x == nil {
		if len(c.list) >= maxClients {
			c.forget(now)
		}
		x = &client{}
		if c.Rate > 0 {
			x.rate = rate.NewLimiter(rate.Limit(c.Rate), c.Burst)
		}
		c.list[name] = x
	}
	x.last = now
	if x.busy >= c.Parallel || x.rate != nil && !x.rate.AllowN(now, 1) {
		return nil, false
	}
	x.busy++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		x.busy--
		if x.busy == 0 && x.rate == nil {
			delete(c.list, name)
		}
	}, true
}

// forget drops clients that have nothing under way: those that have not been seen for a minute or, when there are none, those that
// have been idle for longest. One that calls under ever new credentials costs no more memory than this.
func (c *clients) forget(now time.Time) {
	var seen []time.Time
	for name, x := range c.list {
		switch {
		case x.busy > 0:
		case now.Sub(x.last) > time.Minute:
			delete(c.list, name)
		default:
			seen = append(seen, x.last)
		}
	}
	if len(c.list) < maxClients || len(seen) == 0 {
		return
	}
	slices.SortFunc(seen, time.Time.Compare)
	until := seen[len(seen)/4]
	for name, x := range c.list {
		if x.busy == 0 && !x.last.After(until) {
			delete(c.list, name)
		}
	}
}

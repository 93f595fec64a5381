package peer

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	breakerWindow = 30 * time.Second
	breakerBucket = 3 * time.Second
	openFirst     = 2 * time.Second  // from open to half-open
	openMost      = 15 * time.Second // the same, after several failures in a row
)

// verdict is what a call says about its destination.
type verdict int

const (
	neutral verdict = iota // nothing: the caller went away
	good                   // it works, whatever it answered
	bad                    // it does not
)

var (
	errBad     = errors.New("bad")
	errNeutral = errors.New("neutral")
)

// gate is the circuit breaker of one destination. It adds to gobreaker a time to half-open that grows while the destination
// keeps failing. The growth is for traffic: a probe passes whenever gobreaker itself lets it, so that a peer that comes back
// is noticed within the probe interval.
type gate struct {
	cb *gobreaker.TwoStepCircuitBreaker[struct{}]

	mu       sync.Mutex
	since    time.Time // of the state; zero while it was never anything but closed
	until    time.Time // no traffic before, while not closed
	reopened int       // how often a half-open breaker failed in a row
	inflight int       // calls let through while half-open
}

func newGate(name string) *gate {
	g := &gate{}
	g.cb = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: name, MaxRequests: 1, Interval: breakerWindow, BucketPeriod: breakerBucket, Timeout: openFirst,
		ReadyToTrip:   tripped,
		OnStateChange: func(_ string, from, to gobreaker.State) { g.changed(from, to) },
		IsExcluded:    func(err error) bool { return errors.Is(err, errNeutral) },
	})
	return g
}

// tripped: five failures in a row, or more than 60 % of at least 20 calls.
func tripped(c gobreaker.Counts) bool {
	n := c.TotalSuccesses + c.TotalFailures
	return c.ConsecutiveFailures >= 5 || n >= 20 && c.TotalFailures*10 > n*6
}

// changed is called by gobreaker under its own lock: it must not call back.
func (g *gate) changed(from, to gobreaker.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	switch to {
	case gobreaker.StateClosed:
		g.reopened, g.since = 0, now
	case gobreaker.StateOpen:
		// Jitter, so that gateways that lost a peer together do not come back to it together.
		wait := openFirst + rand.N(openFirst/5)
		if from == gobreaker.StateHalfOpen {
			g.reopened++
			wait = min(openFirst<<min(g.reopened, 4), openMost)
			wait -= rand.N(wait / 5)
		} else {
			g.since, g.reopened = now, 0
		}
		g.until = now.Add(wait)
	}
}

// pass asks for leave to call. Done must be called exactly once with what came of it.
func (g *gate) pass(probe bool) (done func(verdict), err error) {
	if !probe && g.held() {
		return nil, gobreaker.ErrOpenState
	}
	report, err := g.cb.Allow()
	if err != nil {
		return nil, err
	}
	// Only one call passes a half-open breaker, so nothing but this call can have changed its state since.
	halfOpen := g.cb.State() == gobreaker.StateHalfOpen
	if halfOpen {
		g.add(1)
	}
	return func(v verdict) {
		if halfOpen {
			g.add(-1)
		}
		switch v {
		case good:
			report(nil)
		case bad:
			report(errBad)
		default:
			report(errNeutral)
		}
	}, nil
}

func (g *gate) add(n int) {
	g.mu.Lock()
	g.inflight += n
	g.mu.Unlock()
}

// held reports whether traffic must still wait although gobreaker would try.
func (g *gate) held() bool {
	if g.cb.State() == gobreaker.StateClosed {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Now().Before(g.until)
}

func (g *gate) ready() bool {
	switch g.cb.State() {
	case gobreaker.StateClosed:
		return true
	case gobreaker.StateOpen:
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inflight == 0 && !time.Now().Before(g.until)
}

// state is the word for health, with the times that go with it.
func (g *gate) state() (word string, since, until time.Time) {
	s := g.cb.State()
	g.mu.Lock()
	defer g.mu.Unlock()
	if s == gobreaker.StateHalfOpen && time.Now().Before(g.until) && g.inflight == 0 {
		s = gobreaker.StateOpen
	}
	return s.String(), g.since, g.until
}

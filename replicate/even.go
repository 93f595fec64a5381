package replicate

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file is about clocks that are set while a gateway runs (protocol 11, row 19). Times in the store are dates, and a date says nothing
// of what passed since once the clock was set: a quiet time would be over that has just begun, or a copy would be due only tomorrow.
// So what was begun before the clock was set counts from then, as after a restart.

// jumpLeast is by how much the date must have moved against what has passed to count as set. Less does no harm: quiet times are longer
// than they need to be by more than that.
const jumpLeast = 500 * time.Millisecond

// even tells since when the clock has run evenly.
type even struct {
	mu          sync.Mutex
	seen, since time.Time
}

// look compares the date of now with what passed since the last look, and returns since when they agree. The first look is at start.
func (e *even) look(start, now time.Time) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen.IsZero() {
		e.seen, e.since = start, start
	}
	moved := now.Round(0).Sub(e.seen.Round(0)) - now.Sub(e.seen)
	if moved > jumpLeast || moved < -jumpLeast {
		e.since = now
	}
	e.seen = now
	return e.since
}

// evenSince is when the clock was set for the last time, or when the engine was made.
func (g *Engine) evenSince() time.Time { return g.even.look(g.started, g.now()) }

// quieted reports whether a quiet time that was to end at a date is over.
func (g *Engine) quieted(until time.Time) bool {
	least := g.evenSince().Add(g.quiet())
	if now := g.now(); until.Before(least) || until.After(now.Add(g.quiet()+time.Minute)) {
		until = least // the date is from before the clock was set
	}
	return g.now().After(until)
}

// undue makes deliveries due that wait for a date which the clock, having been set back, comes to only much later. No delivery waits
// longer than its backoff, but for those that are held. It looks once after the start and whenever the clock was set.
func (g *Engine) undue(ctx context.Context, done time.Time) time.Time {
	since := g.evenSince()
	if since.Equal(done) {
		return done
	}
	for _, site := range g.otherSites() {
		for _, state := range []request.State{request.Pending, request.Waiting} {
			if err := g.undueTo(ctx, store.Filter{Site: site, State: state}); err != nil {
				if ctx.Err() == nil {
					g.Log.Warn("looking for deliveries that are due too late", zap.String("destination", string(site)), logError(err))
				}
				return done // the next sweep looks again
			}
		}
	}
	return since
}

func (g *Engine) undueTo(ctx context.Context, f store.Filter) error {
	for {
		list, next, err := g.Queue.Deliveries(ctx, f)
		if err != nil {
			return storeError("replicate.undue", "", err)
		}
		now := g.now().Round(0) // dates are compared, as the store does, which may still know what passed
		var back []store.Settlement
		for _, d := range list {
			if d.Cause != store.Held && d.Due.Round(0).After(now.Add(2*backoffMost)) {
				back = append(back, store.Settlement{Request: d.Request, Site: d.Site, Token: store.Operator, Owed: d.Owed, State: request.Pending,
					Due: now, Now: now, Attempts: d.Attempts})
			}
		}
		if err := g.Queue.Settle(ctx, back); err != nil {
			return storeError("replicate.undue", "", err)
		}
		if len(back) > 0 {
			g.nudge(f.Site)
		}
		if next == "" {
			return nil
		}
		f.After = next
	}
}

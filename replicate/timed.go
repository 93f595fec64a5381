package replicate

import (
	"context"
	"errors"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
)

// Timed decides what one route with a schedule does with one request.
type Timed interface {
	DecideRoute(name string, in routing.Input) routing.Decision
}

// RunRoute runs a scheduled route over all requests that this site owns, and returns of how many it caused anything. Running it twice
// for one time is harmless: what it moved is somewhere else. With dry nothing is done: it only counts.
func (g *Engine) RunRoute(ctx context.Context, t Timed, name string, dry bool) (n int, err error) {
	after := request.ID("")
	for {
		recs, err := g.Ledger.Entries(ctx, after, 256)
		if err != nil {
			return n, storeError("replicate.Entries", "", err)
		}
		for _, rec := range recs {
			after = rec.Entry.ID
			if rec.Entry.Role != request.Owner || !g.would(t, name, rec).any() {
				continue
			}
			if !dry {
				done, err := g.runRoute(ctx, t, name, rec.Entry.ID)
				if err != nil {
					return n, err
				}
				if !done {
					continue
				}
			}
			n++
		}
		if len(recs) < 256 {
			return n, nil
		}
	}
}

func (o outcome) any() bool { return o.plan != nil || len(o.debts) > 0 }

// would is what a scheduled route would do with a request.
func (g *Engine) would(t Timed, name string, rec store.Record) outcome {
	e := rec.Entry
	out := g.weighed(t.DecideRoute(name, routing.Input{Collection: e.Collection, Site: g.Self, Owner: g.Self, Origin: e.Origin,
		EnteredBy: e.EnteredBy, New: e.Fields, Now: g.now()}), e, rec.Holders)
	if p := out.plan; p != nil && e.Plan != nil && e.Plan.To == p.To && e.Plan.Mode == p.Mode && !e.Plan.Parked {
		out.plan = nil // it is on its way
	}
	// Those who have it on the same terms need not be told again.
	news := out.debts[:0]
	for _, d := range out.debts {
		have := false
		for _, h := range rec.Holders {
			have = have || h.Site == d.Site && h.Terms == d.Terms
		}
		if !have {
			news = append(news, d)
		}
	}
	out.debts = news
	return out
}

// runRoute does to one request what a scheduled route says, in its lane. A request in the middle of something is left to the next run.
func (g *Engine) runRoute(ctx context.Context, t Timed, name string, id request.ID) (bool, error) {
	rec, leave, err := g.resting(ctx, id)
	if err != nil {
		if storeAway(err) || ctx.Err() != nil {
			return false, err
		}
		return false, nil
	}
	defer leave()
	if rec.Entry.Role != request.Owner {
		return false, nil
	}
	out := g.would(t, name, rec)
	if !out.any() {
		return false, nil
	}
	plan := out.plan
	if plan == nil {
		plan = rec.Entry.Plan
	}
	var ev Event = Planned{Plan: plan, Owe: g.extend(nil, out.debts), Fresh: out.plan != nil, Now: g.now()}
	for _, d := range out.debts {
		if d.Mode == request.Remove { // who holds it under other terms must hear of it as of something new
			ev = Seen{Fields: rec.Entry.Fields, ETag: rec.Entry.ETag, Owe: g.behind(rec.Holders, out.debts, false), Plan: plan, Now: g.now()}
			break
		}
	}
	if _, err := g.step(ctx, rec, ev); err != nil && !errors.Is(err, store.ErrConflict) {
		return false, err
	}
	g.hit([]string{name})
	return true, nil
}

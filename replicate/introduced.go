package replicate

import (
	"context"
	"errors"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// lived reports whether the store is known to be complete. One that is fresh may have taken the place of one that was lost.
func (g *Engine) lived(ctx context.Context) bool {
	if g.Lives == nil {
		return true
	}
	r := &g.rejoin
	r.mu.Lock()
	lived := r.lived
	r.mu.Unlock()
	if lived {
		return true
	}
	l, err := g.Lives.Life(ctx) // it may be so since a moment
	return err == nil && l.State == store.Lived
}

// introduced is nil when this site may act on the word of another: its store is complete, or new and the other site was asked what it
// knows. Before that, what this site does not know it may have forgotten: it would make a second record of a copy that it has, or say
// of a write that it made that it did not happen. Who calls can be asked, and is, at once.
func (g *Engine) introduced(ctx context.Context, to request.Site) error {
	if g.lived(ctx) {
		return nil
	}
	lost := false
	l, err := g.Lives.Life(ctx)
	if err == nil && l.State == store.Fresh && !g.gate.shut.Load() {
		g.enterLife(l)
		if lost, err = g.hear(peer.Answering(ctx), to, l); err == nil && !lost {
			return nil
		}
	}
	detail := "the store of " + string(g.Self) + " is new, and what " + string(to) + " knows of it has not been heard yet"
	if err != nil {
		detail += ": " + err.Error()
	}
	return &request.Error{Op: "replicate.introduced", Kind: request.Rejoining, Retry: time.Second, Detail: detail}
}

// hear asks a site, once in a life, what it knows of this one; lost says that it knows something that the new store does not, and shuts
// the gate.
func (g *Engine) hear(ctx context.Context, site request.Site, l store.Life) (lost bool, err error) {
	g.rejoin.hearing.Lock()
	defer g.rejoin.hearing.Unlock()
	g.rejoin.mu.Lock()
	known := g.rejoin.known[site]
	g.rejoin.mu.Unlock()
	if known {
		return false, nil
	}
	lost, err = g.forgotten(ctx, site, l)
	if err != nil {
		return false, err
	}
	if lost {
		if !g.gate.shut.Swap(true) {
			g.Log.Warn("the store is new, and another site knows requests of this one: it was lost, and is rebuilt", zap.String("source", string(site)))
		}
		return true, nil
	}
	g.rejoin.mu.Lock()
	defer g.rejoin.mu.Unlock()
	if g.rejoin.life == l.ID {
		g.rejoin.known[site] = true
	}
	return false, nil
}

// formerCalls bounds how long a new store waits for calls of an earlier gateway. A store is not made anew in the very moment in which the
// gateway before it dies, and a new network is not to be kept waiting.
const formerCalls = 5 * time.Second

// formerly reports whether a request is older than this site's store, so that an earlier one may have known it. If calls of that time
// may still be under way, the error says so. The clocks are those of two sites: where they differ, a request that is younger is looked for in
// vain, or one that is little older is not looked for, and then what the sites tell each other must do.
func (g *Engine) formerly(id request.ID) (bool, error) {
	g.rejoin.mu.Lock()
	began := g.rejoin.began
	g.rejoin.mu.Unlock()
	if began.IsZero() || !id.Time().Before(began) {
		return false, nil
	}
	settle := min(g.settleTime(), formerCalls)
	if left := began.Add(settle).Sub(g.now()); left > 0 && left <= settle {
		return true, &request.Error{Op: "replicate.formerly", Kind: request.Unavailable, Request: id, Retry: left,
			Detail: "the request is older than the store of this site: calls of an earlier gateway may still be under way"}
	}
	return true, nil
}

// The records that are looked at to find out whether a new store has taken the place of one that nobody else knew: those that changed in
// the last day, and not more than a few pages of them.
const (
	formerDays    = 24 * time.Hour
	formerRecords = 2000
)

// errFormer ends the search: there was an earlier store.
var errFormer = errors.New("a record is marked")

// orphaned reports whether this site's own records carry marks of requests that its new store does not know and that are older than it:
// then it had another one, of which perhaps no other site has heard. An API that cannot be listed tells nothing.
func (g *Engine) orphaned(ctx context.Context, began time.Time) (bool, error) {
	if began.IsZero() {
		return false, nil
	}
	for _, name := range g.set().Profile.Order() {
		c := g.set().Profile.Collections[name]
		if c.Parent() != "" || !canList(c) {
			continue
		}
		seen := 0
		err := g.walk(ctx, c, began.Add(-formerDays), func(page []profile.Listed, _ int) error {
			for _, l := range page {
				if err := g.unmarked(ctx, c, l, began); err != nil {
					return err
				}
			}
			if seen += len(page); seen >= formerRecords {
				return io.EOF
			}
			return nil
		})
		switch {
		case errors.Is(err, errFormer):
			return true, nil
		case err == nil, errors.Is(err, io.EOF):
		case ctx.Err() != nil, request.KindOf(err) == request.NotSent, storeAway(err):
			return false, err
		default:
			g.Log.Debug("looking for marks of an earlier store", zap.String("collection", name), zap.Error(err))
		}
	}
	return false, nil
}

// unmarked is errFormer for a record that an earlier gateway of this site has marked.
func (g *Engine) unmarked(ctx context.Context, c *profile.Collection, l profile.Listed, began time.Time) error {
	m, ok := c.Stamp(l.Record)
	if !ok || m.Request == "" || c.Deleted(l.Record) || !m.Request.Time().Before(began) {
		return nil
	}
	_, err := g.Ledger.Read(ctx, m.Request)
	if errors.Is(err, store.ErrNotFound) {
		return errFormer
	}
	return storeError("replicate.introduce", m.Request, err)
}

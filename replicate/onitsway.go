package replicate

import (
	"context"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// onItsWay reads a request that another site knows. One that is owed to this site and has not come yet is waited for, for a while: who
// was told that there is no such request would take it for gone.
func (g *Engine) onItsWay(ctx context.Context, id request.ID) (store.Record, error) {
	until := g.now().Add(g.Hold)
	due := false
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		rec, err := g.Ledger.Read(ctx, id)
		if err = storeError("replicate.Read", id, err); err == nil || request.KindOf(err) != request.NotFound {
			return rec, err
		}
		if !due {
			var unclear error
			if due, unclear = g.owedHere(ctx, id); unclear != nil {
				return rec, &request.Error{Op: "replicate.locate", Kind: request.OwnerUnreachable, Request: id, Err: unclear, Retry: 5 * time.Second,
					Detail: "whether the request is to come to " + string(g.Self) + " cannot be found out now"}
			} else if !due {
				return rec, err
			}
		}
		select {
		case <-g.Clock.After(pause):
		case <-ctx.Done():
		}
		if g.now().After(until) || ctx.Err() != nil {
			return rec, &request.Error{Op: "replicate.locate", Kind: request.NotYet, Request: id, Retry: time.Second,
				Detail: "the request is on its way to " + string(g.Self) + " and has not come yet; nothing was done, repeat the call in a moment"}
		}
	}
}

// owedHere asks the other sites, of which one owns the request, whether this one is to hold it. Unclear is why that is not known: the
// owner does not say, or nobody says that he is, and not all could be asked.
func (g *Engine) owedHere(ctx context.Context, id request.ID) (due bool, unclear error) {
	for _, site := range g.otherSites() {
		holders, err := g.Peers.Holders(ctx, site, id, request.Version{})
		if err == nil {
			return slices.ContainsFunc(holders, func(d request.Delivery) bool { return d.Site == g.Self && d.Linked() }), nil
		}
		switch request.KindOf(err) {
		case request.NotFound, request.NotYet, request.Gone: // it is not the owner, or has none any more
		default:
			unclear = err
		}
	}
	return false, unclear
}

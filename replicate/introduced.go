package replicate

import (
	"context"
	"time"

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
	known, lived := r.life != "", r.lived
	r.mu.Unlock()
	if known {
		return lived
	}
	l, err := g.Lives.Life(ctx) // before the first look, when peers are served already
	return err == nil && l.State == store.Lived
}

// introduced is nil when this site may act on the word of another: its store is complete, or new and the other site was asked what it
// knows. Before that, what this site does not know it may have forgotten: it would make a second record of a copy that it has, or say
// of a write that it made that it did not happen. Who calls can be asked, so this does not last.
func (g *Engine) introduced(ctx context.Context, to request.Site) error {
	if g.lived(ctx) {
		return nil
	}
	g.rejoin.mu.Lock()
	known := g.rejoin.known[to]
	g.rejoin.mu.Unlock()
	if known {
		return nil
	}
	return &request.Error{Op: "replicate.introduced", Kind: request.Rejoining, Retry: time.Second,
		Detail: "the store of " + string(g.Self) + " is new, and what " + string(to) + " knows of it has not been heard yet"}
}

package replicate

import (
	"context"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// births are the records that this process is just making in the upstream: from before the call until their local id is in the
// ledger. In between a record can be seen, and written to, that the ledger does not know yet.
type births struct {
	mu sync.Mutex
	m  map[chan struct{}]struct{}
}

// begin notes one; what it returns ends it.
func (b *births) begin() (end func()) {
	done := make(chan struct{})
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = make(map[chan struct{}]struct{})
	}
	b.m[done] = struct{}{}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.m, done)
		close(done)
	}
}

// wait returns when all that were under way at the call have ended, or ctx has.
func (b *births) wait(ctx context.Context) {
	b.mu.Lock()
	open := make([]chan struct{}, 0, len(b.m))
	for done := range b.m {
		open = append(open, done)
	}
	b.mu.Unlock()
	for _, done := range open {
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// awaitBirths returns when all records of a collection that the gateways of this site were just making have ended, or ctx has. Those of
// other gateways are seen by their open writes.
func (g *Engine) awaitBirths(ctx context.Context, collection string) {
	g.births.wait(ctx)
	if !g.Shared {
		return
	}
	for after := request.ID(""); ; {
		ids, err := g.Ledger.Intents(ctx, after, 256)
		if err != nil || len(ids) == 0 {
			return
		}
		for _, id := range ids {
			g.awaitBirth(ctx, id, collection)
		}
		after = ids[len(ids)-1]
	}
}

// awaitBirth waits while another gateway is making the record of a request.
func (g *Engine) awaitBirth(ctx context.Context, id request.ID, collection string) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		rec, err := g.Ledger.Read(ctx, id)
		in := rec.Entry.Intent
		if err != nil || in == nil || rec.Entry.Collection != collection || rec.Entry.Local != "" || rec.Entry.Doubt != nil || in.Replica == g.me() {
			return
		}
		select {
		case <-g.Clock.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

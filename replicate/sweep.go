package replicate

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/request"
)

// sweepEvery is how often intents left behind are looked at. Those of a crash are looked at when the engine starts.
const (
	sweepEvery    = 2 * time.Second
	sweepParallel = 8
)

// sweep is the background loop that resolves what was left open, and repairs copies under suspicion.
func (g *Engine) sweep(ctx context.Context) {
	for {
		if err := g.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			g.Log.Warn("looking for open writes", zap.Error(err))
		}
		select {
		case <-g.Clock.After(sweepEvery):
		case <-ctx.Done():
			return
		}
	}
}

// sweepOnce tries once to resolve every open intent of which nobody is in the lane.
func (g *Engine) sweepOnce(ctx context.Context) error {
	var open atomic.Int64
	after := request.ID("")
	for {
		ids, err := g.Ledger.Intents(ctx, after, 256)
		if err != nil {
			return storeError("replicate.Intents", "", err)
		}
		var page sync.WaitGroup
		slots := make(chan struct{}, sweepParallel)
		for _, id := range ids {
			slots <- struct{}{}
			page.Go(func() {
				defer func() { <-slots }()
				if g.sweepRequest(ctx, id) {
					open.Add(1)
				}
			})
		}
		page.Wait()
		if len(ids) < 256 {
			g.doubts.Store(open.Load())
			return nil
		}
		after = ids[len(ids)-1]
	}
}

// sweepRequest tries to resolve one; it reports whether its end is still unknown. One in work is none of the sweep's business.
func (g *Engine) sweepRequest(ctx context.Context, id request.ID) (open bool) {
	if g.moves.waits(id, g.now()) {
		return false
	}
	open, idle := g.sweepWrite(ctx, id)
	if idle {
		g.move(ctx, id)
	}
	return open
}

// sweepWrite resolves the open write of a request. Idle says that there is none, so that its hand-over can go on.
func (g *Engine) sweepWrite(ctx context.Context, id request.ID) (open, idle bool) {
	leave, ok := g.lanes.try(string(id))
	if !ok {
		return false, false
	}
	defer leave()
	rec, err := g.Ledger.Read(ctx, id)
	if err != nil {
		return false, false
	}
	e := rec.Entry
	c := g.Profile.Collections[e.Collection]
	if e.Intent == nil {
		if n := len(e.Suspect); n > 0 && c != nil && g.now().After(e.Suspect[n-1].Until) {
			if err := g.repair(ctx, rec, c); err != nil {
				g.Log.Debug("repairing a copy under suspicion", append(logRequest(e), zap.Error(err))...)
			}
		}
		return false, true
	}
	if e.Doubt != nil {
		return true, false
	}
	if !g.mayResolve(e.Intent) {
		return false, false
	}
	after, err := g.look(ctx, rec, c, false)
	if err != nil || after.Entry.Intent != nil {
		return true, false
	}
	g.Log.Info("an open write was resolved", append(logRequest(after.Entry), zap.String("kind", string(e.Intent.Kind)),
		zap.Bool("done", after.Entry.Version == e.Intent.Version))...)
	return false, true
}

// logRequest are the fields that name a request in a log line; never its field values.
func logRequest(e request.Entry) []zap.Field {
	return []zap.Field{zap.String("request", string(e.ID)), zap.String("collection", e.Collection),
		zap.String("version", e.Version.Mark()), zap.String("owner", string(e.Owner)), zap.String("local", e.Local)}
}

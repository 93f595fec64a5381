package replicate

import (
	"context"
	"sync"
)

// Start begins the background work: the sweep, which first resolves what a crash left behind, and a worker for each other
// site. A write of a request that the sweep has not come to yet resolves that request itself.
func (g *Engine) Start(ctx context.Context) {
	ctx, g.stop = context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	if g.Lives != nil {
		// Once before anybody is served: a site that lost its store and was restarted must not take its own requests for new ones.
		fctx, done := context.WithTimeout(ctx, introducing)
		if err := g.complete(fctx); err != nil {
			g.Log.Debug("the store is not complete", logError(err))
		}
		done()
		running.Go(func() { g.lifeLoop(ctx) })
	}
	running.Go(func() { g.sweep(ctx) })
	running.Go(func() { g.mover(ctx) })
	running.Go(func() { g.runTasks(ctx) })
	if g.Debts != nil {
		running.Go(func() { g.settleLoop(ctx) })
	}
	running.Go(func() { g.crew.work(ctx) })
	go func() { running.Wait(); close(g.done) }()
}

// Stop ends the background work and waits for what is under way, at most until ctx ends. Calling it twice, or without Start, is
// harmless.
func (g *Engine) Stop(ctx context.Context) error {
	if g.stop == nil {
		return nil
	}
	g.stop()
	select {
	case <-g.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

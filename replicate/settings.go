package replicate

import (
	"context"
	"slices"
	"sync"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Settings are what of an engine changes with the network file while it runs. What has begun may end by the old ones.
type Settings struct {
	Sites   []request.Site // all of the network
	Profile *profile.Profile
	Routes  Router
	Pools   map[string]Pool
	// Writes, OnDelete and Drift are as in Options.
	Writes, OnDelete, Drift string
	// Gone are sites that were of the network and will not come back: nothing is owed to them any more.
	Gone []request.Site
}

func (g *Engine) set() *Settings { return g.setting.Load() }

// Set replaces the settings, all at once: for writes, deliveries and looks that begin from now on. Sites that are new get their
// deliveries from now on, those that are no longer there get none.
func (g *Engine) Set(s Settings) {
	was := g.setting.Swap(&s)
	g.pools.set(s.Pools)
	g.crew.man(g, s.Sites)
	if was.Profile != s.Profile {
		select {
		case g.crew.profiled <- struct{}{}:
		default: // there is a word already
		}
	}
}

// SetRoutes replaces the routes alone.
func (g *Engine) SetRoutes(r Router) {
	s := *g.set()
	s.Routes = r
	g.Set(s)
}

// otherSites are all but this one.
func (g *Engine) otherSites() []request.Site {
	return slices.DeleteFunc(slices.Clone(g.set().Sites), func(s request.Site) bool { return s == g.Self })
}

// present are the debts to sites that are not gone.
func (g *Engine) present(owe []request.Debt) []request.Debt {
	gone := g.set().Gone
	if len(gone) == 0 || len(owe) == 0 {
		return owe
	}
	return slices.DeleteFunc(slices.Clone(owe), func(d request.Debt) bool { return slices.Contains(gone, d.Site) })
}

// crew are the workers, one for each other site. The zero value has none.
type crew struct {
	// profiled has a word when there is another profile.
	profiled chan struct{}

	mu      sync.Mutex
	workers map[request.Site]*manned
	ctx     context.Context //nolint:containedctx // that of the engine while it works; nil before and after
	running sync.WaitGroup
}

// manned is a worker with what ends it.
type manned struct {
	*worker
	end context.CancelFunc
}

func (c *crew) worker(site request.Site) *worker {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.workers[site]; m != nil {
		return m.worker
	}
	return nil
}

// man lets there be a worker for each site but that of the engine itself, and none for others.
func (c *crew) man(g *Engine, sites []request.Site) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.workers == nil {
		c.workers, c.profiled = make(map[request.Site]*manned), make(chan struct{}, 1)
	}
	for site, m := range c.workers {
		if !slices.Contains(sites, site) {
			if m.end != nil {
				m.end()
			}
			delete(c.workers, site)
		}
	}
	for _, site := range sites {
		if site != g.Self && c.workers[site] == nil {
			m := &manned{worker: newWorker(g, site)}
			c.workers[site] = m
			c.start(m)
		}
	}
}

// start has a worker work, if it is the time for that. The lock is held.
func (c *crew) start(m *manned) {
	if c.ctx == nil {
		return
	}
	ctx, end := context.WithCancel(c.ctx)
	m.end = end
	c.running.Go(func() { m.run(ctx) })
}

// work has all work, those that come later too, until ctx ends and they have ended.
func (c *crew) work(ctx context.Context) {
	c.mu.Lock()
	c.ctx = ctx
	for _, m := range c.workers {
		c.start(m)
	}
	c.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	c.ctx = nil // none is begun any more
	c.mu.Unlock()
	c.running.Wait()
}

// watchAgain looks for changes until ctx ends, anew with each profile that is set.
func (g *Engine) watchAgain(ctx context.Context) {
	for ctx.Err() == nil {
		round, end := context.WithCancel(ctx)
		profile := g.set().Profile
		var running sync.WaitGroup
		running.Go(func() { g.watchAll(round) })
		for ctx.Err() == nil && g.set().Profile == profile {
			select {
			case <-g.crew.profiled:
			case <-ctx.Done():
			}
		}
		end()
		running.Wait()
		g.tasks.clearWatches()
	}
}

// Ties is what still binds this site to another one.
type Ties struct {
	// Owned are requests that the other site owns as far as known here, Owed deliveries that it has not confirmed, Moving hand-overs to or
	// from it that are planned or under way.
	Owned, Owed, Moving int
	// First is one such request.
	First request.ID
}

// None tells that nothing binds.
func (t Ties) None() bool { return t.Owned+t.Owed+t.Moving == 0 }

// TiesTo looks through the ledger for what binds this site to some others. It takes as long as reading the whole ledger.
func (g *Engine) TiesTo(ctx context.Context, sites []request.Site) (map[request.Site]Ties, error) {
	out := make(map[request.Site]Ties, len(sites))
	err := g.eachEntry(ctx, func(rec store.Record) error {
		for _, site := range sites {
			t := out[site]
			if before := t; tie(&t, &rec, site) && before.None() {
				t.First = rec.Entry.ID
			}
			out[site] = t
		}
		return nil
	})
	return out, err
}

// tie adds what one record binds to a site.
func tie(t *Ties, rec *store.Record, site request.Site) bool {
	e, before := &rec.Entry, *t
	if e.Role == request.Tombstone && e.Owner == site {
		return false // deleted, and known here
	}
	if e.Owner == site {
		t.Owned++
	}
	if e.Wanted() == site || e.Role == request.Granting && e.Grant != nil && e.Grant.To == site {
		t.Moving++
	}
	for _, d := range rec.Holders {
		if d.Site == site && d.Linked() && d.State != request.Delivered && d.State != request.Superseded && d.State != request.Cancelled {
			t.Owed++
		}
	}
	return *t != before
}

// Forget cancels what is owed to sites that are gone, and returns how much that was.
func (g *Engine) Forget(ctx context.Context, sites []request.Site) (n int, err error) {
	err = g.eachEntry(ctx, func(rec store.Record) error {
		var list []store.Settlement
		for _, d := range rec.Holders {
			if slices.Contains(sites, d.Site) && d.State != request.Delivered && d.State != request.Cancelled {
				list = append(list, store.Settlement{Request: rec.Entry.ID, Site: d.Site, Token: store.Operator, Owed: d.Owed, State: request.Cancelled, Now: g.now(),
					Cause: "the site is gone", Attempts: d.Attempts})
			}
		}
		if n += len(list); len(list) == 0 {
			return nil
		}
		return storeError("replicate.Forget", rec.Entry.ID, g.Queue.Settle(ctx, list))
	})
	return n, err
}

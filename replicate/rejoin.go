package replicate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Rejoining (protocol 7.2): a site whose store was lost asks every other site what it knows of its requests, looks through its own
// request API for what carries their marks, and only then believes anything again. DESIGN.md says why each step is there.

const (
	lifeEvery = 300 * time.Millisecond
	// rejoinClaim is how long one gateway of the site is believed to be at it, introducing how long another site is given to answer.
	rejoinClaim = time.Minute
	introducing = 2 * time.Second
	// rejoinNotes bounds what is kept of what could not be settled, viewsScan how many entries are looked at for one page of views.
	rejoinNotes = 20
	viewsScan   = 2000
)

// rejoin is this process's part in it.
type rejoin struct {
	hearing sync.Mutex // held while a site is asked whether it knows this one
	mu      sync.Mutex
	life    string    // the life that is being completed
	since   time.Time // when that began here
	lived   bool      // it is complete
	began   time.Time // zero where the store does not tell
	listed  string    // the life in which this site's own records were looked through: what it knows can be told
	known   map[request.Site]bool
	out     request.Rebuilding
	buried  int // requests whose records were gone
	without map[request.Site]bool
	// lives are those of other sites, as they last said; what was heard from a former one is void.
	lives map[request.Site]string
}

// lifeLoop sees to it that the store is complete, now and after each loss.
func (g *Engine) lifeLoop(ctx context.Context) {
	for ctx.Err() == nil {
		if err := g.complete(ctx); err != nil && ctx.Err() == nil {
			g.Log.Debug("the store is not complete", logError(err))
		}
		g.nap(ctx, lifeEvery)
	}
}

// complete does what the state of the store asks for.
func (g *Engine) complete(ctx context.Context) error {
	l, err := g.Lives.Life(ctx)
	if err != nil {
		if request.KindOf(err) == request.Rejoining {
			g.phase("what the store lost is being put back from the gateways' journals")
		}
		return err
	}
	g.enterLife(l)
	g.rejoin.mu.Lock()
	g.rejoin.lived = l.State == store.Lived
	g.rejoin.mu.Unlock()
	switch l.State {
	case store.Fresh:
		return g.introduce(ctx, l)
	case store.Rebuilt:
		g.gate.shut.Store(true)
		return g.rebuild(store.Rebuilding(ctx), l)
	}
	if g.gate.shut.Swap(false) {
		g.Log.Info("the store is complete again")
		g.wakeAll()
	}
	g.phase("")
	return nil
}

// enterLife begins anew what is known only of one life.
func (g *Engine) enterLife(l store.Life) {
	r := &g.rejoin
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life == l.ID {
		return
	}
	r.life, r.since, r.began, r.known = l.ID, g.now(), l.Began(), make(map[request.Site]bool)
	r.out.Done, r.out.Open, r.out.Orphans, r.out.Notes, r.out.Waiting, r.buried = 0, 0, 0, nil, nil, 0
	g.tasks.forgetSalt()
}

func (g *Engine) phase(phase string) {
	g.rejoin.mu.Lock()
	defer g.rejoin.mu.Unlock()
	g.rejoin.out.Phase = phase
	if phase == "" {
		g.rejoin.out.Waiting = nil
	}
}

// Rebuilding tells how the rebuilding of a lost store stands.
func (g *Engine) Rebuilding() request.Rebuilding {
	r := &g.rejoin
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.out
	out.Waiting, out.Notes = maps.Clone(out.Waiting), slices.Clone(out.Notes)
	out.Without = slices.Sorted(maps.Keys(r.without))
	return out
}

// GiveUp is an operator's word that a site will not be heard any more: the store is completed without it. What that site alone knew of
// this one's requests is not learned; where it owned them, they may get a second owner when it comes back.
func (g *Engine) GiveUp(site request.Site) error {
	if site == g.Self || !slices.Contains(g.set().Sites, site) {
		return &request.Error{Op: "replicate.GiveUp", Kind: request.Invalid, Detail: "there is no other site " + string(site)}
	}
	r := &g.rejoin
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.without == nil {
		r.without = make(map[request.Site]bool)
	}
	r.without[site] = true
	return nil
}

// asked are the sites whose word counts.
func (g *Engine) asked() []request.Site {
	g.rejoin.mu.Lock()
	defer g.rejoin.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(g.set().Sites), func(s request.Site) bool { return s == g.Self || g.rejoin.without[s] })
}

// wait notes why a site could not be asked; nil when it could.
func (g *Engine) wait(site request.Site, err error) {
	r := &g.rejoin
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.out.Waiting, site)
		return
	}
	if r.out.Waiting == nil {
		r.out.Waiting = make(map[request.Site]string)
	}
	r.out.Waiting[site] = err.Error()
}

// introduce asks the other sites whether they know a site whose store is new. When none does it is new; when one does, its store
// was lost. Until they have answered it serves clients: a new network starts one gateway at a time.
func (g *Engine) introduce(ctx context.Context, l store.Life) error {
	if g.gate.shut.Load() { // it is known by now that it was lost
		return g.rebuild(store.Rebuilding(ctx), l)
	}
	var failed error
	for _, site := range g.asked() {
		lost, err := g.hear(ctx, site, l)
		if err != nil {
			failed = err
			continue
		}
		if lost {
			return g.rebuild(store.Rebuilding(ctx), l)
		}
	}
	if failed != nil {
		return failed
	}
	lost, err := g.orphaned(ctx, l.Began())
	if err != nil {
		return err
	}
	if lost {
		if !g.gate.shut.Swap(true) {
			g.Log.Warn("the store is new, and records of this site are marked as requests that it does not know: it was lost, and is rebuilt")
		}
		return g.rebuild(store.Rebuilding(ctx), l)
	}
	return g.Lives.Resume(ctx, l.ID)
}

// forgotten reports whether another site knows something of this one's requests that this one must have known when it told it, and does
// not know any more: that it owned a request, or which record of its own is that of one.
func (g *Engine) forgotten(ctx context.Context, site request.Site, l store.Life) (bool, error) {
	for ask := (request.RejoinAsk{Life: l.ID}); ; {
		actx, cancel := context.WithTimeout(ctx, introducing)
		v, err := g.Peers.Rejoin(actx, site, ask)
		cancel()
		if err != nil {
			return false, err
		}
		for i := range v.List {
			told := v.List[i].Local != "" || v.List[i].Snapshot.Owner == g.Self
			if !told || v.List[i].Snapshot.Deleted {
				continue
			}
			_, err := g.Ledger.Read(ctx, v.List[i].Snapshot.ID)
			if errors.Is(err, store.ErrNotFound) {
				return true, nil
			}
			if err != nil {
				return false, storeError("replicate.introduce", "", err)
			}
		}
		if ask.After = v.After; ask.After == "" {
			return false, nil
		}
	}
}

// rebuild completes a store, as far as it can be done now; it is called again until it is complete.
func (g *Engine) rebuild(ctx context.Context, l store.Life) error {
	g.rejoin.mu.Lock()
	since := g.rejoin.since
	g.rejoin.mu.Unlock()
	// What was under way when the store was lost may still land in the request API.
	if left := since.Add(g.settleTime()).Sub(g.now()); left > 0 {
		g.phase("waiting for calls that may still be under way to the request API")
		return &request.Error{Op: "replicate.rebuild", Kind: request.Busy, Detail: "another " + left.Round(time.Second).String()}
	}
	release, ok, err := g.claimRebuild(ctx, l)
	if err != nil || !ok {
		g.phase("another gateway of the site rebuilds the store")
		return err
	}
	defer release()
	if err := g.recogniseAll(ctx); err != nil {
		return err
	}
	g.rejoin.mu.Lock()
	g.rejoin.listed = l.ID
	g.rejoin.out.Done, g.rejoin.out.Open, g.rejoin.out.Orphans, g.rejoin.out.Notes = 0, 0, 0, nil
	g.rejoin.mu.Unlock()
	g.phase("asking the other sites")
	if err := g.merge(ctx, l.ID); err != nil {
		return err
	}
	if n := g.Rebuilding(); n.Open > 0 {
		g.phase("some requests cannot be settled yet")
		return &request.Error{Op: "replicate.rebuild", Kind: request.Busy, Detail: "some requests cannot be settled yet"}
	}
	g.Log.Warn("the store was rebuilt", zap.Int("requests", g.Rebuilding().Done))
	return g.Lives.Resume(ctx, l.ID)
}

// settleTime is how long after a loss the request API may still take what was sent to it before.
func (g *Engine) settleTime() time.Duration {
	lag := time.Duration(0)
	for _, c := range g.set().Profile.Collections {
		lag = max(lag, c.SearchLag())
	}
	return g.quiet() + lag
}

// claimRebuild makes this gateway the one of the site that rebuilds.
func (g *Engine) claimRebuild(ctx context.Context, l store.Life) (release func(), ok bool, err error) {
	name := "rebuild/" + l.ID
	claim := func() request.Key {
		return request.Key{Hash: name, Digest: g.me(), Expires: g.now().Add(rejoinClaim)}
	}
	k, fresh, err := g.Notes.Reserve(ctx, claim())
	if err != nil || !fresh && k.Digest != g.me() {
		return nil, false, err
	}
	kctx, stop := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() {
		for kctx.Err() == nil {
			_ = g.Notes.Keep(kctx, claim()) // when it fails the store is away, which the work itself notices
			g.nap(kctx, rejoinClaim/4)
		}
	})
	return func() {
		stop()
		keeping.Wait()
		dctx, cancel := detached(ctx, time.Second)
		defer cancel()
		_ = g.Notes.Release(dctx, name) // it expires
	}, true, nil
}

// recogniseAll looks through this site's own records for those that carry the mark of a request.
func (g *Engine) recogniseAll(ctx context.Context) error {
	for _, name := range g.set().Profile.Order() {
		c := g.set().Profile.Collections[name]
		if c.Parent() != "" || !canList(c) {
			continue
		}
		g.phase("looking through the records of " + name)
		err := g.walk(ctx, c, time.Time{}, func(page []profile.Listed, _ int) error {
			for _, l := range page {
				if err := g.recognise(ctx, c, l); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// recognise takes a record into the ledger that carries the mark of a request: what it says is newer than what the ledger does not
// know, or what it says of an older reign.
func (g *Engine) recognise(ctx context.Context, c *profile.Collection, l profile.Listed) error {
	record := l.Record
	if record == nil {
		var err error
		if record, _, err = g.read(ctx, c, l.Local); err != nil {
			if request.KindOf(err) == request.NotFound {
				return nil
			}
			return err
		}
	}
	m, ok := c.Stamp(record)
	if !ok || m.Request == "" || c.Deleted(record) {
		return nil
	}
	fields, err := c.FromRecord(record)
	if err != nil {
		return nil // somebody else's
	}
	rec, err := g.Ledger.Read(ctx, m.Request)
	now := g.now()
	switch {
	case errors.Is(err, store.ErrNotFound):
		if _, err := g.Ledger.Lookup(ctx, c.Name(), store.Link{Site: g.Self, Local: l.Local}); err == nil {
			return nil
		}
		rec = store.Record{Entry: request.Entry{ID: m.Request, Collection: c.Name(), Role: request.Copy, Created: now}}
	case err != nil:
		return storeError("replicate.Read", m.Request, err)
	case rec.Entry.Collection != c.Name() || rec.Entry.Intent != nil || !m.Version.After(rec.Entry.Version):
		return nil
	case rec.Entry.Local != "" && rec.Entry.Local != l.Local:
		return nil // a second record with one mark is for a person
	}
	e := rec.Entry
	e.Local, e.Fields, e.Updated = l.Local, stateOf(c, e.Fields, fields), now
	if !m.Version.IsZero() {
		e.Version, e.Owner = m.Version, m.Version.Epoch.Site
		if e.Fence.Compare(m.Version.Epoch) < 0 {
			e.Fence = m.Version.Epoch
		}
		// Also where it names this site: that is only a claim until the others have been heard.
		e.Role, e.Grant, e.Plan = request.Copy, nil, nil
	}
	_, err = g.commit(ctx, rec, store.Tx{Entry: e, Link: []store.Link{{Site: g.Self, Local: l.Local}}, Now: now})
	return err
}

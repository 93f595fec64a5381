package replicate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
)

// localOf finds this site's own record of a request: by what the ledger or the others know of its id, or by the mark that it carries.
func (g *Engine) localOf(ctx context.Context, e *request.Entry, c *profile.Collection, w *weighed) (string, error) {
	if e.Local != "" {
		return e.Local, nil
	}
	for i := range w.views {
		if w.views[i].Local != "" {
			return w.views[i].Local, nil
		}
	}
	id := e.ID
	if w.best != nil {
		id = w.best.Snapshot.ID
	}
	call, ok := c.FindCall(id)
	if !ok {
		return "", nil
	}
	ans, err := g.Upstream.Do(ctx, call, true)
	if err != nil {
		return "", &request.Error{Op: "replicate.rebuild", Kind: request.Unavailable, Request: id, Err: err}
	}
	hits, err := c.Found(ans, id)
	if err == nil {
		hits, err = g.verified(ctx, c, id, hits)
	}
	if err != nil || len(hits) == 0 {
		return "", err
	}
	return hits[0].Local, nil
}

// reown makes this site the owner again, in an epoch above all that anybody has seen: what was granted, declined or written in the life
// that is over can then no longer be mistaken for what is now.
func (g *Engine) reown(ctx context.Context, rec store.Record, c *profile.Collection, w *weighed) error {
	e := rec.Entry
	local, err := g.localOf(ctx, &e, c, w)
	if err != nil {
		return err
	}
	if rec.Rev == 0 {
		e = entryOf(w.best.Snapshot)
		e.Created, e.Local, e.Terms = g.now(), "", request.Terms{}
	}
	version := request.Version{Epoch: request.Epoch{Num: w.top.Num + 1, Site: g.Self}}
	if local == "" {
		if _, searched := c.FindCall(e.ID); searched {
			return g.rebury(ctx, rec, c, e, version, w)
		}
		g.orphan(e.ID, "this site owned it, and which record it is nobody knows: the API cannot be searched for it")
		return nil
	}
	record, etag, err := g.read(ctx, c, local)
	if request.KindOf(err) == request.NotFound && err != nil {
		return g.rebury(ctx, rec, c, e, version, w)
	}
	if err != nil {
		return err
	}
	got, err := c.FromRecord(record)
	if err != nil {
		return err
	}
	if err := g.restamp(ctx, c, local, profile.Marks{Request: e.ID, Version: version, Owner: g.Self, State: string(request.Owner)}); err != nil {
		if request.KindOf(err) == request.Doubtful { // it may still land, and is waited for like all that may
			g.rejoin.mu.Lock()
			g.rejoin.since = g.now()
			g.rejoin.mu.Unlock()
		}
		return err
	}
	owe := g.owedBy(rec, w)
	for i := range w.views {
		for _, op := range w.views[i].Snapshot.Ops {
			e.Ops = remember(e.Ops, op)
		}
	}
	now := g.now()
	e.Origin = cmp.Or(e.Origin, g.Self)
	e.Role, e.Owner, e.Version, e.Fence, e.Local = request.Owner, g.Self, version, version.Epoch, local
	e.Fields, e.ETag, e.Grant, e.Terms, e.Updated = stateOf(c, e.Fields, got), etag, nil, request.Terms{}, now
	if e.Children, err = g.withRecords(ctx, &e, c); err != nil {
		return err
	}
	owe = g.wanted(&e, owe, len(w.views) == 0)
	e.Holders = holding(nil, owe)
	_, err = g.commit(ctx, rec, store.Tx{Entry: e, Owe: owe, Link: linksOf(g.Self, &e), Now: now})
	if err == nil {
		g.Log.Info("a request is owned here, in a new epoch", logRequest(e)...)
	}
	return err
}

// owedBy are the holders by the ledger and by what the others say of themselves.
func (g *Engine) owedBy(rec store.Record, w *weighed) []request.Debt {
	owe := g.behind(rec.Holders, nil, false)
	for i := range w.views {
		v := &w.views[i]
		if v.Role == request.Copy && v.Snapshot.Terms.Linked() && !slices.ContainsFunc(owe, func(d request.Debt) bool { return d.Site == v.Site }) {
			owe = append(owe, request.Debt{Site: v.Site, Terms: v.Snapshot.Terms})
		}
	}
	return owe
}

// rebury is for a request of this site whose record is gone: it was deleted here, and the others were not told yet. Where very many are
// gone the API has rather lost its data, and nothing is deleted.
func (g *Engine) rebury(ctx context.Context, rec store.Record, c *profile.Collection, e request.Entry, version request.Version, w *weighed) error {
	if !g.credible(ctx, c) {
		return &request.Error{Op: "replicate.rebuild", Kind: request.Unavailable, Request: e.ID, Detail: "the record is not found, by an API that does not show that it knows the gateway"}
	}
	r := &g.rejoin
	r.mu.Lock()
	many := r.buried >= max(deletesMost, r.out.Done/deletesShare)
	if !many {
		r.buried++
	}
	r.mu.Unlock()
	if many {
		g.orphan(e.ID, "its record is gone, like so many others that nothing is deleted elsewhere; look into the request API")
		return nil
	}
	return g.entomb(ctx, rec, e, version, w)
}

// entomb makes a request deleted by this site, its owner, and has all who still hold it told.
func (g *Engine) entomb(ctx context.Context, rec store.Record, e request.Entry, version request.Version, w *weighed) error {
	owe, now := g.owedBy(rec, w), g.now()
	tx := store.Tx{Owe: owe, Now: now}
	if e.Local != "" {
		tx.Unlink = []store.Link{{Site: g.Self, Local: e.Local}}
	}
	e.Role, e.Owner, e.Version, e.Fence, e.Local, e.Fields, e.Children = request.Tombstone, g.Self, version, version.Epoch, "", nil, nil
	e.Grant, e.Plan, e.Terms, e.Updated, e.Holders = nil, nil, request.Terms{}, now, holding(nil, owe)
	tx.Entry = e
	_, err := g.commit(ctx, rec, tx)
	return err
}

// orphan notes a request that only a person can do something about.
func (g *Engine) orphan(id request.ID, why string) {
	g.Log.Warn("a request could not be rebuilt", zap.String("request", string(id)), logCause(why))
	r := &g.rejoin
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Orphans++
	if len(r.out.Notes) < rejoinNotes {
		r.out.Notes = append(r.out.Notes, string(id)+": "+why)
	}
}

// wanted adds the holders that routes want of a request as it is now: some may have been owed a copy that was never made. To one of
// which nobody else knows happens what happens to one that is created. It is moved nowhere else: it may just have come from there.
func (g *Engine) wanted(e *request.Entry, owe []request.Debt, unknown bool) []request.Debt {
	made := g.created(*e)
	changed := g.weighed(g.router().Decide(routing.Input{Event: routing.Update, Collection: e.Collection, Site: g.Self, Owner: g.Self,
		Origin: e.Origin, EnteredBy: e.EnteredBy, New: e.Fields, Now: g.now()}), *e, nil)
	for _, d := range slices.Concat(made.debts, changed.debts) {
		if d.Linked() && d.Site != g.Self && !slices.ContainsFunc(owe, func(x request.Debt) bool { return x.Site == d.Site }) {
			owe = append(owe, d)
		}
	}
	if unknown && e.Plan == nil {
		e.Plan = made.plan
	}
	return owe
}

func (w *weighed) id(e *request.Entry) request.ID {
	if w.best != nil {
		return w.best.Snapshot.ID
	}
	return e.ID
}

// restamp writes the new epoch into the record before anybody hears of it: should the store be lost once more, the record tells.
func (g *Engine) restamp(ctx context.Context, c *profile.Collection, local string, m profile.Marks) error {
	call, ok := c.StampCall(local, m)
	if !ok {
		return nil
	}
	ans, err := g.Upstream.Do(ctx, call, true)
	if err != nil {
		return err
	}
	if v := c.Judge(profile.Update, ans); v == profile.Doubtful {
		return &request.Error{Op: "replicate.rebuild", Kind: request.Doubtful, Request: m.Request, Detail: "writing the stamp: " + said(g.Self, ans)}
	} else if v != profile.Accepted {
		return &request.Error{Op: "replicate.rebuild", Kind: request.Unavailable, Request: m.Request, Detail: "writing the stamp: " + said(g.Self, ans)}
	}
	return nil
}

// withRecords are the children of a request with their records at this site, as far as these are found.
func (g *Engine) withRecords(ctx context.Context, e *request.Entry, parents *profile.Collection) ([]request.Child, error) {
	out := slices.Clone(e.Children)
	for _, c := range g.below(parents) {
		cc := c.Under(e.Local)
		if !canList(cc) {
			continue
		}
		kids, err := g.kids(ctx, cc)
		if err != nil {
			return nil, err
		}
		known := request.Entry{ID: e.ID, Children: out}
		for i := range out {
			if out[i].Collection != c.Name() || out[i].Deleted || out[i].Local != "" {
				continue
			}
			if k, ok := likely(cc, kids, known, out[i]); ok {
				out[i].Local = k.Local
			}
		}
	}
	return out, nil
}

// linksOf are all names of a request that its entry knows.
func linksOf(self request.Site, e *request.Entry) []store.Link {
	out := []store.Link{{Site: self, Local: e.Local}}
	for site, local := range e.Locals {
		if site != self && local != "" {
			out = append(out, store.Link{Site: site, Local: local})
		}
	}
	for _, c := range e.Children {
		if c.Local != "" {
			out = append(out, childLink(self, c.Collection, c.Local))
		}
	}
	return out
}

// refollow makes this site a holder of a request that another one owns, and brings its record to the state that the owner told. A
// record that is as it should be costs a read.
func (g *Engine) refollow(ctx context.Context, rec store.Record, c *profile.Collection, w *weighed) error {
	v := w.best
	s := v.Snapshot
	local, err := g.localOf(ctx, &rec.Entry, c, w)
	if err != nil {
		return err
	}
	claimed := v.Role == request.Owner || v.Role == request.Granting || v.Role == request.Tombstone
	if local == "" && !s.Deleted {
		return nil // nothing of it is here; who owes it brings it
	}
	e := rec.Entry
	if rec.Rev == 0 {
		e = request.Entry{ID: s.ID, Collection: s.Collection, Created: g.now()}
	}
	mine := e.Fields
	e.Role, e.Owner, e.Origin, e.EnteredBy, e.Local, e.Locals = request.Copy, s.Owner, s.Origin, s.EnteredBy, local, s.Locals
	e.Grant, e.Plan, e.Terms, e.Updated = nil, nil, s.Terms, g.now()
	got, there, err := g.stateHere(ctx, c, local)
	if err != nil {
		return err
	}
	if !there {
		e.Local = ""
	} else if mine = got; v.Grant.Site == g.Self && len(choices(got, c.Expect(s.Fields))) > 0 {
		// It may have been given to this site, and written here, without the giver knowing yet.
		e.Conflicts = append(e.Conflicts[:len(e.Conflicts):len(e.Conflicts)], request.ConflictRecord{ID: "rejoin-" + v.Grant.String(), Kind: "rejoin", Site: g.Self, At: g.now(),
			Theirs: s.Version, Fields: choices(got, c.Expect(s.Fields)),
			Decision: "the store of " + string(g.Self) + " was lost while the request was on its way there; the values of " + string(v.Site) + " are kept"})
	}
	e.Fields = mine
	tx := store.Tx{Entry: e, Now: g.now(), Drop: sitesOf(rec.Holders)}
	if e.Local != "" {
		tx.Link = linksOf(g.Self, &e)
	}
	rec, err = g.commit(ctx, rec, tx)
	if err != nil || !claimed {
		return err
	}
	return g.bring(ctx, rec, c, s)
}

// stateHere is what this site's record says now.
func (g *Engine) stateHere(ctx context.Context, c *profile.Collection, local string) (f request.Fields, there bool, err error) {
	if local == "" {
		return nil, false, nil
	}
	record, _, err := g.read(ctx, c, local)
	if request.KindOf(err) == request.NotFound && err != nil {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	f, err = c.FromRecord(record)
	return f, err == nil, err
}

// bring takes a state that the owner told. Where the record has it already only the ledger learns of it.
func (g *Engine) bring(ctx context.Context, rec store.Record, c *profile.Collection, s request.Snapshot) error {
	e := rec.Entry
	if e.Local != "" && !s.Deleted && s.Terms.Linked() && !c.Stamps() && !g.childrenBehind(e, c, s) && len(profile.Diff(c.Expect(s.Fields), e.Fields)) == 0 {
		t := g.record(ctx, rec, s, Landed{Local: e.Local, Fields: s.Fields, Now: g.now()})
		return unsettledBy(t.ack)
	}
	return unsettledBy(g.takeInLane(ctx, c, s).ack)
}

// unsettledBy is why a state could not be taken yet. What the API refuses is its owner's to see, and to try again.
func unsettledBy(a peer.Ack) error {
	if a.State == peer.Retry || a.State == peer.Unavailable {
		return &request.Error{Op: "replicate.rebuild", Kind: request.Unavailable, Request: a.Request, Detail: a.Cause, Retry: time.Second}
	}
	return nil
}

// wakeAll has everybody look at once: the store is there again.
func (g *Engine) wakeAll() {
	for _, site := range g.otherSites() {
		g.nudge(site)
	}
	g.tasks.wake()
}

package replicate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
)

// viewer reads what one site knows, page by page.
type viewer struct {
	g    *Engine
	site request.Site
	life string // this site's
	its  string // that of the other one, the same for all pages
	list []request.View
	next request.ID
	done bool
}

// peek is the next view, nil at the end.
func (v *viewer) peek(ctx context.Context) (*request.View, error) {
	for len(v.list) == 0 {
		if v.done {
			return nil, nil
		}
		page, err := v.g.Peers.Rejoin(ctx, v.site, request.RejoinAsk{Life: v.life, After: v.next})
		if err == nil && v.its != "" && page.Life != v.its {
			err = &request.Error{Op: "replicate.rebuild", Kind: request.Busy, Detail: string(v.site) + " has lost its store meanwhile"}
		}
		v.g.wait(v.site, err)
		if err != nil {
			return nil, err
		}
		v.its, v.list, v.next, v.done = page.Life, page.List, page.After, page.After == ""
	}
	return &v.list[0], nil
}

// merge goes through all that is known of this site's requests, here and elsewhere, in order of id, and settles each. All sites must
// have answered: with the word of a majority two sites could own one request.
func (g *Engine) merge(ctx context.Context, life string) error {
	var viewers []*viewer
	var failed error
	for _, site := range g.asked() {
		v := &viewer{g: g, site: site, life: life}
		if _, err := v.peek(ctx); err != nil { // all are asked, so that it can be said who is missing
			failed = errors.Join(failed, err)
		}
		viewers = append(viewers, v)
	}
	if failed != nil {
		return failed
	}
	own, after, more := []store.Record(nil), request.ID(""), true
	for {
		if len(own) == 0 && more {
			var err error
			if own, err = g.Ledger.Entries(ctx, after, 256); err != nil {
				return storeError("replicate.rebuild", "", err)
			}
			if more = len(own) == 256; len(own) > 0 {
				after = own[len(own)-1].Entry.ID
			}
		}
		id := request.ID("")
		if len(own) > 0 {
			id = own[0].Entry.ID
		}
		for _, v := range viewers {
			if next, err := v.peek(ctx); err != nil {
				return err
			} else if next != nil && (id == "" || next.Snapshot.ID < id) {
				id = next.Snapshot.ID
			}
		}
		if id == "" {
			return nil
		}
		var views []request.View
		for _, v := range viewers {
			if len(v.list) > 0 && v.list[0].Snapshot.ID == id {
				views = append(views, v.list[0])
				v.list = v.list[1:]
			}
		}
		if len(own) > 0 && own[0].Entry.ID == id {
			own = own[1:]
		}
		err := g.reconcile(ctx, id, views)
		if ctx.Err() != nil || storeAway(err) {
			return err
		}
		g.reconciled(id, err)
	}
}

func (g *Engine) reconciled(id request.ID, err error) {
	r := &g.rejoin
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Done++
	if err == nil {
		return
	}
	if r.out.Open++; len(r.out.Notes) < rejoinNotes {
		r.out.Notes = append(r.out.Notes, string(id)+": "+err.Error())
	}
}

// reconcile settles what this site is to one request, by its own ledger and record and by what the others say. An error means that it
// cannot be told yet.
func (g *Engine) reconcile(ctx context.Context, id request.ID, views []request.View) error {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return err
	}
	defer leave()
	rec, err := g.settled(ctx, id)
	switch {
	case err == nil:
	case request.KindOf(err) == request.NotFound:
		rec = store.Record{}
	case rec.Entry.Doubt != nil:
		return nil // a person has it already
	default:
		return err
	}
	w := weigh(g.Self, &rec.Entry, rec.Rev > 0, views)
	c, err := g.collection(w.collection(&rec.Entry))
	if err != nil {
		return nil // of a collection that this site has not
	}
	switch w.verdict {
	case mineAgain:
		return g.reown(ctx, rec, c, w)
	case follows:
		return g.refollow(ctx, rec, c, w)
	case deleted:
		e := rec.Entry
		if rec.Rev == 0 {
			e = entryOf(w.best.Snapshot)
			e.Created = g.now()
		}
		return g.entomb(ctx, rec, e, request.Version{Epoch: request.Epoch{Num: w.top.Num + 1, Site: g.Self}}, w)
	}
	return nil
}

// weighed is what the views of one request come to.
type weighed struct {
	verdict finding
	top     request.Epoch // the highest that anybody has seen
	best    *request.View // whom to believe on what the request is: the owner, or who has the newest version
	views   []request.View
}

// finding is what this site is to do about a request.
type finding int

const (
	stands    finding = iota // what the ledger says, if anything, is right
	mineAgain                // this site owns it, in a new epoch
	follows                  // another one does
	deleted                  // this site owned it, and had deleted it
)

func (w *weighed) collection(e *request.Entry) string {
	if w.best != nil {
		return w.best.Snapshot.Collection
	}
	return e.Collection
}

// weigh decides what this site is to a request: a pure function of what the ledger and all other sites say (protocol R3).
func weigh(self request.Site, e *request.Entry, known bool, views []request.View) *weighed {
	w := &weighed{views: views}
	var h hint
	if known {
		w.raise(e.Fence, e.Version.Epoch)
		h.hear(e.Owner, e.Fence, e.Version.Epoch)
	}
	var owner, newest *request.View
	behind := false
	for i := range views {
		v := &views[i]
		w.raise(v.Fence, v.Snapshot.Version.Epoch)
		h.hear(v.Snapshot.Owner, v.Fence, v.Snapshot.Version.Epoch)
		claims := v.Role == request.Owner || v.Role == request.Granting || v.Role == request.Tombstone // whoever heard of a deletion
		if claims && (owner == nil || v.Snapshot.Version.After(owner.Snapshot.Version)) {
			owner = v
		}
		if newest == nil || v.Snapshot.Version.After(newest.Snapshot.Version) {
			newest = v
		}
		behind = behind || v.Snapshot.Version.After(e.Version) || v.Fence.Compare(e.Fence) > 0 ||
			v.Role == request.Copy && !slices.Contains(e.Holders, v.Site)
	}
	if w.best = newest; owner != nil {
		w.best = owner
	}
	switch {
	case known && (e.Role == request.Elect || e.Role == request.Granting || e.Role == request.Tombstone && (owner == nil || !owner.Snapshot.Version.After(e.Version))):
	case owner != nil && owner.Snapshot.Version.Epoch.Compare(h.reign) >= 0:
		// One that is giving it to this site is the owner until this site has said yes, durably, or in its record.
		switch {
		case known && !owner.Snapshot.Version.After(e.Version):
		case owner.Role == request.Tombstone && owner.Snapshot.Version.Epoch.Site == self:
			w.verdict = deleted
		default:
			w.verdict = follows
		}
	case h.owner == self && known && e.Role == request.Owner && !behind:
	case h.owner == self:
		w.verdict = mineAgain
	case h.owner == "" && known && e.Local != "" && alone(self, views):
		w.verdict = mineAgain
	case newest != nil && (!known || e.Role == request.Owner):
		// Its owner, who does not claim it yet, has lost its store too, and will.
		w.best, w.verdict = newest, follows
	}
	return w
}

func (w *weighed) raise(epochs ...request.Epoch) {
	for _, x := range epochs {
		if x.Compare(w.top) > 0 {
			w.top = x
		}
	}
}

// hint is who owns a request by whoever heard of the latest reign. What others believe of earlier ones is overtaken.
type hint struct {
	owner request.Site
	reign request.Epoch
}

func (h *hint) hear(owner request.Site, fence, version request.Epoch) {
	if owner == "" {
		return
	}
	reign := version
	if fence.Site == owner && fence.Compare(reign) > 0 {
		reign = fence
	}
	if h.owner == "" || reign.Compare(h.reign) > 0 {
		h.owner, h.reign = owner, reign
	}
}

// alone reports whether nobody knows of an owner, and this site is the first by name of those that have the record: the same rule
// everywhere makes one of them the owner, and the others follow it.
func alone(self request.Site, views []request.View) bool {
	for _, v := range views {
		if v.Snapshot.Owner != "" || v.Snapshot.Locals[v.Site] != "" && v.Site < self {
			return false
		}
	}
	return true
}

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
	g.Log.Warn("a request could not be rebuilt", zap.String("request", string(id)), zap.String("cause", why))
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
	changed := g.judged(g.router().Decide(routing.Input{Event: routing.Update, Collection: e.Collection, Site: g.Self, Owner: g.Self,
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
	for site := range g.workers {
		g.nudge(site)
	}
	g.tasks.wake()
}

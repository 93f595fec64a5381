package replicate

import (
	"context"
	"errors"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Watching looks for changes that were made behind the gateway, collection by collection: the API's list of changed records is asked from
// the newest change that was seen on, less what its clock is coarse and its list is late. Records that are as the ledger says,
// such as those that the gateway has just written, cost a comparison; a record that was found in order is remembered by what it looked
// like, so that the overlap costs not even that. Where the API lists no changes the whole list is gone through. What no list shows, above all
// deletions, is found by reading some records of the ledger with every look, one after the other.

const (
	watchNote = "watch/"
	// sweepRecords are the records of the ledger that are read with each look.
	sweepRecords = 20
	// watchMost bounds what is remembered of one collection.
	watchMost = 1 << 20
	// watchBack is the longest pause after failures.
	watchBack = 10 * time.Minute
	// unreadMost is how many records in a row that cannot be read end a look: then it is the API, and not the record.
	unreadMost = 3
	// seedNew is how many new records in a second a look makes requests of.
	seedNew = 50
)

// watchMark is what is kept durably: how far a collection was looked at, and which gateway of the site looks.
type watchMark struct {
	// Seen is the newest time of a change that was seen, by the API's clock.
	Seen    time.Time `json:"seen,omitzero"`
	Replica string    `json:"replica"`
	Until   time.Time `json:"until"`
}

// watch is the work on one collection. Only its own goroutine uses what is above mu.
type watch struct {
	g      *Engine
	c      *profile.Collection
	policy profile.Watch
	hash   maphash.Seed
	mark   watchMark
	loaded bool
	seen   map[string]glimpse    // by local id, what was found in order
	again  map[string]bool       // local ids that could not be judged
	after  request.ID            // where the reading of the ledger goes on
	told   map[request.ID]uint64 // differences that were reported and are left as they are
	guard  guardian
	pace   pace
	unread int // records that could not be read, one after the other
	// later is what is to be done when the lane of the request is left.
	later func() error

	mu    sync.Mutex
	state request.Watching
}

// glimpse is what a record in order looked like, and when it says that it changed.
type glimpse struct {
	sum     uint64
	changed time.Time
}

// watchAll looks for changes until ctx ends, in all collections that want it.
func (g *Engine) watchAll(ctx context.Context) {
	var running sync.WaitGroup
	for _, name := range g.set().Profile.Order() {
		c := g.set().Profile.Collections[name]
		if p := c.Watch(); p.Every > 0 {
			w := newWatch(g, c, p)
			g.tasks.addWatch(w)
			running.Go(func() { w.run(ctx) })
		}
	}
	running.Wait()
}

func newWatch(g *Engine, c *profile.Collection, p profile.Watch) *watch {
	return &watch{g: g, c: c, policy: p, hash: maphash.MakeSeed(), seen: make(map[string]glimpse), again: make(map[string]bool), told: make(map[request.ID]uint64),
		pace: pace{rate: seedNew}, state: request.Watching{Collection: c.Name(), Every: p.Every}}
}

// Watching tells how looking for changes goes, by collection.
func (g *Engine) Watching() []request.Watching {
	list := g.tasks.watching()
	out := make([]request.Watching, len(list))
	for i, w := range list {
		w.mu.Lock()
		out[i] = w.state
		out[i].Noticed = maps.Clone(w.state.Noticed)
		w.mu.Unlock()
	}
	return out
}

func (w *watch) run(ctx context.Context) {
	fails := 0
	for ctx.Err() == nil {
		pause := min(w.policy.Every<<min(fails, 8), max(watchBack, w.policy.Every))
		w.g.nap(ctx, pause-pause/5+rand.N(2*pause/5+1)) // a fifth more or less, so that sites and collections do not look at once
		if ctx.Err() != nil {
			return
		}
		err := w.round(ctx)
		if ctx.Err() != nil {
			return
		}
		if fails++; err == nil {
			fails = 0
		}
		w.report(err)
	}
}

// report notes how a look ended.
func (w *watch) report(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.g.now()
	w.state.Error, w.state.Gone, w.state.Alarm = "", len(w.guard.gone), w.guard.alarm
	if err == nil {
		w.state.Last, w.state.Failing = now, time.Time{}
	} else {
		w.state.Error = err.Error()
		if w.state.Failing.IsZero() {
			w.state.Failing = now
		}
		w.g.Log.Warn("looking for changes behind the gateway", zap.String("collection", w.c.Name()), logError(err))
	}
	w.g.watched(w.c.Name(), err == nil && w.guard.alarm == "")
}

// note counts what was done about a record.
func (w *watch) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state.Noticed == nil {
		w.state.Noticed = make(map[string]int)
	}
	w.state.Noticed[what]++
}

// claim makes this process the one of the site that looks, unless another is.
func (w *watch) claim(ctx context.Context) (mine bool, err error) {
	now := w.g.now()
	span := 3*w.policy.Every + time.Minute
	if w.loaded && now.Before(w.mark.Until.Add(-span/2)) {
		return true, nil
	}
	var is watchMark
	if _, err := w.g.recall(ctx, watchNote+w.c.Name(), &is); err != nil {
		return false, err
	}
	mine = is.Replica == "" || w.g.over(is.Replica, is.Until)
	w.mu.Lock()
	w.state.Elsewhere = !mine
	w.mu.Unlock()
	if !mine {
		w.loaded = false
		return false, nil
	}
	if !w.loaded || is.Seen.After(w.mark.Seen) {
		w.mark.Seen = is.Seen
	}
	w.mark.Replica, w.mark.Until, w.loaded = w.g.me(), now.Add(span), true
	return true, w.g.keep(ctx, watchNote+w.c.Name(), w.mark)
}

// round looks once.
func (w *watch) round(ctx context.Context) error {
	mine, err := w.claim(ctx)
	if err != nil || !mine {
		return err
	}
	w.g.tasks.forgetApart()
	w.unread = 0
	for local := range w.again {
		if err := w.byLocal(ctx, local); err != nil {
			return err
		}
	}
	if err := w.list(ctx); err != nil {
		return err
	}
	if err := w.sweep(ctx); err != nil {
		return err
	}
	return w.bury(ctx)
}

// list goes through the records that changed, or through all where the API cannot say which.
func (w *watch) list(ctx context.Context) error {
	can, since := w.c.CanList()
	if !can {
		return nil
	}
	from, newest := time.Time{}, w.mark.Seen
	if since && !newest.IsZero() {
		lag, grain := w.c.Lag()
		from = newest.Add(-lag - grain)
	}
	looked := 0
	shown := make(map[string]bool)
	err := w.g.walk(ctx, w.c, from, func(page []profile.Listed, _ int) error {
		for _, l := range page {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if looked++; l.Changed.After(newest) {
				newest = l.Changed
			}
			shown[l.Local] = true
			if err := w.listed(ctx, l); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.state.Looked = looked
	w.mu.Unlock()
	for local, s := range w.seen {
		if from.IsZero() && !shown[local] || !from.IsZero() && s.changed.Before(from) {
			delete(w.seen, local)
		}
	}
	if from.IsZero() {
		if err := w.absent(ctx, shown); err != nil {
			return err
		}
	}
	if since && newest.After(w.mark.Seen) {
		w.mark.Seen = newest
		return w.g.keep(ctx, watchNote+w.c.Name(), w.mark)
	}
	return nil
}

// listed judges one record of a list. The error is one of the site as a whole; what cannot be judged now is looked at again.
func (w *watch) listed(ctx context.Context, l profile.Listed) error {
	if w.again[l.Local] {
		return nil // it was judged just now, and could not be
	}
	sum := maphash.Bytes(w.hash, l.Record)
	if was, ok := w.seen[l.Local]; ok && l.Record != nil && was.sum == sum {
		return nil
	}
	rec, err := w.g.Ledger.Lookup(ctx, w.c.Name(), store.Link{Site: w.g.Self, Local: l.Local})
	ok := false
	switch e := &rec.Entry; {
	case errors.Is(err, store.ErrNotFound):
		ok, err = w.unknown(ctx, l), nil
	case err != nil:
		return storeError("replicate.Lookup", "", err)
	case w.g.asItShouldBe(w.c, e, l):
		ok = true
		delete(w.guard.gone, e.ID)
	default:
		ok, err = w.check(ctx, e.ID)
	}
	if !ok && len(w.again) < watchMost {
		w.again[l.Local] = true
	}
	if ok && len(w.seen) < watchMost {
		w.seen[l.Local] = glimpse{sum, l.Changed}
	}
	return err
}

// unknown is a record that is no request; ok is false when it is to be looked at again.
func (w *watch) unknown(ctx context.Context, l profile.Listed) (ok bool) {
	if !w.policy.Seed {
		return true
	}
	w.pace.wait(ctx, w.g.Clock)
	f := w.g.enter(ctx, w.c, l)
	if f.what == wasSeeded {
		w.note(NoticeSeeded)
	}
	if f.what == hasFailed {
		w.g.Log.Info("a new record could not be made a request yet", zap.String("collection", w.c.Name()), zap.String("local", l.Local), logCause(f.reason))
	}
	return f.what != hasFailed
}

// byLocal looks again at a record that could not be judged.
func (w *watch) byLocal(ctx context.Context, local string) error {
	delete(w.again, local)
	rec, err := w.g.Ledger.Lookup(ctx, w.c.Name(), store.Link{Site: w.g.Self, Local: local})
	ok := true
	switch {
	case errors.Is(err, store.ErrNotFound):
		err = nil
		ok = w.unknown(ctx, profile.Listed{Local: local})
	case err != nil:
		return storeError("replicate.Lookup", "", err)
	default:
		ok, err = w.check(ctx, rec.Entry.ID)
	}
	if !ok {
		w.again[local] = true
	}
	return err
}

// check reads the record of a request in its lane and does what the policy says about a difference; ok is false when it could not be
// judged. The error is one of the site as a whole.
func (w *watch) check(ctx context.Context, id request.ID) (ok bool, err error) {
	ok, err = w.checkInLane(ctx, id)
	if w.later == nil {
		return ok, err
	}
	later := w.later
	w.later = nil
	if err := later(); err != nil {
		w.g.Log.Info("a copy that was changed behind the gateway could not be given to its owner yet", zap.String("request", string(id)), logError(err))
		return false, nil
	}
	w.note(NoticeAdopted)
	return true, nil
}

func (w *watch) checkInLane(ctx context.Context, id request.ID) (ok bool, err error) {
	leave, err := w.g.lanes.enter(ctx, string(id))
	if err != nil {
		return false, nil
	}
	defer leave()
	rec, err := w.g.settled(ctx, id)
	if err != nil {
		if request.KindOf(err) == request.NotFound {
			return true, nil
		} else if storeAway(err) {
			return false, err
		}
		return false, nil
	}
	d, ok, err := w.g.inspect(ctx, rec, w.c)
	if err != nil {
		if w.unread++; w.unread < unreadMost {
			err = nil
		}
		return false, err
	}
	w.unread = 0
	owner := rec.Entry.Role == request.Owner
	if ok && !d.missing {
		delete(w.guard.gone, id)
	}
	switch {
	case !ok: // there is none here; else it may change by itself yet
		return rec.Entry.Local == "" || rec.Entry.Role == request.Tombstone || rec.Entry.Role == request.Away, nil
	case d.missing && owner:
		if w.policy.Publish {
			w.guard.suspect(id, w.g.now())
		}
		return true, nil
	case !d.any():
		if delete(w.told, id); owner {
			return w.children(ctx, rec)
		}
		return true, nil
	}
	return w.amend(ctx, rec, d)
}

// amend does about a difference what the policy says.
func (w *watch) amend(ctx context.Context, rec store.Record, d difference) (ok bool, err error) {
	owner := rec.Entry.Role == request.Owner
	what := NoticeReported
	switch {
	case owner && w.policy.Publish:
		what = NoticePublished
		if rec, err = w.g.publish(ctx, rec, d); err == nil {
			_, err = w.children(ctx, rec)
		}
	case !owner && w.g.drift(w.c) == profile.DriftAdopt && !d.missing:
		if rec.Entry.Intent != nil {
			return false, nil
		}
		w.later = func() error { return w.g.adoptDrift(ctx, w.c, rec, d) } // not in the lane: the owner's answer comes through it
		return true, nil
	case !owner && w.g.drift(w.c) != profile.DriftReport:
		if what = NoticeReverted; d.missing {
			what = NoticeRemade
		}
		_, err = w.g.restore(ctx, rec, w.c, d)
	default:
		sum := d.got.Hash() + 1
		if w.told[rec.Entry.ID] == sum {
			return true, nil
		}
		if len(w.told) < watchMost {
			w.told[rec.Entry.ID] = sum
		}
		w.g.Log.Warn("a record was changed behind the gateway and is left as it is", append(logRequest(rec.Entry), zap.Strings("fields", d.names), zap.Bool("missing", d.missing))...)
		w.g.notice(w.c.Name(), what)
	}
	if err != nil {
		w.g.Log.Info("a record that was changed behind the gateway could not be dealt with yet", append(logRequest(rec.Entry), logError(err))...)
		return false, nil
	}
	w.note(what)
	return true, nil
}

// children publishes the comments and files that were added, changed or removed behind the gateway.
func (w *watch) children(ctx context.Context, rec store.Record) (ok bool, err error) {
	if !w.policy.Publish || len(w.g.below(w.c)) == 0 {
		return true, nil
	}
	after, err := w.g.gather(ctx, rec, w.c)
	if err != nil {
		return false, nil
	}
	if after.Entry.Version != rec.Entry.Version {
		w.note(NoticePublished)
		w.g.notice(w.c.Name(), NoticePublished)
	}
	return true, nil
}

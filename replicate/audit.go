package replicate

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// An audit compares this site's records with its ledger, through the mapping. Where the API has a list it is gone through, which costs a
// call for a hundred records; what the list shows to be as it should be is done with, and everything else is read by itself in the lane
// of its request, where nothing can be on its way. So a write that happens meanwhile is never taken for a difference.

const (
	auditParallel = 4
	// auditsMost is how many audits run for peers at a time, auditIdle after what time without a question one ends.
	auditsMost = 8
	auditIdle  = time.Minute
	// unreadEnds is how many records in a row that cannot be read end an audit: then it is the API.
	unreadEnds = 5
)

// auditOrder says what is compared, and where the findings go.
type auditOrder struct {
	c *profile.Collection
	// want tells which requests, only their ids, nil for all that want tells; mending has what differs made right.
	want    func(*request.Entry) bool
	only    []request.ID
	mending bool
	// found is told each difference, in no order, from several goroutines; looked each record that was judged, and whether it could be.
	found  func(rec store.Record, f request.Finding)
	looked func(judged bool)
}

// audit runs one to its end. The error says why it could not go on.
func (g *Engine) audit(ctx context.Context, a auditOrder) error {
	r := &auditing{g: g, auditOrder: a, seen: make(map[uint64]struct{}), seed: maphash.MakeSeed(), slots: make(chan struct{}, auditParallel)}
	if a.only != nil {
		for _, id := range a.only {
			r.go_(ctx, id)
		}
		return r.wait(ctx)
	}
	if canList(a.c) {
		err := g.walk(ctx, a.c, time.Time{}, func(page []profile.Listed, _ int) error {
			for _, l := range page {
				if err := r.listed(ctx, l); err != nil {
					return err
				}
			}
			return r.broken(ctx)
		})
		if err != nil {
			_ = r.wait(ctx)
			return err
		}
	}
	err := g.eachEntry(ctx, func(rec store.Record) error {
		if e := &rec.Entry; a.want(e) && !r.known(e.ID) {
			r.go_(ctx, e.ID)
		}
		return r.broken(ctx)
	})
	return errors.Join(err, r.wait(ctx))
}

// auditing is an audit under way.
type auditing struct {
	auditOrder
	g *Engine
	// seen are hashes of the ids that the list has shown: a million ids themselves would be a hundred megabytes.
	seen    map[uint64]struct{}
	seed    maphash.Seed
	slots   chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex
	unread int
	err    error
}

// known reports whether the list has shown a request already.
func (r *auditing) known(id request.ID) bool {
	_, ok := r.seen[maphash.String(r.seed, string(id))]
	return ok
}

// listed judges one item of the list.
func (r *auditing) listed(ctx context.Context, l profile.Listed) error {
	rec, err := r.g.Ledger.Lookup(ctx, r.c.Name(), store.Link{Site: r.g.Self, Local: l.Local})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return storeError("replicate.audit", "", err)
	}
	e := &rec.Entry
	if !r.want(e) || r.known(e.ID) {
		return nil
	}
	r.seen[maphash.String(r.seed, string(e.ID))] = struct{}{}
	if r.g.asItShouldBe(r.c, e, l) {
		r.looked(true)
		return nil
	}
	r.go_(ctx, e.ID)
	return nil
}

// go_ judges a request beside others.
func (r *auditing) go_(ctx context.Context, id request.ID) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	r.running.Go(func() {
		defer func() { <-r.slots }()
		judged, err := r.one(ctx, id)
		r.mu.Lock()
		if r.unread++; err == nil {
			r.unread = 0
		}
		if r.unread >= unreadEnds || storeAway(err) {
			r.err = err
		}
		r.mu.Unlock()
		if err != nil {
			judged = false
		}
		r.looked(judged)
	})
}

// broken is why the audit cannot go on.
func (r *auditing) broken(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		return ctx.Err()
	}
	return r.err
}

func (r *auditing) wait(ctx context.Context) error {
	r.running.Wait()
	return r.broken(ctx)
}

// one judges one request in its lane; judged is false when it was changing.
func (r *auditing) one(ctx context.Context, id request.ID) (judged bool, err error) {
	leave, err := r.g.lanes.enter(ctx, string(id))
	if err != nil {
		return false, nil
	}
	defer leave()
	rec, err := r.g.settled(ctx, id)
	if err != nil {
		if storeAway(err) {
			return false, err
		}
		return request.KindOf(err) == request.NotFound, nil
	}
	if !r.want(&rec.Entry) {
		return true, nil // it is not what it was
	}
	d, ok, err := r.g.inspect(ctx, rec, r.c)
	if err != nil || !ok {
		return false, err
	}
	var kids []kidDiff
	if !d.missing {
		if kids, err = r.g.kidsDiffer(ctx, rec, r.c); err != nil {
			return false, err
		}
	}
	if !d.any() && len(kids) == 0 {
		return true, nil
	}
	f := request.Finding{Request: id, Version: rec.Entry.Version, Missing: d.missing}
	for _, name := range d.names {
		want, _ := d.want.Get(name)
		if want == nil {
			want, _ = rec.Entry.Fields.Get(name)
		}
		got, _ := d.got.Get(name)
		f.Fields = append(f.Fields, request.FieldPair{Name: name, Ledger: want, Record: got})
	}
	for _, k := range kids {
		f.Fields = append(f.Fields, k.pair)
	}
	if r.mending {
		err := r.mend(ctx, rec, d, kids)
		if f.Repaired = err == nil; err != nil {
			f.Note = err.Error()
		}
	}
	r.found(rec, f)
	return true, nil
}

// mend makes a copy right, or publishes what was changed at the owner. A record that is gone at the owner is for a person.
func (r *auditing) mend(ctx context.Context, rec store.Record, d difference, kids []kidDiff) (err error) {
	owner := rec.Entry.Role == request.Owner
	switch {
	case owner && d.missing:
		return errors.New("the record is gone at its owner: make it there again, or delete the request")
	case owner:
		if len(d.names) > 0 {
			if rec, err = r.g.publish(ctx, rec, d); err != nil {
				return err
			}
		}
		if len(kids) > 0 {
			_, err = r.g.gather(ctx, rec, r.c)
		}
		return err
	}
	s := ownShot(rec.Entry)
	if len(kids) > 0 {
		ev := Mislaid{Now: r.g.now()}
		for _, k := range kids {
			if k.gone {
				ev.Gone = append(ev.Gone, k.id)
			} else {
				ev.Changed = append(ev.Changed, k.id)
			}
		}
		if rec, err = r.g.step(ctx, rec, ev); err != nil {
			return err
		}
	}
	_, err = r.g.restoreTo(ctx, rec, r.c, s, d)
	return err
}

// audits are those that run for peers.
type audits struct {
	mu sync.Mutex
	m  map[string]*auditFor
}

// auditFor is one of them, with what it has found.
type auditFor struct {
	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	asked time.Time
	out   request.Audited
}

// Audit begins an audit of the copies of the asking owner's requests, or tells what it has found since.
func (f Face) Audit(ctx context.Context, from request.Site, a request.AuditAsk) (request.Audited, error) {
	g := f.Engine
	x, err := g.auditFor(ctx, from, a)
	if err != nil {
		return request.Audited{}, err
	}
	if a.Stop {
		x.stop()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked = g.now()
	out := x.out
	out.Findings = slices.Clone(x.out.Findings[min(a.From, len(x.out.Findings)):])
	if n := fitting(out.Findings); n < len(out.Findings) {
		out.Findings, out.Done = out.Findings[:n], false
	}
	return out, nil
}

// auditBytes is about how much an answer holds.
const auditBytes = 1 << 20

// fitting is how many findings go into an answer; at least one.
func fitting(list []request.Finding) int {
	size := 0
	for i, f := range list {
		for _, p := range f.Fields {
			size += len(p.Name) + len(p.Ledger) + len(p.Record)
		}
		if i > 0 && size > auditBytes || i == peer.MaxFindings {
			return i
		}
	}
	return len(list)
}

// auditFor finds the audit of a session, or begins it.
func (g *Engine) auditFor(ctx context.Context, from request.Site, a request.AuditAsk) (*auditFor, error) {
	c, err := g.collection(a.Collection)
	if err != nil {
		return nil, err
	}
	key := string(from) + "/" + a.Session
	t := &g.tasks.audits
	t.mu.Lock()
	defer t.mu.Unlock()
	now := g.now()
	busy := 0
	for k, x := range t.m {
		if x.idle(now) > auditIdle {
			x.stop()
			delete(t.m, k)
			continue
		}
		select {
		case <-x.done: // its findings may be asked for again
		default:
			busy++
		}
	}
	if x := t.m[key]; x != nil {
		return x, nil
	}
	switch {
	case a.From > 0 || a.Stop: // it was forgotten: this gateway was restarted, or the asker was away for long
		return nil, &request.Error{Op: "replicate.Audit", Kind: request.NotFound, Detail: "this site does not know the audit (any more); begin another"}
	case busy >= auditsMost:
		return nil, &request.Error{Op: "replicate.Audit", Kind: request.Unavailable, Retry: 5 * time.Second, Detail: "too many audits run here already"}
	}
	actx, stop := context.WithTimeout(context.WithoutCancel(ctx), 24*time.Hour)
	x := &auditFor{stop: stop, done: make(chan struct{}), asked: now}
	if t.m == nil {
		t.m = make(map[string]*auditFor)
	}
	if !g.tasks.begin(func() { x.run(actx, g, from, c, a) }) {
		stop()
		return nil, &request.Error{Op: "replicate.Audit", Kind: request.Unavailable, Retry: time.Second, Detail: "this gateway is stopping"}
	}
	t.m[key] = x
	return x, nil
}

func (x *auditFor) idle(now time.Time) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	return now.Sub(x.asked)
}

// watch ends an audit with the engine, and when nobody asks any more.
func (x *auditFor) watch(g *Engine) {
	ended := g.tasks.ended()
	for {
		select {
		case <-g.Clock.After(auditIdle / 4):
			if x.idle(g.now()) > auditIdle {
				x.stop()
			}
		case <-ended:
			x.stop()
			return
		case <-x.done:
			return
		}
	}
}

func (x *auditFor) run(ctx context.Context, g *Engine, owner request.Site, c *profile.Collection, a request.AuditAsk) {
	defer close(x.done)
	defer x.stop()
	_ = g.tasks.begin(func() { x.watch(g) }) // else it is told at once
	err := g.audit(ctx, auditOrder{c: c, only: a.Requests, mending: a.Repair,
		want: func(e *request.Entry) bool { return heldFor(e, c.Name(), owner) && e.Local != "" },
		looked: func(judged bool) {
			x.mu.Lock()
			defer x.mu.Unlock()
			if x.out.Read++; !judged {
				x.out.Moving++
			}
		},
		found: func(_ store.Record, f request.Finding) {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.out.Findings = append(x.out.Findings, f)
		}})
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.out.Done = true; err != nil {
		x.out.Error = err.Error()
		g.Log.Info("an audit for a peer broke off", zap.String("site", string(owner)), zap.String("collection", c.Name()), zap.Error(err))
	}
}

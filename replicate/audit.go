package replicate

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// An audit compares this site's records with its ledger, through the mapping. Where the API has a list it is gone through, which costs a
// call for a hundred records; what the list shows to be as it should be is done with, and everything else is read by itself in the lane
// of its request, where nothing can be on its way. What differs then is read a second time after a moment: another gateway of the site may
// have been at it, or a call that the profile does not describe. So a write that happens meanwhile is never taken for a difference.

const (
	auditParallel = 4
	// unreadEnds is how many records in a row that cannot be read end an audit: then it is the API.
	unreadEnds = 5
	// secondLook is how much later a difference is looked at again, doubtfulMost how many wait for that.
	secondLook   = time.Second
	doubtfulMost = 500
	// auditLooks are so many rounds of that at the end.
	auditLooks = 4
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
		return r.end(ctx)
	}
	if canList(a.c) {
		err := g.walk(ctx, a.c, time.Time{}, func(page []profile.Listed, _ int) error {
			for _, l := range page {
				if err := r.listed(ctx, l); err != nil {
					return err
				}
			}
			return r.pause(ctx)
		})
		if err != nil {
			r.running.Wait()
			return err
		}
	}
	err := g.eachEntry(ctx, func(rec store.Record) error {
		if e := &rec.Entry; a.want(e) && !r.known(e.ID) {
			r.go_(ctx, e.ID)
		}
		return r.pause(ctx)
	})
	if err != nil {
		r.running.Wait()
		return err
	}
	return r.end(ctx)
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
	// doubtful are requests that differed when they were looked at first, with what the difference was.
	doubtful map[request.ID]glance
}

// glance is how a request differed: at which revision of its entry, and a hash of its record and its children's.
type glance struct {
	rev uint64
	sum uint64
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

// go_ judges a request beside others. One that differs is put aside for a second look.
func (r *auditing) go_(ctx context.Context, id request.ID) {
	r.beside(ctx, func() {
		judged, err := r.one(ctx, id, nil)
		r.read(judged, err)
	})
}

// beside does something in one of the slots.
func (r *auditing) beside(ctx context.Context, do func()) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	r.running.Go(func() {
		defer func() { <-r.slots }()
		do()
	})
}

// read notes how looking at a record ended.
func (r *auditing) read(judged bool, err error) {
	r.mu.Lock()
	if r.unread++; err == nil {
		r.unread = 0
	}
	if r.unread >= unreadEnds || storeAway(err) {
		r.err = err
	}
	r.mu.Unlock()
	r.looked(judged && err == nil)
}

// again looks a second time at what differed, a moment after the last of it was found.
func (r *auditing) again(ctx context.Context) error {
	r.running.Wait()
	r.mu.Lock()
	list := r.doubtful
	r.doubtful = nil
	r.mu.Unlock()
	if len(list) > 0 {
		r.g.nap(ctx, secondLook)
	}
	for id, was := range list {
		r.beside(ctx, func() {
			if judged, err := r.one(ctx, id, &was); err != nil || !judged {
				r.read(false, err)
			}
		})
	}
	r.running.Wait()
	return r.broken(ctx)
}

// pause looks a second time when much waits for it.
func (r *auditing) pause(ctx context.Context) error {
	r.mu.Lock()
	n := len(r.doubtful)
	r.mu.Unlock()
	if n >= doubtfulMost {
		return r.again(ctx)
	}
	return r.broken(ctx)
}

// end waits for what is under way. What has another difference at the second look is looked at a third time, and so on.
func (r *auditing) end(ctx context.Context) error {
	for range auditLooks {
		if err := r.again(ctx); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for range r.doubtful {
		r.looked(false) // it changes all the time
	}
	return nil
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

// one judges one request in its lane; judged is false when it was changing. was is what it differed in before, nil at the first look.
func (r *auditing) one(ctx context.Context, id request.ID, was *glance) (judged bool, err error) {
	leave, err := r.g.lanes.enter(ctx, string(id))
	if err != nil {
		return false, nil
	}
	inLane := true
	defer func() {
		if inLane {
			leave()
		}
	}()
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
	if now := r.glanceAt(rec, d, kids); was == nil || now != *was {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.doubtful == nil {
			r.doubtful = make(map[request.ID]glance)
		}
		r.doubtful[id] = now
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
		var err error
		if rec.Entry.Role == request.Copy && r.g.drift(r.c) == profile.DriftAdopt && len(d.names) > 0 {
			inLane = false
			leave() // the owner's answer comes through the lane
			err = r.g.adoptDrift(ctx, r.c, rec, d)
		} else {
			err = r.mend(ctx, rec, d, kids)
		}
		if f.Repaired = err == nil; err != nil {
			f.Note = err.Error()
		}
	}
	r.found(rec, f)
	return true, nil
}

// glanceAt is what a difference looks like.
func (r *auditing) glanceAt(rec store.Record, d difference, kids []kidDiff) glance {
	var h maphash.Hash
	h.SetSeed(r.seed)
	for _, name := range d.names {
		value, _ := d.got.Get(name)
		_, _ = h.WriteString(name)
		_, _ = h.Write(value)
	}
	for _, k := range kids {
		_, _ = h.WriteString(k.pair.Name)
		_, _ = h.Write(k.pair.Record)
	}
	if d.missing {
		_ = h.WriteByte(1)
	}
	return glance{rec.Rev, h.Sum64()}
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
	case r.g.drift(r.c) == profile.DriftReport:
		return errors.New("it is left as it is (drift: report)")
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

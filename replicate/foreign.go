package replicate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
)

// This file is about changes that somebody made in a request API behind the gateway's back (protocol 3.4, 7.1; fault 25): how they
// are told from what the gateway wrote, and what becomes of them. At the owner a change is a new version of the request, and a
// deletion is one too; at a copy it is undone.

// Vanished: the record at the owner's upstream was deleted behind the gateway. That is a deletion of the request.
type Vanished struct {
	Site request.Site
	Owe  []request.Debt
	Now  time.Time
}

// Mislaid: children of a copy were deleted or changed behind the gateway. They are to be brought again.
type Mislaid struct {
	// Gone have no record any more, Changed have one that is not what it should be.
	Gone, Changed []request.ID
	Now           time.Time
}

func (Vanished) event() {}
func (Mislaid) event()  {}

// noticed is the part of Step about what happened behind the gateway.
func noticed(e request.Entry, ev Event) (store.Tx, error) {
	switch ev := ev.(type) {
	case Vanished:
		return vanish(e, ev)
	case Mislaid:
		if e.Role != request.Copy {
			return store.Tx{}, fmt.Errorf("%s: a %s is brought no children", e.ID, e.Role)
		}
		e.Children = slices.Clone(e.Children)
		for i := range e.Children {
			gone := slices.Contains(ev.Gone, e.Children[i].ID)
			if gone || slices.Contains(ev.Changed, e.Children[i].ID) {
				e.Children[i].Version = request.Version{}
			}
			if gone {
				e.Children[i].Local = ""
			}
		}
		return store.Tx{Entry: e, Now: ev.Now}, nil
	}
	return store.Tx{}, fmt.Errorf("%s: unknown event %T", e.ID, ev)
}

func vanish(e request.Entry, v Vanished) (store.Tx, error) {
	switch {
	case e.Role != request.Owner || e.Local == "":
		return store.Tx{}, fmt.Errorf("%s: a %s has no record that could have gone", e.ID, e.Role)
	case len(e.Suspect) > 0:
		return store.Tx{}, fmt.Errorf("%s: an earlier write may still land", e.ID)
	}
	unlink := []store.Link{{Site: v.Site, Local: e.Local}}
	e.Version, e.Role, e.Local, e.Fields, e.ETag, e.Plan, e.Updated = e.Version.Next(), request.Tombstone, "", nil, "", nil, v.Now
	e.Children = nil
	e.Holders = holding(e.Holders, v.Owe)
	return store.Tx{Entry: e, Unlink: unlink, Owe: v.Owe, Now: v.Now}, nil
}

const againOp = "again/"

// applyOp names an apply. One of the version that the copy has already is made because its record is not what it should be.
func applyOp(e request.Entry, s request.Snapshot) string {
	if s.Version == e.Version {
		return againOp + s.Version.Mark()
	}
	return "apply/" + s.Version.Mark()
}

// again reports whether an intent brings a copy to the version that it has: what the ledger says is written once more.
func again(e request.Entry, in request.Intent) bool {
	return e.Role == request.Copy && in.Version == e.Version && strings.HasPrefix(in.Op, againOp)
}

// difference is how a record at this site differs from what the ledger says of it.
type difference struct {
	// missing says that there is no such record (any more).
	missing bool
	// names are the fields that differ, want and got the two states; at the owner, merged is what the request is now.
	names       []string
	want, got   request.Fields
	merged      request.Fields
	etag, local string
}

func (d *difference) any() bool { return d.missing || len(d.names) > 0 }

// differs compares an owner's or a copy's record, as it was read, with the entry, through the mapping: what this site cannot hold is
// no difference, and at a copy neither is what it has besides.
func differs(c *profile.Collection, e *request.Entry, got request.Fields) difference {
	d := difference{want: c.Expect(e.Fields), got: got, local: e.Local}
	for _, f := range e.Fields {
		want, held := d.want.Get(f.Name)
		is, there := got.Get(f.Name)
		switch {
		case held && same(want, is), !held && (!there || same(f.Value, is) || c.Once(f.Name)), !held && e.Role != request.Owner:
			d.merged = append(d.merged, f) // as it should be, or not kept here
		default:
			d.names = append(d.names, f.Name)
			if there {
				d.merged = append(d.merged, request.Field{Name: f.Name, Value: is})
			}
		}
	}
	if e.Role != request.Owner {
		return d
	}
	for _, f := range got {
		if _, known := e.Fields.Get(f.Name); !known && !same(f.Value, nil) {
			d.names = append(d.names, f.Name)
			d.merged = append(d.merged, f)
		}
	}
	return d
}

// same compares two values as APIs mean them; a value that is not there is null.
func same(a, b []byte) bool {
	field := func(v []byte) request.Fields {
		if len(v) == 0 {
			v = []byte("null")
		}
		return request.Fields{{Name: "x", Value: v}}
	}
	return len(profile.Diff(field(a), field(b))) == 0
}

// inspect reads the record of a request at this site, in its lane, and compares it with the ledger. ok is false when there is nothing
// to be compared now: the site has no linked record, or a write of it is under way, or may still land.
func (g *Engine) inspect(ctx context.Context, rec store.Record, c *profile.Collection) (d difference, ok bool, err error) {
	e := rec.Entry
	if e.Local == "" || e.Role != request.Owner && e.Role != request.Copy || e.Version.IsZero() || e.Intent != nil || len(e.Suspect) > 0 ||
		!e.Terms.Linked() {
		return d, false, nil
	}
	record, etag, err := g.read(ctx, c, e.Local)
	if request.KindOf(err) == request.NotFound && err != nil {
		return difference{missing: true, local: e.Local, want: c.Expect(e.Fields)}, true, nil
	}
	if err != nil {
		return d, false, err
	}
	got, err := c.FromRecord(record)
	if err != nil {
		return d, false, err
	}
	d = differs(c, &e, got)
	d.etag = etag
	return d, true, nil
}

// asItShouldBe reports whether a listed record is what the ledger says, with nothing under way that could make it something else. What
// a list does not show, such as children, is looked at by itself.
func (g *Engine) asItShouldBe(c *profile.Collection, e *request.Entry, l profile.Listed) bool {
	if l.Record == nil || e.Local != l.Local || e.Role != request.Owner && e.Role != request.Copy || e.Intent != nil || len(e.Suspect) > 0 ||
		c.Deleted(l.Record) || len(g.below(c)) > 0 {
		return false
	}
	got, err := c.FromRecord(l.Record)
	if err != nil {
		return false
	}
	d := differs(c, e, got)
	return !d.any()
}

// kidDiff is a child whose record is not what the ledger says.
type kidDiff struct {
	id   request.ID
	gone bool
	pair request.FieldPair
}

// kidsDiffer compares the children of a request with their records; at the owner those that nobody knows are differences too.
func (g *Engine) kidsDiffer(ctx context.Context, rec store.Record, parents *profile.Collection) (out []kidDiff, err error) {
	e := rec.Entry
	for _, c := range g.below(parents) {
		cc := c.Under(e.Local)
		if !canList(cc) {
			continue
		}
		kids, err := g.kids(ctx, cc)
		if err != nil {
			return nil, err
		}
		found := make(map[string]kid, len(kids))
		for _, k := range kids {
			found[k.Local] = k
		}
		for _, child := range e.Children {
			if child.Collection != c.Name() || child.Deleted || child.Local == "" {
				continue
			}
			want := cc.Expect(child.Fields)
			k, there := found[child.Local]
			delete(found, child.Local)
			if there && len(profile.Diff(want, k.Fields)) == 0 {
				continue
			}
			d := kidDiff{id: child.ID, gone: !there, pair: request.FieldPair{Name: c.Name() + "/" + string(child.ID), Ledger: want.AppendJSON(nil)}}
			if there {
				d.pair.Record = k.Fields.AppendJSON(nil)
			}
			out = append(out, d)
		}
		if e.Role != request.Owner {
			continue
		}
		for _, local := range slices.Sorted(maps.Keys(found)) {
			out = append(out, kidDiff{pair: request.FieldPair{Name: c.Name() + "/" + local, Record: found[local].Fields.AppendJSON(nil)}})
		}
	}
	return out, nil
}

// publish makes a version of what somebody changed in the owner's record, owes it to all holders, and has the routes judge it as they
// judge an update. In the request's lane.
func (g *Engine) publish(ctx context.Context, rec store.Record, d difference) (store.Record, error) {
	e := rec.Entry
	out := g.judged(g.router().Decide(routing.Input{Event: routing.Update, Collection: e.Collection, Site: g.Self, Owner: g.Self,
		Origin: e.Origin, EnteredBy: e.EnteredBy, Old: e.Fields, New: d.merged, Now: g.now()}), e, rec.Holders)
	after, err := g.step(ctx, rec, Seen{Fields: d.merged, ETag: d.etag, Owe: g.behind(rec.Holders, out.debts, true),
		Plan: bounded(out.plan, e.Hops, e.Routes), Now: g.now()})
	if err == nil {
		g.Log.Info("a change that was made behind the gateway is published", append(logRequest(after.Entry), zap.Strings("fields", d.names),
			zap.Strings("routes", out.fired))...)
		g.notice(e.Collection, NoticePublished)
	}
	return after, err
}

// bury makes a deletion of a record that is gone at the owner. In the request's lane.
func (g *Engine) bury(ctx context.Context, rec store.Record) (store.Record, error) {
	after, err := g.step(ctx, rec, Vanished{Site: g.Self, Owe: g.behind(rec.Holders, nil, false), Now: g.now()})
	if err == nil {
		g.Log.Warn("a record was deleted behind the gateway; its request is deleted everywhere", logRequest(rec.Entry)...)
		g.notice(rec.Entry.Collection, NoticeDeleted)
	}
	return after, err
}

// ownShot is the state of a copy as its owner would send it.
func ownShot(e request.Entry) request.Snapshot {
	s := e.Snapshot()
	s.Locals, s.Terms = e.Locals, e.Terms // Snapshot takes the local id for the owner's
	return s
}

// restore makes a copy's record what the ledger says. In the request's lane.
func (g *Engine) restore(ctx context.Context, rec store.Record, c *profile.Collection, d difference) (store.Record, error) {
	return g.restoreTo(ctx, rec, c, ownShot(rec.Entry), d)
}

// restoreTo makes a copy's record what a snapshot of its own version says, anew when it is gone: as an apply of the version that the copy has, with an
// intent, so that it is safe against everything that an apply is. In the request's lane.
func (g *Engine) restoreTo(ctx context.Context, rec store.Record, c *profile.Collection, s request.Snapshot, d difference) (store.Record, error) {
	e := rec.Entry
	if !d.missing && e.Local != "" {
		// The version is the one that the copy has, so an apply of it sets nothing by calls of their own.
		if field, err := g.setFields(ctx, c, e.Local, s.Fields.Only(d.names...)); err != nil {
			return rec, &request.Error{Op: "replicate.restore", Kind: request.Unavailable, Request: e.ID, Retry: time.Second, Detail: "setting " + field + ": " + err.Error()}
		}
	}
	done := g.write(ctx, rec, c, s, nil)
	if done.ack.State != peer.Delivered {
		return done.rec, &request.Error{Op: "replicate.restore", Kind: request.Unavailable, Request: e.ID, Retry: time.Second, Detail: done.ack.Cause}
	}
	what, text := NoticeReverted, "a copy that was changed behind the gateway was made right"
	if d.missing {
		what, text = NoticeRemade, "a copy that was deleted behind the gateway was made again"
	}
	g.Log.Info(text, append(logRequest(done.rec.Entry), zap.Strings("fields", d.names))...)
	g.notice(e.Collection, what)
	return done.rec, nil
}

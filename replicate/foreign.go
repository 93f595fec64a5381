package replicate

import (
	"context"
	"fmt"
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

func (Vanished) event() {}

// noticed is the part of Step about what happened behind the gateway.
func noticed(e request.Entry, ev Event) (store.Tx, error) {
	v, ok := ev.(Vanished)
	if !ok {
		return store.Tx{}, fmt.Errorf("%s: unknown event %T", e.ID, ev)
	}
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
		case held && same(want, is), !held && (!there || same(f.Value, is)), !held && e.Role != request.Owner:
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
	if e.Local == "" || e.Role != request.Owner && e.Role != request.Copy || e.Intent != nil || len(e.Suspect) > 0 || !e.Terms.Linked() {
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

// restore makes a copy's record what the ledger says, anew when it is gone: as an apply of the version that the copy has, with an
// intent, so that it is safe against everything that an apply is. In the request's lane.
func (g *Engine) restore(ctx context.Context, rec store.Record, c *profile.Collection, d difference) (store.Record, error) {
	e := rec.Entry
	s := e.Snapshot()
	s.Locals, s.Terms = e.Locals, e.Terms // Snapshot takes the local id for the owner's
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

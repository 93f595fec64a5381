package replicate

import (
	"context"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file is about answers of an API that say too little, or too much: records made without an id, fields taken and ignored.

// unfinished ends an apply after which the record is not what it should be.
func (g *Engine) unfinished(ctx context.Context, rec store.Record, out taken, landed Landed, ack peer.Ack, s request.Snapshot) taken {
	var err error
	if out.kind == request.Create {
		rec, err = g.step(ctx, out.rec, Named{Local: landed.Local, Now: g.now()}) // it exists: that must not be forgotten
	} else {
		rec, err = g.step(ctx, rec, Failed{Status: landed.Status, Now: g.now()})
	}
	if out.rec, out.ack = rec, ack; err != nil {
		out.ack = retry(s, err.Error())
	}
	return out
}

// follow writes the fields that the API does not take when a record is made.
func (g *Engine) follow(ctx context.Context, c *profile.Collection, local string, s request.Snapshot, late request.Fields) (ack peer.Ack, ok bool) {
	o := updating(c, local, late, profile.Marks{})
	call, err := g.made(ctx, c, o)
	if err != nil {
		return failedBefore(s, err), false
	}
	ans, err := g.send(ctx, c, call, o)
	if err != nil {
		return unavailable(s, err.Error()), false
	}
	switch c.Judge(o.verb, ans) {
	case profile.Accepted:
		return ack, true
	case profile.Refused:
		return parked(s, said(g.Self, ans)), false
	}
	return unavailable(s, said(g.Self, ans)), false
}

// insisted reads a record back and lists the fields that are not what was written. They are written once more before that is believed:
// some APIs take fields in an update that they ignore when a record is made, and somebody may have written in between.
func (g *Engine) insisted(ctx context.Context, c *profile.Collection, local string, s request.Snapshot, kind request.Kind) []string {
	lost := g.ignored(ctx, c, local, s.Fields)
	if len(lost) == 0 || kind != request.Create && kind != request.Update {
		return lost
	}
	o := updating(c, local, s.Fields.Only(lost...), profile.Marks{})
	call, err := g.made(ctx, c, o)
	if err != nil {
		return lost
	}
	if ans, err := g.send(ctx, c, call, o); err != nil || c.Judge(o.verb, ans) != profile.Accepted {
		return lost
	}
	return g.ignored(ctx, c, local, s.Fields)
}

// refound looks for the record of a copy that is about to be made: made again, when what its API once said was gone may only have been
// hidden; or for a request that is older than this site's store, which may have been lost before anybody heard of the copy.
func (g *Engine) refound(ctx context.Context, rec store.Record, c *profile.Collection, s request.Snapshot) (store.Record, error) {
	e := rec.Entry
	if e.Local != "" || s.Deleted || !s.Terms.Linked() {
		return rec, nil
	}
	call, ok := c.FindCall(s.ID)
	if !ok {
		return rec, nil
	}
	if again := e.Role == request.Copy && !e.Version.IsZero(); !again {
		if old, err := g.formerly(s.ID); err != nil || !old {
			return rec, err
		}
	}
	ans, err := g.Upstream.Do(ctx, call, true)
	if err != nil {
		return rec, &request.Error{Op: "replicate.find", Kind: request.Unavailable, Request: s.ID, Err: err, Retry: time.Second}
	}
	hits, err := c.Found(ans, s.ID)
	if err == nil {
		hits, err = g.verified(ctx, c, s.ID, hits)
	}
	if err != nil {
		return rec, &request.Error{Op: "replicate.find", Kind: request.Unavailable, Request: s.ID, Err: err, Retry: time.Second}
	}
	hits = slices.DeleteFunc(hits, func(h profile.Created) bool { return h.Local == e.Apart || c.Deleted(h.Record) })
	if len(hits) == 0 {
		return rec, nil
	}
	return g.step(ctx, rec, Paired{Local: hits[0].Local, Site: g.Self, Now: g.now()})
}

// searched finds the record of a create that was answered without a usable id, as some APIs do. What cannot be found now is left to
// the resolver.
func (g *Engine) searched(ctx context.Context, out taken, c *profile.Collection, s request.Snapshot) taken {
	out.ack = retry(s, "the upstream answered a create without a usable id")
	after, err := g.look(ctx, out.rec, c, true)
	if err != nil {
		return out
	}
	if out.rec, out.ans = after, nil; after.Entry.Intent == nil && after.Entry.Version == s.Version {
		out.ack = delivered(after.Entry)
	}
	return out
}

// ignored reads a record back and lists the fields that are not what was written.
func (g *Engine) ignored(ctx context.Context, c *profile.Collection, local string, want request.Fields) []string {
	record, _, err := g.read(ctx, c, local)
	if err != nil {
		return nil
	}
	got, err := c.FromRecord(record)
	if err != nil {
		return nil
	}
	return profile.Diff(c.Expect(want), got)
}

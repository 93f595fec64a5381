package replicate

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file sends writes of children from a copy to the owner, and answers clients with a child as it is at their site.

// forwardChild sends a write of a copy's child to the request's owner and brings the copy up to the version that came of it.
func (g *Engine) forwardChild(ctx context.Context, rec store.Record, f family, w request.Write) (request.Result, error) {
	e := rec.Entry
	if cmp.Or(e.Terms.Writes, g.set().Writes) == "refuse" {
		return request.Result{Entry: e}, &request.Error{Op: "replicate.forward", Kind: request.Conflict, Request: e.ID,
			Detail: "the request is owned by " + string(e.Owner) + " and this site refuses writes of its copies; write it there"}
	}
	cw := *w.Child
	if w.Kind == request.Create {
		if cw.ID == "" {
			cw.ID = request.NewID(g.now())
		}
	} else if c, ok := e.ChildAt(cw.Collection, cw.Local); ok {
		cw.ID = c.ID
	} else {
		return request.Result{Entry: e}, &request.Error{Op: "replicate.child", Kind: request.NotFound, Request: e.ID,
			Detail: "the request has no such record in " + cw.Collection + " at " + string(g.Self)}
	}
	if w.Raw == "" {
		if err := forged(f.children, request.Entry{ID: cw.ID, Version: e.Version, Owner: e.Owner}, request.Write{Kind: cw.Kind, Call: w.Call}); err != nil {
			return request.Result{Entry: e}, err
		}
	}
	fw := w
	local := cw
	local.Local = ""
	fw.Child, fw.Call, fw.Key, fw.Digest, fw.Local, fw.IfMatch = &local, nil, "", "", "", nil
	fw.Via = append(w.Via[:len(w.Via):len(w.Via)], g.Self)
	fw.Raw = ""
	owner, reply, err := g.chase(ctx, e, fw)
	for range pushes {
		if request.KindOf(err) != request.NoContent || err == nil || cw.File == nil {
			break
		}
		if err = g.push(ctx, owner, *cw.File); err == nil {
			owner, reply, err = g.chase(ctx, e, fw)
		}
	}
	if err != nil {
		switch request.KindOf(err) {
		case request.NotSent, request.OwnerUnreachable:
			return request.Result{Entry: e}, unreachable(e.ID, owner, err)
		case request.Doubtful:
			return g.followLater(ctx, fw, owner, err)
		case errBecameOwner:
			w.Child = &cw
			return g.changeChild(ctx, f, w)
		}
		return request.Result{Entry: deletedIn(e, err)}, err
	}
	if reply.Answer != nil {
		return request.Result{Answer: reply.Answer, Entry: e, Op: w.Op}, nil
	}
	return g.adoptChild(ctx, f, reply, cw, w), nil
}

// adoptChild brings this site's copy to the state in the owner's reply and answers with the child as it is here.
func (g *Engine) adoptChild(ctx context.Context, f family, reply peerReply, cw request.ChildWrite, w request.Write) request.Result {
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+g.Hold+storeTimeout)
	defer cancel()
	done := g.take(dctx, f.parents, reply.Snapshot)
	res := request.Result{Entry: done.rec.Entry, Version: reply.Version, Replayed: reply.Replayed, Op: w.Op, Routes: reply.Routes,
		Copies: g.withSelf(reply.Copies, done)}
	if done.rec.Entry.ID == "" || done.rec.Entry.Version.IsZero() {
		res.Entry = entryOf(reply.Snapshot)
	}
	if ans, err := g.shapeChild(dctx, f, done.rec.Entry, cw); err == nil {
		res.Answer = &ans
		return res
	}
	// The owner has it and the copy here is still to come: say so with what will be in it.
	res.Answer = &request.Answer{Status: http.StatusAccepted, Header: http.Header{"Content-Type": {"application/json"}}, Body: w.Fields.AppendJSON(nil)}
	return res
}

// shapeChild is the answer that this site's API would give to a write of a child, with the child as it is now.
func (g *Engine) shapeChild(ctx context.Context, f family, e request.Entry, cw request.ChildWrite) (request.Answer, error) {
	out := request.Answer{Status: f.children.Success(verb(cw.Kind)), Header: http.Header{}}
	if cw.Kind == request.Delete {
		return out, nil
	}
	kid, ok := e.Child(cw.ID)
	if !ok || kid.Local == "" || e.Local == "" {
		return out, &request.Error{Op: "replicate.child", Kind: request.NotYet, Request: e.ID, Detail: "the record is not here yet"}
	}
	cc := f.children.Under(e.Local)
	if out.Status == http.StatusNoContent {
		return out, nil
	}
	out.Header.Set("Content-Type", "application/json")
	if !cc.Can(profile.Read) {
		record, err := g.readChild(ctx, cc, kid.Local)
		out.Body = record
		return out, err
	}
	ans, err := g.Upstream.Do(ctx, cc.ReadCall(kid.Local), true)
	if err != nil || cc.Judge(profile.Read, ans) != profile.Accepted {
		return out, &request.Error{Op: "replicate.read", Kind: request.Unavailable, Request: e.ID, Err: err, Retry: time.Second,
			Detail: "the write is done, but the record cannot be read just now"}
	}
	out.Body = ans.Body
	if ct := ans.Header.Get("Content-Type"); ct != "" {
		out.Header.Set("Content-Type", ct)
	}
	if cw.Kind == request.Create {
		out.Header.Set("Location", cc.Target(profile.Read, kid.Local))
	}
	return out, nil
}

// replayChild answers a write of a child that was made before.
func (g *Engine) replayChild(ctx context.Context, rec store.Record, f family, w request.Write, op request.Op) (request.Result, error) {
	res := request.Result{Entry: rec.Entry, Copies: rec.Holders, Version: op.Version, Op: op.ID, Replayed: true}
	cw := *w.Child
	if cw.ID == "" {
		for _, c := range rec.Entry.Children {
			if c.Version == op.Version {
				cw.ID = c.ID
			}
		}
	}
	ans, err := g.shapeChild(ctx, f, rec.Entry, cw)
	res.Answer = &ans
	return res, err
}

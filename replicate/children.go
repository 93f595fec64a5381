package replicate

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file runs clients' writes of children (comments, files). A child is part of its parent's state: its write is a version of the
// parent, made under the parent's intent at the parent's owner, and it reaches the holders with the parent.

// family is a collection of children, with that of their parents.
type family struct {
	parents, children *profile.Collection
}

// of is the family of a child collection here.
func (g *Engine) family(child string) (family, error) {
	children, err := g.collection(child)
	if err != nil {
		return family{}, err
	}
	parents, err := g.collection(children.Parent())
	return family{parents, children}, err
}

// below lists the child collections of a collection at this site.
func (g *Engine) below(parents *profile.Collection) []*profile.Collection {
	var out []*profile.Collection
	for _, name := range g.set().Profile.Order() {
		if c := g.set().Profile.Collections[name]; c.Parent() == parents.Name() {
			out = append(out, c)
		}
	}
	return out
}

// runChild runs a client's write of a child at this site.
func (g *Engine) runChild(ctx context.Context, w request.Write) (request.Result, error) {
	f, err := g.family(w.Child.Collection)
	if err != nil {
		return request.Result{}, err
	}
	rec, err := g.parentOf(ctx, w)
	if err != nil && request.KindOf(err) == request.NotFound && w.Local == "" {
		return g.passUnknown(ctx, w)
	}
	if err != nil && request.KindOf(err) == request.NotFound {
		rec, err = g.recognizeParent(ctx, f, w)
		if err != nil && request.KindOf(err) == request.NotFound {
			return g.passUnknown(ctx, w)
		}
	}
	if err != nil {
		return request.Result{}, err
	}
	w.Request = rec.Entry.ID
	if e := rec.Entry; w.Local != "" && w.Local != e.Local && e.Local != "" && w.Call != nil {
		call := *w.Call
		call.Target = moved(call.Target, f.children.Under(e.Local).Target(verb(w.Kind), w.Child.Local))
		if w.Kind == request.Create && w.Raw == "" {
			if call.Body, err = f.children.WithParent(call.Body, e.Local); err != nil {
				return request.Result{}, err
			}
		}
		w.Call = &call
	}
	return g.changeChild(ctx, f, w)
}

// parentOf finds the request that a child belongs to: the call names it, or it is the one in which the child is known.
func (g *Engine) parentOf(ctx context.Context, w request.Write) (store.Record, error) {
	if w.Local != "" {
		return g.locate(ctx, w.Collection, w.Local)
	}
	rec, err := soon(func() (store.Record, error) {
		return g.Ledger.Lookup(ctx, w.Collection, childLink(g.Self, w.Child.Collection, w.Child.Local))
	})
	return rec, g.before(storeError("replicate.Lookup", "", err))
}

// moved is a target with another path.
func moved(target, path string) string {
	path, _, _ = strings.Cut(path, "?")
	if _, query, ok := strings.Cut(target, "?"); ok {
		path += "?" + query
	}
	return path
}

func (g *Engine) recognizeParent(ctx context.Context, f family, w request.Write) (store.Record, error) {
	leave, err := g.lanes.enter(ctx, w.Collection+"/"+w.Local)
	if err != nil {
		return store.Record{}, err
	}
	defer leave()
	return g.recognize(ctx, f.parents, request.Write{Kind: request.Update, Collection: w.Collection, Local: w.Local})
}

// changeChild runs a write of a child of a known request.
func (g *Engine) changeChild(ctx context.Context, f family, w request.Write) (request.Result, error) {
	rec, leave, err := g.resting(ctx, w.Request)
	for tries := g.crossings(); err == nil && rec.Entry.Role == request.Owner; {
		res, err := g.ownChild(ctx, rec, f, w)
		leave()
		if !tries.more(err) {
			return res, err
		}
		rec, leave, err = g.resting(ctx, w.Request)
		if err != nil {
			return request.Result{}, err
		}
	}
	if err != nil {
		return request.Result{}, err
	}
	leave()
	switch rec.Entry.Role {
	case request.Copy, request.Away:
		return g.forwardChild(ctx, rec, f, w)
	case request.Tombstone:
		return request.Result{Entry: rec.Entry}, gone(rec.Entry)
	}
	return request.Result{}, &request.Error{Op: "replicate.Write", Kind: request.NotYet, Request: w.Request, Retry: time.Second,
		Detail: "the request is " + string(rec.Entry.Role) + " at this site; repeat in a moment"}
}

// ownChild writes a child at the owner, in the request's lane.
func (g *Engine) ownChild(ctx context.Context, rec store.Record, f family, w request.Write) (request.Result, error) {
	e := rec.Entry
	if op, ok := e.FindOp(w.Op); ok && op.Outcome == request.Done {
		return g.replayChild(ctx, rec, f, w, op)
	}
	cw := *w.Child
	cc := f.children.Under(e.Local)
	if w.Kind == request.Create {
		if cw.ID == "" {
			cw.ID = request.NewID(g.now())
		}
	} else {
		var err error
		if rec, cw, err = g.meant(ctx, rec, f, cw); err != nil {
			if request.KindOf(err) == request.NotFound && w.Call != nil {
				return g.passUnknown(ctx, w) // the API's own to refuse
			}
			return request.Result{Entry: e}, err
		}
		e = rec.Entry
	}
	next := e.Version.Next()
	in := request.Intent{Kind: request.Update, Op: w.Op, Version: next, Fields: w.Fields, Child: &cw, Token: rec.Rev + 1, Entry: g.entryOf(w),
		Owe: g.behind(rec.Holders, nil, true)}
	o := childCall(cc, cw, w.Fields, profile.Marks{Request: cw.ID, Version: next, Owner: g.Self, State: string(request.Owner)})
	if w.Call != nil {
		o = ownCall{verb: "client's", make: func(profile.Current) (request.Call, error) {
			if w.Raw != "" {
				return *w.Call, nil
			}
			return cc.Splice(verb(cw.Kind), *w.Call, profile.Marks{Request: cw.ID, Version: next, Owner: g.Self, State: string(request.Owner)}, cw.Kind != request.Create)
		}}
	}
	if cw.File != nil && cw.Kind == request.Create { // the bytes must be here before anything is begun
		if _, whole := g.whole(cw.File.SHA256); !whole {
			return request.Result{Entry: e}, missing(*cw.File)
		}
	}
	call, err := g.made(ctx, cc, o)
	if err != nil {
		return request.Result{Entry: e}, err
	}
	if rec, err = g.begin(ctx, rec, in); err != nil {
		return request.Result{}, err
	}
	ans, err := g.sendChild(g.guard(ctx, rec), rec.Entry, cc, call, o, w)
	res, err := g.concludeChild(ctx, rec, f, ans, err)
	res.Op = w.Op
	return res, err
}

// sendChild makes the call that writes a child at the owner: the client's own, or the gateway's. Those of files have bodies of any size.
func (g *Engine) sendChild(ctx context.Context, e request.Entry, cc *profile.Collection, call request.Call, o ownCall, w request.Write) (request.Answer, error) {
	cw := e.Intent.Child
	switch {
	case w.Call != nil && w.Raw != "":
		body, size, err := rawBody(g.Files, w.Raw)
		if err != nil {
			return request.Answer{}, &request.Error{Op: "replicate.upload", Kind: request.NotSent, Err: err}
		}
		defer func() { _ = body.Close() }()
		return g.stream(ctx, call, body, size, false)
	case w.Call != nil:
		return g.Upstream.Do(context.WithoutCancel(ctx), call, false)
	case cw.File != nil && cw.Kind == request.Create:
		m := profile.Marks{Request: cw.ID, Version: e.Intent.Version, Owner: g.Self, State: string(request.Owner)}
		return g.upload(ctx, cc, e, request.Child{ID: cw.ID, Collection: cw.Collection, Fields: w.Fields, File: cw.File}, m)
	}
	return g.send(context.WithoutCancel(ctx), cc, call, o)
}

// childCall is the gateway's own call that writes a child.
func childCall(cc *profile.Collection, cw request.ChildWrite, fields request.Fields, m profile.Marks) ownCall {
	switch cw.Kind {
	case request.Create:
		return creating(cc, fields, m)
	case request.Delete:
		return deleting(cc, cw.Local)
	}
	return updating(cc, cw.Local, fields, m)
}

// meant finds the child that a write is about: by its id in the network, or by its local id here. One that the ledger does not know
// was there before the gateway, or was made behind it: then all of the request's children are looked at.
func (g *Engine) meant(ctx context.Context, rec store.Record, f family, cw request.ChildWrite) (store.Record, request.ChildWrite, error) {
	find := func() (c request.Child, ok bool) {
		if cw.ID != "" {
			return rec.Entry.Child(cw.ID)
		}
		return rec.Entry.ChildAt(cw.Collection, cw.Local)
	}
	c, ok := find()
	if !ok && cw.ID == "" {
		after, err := g.gather(ctx, rec, f.parents)
		if err != nil {
			return rec, cw, err
		}
		rec = after
		c, ok = find()
	}
	if !ok || c.Deleted || c.Local == "" {
		return rec, cw, &request.Error{Op: "replicate.child", Kind: request.NotFound, Request: rec.Entry.ID,
			Detail: "the request has no such record in " + cw.Collection + " at " + string(g.Self)}
	}
	cw.ID, cw.Local = c.ID, c.Local
	return rec, cw, nil
}

// concludeChild ends a write of a child by what the upstream said, or did not say. The record still has its intent.
func (g *Engine) concludeChild(ctx context.Context, rec store.Record, f family, ans request.Answer, err error) (request.Result, error) {
	cw := rec.Entry.Intent.Child
	if err != nil {
		if k := request.KindOf(err); k == request.NotSent || k == request.ClientGone {
			return g.refuse(ctx, rec, nil, &request.Error{Op: "replicate.upstream", Kind: request.Unavailable, Request: rec.Entry.ID,
				Detail: "the request API of " + string(g.Self) + " cannot be reached; nothing was done", Err: err, Retry: 2 * time.Second})
		}
		return g.unknown(ctx, rec, f.parents)
	}
	cc := f.children.Under(rec.Entry.Local)
	switch cc.Judge(verb(cw.Kind), ans) {
	case profile.Accepted:
		return g.acceptedChild(ctx, rec, f, ans)
	case profile.Gone:
		if cw.Kind == request.Delete && g.credible(ctx, f.parents) {
			return g.acceptedChild(ctx, rec, f, ans)
		}
		return g.refuse(ctx, rec, &ans, nil)
	case profile.Refused, profile.Unavailable, profile.Stale:
		return g.refuse(ctx, rec, &ans, nil)
	}
	if ans.Status < 500 || ans.Status == http.StatusBadGateway || ans.Status == http.StatusGatewayTimeout {
		return g.unknown(ctx, rec, f.parents)
	}
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+storeTimeout)
	defer cancel()
	in := rec.Entry.Intent
	if after, err := g.look(dctx, rec, f.parents, true); err == nil && after.Entry.Intent == nil && made(after.Entry, in) {
		return g.found(dctx, after, f.parents, in)
	}
	return g.refuse(ctx, rec, &ans, nil)
}

// acceptedChild records a write of a child that the upstream confirmed.
func (g *Engine) acceptedChild(ctx context.Context, rec store.Record, f family, ans request.Answer) (request.Result, error) {
	in := rec.Entry.Intent
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+storeTimeout)
	defer cancel()
	kid := request.Child{ID: in.Child.ID, Collection: in.Child.Collection, Local: in.Child.Local, Fields: in.Fields, Deleted: in.Child.Kind == request.Delete}
	if !kid.Deleted {
		var err error
		if kid, err = g.childAfter(dctx, rec.Entry, f, ans); err != nil {
			return g.unknown(ctx, rec, f.parents) // the resolver lists the children and finds it
		}
	}
	after, err := g.step(dctx, rec, Landed{Local: rec.Entry.Local, Child: &kid, Status: ans.Status, Now: g.now()})
	if err != nil {
		return g.doubtful(dctx, rec, "the write was made but could not be recorded yet")
	}
	return request.Result{Answer: &ans, Entry: after.Entry, Copies: after.Holders, Version: in.Version}, nil
}

// pushes is how often a file is sent to an owner that does not have it (any more).
const pushes = 3

// errNoID says that the answer to the making of a child does not tell which it is.
var errNoID = errors.New("the answer does not tell the id of the new record")

// childAfter is a child as it is after its write, of which the answer is given.
func (g *Engine) childAfter(ctx context.Context, e request.Entry, f family, ans request.Answer) (request.Child, error) {
	in := e.Intent
	cc := f.children.Under(e.Local)
	kid := request.Child{ID: in.Child.ID, Collection: in.Child.Collection, Local: in.Child.Local, Fields: in.Fields, File: in.Child.File}
	var record []byte
	if in.Child.Kind == request.Create {
		made, err := cc.Created(ans)
		if err != nil {
			return kid, errNoID
		}
		if _, taken := e.ChildAt(kid.Collection, made.Local); taken {
			return kid, errNoID
		}
		kid.Local, record = made.Local, made.Record
	} else if r, ok := cc.Answered(ans, kid.Local); ok {
		record = r
	}
	if was, ok := e.Child(kid.ID); ok && in.Child.Kind == request.Update {
		kid.Fields, kid.File = was.Fields.Merge(in.Fields), was.File
	}
	if err := g.filled(ctx, cc, e, kid, kid.Local); in.Child.Kind == request.Create && err != nil {
		return kid, err
	}
	if record == nil || cc.ReadBack() {
		if r, err := g.readChild(ctx, cc, kid.Local); err == nil {
			record = r
		}
	}
	if record != nil {
		if fields, err := cc.FromRecord(record); err == nil {
			kid.Fields = fields
		}
	}
	return kid, nil
}

// readChild reads one child: by itself or, where the API cannot, from the list of all.
func (g *Engine) readChild(ctx context.Context, cc *profile.Collection, local string) ([]byte, error) {
	if cc.Can(profile.Read) {
		record, _, err := g.read(ctx, cc, local)
		return record, err
	}
	kids, err := g.kids(ctx, cc)
	if err != nil {
		return nil, err
	}
	for _, k := range kids {
		if k.Local == local {
			return k.Record, nil
		}
	}
	return nil, &request.Error{Op: "replicate.read", Kind: request.NotFound, Detail: "there is no " + cc.Name() + " " + local}
}

package replicate

import (
	"context"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file brings the children of a copy to what a snapshot says, and finds those that came to be without a call that tells.

// kid is a child as this site's API lists it.
type kid struct {
	Local  string
	Record []byte
	Fields request.Fields
	// ID is the child that the record names, where the profile has a place for that.
	ID request.ID
	// File is what the record says of its bytes, in a collection of files.
	File request.File
}

// pagesMost bounds a walk through the children of one request.
const pagesMost = 1000

// kids lists the children of one parent.
func (g *Engine) kids(ctx context.Context, cc *profile.Collection) ([]kid, error) {
	walk := cc.List(time.Time{})
	var out []kid
	for range pagesMost {
		call, ok := walk.Call()
		if !ok {
			return out, nil
		}
		ans, err := g.Upstream.Do(ctx, call, true)
		if err == nil && cc.Judge(profile.List, ans) != profile.Accepted {
			err = &request.Error{Op: "replicate.kids", Kind: request.Unavailable, Detail: said(g.Self, ans)}
		}
		var page []profile.Listed
		if err == nil {
			page, err = walk.Take(ans)
		}
		if err != nil {
			return nil, &request.Error{Op: "replicate.kids", Kind: request.Unavailable, Err: err, Retry: time.Second,
				Detail: "listing " + cc.Name()}
		}
		for _, l := range page {
			k, ok, err := g.kidOf(ctx, cc, l)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, k)
			}
		}
	}
	return nil, &request.Error{Op: "replicate.kids", Kind: request.Unavailable, Detail: "the list of " + cc.Name() + " does not end"}
}

// kidOf is an item of a list; ok is false for one that is gone, or no record of this kind.
func (g *Engine) kidOf(ctx context.Context, cc *profile.Collection, l profile.Listed) (k kid, ok bool, err error) {
	if l.Record == nil {
		l.Record, _, err = g.read(ctx, cc, l.Local)
		if request.KindOf(err) == request.NotFound && err != nil {
			return k, false, nil
		}
		if err != nil {
			return k, false, err
		}
	}
	if cc.Deleted(l.Record) {
		return k, false, nil
	}
	fields, err := cc.FromRecord(l.Record)
	if err != nil || !cc.Complete(fields) {
		return k, false, nil // an entry of another kind in the same list
	}
	k = kid{Local: l.Local, Record: l.Record, Fields: fields}
	if m, ok := cc.Stamp(l.Record); ok {
		k.ID = m.Request
	}
	if cc.IsFile() {
		k.File = cc.FileOf(l.Record)
	}
	return k, true, nil
}

// likely finds the record of a child among those that no other child is known by: the one that carries its id or, where records
// carry none, the first with its fields.
func likely(cc *profile.Collection, kids []kid, e request.Entry, c request.Child) (kid, bool) {
	id, want := c.ID, cc.Expect(c.Fields)
	var found *kid
	for i := range kids {
		k := &kids[i]
		if other, taken := e.ChildAt(cc.Name(), k.Local); taken && other.ID != id {
			continue
		}
		if k.ID == id {
			return *k, true
		}
		if k.ID == "" && found == nil && len(profile.Diff(want, k.Fields)) == 0 && (c.File == nil || alike(*c.File, k.File)) {
			found = k
		}
	}
	if found == nil {
		return kid{}, false
	}
	return *found, true
}

// alike reports whether a record may be that of a file, by its name and size where it shows them.
func alike(f, shown request.File) bool {
	return (shown.Name == "" || shown.Name == f.Name) && (shown.Size <= 0 || shown.Size == f.Size)
}

// lookForChild finds out how the write of a child ended: the children of the request are few, so a look at all of them tells.
func (g *Engine) lookForChild(ctx context.Context, rec store.Record, quiet bool) (store.Record, error) {
	e := rec.Entry
	in := e.Intent
	f, err := g.family(in.Child.Collection)
	if err != nil {
		return rec, err
	}
	cc := f.children.Under(e.Local)
	kids, err := g.kids(ctx, cc)
	if err != nil {
		if quiet && in.Child.Kind == request.Create && !canList(cc) {
			return g.step(ctx, rec, Doubted{Reason: "the API cannot list " + cc.Name() + ", so nobody can tell whether one was made", Now: g.now()})
		}
		return rec, err
	}
	done := func(c request.Child) (store.Record, error) {
		return g.step(ctx, rec, Landed{Local: e.Local, Child: &c, Status: cc.Success(verb(in.Child.Kind)), Now: g.now()})
	}
	c := request.Child{ID: in.Child.ID, Collection: in.Child.Collection, Local: in.Child.Local, File: in.Child.File}
	i := slices.IndexFunc(kids, func(k kid) bool { return k.Local == in.Child.Local && k.Local != "" })
	switch in.Child.Kind {
	case request.Create:
		c.Fields = in.Fields
		if k, ok := likely(cc, kids, e, c); ok {
			c.Local, c.Fields = k.Local, k.Fields
			if err := g.filled(ctx, cc, e, c, k.Local); err != nil {
				return rec, err
			}
			return done(c)
		}
	case request.Delete:
		if i < 0 {
			c.Deleted = true
			return done(c)
		}
	default:
		if i >= 0 && len(profile.Diff(cc.Expect(in.Fields), kids[i].Fields)) == 0 {
			if was, ok := e.Child(c.ID); ok {
				c.File = was.File
			}
			c.Fields = kids[i].Fields
			return done(c)
		}
	}
	if quiet {
		return g.step(ctx, rec, Failed{Now: g.now()})
	}
	return rec, nil
}

func canList(c *profile.Collection) bool { ok, _ := c.CanList(); return ok }

// gather compares the children that the owner's record has with those recorded, and makes a version of what is different. It runs in
// the request's lane, at its owner, while nothing is under way.
func (g *Engine) gather(ctx context.Context, rec store.Record, parents *profile.Collection) (store.Record, error) {
	e := rec.Entry
	children, changed := e.Children, false
	for _, c := range g.below(parents) {
		cc := c.Under(e.Local)
		if !canList(cc) {
			continue
		}
		kids, err := g.kids(ctx, cc)
		if err != nil {
			return rec, err
		}
		for _, k := range kids {
			was, known := e.ChildAt(c.Name(), k.Local)
			if known && len(profile.Diff(was.Fields, k.Fields)) == 0 && len(profile.Diff(k.Fields, was.Fields)) == 0 {
				continue
			}
			next := request.Child{ID: was.ID, Collection: c.Name(), Local: k.Local, Fields: k.Fields, File: was.File}
			if !known {
				next.ID = request.NewID(g.now())
			}
			if err := g.weigh(ctx, cc, &next, k.Record); err != nil {
				return rec, err
			}
			children, changed = request.Joined(children, next), true
		}
		for _, was := range e.Children {
			if was.Collection == c.Name() && !was.Deleted && was.Local != "" && !slices.ContainsFunc(kids, func(k kid) bool { return k.Local == was.Local }) {
				children, changed = request.Joined(children, request.Child{ID: was.ID, Collection: was.Collection, Deleted: true}), true
			}
		}
	}
	if !changed {
		return rec, nil
	}
	return g.step(ctx, rec, Gathered{Children: children, Owe: g.behind(rec.Holders, nil, true), Now: g.now()})
}

// gatherAfter looks for children that rode in a client's write of the request.
func (g *Engine) gatherAfter(ctx context.Context, rec store.Record, parents *profile.Collection) store.Record {
	if !slices.ContainsFunc(g.below(parents), (*profile.Collection).Rides) {
		return rec
	}
	after, err := g.gather(ctx, rec, parents)
	if err != nil {
		g.Log.Warn("looking for what came with a write", logRequest(rec.Entry)...)
		return rec
	}
	return after
}

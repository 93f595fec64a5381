package replicate

import (
	"context"
	"net/http"
	"slices"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file brings the children of a copy to what a snapshot says.

// behindIn lists the children of a snapshot that this copy does not have as they are. lacking is one of which the snapshot brings
// only the name, and that is not here.
func (g *Engine) behindIn(e request.Entry, parents *profile.Collection, s request.Snapshot) (out []request.Child, lacking bool) {
	if s.Deleted || s.Terms.Mode == request.Remove {
		return nil, false
	}
	held := make(map[string]bool)
	for _, c := range g.below(parents) {
		held[c.Name()] = true
	}
	for _, c := range s.Children {
		if !held[c.Collection] {
			continue
		}
		mine, ok := e.Child(c.ID)
		switch {
		case c.Deleted && (!ok || mine.Local == ""):
		case ok && mine.Version == c.Version && (mine.Local != "" || c.Deleted):
		case c.Fields == nil && !c.Deleted:
			lacking = true
		default:
			out = append(out, c)
		}
	}
	return out, lacking
}

// childrenBehind reports whether the children of a copy are not those of a snapshot.
func (g *Engine) childrenBehind(e request.Entry, parents *profile.Collection, s request.Snapshot) bool {
	todo, lacking := g.behindIn(e, parents, s)
	return lacking || len(todo) > 0
}

// childrenWait says why the children of a snapshot cannot be brought now, before anything is done.
func (g *Engine) childrenWait(e request.Entry, parents *profile.Collection, s request.Snapshot) *peer.Ack {
	todo, lacking := g.behindIn(e, parents, s)
	var a peer.Ack
	switch {
	case lacking:
		a = retry(s, "this site lacks a record of a child collection of which it was only told the name")
	case len(todo) > 0 && len(e.Suspect) > 0: // one that was made then could be made again
		a = retry(s, "an earlier write may still land")
	default:
		return nil
	}
	return &a
}

// writeChildren brings the children of a copy whose own record is as it should be.
func (g *Engine) writeChildren(ctx context.Context, rec store.Record, c *profile.Collection, s request.Snapshot) taken {
	rec, err := g.begin(ctx, rec, applying(rec, s))
	if err != nil {
		return taken{rec: rec, ack: retry(s, err.Error())}
	}
	dctx, cancel := detached(g.guard(ctx, rec), g.set().Profile.Timeout+storeTimeout)
	defer cancel()
	return g.applied(dctx, taken{rec: rec, kind: request.Update}, c, s)
}

// halfway records that a record exists whose children are still to be made: they belong under its id, which must not be forgotten.
func (g *Engine) halfway(ctx context.Context, out taken, s request.Snapshot, local string) taken {
	after, err := g.step(ctx, out.rec, Named{Local: local, Now: g.now()})
	if err != nil {
		out.ack = retry(s, err.Error())
		return out
	}
	out.rec, out.again = after, true
	return out
}

// childFailed ends an apply of which a child could not be brought. While the end of that child's call is not known the intent stays.
func (g *Engine) childFailed(ctx context.Context, rec store.Record, out taken, s request.Snapshot, ack peer.Ack) taken {
	out.rec, out.ack = rec, ack
	var err error
	if in := rec.Entry.Intent; ack.State == peer.Retry {
		out.rec, err = g.step(ctx, rec, Taken{Replica: in.Replica, Lease: in.Lease, Sent: g.now()})
	} else {
		out.rec, err = g.step(ctx, rec, Failed{Now: g.now()})
	}
	if err != nil {
		out.ack = retry(s, err.Error())
	}
	return out
}

// bringChildren makes the children of a copy what a snapshot says, in their order. Each that is made is recorded at once, so that a
// death in between makes none twice; one whose making was not answered is looked for among all before it is made again.
func (g *Engine) bringChildren(ctx context.Context, rec store.Record, parents *profile.Collection, s request.Snapshot) (store.Record, *peer.Ack) {
	todo, _ := g.behindIn(rec.Entry, parents, s)
	lists := make(map[string][]kid)
	for _, c := range todo {
		cc := g.set().Profile.Collections[c.Collection].Under(rec.Entry.Local)
		after, ack := g.bringChild(ctx, rec, cc, s, c, lists)
		if rec = after; ack != nil {
			return rec, ack
		}
	}
	return rec, nil
}

// bringChild makes one child of a copy what it is at its owner.
func (g *Engine) bringChild(ctx context.Context, rec store.Record, cc *profile.Collection, s request.Snapshot, c request.Child, lists map[string][]kid) (store.Record, *peer.Ack) {
	fail := func(a peer.Ack) (store.Record, *peer.Ack) { return rec, &a }
	mine, _ := rec.Entry.Child(c.ID)
	cw := request.ChildWrite{ID: c.ID, Collection: c.Collection, Kind: request.Update, Local: mine.Local, File: c.File}
	switch {
	case c.Deleted:
		cw.Kind = request.Delete
	case mine.Local == "":
		cw.Kind = request.Create
		kids, listed := lists[c.Collection]
		if !listed && canList(cc) {
			var err error
			if kids, err = g.kids(ctx, cc); err != nil {
				return fail(unavailable(s, err.Error()))
			}
			lists[c.Collection] = kids
		}
		if k, ok := likely(cc, kids, rec.Entry, c); ok {
			return g.madeAt(ctx, rec, cc, s, c, k.Local)
		}
	case !cc.Can(profile.Update): // it is what it was when it was made
		return g.joined(ctx, rec, s, c, mine.Local)
	}
	o := childCall(cc, cw, c.Fields, profile.Marks{Request: c.ID, Version: c.Version, Owner: s.Owner, State: string(request.Copy)})
	ans, verdict, err := g.tell(ctx, cc, o, ownerOf(rec.Entry, s), c)
	switch {
	case err != nil && (request.KindOf(err) == request.NotSent || request.KindOf(err) == request.Unavailable):
		return fail(unavailable(s, err.Error()))
	case err != nil && request.KindOf(err) == request.Doubtful:
		return fail(retry(s, cc.Name()+": "+err.Error()))
	case err != nil:
		return fail(parked(s, cc.Name()+": "+err.Error()))
	case verdict == profile.Gone && cw.Kind == request.Delete, verdict == profile.Accepted && cw.Kind != request.Create:
		return g.joined(ctx, rec, s, c, mine.Local)
	case verdict == profile.Gone && cw.Kind == request.Update: // it vanished, and is made again
		gone := mine
		gone.Local, gone.Version = "", request.Version{}
		after, err := g.step(ctx, rec, Joined{gone})
		if err != nil {
			return fail(retry(s, err.Error()))
		}
		return g.bringChild(ctx, after, cc, s, c, lists)
	case verdict == profile.Accepted:
		return g.madeChild(ctx, rec, cc, s, c, ans)
	case verdict == profile.Refused:
		return fail(parked(s, cc.Name()+": "+said(g.Self, ans)))
	case verdict == profile.Doubtful:
		return fail(retry(s, cc.Name()+": "+said(g.Self, ans)))
	}
	return fail(unavailable(s, cc.Name()+": "+said(g.Self, ans)))
}

// tell makes the call that writes a child of a copy.
func (g *Engine) tell(ctx context.Context, cc *profile.Collection, o ownCall, e request.Entry, c request.Child) (request.Answer, profile.Verdict, error) {
	if o.verb == profile.Create && c.File != nil && cc.IsFile() {
		m := profile.Marks{Request: c.ID, Version: c.Version, Owner: e.Owner, State: string(request.Copy)}
		ans, err := g.upload(ctx, cc, e, c, m)
		if err != nil {
			return ans, "", err
		}
		return ans, cc.Judge(o.verb, ans), nil
	}
	call, err := g.made(ctx, cc, o)
	if request.KindOf(err) == request.NotFound && err != nil {
		return request.Answer{Status: http.StatusNotFound}, profile.Gone, nil
	}
	if err != nil {
		return request.Answer{}, "", err
	}
	ans, err := g.send(context.WithoutCancel(ctx), cc, call, o)
	if err != nil {
		return ans, "", err
	}
	return ans, cc.Judge(o.verb, ans), nil
}

// madeChild records a child that a copy's API has made.
func (g *Engine) madeChild(ctx context.Context, rec store.Record, cc *profile.Collection, s request.Snapshot, c request.Child, ans request.Answer) (store.Record, *peer.Ack) {
	local := ""
	if made, err := cc.Created(ans); err == nil {
		local = made.Local
	} else if kids, err := g.kids(ctx, cc); err == nil {
		if k, ok := likely(cc, kids, rec.Entry, c); ok {
			local = k.Local
		}
	}
	if other, taken := rec.Entry.ChildAt(c.Collection, local); local == "" || taken && other.ID != c.ID {
		a := retry(s, "the API made a record of "+cc.Name()+" and does not show which")
		return rec, &a
	}
	return g.madeAt(ctx, rec, cc, s, c, local)
}

// madeAt records a child that is at this site, once its bytes are right. A file that the API holds wrongly goes, to be made again.
func (g *Engine) madeAt(ctx context.Context, rec store.Record, cc *profile.Collection, s request.Snapshot, c request.Child, local string) (store.Record, *peer.Ack) {
	err := g.filled(ctx, cc, ownerOf(rec.Entry, s), c, local)
	if err == nil {
		return g.joined(ctx, rec, s, c, local)
	}
	a := unavailable(s, cc.Name()+": "+err.Error())
	if request.KindOf(err) == request.Conflict {
		a = parked(s, cc.Name()+": "+err.Error())
		o := deleting(cc, local)
		if call, err := g.made(ctx, cc, o); err == nil {
			_, _ = g.send(ctx, cc, call, o) // what is left over is found by its name and checked again
		}
	}
	return rec, &a
}

// ownerOf is an entry that follows the owner of a snapshot: that is whom the bytes of files are asked from.
func ownerOf(e request.Entry, s request.Snapshot) request.Entry {
	e.Owner = s.Owner
	if e.Intent != nil && e.Intent.Accept != nil { // this site is about to own it
		e.Owner = e.Intent.Accept.Snapshot.Owner
	}
	return e
}

// joined records how a child is at this site now.
func (g *Engine) joined(ctx context.Context, rec store.Record, s request.Snapshot, c request.Child, local string) (store.Record, *peer.Ack) {
	if c.Local = local; c.Deleted {
		c.Local, c.Fields, c.File = "", nil, nil
	}
	after, err := g.step(ctx, rec, Joined{c})
	if err != nil {
		a := retry(s, err.Error())
		return rec, &a
	}
	return after, nil
}

// trimmed are children of which a holder that confirmed a version is told only the names.
func trimmed(children []request.Child, acked request.Version) []request.Child {
	for i := range children {
		if !children[i].Version.After(acked) {
			children[i].Fields = nil
		}
	}
	return children
}

// orphans are, for a conflict record, the children that an entry has and a state of another lineage does not.
func orphans(e request.Entry, s request.Snapshot) []request.FieldChoice {
	var out []request.FieldChoice
	for _, c := range e.Children {
		if !c.Deleted && !slices.ContainsFunc(s.Children, func(x request.Child) bool { return x.ID == c.ID }) {
			out = append(out, request.FieldChoice{Name: c.Collection + "/" + string(c.ID), Mine: string(c.Fields.AppendJSON(nil))})
		}
	}
	return out
}

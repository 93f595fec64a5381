package replicate

import (
	"context"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/tracing"
)

// Face is what an Engine does for other sites' gateways. Its methods are called with the authenticated name of the caller.
type Face struct {
	*Engine
	// Greet describes this site to a peer that knocks.
	Greet func() peer.Greeting
}

// Write runs a write that a client made at another site: a create that a route sent here, or a write of a request that this
// site owns. A site that is not the owner answers NotYet; the origin asks again where it has learnt of a newer owner.
func (f Face) Write(ctx context.Context, from request.Site, w request.Write) (peer.Reply, error) {
	g := f.Engine
	if slices.Contains(w.Via, g.Self) {
		return peer.Reply{}, &request.Error{Op: "replicate.Write", Kind: request.Loop, Request: w.Request, Detail: "the write has been at " + string(g.Self) + " before"}
	}
	if err := g.introduced(ctx, from); err != nil {
		return peer.Reply{}, err
	}
	c, err := g.collection(w.Collection)
	if err != nil {
		return peer.Reply{}, err
	}
	for tries := g.crossings(); ; {
		reply, err := g.writeFor(ctx, c, from, w)
		if !tries.more(err) {
			return reply, err
		}
	}
}

// writeFor runs a peer's write once.
func (g *Engine) writeFor(ctx context.Context, c *profile.Collection, from request.Site, w request.Write) (peer.Reply, error) {
	if w.Kind != request.Create || w.Child != nil {
		res, err := g.changeForPeer(ctx, c, w)
		return g.reply(from, res), err
	}
	leave, err := g.lanes.enter(ctx, string(w.Request))
	if err != nil {
		return peer.Reply{}, err
	}
	defer leave()
	rec, err := g.settled(ctx, w.Request)
	switch {
	case err == nil && rec.Entry.Local != "": // also when it has moved on from here meanwhile
		return g.reply(from, request.Result{Entry: rec.Entry, Copies: rec.Holders, Version: birth(rec.Entry, w.Op).Version, Op: w.Op, Replayed: true}), nil
	case err == nil:
		return peer.Reply{}, gone(rec.Entry)
	case request.KindOf(err) != request.NotFound:
		return peer.Reply{}, err
	}
	d := g.router().Decide(routing.Input{Event: routing.Arrive, Collection: w.Collection, Site: g.Self, Owner: g.Self, Origin: w.Entry,
		EnteredBy: w.EnteredBy, New: w.Fields, Now: g.now(), Except: w.Routes})
	out := g.judged(d, request.Entry{Path: []request.Site{from}}, nil)
	w.Owe, w.Routes = append(w.Owe, out.debts...), out.fired
	res, err := g.createHere(ctx, c, w, out.plan)
	return g.reply(from, res), err
}

func (g *Engine) changeForPeer(ctx context.Context, c *profile.Collection, w request.Write) (request.Result, error) {
	rec, leave, err := g.resting(ctx, w.Request)
	if err != nil {
		return request.Result{}, err
	}
	defer leave()
	switch rec.Entry.Role {
	case request.Owner:
		switch {
		case w.Child != nil:
			f, err := g.family(w.Child.Collection)
			if err != nil {
				return request.Result{}, err
			}
			return g.ownChild(ctx, rec, f, w)
		case w.Queued:
			return g.ownQueued(ctx, rec, c, w)
		}
		return g.own(ctx, rec, c, w)
	case request.Tombstone:
		if op, ok := rec.Entry.FindOp(w.Op); ok {
			return request.Result{Entry: rec.Entry, Copies: rec.Holders, Version: op.Version, Op: op.ID, Replayed: true}, nil
		}
		return request.Result{}, &request.Error{Op: "replicate.Write", Kind: request.Gone, Request: w.Request, Version: rec.Entry.Version,
			Detail: "the request was deleted in version " + rec.Entry.Version.String()}
	}
	return request.Result{}, &request.Error{Op: "replicate.Write", Kind: request.NotYet, Request: w.Request, Retry: time.Second,
		Owner: rec.Entry.Owner, Epoch: reignOf(rec.Entry), Detail: string(g.Self) + " does not own the request"}
}

// reignOf is the epoch of the owner that a site follows: its fence, unless that is of a grant that it has declined.
func reignOf(e request.Entry) request.Epoch {
	if e.Fence.Site == e.Owner {
		return e.Fence
	}
	return e.Version.Epoch
}

// reply is a result as the origin needs it: the state to bring its copy to, or the upstream's refusal.
func (g *Engine) reply(from request.Site, res request.Result) peer.Reply {
	r := peer.Reply{Version: res.Version, Routes: res.Routes, Copies: res.Copies, Op: res.Op, Replayed: res.Replayed}
	if res.Version.IsZero() {
		r.Answer = res.Answer
		return r
	}
	r.Snapshot = res.Entry.Snapshot()
	for _, h := range res.Copies {
		if h.Site == from {
			r.Snapshot.Terms = h.Terms
		}
	}
	r.Snapshot.Keep = r.Snapshot.Deleted && g.set().OnDelete == "keep"
	r.Snapshot.Ops = since(r.Snapshot.Ops, request.Version{Epoch: res.Version.Epoch, Seq: res.Version.Seq - 1})
	return r
}

// Apply brings this site's copy to what its owner published.
func (f Face) Apply(ctx context.Context, from request.Site, s request.Snapshot) peer.Ack {
	if err := f.introduced(ctx, from); err != nil {
		return retry(s, err.Error())
	}
	c, err := f.collection(s.Collection)
	if err != nil {
		return parked(s, err.Error())
	}
	if err := f.meetDrift(ctx, c, s); err != nil {
		return retry(s, "the copy was changed behind the gateway, and the change could not be given to the owner yet: "+err.Error())
	}
	ctx, span := f.Tracer.Caused(ctx, "apply", tracing.Consumer, traces(s.Trace))
	span.About(s.ID, s.Version)
	span.Text(tracing.Collection, s.Collection)
	span.Text(tracing.Source, string(from))
	out := f.take(ctx, c, s).ack
	span.Text(tracing.Outcome, string(out.State))
	span.End(nil)
	return out
}

// Resolve names the request that a site's local id leads to.
func (f Face) Resolve(ctx context.Context, from request.Site, collection string, site request.Site, local string) (request.ID, error) {
	if err := f.introduced(ctx, from); err != nil {
		return "", err
	}
	rec, err := f.Ledger.Lookup(ctx, collection, store.Link{Site: site, Local: local})
	return rec.Entry.ID, storeError("replicate.Resolve", "", err)
}

// Operation tells how a write of a request ended.
func (f Face) Operation(ctx context.Context, from request.Site, id request.ID, op string) (request.Op, error) {
	if err := f.introduced(ctx, from); err != nil {
		return request.Op{}, err
	}
	return f.outcome(ctx, id, op)
}

// Holders tells what the holders of a request that this site owns have confirmed, as soon as that is version v.
func (f Face) Holders(ctx context.Context, _ request.Site, id request.ID, v request.Version) ([]request.Delivery, error) {
	rec, err := f.Ledger.Read(ctx, id)
	if err != nil {
		return nil, storeError("replicate.Holders", id, err)
	}
	if rec.Entry.Owner != f.Self {
		return nil, &request.Error{Op: "replicate.Holders", Kind: request.NotYet, Request: id, Detail: string(f.Self) + " does not own it"}
	}
	return f.Await(ctx, id, v)
}

// Hello describes this site.
func (f Face) Hello(context.Context, request.Site) peer.Greeting { return f.Greet() }

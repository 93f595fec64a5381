package replicate

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
)

// Write runs one write of a client of this site: it finds the request, and then runs the write here, if this site owns it, or
// at its owner. The result holds what the client is told in its own API's shape, also when the upstream refused. An error of
// Kind Doubtful carries the operation under which the outcome can be followed; with every other error nothing happened.
func (g *Engine) Write(ctx context.Context, w request.Write) (request.Result, error) {
	if w.Op == "" {
		w.Op = string(request.NewID(g.now()))
	}
	if w.Entry == "" {
		w.Entry = g.Self
	}
	if err := g.settledFirst(ctx, w); err != nil {
		return request.Result{}, err
	}
	if w.Key != "" {
		return g.keyed(ctx, w)
	}
	if w.Kind == request.Create && w.Child == nil { // if its intent is written and not answered, it is found under this name
		w.Request = request.NewID(g.now())
	}
	res, err := g.run(ctx, w)
	if isUntouched(err) {
		return g.pass(ctx, w, err)
	}
	return res, err
}

func (g *Engine) run(ctx context.Context, w request.Write) (request.Result, error) {
	c, err := g.collection(w.Collection)
	if err == nil {
		err = g.absent()
	}
	if err != nil {
		return request.Result{}, err
	}
	if w.Child != nil {
		return g.runChild(ctx, w)
	}
	if w.Kind == request.Create {
		return g.create(ctx, c, w)
	}
	rec, err := g.locate(ctx, w.Collection, w.Local)
	if request.KindOf(err) == request.NotFound {
		return g.unknownRecord(ctx, c, w)
	}
	if err != nil {
		return request.Result{}, err
	}
	w.Request = rec.Entry.ID
	if w.Call, err = retarget(c, w, rec.Entry.Local); err != nil {
		return request.Result{}, err
	}
	return g.change(ctx, c, w)
}

// change runs a write of a known request.
func (g *Engine) change(ctx context.Context, c *profile.Collection, w request.Write) (request.Result, error) {
	rec, leave, err := g.resting(ctx, w.Request)
	for tries := g.crossings(); err == nil && rec.Entry.Role == request.Owner; {
		res, err := g.own(ctx, rec, c, w)
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
		return g.forward(ctx, rec, c, w)
	case request.Tombstone:
		return request.Result{Entry: rec.Entry}, &request.Error{Op: "replicate.Write", Kind: request.Gone, Request: w.Request,
			Detail: "the request was deleted in version " + rec.Entry.Version.String()}
	}
	return request.Result{}, &request.Error{Op: "replicate.Write", Kind: request.NotYet, Request: w.Request, Retry: time.Second,
		Detail: "the request is " + string(rec.Entry.Role) + " at this site; repeat in a moment"}
}

// resting reads a request in its lane, which the caller leaves, when its ownership is not just moving: a write that comes in the
// middle of a hand-over waits for its end, for a while.
func (g *Engine) resting(ctx context.Context, id request.ID) (store.Record, func(), error) {
	until := g.now().Add(g.Hold)
	for {
		leave, err := g.lanes.enter(ctx, string(id))
		if err != nil {
			return store.Record{}, nil, err
		}
		rec, err := g.settled(ctx, id)
		if err != nil {
			leave()
			return rec, nil, err
		}
		if rec.Entry.Role != request.Granting && rec.Entry.Role != request.Elect {
			return rec, leave, nil
		}
		leave()
		if g.now().After(until) {
			return rec, nil, handingOver(rec.Entry)
		}
		select {
		case <-g.Clock.After(25 * time.Millisecond):
		case <-ctx.Done():
			return rec, nil, handingOver(rec.Entry)
		}
	}
}

func handingOver(e request.Entry) error {
	return &request.Error{Op: "replicate.Write", Kind: request.HandingOver, Request: e.ID, Retry: time.Second,
		Detail: "ownership is just moving to " + string(e.Fence.Site) + "; nothing was changed, repeat the call in a moment"}
}

// own runs an update, replacement or deletion at the owner, in the request's lane (protocol 2.2).
func (g *Engine) own(ctx context.Context, rec store.Record, c *profile.Collection, w request.Write) (request.Result, error) {
	e := rec.Entry
	if op, ok := e.FindOp(w.Op); ok && op.Outcome == request.Done {
		return g.replayOp(ctx, rec, c, op)
	}
	if w.IfMatch != nil && !slices.Contains(w.IfMatch, e.Version.String()) && !slices.Contains(w.IfMatch, "*") {
		return request.Result{Entry: e, Copies: rec.Holders}, &request.Error{Op: "replicate.Write", Kind: request.Precondition,
			Request: e.ID, Detail: "the request is at version " + e.Version.String()}
	}
	w.Fields = meant(c, e, w)
	next := e.Version.Next()
	routed := g.decide(w, rec)
	in := request.Intent{Kind: w.Kind, Op: w.Op, Version: next, Fields: w.Fields, Own: w.Call == nil, Token: rec.Rev + 1, Plan: routed.plan,
		Entry: g.entryOf(w), Owe: g.behind(rec.Holders, routed.debts, w.Kind != request.Delete)}
	for _, f := range w.Fields {
		if v, ok := e.Fields.Get(f.Name); ok {
			in.Pre = append(in.Pre, request.Field{Name: f.Name, Value: v})
		}
	}
	marks := profile.Marks{Request: e.ID, Version: next, Owner: g.Self, State: string(request.Owner)}
	o := g.writing(rec.Entry, c, w, marks)
	call, err := g.made(ctx, c, o)
	if err != nil {
		return request.Result{}, err
	}
	rec, err = g.begin(ctx, rec, in)
	if err != nil {
		return request.Result{}, err
	}
	var ans request.Answer
	if w.Call != nil {
		ans, err = g.Upstream.Do(g.guard(context.WithoutCancel(ctx), rec), call, false)
	} else {
		ans, err = g.send(g.guard(context.WithoutCancel(ctx), rec), c, call, o)
	}
	res, err := g.conclude(ctx, rec, c, ans, err)
	res.Op, res.Routes = w.Op, append(w.Routes, routed.fired...)
	return res, err
}

// writing is the call that makes an update, replacement or deletion at the owner: the client's own, with the marks spliced in, or
// for a write that came from a peer one in the gateway's name.
func (g *Engine) writing(e request.Entry, c *profile.Collection, w request.Write, m profile.Marks) ownCall {
	switch {
	case w.Call != nil:
		return ownCall{verb: "client's", make: func(profile.Current) (request.Call, error) { return c.Splice(verb(w.Kind), *w.Call, m, true) }}
	case w.Kind == request.Delete:
		return deleting(c, e.Local)
	case w.Kind == request.Replace:
		return replacing(c, e.Local, w.Fields, e.Fields.Missing(w.Fields), m)
	}
	return updating(c, e.Local, w.Fields, m)
}

// begin makes the intent durable. From here to its end exactly one process may touch the record in the upstream.
func (g *Engine) begin(ctx context.Context, rec store.Record, in request.Intent) (store.Record, error) {
	now := g.now()
	traceInto(ctx, &in)
	in.Site, in.Replica, in.Sent, in.Lease = g.Self, g.me(), now, now.Add(g.set().Profile.Timeout+storeTimeout)
	begun, err := soon(func() (store.Record, error) {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		return g.step(ctx, rec, Begun{in})
	})
	return begun, g.before(err)
}

// me names this process in intents: the replica, and the boot that tells its former lives apart.
func (g *Engine) me() string { return g.Replica + "/" + g.Boot }

// decide asks the routes what an update, replacement or deletion at the owner causes.
func (g *Engine) decide(w request.Write, rec store.Record) outcome {
	e := rec.Entry
	in := routing.Input{Event: routing.Update, Collection: w.Collection, Site: g.Self, Owner: g.Self, Origin: e.Origin,
		EnteredBy: w.EnteredBy, Old: e.Fields, Now: g.now()}
	switch w.Kind {
	case request.Delete:
		in.Event, in.New = routing.Delete, e.Fields
	case request.Update:
		in.New = e.Fields.Merge(w.Fields)
	default:
		in.New = w.Fields
	}
	out := g.judged(g.router().Decide(in), e, rec.Holders)
	if w.Kind == request.Delete { // there is nothing left to be moved or copied; that the copies go too can be said
		out.debts = slices.DeleteFunc(out.debts, func(d request.Debt) bool { return d.Mode != request.Remove })
		for i := range out.debts {
			out.debts[i].Terms = request.Terms{Route: out.debts[i].Route, OnDelete: "cascade"}
		}
		out.plan = nil
	}
	return out
}

func (g *Engine) reportRoutes(d routing.Decision) {
	for _, e := range d.Errors {
		g.Meter.RouteFailed(e.Route)
		if m, ok := g.Meter.(RouteMeter); ok {
			m.RouteTrouble(e.Route, e.Err)
		}
	}
}

// hit tells which routes were taken.
func (g *Engine) hit(routes []string) {
	if m, ok := g.Meter.(RouteMeter); ok {
		for _, r := range routes {
			m.RouteHit(r)
		}
	}
}

func verb(k request.Kind) profile.Verb {
	return profile.Verb(k)
}

// retarget points the client's call at the record's id at this site when it was addressed by another site's.
func retarget(c *profile.Collection, w request.Write, local string) (*request.Call, error) {
	if w.Call == nil || w.Local == local || local == "" {
		return w.Call, nil
	}
	call := *w.Call
	call.Target = moved(call.Target, c.Target(verb(w.Kind), local))
	return &call, nil
}

// terms are how the targets of a route's action hold the request.
func terms(t routing.Taken) request.Terms {
	a := t.Action
	out := request.Terms{Route: t.Route.Name, Pool: a.Pool, Update: a.Update, Window: a.Window, OnDelete: a.OnDelete, Writes: a.Writes,
		Match: strings.Join(a.Match, ","), Duplicate: a.Duplicate}
	if a.Mode == request.Independent {
		out.Mode = a.Mode
	}
	return out
}

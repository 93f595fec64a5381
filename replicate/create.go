package replicate

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
)

// create runs a client's create at the site where it arrived: here, or at the owner that the routes name.
func (g *Engine) create(ctx context.Context, c *profile.Collection, w request.Write) (request.Result, error) {
	if w.Request == "" {
		w.Request = request.NewID(g.now())
	}
	for tries := g.crossings(); ; {
		res, err := g.createOnce(ctx, c, w)
		if !tries.more(err) {
			return res, err
		}
	}
}

func (g *Engine) createOnce(ctx context.Context, c *profile.Collection, w request.Write) (request.Result, error) {
	leave, err := g.lanes.enter(ctx, string(w.Request))
	if err != nil {
		return request.Result{}, err
	}
	defer leave()
	if w.Key != "" { // only a keyed create can have been here before
		rec, err := g.settled(ctx, w.Request)
		switch {
		case err == nil && rec.Entry.Local == "": // made, and gone or gone elsewhere since
			return request.Result{Entry: rec.Entry}, gone(rec.Entry)
		case err == nil:
			return g.replayOp(ctx, rec, c, birth(rec.Entry, w.Op))
		case err != nil && request.KindOf(err) != request.NotFound:
			return request.Result{}, err
		}
	}
	in := routing.Input{Event: routing.Create, Collection: w.Collection, Site: g.Self, Owner: g.Self, Origin: g.Self,
		EnteredBy: w.EnteredBy, New: w.Fields, Now: g.now()}
	d := g.router().Decide(in)
	out := g.judged(d, request.Entry{}, nil)
	w.Owe, w.Routes = append(w.Owe, out.debts...), out.fired
	if p := out.plan; p != nil && d.Transfer != nil && p.Mode != "move" && d.Transfer.Action.Forward != "later" {
		return g.createElsewhere(ctx, c, w, d.Transfer, p)
	}
	return g.createHere(ctx, c, w, out.plan)
}

// birth is the outcome of the create that made a request, also when it is too long ago to be remembered.
func birth(e request.Entry, op string) request.Op {
	if o, ok := e.FindOp(op); ok {
		return o
	}
	return request.Op{ID: op, Kind: request.Create, Version: request.First(e.Owner)}
}

// gone says that a request is no longer at this site.
func gone(e request.Entry) error {
	detail := "the request was made, and has moved to " + string(e.Owner)
	if e.Role == request.Tombstone {
		detail = "the request was deleted in version " + e.Version.String()
	}
	return &request.Error{Op: "replicate.Write", Kind: request.Gone, Request: e.ID, Detail: detail}
}

// inOrder lists the names in the order of the file.
func inOrder(order, names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range order {
		if slices.Contains(names, n) {
			out = append(out, n)
		}
	}
	return out
}

// createHere creates a request of which this site is the owner, in its lane (protocol 2.3). The plan is where it is to go from
// here, nil when it is to stay.
func (g *Engine) createHere(ctx context.Context, c *profile.Collection, w request.Write, plan *request.Plan) (request.Result, error) {
	now := g.now()
	first := request.First(g.Self)
	marks := profile.Marks{Request: w.Request, Version: first, Owner: g.Self, State: string(request.Owner)}
	call, err := g.createCall(c, w, marks)
	if err != nil {
		return request.Result{}, err
	}
	rec := store.Record{Entry: request.Entry{ID: w.Request, Collection: w.Collection, Role: request.Creating, Owner: g.Self,
		Origin: w.Entry, EnteredBy: w.EnteredBy, Created: now, Updated: now}}
	if w.Entry != g.Self { // that is where a return leads
		rec.Entry.Path = []request.Site{w.Entry}
	}
	owe := slices.DeleteFunc(slices.Clone(w.Owe), func(d request.Debt) bool { return d.Site == g.Self })
	rec, err = g.begin(ctx, rec, request.Intent{Kind: request.Create, Op: w.Op, Version: first, Fields: w.Fields, Own: w.Call == nil, Token: 1,
		Entry: g.entryOf(w), Owe: g.extend(nil, owe), Plan: plan})
	if err != nil {
		return request.Result{}, err
	}
	defer g.births.begin()()
	ans, err := g.Upstream.Do(g.guard(context.WithoutCancel(ctx), rec), call, w.Call == nil)
	res, err := g.conclude(ctx, rec, c, ans, err)
	res.Op, res.Routes = w.Op, w.Routes
	return res, err
}

func (g *Engine) createCall(c *profile.Collection, w request.Write, m profile.Marks) (request.Call, error) {
	if w.Call == nil {
		return c.CreateCall(w.Fields, m)
	}
	return c.Splice(profile.Create, *w.Call, m, false)
}

// createElsewhere creates a request at the owner that a route names and takes its first state as this site's copy. An owner
// that certainly was not reached leaves the choice to the route: create here and own it for now, or refuse.
func (g *Engine) createElsewhere(ctx context.Context, c *profile.Collection, w request.Write, t *routing.Taken, plan *request.Plan) (request.Result, error) {
	to := t.To[0]
	fw := w
	fw.Call, fw.Key, fw.Digest, fw.Via = nil, "", "", []request.Site{g.Self}
	fw.Owe = append([]request.Debt{{Site: g.Self, Terms: terms(*t)}}, w.Owe...)
	reply, err := g.ask(ctx, to, fw)
	switch kind := request.KindOf(err); {
	case err == nil:
	case kind == request.Doubtful:
		return g.followLater(ctx, fw, to, err)
	case kind == request.NotSent, kind == request.OwnerUnreachable, kind == request.Unavailable, kind == request.StoreDown, kind == request.Rejoining:
		if w.Again || t.Action.Unreachable == "refuse" { // what an earlier attempt made there must not be made here too
			return request.Result{}, unreachable(w.Request, to, err)
		}
		return g.createHere(ctx, c, w, plan)
	default:
		return request.Result{}, err
	}
	if reply.Answer != nil {
		return request.Result{Answer: reply.Answer, Op: w.Op}, nil // the owner's API refused it; nothing exists anywhere
	}
	res := g.adoptCopy(ctx, c, reply, request.Create, g.takeInLane)
	g.ownPart(ctx, c, w, &res)
	res.Op, res.Routes = w.Op, append(w.Routes, reply.Routes...)
	return res, nil
}

func unreachable(id request.ID, owner request.Site, err error) error {
	return &request.Error{Op: "replicate.forward", Kind: request.OwnerUnreachable, Request: id, Err: err, Retry: 5 * time.Second,
		Detail: "site " + string(owner) + ", which owns it, cannot be reached; nothing was changed, try again later"}
}

// followLater answers a forwarded write of which it is not known whether the owner got it. The owner knows it by its operation
// id, so asking it settles the question as soon as it answers.
func (g *Engine) followLater(ctx context.Context, w request.Write, to request.Site, cause error) (request.Result, error) {
	dctx, cancel := detached(ctx, storeTimeout)
	defer cancel()
	_ = g.Notes.PutOperation(dctx, request.Operation{ID: w.Op, Request: w.Request, Kind: w.Kind, Outcome: request.InDoubt, Owner: to,
		Reason: "the link to " + string(to) + " broke before it answered", At: g.now()})
	return request.Result{Op: w.Op}, &request.Error{Op: "replicate.forward", Kind: request.Doubtful, Request: w.Request, Operation: w.Op,
		Err: cause, Detail: "site " + string(to) + " did not answer and may or may not have made the write; " +
			"follow the operation, or repeat the call with its Idempotency-Key"}
}

// knockTimeout is how long a peer may take for a sign of life before it counts as unreachable.
const knockTimeout = 2 * time.Second

// ask sends a write to the owner. A peer that has not answered anything just now is asked for a sign of life first: a dead link
// is then found out before the write was sent, and the write is certainly not done instead of in doubt. Under load every answer
// is such a sign, so this costs busy links nothing.
func (g *Engine) ask(ctx context.Context, to request.Site, w request.Write) (peerReply, error) {
	if !g.Peers.Ready(to) {
		return peerReply{}, &request.Error{Op: "replicate.forward", Kind: request.OwnerUnreachable, Detail: "the link to " + string(to) + " is down"}
	}
	if st := g.Peers.Status(to); g.now().Sub(st.LastSuccess) > g.Knock || st.LastErrorAt.After(st.LastSuccess) {
		kctx, cancel := context.WithTimeout(ctx, knockTimeout)
		_, err := g.Peers.Hello(kctx, to)
		cancel()
		if err != nil {
			return peerReply{}, &request.Error{Op: "replicate.forward", Kind: request.OwnerUnreachable, Err: err}
		}
	}
	return g.Peers.Write(ctx, to, w)
}

// taker brings a copy to a snapshot, taking the request's lane or being in it.
type taker func(context.Context, *profile.Collection, request.Snapshot) taken

// adoptCopy brings this site's copy to the state in the owner's reply and answers in this site's shape.
func (g *Engine) adoptCopy(ctx context.Context, c *profile.Collection, reply peerReply, kind request.Kind, take taker) request.Result {
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+g.Hold+storeTimeout)
	defer cancel()
	done := take(dctx, c, reply.Snapshot)
	res := request.Result{Entry: done.rec.Entry, Version: reply.Version, Replayed: reply.Replayed, Copies: g.withSelf(reply.Copies, done)}
	if done.rec.Entry.ID == "" || done.rec.Entry.Version.IsZero() {
		res.Entry = entryOf(reply.Snapshot)
	}
	if done.ack.State == peer.Delivered {
		if done.ans != nil && done.matches(kind) {
			res.Answer = done.ans
			return res
		}
		if ans, err := g.shape(dctx, c, done.rec.Entry, kind); err == nil {
			res.Answer = &ans
			return res
		}
	}
	// The owner has it and the copy here is still to come: say so with what will be in it.
	res.Answer = &request.Answer{Status: http.StatusAccepted, Header: http.Header{"Content-Type": {"application/json"}},
		Body: reply.Snapshot.Fields.AppendJSON(nil)}
	if call, err := c.CreateCall(reply.Snapshot.Fields, profile.Marks{Request: reply.Snapshot.ID, Version: reply.Snapshot.Version}); err == nil {
		res.Answer.Body = call.Body
	}
	return res
}

// withSelf puts this site's own copy, which the owner cannot know of yet, into the list of copies.
func (g *Engine) withSelf(copies []request.Delivery, done taken) []request.Delivery {
	out := slices.Clone(copies)
	for i := range out {
		if out[i].Site == g.Self && done.rec.Entry.Version.Compare(out[i].Owed) >= 0 {
			out[i].Acked, out[i].State = done.rec.Entry.Version, request.Delivered
		}
	}
	return out
}

// entryOf is what a site that has no copy knows of a request from its snapshot.
func entryOf(s request.Snapshot) request.Entry {
	e := request.Entry{ID: s.ID, Collection: s.Collection, Role: request.Copy, Version: s.Version, Owner: s.Owner, Origin: s.Origin,
		EnteredBy: s.EnteredBy, Locals: s.Locals, Fields: s.Fields, Updated: s.At}
	if s.Deleted {
		e.Role = request.Tombstone
	}
	return e
}

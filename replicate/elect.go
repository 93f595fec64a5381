package replicate

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
)

// election is the hand-over that an apply accepts, with what it causes here.
type election struct {
	request.Handover
	owe  []request.Debt
	plan *request.Plan
}

// Handover answers the owner of a request that is to come here (protocol 4.2, B1 to B4). It may be asked any number of times, in
// any order: what was decided once, durably, is the answer for ever.
func (f Face) Handover(ctx context.Context, from request.Site, h request.Handover) (request.Verdict, error) {
	g := f.Engine
	if err := g.introduced(ctx, from); err != nil {
		return request.Verdict{}, err
	}
	c, err := g.collection(h.Snapshot.Collection)
	if h.Stage == request.Prepare {
		if err != nil {
			return request.Verdict{State: request.Unfit, Cause: err.Error()}, nil
		}
		return g.prepared(ctx, c, h)
	}
	leave, err := g.lanes.enter(ctx, string(h.Snapshot.ID))
	if err != nil {
		return request.Verdict{State: request.Undecided, Cause: err.Error()}, nil
	}
	defer leave()
	rec, err := g.Ledger.Read(ctx, h.Snapshot.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s := h.Snapshot
		rec = store.Record{Entry: request.Entry{ID: s.ID, Collection: s.Collection, Role: request.Away, Owner: from, Origin: s.Origin,
			EnteredBy: s.EnteredBy, Created: g.now(), Updated: g.now()}}
	case err != nil:
		return request.Verdict{}, storeError("replicate.Handover", h.Snapshot.ID, err)
	}
	return g.decideOn(ctx, rec, c, h)
}

// decideOn gives the durable answer, or comes to one, in the request's lane.
func (g *Engine) decideOn(ctx context.Context, rec store.Record, c *profile.Collection, h request.Handover) (request.Verdict, error) {
	if v, ok := answered(rec.Entry, h); ok {
		return v, nil
	}
	if rec.Entry.Intent != nil {
		if c != nil && g.mayResolve(rec.Entry.Intent) {
			if after, err := g.look(ctx, rec, c, false); err == nil {
				rec = after
			}
		}
		if rec.Entry.Intent != nil {
			return undecided(rec.Entry, "an earlier write has been sent and its end is not known yet"), nil
		}
		if v, ok := answered(rec.Entry, h); ok {
			return v, nil
		}
	}
	switch e := rec.Entry; {
	case h.Stage == request.CancelIt:
		return g.declined(ctx, rec, h, "the owner took it back", false)
	case c == nil:
		return g.declined(ctx, rec, h, "site "+string(g.Self)+" has no collection "+h.Snapshot.Collection, true)
	case e.Role == request.Tombstone:
		return g.declined(ctx, rec, h, "the request is deleted at "+string(g.Self), true)
	case e.Role == request.Owner, e.Role == request.Granting:
		if !parted(e, h.Snapshot) {
			return request.Verdict{}, &request.Error{Op: "replicate.Handover", Kind: request.Conflict, Request: e.ID,
				Detail: string(g.Self) + " is the owner itself, in epoch " + e.Version.Epoch.String()}
		}
		return undecided(e, "this site does not know yet that the request was reclaimed"), nil
	case len(e.Suspect) > 0:
		return undecided(e, "an earlier write may still land"), nil
	}
	return g.takeOver(ctx, rec, c, h)
}

// answered is the answer that was given before (protocol 4.4): by what was decided, not by what this site is now.
func answered(e request.Entry, h request.Handover) (request.Verdict, bool) {
	v := request.Verdict{Epoch: e.Fence, Owner: e.Owner, Local: e.Local}
	switch c := e.Fence.Compare(h.Epoch); {
	case c < 0:
		return v, false
	case c > 0:
		v.State = request.Overtaken
	case e.Role == request.Elect:
		return v, false
	case e.Decision != nil && e.Decision.Epoch == h.Epoch && !e.Decision.Accepted:
		v.State, v.Cause = request.Declined, "declined before"
	default:
		v.State = request.Accepted
	}
	return v, true
}

func undecided(e request.Entry, cause string) request.Verdict {
	return request.Verdict{State: request.Undecided, Epoch: e.Fence, Owner: e.Owner, Local: e.Local, Cause: cause}
}

// declined makes a no durable before it is said.
func (g *Engine) declined(ctx context.Context, rec store.Record, h request.Handover, cause string, final bool) (request.Verdict, error) {
	dctx, cancel := detached(ctx, storeTimeout)
	defer cancel()
	rec, err := g.step(dctx, rec, Refused{Epoch: h.Epoch, Now: g.now()})
	if err != nil {
		return undecided(rec.Entry, err.Error()), nil
	}
	return request.Verdict{State: request.Declined, Epoch: h.Epoch, Owner: rec.Entry.Owner, Cause: cause, Final: final}, nil
}

// takeOver brings the record to the released state and becomes the owner with that (B1 to B3).
func (g *Engine) takeOver(ctx context.Context, rec store.Record, c *profile.Collection, h request.Handover) (request.Verdict, error) {
	s := h.Snapshot
	s.Version, s.Owner, s.Terms, s.At = request.Version{Epoch: h.Epoch}, g.Self, h.Terms, g.now()
	had := rec.Entry.Local
	t := g.write(ctx, rec, c, s, g.arriving(h))
	rec = t.rec
	switch {
	case t.ack.State == peer.Delivered && rec.Entry.Role == request.Owner:
		g.Log.Info("ownership was taken over", append(logRequest(rec.Entry), zap.String("source", string(h.Snapshot.Owner)))...)
		return request.Verdict{State: request.Accepted, Epoch: h.Epoch, Owner: g.Self, Local: rec.Entry.Local}, nil
	case rec.Entry.Intent != nil:
		return undecided(rec.Entry, t.ack.Cause), nil
	case had == "" && rec.Entry.Local != "":
		rec = g.undone(ctx, rec, c)
	}
	return g.declined(ctx, rec, h, t.ack.Cause, t.ack.State == peer.Parked)
}

// undone removes the record that was made for a request which this site then could not take: nobody would know of it. One that the API
// does not delete stays linked, so that the next attempt finds it.
func (g *Engine) undone(ctx context.Context, rec store.Record, c *profile.Collection) store.Record {
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+storeTimeout)
	defer cancel()
	o := deleting(c, rec.Entry.Local)
	call, err := g.made(dctx, c, o)
	if err != nil {
		return rec
	}
	ans, err := g.send(dctx, c, call, o)
	if err != nil {
		return rec
	}
	if v := g.reallyGone(dctx, c, o.local, c.Judge(o.verb, ans)); v != profile.Accepted && v != profile.Gone {
		return rec
	}
	after, err := g.step(dctx, rec, Undone{Site: g.Self})
	if err != nil {
		return rec
	}
	return after
}

// arriving asks the routes of this site what becomes of the request when it is here.
func (g *Engine) arriving(h request.Handover) *election {
	s := h.Snapshot
	in := routing.Input{Event: routing.Arrive, Collection: s.Collection, Site: g.Self, Owner: g.Self, Origin: s.Origin, EnteredBy: s.EnteredBy,
		New: s.Fields, Now: g.now()}
	if h.Return {
		in.Event = routing.Returned
	}
	if n := len(h.Routes); n > 0 {
		in.Except = h.Routes[n-1:]
	}
	held := make([]request.Delivery, 0, len(h.Holders))
	for _, d := range h.Holders {
		held = append(held, request.Delivery{Request: s.ID, Site: d.Site, Terms: d.Terms})
	}
	out := g.judged(g.router().Decide(in), request.Entry{Path: h.Path}, held)
	return &election{Handover: h, owe: g.extend(g.behind(held, nil, false), out.debts), plan: bounded(out.plan, h.Hops, h.Routes)}
}

// prepared says whether a grant would be taken, and promises nothing.
func (g *Engine) prepared(ctx context.Context, c *profile.Collection, h request.Handover) (request.Verdict, error) {
	rec, err := g.Ledger.Read(ctx, h.Snapshot.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return request.Verdict{}, storeError("replicate.Handover", h.Snapshot.ID, err)
	}
	e := rec.Entry
	v := request.Verdict{State: request.Unready, Epoch: e.Fence, Owner: e.Owner, Local: e.Local}
	unfit := func(why string) (request.Verdict, error) { v.State, v.Cause = request.Unfit, why; return v, nil }
	switch {
	case e.Role == request.Tombstone:
		return unfit("the request is deleted at " + string(g.Self))
	case e.Role == request.Owner:
		return unfit(string(g.Self) + " owns it already, in epoch " + e.Version.Epoch.String())
	case h.Epoch.Compare(e.Fence) <= 0:
		v.Cause = string(g.Self) + " has seen epoch " + e.Fence.String()
		return v, nil
	case e.Intent != nil, len(e.Suspect) > 0:
		v.Cause = "an earlier write is not settled there"
		return v, nil
	}
	s := h.Snapshot
	s.Terms = h.Terms
	m := profile.Marks{Request: s.ID, Version: request.Version{Epoch: h.Epoch}, Owner: g.Self, State: string(request.Owner)}
	probe := c.Probe()
	if e.Local == "" {
		if _, err := c.CreateCall(s.Fields, m); err != nil {
			return unfit("the record cannot be made at " + string(g.Self) + ": " + err.Error())
		}
		if _, why, err := g.pair(ctx, c, s); err != nil {
			v.Cause = err.Error()
			return v, nil
		} else if why != "" {
			return unfit(why)
		}
	} else {
		_, err := g.made(ctx, c, updating(c, e.Local, s.Fields, m))
		if k := request.KindOf(err); err != nil && (k == request.Unavailable || k == request.NotSent) {
			v.Cause = err.Error()
			return v, nil
		} else if err != nil && k != request.NotFound {
			return unfit("the record cannot be written at " + string(g.Self) + ": " + err.Error())
		}
		probe = c.ReadCall(e.Local)
	}
	pctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if ans, err := g.Upstream.Do(pctx, probe, true); err != nil || ans.Status >= 500 || ans.Status == 429 {
		v.Cause = "the request API of " + string(g.Self) + " does not answer"
		return v, nil
	}
	v.State = request.Ready
	return v, nil
}

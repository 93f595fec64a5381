package replicate

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Order has a request transferred or returned, as an operator wants it, here or at its owner. It is planned when this returns; the
// hand-over itself follows. Errors: NotFound; Invalid, an unknown site or nothing to return to; Conflict, another hand-over is under
// way; HandingOver; OwnerUnreachable; Gone.
func (g *Engine) Order(ctx context.Context, o request.Order) (request.Standing, error) {
	if o.To != "" && !g.knows(o.To) {
		return request.Standing{}, &request.Error{Op: "replicate.Order", Kind: request.Invalid, Request: o.Request,
			Detail: "there is no site " + string(o.To) + " in the network"}
	}
	st, err := g.orderHere(ctx, o)
	e, ok := errors.AsType[*request.Error](err)
	if !ok || e.Kind != request.NotYet {
		return st, err
	}
	owner, seen := e.Owner, e.Epoch
	for {
		st, err = g.Peers.Order(ctx, owner, o)
		e, ok := errors.AsType[*request.Error](err)
		if !ok {
			return st, err
		}
		switch e.Kind {
		case request.NotSent, request.Doubtful, request.OwnerUnreachable:
			return st, unreachable(o.Request, owner, err)
		case request.NotYet:
			if e.Epoch.Compare(seen) <= 0 || !g.knows(e.Owner) || e.Owner == g.Self {
				return st, &request.Error{Op: "replicate.Order", Kind: request.HandingOver, Request: o.Request, Detail: "ownership is just moving; repeat it in a moment"}
			}
			owner, seen = e.Owner, e.Epoch
			continue
		}
		return st, err
	}
}

// Order is what another site's operator wants of a request that this site owns.
func (f Face) Order(ctx context.Context, _ request.Site, o request.Order) (request.Standing, error) {
	return f.orderHere(ctx, o)
}

// orderHere plans at the owner. NotYet says who that is when it is not this site.
func (g *Engine) orderHere(ctx context.Context, o request.Order) (request.Standing, error) {
	rec, err := g.Ledger.Read(ctx, o.Request)
	if err != nil {
		return request.Standing{}, storeError("replicate.Order", o.Request, err)
	}
	if gr := rec.Entry.Grant; gr != nil && !o.Return && gr.To != o.To {
		return standing(rec.Entry), &request.Error{Op: "replicate.Order", Kind: request.Conflict, Request: o.Request,
			Detail: "the request is just being handed over to " + string(gr.To)}
	} else if gr != nil {
		return standing(rec.Entry), nil
	}
	rec, leave, err := g.resting(ctx, o.Request)
	if err != nil {
		return request.Standing{}, err
	}
	defer leave()
	e := rec.Entry
	bad := func(kind request.ErrKind, detail string) (request.Standing, error) {
		return standing(e), &request.Error{Op: "replicate.Order", Kind: kind, Request: e.ID, Detail: detail, Owner: e.Owner, Epoch: reignOf(e)}
	}
	switch {
	case e.Role == request.Tombstone:
		return bad(request.Gone, "the request was deleted in version "+e.Version.String())
	case e.Role != request.Owner:
		return bad(request.NotYet, string(g.Self)+" does not own the request")
	case o.Return && len(e.Path) == 0:
		return bad(request.Invalid, "the request was never handed over: there is nowhere to return it to")
	case !o.Return && o.To == g.Self:
		return standing(e), nil
	}
	p := &request.Plan{To: o.To, Mode: o.Mode, Return: o.Return, By: o.By, Since: g.now()}
	if o.Return {
		p.To = e.Path[0]
	}
	rec, err = g.step(ctx, rec, Planned{Plan: p, Fresh: true, Now: g.now()})
	if err == nil {
		g.Log.Info("an operator moves a request", append(logRequest(e), zap.String("destination", string(p.To)), zap.String("by", o.By))...)
	}
	return standing(rec.Entry), err
}

func standing(e request.Entry) request.Standing {
	s := request.Standing{Owner: e.Owner, Version: e.Version, Role: e.Role, Plan: e.Plan}
	if e.Grant != nil {
		p := e.Grant.Plan
		s.Plan = &p
	}
	return s
}

// Reclaim makes this site the owner without the consent of the one before (protocol 4.7): for when that is gone, or does not give
// its word. What others wrote above the version known here becomes conflict records.
func (g *Engine) Reclaim(ctx context.Context, id request.ID, by, reason string) (request.Standing, error) {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return request.Standing{}, err
	}
	defer leave()
	rec, err := g.settled(ctx, id)
	if err != nil {
		return request.Standing{}, err
	}
	e := rec.Entry
	owe := g.behind(rec.Holders, nil, false)
	for _, s := range append(slices.Clone(e.Holders), e.Owner) {
		if s != g.Self && g.knows(s) && !slices.ContainsFunc(owe, func(d request.Debt) bool { return d.Site == s }) {
			owe = append(owe, request.Debt{Site: s})
		}
	}
	was := e.Owner
	after, err := Step(e, Forced{Self: g.Self, By: by, Reason: reason, Owe: owe, Now: g.now()})
	if err != nil {
		return standing(e), &request.Error{Op: "replicate.Reclaim", Kind: request.Conflict, Request: id, Err: err,
			Detail: "it cannot be reclaimed at " + string(g.Self)}
	}
	rec, err = g.commit(ctx, rec, after)
	if err == nil {
		g.Log.Warn("a request was reclaimed", append(logRequest(rec.Entry), zap.String("source", string(was)), zap.String("by", by), zap.String("reason", reason))...)
	}
	return standing(rec.Entry), err
}

// Transfers lists the requests that are to move, or just do: with a plan, released and not answered, or taken in and not decided.
// What the last attempt came to is in the plan's Cause, or the grant's.
func (g *Engine) Transfers(ctx context.Context, after request.ID, limit int) ([]store.Record, error) {
	return g.unsettled(ctx, after, limit, func(e *request.Entry) bool {
		why := g.moves.cause(e.ID)
		switch {
		case e.Plan != nil && e.Plan.Cause == "":
			p := *e.Plan
			p.Cause = why
			e.Plan = &p
		case e.Grant != nil:
			gr := *e.Grant
			gr.Cause = why
			e.Grant = &gr
		}
		return e.Plan != nil || e.Role == request.Granting || e.Role == request.Elect
	})
}

// Conflicts lists the requests of which something lost here.
func (g *Engine) Conflicts(ctx context.Context, after request.ID, limit int) ([]store.Record, error) {
	return g.unsettled(ctx, after, limit, func(e *request.Entry) bool { return len(e.Conflicts) > 0 })
}

func (g *Engine) unsettled(ctx context.Context, after request.ID, limit int, want func(*request.Entry) bool) ([]store.Record, error) {
	if limit <= 0 {
		limit = 1000
	}
	var out []store.Record
	for {
		ids, err := g.Ledger.Intents(ctx, after, 256)
		if err != nil {
			return nil, storeError("replicate.Intents", "", err)
		}
		for _, id := range ids {
			rec, err := g.Ledger.Read(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, storeError("replicate.Read", id, err)
			}
			if want(&rec.Entry) {
				if out = append(out, rec); len(out) == limit {
					return out, nil
				}
			}
		}
		if len(ids) < 256 {
			return out, nil
		}
		after = ids[len(ids)-1]
	}
}

// Dismiss removes a conflict record that a person has dealt with.
func (g *Engine) Dismiss(ctx context.Context, id request.ID, conflict string) error {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return err
	}
	defer leave()
	rec, err := g.Ledger.Read(ctx, id)
	if err != nil {
		return storeError("replicate.Dismiss", id, err)
	}
	e := rec.Entry
	i := slices.IndexFunc(e.Conflicts, func(c request.ConflictRecord) bool { return c.ID == conflict })
	if i < 0 {
		return &request.Error{Op: "replicate.Dismiss", Kind: request.NotFound, Request: id, Detail: "there is no conflict " + conflict + " of the request"}
	}
	_, err = g.step(ctx, rec, Noted{Queue: e.Queue, Conflicts: slices.Delete(slices.Clone(e.Conflicts), i, i+1)})
	return err
}

package replicate

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Find resolves an id as a client of this site writes it. ok is false for a record that the ledger does not know.
func (g *Engine) Find(ctx context.Context, collection, id string) (request.Entry, []request.Delivery, bool, error) {
	rec, err := g.locate(ctx, collection, id)
	if request.KindOf(err) == request.NotFound && err != nil {
		return request.Entry{}, nil, false, nil
	}
	return rec.Entry, rec.Holders, err == nil, err
}

// Operation tells how a write ended that a client follows. What was in doubt is looked up in the ledger that knows: this
// site's, or the owner's.
func (g *Engine) Operation(ctx context.Context, id string) (request.Operation, error) {
	if op, ok := g.debtOperation(id); ok {
		return op, nil
	}
	op, err := g.Notes.Operation(ctx, id)
	if err != nil {
		return op, storeError("replicate.Operation", "", err)
	}
	if op.Outcome != request.InDoubt {
		return op, nil
	}
	var end request.Op
	if op.Owner == g.Self {
		end, err = g.outcome(ctx, op.Request, op.ID)
	} else {
		end, err = g.Peers.Operation(ctx, op.Owner, op.Request, op.ID)
	}
	if err != nil {
		return op, nil // still in doubt, as far as can be told now
	}
	op.Outcome, op.Version, op.Status = end.Outcome, end.Version, end.Status
	if op.Outcome != request.InDoubt {
		op.Reason = ""
	}
	return op, nil
}

// outcome is how a write ended by this site's ledger: done, not done, or still in doubt while its intent is open.
func (g *Engine) outcome(ctx context.Context, id request.ID, op string) (request.Op, error) {
	rec, err := g.Ledger.Read(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return request.Op{ID: op, Outcome: request.NotDone}, nil
	}
	if err != nil {
		return request.Op{}, storeError("replicate.Operation", id, err)
	}
	if o, ok := rec.Entry.FindOp(op); ok {
		return o, nil
	}
	if in := rec.Entry.Intent; in != nil && in.Op == op {
		return request.Op{ID: op, Kind: in.Kind, Outcome: request.InDoubt}, nil
	}
	return request.Op{ID: op, Outcome: request.NotDone}, nil
}

// Request finds a request by what an operator calls it: global id, SITE:LOCALID, or a local id of this site in any collection.
func (g *Engine) Request(ctx context.Context, ref string) (store.Record, error) {
	if id, err := request.ParseID(strings.ToUpper(ref)); err == nil {
		rec, err := g.Ledger.Read(ctx, id)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return rec, storeError("replicate.Request", id, err)
		}
	}
	for name := range g.set().Profile.Collections {
		rec, err := g.locate(ctx, name, ref)
		if err == nil || request.KindOf(err) != request.NotFound {
			return rec, err
		}
	}
	return store.Record{}, &request.Error{Op: "replicate.Request", Kind: request.NotFound,
		Detail: "no request " + ref + " is known at " + string(g.Self) + "; a reference is a global id, SITE:LOCALID, or a local id of this site"}
}

// Requests lists what the ledger knows in order of global id.
func (g *Engine) Requests(ctx context.Context, after request.ID, limit int) ([]store.Record, error) {
	recs, err := g.Ledger.Entries(ctx, after, limit)
	return recs, storeError("replicate.Requests", "", err)
}

// Deliveries lists what is owed.
func (g *Engine) Deliveries(ctx context.Context, f store.Filter) ([]request.Delivery, string, error) {
	return g.Queue.Deliveries(ctx, f)
}

// Retry makes parked and waiting deliveries that match due at once, those behind since the time given or later; it returns how many.
func (g *Engine) Retry(ctx context.Context, f store.Filter, since time.Time) (int, error) {
	n := 0
	f.After = ""
	for {
		list, next, err := g.Queue.Deliveries(ctx, f)
		if err != nil {
			return n, storeError("replicate.Retry", f.Request, err)
		}
		var back []store.Settlement
		for _, d := range list {
			if (d.State == request.Parked || d.State == request.Waiting || d.State == request.Cancelled) && !d.Since.Before(since) {
				back = append(back, store.Settlement{Request: d.Request, Site: d.Site, Token: store.Operator, Owed: d.Owed,
					State: request.Pending, Due: g.now(), Now: g.now()})
			}
		}
		if err := g.Queue.Settle(ctx, back); err != nil {
			return n, storeError("replicate.Retry", f.Request, err)
		}
		for _, s := range back {
			g.nudge(s.Site)
		}
		n += len(back)
		if next == "" {
			return n, nil
		}
		f.After = next
	}
}

// Cancel gives up the delivery of a request's present version to a site. The next version will be delivered again.
func (g *Engine) Cancel(ctx context.Context, id request.ID, site request.Site) error {
	rec, err := g.Ledger.Read(ctx, id)
	if err != nil {
		return storeError("replicate.Cancel", id, err)
	}
	for _, d := range rec.Holders {
		if d.Site == site && d.State != request.Delivered {
			return storeError("replicate.Cancel", id, g.Queue.Settle(ctx, []store.Settlement{{Request: id, Site: site,
				Token: store.Operator, Owed: d.Owed, State: request.Cancelled, Now: g.now(), Cause: "cancelled by an operator", Attempts: d.Attempts}}))
		}
	}
	return &request.Error{Op: "replicate.Cancel", Kind: request.NotFound, Request: id, Detail: "nothing is owed to " + string(site)}
}

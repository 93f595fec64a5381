package replicate

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/debts"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// settleChange settles an update, replacement or deletion of a record: at the owner it is a version, at a copy it is proposed to the owner.
func (g *Engine) settleChange(ctx context.Context, c *profile.Collection, d debts.Debt, more bool) error {
	rec, err := g.Ledger.Lookup(ctx, c.Name(), store.Link{Site: g.Self, Local: d.Local})
	if errors.Is(err, store.ErrNotFound) {
		rec, err = g.unheard(ctx, c, d)
		if err != nil && request.KindOf(err) == request.NotFound {
			return g.dropped(ctx, d, "the record is no request's")
		}
	} else {
		err = g.before(storeError("replicate.Lookup", "", err))
	}
	if err != nil {
		return err
	}
	rec, leave, err := g.resting(ctx, rec.Entry.ID)
	if err != nil {
		return err
	}
	switch rec.Entry.Role {
	case request.Owner:
		defer leave()
		return g.settleOwned(ctx, c, rec, d, more)
	case request.Copy:
		leave()
		return g.settleCopied(ctx, c, rec, d)
	}
	leave()
	return g.dropped(ctx, d, "the request is "+string(rec.Entry.Role)+" here")
}

// unheard makes a request of a record that was written while the store was away and that the ledger does not know: owned here, and as it was
// before the write, as far as that is known. NotFound: there is nothing to be known.
func (g *Engine) unheard(ctx context.Context, c *profile.Collection, d debts.Debt) (store.Record, error) {
	w := request.Write{Kind: d.Kind, Collection: c.Name(), Local: d.Local}
	rec, err := g.recognize(ctx, c, w)
	if err != nil || rec.Entry.Role != request.Owner || !unheardOf(&rec.Entry) {
		return rec, err
	}
	e := rec.Entry
	e.Fields = e.Fields.Without(d.Fields.Names()...)
	return g.commit(ctx, rec, store.Tx{Entry: e, Now: g.now()})
}

// settleOwned makes a write that was passed on a version. In the request's lane.
func (g *Engine) settleOwned(ctx context.Context, c *profile.Collection, rec store.Record, d debts.Debt, more bool) error {
	e := rec.Entry
	if op, ok := e.FindOp(d.Op); ok {
		return g.paid(ctx, d, e.ID, op.Version)
	}
	record, etag, err := g.read(ctx, c, e.Local)
	gone := err != nil && request.KindOf(err) == request.NotFound
	switch {
	case err != nil && !gone:
		return err
	case d.End == nil || d.Kind == request.Delete && !gone, d.Kind != request.Delete && gone:
		// Whether the call was made only the record can tell; or it was overtaken by others. What the record is now counts.
		return g.settleSeen(ctx, c, rec, d)
	}
	w := request.Write{Op: d.Op, Kind: d.Kind, Collection: c.Name(), Request: e.ID, Call: &request.Call{}, Fields: d.Fields, Entry: g.Self, EnteredBy: d.By}
	w.Fields = meant(c, e, w)
	routed := g.decide(w, rec)
	next := e.Version.Next()
	in := request.Intent{Kind: d.Kind, Op: d.Op, Version: next, Fields: w.Fields, Token: rec.Rev + 1, Plan: routed.plan,
		Owe: g.behind(rec.Holders, routed.debts, d.Kind != request.Delete)}
	for _, f := range w.Fields {
		if v, ok := e.Fields.Get(f.Name); ok {
			in.Pre = append(in.Pre, request.Field{Name: f.Name, Value: v})
		}
	}
	if rec, err = g.begin(ctx, rec, in); err != nil {
		return err
	}
	landed := Landed{Local: e.Local, ETag: etag, Status: d.End.Status, Now: g.now()}
	switch {
	case d.Kind == request.Delete:
	case more: // the record is further than this write by now: each has its own version and its own routes
		landed.Fields = intended(c, rec.Entry)
	default:
		landed.Fields = g.fieldsOf(c, rec.Entry, record)
	}
	after, err := g.step(ctx, rec, landed)
	if err != nil {
		return err
	}
	if d.Kind != request.Delete {
		g.gatherAfter(ctx, after, c)
	}
	return g.paid(ctx, d, e.ID, next)
}

// settleSeen settles a debt by what the record is now. In the request's lane, at its owner.
func (g *Engine) settleSeen(ctx context.Context, c *profile.Collection, rec store.Record, d debts.Debt) error {
	diff, ok, err := g.inspect(ctx, rec, c)
	if err != nil {
		return err
	}
	switch {
	case !ok:
		return &request.Error{Op: "replicate.settle", Kind: request.Busy, Request: rec.Entry.ID, Detail: "an earlier write of the record may still land"}
	case diff.missing && d.Kind == request.Delete:
		rec, err = g.bury(ctx, rec)
	case diff.missing:
		g.Log.Warn("a record that was written while the store was away is gone", logRequest(rec.Entry)...)
	case diff.any():
		rec, err = g.publish(ctx, rec, diff)
	}
	if err == nil && d.End == nil {
		err = g.told(ctx, c, rec.Entry, d, diff)
	}
	if err != nil {
		return err
	}
	return g.paid(ctx, d, rec.Entry.ID, rec.Entry.Version)
}

// told keeps how a write without an answer ended, for the client that follows it.
func (g *Engine) told(ctx context.Context, c *profile.Collection, e request.Entry, d debts.Debt, now difference) error {
	op := request.Operation{ID: d.Op, Request: e.ID, Kind: d.Kind, Outcome: request.NotDone, Owner: g.Self, At: g.now()}
	if d.Kind == request.Delete && now.missing || d.Kind != request.Delete && !now.missing && len(profile.Diff(c.Expect(d.Fields), now.got)) == 0 {
		op.Outcome, op.Version = request.Done, e.Version
	}
	return storeError("replicate.PutOperation", e.ID, g.Notes.PutOperation(ctx, op))
}

// settleCopied proposes a write of a copy's record to the owner: it is queued in the ledger, as one that came while the owner could not be
// reached. When the owner has had its say the record is looked at once more: what was not taken is undone.
func (g *Engine) settleCopied(ctx context.Context, c *profile.Collection, rec store.Record, d debts.Debt) error {
	e := rec.Entry
	if d.Proposed || slices.ContainsFunc(e.Queue, func(q request.Queued) bool { return q.Op == d.Op }) {
		return g.settleProposed(ctx, c, e.ID, d)
	}
	if op, ok := e.FindOp(d.Op); ok {
		return g.paid(ctx, d, e.ID, op.Version)
	}
	if d.End == nil {
		happened, err := g.happened(ctx, c, e, d)
		if err != nil {
			return err
		}
		if !happened {
			return g.dropped(ctx, d, "the call was not answered, and the record shows nothing of it")
		}
	}
	w := request.Write{Op: d.Op, Kind: d.Kind, Collection: c.Name(), Request: e.ID, Call: &request.Call{}, Fields: d.Fields, EnteredBy: d.By}
	w.Fields = meant(c, e, w)
	switch {
	case len(w.Fields) == 0 && d.Kind != request.Delete:
		return g.paid(ctx, d, e.ID, e.Version) // it is this site's alone
	case cmp.Or(e.Terms.Writes, g.set().Writes) == "refuse":
		if err := g.takenBack(ctx, c, e.ID, d, "writes of copies are refused at "+string(g.Self)+"; the owner's state was put back"); err != nil {
			return err
		}
		return g.paid(ctx, d, e.ID, e.Version)
	}
	w.Call = nil
	w.Pre, w.Base = g.seenBy(d, e)
	if _, err := g.enqueue(ctx, e.ID, w); err != nil {
		return err
	}
	g.Log.Info("a write of a copy that was passed on while the store was away is proposed to the owner", append(logRequest(e), zap.String("operation", d.Op))...)
	return g.Debts.Propose(d.Op)
}

// happened reports whether a record shows that a call without an answer was made.
func (g *Engine) happened(ctx context.Context, c *profile.Collection, e request.Entry, d debts.Debt) (bool, error) {
	record, _, err := g.read(ctx, c, e.Local)
	gone := err != nil && request.KindOf(err) == request.NotFound
	switch {
	case err != nil && !gone:
		return false, err
	case d.Kind == request.Delete || gone:
		return d.Kind == request.Delete && gone, nil
	}
	got, err := c.FromRecord(record)
	if err != nil {
		return false, err
	}
	return len(profile.Diff(c.Expect(d.Fields), got)) == 0 && len(profile.Diff(d.Fields, e.Fields)) > 0, nil
}

// settleProposed ends the debt of a write that was queued for the owner, when it is no longer in the queue.
func (g *Engine) settleProposed(ctx context.Context, c *profile.Collection, id request.ID, d debts.Debt) error {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return err
	}
	defer leave()
	rec, err := g.settled(ctx, id)
	if err != nil {
		return err
	}
	if len(rec.Entry.Queue) > 0 {
		if !d.Proposed {
			return g.Debts.Propose(d.Op)
		}
		return nil // the owner has not said anything yet
	}
	if op, err := g.Notes.Operation(ctx, d.Op); err == nil && op.Outcome == request.Done && op.Version.After(rec.Entry.Version) {
		return nil // the owner has made it, and the copy is still to be told
	}
	if rec.Entry.Role == request.Copy {
		diff, ok, err := g.inspect(ctx, rec, c)
		if err != nil {
			return err
		}
		if !ok {
			return nil // a delivery is under way: in a moment
		}
		if diff.any() {
			if rec, err = g.restore(ctx, rec, c, diff); err != nil {
				return err
			}
		}
	}
	version := request.Version{}
	if op, ok := rec.Entry.FindOp(d.Op); ok {
		version = op.Version
	}
	return g.paid(ctx, d, id, version)
}

// takenBack puts a copy's record back to what the ledger says, and keeps what was written as a conflict.
func (g *Engine) takenBack(ctx context.Context, c *profile.Collection, id request.ID, d debts.Debt, decision string) error {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return err
	}
	defer leave()
	rec, err := g.settled(ctx, id)
	if err != nil || rec.Entry.Role != request.Copy {
		return err
	}
	e := rec.Entry
	name := "debt-" + d.Op
	if !slices.ContainsFunc(e.Conflicts, func(x request.ConflictRecord) bool { return x.ID == name }) {
		note := request.ConflictRecord{ID: name, Kind: "debt", Op: d.Op, Site: g.Self, At: g.now(), Base: e.Version, Theirs: e.Version,
			Fields: choices(d.Fields, e.Fields.Only(d.Fields.Names()...)), Decision: "written while the store was away: " + decision}
		if rec, err = g.step(ctx, rec, Noted{Queue: e.Queue, Conflicts: append(slices.Clone(e.Conflicts), note)}); err != nil {
			return err
		}
	}
	diff, ok, err := g.inspect(ctx, rec, c)
	if err != nil {
		return err
	}
	kids, err := g.kidsDiffer(ctx, rec, c)
	if err != nil || !ok || !diff.any() && len(kids) == 0 {
		return err
	}
	return g.mendCopy(ctx, rec, c, diff, kids)
}

// mendCopy makes a copy's record and its children what the ledger says. In the request's lane.
func (g *Engine) mendCopy(ctx context.Context, rec store.Record, c *profile.Collection, d difference, kids []kidDiff) (err error) {
	s := ownShot(rec.Entry)
	if len(kids) > 0 {
		ev := Mislaid{Now: g.now()}
		for _, k := range kids {
			if k.gone {
				ev.Gone = append(ev.Gone, k.id)
			} else {
				ev.Changed = append(ev.Changed, k.id)
			}
		}
		if rec, err = g.step(ctx, rec, ev); err != nil {
			return err
		}
	}
	_, err = g.restoreTo(ctx, rec, c, s, d)
	return err
}

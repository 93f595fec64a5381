package replicate

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file is about what becomes of a copy that was changed behind the gateway, by policy: overwrite (see foreign.go) brings the owner's
// state again; report leaves it, and deliveries write only what the owner changed; adopt writes it at the owner as an update, before a
// delivery could overwrite it. A copy that was deleted is made again by overwrite and adopt; by report with the owner's next version.

// drift is the policy of a collection.
func (g *Engine) drift(c *profile.Collection) string {
	return cmp.Or(c.Drift(), g.set().Drift, profile.DriftOverwrite)
}

// sparing are the fields that a delivery writes into a record that is there: all, or those that changed where drift is left alone.
func (g *Engine) sparing(c *profile.Collection, e request.Entry, s request.Snapshot) request.Fields {
	gone := e.Fields.Missing(s.Fields)
	if g.drift(c) != profile.DriftReport || !s.Version.After(e.Version) || e.Version.IsZero() || e.Fields == nil || len(gone) > 0 && c.CanReplace() || len(e.Suspect) > 0 {
		return s.Fields
	}
	return s.Fields.Only(profile.Diff(s.Fields, e.Fields)...)
}

// meetDrift looks, before a delivery, whether it would overwrite what is to be adopted, and gives that to the owner first.
func (g *Engine) meetDrift(ctx context.Context, c *profile.Collection, s request.Snapshot) error {
	if g.drift(c) != profile.DriftAdopt || s.Deleted || !s.Terms.Linked() {
		return nil
	}
	rec, d, err := g.drifted(ctx, c, s)
	if err != nil || len(d.names) == 0 {
		return nil //nolint:nilerr // what cannot be told now is told by the delivery itself
	}
	return g.adoptDrift(ctx, c, rec, d)
}

// drifted tells how a copy's record differs from the ledger, when a newer version is about to be written over it.
func (g *Engine) drifted(ctx context.Context, c *profile.Collection, s request.Snapshot) (rec store.Record, d difference, err error) {
	leave, err := g.lanes.enter(ctx, string(s.ID))
	if err != nil {
		return rec, d, err
	}
	defer leave()
	if rec, err = g.Ledger.Read(ctx, s.ID); err != nil || rec.Entry.Role != request.Copy || !s.Version.After(rec.Entry.Version) {
		return rec, d, err
	}
	d, ok, err := g.inspect(ctx, rec, c)
	if !ok || d.missing {
		d.names = nil
	}
	return rec, d, err
}

// adoptDrift writes at the owner what was changed in a copy's record, as a write that was queued when the copy was at its version: in fields
// that changed at the owner since, the owner's value wins and a conflict record there keeps the other. What the owner does not take
// is undone here. Not in the request's lane.
func (g *Engine) adoptDrift(ctx context.Context, c *profile.Collection, rec store.Record, d difference) error {
	e := rec.Entry
	w := request.Write{Kind: request.Update, Collection: e.Collection, Request: e.ID, Queued: true, Base: e.Version, Entry: g.Self, Via: []request.Site{g.Self}}
	for _, name := range d.names {
		value, _ := d.got.Get(name)
		was, _ := e.Fields.Get(name)
		w.Fields = append(w.Fields, request.Field{Name: name, Value: orNull(value)})
		w.Pre = append(w.Pre, request.Field{Name: name, Value: orNull(was)})
	}
	w.Op = "drift/" + string(g.Self) + "/" + e.Version.Mark() + "/" + strconv.FormatUint(w.Fields.Hash(), 36) // once, however often it is looked at
	_, reply, err := g.chase(ctx, e, w)
	switch kind := request.KindOf(err); {
	case err == nil && reply.Answer == nil:
		g.Log.Info("a copy that was changed behind the gateway was given to its owner", append(logRequest(e), zap.Strings("fields", d.names))...)
		g.notice(e.Collection, NoticeAdopted)
		g.take(ctx, c, reply.Snapshot)
		return nil
	case err == nil, kind == request.Conflict, kind == request.Gone, kind == request.Invalid, kind == request.Reserved, kind == request.Precondition, kind == request.TooLarge:
		g.Log.Warn("a copy was changed behind the gateway, and its owner does not take the change: it is undone", append(logRequest(e), zap.Strings("fields", d.names), logError(err))...)
		return g.undo(ctx, c, rec, d)
	}
	return err
}

// undo makes a copy right whose change the owner did not take, unless it has moved on meanwhile: then that does it.
func (g *Engine) undo(ctx context.Context, c *profile.Collection, rec store.Record, d difference) error {
	leave, err := g.lanes.enter(ctx, string(rec.Entry.ID))
	if err != nil {
		return err
	}
	defer leave()
	now, err := g.settled(ctx, rec.Entry.ID)
	switch {
	case err != nil && request.KindOf(err) == request.NotFound:
		return nil
	case err != nil:
		return err
	case now.Entry.Version != rec.Entry.Version || now.Entry.Role != request.Copy:
		return nil
	}
	if now, err = g.restore(ctx, now, c, d); err != nil && !errors.Is(err, context.Canceled) {
		return &request.Error{Op: "replicate.undo", Kind: request.Unavailable, Request: now.Entry.ID, Err: err, Retry: time.Second}
	}
	return err
}

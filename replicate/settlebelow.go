package replicate

import (
	"context"
	"errors"

	"github.com/meridian-gateway/meridian/debts"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// lookedFor is the name under which the ledger finds the request of a record, or of the parent of a child.
func lookedFor(site request.Site, c *profile.Collection, local string) store.Link {
	if c.Parent() != "" {
		return childLink(site, c.Name(), local)
	}
	return store.Link{Site: site, Local: local}
}

// settleBelow settles a write of a child, or a call that the profile does not describe: the record, and what is below it, is looked at.
func (g *Engine) settleBelow(ctx context.Context, c *profile.Collection, d debts.Debt) error {
	rec, err := g.parentAt(ctx, c, d)
	if err != nil && request.KindOf(err) == request.NotFound {
		return g.dropped(ctx, d, "the record is no request's")
	}
	if err != nil {
		return err
	}
	id := rec.Entry.ID
	diff, rec, err := g.touched(ctx, c, id)
	if err != nil {
		return err
	}
	switch {
	case rec.Entry.Role == request.Granting || rec.Entry.Role == request.Elect:
		return handingOver(rec.Entry)
	case rec.Entry.Role != request.Copy:
		return g.paid(ctx, d, id, rec.Entry.Version)
	}
	if d.Touch && len(diff.names) > 0 {
		if err := g.propose(ctx, c, rec, diff, d.By); err != nil && !g.final(err) {
			return err
		}
	}
	if d.Child != nil && d.Child.Kind != request.Create {
		err = g.settleChild(ctx, c, rec, d)
	} else {
		err = g.proposeChildren(ctx, c, id, d.By)
	}
	if err != nil && g.final(err) {
		err = g.takenBack(ctx, c, id, d, reason(err))
	}
	if err != nil {
		return err
	}
	return g.paid(ctx, d, id, rec.Entry.Version)
}

// final reports whether an error is a word that will not change.
func (g *Engine) final(err error) bool {
	switch request.KindOf(err) {
	case request.Conflict, request.Gone, request.NotFound, request.Invalid, request.Reserved, request.Precondition, request.TooLarge:
		return true
	}
	return false
}

// parentAt finds the request of the record that a debt is about. One that is no request becomes one, as by any write of it.
func (g *Engine) parentAt(ctx context.Context, c *profile.Collection, d debts.Debt) (store.Record, error) {
	if d.Local == "" {
		_, rec, err := g.aboutTo(ctx, d.Child.Collection, d.Child.Local)
		if errors.Is(err, store.ErrNotFound) {
			return rec, &request.Error{Op: "replicate.settle", Kind: request.NotFound, Err: err}
		}
		return rec, g.before(err)
	}
	rec, err := g.Ledger.Lookup(ctx, c.Name(), store.Link{Site: g.Self, Local: d.Local})
	if !errors.Is(err, store.ErrNotFound) {
		return rec, g.before(storeError("replicate.Lookup", "", err))
	}
	if d.Touch {
		return rec, storeError("replicate.Lookup", "", err)
	}
	return g.recognize(ctx, c, request.Write{Kind: request.Update, Collection: c.Name(), Local: d.Local})
}

// settleChild makes a copy's change or deletion of a child at the owner.
func (g *Engine) settleChild(ctx context.Context, c *profile.Collection, rec store.Record, d debts.Debt) error {
	f, err := g.family(d.Child.Collection)
	if err != nil {
		return err
	}
	f.parents = c
	child := *d.Child
	child.ID = ""
	res, err := g.forwardChild(ctx, rec, f, request.Write{Op: d.Op, Kind: d.Kind, Collection: c.Name(), Request: rec.Entry.ID, Fields: d.Fields,
		Child: &child, Entry: g.Self, EnteredBy: d.By})
	if err == nil && res.Version.IsZero() && res.Answer != nil && res.Answer.Status >= 400 {
		err = &request.Error{Op: "replicate.settle", Kind: request.Conflict, Request: rec.Entry.ID, Detail: "the owner's request API refused it"}
	}
	return err
}

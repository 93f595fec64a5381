package replicate

import (
	"context"
	"errors"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Touched is told of a call of a client of this site that the profile does not describe and that may have changed a record, or what
// is below it: a transition, an assignment, a label. The record is looked at. At the owner what is different becomes a version. At a
// copy it is written at the owner, as if the client had said it in an update, and comes back from there; what the owner does not take
// is undone here.
func (g *Engine) Touched(ctx context.Context, collection, local, by string) {
	c, rec, err := g.aboutTo(ctx, collection, local)
	if err != nil {
		return // no request's record, or it cannot be told now: then the next look at it will
	}
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+g.Hold+storeTimeout)
	defer cancel()
	d, rec, err := g.touched(dctx, c, rec.Entry.ID)
	if err == nil && rec.Entry.Role == request.Copy {
		if len(d.names) > 0 {
			err = g.propose(dctx, c, rec, d, by)
		}
		if err == nil {
			err = g.proposeChildren(dctx, c, rec.Entry.ID, by)
		}
	}
	if err != nil {
		g.Log.Warn("what a call changed that the profile does not describe could not be published yet", append(logRequest(rec.Entry), logError(err))...)
	}
}

// aboutTo finds the request that a call concerned: that of the record or, for one of a child collection, that of its parent.
func (g *Engine) aboutTo(ctx context.Context, collection, local string) (*profile.Collection, store.Record, error) {
	c, err := g.collection(collection)
	if err != nil {
		return nil, store.Record{}, err
	}
	if c.Parent() == "" {
		link := store.Link{Site: g.Self, Local: local}
		rec, err := g.Ledger.Lookup(ctx, collection, link)
		if errors.Is(err, store.ErrNotFound) { // it may just be made: then it is known in a moment
			wctx, cancel := context.WithTimeout(ctx, g.Hold)
			defer cancel()
			g.awaitBirths(wctx, c.Name())
			rec, err = g.Ledger.Lookup(ctx, collection, link)
		}
		return c, rec, err
	}
	parents, err := g.collection(c.Parent())
	if err != nil {
		return nil, store.Record{}, err
	}
	if rec, err := g.Ledger.Lookup(ctx, parents.Name(), childLink(g.Self, collection, local)); err == nil {
		return parents, rec, nil
	}
	record, _, err := g.read(ctx, c, local)
	if err != nil {
		return nil, store.Record{}, err
	}
	rec, err := g.Ledger.Lookup(ctx, parents.Name(), store.Link{Site: g.Self, Local: c.ParentOf(record)})
	return parents, rec, err
}

// touched looks at a record in its lane, and publishes at its owner what is different.
func (g *Engine) touched(ctx context.Context, c *profile.Collection, id request.ID) (d difference, rec store.Record, err error) {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return d, rec, err
	}
	defer leave()
	if rec, err = g.settled(ctx, id); err != nil {
		return d, rec, err
	}
	d, ok, err := g.inspect(ctx, rec, c)
	if err != nil || !ok || d.missing || rec.Entry.Role != request.Owner {
		return d, rec, err
	}
	if d.any() {
		if rec, err = g.publish(ctx, rec, d); err != nil {
			return d, rec, err
		}
	}
	rec, err = g.gather(ctx, rec, c)
	return d, rec, err
}

// propose writes at the owner what is different in a copy's record.
func (g *Engine) propose(ctx context.Context, c *profile.Collection, rec store.Record, d difference, by string) error {
	var fields request.Fields
	for _, name := range d.names {
		value, ok := d.got.Get(name)
		if !ok {
			value = []byte("null")
		}
		fields = append(fields, request.Field{Name: name, Value: value})
	}
	res, err := g.change(ctx, c, request.Write{Op: string(request.NewID(g.now())), Kind: request.Update, Collection: rec.Entry.Collection,
		Request: rec.Entry.ID, Fields: fields, Entry: g.Self, EnteredBy: by})
	if err == nil && !res.Version.IsZero() {
		return nil
	}
	leave, lerr := g.lanes.enter(ctx, string(rec.Entry.ID))
	if lerr != nil {
		return lerr
	}
	defer leave()
	now, rerr := g.settled(ctx, rec.Entry.ID)
	if rerr != nil || now.Entry.Version != rec.Entry.Version {
		return err // it has moved on, and brought the copy with it
	}
	if _, rerr = g.restore(ctx, now, c, d); rerr != nil {
		return rerr
	}
	return err
}

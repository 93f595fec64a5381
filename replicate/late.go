package replicate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file is about upstream calls that took effect although their write had been taken over meanwhile: this gateway was stopped, or the
// API took longer than its quiet time. The store refused to record them. What they did is not in the ledger, and may have taken the
// place of what is: so the record is looked at, and what the ledger says is written again.

// lateMost and lateLife bound what is remembered of such calls; the comparison of ledger and records (verify, watch) finds the rest.
const (
	lateMost = 1024
	lateLife = 10 * time.Minute
)

// lateCall is one of them. Made says that it made the record local.
type lateCall struct {
	id         request.ID
	collection string
	local      string
	made       bool
	fields     request.Fields
	at         time.Time
}

type lates struct {
	mu   sync.Mutex
	list []lateCall
}

// tooLate notes an upstream call that took effect and that the store refused to record.
func (g *Engine) tooLate(rec store.Record, local string, err error) {
	in := rec.Entry.Intent
	if !errors.Is(err, store.ErrConflict) || in == nil || in.Child != nil {
		return
	}
	g.Log.Warn("a call took effect after its write had been taken over; its record is looked at", logRequest(rec.Entry)...)
	g.late.mu.Lock()
	defer g.late.mu.Unlock()
	if len(g.late.list) < lateMost {
		g.late.list = append(g.late.list, lateCall{id: rec.Entry.ID, collection: rec.Entry.Collection, local: local,
			made: rec.Entry.Local == "" && local != "", fields: in.Fields, at: g.now()})
	}
}

// mendLate looks at the records of such calls, and keeps those that cannot be looked at yet.
func (g *Engine) mendLate(ctx context.Context) {
	g.late.mu.Lock()
	list := g.late.list
	g.late.list = nil
	g.late.mu.Unlock()
	list = slices.DeleteFunc(list, func(x lateCall) bool {
		done, err := g.mend(ctx, x)
		if err != nil {
			g.Log.Info("a record that was written late could not be mended yet", zap.String("request", string(x.id)), logError(err))
		}
		return done || g.now().Sub(x.at) > lateLife
	})
	g.late.mu.Lock()
	defer g.late.mu.Unlock()
	g.late.list = append(list, g.late.list...)
}

func (g *Engine) mend(ctx context.Context, x lateCall) (done bool, err error) {
	leave, ok := g.lanes.try(string(x.id))
	if !ok {
		return false, nil
	}
	defer leave()
	c, err := g.collection(x.collection)
	if err != nil {
		return true, err
	}
	rec, err := g.Ledger.Read(ctx, x.id)
	gone := errors.Is(err, store.ErrNotFound)
	switch {
	case err != nil && !gone:
		return false, err
	case rec.Entry.Intent != nil || len(rec.Entry.Suspect) > 0: // somebody is at it
		return false, nil
	case x.made && rec.Entry.Local != x.local:
		return g.unmake(ctx, c, x)
	case gone:
		return true, nil
	}
	d, ok, err := g.inspect(ctx, rec, c)
	if err != nil || !ok || d.missing || !d.any() {
		return err == nil, err
	}
	if rec.Entry.Role == request.Copy {
		_, err = g.restore(ctx, rec, c, d)
		return err == nil, err
	}
	var back request.Fields
	for _, name := range d.names {
		is, _ := d.got.Get(name)
		if wrote, ok := c.Expect(x.fields).Get(name); !ok || !same(wrote, is) {
			continue // not by that call
		}
		value, ok := rec.Entry.Fields.Get(name)
		if !ok {
			value = []byte("null")
		}
		back = append(back, request.Field{Name: name, Value: value})
	}
	if len(back) == 0 {
		return true, nil
	}
	_, err = g.own(ctx, rec, c, request.Write{Op: string(request.NewID(g.now())), Kind: request.Update, Collection: x.collection, Request: x.id,
		Fields: back, Entry: g.Self})
	return err == nil, err
}

// unmake deletes a record that was made late for a request that has another one by now, or none: nobody knows of it.
func (g *Engine) unmake(ctx context.Context, c *profile.Collection, x lateCall) (done bool, err error) {
	_, err = g.Ledger.Lookup(ctx, x.collection, store.Link{Site: g.Self, Local: x.local})
	if err == nil {
		return true, nil // it has become a request
	}
	if !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	o := deleting(c, x.local)
	call, err := g.made(ctx, c, o)
	if err != nil {
		return request.KindOf(err) == request.NotFound, err
	}
	ans, err := g.send(ctx, c, call, o)
	if err != nil {
		return false, err
	}
	v := c.Judge(o.verb, ans)
	return v == profile.Accepted || v == profile.Gone || v == profile.Refused, nil
}

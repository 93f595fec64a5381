package replicate

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/debts"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/tracing"
)

// This file settles debts: what was passed on while the store was away becomes what it would have been. Each step may be repeated, also
// after a crash between any two of them: the ledger names a write by its operation, and a debt is struck out only when the ledger has it.

const (
	settleEvery    = time.Second
	settleParallel = 4
	settleSlowest  = 10 * time.Second
	// adoptEvery is how often the spools of processes that are gone are looked for.
	adoptEvery = 15 * time.Second
)

// errQuiet says that a call without an answer may still take effect: its debt waits.
var errQuiet = &request.Error{Op: "replicate.settle", Kind: request.Busy, Retry: time.Second,
	Detail: "a write that was passed on while the store was away was not answered, and may still take effect"}

// settleLoop settles debts whenever the store is there, until ctx ends.
func (g *Engine) settleLoop(ctx context.Context) {
	pause, adopted := settleEvery, time.Time{}
	for ctx.Err() == nil {
		select {
		case <-g.returned():
		case <-ctx.Done():
			return
		}
		if now := g.now(); now.Sub(adopted) > adoptEvery {
			adopted = now
			if n := g.Debts.Adopt(); n > 0 {
				g.Log.Info("the debts of a gateway that is gone are settled here", zap.Int("debts", n))
			}
		}
		if g.settleAll(ctx) == nil {
			pause = settleEvery
		} else {
			pause = min(2*pause, settleSlowest)
		}
		select {
		case <-g.owing.woken():
		case <-g.Clock.After(pause):
		case <-ctx.Done():
		}
	}
}

// settleAll tries to settle what there is, records side by side, the debts of one in order. The error is the first.
func (g *Engine) settleAll(ctx context.Context) error {
	list := g.Debts.List()
	if len(list) == 0 {
		return nil
	}
	lanes := sortedOps(list)
	var mu sync.Mutex
	var first error
	var running sync.WaitGroup
	slots := make(chan struct{}, settleParallel)
	for _, lane := range slices.Sorted(maps.Keys(lanes)) {
		if ctx.Err() != nil || g.absent() != nil {
			break
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if err := g.settleDebts(ctx, lane, lanes[lane]); err != nil && !errors.Is(err, errQuiet) {
				mu.Lock()
				defer mu.Unlock()
				first = cmp.Or(first, err)
			}
		})
	}
	running.Wait()
	if first != nil {
		g.Log.Warn("what was passed on while the store was away is not settled yet", zap.Int("debts", len(g.Debts.List())), logError(first))
	}
	return first
}

// settleDebts settles the debts of one record, in order, in a lane with those that pass writes of it.
func (g *Engine) settleDebts(ctx context.Context, lane string, ops []string) error {
	leave, err := g.lanes.enter(ctx, lane)
	if err != nil {
		return err
	}
	defer leave()
	ctx = settlingDebts(ctx)
	for i, op := range ops {
		d, ok := g.Debts.ByOp(op)
		switch {
		case !ok:
			continue
		case d.Flying, d.End == nil && !d.Proposed && g.now().Before(d.Quiet.Add(g.quiet())):
			return errQuiet
		}
		dctx, span := g.Tracer.Caused(ctx, "settle", tracing.Internal, traces(d.Trace))
		span.About(d.Request, request.Version{})
		err := g.settleDebt(dctx, d, i < len(ops)-1)
		if span.End(err); err != nil {
			return err
		}
	}
	return nil
}

// settleDebt settles one. more says that further ones of the same record follow.
func (g *Engine) settleDebt(ctx context.Context, d debts.Debt, more bool) error {
	c, err := g.collection(d.Collection)
	if err != nil {
		return err
	}
	switch {
	case d.End != nil && d.End.Refused:
		return g.paid(ctx, d, "", request.Version{})
	case d.Child != nil || d.Touch:
		return g.settleBelow(ctx, c, d)
	case d.Kind == request.Create:
		return g.settleCreate(ctx, c, d)
	}
	return g.settleChange(ctx, c, d, more)
}

// paid strikes a debt out, when its Idempotency-Key is in the store, so that a repeated call finds the answer there.
func (g *Engine) paid(ctx context.Context, d debts.Debt, id request.ID, v request.Version) error {
	if expires := d.At.Add(keyLife); d.Key != "" && expires.After(g.now()) {
		k := request.Key{Hash: d.Key, Digest: d.Digest, Op: d.Op, Request: id, Version: v, Expires: expires}
		if d.End != nil {
			k.Answer = d.End.Answer
		}
		if err := g.Notes.Keep(ctx, k); err != nil {
			return storeError("replicate.Keep", id, err)
		}
	}
	if d.End == nil && id != "" && d.Kind == request.Create && d.Child == nil { // the client was told to follow it
		op := request.Operation{ID: d.Op, Request: id, Kind: d.Kind, Outcome: request.InDoubt, Owner: g.Self, At: d.At}
		if err := g.Notes.PutOperation(ctx, op); err != nil {
			return storeError("replicate.PutOperation", id, err)
		}
	}
	g.Debts.Strike(d.Op)
	return nil
}

// dropped strikes out a debt of which nothing is left that the ledger should know.
func (g *Engine) dropped(ctx context.Context, d debts.Debt, why string) error {
	g.Log.Info("a write that was passed on while the store was away needs nothing more", zap.String("collection", d.Collection),
		zap.String("local", d.Record()), zap.String("kind", string(d.Kind)), zap.String("operation", d.Op), zap.String("because", why))
	return g.paid(ctx, d, "", request.Version{})
}

// settleCreate makes a request of a record that was created while the store was away: with the intent, the version and the routes that
// it would have had. One whose call was not answered is left to the resolver, which has the means to find it.
func (g *Engine) settleCreate(ctx context.Context, c *profile.Collection, d debts.Debt) error {
	leave, err := g.lanes.enter(ctx, string(d.Request))
	if err != nil {
		return err
	}
	defer leave()
	rec, err := g.Ledger.Read(ctx, d.Request)
	known := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return g.before(storeError("replicate.Read", d.Request, err))
	}
	begun := known && rec.Entry.Intent != nil && rec.Entry.Intent.Kind == request.Create
	switch {
	case known && !begun: // an earlier round came this far, or the resolver was faster
		return g.paid(ctx, d, d.Request, request.First(g.Self))
	case d.End == nil && begun:
		return g.paid(ctx, d, d.Request, request.Version{})
	case d.End == nil:
		if _, err = g.openBirth(ctx, c, d); err != nil {
			return err
		}
		return g.paid(ctx, d, d.Request, request.Version{})
	}
	return g.bear(ctx, c, d, rec, begun)
}

// bear enters a record that was made. In the request's lane.
func (g *Engine) bear(ctx context.Context, c *profile.Collection, d debts.Debt, rec store.Record, begun bool) error {
	local := d.End.Made
	if other, err := g.Ledger.Lookup(ctx, c.Name(), store.Link{Site: g.Self, Local: local}); err == nil && other.Entry.ID != d.Request && !other.Entry.Created.Before(d.At) {
		// It was found by a look behind the gateway, and is a request already.
		return g.paid(ctx, d, other.Entry.ID, other.Entry.Version)
	} else if err != nil && !errors.Is(err, store.ErrNotFound) {
		return g.before(storeError("replicate.Lookup", d.Request, err))
	}
	record, etag, err := g.read(ctx, c, local)
	switch gone := err != nil && request.KindOf(err) == request.NotFound; {
	case gone && begun:
		if _, err := g.step(ctx, rec, Failed{Now: g.now()}); err != nil {
			return err
		}
		return g.dropped(ctx, d, "the record was made, and is gone again")
	case gone:
		return g.dropped(ctx, d, "the record was made, and is gone again")
	case err != nil:
		return err
	}
	if !begun {
		if rec, err = g.openBirth(ctx, c, d); err != nil {
			return err
		}
	}
	after, err := g.step(ctx, rec, Landed{Local: local, Fields: g.fieldsOf(c, rec.Entry, record), ETag: etag, Status: d.End.Status, Now: g.now()})
	if err != nil {
		return err
	}
	version := after.Entry.Version
	g.gatherAfter(ctx, after, c)
	return g.paid(ctx, d, d.Request, version)
}

// openBirth writes down the intent of a create that was passed on.
func (g *Engine) openBirth(ctx context.Context, c *profile.Collection, d debts.Debt) (store.Record, error) {
	out := g.judged(g.router().Decide(routing.Input{Event: routing.Create, Collection: c.Name(), Site: g.Self, Owner: g.Self, Origin: g.Self,
		EnteredBy: d.By, New: d.Fields, Now: g.now()}), request.Entry{}, nil)
	owe := slices.DeleteFunc(out.debts, func(x request.Debt) bool { return x.Site == g.Self })
	rec := store.Record{Entry: request.Entry{ID: d.Request, Collection: c.Name(), Role: request.Creating, Owner: g.Self, Origin: g.Self,
		EnteredBy: d.By, Created: d.At, Updated: g.now()}}
	return g.begin(ctx, rec, request.Intent{Kind: request.Create, Op: d.Op, Version: request.First(g.Self), Fields: d.Fields, Token: 1,
		Owe: g.extend(nil, owe), Plan: out.plan})
}

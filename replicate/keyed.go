package replicate

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// keyed runs a write under its Idempotency-Key: once, whoever asks and however often, at whichever gateway of the site. Concurrent ones
// wait for the first.
func (g *Engine) keyed(ctx context.Context, w request.Write) (request.Result, error) {
	leave, err := g.lanes.enter(ctx, "key:"+w.Key)
	if err != nil {
		return request.Result{}, keyBusy(err)
	}
	defer leave()
	if res, ok, err := g.replayDebt(w); ok {
		return res, err
	}
	k, fresh, err := g.claimKey(ctx, w)
	if isUntouched(err) {
		return g.passKeyed(ctx, w, err)
	}
	if err != nil {
		return request.Result{}, err
	}
	if k.Answer != nil {
		return g.replayKey(ctx, k)
	}
	w.Op, w.Again = k.Op, !fresh
	switch {
	case w.Child != nil && w.Kind == request.Create:
		w.Child.ID = k.Request
	case w.Kind == request.Create:
		w.Request = k.Request
	}
	res, err := g.run(ctx, w)
	if isUntouched(err) {
		g.fellows.later(k)
		if !fresh { // what an earlier attempt sent must not be sent again
			return res, touchedBefore(err)
		}
		return g.pass(ctx, w, err)
	}
	dctx, cancel := detached(ctx, storeTimeout)
	defer cancel()
	switch {
	case err == nil && final(res.Answer):
		k.Answer, k.Version, k.Request = res.Answer, res.Version, res.Entry.ID
		// The write is done and its operation id is in the ledger: if this note is lost, a repeat still finds the outcome.
		_ = g.Notes.Keep(dctx, k)
	case fresh && (err == nil || request.KindOf(err) != request.Doubtful):
		g.letGo(dctx, k, true)
	default:
		g.letGo(dctx, k, false)
	}
	return res, err
}

// claimKey returns the key when it has an answer, or when this gateway is the one to run its write: fresh says that nobody has begun. One
// that another gateway is at is waited for, for as long as a call may take.
func (g *Engine) claimKey(ctx context.Context, w request.Write) (k request.Key, fresh bool, err error) {
	until := g.now().Add(g.set().Profile.Timeout + g.Hold)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		now := g.now()
		mine := request.Key{Hash: w.Key, Digest: w.Digest, Op: w.Op, Request: request.NewID(now), Expires: now.Add(keyLife)}
		if g.Shared {
			mine.By, mine.Until = g.me(), now.Add(g.set().Profile.Timeout+g.Patience+storeTimeout)
		}
		k, fresh, err = g.reserve(ctx, mine)
		switch {
		case err != nil:
			return k, false, err
		case fresh:
			return k, true, nil
		case k.Digest != w.Digest:
			return k, false, &request.Error{Op: "replicate.Write", Kind: request.KeyReused,
				Detail: "this Idempotency-Key came with another call before; use a new key for a new call"}
		case k.Answer != nil:
			return k, false, nil
		case !g.Shared:
			return k, false, nil
		case k.By == "" || now.After(k.Until) || g.over(k.By, k.Until):
			// Two gateways that take it over at once run it under the same operation, which is done once.
			k.By, k.Until = mine.By, mine.Until
			return k, false, storeError("replicate.Keep", "", g.Notes.Keep(ctx, k))
		case now.After(until):
			return k, false, keyBusy(nil)
		}
		select {
		case <-g.Clock.After(pause):
		case <-ctx.Done():
			return k, false, keyBusy(context.Cause(ctx))
		}
	}
}

// reserve takes an Idempotency-Key in the store, or finds what was kept under it.
func (g *Engine) reserve(ctx context.Context, mine request.Key) (k request.Key, fresh bool, err error) {
	if err := g.absent(); err != nil {
		return k, false, err
	}
	type reserved struct {
		key   request.Key
		fresh bool
	}
	r, err := soon(func() (r reserved, err error) {
		r.key, r.fresh, err = g.Notes.Reserve(ctx, mine)
		return r, err
	})
	if err != nil {
		return k, false, g.before(storeError("replicate.Reserve", "", err))
	}
	if g.Passes {
		g.Debts.Saw(mine.Hash)
	}
	return r.key, r.fresh, nil
}

// letGo says that this gateway is no longer at the write of a key: forget when nothing of it was done. It does nothing to a key that
// another gateway has taken over, for which this one may have been held up too long. What cannot be said now is said later.
func (g *Engine) letGo(ctx context.Context, k request.Key, forget bool) {
	if !g.Shared {
		if forget {
			_ = g.Notes.Release(ctx, k.Hash)
		}
		return
	}
	is, fresh, err := g.Notes.Reserve(ctx, k)
	if err == nil && !fresh && (is.By != k.By || is.Op != k.Op || is.Answer != nil) {
		return
	}
	if err == nil && forget {
		err = g.Notes.Release(ctx, k.Hash)
	} else if err == nil {
		is = k
		is.By = "" // the next one who asks, wherever, finds out what came of it
		err = g.Notes.Keep(ctx, is)
	}
	if err != nil {
		g.fellows.later(k)
	}
}

func keyBusy(err error) error {
	return &request.Error{Op: "replicate.Write", Kind: request.KeyBusy, Err: err, Retry: time.Second,
		Detail: "a call with the same Idempotency-Key is still being worked on; repeat it later"}
}

// final reports whether an answer is the end of a write: a failure that is over when it is tried again is not.
func final(a *request.Answer) bool {
	return a != nil && a.Status < 500 && a.Status != http.StatusTooManyRequests
}

// keyLife is how long an Idempotency-Key is remembered (spec, appendix C).
const keyLife = 24 * time.Hour

func (g *Engine) replayKey(ctx context.Context, k request.Key) (request.Result, error) {
	res := request.Result{Answer: k.Answer, Version: k.Version, Op: k.Op, Replayed: true}
	rec, err := g.Ledger.Read(ctx, k.Request)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return res, storeError("replicate.Read", k.Request, err)
	}
	res.Entry, res.Copies = rec.Entry, rec.Holders
	return res, nil
}

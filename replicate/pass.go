package replicate

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/debts"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
)

// This file is the brown-out: the store does not answer, and by policy (store_down: pass) clients' writes go to the request API all the
// same. Each is remembered in a local spool before its call is made, as a debt to the ledger; settle.go pays them.

// pass makes a client's write at this site's own API while the store is away. Nothing of it has been sent before. cause is the error
// that a write is refused with where the policy is to refuse it, or where it cannot be known what passing it on would do.
func (g *Engine) pass(ctx context.Context, w request.Write, cause error) (request.Result, error) {
	if !g.Passes || w.Call == nil {
		return request.Result{}, cause
	}
	c, err := g.collection(w.Collection)
	if err != nil {
		return request.Result{}, err
	}
	if name, rest, ok := strings.Cut(w.Local, ":"); ok && request.Site(name) == g.Self { // this site's own id, written out
		if w.Call, err = retarget(c, w, rest); err != nil {
			return request.Result{}, err
		}
		if w.Child == nil {
			w.Local = rest
		}
	}
	if why := g.unpassable(w); why != "" {
		return request.Result{}, &request.Error{Op: "replicate.pass", Kind: request.StoreDown, Err: cause, Retry: 2 * time.Second,
			Detail: "the store of the gateway does not answer, and " + why + "; nothing was done"}
	}
	if w.Kind != request.Create || w.Child != nil {
		leave, err := g.lanes.enter(ctx, debtLane(w.Collection, w.Local))
		if err != nil {
			return request.Result{}, err
		}
		defer leave()
	} else if w.Request == "" {
		w.Request = request.NewID(g.now())
	}
	call, id, err := g.passing(ctx, c, &w)
	if err != nil {
		return request.Result{}, err
	}
	d := debts.Debt{Op: w.Op, Kind: w.Kind, Collection: w.Collection, Local: w.Local, Child: w.Child, Fields: w.Fields, Key: w.Key, Digest: w.Digest,
		By: w.EnteredBy, At: g.now(), Trace: tracing.Sampled(ctx)}
	if w.Kind == request.Create && w.Child == nil {
		d.Request, d.Local = w.Request, ""
	}
	d.Seen, d.Base = g.knownOf(w)
	if err := g.Debts.Begin(d); err != nil {
		return request.Result{}, err
	}
	if d.Request != "" {
		defer g.births.begin()()
	}
	ans, err := g.sendPassing(ctx, call, w)
	res, err := g.passed(c, w, ans, err)
	res.Op, res.Entry.ID = w.Op, id
	return res, err
}

// passKeyed passes a write with an Idempotency-Key on that was not seen before, as far as this gateway can know.
func (g *Engine) passKeyed(ctx context.Context, w request.Write, cause error) (request.Result, error) {
	if g.Passes && g.Debts.Known(w.Key) {
		return request.Result{}, &request.Error{Op: "replicate.pass", Kind: request.StoreDown, Err: cause, Retry: 2 * time.Second,
			Detail: "the store of the gateway does not answer, and what came of an earlier call with this Idempotency-Key only the store knows; nothing was done"}
	}
	return g.pass(ctx, w, cause)
}

func debtLane(collection, local string) string { return "debt:" + collection + "/" + local }

// unpassable is why a write must wait for the store whatever the policy, "" when it need not.
func (g *Engine) unpassable(w request.Write) string {
	local := w.Local
	if w.Kind == request.Create && w.Child == nil {
		local = ""
	}
	name, _, other := strings.Cut(local, ":")
	switch {
	case other && g.knows(request.Site(name)):
		return "which record " + local + " is here only the store knows"
	case len(w.IfMatch) > 0:
		return "which version If-Match speaks of only the store knows"
	}
	return ""
}

// passing is the call as it is passed on, and the id of its request where that is known. A new record is given its id and the marks of an
// owner, as always; the marks of a record that is there stay what they are, and a client cannot set them.
func (g *Engine) passing(ctx context.Context, c *profile.Collection, w *request.Write) (call request.Call, id request.ID, err error) {
	call = *w.Call
	switch {
	case w.Raw != "", w.Kind == request.Delete:
		return call, "", nil
	case w.Child != nil:
		f, err := g.family(w.Child.Collection)
		if err != nil {
			return call, "", err
		}
		m := profile.Marks{}
		if w.Kind == request.Create {
			child := *w.Child
			child.ID = request.NewID(g.now())
			m.Request, w.Child = child.ID, &child
		}
		call, err = f.children.Under(w.Local).Splice(verb(w.Kind), call, m, false)
		return call, "", err
	case w.Kind == request.Create:
		call, err = c.Splice(profile.Create, call, profile.Marks{Request: w.Request, Version: request.First(g.Self), Owner: g.Self,
			State: string(request.Owner)}, false)
		if _, marked := c.FindCall(w.Request); marked {
			id = w.Request
		}
		return call, id, err
	}
	if !c.CanMark() && !c.Stamps() {
		return call, "", nil
	}
	record, _, err := g.read(ctx, c, w.Local)
	if request.KindOf(err) == request.NotFound && err != nil {
		return call, "", nil // the API's own to refuse
	}
	if err != nil {
		return call, "", err
	}
	m, ok := c.Stamp(record)
	if !ok || m.Request == "" {
		return call, "", nil
	}
	call, err = c.Splice(verb(w.Kind), call, m, true)
	return call, m.Request, err
}

// sendPassing makes the call. It goes on when the client is gone: what comes of it must be known.
func (g *Engine) sendPassing(ctx context.Context, call request.Call, w request.Write) (request.Answer, error) {
	if w.Raw == "" {
		return g.Upstream.Do(context.WithoutCancel(ctx), call, false)
	}
	body, size, err := rawBody(g.Files, w.Raw)
	if err != nil {
		return request.Answer{}, &request.Error{Op: "replicate.upload", Kind: request.NotSent, Err: err}
	}
	defer func() { _ = body.Close() }()
	return g.stream(ctx, call, body, size, false)
}

// passed ends a write that was passed on by what the API said, or did not say.
func (g *Engine) passed(c *profile.Collection, w request.Write, ans request.Answer, err error) (request.Result, error) {
	if k := request.KindOf(err); err != nil && (k == request.NotSent || k == request.ClientGone) {
		g.Debts.Strike(w.Op)
		return request.Result{}, &request.Error{Op: "replicate.upstream", Kind: request.Unavailable, Err: err, Retry: 2 * time.Second,
			Detail: "the request API of " + string(g.Self) + " cannot be reached; nothing was done"}
	}
	if err != nil {
		return g.unanswered(w)
	}
	if w.Child != nil {
		f, ferr := g.family(w.Child.Collection)
		if ferr != nil {
			return request.Result{}, ferr
		}
		c = f.children.Under(w.Local)
	}
	end := debts.End{Status: ans.Status}
	if w.Key != "" && final(&ans) {
		end.Answer = &ans
	}
	verdict := c.Judge(verb(w.Kind), ans)
	if verdict == profile.Gone && w.Kind == request.Delete {
		verdict = profile.Accepted
	}
	switch verdict {
	case profile.Accepted:
		if w.Kind == request.Create {
			made, err := c.Created(ans)
			if err != nil && w.Child == nil {
				return g.unanswered(w) // a success without an id is none
			}
			end.Made = made.Local
		}
		g.ended(w.Op, end)
		return request.Result{Answer: &ans, Debt: true}, nil
	case profile.Refused, profile.Unavailable, profile.Stale, profile.Gone:
		end.Refused = true
		if end.Answer == nil {
			g.Debts.Strike(w.Op)
		} else {
			g.ended(w.Op, end)
		}
		return request.Result{Answer: &ans}, nil
	}
	if ans.Status < 500 || ans.Status == http.StatusBadGateway || ans.Status == http.StatusGatewayTimeout {
		return g.unanswered(w)
	}
	// The API says that it failed. Whether it did the write all the same is found out when the debt is settled.
	g.Debts.Unanswered(w.Op)
	return request.Result{Answer: &ans}, nil
}

// ended remembers what came of a call. When the disk does not take it the debt itself is there, and is looked into when it is settled.
func (g *Engine) ended(op string, end debts.End) {
	if err := g.Debts.End(op, end); err != nil {
		g.Log.Warn("the answer to a write that was passed on is remembered in memory alone", zap.String("operation", op), logError(err))
	}
}

// unanswered answers a write of which nobody knows whether it was made.
func (g *Engine) unanswered(w request.Write) (request.Result, error) {
	g.Debts.Unanswered(w.Op)
	return request.Result{}, &request.Error{Op: "replicate.pass", Kind: request.Doubtful, Operation: w.Op,
		Detail: "the request API broke off in the middle of the write, and the store of the gateway, with which its end would be found out, is away"}
}

// replayDebt answers a call whose Idempotency-Key was used while the store was away. ok is false when it was not.
func (g *Engine) replayDebt(w request.Write) (res request.Result, ok bool, err error) {
	if g.Debts == nil {
		return res, false, nil
	}
	d, ok := g.Debts.ByKey(w.Key)
	switch {
	case !ok:
		return res, false, nil
	case d.Digest != w.Digest:
		return res, true, &request.Error{Op: "replicate.Write", Kind: request.KeyReused,
			Detail: "this Idempotency-Key came with another call before; use a new key for a new call"}
	case d.End == nil || d.End.Answer == nil:
		return res, true, &request.Error{Op: "replicate.Write", Kind: request.KeyBusy, Operation: d.Op, Retry: 2 * time.Second,
			Detail: "a call with the same Idempotency-Key was passed on while the store was away; repeat it when the store is back to learn what came of it"}
	}
	res = request.Result{Answer: d.End.Answer, Op: d.Op, Replayed: true, Debt: !d.End.Refused}
	if c := g.set().Profile.Collections[d.Collection]; c != nil && d.Request != "" {
		if _, marked := c.FindCall(d.Request); marked {
			res.Entry.ID = d.Request
		}
	}
	return res, true, nil
}

// settledFirst settles the debts of a record before it is written again.
func (g *Engine) settledFirst(ctx context.Context, w request.Write) error {
	if g.Debts == nil || w.Kind == request.Create && w.Child == nil || !g.Debts.Holds(w.Collection, w.Local) || g.absent() != nil {
		return nil
	}
	var ops []string
	for _, d := range g.Debts.Of(w.Collection, w.Local) {
		ops = append(ops, d.Op)
	}
	sctx, cancel := detached(ctx, g.set().Profile.Timeout+g.Hold+storeTimeout)
	defer cancel()
	err := g.settleDebts(sctx, debtLane(w.Collection, w.Local), ops)
	if err == nil || request.KindOf(err) == request.StoreDown || !g.Debts.Holds(w.Collection, w.Local) {
		return nil // when the store is away again, that is found out by the write itself
	}
	return unsettledDebts("")
}

// Passing tells what becomes of a call that the profile does not describe and that may change a record: nil, it is made; an error, it must
// not be, since the store is away. done is called when it was made, with whether the API took it.
func (g *Engine) Passing(ctx context.Context, collection, local, by string) (debt bool, done func(taken, answered bool), err error) {
	away := g.absent()
	if away == nil {
		c, cerr := g.collection(collection)
		if cerr != nil {
			return false, nil, nil
		}
		about := collection
		if p := c.Parent(); p != "" {
			about = p
		}
		_, err := soon(func() (request.ID, error) {
			rec, err := g.Ledger.Lookup(ctx, about, lookedFor(g.Self, c, local))
			return rec.Entry.ID, err
		})
		if err = g.before(storeError("replicate.Lookup", "", err)); !isUntouched(err) {
			return false, nil, nil
		}
		away = err
	}
	if !g.Passes {
		return false, nil, away
	}
	d := debts.Debt{Op: string(request.NewID(g.now())), Kind: request.Update, Collection: collection, Local: local, Touch: true, By: by, At: g.now()}
	if c := g.set().Profile.Collections[collection]; c != nil && c.Parent() != "" {
		d.Collection, d.Local, d.Child = c.Parent(), "", &request.ChildWrite{Collection: collection, Kind: request.Update, Local: local}
	}
	if err := g.Debts.Begin(d); err != nil {
		return false, nil, err
	}
	return true, func(taken, answered bool) {
		switch {
		case taken:
			g.ended(d.Op, debts.End{Status: http.StatusOK})
		case answered:
			g.Debts.Strike(d.Op)
		default:
			g.Debts.Unanswered(d.Op)
		}
	}, nil
}

// sortedOps are the operations of debts of one record, in order, each once.
func sortedOps(list []debts.Debt) map[string][]string {
	out := make(map[string][]string)
	for _, d := range list {
		lane := debtLane(d.Collection, d.Record())
		if d.Record() == "" && d.Child == nil {
			lane = debtLane(d.Collection, "?"+d.Op) // a create of which nothing is known is by itself
		}
		out[lane] = append(out[lane], d.Op)
	}
	return out
}

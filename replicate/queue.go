package replicate

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/tracing"
)

// mostQueued is how many writes of one request wait at one site for its owner (protocol 5).
const mostQueued = 64

// enqueue accepts a write of a copy whose owner cannot be reached: it is durable here, and made there later, in order. The copy changes when
// the owner has made it.
func (g *Engine) enqueue(ctx context.Context, id request.ID, w request.Write) (request.Result, error) {
	rec, leave, err := g.resting(ctx, id)
	if err != nil {
		return request.Result{}, err
	}
	defer leave()
	e := rec.Entry
	if len(e.Queue) >= mostQueued {
		return request.Result{Entry: e}, &request.Error{Op: "replicate.enqueue", Kind: request.Unavailable, Request: id, Retry: time.Minute,
			Detail: "too many writes of the request wait already for " + string(e.Owner)}
	}
	now := g.now()
	q := request.Queued{Op: w.Op, Kind: w.Kind, Fields: w.Fields, Base: e.Version, EnteredBy: w.EnteredBy, At: now, Trace: tracing.Sampled(ctx)}
	seen := e.Fields // by the client: with what it has queued before
	for _, x := range e.Queue {
		seen = seen.Merge(x.Fields)
	}
	seen = seen.Merge(w.Pre)
	if w.Base.After(q.Base) {
		q.Base = w.Base
	}
	for _, f := range w.Fields {
		if v, ok := seen.Get(f.Name); ok {
			q.Pre = append(q.Pre, request.Field{Name: f.Name, Value: v})
		}
	}
	if !slices.ContainsFunc(e.Queue, func(x request.Queued) bool { return x.Op == w.Op }) {
		rec, err = g.step(ctx, rec, Noted{Queue: append(slices.Clone(e.Queue), q), Conflicts: e.Conflicts})
		if err != nil {
			return request.Result{Entry: e}, err
		}
	}
	op := request.Operation{ID: w.Op, Request: id, Kind: w.Kind, Outcome: request.Kept, Owner: e.Owner, At: now,
		Reason: string(e.Owner) + " cannot be reached; the write will be made there when it can"}
	if err := g.Notes.PutOperation(ctx, op); err != nil {
		return request.Result{Entry: e}, storeError("replicate.PutOperation", id, err)
	}
	at := "/.meridian/operations/" + w.Op
	return request.Result{Entry: rec.Entry, Op: w.Op, Answer: &request.Answer{Status: http.StatusAccepted,
		Header: http.Header{"Content-Type": {"application/json"}, "Location": {at}, "Meridian-Operation": {at}, "Meridian-State": {"queued"}},
		Body:   []byte(`{"state":"queued","operation":"` + at + `"}`)}}, nil
}

// drainQueue makes the oldest queued write at the owner. It runs under the operation id of the client's call, so that repeating it
// does nothing twice.
func (g *Engine) drainQueue(ctx context.Context, rec store.Record) (cause string) {
	e := rec.Entry
	q := e.Queue[0]
	c, err := g.collection(e.Collection)
	if err != nil {
		return err.Error()
	}
	ctx, span := g.Tracer.Caused(ctx, "queued write", tracing.Internal, traces(q.Trace))
	span.About(e.ID, request.Version{})
	defer func() { span.Text(tracing.Outcome, cmp.Or(word(cause), "done")); span.End(nil) }()
	w := request.Write{Op: q.Op, Kind: q.Kind, Collection: e.Collection, Request: e.ID, Fields: q.Fields, Queued: true, Pre: q.Pre, Base: q.Base,
		Entry: g.Self, EnteredBy: q.EnteredBy}
	var reply peerReply
	if e.Role == request.Owner { // it came here meanwhile
		var leave func()
		if rec, leave, err = g.resting(ctx, e.ID); err != nil {
			return err.Error()
		}
		var res request.Result
		res, err = g.ownQueued(ctx, rec, c, w)
		leave()
		reply = g.reply(g.Self, res)
	} else {
		w.Via = []request.Site{g.Self}
		_, reply, err = g.chase(ctx, e, w)
	}
	op := request.Operation{ID: q.Op, Request: e.ID, Kind: q.Kind, Owner: e.Owner, At: g.now()}
	switch kind := request.KindOf(err); {
	case err == nil && reply.Answer != nil:
		op.Outcome, op.Status, op.Reason = request.Refused, reply.Answer.Status, "the request API of "+string(e.Owner)+" refused it"
	case err == nil:
		op.Outcome, op.Version, op.Status = request.Done, reply.Version, c.Success(verb(q.Kind))
	case kind == request.Conflict, kind == request.Gone:
		op.Outcome, op.Reason = request.Clashed, err.Error()
	case kind == request.Invalid, kind == request.Reserved, kind == request.Precondition, kind == request.TooLarge:
		op.Outcome, op.Reason = request.Refused, err.Error()
	default:
		return "queued writes wait for " + string(e.Owner) + ": " + err.Error()
	}
	if err := g.dequeue(ctx, e.ID, op, request.KindOf(err) == request.Gone && err != nil); err != nil {
		return err.Error()
	}
	if err == nil && reply.Answer == nil && e.Role != request.Owner {
		g.take(ctx, c, reply.Snapshot)
	}
	return ""
}

// dequeue notes how a queued write ended. One of a request that was deleted meanwhile becomes a conflict record here: the
// deletion wins.
func (g *Engine) dequeue(ctx context.Context, id request.ID, op request.Operation, gone bool) error {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return err
	}
	defer leave()
	rec, err := g.Ledger.Read(ctx, id)
	if err != nil {
		return storeError("replicate.Read", id, err)
	}
	e := rec.Entry
	i := slices.IndexFunc(e.Queue, func(x request.Queued) bool { return x.Op == op.ID })
	if i < 0 {
		return nil
	}
	if err := g.Notes.PutOperation(ctx, op); err != nil {
		return storeError("replicate.PutOperation", id, err)
	}
	q := e.Queue[i]
	n := Noted{Queue: slices.Delete(slices.Clone(e.Queue), i, i+1), Conflicts: e.Conflicts}
	for k := range n.Queue { // with nothing of others in between, those behind it saw this one
		if op.Outcome == request.Done && op.Version == n.Queue[k].Base.Next() {
			n.Queue[k].Base = op.Version
		}
	}
	if gone {
		n.Conflicts = append(slices.Clone(n.Conflicts), request.ConflictRecord{ID: "delete-" + q.Op, Kind: "delete", Op: q.Op, Site: g.Self,
			At: g.now(), Base: q.Base, Theirs: e.Version, Fields: choices(q.Fields, nil), Decision: "the request was deleted before the write came to its owner"})
	}
	_, err = g.step(ctx, rec, n)
	return err
}

// ownQueued makes a write that waited at another site, in the request's lane. In fields that changed at the owner since the client
// saw them the owner's value wins, and a conflict record keeps the other.
func (g *Engine) ownQueued(ctx context.Context, rec store.Record, c *profile.Collection, w request.Write) (request.Result, error) {
	e := rec.Entry
	if _, done := e.FindOp(w.Op); done {
		return g.own(ctx, rec, c, w)
	}
	var clash []request.FieldChoice
	fields := w.Fields
	if w.Kind == request.Delete {
		if !e.Version.After(w.Base) {
			return g.own(ctx, rec, c, w)
		}
		clash = []request.FieldChoice{}
	} else {
		fields, clash = sift(w, e.Fields)
		w.Kind = request.Update
	}
	if clash != nil {
		id := "queue-" + w.Op
		if !slices.ContainsFunc(e.Conflicts, func(x request.ConflictRecord) bool { return x.ID == id }) {
			note := request.ConflictRecord{ID: id, Kind: "queue", Op: w.Op, Site: w.Entry, At: g.now(), Base: w.Base, Theirs: e.Version, Fields: clash,
				Decision: "the write was queued at " + string(w.Entry) + "; what had changed here since was kept"}
			var err error
			if rec, err = g.step(ctx, rec, Noted{Queue: e.Queue, Conflicts: append(slices.Clone(e.Conflicts), note)}); err != nil {
				return request.Result{Entry: e}, err
			}
		}
		if len(fields) == 0 || w.Kind == request.Delete {
			return request.Result{Entry: rec.Entry}, &request.Error{Op: "replicate.ownQueued", Kind: request.Conflict, Request: e.ID,
				Detail: "the request changed at its owner before the queued write came; the conflict is recorded there"}
		}
	}
	w.Fields = fields
	return g.own(ctx, rec, c, w)
}

// sift separates the fields of a queued write that nobody changed since from those that were; one that has the wanted value by now is neither.
func sift(w request.Write, now request.Fields) (clear request.Fields, clash []request.FieldChoice) {
	for _, f := range w.Fields {
		one := request.Fields{f}
		was, _ := w.Pre.Get(f.Name)
		is, _ := now.Get(f.Name)
		switch {
		case len(profile.Diff(one, now)) == 0:
			if len(w.Fields) == 1 { // the write must still be one
				clear = append(clear, f)
			}
		case len(profile.Diff(request.Fields{{Name: f.Name, Value: orNull(was)}}, request.Fields{{Name: f.Name, Value: orNull(is)}})) == 0:
			if len(profile.Diff(one, w.Pre)) > 0 { // what the client left as it was is no change
				clear = append(clear, f)
			}
		case len(profile.Diff(one, w.Pre)) > 0:
			clash = append(clash, request.FieldChoice{Name: f.Name, Base: string(was), Mine: string(f.Value), Theirs: string(is)})
		}
	}
	return clear, clash
}

func orNull(v []byte) []byte {
	if v == nil {
		return []byte("null")
	}
	return v
}

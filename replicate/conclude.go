package replicate

import (
	"context"
	"net/http"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// conclude ends a write at the owner by what the upstream said, or did not say. The record still has its intent.
func (g *Engine) conclude(ctx context.Context, rec store.Record, c *profile.Collection, ans request.Answer, err error) (request.Result, error) {
	in := rec.Entry.Intent
	if err != nil {
		if k := request.KindOf(err); k == request.NotSent || k == request.ClientGone {
			return g.refuse(ctx, rec, nil, &request.Error{Op: "replicate.upstream", Kind: request.Unavailable, Request: rec.Entry.ID,
				Detail: "the request API of " + string(g.Self) + " cannot be reached; nothing was done", Err: err, Retry: 2 * time.Second})
		}
		return g.unknown(ctx, rec, c)
	}
	switch c.Judge(verb(in.Kind), ans) {
	case profile.Accepted:
		return g.accepted(ctx, rec, c, ans)
	case profile.Gone:
		if in.Kind == request.Delete && g.reallyGone(ctx, c, rec.Entry.Local, profile.Gone) == profile.Gone {
			return g.accepted(ctx, rec, c, ans)
		}
		return g.refuse(ctx, rec, &ans, nil)
	case profile.Refused:
		return g.refusedInPart(ctx, rec, c, ans)
	case profile.Unavailable, profile.Stale:
		return g.refuse(ctx, rec, &ans, nil)
	}
	if ans.Status < 500 || ans.Status == http.StatusBadGateway || ans.Status == http.StatusGatewayTimeout {
		return g.unknown(ctx, rec, c) // nobody who knows has said anything: it may still happen
	}
	// The API itself answered that it failed. Look once whether it did it all the same; if not, its answer is the client's.
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+storeTimeout)
	defer cancel()
	if after, err := g.look(dctx, rec, c, true); err == nil && after.Entry.Intent == nil && made(after.Entry, in) {
		return g.found(dctx, after, c, in)
	}
	return g.refuse(ctx, rec, &ans, nil)
}

// accepted records a write that the upstream confirmed and answers with the upstream's own answer.
func (g *Engine) accepted(ctx context.Context, rec store.Record, c *profile.Collection, ans request.Answer) (request.Result, error) {
	in := rec.Entry.Intent
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+storeTimeout)
	defer cancel()
	landed := Landed{Local: rec.Entry.Local, Status: ans.Status, Now: g.now()}
	var record []byte
	whole := false
	switch in.Kind {
	case request.Create:
		made, err := c.Created(ans)
		if err != nil || !g.plausible(dctx, rec.Entry, c, made.Local) {
			return g.unknown(ctx, rec, c) // a success without a usable id is not one (protocol C3)
		}
		landed.Local = made.Local
		record, whole = made.Record, made.Record != nil
	case request.Delete:
		whole = true
	default:
		record, whole = c.Answered(ans, rec.Entry.Local)
	}
	late := c.Late(in.Fields)
	again := in.Own && in.Kind != request.Delete && (c.Sets(in.Fields) || in.Kind == request.Create && len(late) > 0)
	if again && in.Kind == request.Create && len(late) > 0 {
		g.follow(dctx, c, landed.Local, request.Snapshot{ID: rec.Entry.ID}, late)
	}
	if again {
		// What the API does not take is seen when the record is read, and is then what everybody gets.
		_, _ = g.setFields(dctx, c, landed.Local, in.Fields)
	}
	if !whole || again || c.ReadBack() && in.Kind != request.Delete {
		if r, etag, err := g.read(dctx, c, landed.Local); err == nil {
			record, landed.ETag = r, etag
		} else if !whole {
			record = nil
		}
	} else {
		landed.ETag = c.ETag(ans, record)
	}
	landed.Fields = g.fieldsOf(c, rec.Entry, record)
	after, err := g.step(dctx, rec, landed)
	if err != nil {
		// Done upstream and not recorded: the intent is durable, the sweep will find it.
		g.tooLate(rec, landed.Local, err)
		return g.doubtful(dctx, rec, "the write was made but could not be recorded yet")
	}
	if in.Kind != request.Delete {
		after = g.gatherAfter(dctx, after, c)
	}
	return request.Result{Answer: &ans, Entry: after.Entry, Copies: after.Holders, Version: in.Version}, nil
}

// plausible reports whether a new record's id may be this request's: not one that leads to another request which is still there.
func (g *Engine) plausible(ctx context.Context, e request.Entry, c *profile.Collection, local string) bool {
	other, err := g.Ledger.Lookup(ctx, e.Collection, store.Link{Site: g.Self, Local: local})
	if err != nil || other.Entry.ID == e.ID {
		return true
	}
	// The API gave an id again whose record went away behind the gateway. It is ours if it carries what we wrote.
	record, _, err := g.read(ctx, c, local)
	if err != nil {
		return false
	}
	if m, ok := c.Stamp(record); ok && m.Request != "" {
		return m.Request == e.ID
	}
	got, err := c.FromRecord(record)
	return err == nil && len(profile.Diff(c.Expect(e.Intent.Fields), got)) == 0
}

// fieldsOf is the canonical state after a write: the record as the upstream has it, or, where it could not be read, what the
// write makes of the state known before. The next write or comparison corrects the latter.
func (g *Engine) fieldsOf(c *profile.Collection, e request.Entry, record []byte) request.Fields {
	if record != nil {
		if got, err := c.FromRecord(record); err == nil {
			return stateOf(c, intended(c, e), got)
		}
	}
	return intended(c, e)
}

// intended is what the write under way makes of a request, if the site's API takes all of it.
func intended(c *profile.Collection, e request.Entry) request.Fields {
	in := e.Intent
	switch in.Kind {
	case request.Update:
		return e.Fields.Merge(in.Fields)
	case request.Replace: // what this site does not hold cannot have been meant
		return in.Fields.Merge(e.Fields.Only(e.Fields.Missing(c.Expect(e.Fields))...).Without(in.Fields.Names()...))
	}
	return in.Fields
}

// meant is what a client of this site says in a write of a request. It sees the request as this site holds it: what it repeats of that
// is no change of what the request has beyond it, and what it leaves out of a whole record was never there for it.
func meant(c *profile.Collection, e request.Entry, w request.Write) request.Fields {
	if w.Call == nil || w.Kind == request.Delete || c.Verbatim() && w.Kind != request.Replace {
		return w.Fields
	}
	held := c.Expect(e.Fields)
	out := make(request.Fields, 0, len(w.Fields))
	for _, f := range w.Fields {
		shown, ok := held.Get(f.Name)
		if was, known := e.Fields.Get(f.Name); ok && known && same(shown, f.Value) {
			f.Value = was
		}
		out = append(out, f)
	}
	if w.Kind == request.Replace {
		out = append(out, e.Fields.Only(e.Fields.Missing(held)...).Without(out.Names()...)...)
	}
	return out
}

// stateOf is what a request is when its owner's record was read as got and want is what it should be. Where the record has a value in
// this site's own way, cut or in other words, the request has it as it was said; and what this site does not hold at all stays.
func stateOf(c *profile.Collection, want, got request.Fields) request.Fields {
	if c.Verbatim() && len(want.Missing(got)) == 0 {
		return got
	}
	d := differs(c, &request.Entry{Role: request.Owner, Fields: want}, got)
	return d.merged
}

// read fetches a record of this site with the gateway's own credentials.
func (g *Engine) read(ctx context.Context, c *profile.Collection, local string) (record []byte, etag string, err error) {
	ans, err := g.Upstream.Do(ctx, c.ReadCall(local), true)
	if err != nil {
		return nil, "", &request.Error{Op: "replicate.read", Kind: request.Unavailable, Err: err, Retry: time.Second}
	}
	record, ok := c.Answered(ans, local)
	if ok && !c.Deleted(record) {
		return record, c.ETag(ans, record), nil
	}
	kind := request.Unavailable
	if ok || c.Judge(profile.Read, ans) == profile.Gone {
		kind = request.NotFound
		if !ok && !g.credible(ctx, c) {
			return nil, "", notProven(local)
		}
	}
	detail := "reading " + local + " answered " + http.StatusText(ans.Status)
	if !ok && c.Judge(profile.Read, ans) == profile.Accepted {
		detail += ": " + c.Unshown(ans, local)
	}
	return nil, "", &request.Error{Op: "replicate.read", Kind: kind, Detail: detail}
}

// refuse clears the intent of a write that certainly did not happen and passes on the upstream's answer, or cause.
func (g *Engine) refuse(ctx context.Context, rec store.Record, ans *request.Answer, cause error) (request.Result, error) {
	dctx, cancel := detached(ctx, storeTimeout)
	defer cancel()
	status := 0
	if ans != nil {
		status = ans.Status
	}
	// If this cannot be stored, the intent stays and the sweep comes to the same end.
	_, _ = g.step(dctx, rec, Failed{Status: status, Now: g.now()})
	e := rec.Entry
	e.Intent = nil
	if e.Version.IsZero() {
		e = request.Entry{}
	}
	return request.Result{Answer: ans, Entry: e}, cause
}

// refusedInPart passes on a refusal. Some APIs refuse one field of a write and take the others: where their answers are not to be
// trusted the record is read, and what is different becomes a version, although the write was refused.
func (g *Engine) refusedInPart(ctx context.Context, rec store.Record, c *profile.Collection, ans request.Answer) (request.Result, error) {
	e := rec.Entry
	if !c.ReadBack() || e.Local == "" || e.Intent.Kind == request.Delete {
		return g.refuse(ctx, rec, &ans, nil)
	}
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+storeTimeout)
	defer cancel()
	record, etag, err := g.read(dctx, c, e.Local)
	if err != nil {
		return g.refuse(ctx, rec, &ans, nil)
	}
	got, err := c.FromRecord(record)
	if err != nil {
		return g.refuse(ctx, rec, &ans, nil)
	}
	if got = stateOf(c, e.Fields, got); len(profile.Diff(e.Fields, got)) == 0 && len(profile.Diff(got, e.Fields)) == 0 {
		return g.refuse(ctx, rec, &ans, nil)
	}
	after, err := g.step(dctx, rec, Landed{Local: e.Local, Fields: got, ETag: etag, Outcome: request.NotDone, Status: ans.Status, Now: g.now()})
	if err != nil {
		return g.refuse(ctx, rec, &ans, nil)
	}
	return request.Result{Answer: &ans, Entry: after.Entry}, nil
}

// unknown waits, as long as the client does, for the resolver to find out how a write ended.
func (g *Engine) unknown(ctx context.Context, rec store.Record, c *profile.Collection) (request.Result, error) {
	in := rec.Entry.Intent
	dctx, cancel := detached(ctx, g.Patience+g.set().Profile.Timeout+storeTimeout)
	defer cancel()
	if marked, err := g.step(dctx, rec, Taken{Replica: in.Replica, Lease: in.Lease, Sent: g.now()}); err == nil {
		rec = marked
	}
	until := g.now().Add(g.Patience)
	why := ""
	for pause := 100 * time.Millisecond; ; pause = min(4*pause, 2*time.Second) {
		after, err := g.look(dctx, rec, c, false)
		if err == nil {
			rec = after
		}
		if why = reason(err); why != "" {
			why = " (" + why + ")"
		}
		if e := rec.Entry; e.Intent == nil && made(e, in) {
			return g.found(dctx, rec, c, in)
		} else if e.Intent == nil {
			return request.Result{Entry: e}, &request.Error{Op: "replicate.Write", Kind: request.Unavailable, Request: e.ID,
				Detail: "the request API broke off and did not make the write; repeat it", Retry: time.Second}
		} else if e.Doubt != nil {
			break
		}
		if g.now().Add(pause).After(until) {
			break
		}
		select {
		case <-g.Clock.After(pause):
			continue
		case <-ctx.Done():
		}
		break
	}
	return g.doubtful(dctx, rec, "the request API broke off in the middle of the write and it is not known yet whether it was made"+why)
}

// doubtful tells the client where it can follow a write whose end is not known.
func (g *Engine) doubtful(ctx context.Context, rec store.Record, detail string) (request.Result, error) {
	e := rec.Entry
	_ = g.Notes.PutOperation(ctx, request.Operation{ID: e.Intent.Op, Request: e.ID, Kind: e.Intent.Kind, Outcome: request.InDoubt,
		Owner: g.Self, Reason: detail, At: g.now()})
	return request.Result{Entry: e, Op: e.Intent.Op}, &request.Error{Op: "replicate.Write", Kind: request.Doubtful, Request: e.ID,
		Operation: e.Intent.Op, Detail: detail}
}

// made reports whether an intent that is over ended as done.
func made(e request.Entry, in *request.Intent) bool {
	op, ok := e.FindOp(in.Op)
	return ok && op.Outcome == request.Done
}

// found answers a write that turned out to be made, with the record as it is now.
func (g *Engine) found(ctx context.Context, rec store.Record, c *profile.Collection, in *request.Intent) (request.Result, error) {
	if in.Child != nil {
		f, err := g.family(in.Child.Collection)
		if err != nil {
			return request.Result{}, err
		}
		ans, err := g.shapeChild(ctx, f, rec.Entry, *in.Child)
		return request.Result{Answer: &ans, Entry: rec.Entry, Copies: rec.Holders, Version: in.Version, Op: in.Op}, err
	}
	res, err := g.replayOp(ctx, rec, c, request.Op{ID: in.Op, Kind: in.Kind, Version: in.Version})
	res.Replayed = false
	return res, err
}

// replayOp answers a write that was made before: its version, and the record as it is now.
func (g *Engine) replayOp(ctx context.Context, rec store.Record, c *profile.Collection, op request.Op) (request.Result, error) {
	res := request.Result{Entry: rec.Entry, Copies: rec.Holders, Version: op.Version, Op: op.ID, Replayed: true}
	ans, err := g.shape(ctx, c, rec.Entry, op.Kind)
	res.Answer = &ans
	return res, err
}

// shape is the answer that this site's API would give to a write of the kind, with the record as it is now.
func (g *Engine) shape(ctx context.Context, c *profile.Collection, e request.Entry, kind request.Kind) (request.Answer, error) {
	out := request.Answer{Status: c.Success(verb(kind)), Header: http.Header{}}
	if kind == request.Delete {
		return out, nil
	}
	ans, err := g.Upstream.Do(ctx, c.ReadCall(e.Local), true)
	if err != nil || c.Judge(profile.Read, ans) != profile.Accepted {
		return out, &request.Error{Op: "replicate.read", Kind: request.Unavailable, Request: e.ID, Err: err, Retry: time.Second,
			Detail: "the write is done, but the record cannot be read just now"}
	}
	if out.Status != http.StatusNoContent {
		out.Body = ans.Body
		if ct := ans.Header.Get("Content-Type"); ct != "" {
			out.Header.Set("Content-Type", ct)
		}
	}
	return out, nil
}

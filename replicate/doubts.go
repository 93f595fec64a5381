package replicate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file is about writes in doubt (protocol 2.4): creates whose answer was lost, in an API that offers nothing to find them by. The
// gateway never repeats one by itself. It looks for records that may be the one in question, and a person says which it is (Adopt), that
// there is none and one is wanted (Redo), or that none is wanted (Abandon).

const (
	// candidatesShown are listed at most, out of the first candidatesRead records of a list; one look takes candidatesTime at most.
	candidatesShown = 20
	candidatesRead  = 20_000
	candidatesTime  = 10 * time.Second
	// searchedMost is how long a text may be by which is searched.
	searchedMost = 200
	// clocksOff is how much the API's clock may be ahead of or behind this one.
	clocksOff = 2 * time.Minute
)

// Resent: a person says that a write in doubt did not happen and is to be made again, in the gateway's own name.
type Resent struct {
	Replica     string
	Lease, Sent time.Time
}

func (Resent) event() {}

func resend(e request.Entry, ev Resent) (store.Tx, error) {
	if e.Intent == nil || e.Doubt == nil {
		return store.Tx{}, fmt.Errorf("%s: it is not in doubt", e.ID)
	}
	in := *e.Intent
	in.Own, in.Replica, in.Lease, in.Sent, in.Tries = true, ev.Replica, ev.Lease, ev.Sent, in.Tries+1
	e.Intent, e.Doubt = &in, nil
	return store.Tx{Entry: e, Now: ev.Sent}, nil
}

// Doubts lists the requests with a write in doubt, those after the id given.
func (g *Engine) Doubts(ctx context.Context, after request.ID, limit int) ([]store.Record, error) {
	return g.unsettled(ctx, after, limit, func(e *request.Entry) bool { return e.Doubt != nil && e.Intent != nil })
}

// lookAround looks for records that may be the one that a write in doubt made: at once, and again when none can come any more. In the
// request's lane.
func (g *Engine) lookAround(ctx context.Context, rec store.Record, c *profile.Collection) {
	e := rec.Entry
	in, d := e.Intent, e.Doubt
	if c == nil {
		return
	}
	lag, _ := c.Lag()
	quiet := g.quietAt(in).Add(lag)
	if !d.Looked.IsZero() && (g.now().Before(quiet) || d.Looked.After(quiet)) {
		return
	}
	now := g.now()
	lctx, cancel := context.WithTimeout(ctx, candidatesTime)
	defer cancel()
	found, err := g.candidates(lctx, c, &e)
	if err != nil {
		g.Log.Debug("looking for the record of a write in doubt", append(logRequest(e), logError(err))...)
		return
	}
	if _, err := g.step(ctx, rec, Doubted{Reason: d.Reason, Candidates: found, Looked: now, Quiet: quiet, Now: d.Since}); err != nil {
		g.Log.Debug("noting the candidates of a write in doubt", append(logRequest(e), logError(err))...)
	}
}

// errEnough ends a walk through a list.
var errEnough = errors.New("enough was seen")

// candidates lists records that came to be since a create was sent, have the fields that it wrote, and are no request's.
func (g *Engine) candidates(ctx context.Context, c *profile.Collection, e *request.Entry) (out []string, err error) {
	in := e.Intent
	can, since := c.CanList()
	if in.Child != nil || in.Kind != request.Create && in.Kind != request.Apply {
		return nil, nil
	}
	want := c.Expect(in.Fields)
	if !can {
		return g.alikes(ctx, c, want)
	}
	from := time.Time{}
	if since {
		lag, grain := c.Lag()
		from = in.Sent.Add(-lag - grain - clocksOff)
	}
	seen := 0
	err = g.walk(ctx, c, from, func(page []profile.Listed, _ int) error {
		for _, l := range page {
			if seen++; seen > candidatesRead || len(out) == candidatesShown {
				return errEnough
			}
			if !l.Changed.IsZero() && l.Changed.Before(in.Sent.Add(-clocksOff)) {
				continue
			}
			if ok, err := g.mayBe(ctx, c, want, l); err != nil {
				return err
			} else if ok {
				out = append(out, l.Local)
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

// alikes searches for candidates by the longest text among the fields, in an API that has no list.
func (g *Engine) alikes(ctx context.Context, c *profile.Collection, want request.Fields) (out []string, err error) {
	name, longest := "", 0
	for _, f := range want {
		if n := len(f.Value); n > longest && n <= searchedMost && f.Value[0] == '"' {
			name, longest = f.Name, n
		}
	}
	if name == "" {
		return nil, nil
	}
	call, ok, err := c.MatchCall(want, []string{name})
	if err != nil || !ok {
		return nil, nil //nolint:nilerr // it cannot be searched by that
	}
	ans, err := g.Upstream.Do(ctx, call, true)
	if err != nil {
		return nil, err
	}
	hits, err := c.Matched(ans, want, []string{name})
	if err != nil {
		return nil, err
	}
	for _, h := range hits {
		if ok, err := g.mayBe(ctx, c, want, profile.Listed{Local: h.Local, Record: h.Record}); err != nil {
			return nil, err
		} else if ok && len(out) < candidatesShown {
			out = append(out, h.Local)
		}
	}
	return out, nil
}

// mayBe reports whether a listed record may be the one that a write made. A list that shows only ids shows too little to tell.
func (g *Engine) mayBe(ctx context.Context, c *profile.Collection, want request.Fields, l profile.Listed) (bool, error) {
	if l.Record == nil || c.Deleted(l.Record) {
		return false, nil
	}
	got, err := c.FromRecord(l.Record)
	if err != nil || len(profile.Diff(want, got)) > 0 {
		return false, nil //nolint:nilerr // a record that cannot be read as one is none
	}
	_, err = g.Ledger.Lookup(ctx, c.Name(), store.Link{Site: g.Self, Local: l.Local})
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return false, storeError("replicate.Lookup", "", err)
}

// settleDoubt does what a person decided about a request in doubt, in its lane.
func (g *Engine) settleDoubt(ctx context.Context, id request.ID, how func(store.Record, *profile.Collection) error) error {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return err
	}
	defer leave()
	rec, err := g.Ledger.Read(ctx, id)
	if err != nil {
		return storeError("replicate.settleDoubt", id, err)
	}
	if rec.Entry.Intent == nil || rec.Entry.Doubt == nil {
		return &request.Error{Op: "replicate.settleDoubt", Kind: request.Conflict, Request: id, Detail: "the request is not in doubt"}
	}
	c, err := g.collection(rec.Entry.Collection)
	if err != nil {
		return err
	}
	in := rec.Entry.Intent
	if err := how(rec, c); err != nil {
		return err
	}
	g.Log.Info("a person settled a write in doubt", append(logRequest(rec.Entry), zap.String("kind", string(in.Kind)))...)
	return nil
}

// Adopt settles a request in doubt: the write made the record with the local id given. Errors: NotFound, there is none; Conflict, it is
// another request's, or nothing is in doubt.
func (g *Engine) Adopt(ctx context.Context, id request.ID, local string) error {
	return g.settleDoubt(ctx, id, func(rec store.Record, c *profile.Collection) error {
		e := rec.Entry
		if e.Intent.Child != nil {
			return g.adoptKid(ctx, rec, local)
		}
		other, err := g.Ledger.Lookup(ctx, e.Collection, store.Link{Site: g.Self, Local: local})
		if err == nil && other.Entry.ID != id {
			return &request.Error{Op: "replicate.Adopt", Kind: request.Conflict, Request: id, Detail: "record " + local + " is request " + string(other.Entry.ID)}
		} else if err != nil && !errors.Is(err, store.ErrNotFound) {
			return storeError("replicate.Lookup", id, err)
		}
		record, etag, err := g.read(ctx, c, local)
		if err != nil {
			return err
		}
		if e.Intent.Kind == request.Apply {
			if rec, err = g.step(ctx, rec, Named{Local: local, Now: g.now()}); err == nil && e.Intent.Accept == nil {
				g.takeInLane(ctx, c, *e.Intent.Snapshot) // what this does not make right the owner's delivery does
			}
			return err
		}
		fields, err := c.FromRecord(record)
		if err != nil {
			return err
		}
		after, err := g.step(ctx, rec, Landed{Local: local, Fields: stateOf(c, intended(c, e), fields), ETag: etag, Status: c.Success(profile.Create), Now: g.now()})
		if err == nil {
			g.gatherAfter(ctx, after, c)
		}
		return err
	})
}

// adoptKid settles the making of a child in doubt. An API that shows no single child either is believed to have it as it was written.
func (g *Engine) adoptKid(ctx context.Context, rec store.Record, local string) error {
	e := rec.Entry
	in := e.Intent
	f, err := g.family(in.Child.Collection)
	if err != nil {
		return err
	}
	if other, ok := e.ChildAt(in.Child.Collection, local); ok {
		return &request.Error{Op: "replicate.Adopt", Kind: request.Conflict, Request: e.ID, Detail: "record " + local + " is known already, as " + string(other.ID)}
	}
	cc := f.children.Under(e.Local)
	kid := request.Child{ID: in.Child.ID, Collection: in.Child.Collection, Local: local, Fields: in.Fields, File: in.Child.File}
	if cc.Can(profile.Read) {
		record, err := g.readChild(ctx, cc, local)
		if err != nil {
			return err
		}
		if kid.Fields, err = cc.FromRecord(record); err != nil {
			return err
		}
	}
	_, err = g.step(ctx, rec, Landed{Local: e.Local, Child: &kid, Status: cc.Success(profile.Create), Now: g.now()})
	return err
}

// Redo settles a request in doubt: the write did not happen, and is made again. What a client wrote is made with the gateway's own
// credentials, since the client's are kept nowhere, of the canonical fields. While the first call may still take effect, and when there is a record
// that it may have made, this is refused, unless forced.
//
// Errors: Conflict, as said, or the API refused it: it is in doubt as before; Doubtful, nobody can tell how the second call ended either.
func (g *Engine) Redo(ctx context.Context, id request.ID, force bool) error {
	return g.settleDoubt(ctx, id, func(rec store.Record, c *profile.Collection) error {
		e := rec.Entry
		in := e.Intent
		refuse := func(why string) error {
			return &request.Error{Op: "replicate.Redo", Kind: request.Conflict, Request: id, Detail: why}
		}
		if quiet := g.quietAt(in); !force && g.now().Before(quiet) {
			return refuse("the call that was not answered may still take effect until " + quiet.UTC().Format(time.RFC3339) + "; wait, or force it")
		}
		if in.Child == nil && !force {
			found, err := g.candidates(ctx, c, &e)
			if err != nil {
				return err
			}
			if len(found) > 0 {
				return refuse("there are records that it may have made: " + strings.Join(found, ", ") + "; adopt the right one, or force it")
			}
		}
		switch {
		case in.Accept != nil: // the grant is made again, and with it the write
			_, err := g.step(ctx, rec, Failed{Now: g.now()})
			return err
		case in.Kind == request.Apply:
			if _, err := g.step(ctx, rec, Failed{Now: g.now()}); err != nil {
				return err
			}
			if done := g.takeInLane(ctx, c, *in.Snapshot); done.ack.State != peer.Delivered {
				g.Log.Info("a copy that was in doubt is not made again yet", append(logRequest(e), logCause(done.ack.Cause))...)
			}
			return nil // the owner's delivery goes on with it
		}
		return g.resend(ctx, rec, c)
	})
}

// resend makes the create of a request, or of a child, once more.
func (g *Engine) resend(ctx context.Context, rec store.Record, c *profile.Collection) error {
	in, doubt := rec.Entry.Intent, rec.Entry.Doubt
	cc, f := c, family{}
	var err error
	if in.Child != nil {
		if f, err = g.family(in.Child.Collection); err != nil {
			return err
		}
		cc = f.children.Under(rec.Entry.Local)
	}
	m := profile.Marks{Request: rec.Entry.ID, Version: in.Version, Owner: g.Self, State: string(request.Owner)}
	o := creating(cc, in.Fields, m)
	if in.Child != nil {
		m.Request = in.Child.ID
		o = childCall(cc, *in.Child, in.Fields, m)
	}
	call, err := g.made(ctx, cc, o)
	if err != nil {
		return err
	}
	now := g.now()
	if rec, err = g.step(ctx, rec, Resent{Replica: g.me(), Lease: now.Add(g.set().Profile.Timeout + storeTimeout), Sent: now}); err != nil {
		return err
	}
	defer g.births.begin()()
	var ans request.Answer
	if in.Child != nil {
		ans, err = g.sendChild(ctx, rec.Entry, cc, call, o, request.Write{Fields: in.Fields})
	} else {
		ans, err = g.Upstream.Do(context.WithoutCancel(ctx), call, true)
	}
	verdict := profile.Doubtful
	if err == nil {
		verdict = cc.Judge(o.verb, ans)
	}
	switch k := request.KindOf(err); {
	case err == nil && verdict == profile.Accepted && in.Child != nil:
		_, err = g.acceptedChild(ctx, rec, f, ans)
		return err
	case err == nil && verdict == profile.Accepted:
		_, err = g.accepted(ctx, rec, c, ans)
		return err
	case err != nil && (k == request.NotSent || k == request.ClientGone):
		return g.doubtStays(ctx, rec, doubt, request.Unavailable, "the request API of "+string(g.Self)+" cannot be reached")
	case verdict == profile.Refused, verdict == profile.Unavailable, verdict == profile.Stale:
		return g.doubtStays(ctx, rec, doubt, request.Conflict, said(g.Self, ans))
	}
	_, err = g.unknown(ctx, rec, c)
	return err
}

// doubtStays is the end of a second attempt that certainly did nothing: of the first one is known as much as before.
func (g *Engine) doubtStays(ctx context.Context, rec store.Record, d *request.Doubt, kind request.ErrKind, why string) error {
	dctx, cancel := detached(ctx, storeTimeout)
	defer cancel()
	if _, err := g.step(dctx, rec, Doubted{Reason: d.Reason, Candidates: d.Candidates, Looked: d.Looked, Quiet: d.Quiet, Now: d.Since}); err != nil {
		return err
	}
	return &request.Error{Op: "replicate.Redo", Kind: kind, Request: rec.Entry.ID, Detail: "it could not be made again and is in doubt as before: " + why}
}

// Abandon clears a write in doubt: it did not happen and is not wanted any more. A copy is not made in this version; the next one makes it.
// Errors: Conflict, nothing is in doubt, or it is of a hand-over, in which ownership is on its way here.
func (g *Engine) Abandon(ctx context.Context, id request.ID) error {
	return g.settleDoubt(ctx, id, func(rec store.Record, _ *profile.Collection) error {
		in := *rec.Entry.Intent
		switch {
		case in.Accept != nil:
			return &request.Error{Op: "replicate.Abandon", Kind: request.Conflict, Request: id,
				Detail: "it is the record of a request whose ownership is on its way to this site: adopt the record, or have it made again"}
		case in.Kind == request.Apply:
			s := *in.Snapshot
			s.Terms.Mode = request.Remove // as if it had been here and gone: the version is remembered, the record is not
			in.Snapshot = &s
			rec.Entry.Intent = &in
			_, err := g.step(ctx, rec, Landed{Now: g.now()})
			return err
		}
		_, err := g.step(ctx, rec, Failed{Now: g.now()})
		return err
	})
}

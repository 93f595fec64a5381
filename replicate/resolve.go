package replicate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/tracing"
)

// settled reads a request in its lane and gets an intent that was left behind out of the way. The error is Busy while another
// write's end is not known, NotFound when the request is not known here.
func (g *Engine) settled(ctx context.Context, id request.ID) (store.Record, error) {
	until := g.now().Add(g.Hold)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		rec, err := soon(func() (store.Record, error) { return g.Ledger.Read(ctx, id) })
		if err != nil {
			return rec, g.before(storeError("replicate.Read", id, err))
		}
		if rec.Entry.Intent == nil {
			return rec, nil
		}
		err = nil
		if g.mayResolve(rec.Entry.Intent) {
			if rec, err = g.look(ctx, rec, g.set().Profile.Collections[rec.Entry.Collection], false); err == nil && rec.Entry.Intent == nil {
				if rec.Rev == 0 || rec.Entry.Version.IsZero() && rec.Entry.Fence == (request.Epoch{}) {
					return rec, &request.Error{Op: "replicate.settled", Kind: request.NotFound, Request: id}
				}
				return rec, nil
			}
		}
		if rec.Entry.Doubt != nil || g.now().After(until) {
			return rec, busy(rec.Entry, err)
		}
		select {
		case <-g.Clock.After(pause):
		case <-ctx.Done():
			return rec, busy(rec.Entry, err)
		}
	}
}

// reason is what of an error a client may read: what we say of it, not what it wraps.
func reason(err error) string {
	if e, ok := errors.AsType[*request.Error](err); ok && err != nil {
		return e.Detail
	}
	return ""
}

// busy says why a request cannot be worked on; because is what the last look at its open write met, nil for nothing.
func busy(e request.Entry, because error) error {
	detail := "another write of the request has been sent and its end is not known yet"
	if why := reason(because); why != "" {
		detail += " (" + why + ")"
	}
	if e.Doubt != nil {
		detail = "a person must settle an earlier write first: " + e.Doubt.Reason
	}
	return &request.Error{Op: "replicate.settled", Kind: request.Busy, Request: e.ID, Detail: detail, Retry: 2 * time.Second}
}

// mayResolve reports whether an intent is ours to resolve: made by this process (which, being in the lane, is not at it any
// more), by a former life of it, or by a gateway that is given up.
func (g *Engine) mayResolve(in *request.Intent) bool { return g.over(in.Replica, in.Lease) }

// look finds out, once, how the open intent of a record ended (protocol 2.4, 2.5), in its lane. The record returned has no
// intent if that could be decided. With told the upstream has answered the call itself, so nothing can still happen: what is
// not to be seen now was not done.
func (g *Engine) look(ctx context.Context, rec store.Record, c *profile.Collection, told bool) (store.Record, error) {
	if c == nil {
		return rec, &request.Error{Op: "replicate.resolve", Kind: request.Internal, Request: rec.Entry.ID, Detail: "its collection is no longer described"}
	}
	rec, err := g.takeUp(ctx, rec)
	if err != nil {
		return rec, err
	}
	ctx, span := g.Tracer.Caused(ctx, "resolve "+string(rec.Entry.Intent.Kind), tracing.Internal, traces(rec.Entry.Intent.Trace))
	span.About(rec.Entry.ID, rec.Entry.Intent.Version)
	defer span.End(nil)
	quiet := !told && g.now().After(g.quietAt(rec.Entry.Intent))
	switch in := rec.Entry.Intent; {
	case in.Child != nil:
		return g.lookForChild(ctx, rec, quiet)
	case in.Kind == request.Create, in.Kind == request.Apply && rec.Entry.Local == "" && !in.Snapshot.Deleted:
		return g.lookForCreated(ctx, rec, c, quiet && g.now().After(g.quietAt(in).Add(c.SearchLag())), told)
	case in.Accept != nil:
		return g.lookForTaken(ctx, rec, c, quiet)
	case in.Kind == request.Apply:
		return g.step(ctx, rec, Overtaken{Until: g.quietAt(in)})
	case in.Kind == request.Delete:
		return g.lookForDeleted(ctx, rec, c, quiet)
	}
	return g.lookForUpdated(ctx, rec, c, quiet)
}

// lookForCreated searches for a record by the external id that the create carried.
func (g *Engine) lookForCreated(ctx context.Context, rec store.Record, c *profile.Collection, quiet, told bool) (store.Record, error) {
	e := rec.Entry
	call, ok := c.FindCall(e.ID)
	if !ok {
		if told || e.Doubt != nil {
			return rec, nil
		}
		return g.step(ctx, rec, Doubted{Now: g.now(), Reason: "a create was sent and its answer was lost; the API has no " +
			"external-id field to search by, so a person must say whether the record is there"})
	}
	ans, err := g.Upstream.Do(ctx, call, true)
	if err != nil {
		return rec, err
	}
	hits, err := c.Found(ans, e.ID)
	if err == nil {
		hits, err = g.verified(ctx, c, e.ID, hits)
	}
	if err != nil {
		return rec, err
	}
	// An independent copy carries the id too and is not what is looked for.
	hits = slices.DeleteFunc(hits, func(h profile.Created) bool {
		return e.Apart != "" && h.Local == e.Apart && e.Intent.Snapshot.Terms.Mode != request.Independent
	})
	if len(hits) == 0 {
		if quiet {
			return g.step(ctx, rec, Failed{Now: g.now()})
		}
		return rec, nil
	}
	hit := hits[0]
	record := hit.Record
	if record == nil {
		if record, _, err = g.read(ctx, c, hit.Local); err != nil {
			return rec, err
		}
	}
	fields, err := c.FromRecord(record)
	if err != nil {
		return rec, err
	}
	fields = stateOf(c, intended(c, e), fields)
	if e.Intent.Kind == request.Apply {
		fields = e.Intent.Fields
		if g.childrenBehind(e, c, *e.Intent.Snapshot) {
			return g.step(ctx, rec, Named{Local: hit.Local, Now: g.now()}) // the next round brings them
		}
	}
	after, err := g.step(ctx, rec, Landed{Local: hit.Local, Fields: fields, Status: c.Success(profile.Create), Now: g.now()})
	if err == nil && len(hits) > 1 {
		g.Log.Warn("several records carry one external id; the oldest is taken", logRequest(after.Entry)...)
	}
	return after, err
}

// candidatesMost is how many hits of a search that shows only ids are read.
const candidatesMost = 64

// verified reads the hits of a search that shows only ids, and leaves out those that are not the request's.
func (g *Engine) verified(ctx context.Context, c *profile.Collection, id request.ID, hits []profile.Created) ([]profile.Created, error) {
	out := hits[:0:0]
	for i, h := range hits {
		if h.Record == nil {
			if i >= candidatesMost {
				return nil, &request.Error{Op: "replicate.find", Kind: request.Doubtful, Request: id, Detail: "the search by external id finds too many records, of which it shows only the ids"}
			}
			record, _, err := g.read(ctx, c, h.Local)
			if err != nil && request.KindOf(err) == request.NotFound {
				continue
			}
			if err != nil {
				return nil, err
			}
			if m, ok := c.Stamp(record); !ok || m.Request != id {
				continue
			}
			h.Record = record
		}
		out = append(out, h)
	}
	return out, nil
}

// lookForUpdated reads the record and compares. A record that is not what the write says, after its quiet time, was not
// written by it; if it is not what it was either, somebody else changed it, and that is published as a version of its own.
func (g *Engine) lookForUpdated(ctx context.Context, rec store.Record, c *profile.Collection, quiet bool) (store.Record, error) {
	e := rec.Entry
	in := e.Intent
	record, etag, err := g.read(ctx, c, e.Local)
	if request.KindOf(err) == request.NotFound && err != nil {
		if !quiet {
			return rec, err
		}
		return g.step(ctx, rec, Failed{Now: g.now()})
	}
	if err != nil {
		return rec, err
	}
	got, err := c.FromRecord(record)
	if err != nil {
		return rec, err
	}
	done := len(profile.Diff(c.Expect(in.Fields), got)) == 0
	if m, ok := c.Stamp(record); ok && !m.Version.IsZero() {
		done = m.Version.Compare(in.Version) >= 0
	} else if in.Kind == request.Replace {
		done = done && len(profile.Diff(got, c.Expect(in.Fields))) == 0
	}
	if done {
		got = stateOf(c, intended(c, e), got)
	} else {
		got = stateOf(c, e.Fields, got)
	}
	switch {
	case done:
		return g.step(ctx, rec, Landed{Local: e.Local, Fields: got, ETag: etag, Status: c.Success(verb(in.Kind)), Now: g.now()})
	case !quiet:
		return rec, nil
	case len(profile.Diff(e.Fields, got)) > 0 || len(profile.Diff(got, e.Fields)) > 0:
		return g.step(ctx, rec, Landed{Local: e.Local, Fields: got, ETag: etag, Outcome: request.NotDone, Now: g.now()})
	}
	return g.step(ctx, rec, Failed{Now: g.now()})
}

// lookForTaken finds out whether the record of a hand-over was written. That it has the fields proves nothing while the call may
// still land: a copy may have had them before, and what lands on the new owner late would undo its writes. A stamp proves it.
func (g *Engine) lookForTaken(ctx context.Context, rec store.Record, c *profile.Collection, quiet bool) (store.Record, error) {
	e := rec.Entry
	record, etag, err := g.read(ctx, c, e.Local)
	if err != nil && request.KindOf(err) != request.NotFound {
		return rec, err
	}
	if err != nil {
		if !quiet {
			return rec, err
		}
		return g.step(ctx, rec, Failed{Vanished: true, Now: g.now()})
	}
	got, err := c.FromRecord(record)
	if err != nil {
		return rec, err
	}
	m, ok := c.Stamp(record)
	stamped := ok && m.Version == e.Intent.Version
	switch {
	case g.childrenBehind(e, c, *e.Intent.Snapshot):
		if !quiet {
			return rec, nil
		}
		return g.step(ctx, rec, Failed{Now: g.now()})
	// Where there is a place for the stamp, a record without it is not taken over yet: should the ledger be lost, the record must tell.
	case stamped, quiet && !c.Stamps() && len(profile.Diff(c.Expect(e.Intent.Fields), got)) == 0:
		return g.step(ctx, rec, Landed{Local: e.Local, Fields: e.Intent.Fields, ETag: etag, Status: c.Success(profile.Update), Now: g.now()})
	case quiet:
		return g.step(ctx, rec, Failed{Now: g.now()})
	}
	return rec, nil
}

// lookForDeleted reads the record: gone is done; one that carries another request's id is somebody else's under a used id.
func (g *Engine) lookForDeleted(ctx context.Context, rec store.Record, c *profile.Collection, quiet bool) (store.Record, error) {
	e := rec.Entry
	record, _, err := g.read(ctx, c, e.Local)
	if err != nil && request.KindOf(err) != request.NotFound {
		return rec, err
	}
	gone := err != nil
	if m, ok := c.Stamp(record); !gone && ok && m.Request != "" && m.Request != e.ID {
		gone = true
	}
	switch {
	case gone:
		return g.step(ctx, rec, Landed{Status: c.Success(profile.Delete), Now: g.now()})
	case quiet:
		return g.step(ctx, rec, Failed{Now: g.now()})
	}
	return rec, nil
}

// suspected is what an error of a call comes to that was made without an intent: when nobody knows whether it reached the API, it may
// land as late as any other.
func (g *Engine) suspected(ctx context.Context, rec store.Record, err error) error {
	if k := request.KindOf(err); k == request.NotSent || k == request.Unavailable || k == request.ClientGone {
		return err
	}
	if _, failed := g.step(ctx, rec, Suspected{Until: g.now().Add(g.quiet())}); failed != nil {
		return failed
	}
	return err
}

// repair ends the suspicion of a copy after its quiet time: the record is read and, if an overtaken call landed late, written again.
func (g *Engine) repair(ctx context.Context, rec store.Record, c *profile.Collection) error {
	e := rec.Entry
	if e.Role == request.Copy && e.Local != "" {
		record, _, err := g.read(ctx, c, e.Local)
		if err != nil {
			return err
		}
		got, err := c.FromRecord(record)
		if err != nil {
			return err
		}
		// Fields that are right prove nothing where the late call wrote the same, with the stamp of its own version.
		stamp, _ := c.Stamp(record)
		stale := c.Stamps() && !stamp.Version.IsZero() && stamp.Version != e.Version
		if stale || len(profile.Diff(c.Expect(e.Fields), got)) > 0 {
			m := profile.Marks{Request: e.ID, Version: e.Version, Owner: e.Owner, State: string(request.Copy)}
			o := updating(c, e.Local, e.Fields, m)
			call, err := g.made(ctx, c, o)
			if err != nil {
				return err
			}
			if _, err = g.send(ctx, c, call, o); err != nil {
				return g.suspected(ctx, rec, err)
			}
		}
	}
	_, err := g.step(ctx, rec, Quieted{Now: g.now()})
	return err
}

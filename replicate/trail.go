package replicate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Happened is a mark with the request that it is about.
type Happened struct {
	Request    request.ID
	Collection string
	request.Mark
}

// Follower is a Meter that is told what happens to requests, after it has become durable. It must not block.
type Follower interface{ Followed(h Happened) }

func (g *Engine) witness(id request.ID, collection string, marks ...request.Mark) {
	f, ok := g.Meter.(Follower)
	if !ok {
		return
	}
	for _, m := range marks {
		f.Followed(Happened{Request: id, Collection: collection, Mark: m})
	}
}

// entryOf is the site where the client of a write is, "" when it is this one.
func (g *Engine) entryOf(w request.Write) request.Site {
	if w.Entry == g.Self {
		return ""
	}
	return w.Entry
}

// followed lets a change carry the marks of what it does. The trail is part of the entry, so it is as durable as what it tells of, and
// every gateway of the site has it.
func (g *Engine) followed(was request.Entry, tx *store.Tx) []request.Mark {
	if tx.Forget {
		return nil
	}
	now := tx.Now
	if now.IsZero() {
		now = g.now()
	}
	marks := marksOf(was, tx.Entry, now)
	tx.Entry.Trail = request.Followed(tx.Entry.Trail, marks)
	return marks
}

// marksOf tells in words what a commit does to a request: by the difference of the entries alone, so that no change can forget to.
func marksOf(was, is request.Entry, now time.Time) []request.Mark {
	var out []request.Mark
	add := func(m request.Mark) {
		m.At = now
		out = append(out, m)
	}
	if m, ok := endOf(was, is, now); ok {
		add(m)
	} else if m, ok := changeOf(was, is, now); ok {
		add(m)
	}
	switch {
	case is.Plan != nil && was.Plan == nil && is.Role == request.Owner && was.Role != request.Granting:
		add(request.Mark{What: request.MarkPlanned, To: is.Plan.To, Route: is.Plan.Terms.Route, By: is.Plan.By, Version: is.Version})
	case is.Plan != nil && is.Plan.Parked && (was.Plan == nil || !was.Plan.Parked):
		add(request.Mark{What: request.MarkParked, To: is.Plan.To, Note: is.Plan.Cause, Version: is.Version})
	}
	if is.Doubt != nil && was.Doubt == nil {
		add(request.Mark{What: request.MarkDoubted, Op: is.Doubt.Op, Note: is.Doubt.Reason})
	}
	if n := len(is.Queue); n > len(was.Queue) {
		add(request.Mark{What: request.MarkQueued, Op: is.Queue[n-1].Op, To: is.Owner})
	}
	if n := len(is.Conflicts); n > len(was.Conflicts) {
		add(request.Mark{What: request.MarkConflict, Note: is.Conflicts[n-1].Decision, Op: is.Conflicts[n-1].Op})
	}
	return out
}

// endOf is the end of a write or an apply that was under way.
func endOf(was, is request.Entry, now time.Time) (request.Mark, bool) {
	in := was.Intent
	if in == nil || is.Intent != nil || is.Version != in.Version {
		return request.Mark{}, false
	}
	m := request.Mark{Version: is.Version, Took: spent(now.Sub(in.Sent)), From: in.Entry}
	s := in.Snapshot
	switch {
	case s == nil:
		m.Op, m.What = in.Op, wordOf(in.Kind)
		if op, ok := is.FindOp(in.Op); ok && op.Outcome == request.NotDone {
			m.What = request.MarkNotDone
		}
		return m, true
	case in.Accept != nil:
		return request.Mark{What: request.MarkOwned, Version: is.Version, From: in.Accept.Snapshot.Version.Epoch.Site, Route: in.Accept.Terms.Route,
			Took: spent(now.Sub(s.At))}, true
	case s.Deleted:
		m.What = request.MarkDeleted
	case s.Terms.Mode == request.Remove:
		m.What = request.MarkRemoved
	default:
		m.What, m.Route = request.MarkApplied, s.Terms.Route
	}
	m.From, m.Took = s.Owner, spent(now.Sub(s.At))
	return m, true
}

// spent is a time in seconds, to the millisecond; clocks of two sites can make it negative.
func spent(d time.Duration) float64 { return max(d.Round(time.Millisecond).Seconds(), 0) }

func wordOf(k request.Kind) request.What {
	switch k {
	case request.Create:
		return request.MarkCreated
	case request.Replace:
		return request.MarkReplaced
	case request.Delete:
		return request.MarkDeleted
	}
	return request.MarkUpdated
}

// changeOf is a change of role or version that ends no write.
func changeOf(was, is request.Entry, now time.Time) (request.Mark, bool) {
	m := request.Mark{Version: is.Version}
	switch {
	case was.ID == "" && is.Role == request.Owner && !is.Version.IsZero() && is.Intent == nil:
		m.What = request.MarkEntered
	case was.Role != request.Granting && is.Role == request.Granting && is.Grant != nil:
		m.What, m.To, m.Route, m.By = request.MarkReleased, is.Grant.To, is.Grant.Plan.Terms.Route, is.Grant.Plan.By
	case was.Role == request.Granting && is.Role == request.Owner && was.Grant != nil:
		m.What, m.To, m.Took = request.MarkResumed, was.Grant.To, spent(now.Sub(was.Grant.At))
		if is.Plan != nil {
			m.Note = is.Plan.Cause
		}
	case len(is.Forces) > len(was.Forces) && is.Role == request.Owner && was.Role != request.Owner && was.ID != "":
		f := is.Forces[len(is.Forces)-1]
		m.What, m.From, m.By, m.Note = request.MarkReclaimed, was.Owner, f.By, f.Reason
	case was.Role == request.Granting && is.Role != request.Granting && was.Grant != nil && is.Grant == nil && is.Owner == was.Grant.To:
		m.What, m.To, m.Took = request.MarkHanded, is.Owner, spent(now.Sub(was.Grant.At))
	case (was.Role == request.Owner || was.Role == request.Granting) && (is.Role == request.Copy || is.Role == request.Away) && is.Owner != was.Owner:
		m.What, m.To = request.MarkDeposed, is.Owner
	case was.Role == request.Owner && is.Role == request.Owner && is.Version.After(was.Version) && is.Intent == nil:
		m.What = request.MarkNoticed
	default:
		return m, false
	}
	return m, true
}

// The marks of a delivery are told and not kept: the copy keeps its own, and the delivery has its state.
const (
	markDelivered request.What = "delivered"
	markHeldUp    request.What = "delayed" // an attempt failed; it is tried again
)

// followed tells how an attempt at a delivery ended.
func (s *settler) followed(x settled) {
	m := request.Mark{At: x.s.Now, Version: x.s.Owed, To: s.site, Route: x.d.Route}
	switch x.s.State {
	case request.Delivered:
		m.What, m.Took = markDelivered, spent(x.s.Now.Sub(x.d.Since))
	case request.Parked:
		m.What, m.Note = request.MarkParked, x.s.Cause
	case request.Waiting:
		m.What, m.Note = markHeldUp, x.s.Cause
	default:
		return
	}
	s.g.witness(x.d.Request, x.d.Entry.Collection, m)
}

// Trail tells a peer what this site knows of a request; Kind NotFound when that is nothing.
func (g *Engine) Trail(ctx context.Context, _ request.Site, id request.ID) (request.Trail, error) {
	rec, err := g.Ledger.Read(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return request.Trail{}, &request.Error{Op: "replicate.Trail", Kind: request.NotFound, Request: id}
	}
	if err != nil {
		return request.Trail{}, storeError("replicate.Trail", id, err)
	}
	return g.trailOf(rec), nil
}

func (g *Engine) trailOf(rec store.Record) request.Trail {
	e := &rec.Entry
	t := request.Trail{Role: e.Role, Version: e.Version, Owner: e.Owner, Local: e.Local, Updated: e.Updated, Marks: e.Trail, Now: g.now()}
	for _, d := range rec.Holders {
		if d.State != request.Delivered {
			t.Owes = append(t.Owes, d)
		}
	}
	return t
}

// Tellers are the other sites' gateways, which can be asked what they know of a request.
type Tellers interface {
	Trail(ctx context.Context, to request.Site, id request.ID) (request.Trail, error)
}

// Trails asks all sites what they know of a request, this one first. A site that cannot be asked has an Err; those that know nothing
// of it are left out.
func (g *Engine) Trails(ctx context.Context, rec store.Record) []request.SiteTrail {
	others := slices.DeleteFunc(slices.Clone(g.set().Sites), func(s request.Site) bool { return s == g.Self })
	slices.Sort(others)
	out := make([]request.SiteTrail, len(others)+1)
	out[0] = request.SiteTrail{Site: g.Self, Trail: g.trailOf(rec)}
	done := make(chan struct{})
	for i, s := range others {
		go func() {
			defer func() { done <- struct{}{} }()
			out[i+1] = g.trailAt(ctx, s, rec.Entry.ID)
		}()
	}
	for range others {
		<-done
	}
	return slices.DeleteFunc(out, func(t request.SiteTrail) bool { return request.KindOf(t.Err) == request.NotFound && t.Err != nil })
}

func (g *Engine) trailAt(ctx context.Context, s request.Site, id request.ID) request.SiteTrail {
	asked := g.now()
	t, err := g.Peers.Trail(ctx, s, id)
	out := request.SiteTrail{Site: s, Trail: t, Err: err}
	if err == nil {
		out.Skew = t.Now.Sub(asked.Add(g.now().Sub(asked) / 2))
	}
	return out
}

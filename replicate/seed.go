package replicate

import (
	"context"
	"errors"
	"slices"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/store"
)

// Entering one record that was there before the gateway (spec 5, seeding). It is three commits, and a crash between any two of them is
// made good by the next pass: the record is linked (owned here, version 0: nobody heard of it), then the write of the marks begins
// as any write does, then it has landed with version 1 and with what the routes say of a create.

// fate is what became of a record in a seeding.
type fate struct {
	what   fateKind
	routes []string
	reason string
}

type fateKind int

const (
	wasLinked fateKind = iota
	wasSeeded
	wasMarked
	wasSkipped
	hasFailed
)

func failed(err error) fate      { return fate{what: hasFailed, reason: err.Error()} }
func skipped(reason string) fate { return fate{what: wasSkipped, reason: reason} }

// enter makes a request of a listed record, unless it is one.
func (g *Engine) enter(ctx context.Context, c *profile.Collection, l profile.Listed) fate {
	link := store.Link{Site: g.Self, Local: l.Local}
	if rec, err := g.Ledger.Lookup(ctx, c.Name(), link); err == nil {
		return g.enterLinked(ctx, c, rec, l)
	} else if !errors.Is(err, store.ErrNotFound) {
		return failed(err)
	}
	leave, err := g.lanes.enter(ctx, c.Name()+"/"+l.Local)
	if err != nil {
		return failed(err)
	}
	defer leave()
	wctx, cancel := context.WithTimeout(ctx, g.Hold)
	defer cancel()
	g.awaitBirths(wctx, c.Name()) // it may be one that a client is just making
	if rec, err := g.Ledger.Lookup(ctx, c.Name(), link); err == nil {
		return g.enterLinked(ctx, c, rec, l)
	}
	record, etag := l.Record, ""
	if record == nil || !c.CanMark() { // else the answer to the marks shows what it is by then
		if record, etag, err = g.read(ctx, c, l.Local); request.KindOf(err) == request.NotFound && err != nil {
			return skipped("it is no longer there")
		}
		if err != nil {
			return failed(err)
		}
	}
	if c.Deleted(record) {
		return skipped("it is deleted")
	}
	fields, err := c.FromRecord(record)
	if err != nil {
		return failed(err)
	}
	id, why, err := g.identify(ctx, c, l.Local, record, fields)
	switch {
	case err != nil:
		return failed(err)
	case why != "":
		return skipped(why)
	}
	if id == "" {
		if id, err = g.nameFor(ctx, c.Name(), l.Local); err != nil {
			return failed(err)
		}
	}
	now := g.now()
	e := request.Entry{ID: id, Collection: c.Name(), Role: request.Owner, Owner: g.Self, Origin: g.Self,
		Version: request.Version{Epoch: request.Epoch{Num: 1, Site: g.Self}}, Fence: request.Epoch{Num: 1, Site: g.Self},
		Local: l.Local, Fields: fields, ETag: etag, Created: now, Updated: now}
	if _, err := g.commit(ctx, store.Record{}, store.Tx{Entry: e, Link: []store.Link{link}, Now: now}); err != nil {
		return failed(err)
	}
	return g.announce(ctx, c, id)
}

// isLinked reports whether a record is known to be a request, so that entering it costs the API nothing.
func (g *Engine) isLinked(ctx context.Context, c *profile.Collection, local string) bool {
	rec, err := g.Ledger.Lookup(ctx, c.Name(), store.Link{Site: g.Self, Local: local})
	return err == nil && !unheardOf(&rec.Entry)
}

// wouldEnter is what enter would do, as far as it can be known without doing it.
func (g *Engine) wouldEnter(ctx context.Context, c *profile.Collection, l profile.Listed) fate {
	rec, err := g.Ledger.Lookup(ctx, c.Name(), store.Link{Site: g.Self, Local: l.Local})
	if err == nil && !unheardOf(&rec.Entry) {
		return fate{}
	}
	record := l.Record
	if record == nil {
		if record, _, err = g.read(ctx, c, l.Local); err != nil {
			return failed(err)
		}
	}
	if c.Deleted(record) {
		return skipped("it is deleted")
	}
	fields, err := c.FromRecord(record)
	if err != nil {
		return failed(err)
	}
	if rec.Entry.ID == "" {
		if _, why, err := g.identify(ctx, c, l.Local, record, fields); err != nil {
			return failed(err)
		} else if why != "" {
			return skipped(why)
		}
	}
	return fate{what: wasSeeded, routes: g.created(request.Entry{Collection: c.Name(), Fields: fields}).fired}
}

// identify tells which request an unlinked record is by what it carries: an id that nobody knows, which it keeps, "" when it carries
// none, or why it is to be left alone.
func (g *Engine) identify(ctx context.Context, c *profile.Collection, local string, record []byte, fields request.Fields) (id request.ID, why string, err error) {
	m, ok := c.Stamp(record)
	if !ok || m.Request == "" {
		if _, canFind := c.FindCall(request.NewID(g.now())); canFind {
			return "", "", nil
		}
		// The API has no external id: an independent copy looks like this, and a create whose answer was lost.
		if other, err := g.isApart(ctx, c.Name(), local); other != "" || err != nil {
			return "", "it is a copy of request " + string(other) + " that is not linked", err
		}
		open, err := g.openCreate(ctx, c, fields)
		if open != "" {
			why = "it may be what request " + string(open) + " has made: a create whose end is not known"
		}
		return "", why, err
	}
	rec, err := g.Ledger.Read(ctx, m.Request)
	switch e := rec.Entry; {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return "", "", storeError("replicate.Read", m.Request, err)
	case e.Local != "" && e.Local != local:
		return "", "it carries the id of request " + string(m.Request) + ", whose record is " + e.Local, nil
	default:
		return "", "it carries the id of request " + string(m.Request) + ", which is known here", nil
	}
	site, err := g.knownAt(ctx, m.Request)
	if site != "" {
		return "", "it carries the id of request " + string(m.Request) + ", which " + string(site) + " knows", nil
	}
	return m.Request, "", err
}

// knownAt is another site that knows a request; all must have said that they do not for there to be none.
func (g *Engine) knownAt(ctx context.Context, id request.ID) (request.Site, error) {
	for _, s := range g.set().Sites {
		if s == g.Self {
			continue
		}
		_, err := g.Peers.Holders(ctx, s, id, request.Version{})
		switch k := request.KindOf(err); {
		case err == nil, k == request.NotYet:
			return s, nil
		case k != request.NotFound:
			return "", &request.Error{Op: "replicate.seed", Kind: request.Unavailable, Request: id, Err: err,
				Detail: "the record carries the id of a request, and " + string(s) + " cannot be asked whether it knows it"}
		}
	}
	return "", nil
}

// openCreate is a request of which a create with the same content was sent here and not answered.
func (g *Engine) openCreate(ctx context.Context, c *profile.Collection, got request.Fields) (request.ID, error) {
	recs, err := g.unsettled(ctx, "", 0, func(e *request.Entry) bool {
		return e.Collection == c.Name() && e.Local == "" && e.Intent != nil && len(profile.Diff(c.Expect(e.Intent.Fields), got)) == 0
	})
	if err != nil || len(recs) == 0 {
		return "", err
	}
	return recs[0].Entry.ID, nil
}

// enterLinked finishes what a pass before has begun, and writes the marks into a record that lacks them.
func (g *Engine) enterLinked(ctx context.Context, c *profile.Collection, rec store.Record, l profile.Listed) fate {
	e := rec.Entry
	if unheardOf(&e) {
		return g.announce(ctx, c, e.ID)
	}
	if e.Role != request.Owner || e.Intent != nil || !c.CanMark() || g.marked(c, &e, l.Record) {
		return fate{}
	}
	return g.remark(ctx, c, e.ID)
}

// unheardOf reports whether a request was linked, and neither its routes have run nor has anybody written it.
func unheardOf(e *request.Entry) bool {
	return e.Role == request.Owner && e.Version.Seq == 0 && e.Version.Epoch.Num == 1 && e.Intent == nil
}

// marked reports whether a record carries the request's id, or has been given it twice in vain.
func (g *Engine) marked(c *profile.Collection, e *request.Entry, record []byte) bool {
	if m, _ := c.Stamp(record); m.Request == e.ID {
		return true
	}
	_, tried := e.FindOp("mark/" + string(e.ID))
	return tried
}

// announce writes the marks into a record that was linked and lets the routes judge it as one that was created here.
func (g *Engine) announce(ctx context.Context, c *profile.Collection, id request.ID) fate {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return failed(err)
	}
	defer leave()
	rec, err := g.settled(ctx, id)
	if err != nil {
		return failed(err)
	}
	e := rec.Entry
	if !unheardOf(&e) {
		return fate{}
	}
	out := g.created(e)
	owe := slices.DeleteFunc(out.debts, func(d request.Debt) bool { return d.Site == g.Self })
	in := request.Intent{Kind: request.Update, Op: "seed/" + string(id), Version: e.Version.Next(), Token: rec.Rev + 1, Owe: g.extend(nil, owe), Plan: out.plan}
	done := fate{what: wasSeeded, routes: out.fired}
	if c.CanMark() {
		f, refused := g.mark(ctx, c, rec, in)
		if f.what != wasSeeded {
			return f
		}
		if !refused {
			return g.withChildren(ctx, c, id, done)
		}
		done.reason = f.reason
		if rec, err = g.Ledger.Read(ctx, id); err != nil {
			return failed(err)
		}
	}
	if _, err = g.step(ctx, rec, Seen{Fields: e.Fields, ETag: e.ETag, Owe: in.Owe, Plan: in.Plan, Now: g.now()}); err != nil {
		return failed(err)
	}
	return g.withChildren(ctx, c, id, done)
}

// withChildren takes the children of a record that was just entered into its request. Those that cannot be read now are found by the next
// look at the record: a comparison, or a watch.
func (g *Engine) withChildren(ctx context.Context, c *profile.Collection, id request.ID, done fate) fate {
	g.notice(c.Name(), NoticeSeeded)
	if len(g.below(c)) == 0 {
		return done
	}
	rec, err := g.Ledger.Read(ctx, id)
	if err == nil {
		_, err = g.gather(ctx, rec, c)
	}
	if err != nil {
		done.reason = "it is a request, but its children could not be taken in yet: " + err.Error()
	}
	return done
}

// created is what the routes make of a record as of one that was created here.
func (g *Engine) created(e request.Entry) outcome {
	return g.judged(g.router().Decide(routing.Input{Event: routing.Create, Collection: e.Collection, Site: g.Self, Owner: g.Self,
		Origin: g.Self, New: e.Fields, Now: g.now()}), request.Entry{}, nil)
}

// mark writes the external id and the stamps into a record as the write of an intent. refused says that the API does not take them.
// A record that is gone is forgotten, if nobody has heard of it.
func (g *Engine) mark(ctx context.Context, c *profile.Collection, rec store.Record, in request.Intent) (f fate, refused bool) {
	e := rec.Entry
	f.what = wasSeeded
	o := updating(c, e.Local, nil, profile.Marks{Request: e.ID, Version: in.Version, Owner: g.Self, State: string(request.Owner)})
	call, err := g.made(ctx, c, o)
	switch k := request.KindOf(err); {
	case err == nil:
	case k == request.Invalid:
		f.reason = err.Error()
		return f, true
	case k == request.NotFound:
		return g.forget(ctx, rec), false
	default:
		return failed(err), false
	}
	if rec, err = g.begin(ctx, rec, in); err != nil {
		return failed(err), false
	}
	ans, err := g.send(g.guard(context.WithoutCancel(ctx), rec), c, call, o)
	res, err := g.conclude(ctx, rec, c, ans, err)
	switch {
	case err != nil:
		return failed(err), false
	case !res.Version.IsZero():
		return f, false
	}
	f.reason = said(g.Self, *res.Answer)
	switch c.Judge(profile.Update, *res.Answer) {
	case profile.Refused:
		return f, true
	case profile.Gone:
		if rec, err = g.Ledger.Read(ctx, e.ID); err != nil {
			return failed(err), false
		}
		return g.forget(ctx, rec), false
	}
	return fate{what: hasFailed, reason: f.reason}, false
}

// forget drops a request that was linked and of whose record nothing is left, when nobody has heard of it.
func (g *Engine) forget(ctx context.Context, rec store.Record) fate {
	e := rec.Entry
	if unheardOf(&e) && g.credible(ctx, g.set().Profile.Collections[e.Collection]) {
		if _, err := g.commit(ctx, rec, store.Tx{Entry: e, Forget: true, Unlink: []store.Link{{Site: g.Self, Local: e.Local}}, Now: g.now()}); err != nil {
			return failed(err)
		}
	}
	return skipped("it is no longer there")
}

// remark writes the marks into the record of a request that lacks them.
func (g *Engine) remark(ctx context.Context, c *profile.Collection, id request.ID) fate {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return failed(err)
	}
	defer leave()
	rec, err := g.settled(ctx, id)
	if err != nil {
		return failed(err)
	}
	e := rec.Entry
	if e.Role != request.Owner || e.Local == "" || len(e.Suspect) > 0 {
		return fate{}
	}
	record, _, err := g.read(ctx, c, e.Local) // what a list shows need not be all of it
	if err != nil {
		return failed(err)
	}
	if g.marked(c, &e, record) {
		return fate{}
	}
	f, refused := g.mark(ctx, c, rec, request.Intent{Kind: request.Update, Op: "mark/" + string(id), Version: e.Version.Next(), Token: rec.Rev + 1,
		Owe: g.behind(rec.Holders, nil, true)})
	switch {
	case refused:
		return fate{reason: f.reason}
	case f.what == wasSeeded:
		f.what = wasMarked
	}
	return f
}

package replicate

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// The times of hand-overs.
const (
	// handoverTimeout bounds one question to the target; it answers sooner, if only that it cannot say yet.
	handoverTimeout = 20 * time.Second
	// cancelAfter is how long a grant may be without an answer until the target is asked to refuse (protocol A6).
	cancelAfter = 30 * time.Second
	// tryFirst and tryMost bound the pause between two attempts.
	tryFirst = 250 * time.Millisecond
	tryMost  = 5 * time.Second
	// moversEach is how many requests are moved to one site at a time, so that one that hangs holds up no other.
	moversEach = 4
)

// mover has plans carried out as they come.
func (g *Engine) mover(ctx context.Context) {
	defer g.moves.running.Wait()
	for {
		select {
		case id := <-g.moves.wake:
			g.move(ctx, id)
		case <-ctx.Done():
			return
		}
	}
}

// move goes on with the hand-over of a request, if there is one and it is time.
func (g *Engine) move(ctx context.Context, id request.ID) {
	if !g.moves.begin(id, g.now()) {
		return
	}
	rec, err := g.Ledger.Read(ctx, id)
	if err != nil || !moving(&rec.Entry) {
		g.moves.end(id, "", g.now())
		return
	}
	target := rec.Entry.Owner // of queued writes, and of a grant
	if p := rec.Entry.Plan; p != nil && rec.Entry.Role == request.Owner {
		target = p.To
	}
	leave, ok := g.moves.slot(target, id)
	if !ok {
		return
	}
	g.moves.running.Go(func() {
		g.moves.end(id, g.goOn(ctx, rec), g.now())
		leave()
	})
}

// goOn does the next step; what it returns is why it must be tried again.
func (g *Engine) goOn(ctx context.Context, rec store.Record) (cause string) {
	switch e := rec.Entry; {
	case e.Role == request.Granting:
		ctx, end := g.handing(ctx, e, e.Grant.Plan)
		cause = g.grant(ctx, rec)
		end(cause)
		return cause
	case e.Role == request.Owner && e.Plan != nil && !e.Plan.Parked:
		ctx, end := g.handing(ctx, e, *e.Plan)
		cause = g.carryOut(ctx, rec)
		end(cause)
		return cause
	default:
		return g.drainQueue(ctx, rec)
	}
}

// carryOut tries to do what a plan says. What it returns is why it could not, "" when it did or when there is nothing to be tried again.
func (g *Engine) carryOut(ctx context.Context, rec store.Record) (cause string) {
	e := rec.Entry
	c, err := g.collection(e.Collection)
	if err != nil {
		return err.Error()
	}
	switch p := e.Plan; {
	case p.Mode == "delete":
		return g.erase(ctx, rec, c)
	case p.To == g.Self:
		return g.replan(ctx, e.ID, nil)
	case !g.knows(p.To):
		return g.park(ctx, rec, "there is no site "+string(p.To)+" in the network (any more)")
	case !g.Peers.Ready(p.To):
		return "the link to " + string(p.To) + " is down"
	}
	hctx, cancel := context.WithTimeout(ctx, handoverTimeout)
	v, err := g.Peers.Handover(hctx, e.Plan.To, g.handover(rec, request.Prepare, *e.Plan, request.Epoch{Num: e.Fence.Num + 1, Site: e.Plan.To}))
	cancel()
	switch {
	case err != nil:
		return "asking " + string(e.Plan.To) + ": " + err.Error()
	case v.State == request.Unfit:
		return g.park(ctx, rec, v.Cause)
	case v.State != request.Ready:
		return string(e.Plan.To) + " is not ready: " + v.Cause
	}
	rec, cause = g.releaseTo(ctx, c, e)
	if cause != "" || rec.Entry.Role != request.Granting {
		return cause
	}
	return g.grant(ctx, rec)
}

// releaseTo gives the request up, in its lane: nothing is under way, and what is in the upstream is what will be handed over (A3, A4).
func (g *Engine) releaseTo(ctx context.Context, c *profile.Collection, planned request.Entry) (rec store.Record, cause string) {
	leave, err := g.lanes.enter(ctx, string(planned.ID))
	if err != nil {
		return rec, err.Error()
	}
	defer leave()
	rec, err = g.settled(ctx, planned.ID)
	if err != nil {
		return rec, err.Error()
	}
	e := rec.Entry
	switch {
	case e.Role != request.Owner || e.Plan == nil || e.Plan.To != planned.Plan.To || e.Plan.Parked:
		return rec, "" // somebody decided otherwise meanwhile
	case len(e.Suspect) > 0:
		return rec, "an earlier write may still land"
	}
	if rec, err = g.current(ctx, rec, c); err != nil {
		return rec, "the record cannot be read: " + err.Error()
	}
	rec, err = g.step(ctx, rec, Released{Now: g.now()})
	if err != nil {
		return rec, err.Error()
	}
	return rec, ""
}

// current publishes what others changed in the owner's record behind the gateway, so that it is not lost with the hand-over.
func (g *Engine) current(ctx context.Context, rec store.Record, c *profile.Collection) (store.Record, error) {
	record, etag, err := g.read(ctx, c, rec.Entry.Local)
	if err != nil {
		return rec, err
	}
	got, err := c.FromRecord(record)
	if err != nil {
		return rec, err
	}
	got = stateOf(c, rec.Entry.Fields, got)
	if len(profile.Diff(rec.Entry.Fields, got)) == 0 && len(profile.Diff(got, rec.Entry.Fields)) == 0 {
		return rec, nil
	}
	return g.step(ctx, rec, Seen{Fields: got, ETag: etag, Owe: g.behind(rec.Holders, nil, true), Now: g.now()})
}

// handover is what the target is told.
func (g *Engine) handover(rec store.Record, stage request.Stage, p request.Plan, epoch request.Epoch) request.Handover {
	e := rec.Entry
	h := request.Handover{Stage: stage, Epoch: epoch, Snapshot: e.Snapshot(), Return: p.Return, Terms: p.Terms, Hops: e.Hops, Routes: e.Routes}
	h.Snapshot.Owner = g.Self
	h.Snapshot.Locals = maps.Clone(e.Locals)
	if h.Snapshot.Locals == nil {
		h.Snapshot.Locals = make(map[request.Site]string)
	}
	delete(h.Snapshot.Locals, p.To) // it knows its own
	h.Snapshot.Locals[g.Self] = e.Local
	for _, d := range rec.Holders {
		if d.Local != "" && d.Site != p.To {
			h.Snapshot.Locals[d.Site] = d.Local
		}
	}
	h.Snapshot.Former = kept(e.Former, request.Tenure{Epoch: e.Version.Epoch, Until: g.now()})
	if p.Terms.Route != "" && p.By == "" {
		h.Hops++
		h.Routes = append(h.Routes[:len(h.Routes):len(h.Routes)], p.Terms.Route)
		h.Routes = h.Routes[max(0, len(h.Routes)-mostHops):]
	}
	h.Path = slices.DeleteFunc(pathAfter(e.Path, g.Self, p), func(s request.Site) bool { return !g.knows(s) })
	for _, d := range rec.Holders {
		if d.Site == p.To || !g.knows(d.Site) || !d.Linked() && d.State == request.Delivered {
			continue
		}
		debt := request.Debt{Site: d.Site, Terms: d.Terms}
		if p.Archive && !slices.Contains(p.Keep, d.Site) {
			debt.Terms = request.Terms{Mode: request.Remove, Route: p.Terms.Route}
		}
		h.Holders = append(h.Holders, debt)
	}
	own := request.Debt{Site: g.Self, Terms: p.Terms}
	if p.Mode == "move" && !slices.Contains(p.Keep, g.Self) {
		own.Terms = request.Terms{Mode: request.Remove, Route: p.Terms.Route}
	}
	h.Holders = append(h.Holders, own)
	return h
}

// formerKept is how many past reigns, and forces, are remembered.
const formerKept = 64

// kept appends x to a copy of a history and keeps the newest of it.
func kept[T any](list []T, x T) []T {
	list = append(list[:len(list):len(list)], x)
	return list[max(0, len(list)-formerKept):]
}

// pathAfter is where returns lead from the target of a plan. A return goes back one step; a transfer to a site on the way home cuts
// the way short there, so that going round in a circle does not make it longer.
func pathAfter(path []request.Site, self request.Site, p request.Plan) []request.Site {
	if i := slices.Index(path, p.To); i >= 0 {
		return slices.Clone(path[i+1:])
	}
	if p.Return {
		return slices.Clone(path)
	}
	return append([]request.Site{self}, path[:min(len(path), formerKept-1)]...)
}

// grant asks the target for its word until it has one (A5, A6).
func (g *Engine) grant(ctx context.Context, rec store.Record) (cause string) {
	e := rec.Entry
	grant := e.Grant
	stage := request.GrantIt
	if g.now().Sub(grant.At) > cancelAfter {
		stage = request.CancelIt
	}
	if !g.knows(grant.To) {
		return "there is no site " + string(grant.To) + " in the network (any more)"
	}
	hctx, cancel := context.WithTimeout(ctx, handoverTimeout)
	defer cancel()
	life := g.lifeOf(grant.To)
	v, err := g.Peers.Handover(hctx, grant.To, g.handover(rec, stage, grant.Plan, grant.Epoch))
	if err == nil && g.lifeOf(grant.To) != life {
		// It has lost its store since it was asked, and what it answered before that is void.
		return string(grant.To) + " has lost its store, and is asked again"
	}
	if err != nil {
		return "waiting for the word of " + string(grant.To) + ": " + err.Error()
	}
	leave, err := g.lanes.enter(ctx, string(e.ID))
	if err != nil {
		return err.Error()
	}
	defer leave()
	if rec, err = g.Ledger.Read(ctx, e.ID); err != nil {
		return err.Error()
	}
	if rec.Entry.Role != request.Granting || rec.Entry.Grant.Epoch != grant.Epoch {
		return "" // the target's own snapshot told us already
	}
	switch v.State {
	case request.Accepted:
		err = g.yielded(ctx, rec, grant.To, grant.Epoch)
	case request.Overtaken:
		if v.Epoch.Compare(grant.Epoch) <= 0 {
			return string(grant.To) + " answered " + string(v.State) + " with an epoch that is not later"
		}
		err = g.yielded(ctx, rec, v.Epoch.Site, v.Epoch)
	case request.Declined:
		g.Log.Info("a hand-over was declined", append(logRequest(e), zap.String("destination", string(grant.To)), logCause(v.Cause))...)
		if cause := g.stampReign(ctx, rec, grant.Epoch.Num+1); cause != "" {
			return cause
		}
		_, err = g.step(ctx, rec, Resumed{Owe: g.behind(rec.Holders, nil, false), Cause: v.Cause, Parked: v.Final, Now: g.now()})
		if err == nil && !v.Final {
			return string(grant.To) + " declined: " + v.Cause
		}
	default:
		return string(grant.To) + " has not decided yet: " + v.Cause
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// stampReign writes into the record that this site goes on as its owner, before the ledger says so: should the ledger be lost, the
// record tells (protocol A5). It returns why that cannot be done now.
func (g *Engine) stampReign(ctx context.Context, rec store.Record, num uint64) string {
	e := rec.Entry
	c := g.set().Profile.Collections[e.Collection]
	switch {
	case c == nil || e.Local == "" || !c.Stamps():
		return ""
	case len(e.Suspect) > 0:
		return "it was declined, and an earlier write may still land"
	}
	version := request.Version{Epoch: request.Epoch{Num: num, Site: g.Self}}
	err := g.restamp(ctx, c, e.Local, profile.Marks{Request: e.ID, Version: version, Owner: g.Self, State: string(request.Owner)})
	if err != nil {
		return "it was declined, and the record cannot be stamped: " + g.suspected(ctx, rec, err).Error()
	}
	return ""
}

func (g *Engine) yielded(ctx context.Context, rec store.Record, owner request.Site, epoch request.Epoch) error {
	_, err := g.step(ctx, rec, Yielded{Owner: owner, Epoch: epoch, Drop: sitesOf(rec.Holders), Now: g.now()})
	if err == nil {
		g.Log.Info("ownership was handed over", append(logRequest(rec.Entry), zap.String("destination", string(owner)))...)
		g.waiters.wake(rec.Entry.ID)
	}
	return err
}

func sitesOf(holders []request.Delivery) []request.Site {
	out := make([]request.Site, len(holders))
	for i, h := range holders {
		out[i] = h.Site
	}
	return out
}

// park gives a plan up until a person, or another write, asks for it again.
func (g *Engine) park(ctx context.Context, rec store.Record, why string) string {
	g.Log.Warn("a transfer is parked and needs a person", append(logRequest(rec.Entry), zap.String("destination", string(rec.Entry.Plan.To)), logCause(why))...)
	p := *rec.Entry.Plan
	p.Parked, p.Cause = true, why
	return g.replan(ctx, rec.Entry.ID, &p)
}

// replan replaces the plan of a request, unless another took its place meanwhile.
func (g *Engine) replan(ctx context.Context, id request.ID, p *request.Plan) string {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return err.Error()
	}
	defer leave()
	rec, err := g.Ledger.Read(ctx, id)
	if err != nil {
		return err.Error()
	}
	if rec.Entry.Role != request.Owner || rec.Entry.Plan == nil || p != nil && !rec.Entry.Plan.Since.Equal(p.Since) {
		return ""
	}
	if _, err = g.step(ctx, rec, Planned{Plan: p, Now: g.now()}); err != nil {
		return err.Error()
	}
	return ""
}

// erase deletes a request because a route says so.
func (g *Engine) erase(ctx context.Context, rec store.Record, c *profile.Collection) string {
	leave, err := g.lanes.enter(ctx, string(rec.Entry.ID))
	if err != nil {
		return err.Error()
	}
	defer leave()
	if rec, err = g.settled(ctx, rec.Entry.ID); err != nil {
		return err.Error()
	}
	if p := rec.Entry.Plan; rec.Entry.Role != request.Owner || p == nil || p.Mode != "delete" {
		return ""
	}
	w := request.Write{Op: "route/" + rec.Entry.Plan.Terms.Route + "/" + rec.Entry.Version.Mark(), Kind: request.Delete,
		Collection: rec.Entry.Collection, Request: rec.Entry.ID, Entry: g.Self}
	res, err := g.own(ctx, rec, c, w)
	switch {
	case err != nil:
		return err.Error()
	case res.Answer != nil && res.Answer.Status >= 300 && res.Version.IsZero():
		return said(g.Self, *res.Answer)
	}
	return ""
}

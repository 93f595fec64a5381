package replicate

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

// mostHops is how often routes may move a request without a client's write in between (spec 5).
const mostHops = 8

// Timing says when a holder may get what it is owed. The first delivery waits for the window alone; ever is false for a holder
// that is not refreshed by time.
type Timing func(site request.Site, t request.Terms, first bool, now time.Time) (due time.Time, ever bool)

// outcome is what the routes make of an event at the owner.
type outcome struct {
	fired []string
	debts []request.Debt
	plan  *request.Plan
}

// judged turns a decision of the routes into what is to be done to a request as it is after the event, and counts it.
func (g *Engine) judged(d routing.Decision, e request.Entry, holders []request.Delivery) outcome {
	out := g.weighed(d, e, holders)
	g.hit(out.fired)
	return out
}

// weighed is the same for what may come to nothing: it is not counted.
func (g *Engine) weighed(d routing.Decision, e request.Entry, holders []request.Delivery) outcome {
	g.reportRoutes(d)
	var out outcome
	fire := func(t *routing.Taken) { out.fired = append(out.fired, t.Route.Name) }
	for i := range d.Copies {
		out.copies(&d.Copies[i], holders)
		fire(&d.Copies[i])
	}
	now := g.now()
	switch {
	case d.Transfer != nil && (d.Transfer.Action.Mode == "data" || d.Transfer.Action.Mode == request.Independent):
		out.copies(d.Transfer, holders)
		fire(d.Transfer)
	case d.Transfer != nil && len(d.Transfer.To) > 0:
		out.plan = &request.Plan{To: d.Transfer.To[0], Mode: d.Transfer.Action.Mode, Terms: terms(*d.Transfer), Since: now}
		fire(d.Transfer)
	case d.Archive != nil && len(d.Archive.To) > 0:
		out.plan = &request.Plan{To: d.Archive.To[0], Mode: "move", Archive: true, Keep: d.Archive.Action.Keep, Terms: terms(*d.Archive), Since: now}
		fire(d.Archive)
	case d.Return != nil && len(e.Path) > 0:
		out.plan = &request.Plan{To: e.Path[0], Return: true, Terms: terms(*d.Return), Since: now}
		fire(d.Return)
	case d.Delete != nil && d.Delete.Action.Copies == "all":
		if rest := remove(linked(holders), nil, d.Delete.Route.Name); len(rest) > 0 {
			out.debts = append(out.debts, rest...)
			fire(d.Delete)
		}
	case d.Delete != nil:
		out.plan = &request.Plan{To: g.Self, Mode: "delete", Terms: terms(*d.Delete), Since: now}
		fire(d.Delete)
	}
	out.fired = inOrder(d.Fired, out.fired)
	return out
}

// copies adds the targets of an action as holders. One that is linked already gets no independent copy beside its own.
func (o *outcome) copies(t *routing.Taken, holders []request.Delivery) {
	with := terms(*t)
	for _, s := range t.To {
		if with.Mode == request.Independent && slices.ContainsFunc(holders, func(h request.Delivery) bool { return h.Site == s }) {
			continue
		}
		o.debts = append(o.debts, request.Debt{Site: s, Terms: with})
	}
}

// linked are the sites that hold a request and follow it.
func linked(holders []request.Delivery) []request.Site {
	var out []request.Site
	for _, h := range holders {
		if h.Linked() {
			out = append(out, h.Site)
		}
	}
	return out
}

// remove makes the copies at sites go, but for those to be kept.
func remove(sites, keep []request.Site, route string) []request.Debt {
	var out []request.Debt
	for _, s := range sites {
		if !slices.Contains(keep, s) {
			out = append(out, request.Debt{Site: s, Terms: request.Terms{Mode: request.Remove, Route: route}})
		}
	}
	return out
}

// bounded parks a plan that routes made when they have moved the request too often without a client's write.
func bounded(p *request.Plan, hops int, routes []string) *request.Plan {
	if p == nil || hops < mostHops {
		return p
	}
	p.Parked = true
	p.Cause = "routes moved the request " + plural(hops) + " without a client's write in between (" + strings.Join(routes[max(0, len(routes)-4):], ", ") +
		"): is there a ring?"
	return p
}

func plural(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

// behind are the holders who are owed the next version of a request and those who become holders with it. Refreshing at leisure
// is for updates: all else, a deletion or a new owner, every holder learns at once, in its window.
func (g *Engine) behind(holders []request.Delivery, more []request.Debt, update bool) []request.Debt {
	now := g.now()
	out := make([]request.Debt, 0, len(holders)+len(more))
	for _, h := range holders {
		if !h.Linked() && h.State == request.Delivered {
			continue // it is gone, or on its own
		}
		d := request.Debt{Site: h.Site, Terms: h.Terms}
		if _, ever := g.timing(h.Site, h.Terms, false, now); update && !ever {
			continue // what it has not got yet of its first state comes with what it is owed already
		}
		due, _ := g.timing(h.Site, h.Terms, !update || h.Acked.IsZero() && h.State != request.InFlight, now)
		d.Due = later(due, now)
		out = append(out, d)
	}
	return g.extend(out, more)
}

// extend adds debts; one for a site that is there already replaces its terms.
func (g *Engine) extend(list, more []request.Debt) []request.Debt {
	now := g.now()
	for _, d := range more {
		due, _ := g.timing(d.Site, d.Terms, true, now)
		d.Due = later(due, now)
		if i := slices.IndexFunc(list, func(x request.Debt) bool { return x.Site == d.Site }); i >= 0 {
			list[i] = d
		} else {
			list = append(list, d)
		}
	}
	return list
}

// later is a due time that is still to come, else none.
func later(due, now time.Time) time.Time {
	if due.After(now) {
		return due
	}
	return time.Time{}
}

func (g *Engine) timing(site request.Site, t request.Terms, first bool, now time.Time) (time.Time, bool) {
	if g.Timing == nil || t.Window == "" && (first || t.Update == "" || t.Update == "immediate") {
		return now, true
	}
	return g.Timing(site, t, first, now)
}

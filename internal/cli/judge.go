package cli

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

// judge puts recorded requests through two network files.
type judge struct {
	r       *rehearsal
	was, is map[string]int
	out     told
}

func mapsKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

func (j *judge) judge(x recorded) {
	j.out.Requests++
	in := routing.Input{Collection: x.Collection, Site: j.r.site, Owner: j.r.site, Origin: x.Origin, EnteredBy: x.EnteredBy, New: x.Fields, Now: j.r.now}
	if x.Origin == j.r.site && slices.Contains(j.r.on, string(routing.Create)) {
		in.Event = routing.Create
		j.compare(x, string(in.Event), in, j.r.was.Table.Decide(in), j.r.is.Table.Decide(in))
	}
	if x.Owner != j.r.site {
		return
	}
	if slices.Contains(j.r.on, string(routing.Update)) {
		in.Event = routing.Update
		j.compare(x, string(in.Event), in, j.r.was.Table.Decide(in), j.r.is.Table.Decide(in))
	}
	if slices.Contains(j.r.on, onSchedule) {
		j.scheduled(x, in)
	}
}

// scheduled judges what the routes with a schedule would do, had their time come: each by itself, since they run at different times.
func (j *judge) scheduled(x recorded, in routing.Input) {
	var names []string
	for _, n := range []*configs.Network{j.r.was, j.r.is} {
		for _, route := range n.Table.Scheduled() {
			if !slices.Contains(names, route.Name) {
				names = append(names, route.Name)
			}
		}
	}
	for _, name := range names {
		was, is := j.runs(j.r.was, name, in), j.runs(j.r.is, name, in)
		if len(was.Fired)+len(is.Fired)+len(is.Errors) > 0 {
			j.compare(x, onSchedule+" "+name, in, was, is)
		}
	}
}

// runs is what a scheduled route of a file does at the site; nothing where it does not run there.
func (j *judge) runs(n *configs.Network, name string, in routing.Input) routing.Decision {
	for _, route := range n.Table.Scheduled() {
		if route.Name == name && slices.Contains(n.RunsAt(route), j.r.site) {
			return n.Table.DecideRoute(name, in)
		}
	}
	return routing.Decision{}
}

func (j *judge) compare(x recorded, on string, in routing.Input, was, is routing.Decision) {
	j.out.Judged++
	before, after := effects(was), effects(is)
	for _, e := range before {
		j.was[e.Route]++
	}
	for _, e := range after {
		j.is[e.Route]++
	}
	for _, failed := range is.Errors {
		j.out.Failed[failed.Route]++
	}
	if slices.EqualFunc(before, after, func(a, b effect) bool { return a.Does == b.Does && a.To == b.To && a.Mode == b.Mode }) {
		return // the name of the route alone moves nothing
	}
	if j.out.Moved++; len(j.out.Diff) >= diffMost {
		j.out.Cut = true
		return
	}
	m := moved{Request: x.Request, Collection: x.Collection, On: on, Was: before, Is: after}
	for _, e := range after {
		if e.To == "" || slices.ContainsFunc(before, func(b effect) bool { return b.To == e.To }) {
			continue
		}
		d := j.r.is.Preview(configs.Parcel{Site: e.To, Collection: x.Collection, Fields: in.New,
			Marks: profile.Marks{Request: x.Request, Version: request.First(in.Site), Owner: in.Site, State: string(request.Copy)}})
		if d.Problem != "" {
			m.Problems = append(m.Problems, string(e.To)+" cannot take it: "+d.Problem)
		}
	}
	j.out.Diff = append(j.out.Diff, m)
}

// effects lists what a decision does, in an order of its own.
func effects(d routing.Decision) []effect {
	out := []effect{}
	add := func(does string, t *routing.Taken) {
		if t == nil {
			return
		}
		if len(t.To) == 0 {
			out = append(out, effect{Route: t.Route.Name, Does: does})
		}
		for _, to := range t.To {
			out = append(out, effect{Route: t.Route.Name, Does: does, To: to, Mode: t.Action.Mode})
		}
	}
	add("transfer", d.Transfer)
	add("return", d.Return)
	add("archive", d.Archive)
	add("delete", d.Delete)
	for i := range d.Copies {
		add("copy", &d.Copies[i])
	}
	slices.SortFunc(out, func(a, b effect) int {
		return cmp.Or(cmp.Compare(a.Does, b.Does), cmp.Compare(a.To, b.To), cmp.Compare(a.Mode, b.Mode))
	})
	return out
}

// count sums up by route, in the order of the new file, those that are only in the old one last.
func (j *judge) count() {
	j.out.Routes = []routeCount{}
	seen := map[string]bool{}
	for _, n := range []*configs.Network{j.r.is, j.r.was} {
		for i := range n.Routes {
			name := n.Routes[i].Name
			if !seen[name] {
				j.out.Routes = append(j.out.Routes, routeCount{Route: name, Was: j.was[name], Is: j.is[name]})
			}
			seen[name] = true
		}
	}
}

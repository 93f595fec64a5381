package configs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/routing"
)

// actions are what a route does: one of transfer, return, archive and delete, or a copy, or a copy beside one of them.
func (b *routeBuilder) actions(at *yaml.Node, r routeSpec, out *routing.Route) {
	var moves []string
	has := func(key string) *yaml.Node { // {} stands for no keys, and so does nothing at all
		v := value(at, key)
		if v != nil && key != "copy" {
			moves = append(moves, key)
		}
		return v
	}
	if v := has("transfer"); v != nil {
		out.Transfer = b.action(v, out.Name, "transfer", or(r.Transfer))
	}
	if v := has("copy"); v != nil {
		out.Copy = b.action(v, out.Name, "copy", or(r.Copy))
	}
	if v := has("archive"); v != nil {
		spec := or(r.Archive)
		out.Archive = b.action(v, out.Name, "archive", actionSpec{To: spec.To, Keep: spec.Keep, Pool: spec.Pool})
		out.Archive.Mode = "move"
	}
	if v := has("return"); v != nil {
		spec := or(r.Return)
		b.pool(v, out.Name, spec.Pool)
		out.Return = &routing.Action{Pool: spec.Pool}
	}
	if v := has("delete"); v != nil {
		spec := or(r.Delete)
		out.Delete = &routing.Action{Copies: b.p.oneOf(child(v, "copies"), "route "+out.Name+": delete.copies", spec.Copies, "", "all")}
	}
	switch {
	case len(moves) == 0 && out.Copy == nil:
		b.p.fault(at, "route "+out.Name+": it does nothing", "add a transfer, copy, return, archive or delete")
	case len(moves) > 1:
		b.p.fault(keyed(at, moves[1]), fmt.Sprintf("route %s: %s exclude each other", out.Name, strings.Join(moves, " and ")), "make two routes of it")
	}
}

func or[T any](v *T) T {
	if v == nil {
		v = new(T)
	}
	return *v
}

// action is a transfer, a copy or an archive.
func (b *routeBuilder) action(at *yaml.Node, route, kind string, a actionSpec) *routing.Action {
	p, d := b.p, b.n.Defaults
	key := func(k string) string { return fmt.Sprintf("route %s: %s.%s", route, kind, k) }
	modes := []string{"ownership", "data", "independent", "move"}
	if kind == "copy" {
		modes = []string{"data", "independent"}
	}
	out := &routing.Action{Window: a.Window, Match: a.Match, Pool: a.Pool,
		Mode:        p.oneOf(child(at, "mode"), key("mode"), a.Mode, "", modes...),
		Forward:     p.oneOf(child(at, "forward"), key("forward"), a.Forward, "now", "now", "later"),
		Unreachable: p.oneOf(child(at, "unreachable"), key("unreachable"), a.Unreachable, d.Unreachable, "accept", "refuse"),
		Writes:      p.oneOf(child(at, "writes"), key("writes"), a.Writes, d.Writes, "forward", "refuse", "queue"),
		Update:      p.update(child(at, "update"), key("update"), a.Update, d.Update),
		Duplicate:   p.oneOf(child(at, "duplicate"), key("duplicate"), a.Duplicate, "", "error", "overwrite", "create"),
		OnDelete:    p.oneOf(child(at, "on_delete"), key("on_delete"), a.OnDelete, d.OnDelete, "cascade", "keep"),
		Keep:        b.siteList(child(at, "keep"), route, a.Keep)}
	if a.Window != "" {
		p.clock(child(at, "window"), key("window"), a.Window)
	}
	for i, field := range a.Match {
		if field == "" || strings.Contains(field, ",") {
			p.fault(item(child(at, "match"), i), fmt.Sprintf("%s: %q is not the name of a field", key("match"), clip(field)), "")
		}
	}
	if a.Duplicate != "" && len(a.Match) == 0 {
		p.fault(child(at, "duplicate"), key("duplicate")+" needs match, the fields by which records are paired", "match: [external_ref]")
	}
	b.pool(at, route, a.Pool)
	b.to(at, route, kind, a, out)
	return out
}

func (b *routeBuilder) pool(at *yaml.Node, route, name string) {
	if _, ok := b.n.Pools[name]; name != "" && !ok {
		b.p.fault(child(at, "pool"), fmt.Sprintf("route %s: there is no pool %q", route, clip(name)), Nearest(name, slices.Collect(maps.Keys(b.n.Pools))))
	}
}

// to is where an action leads.
func (b *routeBuilder) to(at *yaml.Node, route, kind string, a actionSpec, out *routing.Action) {
	node := child(at, "to")
	switch {
	case len(a.To) == 0:
		b.p.fault(node, fmt.Sprintf("route %s: %s needs a site to go to", route, kind), kind+": {to: SITE}")
	case kind == "copy" && slices.Equal(a.To, []string{"all"}):
		out.All = true
	case kind == "copy":
		out.To = b.siteList(node, route, a.To)
	case len(a.To) > 1 || a.To[0] == "all":
		b.p.fault(node, fmt.Sprintf("route %s: %s goes to one site", route, kind), "use copy for several")
	default:
		out.To = b.siteList(node, route, a.To)
	}
}

// outlook tells of what a route as a whole asks for and means nothing: a fault where that is all it asks for, else a warning.
func (b *routeBuilder) outlook(at *yaml.Node, r *routing.Route) {
	switch {
	case !slices.Contains(r.On, routing.Delete):
	case r.Copy != nil && len(r.On) == 1:
		b.p.fault(keyed(at, "on"), fmt.Sprintf("route %s: on delete there is nothing left to be copied", r.Name), "on_delete, where the copies are made, says what a deletion does to them")
	case r.Delete == nil:
		b.p.warn(keyed(at, "on"), fmt.Sprintf("route %s: on delete there is nothing left to be copied or moved", r.Name), "on_delete says what a deletion does to the copies")
	}
}

package routing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// The search for rings looks at rings of a few sites and ends after some work: it warns, it proves nothing about what it leaves out.
const (
	ringSites = 5
	ringSteps = 200_000
	ringMost  = 20
)

// hop is a transfer that a route can make.
type hop struct {
	route    int
	from, to request.Site
}

// loops warns of rings: a request that a route sends away, and that other routes send back where it came from as soon as it
// arrives, although nothing was written to it. Routes whose equalities exclude each other make none.
func (t *Table) loops() []Problem {
	s := &rings{table: t, arrive: map[request.Site][]hop{}, known: map[string]bool{}}
	var first []hop
	for i := range t.routes {
		for _, h := range t.hops(i) {
			if slices.Contains(t.routes[i].On, Arrive) {
				s.arrive[h.from] = append(s.arrive[h.from], h)
			}
			first = append(first, h)
		}
	}
	if len(s.arrive) == 0 {
		return nil
	}
	for _, h := range first {
		s.follow([]hop{h})
	}
	return s.found
}

// hops are the ways a route can send a request.
func (t *Table) hops(i int) []hop {
	r := &t.routes[i]
	if r.Transfer == nil || r.Schedule != nil || r.Transfer.Mode == "data" || r.Transfer.Mode == "independent" {
		return nil
	}
	from := r.At
	if len(from) == 0 {
		from = t.sites
	}
	var out []hop
	for _, s := range from {
		for _, to := range t.targets(r.Transfer, s) {
			out = append(out, hop{i, s, to})
		}
	}
	return out
}

type rings struct {
	table  *Table
	arrive map[request.Site][]hop
	known  map[string]bool // rings found, by their routes and sites in any order of beginning
	found  []Problem
	steps  int
}

// follow extends a way by what happens on arrival, until it comes back to its beginning.
func (s *rings) follow(way []hop) {
	last := way[len(way)-1]
	for _, h := range s.arrive[last.to] {
		if s.steps++; s.steps > ringSteps || len(s.found) >= ringMost {
			return
		}
		if h.route == last.route || !s.together(way, h) {
			continue // a route never fires on an arrival that it caused
		}
		next := append(slices.Clone(way), h)
		switch {
		case h.to == way[0].from:
			s.report(next)
		case len(next) < ringSites && !slices.ContainsFunc(way, func(w hop) bool { return w.from == h.to }):
			s.follow(next)
		}
	}
}

// together reports whether one and the same request can match all routes of a way and one more.
func (s *rings) together(way []hop, h hop) bool {
	r := &s.table.routes[h.route]
	for _, w := range way {
		other := &s.table.routes[w.route]
		if r.Collection != "" && other.Collection != "" && r.Collection != other.Collection {
			return false
		}
		for _, a := range r.atoms() {
			for _, b := range other.atoms() {
				if a.field == b.field && !slices.ContainsFunc(a.values, func(v any) bool { return slices.Contains(b.values, v) }) {
					return false
				}
			}
		}
	}
	return true
}

func (s *rings) report(way []hop) {
	var names, sites []string
	for _, h := range way {
		names = append(names, s.table.routes[h.route].Name)
		sites = append(sites, string(h.from))
	}
	keys := make([]string, len(way))
	for i, h := range way {
		keys[i] = fmt.Sprintf("%d %s", h.route, h.from)
	}
	slices.Sort(keys)
	key := strings.Join(keys, ";")
	if s.known[key] {
		return
	}
	s.known[key] = true
	s.found = append(s.found, Problem{Route: way[0].route, Path: "transfer.to",
		Message: fmt.Sprintf("a request can go round in a ring: %s, by the routes %s", strings.Join(append(sites, sites[0]), " -> "),
			strings.Join(names, ", ")),
		Hint: "make their conditions exclude each other, or leave arrive out of on; after 8 hops a request is parked"})
}

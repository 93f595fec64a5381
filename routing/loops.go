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
	ringTries = 20_000 // requests held against the conditions of a way
	ringSends = 200    // those sent on their way through the whole table
)

// hop is one way in which a route can move a request.
type hop struct {
	route    int
	from, to request.Site
	// back says that it is a return; then to is known only on a way.
	back bool
}

// landing is where a request arrives, and as what: the routes of one landing are asked there.
type landing struct {
	site  request.Site
	event Event
}

// event is what the site sees to which the hop leads.
func (h hop) event() Event {
	if h.back {
		return Returned
	}
	return Arrive
}

// loops warns of rings: a request that a route moves, and that other routes bring back as soon as it arrives, although nothing was
// written to it. Only a ring through which a request was seen to go is warned of. What a schedule moves goes round on purpose.
func (t *Table) loops() []Problem {
	s := &rings{table: t, next: map[landing][]hop{}, known: map[string]bool{}, tries: ringTries, sends: ringSends}
	var first []hop
	for i := range t.routes {
		for _, h := range t.hops(i) {
			for _, ev := range []Event{Arrive, Returned} {
				if slices.Contains(t.routes[i].On, ev) {
					s.next[landing{h.from, ev}] = append(s.next[landing{h.from, ev}], h)
				}
			}
			if !h.back {
				first = append(first, h)
			}
		}
	}
	if len(s.next) == 0 {
		return nil
	}
	for _, h := range first {
		s.follow([]hop{h}, []request.Site{h.from})
	}
	return s.found
}

// hops are the ways a route can send a request.
func (t *Table) hops(i int) []hop {
	r := &t.routes[i]
	if r.Schedule != nil {
		return nil
	}
	from := r.At
	if len(from) == 0 {
		from = t.sites
	}
	var out []hop
	for _, s := range from {
		switch a := r.mover(); {
		case r.Return != nil:
			out = append(out, hop{route: i, from: s, back: true})
		case a != nil && a.Mode != "data" && a.Mode != "independent":
			for _, to := range t.targets(a, s) {
				out = append(out, hop{route: i, from: s, to: to})
			}
		}
	}
	return out
}

// mover is the action of a route that brings a request to a site that the file names.
func (r *Route) mover() *Action {
	if r.Transfer != nil {
		return r.Transfer
	}
	return r.Archive
}

type rings struct {
	table *Table
	next  map[landing][]hop
	known map[string]bool // rings found, by their routes and sites in any order of beginning
	found []Problem
	steps int
	tries int // left
	sends int // left
}

// follow extends a way by what happens where it ends, until it comes round. Path are the sites to which returns lead from there.
func (s *rings) follow(way []hop, path []request.Site) {
	last := way[len(way)-1]
	for _, h := range s.next[landing{last.to, last.event()}] {
		if s.steps++; s.steps > ringSteps || len(s.found) >= ringMost || s.tries <= 0 || s.sends <= 0 {
			return
		}
		if h.back && len(path) > 0 {
			h.to = path[0]
		}
		if h.route == last.route || h.to == "" || !s.together(way, h) {
			continue // a route never fires on an arrival that it caused
		}
		next := append(slices.Clone(way), h)
		if ring := round(next); ring != nil {
			s.report(next, ring)
		} else if len(next) < ringSites && (returns(next) || !slices.ContainsFunc(way, func(w hop) bool { return w.from == h.to })) {
			s.follow(next, after(path, h))
		}
	}
}

// returns reports whether there is a return on a way.
func returns(way []hop) bool { return slices.ContainsFunc(way, func(h hop) bool { return h.back }) }

// after is where returns lead behind a hop.
func after(path []request.Site, h hop) []request.Site {
	if i := slices.Index(path, h.to); i >= 0 {
		return path[i+1:]
	}
	return append([]request.Site{h.from}, path...)
}

// round is the ring in which a way ends, nil when it does not. Transfers alone have come round when they are where they began. With
// returns among them that is what returns are for, unless the same hop comes again and all is as it was after the first time.
func round(way []hop) []hop {
	last := way[len(way)-1]
	switch i := slices.Index(way, last); {
	case !returns(way) && last.to == way[0].from:
		return way
	case i < len(way)-1 && slices.Equal(pathOf(way[:i+1]), pathOf(way)):
		return way[i : len(way)-1]
	}
	return nil
}

// pathOf is where returns lead at the end of a way.
func pathOf(way []hop) (path []request.Site) {
	for _, h := range way {
		path = after(path, h)
	}
	return path
}

// together reports whether one and the same request can match all routes of a way and one more, by the equalities they demand.
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

func (s *rings) report(way, ring []hop) {
	var names, sites []string
	for _, h := range ring {
		names = append(names, s.table.routes[h.route].Name)
		sites = append(sites, string(h.from))
	}
	keys := make([]string, len(ring))
	for i, h := range ring {
		keys[i] = fmt.Sprintf("%d %s", h.route, h.from)
	}
	slices.Sort(keys)
	key := strings.Join(keys, ";")
	if s.known[key] || !s.proven(way) {
		return
	}
	s.known[key] = true
	first := &s.table.routes[ring[0].route]
	s.found = append(s.found, Problem{Route: ring[0].route, Path: first.moves(),
		Message: fmt.Sprintf("a request can go round in a ring: %s, by the routes %s", strings.Join(append(sites, sites[0]), " -> "),
			strings.Join(names, ", ")),
		Hint: "make their conditions exclude each other, or leave arrive and returned out of on; after 8 hops a request is parked"})
}

// moves is the key under which a route says where a request goes.
func (r *Route) moves() string {
	switch {
	case r.Transfer != nil:
		return "transfer.to"
	case r.Archive != nil:
		return "archive.to"
	}
	return "return"
}

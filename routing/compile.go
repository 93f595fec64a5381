package routing

import (
	"fmt"
	"slices"
	"sync"

	"github.com/meridian-gateway/meridian/request"
)

// Table is the routes, compiled. It does not change and is safe for concurrent use.
type Table struct {
	routes   []compiled
	timed    map[string]int32 // those with a schedule, by name
	sites    []request.Site
	parts    map[part]*index
	warnings []Problem
	pool     sync.Pool // of *evaluation
}

type compiled struct {
	Route
	when *condition // nil: always
	// posted are the fields that the index finds it by.
	posted []string
}

func (c *compiled) atoms() []atom {
	if c.when == nil {
		return nil
	}
	return c.when.atoms
}

// Compile checks and compiles routes. Sites are all of the network. Declared are the fields that profiles name. With a problem,
// and every one is reported, there is no table.
func Compile(routes []Route, sites []request.Site, declared ...Declared) (*Table, []Problem) {
	t := &Table{routes: make([]compiled, len(routes)), sites: slices.Clone(sites), timed: map[string]int32{}}
	t.pool.New = func() any { return newEvaluation() }
	l := newLanguage()
	var problems []Problem
	names := newNames(declared)
	for i, r := range routes {
		t.routes[i].Route = r
		if r.Schedule != nil {
			t.timed[r.Name] = int32(i)
		}
		problems = append(problems, t.check(i, r)...)
		if r.When == "" {
			continue
		}
		c, err := l.compile(r.When)
		if err != nil {
			problems = append(problems, problem(i, err))
			continue
		}
		t.routes[i].when = c
		faults, warnings := names.check(i, r, c.fields)
		problems, t.warnings = append(problems, faults...), append(t.warnings, warnings...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	t.index()
	t.warnings = append(t.warnings, t.loops()...)
	slices.SortStableFunc(t.warnings, func(a, b Problem) int { return a.Route - b.Route })
	return t, nil
}

// Warnings are what the routes may say but should be looked at: names that look misspelled, and rings of transfers.
func (t *Table) Warnings() []Problem { return slices.Clone(t.warnings) }

// Unindexed are the routes whose condition demands no equality: they are evaluated at every event of theirs.
func (t *Table) Unindexed() []string {
	var out []string
	for i := range t.routes {
		if r := &t.routes[i]; r.when != nil && len(r.when.atoms) == 0 && r.Schedule == nil {
			out = append(out, r.Name)
		}
	}
	return out
}

// check looks at what a route says besides its condition.
func (t *Table) check(i int, r Route) []Problem {
	var out []Problem
	for _, ev := range r.On {
		if !slices.Contains(Events(), ev) {
			out = append(out, Problem{Route: i, Path: "on", Message: fmt.Sprintf("there is no event %q", ev),
				Hint: "the events are create, update, delete, arrive, returned"})
		}
	}
	unknown := func(path string, sites []request.Site) {
		for _, s := range sites {
			if !slices.Contains(t.sites, s) {
				out = append(out, Problem{Route: i, Path: path, Message: fmt.Sprintf("there is no site %q", s)})
			}
		}
	}
	unknown("at", r.At)
	for path, a := range map[string]*Action{"transfer.to": r.Transfer, "archive.to": r.Archive, "copy.to": r.Copy} {
		if a == nil {
			continue
		}
		unknown(path, a.To)
		switch n := len(a.To); {
		case path != "copy.to" && (n != 1 || a.All):
			out = append(out, Problem{Route: i, Path: path, Message: "a request goes to exactly one site"})
		case n == 0 && !a.All:
			out = append(out, Problem{Route: i, Path: path, Message: "a copy goes to one site at least"})
		}
	}
	return out
}

func problem(route int, err error) Problem {
	p := Problem{Route: route, Path: "when", Message: err.Error()}
	if f, ok := err.(*fault); ok {
		p.Hint, p.Offset = f.hint, f.at
	}
	return p
}

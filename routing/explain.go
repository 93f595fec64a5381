package routing

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// Cause says in one word why a route fired or did not.
type Cause string

// The causes.
const (
	Fires       Cause = "fires"
	BySchedule  Cause = "schedule"   // it runs by a schedule
	Collection  Cause = "collection" // it is for another collection
	WrongEvent  Cause = "event"      // it is for other events
	WrongSite   Cause = "site"       // it applies at other sites
	Itself      Cause = "itself"     // it caused the arrival
	Condition   Cause = "condition"  // its condition is false
	Failed      Cause = "error"      // its condition cannot be computed
	Shadowed    Cause = "shadowed"   // an earlier route has moved the request
	AlreadyHere Cause = "here"       // it goes to the site where the request is
)

// Reason says why a route fired or did not.
type Reason struct {
	Route string `json:"route"`
	Fired bool   `json:"fired"`
	Cause Cause  `json:"cause"`
	// Why is a sentence for a person.
	Why string `json:"why"`
	// Part is the part of the condition that is false, or failed, and Values are what its names stand for. They are a client's data.
	Part   string  `json:"part,omitempty"`
	Values []Value `json:"values,omitempty"`
	// By is the route that shadows this one.
	By string `json:"by,omitempty"`
	// Schedule is when a route that runs by one does, for a person, and Would whether it would then do anything to the request as it
	// is now. Such a route never fires on an event.
	Schedule string `json:"schedule,omitempty"`
	Would    bool   `json:"would,omitempty"`
}

// Value is what a name in a condition stands for, as JSON text, null when there is nothing.
type Value struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// Explain gives the reason of every route, in the order of the file.
func (t *Table) Explain(in Input) []Reason {
	d := t.Decide(in)
	e := newEvaluation()
	e.begin(&in)
	later := in
	later.Event = ""
	scheduled := newEvaluation()
	scheduled.begin(&later)
	l := newLanguage()
	out := make([]Reason, 0, len(t.routes))
	for i := range t.routes {
		var r Reason
		if c := &t.routes[i]; c.Schedule != nil {
			r = t.explainTimed(scheduled, l, c)
		} else {
			r = t.explain(e, l, c, &d)
		}
		r.Route, r.Fired = t.routes[i].Name, r.Cause == Fires
		out = append(out, r)
	}
	return out
}

// explainTimed says what a route with a schedule would do with the request as it is.
func (t *Table) explainTimed(e *evaluation, l *language, r *compiled) Reason {
	d := t.DecideRoute(r.Name, *e.in)
	out := t.explain(e, l, r, &d)
	out.Would, out.Schedule = out.Cause == Fires, r.Schedule.String()
	why := "it runs " + out.Schedule + "; it would take this request"
	if !out.Would {
		why = "it runs " + out.Schedule + "; it would not take this request: " + out.Why
	}
	out.Cause, out.Why = BySchedule, why
	return out
}

func (t *Table) explain(e *evaluation, l *language, r *compiled, d *Decision) Reason {
	in := e.in
	switch {
	case r.Collection != "" && r.Collection != in.Collection:
		return Reason{Cause: Collection, Why: fmt.Sprintf("it is for collection %s, not for %s", r.Collection, in.Collection)}
	case r.Schedule == nil && !slices.Contains(r.On, in.Event):
		return Reason{Cause: WrongEvent, Why: fmt.Sprintf("it is for %s, not for %s", list(r.On), in.Event)}
	case len(r.At) > 0 && !slices.Contains(r.At, in.Site):
		return Reason{Cause: WrongSite, Why: fmt.Sprintf("it applies at %s, not at %s", list(r.At), in.Site)}
	case slices.Contains(in.Except, r.Name):
		return Reason{Cause: Itself, Why: "it moved the request here itself, and no route fires on an arrival that it caused"}
	}
	ok, err := e.holds(r.when)
	switch {
	case err != nil:
		return l.part(e, r.When, Reason{Cause: Failed, Why: "its condition cannot be computed: " + err.Error()})
	case !ok:
		return l.part(e, r.When, Reason{Cause: Condition, Why: "its condition is false"})
	case d.by(r):
		return Reason{Cause: Fires, Why: "it matches"}
	case d.mover() != nil && d.mover().Route != &r.Route && r.Copy == nil:
		by := d.mover().Route.Name
		return Reason{Cause: Shadowed, By: by, Why: fmt.Sprintf("it matches, but %s comes first", by)}
	}
	return Reason{Cause: AlreadyHere, Why: "it matches, but the request is there already"}
}

// by reports whether a route does something in the decision.
func (d *Decision) by(r *compiled) bool {
	m := d.mover()
	return m != nil && m != d.Stay && m.Route == &r.Route || slices.ContainsFunc(d.Copies, func(t Taken) bool { return t.Route == &r.Route })
}

// mover is what settles where the request goes.
func (d *Decision) mover() *Taken {
	for _, t := range []*Taken{d.Transfer, d.Return, d.Archive, d.Delete, d.Stay} {
		if t != nil {
			return t
		}
	}
	return nil
}

// part finds the first of the parts joined by && that does not hold, and what the names in it stand for.
func (l *language) part(e *evaluation, when string, r Reason) Reason {
	text, huge, err := hugeNumbers(when)
	if err != nil {
		return r
	}
	tree, err := l.raw(text)
	if err != nil {
		return r
	}
	for _, text := range conjuncts(tree, nil) {
		for name, digits := range huge {
			text = strings.ReplaceAll(text, name, string(digits))
		}
		c, err := l.compile(text)
		if err != nil {
			return r
		}
		if ok, err := e.holds(c); ok && err == nil {
			continue
		}
		r.Part = text
		for _, n := range c.needs {
			r.Values = append(r.Values, Value{n.spelled(), show(e.env[n.key])})
		}
		for _, w := range c.words {
			r.Values = append(r.Values, Value{w, show(e.env[w])})
		}
		return r
	}
	return r
}

func conjuncts(n ast.Node, dst []string) []string {
	if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "&&" || b.Operator == "and") {
		return conjuncts(b.Right, conjuncts(b.Left, dst))
	}
	return append(dst, n.String())
}

// spelled is a need as conditions spell it.
func (n need) spelled() string {
	switch n.what {
	case needChanged:
		return "changed(" + strconv.Quote(n.name) + ")"
	case needAge:
		return "age(" + strconv.Quote(n.name) + ")"
	case needField:
		return n.name
	}
	return n.key
}

func show(v any) json.RawMessage {
	switch x := v.(type) {
	case bigNumber:
		return json.RawMessage(x)
	case fmt.Stringer: // a time, a duration
		v = x.String()
	case error:
		v = x.Error()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

func list[T ~string](names []T) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = string(n)
	}
	return strings.Join(out, ", ")
}

package routing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// Listed is a route with how it is found when an event comes.
type Listed struct {
	*Route
	// Index are the fields whose values it is found by; without any it is looked at with every event of its collection and sites, and
	// WhyNot says why, and what to do where anything is to be done.
	Index  []string
	WhyNot string
}

// List are all routes, in the order of the file. They are the table's own: read only.
func (t *Table) List() []Listed {
	out := make([]Listed, len(t.routes))
	l := newLanguage()
	for i := range t.routes {
		r := &t.routes[i]
		out[i] = Listed{Route: &r.Route, Index: slices.Clone(r.posted)}
		if len(r.posted) == 0 {
			out[i].WhyNot = l.unindexed(r)
		}
	}
	return out
}

// unindexed says why a route is found by no field.
func (l *language) unindexed(r *compiled) string {
	switch {
	case r.Schedule != nil:
		return "it runs by a schedule, over all requests that its site owns"
	case r.when == nil:
		return "it has no condition: it applies to every event that it is for"
	}
	text, _, err := hugeNumbers(r.When)
	if err != nil {
		return ""
	}
	n, err := l.raw(text)
	if err != nil {
		return ""
	}
	const todo = `; it is evaluated at every event that it is for. Where it can be said, join it by && to an equality, as in category == "chairs" or region in ["east", "west"]`
	if b, ok := n.(*ast.BinaryNode); ok {
		switch b.Operator {
		case "||", "or":
			return "its alternatives, joined by ||, do not all ask for a value of the same field" + todo
		case "!=", "not in":
			return "it says what a value is not, and not what it is" + todo
		case "<", "<=", ">", ">=":
			return "it compares by order" + todo
		}
	}
	return "it asks for no field's very value" + todo
}

// Does is what a route does, for a person: "transfer to chicago (ownership)", "copy to all other sites".
func (r *Route) Does() string {
	var out []string
	if a := r.Transfer; a != nil {
		mode := a.Mode
		if mode == "" {
			mode = "ownership"
		}
		out = append(out, fmt.Sprintf("transfer to %s (%s)", a.targets(), mode))
	}
	if a := r.Return; a != nil {
		out = append(out, "return to the owner before")
	}
	if a := r.Archive; a != nil {
		out = append(out, "archive at "+a.targets())
	}
	if a := r.Delete; a != nil {
		what := "delete"
		if a.Copies == "all" {
			what = "delete all copies"
		}
		out = append(out, what)
	}
	if a := r.Copy; a != nil {
		what := "copy to " + a.targets()
		if a.Mode != "" {
			what += " (" + a.Mode + ")"
		}
		out = append(out, what)
	}
	return strings.Join(out, "; ")
}

func (a *Action) targets() string {
	if a.All {
		return "all other sites"
	}
	return list(a.To)
}

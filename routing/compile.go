package routing

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/meridian-gateway/meridian/request"
)

// Table is the routes, compiled. It does not change and is safe for concurrent use.
type Table struct {
	routes []compiled
	sites  []request.Site
	parts  map[part]*index
}

type compiled struct {
	Route
	program *vm.Program
	atoms   []atom
}

// part is what routes are divided by before any condition is looked at.
type part struct {
	collection string
	event      Event
	site       request.Site
}

// Compile checks and compiles routes. With a problem there is no table.
func Compile(routes []Route, sites []request.Site) (*Table, []Problem) {
	t := &Table{sites: slices.Clone(sites), parts: map[part]*index{}}
	var problems []Problem
	for i, r := range routes {
		c := compiled{Route: r}
		if r.When != "" {
			p, found, err := compile(r.When)
			if err != nil {
				problems = append(problems, problem(i, err))
				continue
			}
			c.program, c.atoms = p, found
		}
		t.routes = append(t.routes, c)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	collections := []string{""}
	for _, r := range t.routes {
		if !slices.Contains(collections, r.Collection) {
			collections = append(collections, r.Collection)
		}
	}
	for _, c := range collections {
		for _, ev := range []Event{Create, Update, Delete, Arrive, Returned} {
			for _, s := range sites {
				p := part{c, ev, s}
				t.parts[p] = t.build(p)
			}
		}
	}
	return t, nil
}

func problem(route int, err error) Problem {
	p := Problem{Route: route, Path: "when", Message: err.Error()}
	if fe, ok := err.(*file.Error); ok {
		p.Message, p.Offset = fe.Message, fe.Column
	}
	return p
}

// builtins are what a condition can use besides the request's fields.
func builtins() []expr.Option {
	return []expr.Option{
		expr.AllowUndefinedVariables(),
		expr.AsBool(),
		expr.MaxNodes(2000),
		expr.Patch(&optional{}),
	}
}

func compile(when string) (*vm.Program, []atom, error) {
	env := map[string]any{"changed": func(string) bool { return false }, "age": func(string) time.Duration { return 0 },
		"old": map[string]any{}, "site": "", "owner": "", "origin": "", "entered_by": "", "now": time.Time{}}
	p, err := expr.Compile(when, append([]expr.Option{expr.Env(env)}, builtins()...)...)
	if err != nil {
		return nil, nil, err
	}
	n := p.Node()
	if err := noNesting(n, 0); err != nil {
		return nil, nil, err
	}
	return p, atoms(n), nil
}

// optional makes every path nil where something on it is absent, instead of an error.
type optional struct{}

func (*optional) Visit(n *ast.Node) {
	m, ok := (*n).(*ast.MemberNode)
	if !ok {
		return
	}
	if c, chained := m.Node.(*ast.ChainNode); chained {
		m.Node = c.Node
	}
	m.Optional = true
	ast.Patch(n, &ast.ChainNode{Node: m})
}

// noNesting refuses a predicate inside a predicate: there is no limit of steps, and lists in requests can be long.
func noNesting(n ast.Node, depth int) error {
	v := &nesting{}
	ast.Walk(&n, v)
	if v.deepest > 1 {
		return fmt.Errorf("a predicate inside a predicate is not allowed here")
	}
	return nil
}

type nesting struct{ deepest int }

func (v *nesting) Visit(n *ast.Node) {
	b, ok := (*n).(*ast.BuiltinNode)
	if !ok {
		return
	}
	for i := range b.Arguments {
		if _, ok := b.Arguments[i].(*ast.PredicateNode); ok {
			inner := &counter{}
			ast.Walk(&b.Arguments[i], inner)
			v.deepest = max(v.deepest, 1+inner.n)
		}
	}
}

type counter struct{ n int }

func (c *counter) Visit(n *ast.Node) {
	if b, ok := (*n).(*ast.BuiltinNode); ok {
		for _, a := range b.Arguments {
			if _, ok := a.(*ast.PredicateNode); ok {
				c.n++
			}
		}
	}
}

// atom is one equality that a condition demands: a field with one of some values, in their JSON scalar form.
type atom struct {
	field  string
	values []string
}

// atoms walks the top-level conjuncts.
func atoms(n ast.Node) []atom {
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return nil
	}
	switch b.Operator {
	case "&&", "and":
		return append(atoms(b.Left), atoms(b.Right)...)
	case "==":
		id, lit := b.Left, b.Right
		if _, ok := id.(*ast.IdentifierNode); !ok {
			id, lit = lit, id
		}
		name, ok := id.(*ast.IdentifierNode)
		s, isString := lit.(*ast.StringNode)
		if ok && isString && !reserved(name.Value) {
			return []atom{{name.Value, []string{s.Value}}}
		}
	case "in":
		name, ok := b.Left.(*ast.IdentifierNode)
		c, isConst := b.Right.(*ast.ConstantNode)
		if !ok || !isConst || reserved(name.Value) {
			return nil
		}
		if set, ok := c.Value.(map[string]struct{}); ok {
			a := atom{field: name.Value}
			for v := range set {
				a.values = append(a.values, v)
			}
			return []atom{a}
		}
	}
	return nil
}

func reserved(name string) bool {
	return slices.Contains([]string{"old", "site", "owner", "origin", "entered_by", "now"}, name)
}

// index finds the routes of a part whose equality can hold.
type index struct {
	byField map[string]map[string][]int
	rest    []int // without an equality: always evaluated
}

func (t *Table) build(p part) *index {
	ix := &index{byField: map[string]map[string][]int{}}
	count := map[string]int{}
	var in []int
	for i := range t.routes {
		r := &t.routes[i]
		if r.Schedule != nil || r.Collection != "" && r.Collection != p.collection || !slices.Contains(r.On, p.event) ||
			len(r.At) > 0 && !slices.Contains(r.At, p.site) {
			continue
		}
		in = append(in, i)
		for _, a := range r.atoms {
			for _, v := range a.values {
				count[a.field+"\x00"+v]++
			}
		}
	}
	for _, i := range in {
		best, least := -1, 0
		for k, a := range t.routes[i].atoms {
			n := 0
			for _, v := range a.values {
				n += count[a.field+"\x00"+v]
			}
			if best < 0 || n < least {
				best, least = k, n
			}
		}
		if best < 0 {
			ix.rest = append(ix.rest, i)
			continue
		}
		a := t.routes[i].atoms[best]
		if ix.byField[a.field] == nil {
			ix.byField[a.field] = map[string][]int{}
		}
		for _, v := range a.values {
			ix.byField[a.field][v] = append(ix.byField[a.field][v], i)
		}
	}
	return ix
}

// value is a field as an expression sees it: integers that a double cannot hold stay integers.
func value(raw json.RawMessage) any {
	var v any
	dec := json.NewDecoder(bytesReader(raw))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return nil
	}
	return plain(v)
}

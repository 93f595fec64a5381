package routing

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
)

// resolver is the first walk over an expression: it replaces what reads the event, old.f, changed("f"), age("f"), by one name
// each, notes these names, and refuses what conditions must not do.
type resolver struct {
	huge    map[string]bigNumber
	local   []string          // names given by let
	callees map[ast.Node]bool // identifiers that are names of functions
	old     int               // uses of old other than old.f

	needs  []need
	words  []string // site, owner and the like
	fields []mention
	atoms  []atom
	fault  *fault
}

func (r *resolver) fail(n ast.Node, message, hint string) {
	if r.fault == nil {
		r.fault = &fault{message: message, hint: hint, at: n.Location().From}
	}
}

// names notes the names that are no fields: those that the expression itself gives, and those of functions.
func (r *resolver) names(n ast.Node) {
	r.callees = map[ast.Node]bool{}
	ast.Walk(&n, visit(func(n *ast.Node) {
		switch x := (*n).(type) {
		case *ast.VariableDeclaratorNode:
			r.local = append(r.local, x.Name)
		case *ast.CallNode:
			r.callees[x.Callee] = true
		}
	}))
}

type visit func(*ast.Node)

func (v visit) Visit(n *ast.Node) { v(n) }

// Visit resolves one node; those below it are resolved already.
func (r *resolver) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		r.identifier(node, n)
	case *ast.MemberNode:
		if old, ok := n.Node.(*ast.IdentifierNode); ok && old.Value == "old" {
			if name, ok := n.Property.(*ast.StringNode); ok {
				r.old--
				r.read(node, needOld, "old.", name.Value)
			}
		}
	case *ast.UnaryNode:
		if c, ok := n.Node.(*ast.ConstantNode); ok && n.Operator == "-" {
			if v, ok := c.Value.(bigNumber); ok {
				ast.Patch(node, &ast.ConstantNode{Value: number("-" + string(v))})
			}
		}
	case *ast.FloatNode:
		if v, ok := number(strconv.FormatFloat(n.Value, 'g', -1, 64)).(bigNumber); ok {
			ast.Patch(node, &ast.ConstantNode{Value: v})
		}
	case *ast.CallNode:
		r.call(node, n)
	case *ast.BuiltinNode:
		r.builtin(node, n)
	}
}

func (r *resolver) identifier(node *ast.Node, n *ast.IdentifierNode) {
	if v, ok := r.huge[n.Value]; ok {
		ast.Patch(node, &ast.ConstantNode{Value: v})
		return
	}
	switch {
	case r.callees[n]:
	case n.Value == "$env":
		r.fail(n, "$env is not there in conditions", `fields stand by their bare names, or as in field("due-date")`)
	case slices.Contains(r.local, n.Value):
	case n.Value == "old":
		r.old++ // a member node above takes it back: old.f needs f alone
	case isWord(n.Value):
		if !slices.Contains(r.words, n.Value) {
			r.words = append(r.words, n.Value)
		}
	default:
		r.read(node, needField, "field:", n.Value) // under a name that no function of the language has
	}
}

func (r *resolver) need(n need) {
	if !slices.Contains(r.needs, n) {
		r.needs = append(r.needs, n)
	}
}

// read replaces a node by the name of a value of the event.
func (r *resolver) read(node *ast.Node, what byte, prefix, name string) {
	r.fields = append(r.fields, mention{name, (*node).Location().From})
	r.need(need{key: prefix + name, what: what, name: name})
	ast.Patch(node, &ast.IdentifierNode{Value: prefix + name})
}

func (r *resolver) call(node *ast.Node, n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return // a method of a time or a duration, such as now.Hour()
	}
	switch callee.Value {
	case "changed", "age", "field":
		name := ""
		if len(n.Arguments) == 1 {
			if s, ok := n.Arguments[0].(*ast.StringNode); ok {
				name = s.Value
			}
		}
		if name == "" {
			r.fail(n, callee.Value+" needs the name of one field, in quotes", fmt.Sprintf("%s(%q)", callee.Value, "status"))
			return
		}
		what := map[string]byte{"changed": needChanged, "age": needAge, "field": needField}[callee.Value]
		r.read(node, what, callee.Value+":", name)
	case "now":
		ast.Patch(node, &ast.IdentifierNode{Value: "now"})
	default:
		if !slices.Contains(r.local, callee.Value) {
			r.fail(n, "there is no function "+callee.Value, near(callee.Value, slices.Concat([]string{"changed", "age", "field"}, builtin.Names)))
		}
	}
}

func (r *resolver) builtin(node *ast.Node, n *ast.BuiltinNode) {
	switch n.Name {
	case "now":
		ast.Patch(node, &ast.IdentifierNode{Value: "now"})
		return
	case "duration":
		if len(n.Arguments) != 1 {
			return // the type check says so
		}
		s, ok := n.Arguments[0].(*ast.StringNode)
		if !ok {
			return
		}
		d, err := time.ParseDuration(s.Value)
		if err != nil {
			r.fail(n, fmt.Sprintf("%q is not a duration", s.Value), `as in duration("720h"), duration("15m"); there are no days, write 24h`)
			return
		}
		ast.Patch(node, &ast.ConstantNode{Value: d})
		return
	}
	for i, a := range n.Arguments {
		if _, ok := a.(*ast.PredicateNode); !ok {
			continue
		}
		ast.Walk(&n.Arguments[i], visit(func(inner *ast.Node) {
			if b, ok := (*inner).(*ast.BuiltinNode); ok && slices.ContainsFunc(b.Arguments, isPredicate) {
				// There is no limit of steps: three of them over a list of some thousand elements of a client's would run for minutes.
				r.fail(b, fmt.Sprintf("%s inside the condition of %s is not allowed", b.Name, n.Name), "look at one list at a time")
			}
		}))
	}
}

func isPredicate(n ast.Node) bool {
	_, ok := n.(*ast.PredicateNode)
	return ok
}

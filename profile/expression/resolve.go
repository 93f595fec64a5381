package expression

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
)

// resolver is the first walk over an expression: it notes what is read, and refuses what expressions must not do.
type resolver struct {
	names   []string          // of the values
	local   []string          // given by let
	callees map[ast.Node]bool // names of functions, and members that are methods
	within  map[ast.Node]bool // identifiers that are read as objects, member by member
	reads   map[string]*reading
	// functions are those that are not the language's own.
	functions conf.FunctionsTable
	fault     *Fault
}

type visit func(*ast.Node)

// Visit is the function itself.
func (v visit) Visit(n *ast.Node) { v(n) }

func (r *resolver) fail(n ast.Node, message, hint string) {
	if r.fault == nil {
		r.fault = &Fault{Message: message, Hint: hint, At: n.Location().From + 1}
	}
}

// look finds out what the names in an expression are, before it is changed.
func (r *resolver) look(n ast.Node) {
	r.callees, r.within = make(map[ast.Node]bool), make(map[ast.Node]bool)
	ast.Walk(&n, visit(func(n *ast.Node) {
		switch x := (*n).(type) {
		case *ast.VariableDeclaratorNode:
			if r.local = append(r.local, x.Name); slices.Contains(r.names, x.Name) {
				r.fail(x, x.Name+" is the name of what the expression sees", "give it another name")
			}
		case *ast.CallNode:
			r.callees[x.Callee] = true
		case *ast.MemberNode:
			if _, named := x.Property.(*ast.StringNode); named {
				r.within[x.Node] = true
			}
		}
	}))
}

// Visit resolves one node; those below it are resolved already.
func (r *resolver) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		r.identifier(n)
	case *ast.MemberNode:
		if path := way(n); path != nil && slices.Contains(r.names, path[0]) && !r.callees[n] {
			r.read(path[0]).paths = append(r.read(path[0]).paths, path[1:])
		}
	case *ast.CallNode:
		r.call(node, n)
	case *ast.BuiltinNode:
		r.oneList(n)
	}
}

func (r *resolver) read(name string) *reading {
	if r.reads[name] == nil {
		r.reads[name] = &reading{}
	}
	return r.reads[name]
}

func (r *resolver) identifier(n *ast.IdentifierNode) {
	switch {
	case r.callees[n] || slices.Contains(r.local, n.Value):
	case slices.Contains(r.names, n.Value):
		if reading := r.read(n.Value); !r.within[n] {
			reading.all = true
		}
	default:
		r.fail(n, "there is no "+n.Value+" here", "an expression sees "+strings.Join(r.names, " and ")+"; a text stands in quotes")
	}
}

// way are the names on the way to a member from an identifier, which is the first; nil when it is not one that is written out. A
// method is no member.
func way(n ast.Node) []string {
	switch x := n.(type) {
	case *ast.IdentifierNode:
		return []string{x.Value}
	case *ast.ChainNode:
		return way(x.Node)
	case *ast.MemberNode:
		name, ok := x.Property.(*ast.StringNode)
		if from := way(x.Node); ok && from != nil {
			return append(from, name.Value)
		}
	}
	return nil
}

func (r *resolver) call(node *ast.Node, n *ast.CallNode) {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		if r.functions[callee.Value] == nil || strings.Contains(callee.Value, " ") {
			hint := ""
			if callee.Value == "now" {
				hint = "the same record must give the same value at any time"
			}
			r.fail(n, "there is no function "+callee.Value, hint)
		}
	case *ast.MemberNode:
		name, _ := callee.Property.(*ast.StringNode)
		if name == nil || methods()[name.Value] == nil {
			r.fail(n, "there is no such method", "times have "+strings.Join(slices.Sorted(maps.Keys(methods())), ", "))
			return
		}
		if path := way(callee.Node); len(path) == 1 && slices.Contains(r.names, path[0]) {
			r.read(path[0]).all = true
		}
		call := ours(fnMethod, slices.Concat([]ast.Node{callee.Node, name}, n.Arguments)...)
		call.SetLocation(n.Location())
		ast.Patch(node, call)
	default:
		r.fail(n, "this cannot be called", "")
	}
}

// oneList refuses to go through a list for each element of another: there is no limit of steps, and three of them over a list of some
// thousand elements would run for minutes.
func (r *resolver) oneList(n *ast.BuiltinNode) {
	for i, a := range n.Arguments {
		if !isPredicate(a) {
			continue
		}
		ast.Walk(&n.Arguments[i], visit(func(inner *ast.Node) {
			if b, ok := (*inner).(*ast.BuiltinNode); ok && slices.ContainsFunc(b.Arguments, isPredicate) {
				r.fail(b, fmt.Sprintf("%s inside the condition of %s is not allowed", b.Name, n.Name), "look at one list at a time")
			}
		}))
	}
}

func isPredicate(n ast.Node) bool {
	_, ok := n.(*ast.PredicateNode)
	return ok
}

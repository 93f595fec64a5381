package routing

import (
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// rewriter is the second walk, over an expression whose types are known as far as they can be. Where a value of a field, of which
// nothing is known, meets an operator that would fail on nil, or lose digits, it puts a function of ours.
type rewriter struct{}

// Visit rewrites one node; those below it are rewritten already.
func (rewriter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		if unknown(n.Node) {
			ast.Patch(node, ours(fnFetch, n.Node, n.Property))
		}
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			n.Node = asTruth(n.Node)
		}
	case *ast.ConditionalNode:
		n.Cond = asTruth(n.Cond)
	case *ast.BinaryNode:
		binary(node, n)
	case *ast.BuiltinNode:
		builtins(node, n)
	}
}

func binary(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "&&", "and", "||", "or":
		n.Left, n.Right = asTruth(n.Left), asTruth(n.Right)
	case "<", "<=", ">", ">=":
		if unknown(n.Left) || unknown(n.Right) {
			ast.Patch(node, ours("compare "+n.Operator, n.Left, n.Right))
		}
	case "in", "not in":
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			if values, ok := constants(list); ok {
				n.Right = &ast.ConstantNode{Value: values}
			}
		} else if !unknown(n.Right) {
			return
		}
		if n.Operator == "in" {
			ast.Patch(node, ours(fnIn, n.Left, n.Right))
		} else {
			ast.Patch(node, &ast.UnaryNode{Operator: "not", Node: ours(fnIn, n.Left, n.Right)})
		}
	}
}

// builtins makes functions of the language take nil: those on lists for an empty list, the others answer nil.
func builtins(node *ast.Node, n *ast.BuiltinNode) {
	if len(n.Arguments) == 0 {
		return
	}
	switch n.Name {
	case "all", "none", "any", "one", "filter", "count", "find", "findIndex", "findLast", "findLastIndex":
		if len(n.Arguments) > 1 {
			if p, ok := n.Arguments[1].(*ast.PredicateNode); ok {
				p.Node = asTruth(p.Node)
			}
		}
	}
	if !unknown(n.Arguments[0]) {
		return
	}
	switch {
	case len(n.Arguments) > 1 && isPredicate(n.Arguments[1]), slices.Contains([]string{"len", "count", "sum", "mean", "median"}, n.Name):
		n.Arguments[0] = ours(fnOrEmpty, n.Arguments[0])
	case slices.Contains([]string{"type", "toJSON", "get"}, n.Name):
	default:
		isNil := &ast.BinaryNode{Operator: "==", Left: n.Arguments[0], Right: &ast.NilNode{}}
		ast.Patch(node, &ast.ConditionalNode{Ternary: true, Cond: isNil, Exp1: ours(fnNothing), Exp2: n})
	}
}

// ours is a call of one of our functions.
func ours(name string, args ...ast.Node) *ast.CallNode {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}

// asTruth is a node as a condition.
func asTruth(n ast.Node) ast.Node {
	if !unknown(n) {
		return n
	}
	switch x := n.(type) {
	case *ast.CallNode:
		if c, ok := x.Callee.(*ast.IdentifierNode); ok && c.Value != fnFetch && c.Value != fnOrEmpty {
			return n
		}
	case *ast.UnaryNode:
		if x.Operator == "not" || x.Operator == "!" {
			return n
		}
	case *ast.BoolNode:
		return n
	}
	call := ours(fnTruth, n)
	call.SetLocation(n.Location())
	return call
}

// unknown reports whether nothing is known of the type of a node before it runs.
func unknown(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return false
	}
	return n.Type().Kind() == reflect.Interface
}

// constants are the values of a list of literals.
func constants(list *ast.ArrayNode) (set, bool) {
	out := make(set, len(list.Nodes))
	for _, n := range list.Nodes {
		v, ok := literal(n)
		if !ok {
			return nil, false
		}
		out[v] = struct{}{}
	}
	return out, true
}

// literal is the value of a node that is a text, a number, true or false.
func literal(n ast.Node) (any, bool) {
	switch x := n.(type) {
	case *ast.StringNode:
		return x.Value, true
	case *ast.IntegerNode:
		return x.Value, true
	case *ast.FloatNode:
		return whole(x.Value), true
	case *ast.BoolNode:
		return x.Value, true
	case *ast.ConstantNode:
		v, ok := x.Value.(bigNumber)
		return v, ok
	case *ast.UnaryNode:
		if x.Operator == "-" {
			switch v, _ := literal(x.Node); v := v.(type) {
			case int:
				return -v, true
			case float64:
				return -v, true
			}
		}
	}
	return nil, false
}

package expression

import (
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// rewriter is the second walk, over an expression whose types are known as far as they can be. Where a value of which nothing is known
// meets an operator that would fail on nil, or lose digits, it puts a function of ours.
type rewriter struct{}

// Visit rewrites one node; those below it are rewritten already.
func (rewriter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		if unknown(n.Node) {
			ast.Patch(node, ours(fnMember, n.Node, n.Property))
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
	case "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "**", "^":
		if unknown(n.Left) || unknown(n.Right) {
			ast.Patch(node, ours(fnOperator+n.Operator, n.Left, n.Right))
		}
	case "in", "not in":
		if !unknown(n.Left) && !unknown(n.Right) {
			return
		}
		var call ast.Node = ours(fnIn, n.Left, n.Right)
		if n.Operator == "not in" {
			call = &ast.UnaryNode{Operator: "not", Node: call}
		}
		ast.Patch(node, call)
	}
}

// builtins makes functions of the language take nil: those on lists for an empty list, the others answer nil.
func builtins(node *ast.Node, n *ast.BuiltinNode) {
	if len(n.Arguments) == 0 {
		return
	}
	if len(n.Arguments) > 1 {
		if p, ok := n.Arguments[1].(*ast.PredicateNode); ok && slices.Contains(conditions(), n.Name) {
			p.Node = asTruth(p.Node)
		}
	}
	if !unknown(n.Arguments[0]) {
		return
	}
	switch {
	case len(n.Arguments) > 1 && isPredicate(n.Arguments[1]), slices.Contains([]string{"len", "count", "sum", "mean", "median"}, n.Name):
		n.Arguments[0] = ours(fnList, n.Arguments[0])
	case slices.Contains([]string{"type", "get"}, n.Name):
	default:
		isNil := &ast.BinaryNode{Operator: "==", Left: n.Arguments[0], Right: &ast.NilNode{}}
		ast.Patch(node, &ast.ConditionalNode{Ternary: true, Cond: isNil, Exp1: ours(fnNothing), Exp2: n})
	}
}

// conditions are the functions whose second argument is true or false for each element.
func conditions() []string {
	return []string{"all", "none", "any", "one", "filter", "count", "find", "findIndex", "findLast", "findLastIndex"}
}

// ours is a call of one of our functions.
func ours(name string, args ...ast.Node) *ast.CallNode {
	call := &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
	if len(args) > 0 {
		call.SetLocation(args[0].Location())
	}
	return call
}

// asTruth is a node as a condition.
func asTruth(n ast.Node) ast.Node {
	if !unknown(n) {
		return n
	}
	return ours(fnTruth, n)
}

// unknown reports whether nothing is known of the type of a node before it runs.
func unknown(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return false
	}
	return n.Type().Kind() == reflect.Interface
}

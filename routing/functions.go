package routing

import (
	"fmt"
	"reflect"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/vm/runtime"
)

// The functions that conditions are rewritten to (see rewriter). Their names have blanks, so no condition can call them itself.
const (
	fnTruth   = "truth of"
	fnFetch   = "member of"
	fnIn      = "is in"
	fnOrEmpty = "list or empty"
	fnNothing = "nil of any"
)

// functions are what the names above, and the comparisons, stand for.
func functions() conf.FunctionsTable {
	table := conf.FunctionsTable{}
	add := func(name string, typ any, f func(args ...any) (any, error)) {
		table[name] = &builtin.Function{Name: name, Func: f, Types: []reflect.Type{reflect.TypeOf(typ)}}
	}
	comparison := func(op string, holds func(int) bool) {
		add("compare "+op, func(a, b any) bool { return false }, func(args ...any) (any, error) { return less(args[0], args[1], holds) })
	}
	comparison("<", func(c int) bool { return c < 0 })
	comparison("<=", func(c int) bool { return c <= 0 })
	comparison(">", func(c int) bool { return c > 0 })
	comparison(">=", func(c int) bool { return c >= 0 })
	add(fnTruth, func(any) bool { return false }, func(args ...any) (any, error) { return truth(args[0]) })
	add(fnFetch, func(a, b any) any { return nil }, func(args ...any) (any, error) { return fetch(args[0], args[1]), nil })
	add(fnIn, func(a, b any) bool { return false }, func(args ...any) (any, error) { return in(args[0], args[1]) })
	add(fnNothing, func() any { return nil }, func(...any) (any, error) { return nil, nil })
	add(fnOrEmpty, func(any) any { return nil }, func(args ...any) (any, error) {
		if args[0] == nil {
			return []any{}, nil
		}
		return args[0], nil
	})
	return table
}

// truth is a value as a condition: nil is false, and anything but true and false an error.
func truth(v any) (any, error) {
	switch x := v.(type) {
	case bool:
		return x, nil
	case nil:
		return false, nil
	case error:
		return nil, x
	}
	return nil, fmt.Errorf("%s is no condition", kind(v))
}

// fetch is a member of an object or an element of a list (from its end when negative), nil when it is not there.
func fetch(from, key any) any {
	switch x := from.(type) {
	case map[string]any:
		if k, ok := key.(string); ok {
			return x[k]
		}
	case []any:
		i, ok := key.(int)
		if i < 0 {
			i += len(x)
		}
		if ok && i >= 0 && i < len(x) {
			return x[i]
		}
	}
	return nil
}

// set is a list of constants, made when a condition is compiled.
type set map[any]struct{}

// in reports whether a value is in a list, or a text is the name of a member of an object.
func in(v, where any) (any, error) {
	switch x := where.(type) {
	case nil:
		return false, nil
	case set:
		switch y := v.(type) {
		case float64:
			_, ok := x[whole(y)]
			return ok, nil
		case string, int, bool, bigNumber:
			_, ok := x[v]
			return ok, nil
		}
		return false, nil
	case []any:
		for _, e := range x {
			if v != nil && runtime.Equal(v, e) {
				return true, nil
			}
		}
		return false, nil
	case map[string]any:
		name, ok := v.(string)
		if ok {
			_, ok = x[name]
		}
		return ok, nil
	}
	return nil, fmt.Errorf("%s has nothing in it", kind(where))
}

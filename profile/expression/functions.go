package expression

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/vm/runtime"
)

// The functions that expressions are rewritten to (see rewriter). Their names have blanks, so no expression can call them itself.
const (
	fnTruth    = "truth of"
	fnMember   = "member of"
	fnMethod   = "method of"
	fnIn       = "is in"
	fnList     = "list or empty"
	fnNothing  = "nil of any"
	fnOperator = "operator "
)

type anyFunc = func(args ...any) (any, error)

// functions are what an expression can call besides those of the language, and what it is rewritten to.
func functions() conf.FunctionsTable {
	table := conf.FunctionsTable{}
	add := func(name string, f anyFunc, types ...any) {
		fn := &builtin.Function{Name: name, Func: f}
		for _, t := range types {
			fn.Types = append(fn.Types, reflect.TypeOf(t))
		}
		table[name] = fn
	}
	for op, holds := range map[string]func(int) bool{
		"<": func(c int) bool { return c < 0 }, "<=": func(c int) bool { return c <= 0 },
		">": func(c int) bool { return c > 0 }, ">=": func(c int) bool { return c >= 0 },
	} {
		add(fnOperator+op, func(args ...any) (any, error) { return less(args[0], args[1], holds) }, func(a, b any) bool { return false })
	}
	for op, compute := range map[string]func(a, b any) any{
		"+": runtime.Add, "-": runtime.Subtract, "*": runtime.Multiply,
		"/":  func(a, b any) any { return runtime.Divide(a, b) },
		"%":  func(a, b any) any { return runtime.Modulo(a, b) },
		"**": func(a, b any) any { return runtime.Exponent(a, b) }, "^": func(a, b any) any { return runtime.Exponent(a, b) },
	} {
		add(fnOperator+op, func(args ...any) (any, error) { return arithmetic(op, args[0], args[1], compute) }, func(a, b any) any { return nil })
	}
	one := func(any) any { return nil }
	add(fnTruth, func(args ...any) (any, error) { return truth(args[0]) }, func(any) bool { return false })
	add(fnMember, func(args ...any) (any, error) { return memberOf(args[0], args[1]), nil }, func(a, b any) any { return nil })
	of := methods()
	add(fnMethod, func(args ...any) (any, error) { return method(of, args) })
	add(fnIn, func(args ...any) (any, error) { return in(args[0], args[1]) }, func(a, b any) bool { return false })
	add(fnNothing, func(...any) (any, error) { return nil, nil }, func() any { return nil })
	add(fnList, func(args ...any) (any, error) {
		if args[0] == nil {
			return []any{}, nil
		}
		return args[0], nil
	}, one)
	add("date", date, one, func(any, string) any { return nil }, func(any, string, string) any { return nil })
	add("string", func(args ...any) (any, error) { return text(args[0]) }, one)
	add("toJSON", toJSON, one)
	add("fromJSON", fromJSON, one)
	add("join", join, one, func(any, string) any { return nil })
	add("replace", replace, func(any, string, string) any { return nil }, func(any, string, any) any { return nil })
	return table
}

// truth is a value as a condition: nil is false, and anything but true and false an error.
func truth(v any) (any, error) {
	switch x := v.(type) {
	case bool:
		return x, nil
	case nil:
		return false, nil
	}
	return nil, fmt.Errorf("%s is no condition", kind(v))
}

// memberOf is a member of an object or an element of a list (from its end when negative), nil when it is not there.
func memberOf(from, key any) any {
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
	case []string:
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

// in reports whether a value is in a list, or a text is the name of a member of an object.
func in(v, where any) (any, error) {
	switch x := where.(type) {
	case nil:
		return false, nil
	case map[string]any:
		name, ok := v.(string)
		if ok {
			_, ok = x[name]
		}
		return ok, nil
	}
	list := reflect.ValueOf(where)
	if list.Kind() != reflect.Slice && list.Kind() != reflect.Array {
		return nil, fmt.Errorf("%s has nothing in it", kind(where))
	}
	for i := range list.Len() {
		if v != nil && runtime.Equal(v, list.Index(i).Interface()) {
			return true, nil
		}
	}
	return false, nil
}

// arithmetic computes; nil with anything is nil. A sum of texts has a limit.
func arithmetic(op string, a, b any, compute func(a, b any) any) (out any, err error) {
	if a == nil || b == nil {
		return nil, nil
	}
	x, ok1 := a.(string)
	y, ok2 := b.(string)
	if ok1 && ok2 && len(x)+len(y) > maxResult {
		return nil, errTooLong
	}
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("%s %s %s cannot be computed", kind(a), op, kind(b))
		}
	}()
	return compute(a, b), nil
}

var errTooLong = errors.New("the result is too long")

// text is a scalar as text.
func text(v any) (any, error) {
	switch x := v.(type) {
	case nil, string:
		return x, nil
	case []any, map[string]any, []string:
		return nil, fmt.Errorf("%s is no text", kind(v))
	}
	out, err := encode(nil, v)
	if err != nil {
		return nil, err
	}
	return strings.Trim(string(out), `"`), nil // of a time or a duration
}

func toJSON(args ...any) (any, error) {
	out, err := encode(nil, args[0])
	return string(out), err
}

func fromJSON(args ...any) (any, error) {
	switch s := args[0].(type) {
	case nil:
		return nil, nil
	case string:
		if v, ok := parse([]byte(s)); ok {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%s is no JSON", kind(args[0]))
}

// join are the elements of a list in one text.
func join(args ...any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	between := ""
	if len(args) > 1 {
		between = args[1].(string)
	}
	list := reflect.ValueOf(args[0])
	if list.Kind() != reflect.Slice {
		return nil, fmt.Errorf("%s is no list", kind(args[0]))
	}
	var out strings.Builder
	for i := range list.Len() {
		part, err := text(list.Index(i).Interface())
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteString(between)
		}
		s, _ := part.(string)
		if out.WriteString(s); out.Len() > maxResult {
			return nil, errTooLong
		}
	}
	return out.String(), nil
}

// replace puts a text in the place of all others in a text.
func replace(args ...any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	s, ok1 := args[0].(string)
	to, ok2 := args[2].(string)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("%s is no text", kind(args[0]))
	}
	from := args[1].(string)
	if len(s)+strings.Count(s, from)*max(len(to)-len(from), 0) > maxResult {
		return nil, errTooLong
	}
	return strings.ReplaceAll(s, from, to), nil
}

// date reads a time: date(value), date(value, layout), date(value, layout, zone).
func date(args ...any) (any, error) {
	layout, zone := "", time.UTC
	if len(args) > 1 {
		layout = args[1].(string)
	}
	if len(args) > 2 {
		var err error
		if zone, err = zoneOf(args[2].(string)); err != nil {
			return nil, err
		}
	}
	return moment(args[0], layout, zone)
}

// zoneOf is a zone by its name; not that of this machine, which is another on another.
func zoneOf(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("there is no zone %q", name)
	}
	return zone, nil
}

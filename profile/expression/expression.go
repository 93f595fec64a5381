// Package expression compiles and runs the expressions in and out of a profile, which compute a field's value where names, values
// and types do not say enough: date(value, "02.01.2006"), lower(value), record.first + " " + record.last.
//
// The language is that of github.com/expr-lang/expr. Expressions are pure: they see what they are given and nothing else, no clock
// and no zone of this machine, so that reading a record twice gives the same. What is not there is nil, and nil stays nil: a member of
// nil, a function of nil and a sum with nil are nil, and a comparison with nil does not hold. Numbers keep their digits: what an
// expression hands on untouched comes out as it went in.
//
// An expression is written by whoever runs the gateway, the values are not: there are limits to its size, to the lists it goes
// through (one at a time), and to the memory and the text that it makes.
package expression

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// The limits of one expression, of the memory that running it may take, and of its result in bytes.
const (
	maxLength = 8 << 10
	maxNodes  = 1000
	maxMemory = 200_000
	maxResult = 1 << 20
)

// Expression is compiled. It does not change and is safe for concurrent use.
type Expression struct {
	program *vm.Program
	reads   map[string]*reading
}

// reading is what an expression reads of a value that it sees.
type reading struct {
	paths [][]string
	all   bool
}

// Fault is an expression that does not compile.
type Fault struct {
	Message, Hint string
	// At is where in the expression, in characters from 1; 0 when it is about all of it.
	At int
}

// Error says what is wrong and where.
func (f *Fault) Error() string {
	if f.At == 0 {
		return f.Message
	}
	return fmt.Sprintf("%s (at character %d)", f.Message, f.At)
}

// Compile makes an Expression that sees values by these names. The error is a *Fault.
func Compile(text string, names ...string) (e *Expression, err error) {
	defer func() {
		if r := recover(); r != nil { // of the library; an expression is data and must not end the process
			e, err = nil, &Fault{Message: fmt.Sprintf("this expression cannot be compiled: %v", r)}
		}
	}()
	if len(text) > maxLength {
		return nil, &Fault{Message: fmt.Sprintf("an expression has at most %d bytes", maxLength)}
	}
	if !utf8.ValidString(text) {
		return nil, &Fault{Message: "an expression is not valid Unicode"}
	}
	config := language()
	tree, err := parser.ParseWithConfig(text, config)
	if err != nil {
		return nil, asFault(err)
	}
	r := &resolver{names: names, reads: make(map[string]*reading), functions: config.Functions}
	r.look(tree.Node)
	ast.Walk(&tree.Node, r)
	if r.fault != nil {
		return nil, r.fault
	}
	if _, err := checker.Check(tree, config); err != nil {
		return nil, asFault(err)
	}
	ast.Walk(&tree.Node, rewriter{})
	if _, err := checker.Check(tree, config); err != nil {
		return nil, asFault(err)
	}
	if err := optimizer.Optimize(&tree.Node, config); err != nil {
		return nil, asFault(err)
	}
	program, err := compiler.Compile(tree, config)
	if err != nil {
		return nil, asFault(err)
	}
	return &Expression{program: program, reads: r.reads}, nil
}

// language is what expressions are compiled with.
func language() *conf.Config {
	c := conf.New(map[string]any{})
	c.Strict = false // nothing is known of the values
	c.ExpectAny = true
	c.MaxNodes = maxNodes
	c.Functions = functions()
	for name := range c.Functions {
		c.Disabled[name] = true // as a function of the language
	}
	for _, impure := range []string{"now", "timezone", "repeat"} {
		c.Disabled[impure] = true
	}
	return c
}

// asFault takes the place out of an error of the library, and adds a hint to what it says often.
func asFault(err error) error {
	f := &Fault{Message: err.Error()}
	if fe, ok := errors.AsType[*file.Error](err); ok {
		f.Message, f.At = fe.Message, fe.From+1
	}
	f.Message, _, _ = strings.Cut(f.Message, "\n")
	switch m := f.Message; {
	case strings.HasPrefix(m, "unexpected token EOF"):
		f.Message = "the expression ends too early"
	case strings.Contains(m, "U+0027"), strings.HasPrefix(m, "literal not terminated"):
		f.Message, f.Hint = "a text is not closed", `texts stand in "" or ''`
	case strings.HasPrefix(m, "unexpected token Identifier"):
		f.Hint = "is there an operator missing, such as + or ==? A text stands in quotes"
	case strings.Contains(m, "value out of range"):
		f.Message = "the number is too big"
	}
	return f
}

// Sees reports whether the expression reads the value with this name.
func (e *Expression) Sees(name string) bool { return e.reads[name] != nil }

// Reads are the ways to what the expression reads of an object: names from the outside inwards. all says that what it reads cannot be
// told before it runs.
func (e *Expression) Reads(name string) (paths [][]string, all bool) {
	r := e.reads[name]
	if r == nil {
		return nil, false
	}
	return slices.Clone(r.paths), r.all
}

// Run computes the expression over JSON text by name; a name that is not there, or that has no text, is nil. The result is JSON text:
// a time is RFC 3339 in UTC, a duration as in "1h30m0s". The error is what stopped it, in one line.
func (e *Expression) Run(values map[string]json.RawMessage) (json.RawMessage, error) {
	env := make(map[string]any, len(e.reads))
	for name := range e.reads {
		env[name] = decode(values[name])
	}
	machine := vm.VM{MemoryBudget: maxMemory}
	out, err := machine.Run(e.program, env)
	if err != nil {
		if fe, ok := errors.AsType[*file.Error](err); ok {
			return nil, fmt.Errorf("%s (at character %d)", firstLine(fe.Message), fe.From+1)
		}
		return nil, errors.New(firstLine(err.Error()))
	}
	text, err := encode(nil, out)
	if err != nil {
		return nil, err
	}
	for name, v := range env { // what was only handed on keeps its spelling
		if reflect.DeepEqual(v, out) && len(values[name]) > 0 {
			return slices.Clone(values[name]), nil
		}
	}
	return text, nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

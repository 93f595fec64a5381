package routing

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"
	"github.com/expr-lang/expr/vm"
)

// The limits of one condition, and of the memory that running it may take.
const (
	maxLength = 8 << 10
	maxNodes  = 1000
	maxMemory = 200_000
)

// condition is one compiled expression with what it needs.
type condition struct {
	program *vm.Program
	// needs are the values it reads, by the names that the rewritten expression has for them.
	needs []need
	words []string // site, owner and the like
	atoms []atom
	// fields are the names of fields as the expression spells them, for hints.
	fields []mention
}

// need is a value of the event: a field, its former value, whether it changed, its age, or one of the bare words.
type need struct {
	key  string // in the environment
	what byte
	name string // of the field
}

const (
	needField   = 'f'
	needOld     = 'o'
	needChanged = 'c'
	needAge     = 'a'
	needAllOld  = 'O'
)

type mention struct {
	name string
	at   int
}

// fault is a condition that does not compile.
type fault struct {
	message, hint string
	at            int
}

func (f *fault) Error() string { return f.message }

// language is what conditions are compiled with. It is used by one goroutine.
type language struct {
	config *conf.Config
}

func newLanguage() *language {
	c := conf.New(map[string]any{"site": "", "owner": "", "origin": "", "entered_by": "", "now": time.Time{}, "old": map[string]any{}})
	c.Strict = false // the other names are fields
	c.Expect, c.ExpectAny = reflect.Bool, true
	c.MaxNodes = maxNodes
	c.Functions = functions()
	return &language{c}
}

// compile makes a condition of an expression. The error is a *fault.
func (l *language) compile(when string) (c *condition, err error) {
	defer func() {
		if r := recover(); r != nil { // of the expression library; a condition is data and must not end the process
			c, err = nil, &fault{message: fmt.Sprintf("this expression cannot be compiled: %v", r)}
		}
	}()
	tree, words, err := l.parse(when)
	if err != nil {
		return nil, err
	}
	if _, err := checker.Check(tree, l.config); err != nil {
		return nil, asFault(err)
	}
	ast.Walk(&tree.Node, &rewriter{})
	tree.Node = asTruth(tree.Node)
	if _, err := checker.Check(tree, l.config); err != nil {
		return nil, asFault(err)
	}
	if err := optimizer.Optimize(&tree.Node, l.config); err != nil {
		return nil, asFault(err)
	}
	program, err := compiler.Compile(tree, l.config)
	if err != nil {
		return nil, asFault(err)
	}
	return &condition{program: program, needs: words.needs, words: words.words, atoms: words.atoms, fields: words.fields}, nil
}

// parse parses an expression and resolves its words. What is written in it is checked here, types are not.
func (l *language) parse(when string) (*parser.Tree, *resolver, error) {
	if len(when) > maxLength {
		return nil, nil, &fault{message: fmt.Sprintf("a condition has at most %d bytes", maxLength)}
	}
	text, huge, err := hugeNumbers(when)
	if err != nil {
		return nil, nil, asFault(err)
	}
	tree, err := parser.ParseWithConfig(text, l.config)
	if err != nil {
		return nil, nil, asFault(err)
	}
	r := &resolver{huge: huge}
	r.names(tree.Node)
	ast.Walk(&tree.Node, r)
	if r.fault != nil {
		return nil, nil, r.fault
	}
	if r.old > 0 {
		r.need(need{key: "old", what: needAllOld})
	}
	r.atoms = atoms(tree.Node)
	return tree, r, nil
}

// hugeNumbers replaces whole numbers that the parser cannot hold by names of the same length, so that places stay what they are,
// and returns the numbers by these names.
func hugeNumbers(when string) (string, map[string]bigNumber, error) {
	digits := 0
	for i := 0; i < len(when) && digits < 19; i++ {
		if c := when[i]; c >= '0' && c <= '9' || c == '_' && digits > 0 {
			digits++
		} else {
			digits = 0
		}
	}
	if digits < 19 {
		return when, nil, nil
	}
	tokens, err := lexer.Lex(file.NewSource(when))
	if err != nil {
		return "", nil, err
	}
	huge := map[string]bigNumber{}
	text := []rune(when)
	for _, t := range tokens {
		plain := strings.ReplaceAll(t.Value, "_", "")
		if t.Kind != lexer.Number || strings.Trim(plain, "0123456789") != "" {
			continue
		}
		v, ok := number(plain).(bigNumber)
		if !ok {
			continue
		}
		name := strconv.Itoa(len(huge))
		name = "n" + strings.Repeat("_", t.To-t.From-1-len(name)) + name
		huge[name] = v
		copy(text[t.From:t.To], []rune(name))
	}
	return string(text), huge, nil
}

// asFault takes the place out of an error of the expression library, and adds a hint to what it says often.
func asFault(err error) error {
	f := &fault{message: err.Error()}
	if fe, ok := errors.AsType[*file.Error](err); ok {
		f.message, f.at = fe.Message, fe.From
	}
	f.message, _, _ = strings.Cut(f.message, "\n")
	switch m := f.message; {
	case strings.HasPrefix(m, `unexpected token Operator("=")`):
		f.message, f.hint = "= is no comparison", "write == to compare"
	case strings.HasPrefix(m, "unexpected token EOF"):
		f.message = "the expression ends too early"
	case strings.Contains(m, `U+0027`), strings.HasPrefix(m, "literal not terminated"):
		f.message, f.hint = "a text is not closed", `texts stand in "" or ''`
	case strings.HasPrefix(m, "unexpected token Identifier"):
		f.hint = "is there an operator missing, such as && or ==? A text stands in quotes"
	case strings.HasPrefix(m, "expected bool"):
		f.hint = `a condition is true or false, as in status == "open"`
	case strings.Contains(m, "value out of range"):
		f.message, f.hint = "the number is too big", ""
	}
	return f
}

// words are the names that mean something else than a field.
func words() []string {
	return []string{"old", "site", "owner", "origin", "entered_by", "now"}
}

func isWord(name string) bool { return slices.Contains(words(), name) }

// raw is an expression as it is written.
func (l *language) raw(text string) (ast.Node, error) {
	tree, err := parser.ParseWithConfig(text, l.config)
	if err != nil {
		return nil, err
	}
	return tree.Node, nil
}

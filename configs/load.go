package configs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Fault is one thing that is wrong with a network file, or that should be looked at.
type Fault struct {
	File         string
	Line, Column int
	Message      string
	Hint         string
	Warning      bool
}

func (f Fault) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// Faults are all that is wrong with a network file, in the order of the file.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// Render shows each fault with the line it is in and a caret under the column.
func (f Faults) Render(source []byte) string {
	lines := strings.Split(string(source), "\n")
	var b strings.Builder
	for _, x := range f {
		fmt.Fprintln(&b, x.String())
		if x.Line > 0 && x.Line <= len(lines) {
			fmt.Fprintf(&b, "  %5d | %s\n        | %s^\n", x.Line, lines[x.Line-1], strings.Repeat(" ", max(x.Column-1, 0)))
		}
	}
	return b.String()
}

// Load reads, checks and compiles a network file. The error is Faults when the file could be read.
func Load(path string) (*Network, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, os.LookupEnv)
}

// Parse is Load of text that is there already; env looks up ${VAR}.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Network, error) {
	p := &parser{file: name, env: env}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		p.yamlError(err)
		return nil, p.faults
	}
	if len(doc.Content) == 0 {
		p.fault(&yaml.Node{Line: 1, Column: 1}, "the file is empty", "")
		return nil, p.faults
	}
	root := doc.Content[0]
	p.expand(root)
	p.keys(root, reflect.TypeFor[fileSpec](), "the network file")
	var spec fileSpec
	if len(p.faults) == 0 {
		if err := root.Decode(&spec); err != nil {
			p.yamlError(err)
		}
	}
	if len(p.faults) > 0 {
		return nil, p.sorted()
	}
	sum := sha256.Sum256(data)
	n := p.build(root, &spec)
	if len(p.faults) > 0 {
		return nil, p.sorted()
	}
	n.Hash, n.Path = hex.EncodeToString(sum[:8]), name
	return n, nil
}

type parser struct {
	file     string
	env      func(string) (string, bool)
	faults   Faults
	warnings Faults
}

func (p *parser) fault(n *yaml.Node, message, hint string) {
	p.faults = append(p.faults, Fault{File: p.file, Line: n.Line, Column: n.Column, Message: message, Hint: hint})
}

func (p *parser) warn(n *yaml.Node, message string) {
	p.warnings = append(p.warnings, Fault{File: p.file, Line: n.Line, Column: n.Column, Message: message, Warning: true})
}

func (p *parser) sorted() Faults {
	sort.SliceStable(p.faults, func(i, j int) bool {
		a, b := p.faults[i], p.faults[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return p.faults
}

var yamlLine = regexp.MustCompile(`line (\d+): ?(?:column (\d+): )?(.*)`)

// yamlError turns what the YAML library says into faults with positions.
func (p *parser) yamlError(err error) {
	var te *yaml.TypeError
	messages := []string{err.Error()}
	if errors.As(err, &te) {
		messages = te.Errors
	}
	for _, m := range messages {
		at := &yaml.Node{Line: 1, Column: 1}
		if sub := yamlLine.FindStringSubmatch(m); sub != nil {
			at.Line, _ = strconv.Atoi(sub[1])
			if sub[2] != "" {
				at.Column, _ = strconv.Atoi(sub[2])
			}
			m = sub[3]
		}
		p.fault(at, strings.TrimPrefix(m, "yaml: "), "")
	}
}

var variable = regexp.MustCompile(`\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|\$\{file:([^}]+)\}`)

// expand replaces ${VAR}, ${VAR:-default} and ${file:PATH} in scalar values, after parsing, so that no value can become YAML.
func (p *parser) expand(n *yaml.Node) {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		p.expand(c)
	}
	if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "$") {
		return
	}
	n.Value = variable.ReplaceAllStringFunc(n.Value, func(m string) string {
		if m == "$$" {
			return "$"
		}
		sub := variable.FindStringSubmatch(m)
		if sub[4] != "" {
			b, err := os.ReadFile(sub[4])
			if err != nil {
				p.fault(n, "cannot read "+sub[4]+": "+err.Error(), "")
			}
			return strings.TrimRight(string(b), "\r\n")
		}
		if v, ok := p.env(sub[1]); ok {
			return v
		}
		if sub[2] == "" {
			p.fault(n, "the environment variable "+sub[1]+" is not set", "set it, or write ${"+sub[1]+":-default}")
		}
		return sub[3]
	})
	if n.Style == 0 && n.Tag == "!!str" {
		n.Tag = ""
	}
}

// keys checks that every key is known and given once, wherever the type has named keys.
func (p *parser) keys(n *yaml.Node, t reflect.Type, where string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[yaml.Node](), t == reflect.TypeFor[toSpec]():
		return
	case t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		known := map[string]reflect.Type{}
		for i := range t.NumField() {
			known[t.Field(i).Tag.Get("yaml")] = t.Field(i).Type
		}
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			ft, ok := known[k.Value]
			if !ok {
				p.fault(k, fmt.Sprintf("unknown key %q in %s", k.Value, where), nearest(k.Value, known))
				continue
			}
			if line, twice := seen[k.Value]; twice {
				p.fault(k, fmt.Sprintf("%q is given twice, first in line %d", k.Value, line), "")
			}
			seen[k.Value] = k.Line
			p.keys(n.Content[i+1], ft, k.Value)
		}
	case t.Kind() == reflect.Struct && n.Tag != "!!null":
		p.fault(n, fmt.Sprintf("%s must be a mapping", where), "")
	case t.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			p.keys(n.Content[i+1], t.Elem(), n.Content[i].Value)
		}
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			p.keys(c, t.Elem(), where)
		}
	}
}

// nearest is a hint at a name that is alike.
func nearest[T any](word string, known map[string]T) string {
	best, least := "", 3
	var all []string
	for k := range known {
		all = append(all, k)
	}
	sort.Strings(all)
	for _, k := range all {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "known are " + strings.Join(all, ", ")
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			prev, row[j+1] = row[j+1], min(prev+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

package configs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

// maxFile is the size of the largest network file: a hundred thousand routes fit.
const maxFile = 64 << 20

// Load reads, checks and compiles a network file. The error is Faults when the file could be read. Here are the sites whose gateways run
// with it: what the gateways of other sites alone use, such as the credentials of their request APIs, need not be known, only written
// well. Without any, all has to be known.
func Load(path string, here ...request.Site) (*Network, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, os.LookupEnv, here...)
}

// Parse is Load of text that is there already. Name is that of the file, for faults and for ${file:} with a relative path; env
// looks up ${VAR}.
func Parse(name string, data []byte, env func(string) (string, bool), here ...request.Site) (*Network, error) {
	return newParser(name, env).network(data, func(root *yaml.Node) lacking {
		if len(here) == 0 {
			return nil
		}
		return notHere(root, here)
	})
}

// Lenient is Parse for those who only want to know what the network is like, and who need not have its secrets. Unknown stands in place
// of what is not known; unknown lists the variables, and files as in file:/path, without those that nobody needs here.
func Lenient(name string, data []byte, env func(string) (string, bool), here ...request.Site) (n *Network, unknown []string, err error) {
	n, err = newParser(name, env).network(data, func(root *yaml.Node) lacking {
		spared := func(*yaml.Node, string) (string, bool) { return "", false }
		if len(here) > 0 {
			spared = notHere(root, here)
		}
		return func(at *yaml.Node, what string) (string, bool) {
			if with, ok := spared(at, what); ok {
				return with, true
			}
			if !slices.Contains(unknown, what) {
				unknown = append(unknown, what)
			}
			return Unknown, true
		}
	})
	return n, unknown, err
}

func newParser(name string, env func(string) (string, bool)) *parser {
	return &parser{file: name, env: env, broken: map[*yaml.Node]bool{}, values: map[string]string{}}
}

// network reads the text; may says what need not be known in it.
func (p *parser) network(data []byte, may func(root *yaml.Node) lacking) (*Network, error) {
	if len(data) > maxFile {
		p.fault(&yaml.Node{Line: 1, Column: 1}, "the file is larger than 64 MiB", "")
		return nil, p.faults
	}
	root := p.yaml(data)
	if root == nil {
		return nil, p.faults.sort()
	}
	p.lacking = may(root)
	p.expand(root)
	var spec fileSpec
	p.decode(root, reflect.ValueOf(&spec).Elem(), "the network file")
	n := p.build(root, &spec)
	if len(p.faults) > 0 {
		return nil, p.faults.sort()
	}
	sum := sha256.Sum256(data)
	n.Hash, n.Path, n.Warnings = hex.EncodeToString(sum[:8]), p.file, p.warnings.sort()
	n.source = &source{data: data, values: p.values}
	return n, nil
}

// parser collects the faults of one file.
type parser struct {
	file     string
	text     string
	env      func(string) (string, bool)
	faults   Faults
	warnings Faults
	// broken are values whose variables cannot be expanded: that they are missing need not be said again.
	broken map[*yaml.Node]bool
	// lacking says what stands in place of a value that is not known; nil when all has to be.
	lacking lacking
	// values are what has been found to stand in ${}; known, when the file was read before, what stood there then.
	values, known map[string]string
}

func (p *parser) fault(n *yaml.Node, message, hint string) {
	p.faults = append(p.faults, Fault{File: p.file, Line: max(n.Line, 1), Column: max(n.Column, 1), Message: message, Hint: hint})
}

func (p *parser) warn(n *yaml.Node, message, hint string) {
	p.warnings = append(p.warnings, Fault{File: p.file, Line: n.Line, Column: n.Column, Message: message, Hint: hint, Warning: true})
}

// yaml parses the text. It returns nil, and there is a fault, when there is nothing to go on with.
func (p *parser) yaml(data []byte) *yaml.Node {
	p.text = string(data)
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil || len(doc.Content) == 0 || isNull(doc.Content[0]) {
		if err == nil || err.Error() == "EOF" {
			p.fault(&yaml.Node{}, "the file is empty", "it begins as in network: furniture; there are examples in configs/")
			return nil
		}
		p.yamlError(err, &yaml.Node{Line: 1, Column: 1})
		return nil
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		p.fault(&more, "the file holds a second document", "a network is one document; is there a --- too much?")
		return nil
	case err.Error() != "EOF":
		p.yamlError(err, &yaml.Node{Line: 1, Column: 1})
		return nil
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		p.fault(doc.Content[0], "the network file must be a mapping, not "+kindOf(doc.Content[0]), "it begins as in network: furniture")
		return nil
	}
	return doc.Content[0]
}

func (p *parser) yamlError(err error, at *yaml.Node) {
	messages := []string{err.Error()}
	if te, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = te.Errors
	}
	for _, m := range messages {
		where := *at
		if sub := yamlLine.FindStringSubmatch(m); sub != nil {
			line, _ := strconv.Atoi(sub[1])
			if line != where.Line {
				where.Line, where.Column = line, 1
			}
			m = sub[2]
		}
		m = strings.TrimPrefix(m, "yaml: ")
		hint := ""
		switch {
		case strings.Contains(m, "found character that cannot start any token"):
			m, hint = "this is not YAML: a character that cannot begin a value", "indent with blanks, not tabs; quote values that begin with @ or `"
		case strings.Contains(m, "mapping values are not allowed"):
			m, hint = "this is not YAML: a colon where none can be", "quote a value that holds a colon and a blank"
		case strings.Contains(m, "did not find expected"):
			m, hint = "this is not YAML: "+m, "look at the indentation and at brackets, braces and quotes that are not closed"
			if line, column, what := unclosed(p.text, where.Line); line > 0 {
				where.Line, where.Column = line, column
				m, hint = "this is not YAML: this "+what+" is not closed, or something follows behind the end", "within quotes, write quotes of the other kind"
				if strings.Contains("[{", what) {
					m, hint = "this is not YAML: this "+what+" is not closed", "write the bracket or brace that ends it"
				}
			} else if line, column := unquoted(p.text, where.Line); line > 0 {
				where.Line, where.Column = line, column
				m, hint = "this is not YAML: within braces the } of a variable ends them", "quote it, as in {token: \"${ADMIN_TOKEN}\"}"
			}
		case strings.HasPrefix(m, "cannot unmarshal"):
			m = unmarshal.ReplaceAllString(m, "$1 is not of the kind that belongs here")
		}
		p.fault(&where, m, hint)
	}
}

var (
	yamlLine  = regexp.MustCompile(`line (\d+): ?(?:column \d+: )?(.*)`)
	unmarshal = regexp.MustCompile("^cannot unmarshal !!\\w+ ?(`.*`|).* into .*$")
)

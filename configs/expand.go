package configs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSecret is the size of the largest file that ${file:} takes in.
const maxSecret = 1 << 20

var variable = regexp.MustCompile(`\$\$|\$\{([^}]*)\}?`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${VAR}, ${VAR:-default} and ${file:PATH} in scalar values, after parsing, so that no value can become YAML. $$ is
// one $. Conditions are left alone but for these. Keys are not expanded.
func (p *parser) expand(n *yaml.Node) {
	for i, c := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			p.expand(c)
		}
	}
	if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "$") {
		return
	}
	before, lacks := len(p.faults), false
	defer func() {
		if len(p.faults) > before || lacks {
			p.broken[n], n.Value = true, ""
		}
	}()
	n.Value = variable.ReplaceAllStringFunc(n.Value, func(m string) string {
		if m == "$$" {
			return "$"
		}
		if !strings.HasSuffix(m, "}") {
			p.fault(n, m+" is not closed", "write ${NAME}, or $$ for a $")
			return ""
		}
		v := p.expanded(n, m[2:len(m)-1])
		lacks = lacks || v == nowhere
		return v
	})
}

// expanded is the value of what stands in ${}, looked up once for each file.
func (p *parser) expanded(n *yaml.Node, what string) string {
	if p.known != nil {
		return p.known[what]
	}
	v := p.variable(n, what)
	p.values[what] = v
	return v
}

// variable is the value of what stands in ${}.
func (p *parser) variable(n *yaml.Node, what string) string {
	if path, ok := strings.CutPrefix(what, "file:"); ok {
		return p.secret(n, path)
	}
	name, otherwise, has := strings.Cut(what, ":-")
	if !variableName.MatchString(name) {
		p.fault(n, "${"+what+"} is not the name of a variable", "write ${NAME}, ${NAME:-default} or ${file:/path}; $$ is a $")
		return ""
	}
	if v, ok := p.env(name); ok && (v != "" || !has) {
		return v
	}
	if !has {
		return p.lack(n, name, "the environment variable "+name+" is not set", "set it, or write ${"+name+":-default}")
	}
	return otherwise
}

// lack is what stands in place of a value that is not known, which is a fault where it has to be.
func (p *parser) lack(n *yaml.Node, what, message, hint string) string {
	if p.lacking != nil {
		if v, ok := p.lacking(n, what); ok {
			return v
		}
	}
	p.fault(n, message, hint)
	p.faults[len(p.faults)-1].Unknown = true
	return ""
}

// secret is the content of a file without the line end at its end. A relative path begins at the network file.
func (p *parser) secret(n *yaml.Node, path string) string {
	at := path
	if !filepath.IsAbs(at) {
		at = filepath.Join(filepath.Dir(p.file), at)
	}
	info, err := os.Stat(at)
	switch {
	case err != nil:
		return p.lack(n, "file:"+path, "${file:"+path+"} cannot be read: "+cause(err), "")
	case !info.Mode().IsRegular() || info.Size() > maxSecret:
		p.fault(n, "${file:"+path+"} is no file, or larger than 1 MiB", "")
		return ""
	}
	b, err := os.ReadFile(at)
	if err != nil {
		return p.lack(n, "file:"+path, "${file:"+path+"} cannot be read: "+cause(err), "")
	}
	return strings.TrimRight(string(b), "\r\n")
}

// cause is an error of the file system without the path, which is said already.
func cause(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

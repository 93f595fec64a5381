package profile

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// This file decodes what is one value in YAML, and not a mapping of known keys.

// UnmarshalYAML takes a scalar, or the word omit.
func (s *Null) UnmarshalYAML(n *yaml.Node) (err error) {
	if n.Kind == yaml.ScalarNode && n.Style == 0 && n.Value == "omit" {
		*s = Null{Omit: true}
		return nil
	}
	*s = Null{}
	s.Value, err = literal(n)
	return err
}

// UnmarshalYAML takes any value.
func (s *Template) UnmarshalYAML(n *yaml.Node) error {
	text, err := jsonOf(n)
	s.JSON = text
	return err
}

// jsonOf is a YAML value as JSON text, with its mappings in the order of the file.
func jsonOf(n *yaml.Node) (json.RawMessage, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return jsonOf(n.Alias)
	case yaml.MappingNode:
		out := []byte{'{'}
		for i := 0; i+1 < len(n.Content); i += 2 {
			value, err := jsonOf(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendQuoted(out, n.Content[i].Value), ':')
			out = append(out, value...)
		}
		return append(out, '}'), nil
	case yaml.SequenceNode:
		out := []byte{'['}
		for i, e := range n.Content {
			value, err := jsonOf(e)
			if err != nil {
				return nil, err
			}
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, value...)
		}
		return append(out, ']'), nil
	}
	l, err := literal(n)
	return json.RawMessage(l), err
}

// UnmarshalYAML takes a number or as in 50/s.
func (r *Rate) UnmarshalYAML(n *yaml.Node) error {
	number, unit, _ := strings.Cut(n.Value, "/")
	per, ok := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[strings.TrimSpace(unit)]
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if n.Kind != yaml.ScalarNode || !ok || err != nil || !(v >= 0 && v < 1e9) {
		return wrongAt(n, "as in 50/s, 100/m or 1000/h", "%s is not a rate", kindOf(n))
	}
	*r = Rate(v / per)
	return nil
}

// UnmarshalYAML takes a number or a list of numbers.
func (s *Statuses) UnmarshalYAML(n *yaml.Node) error {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	*s = make(Statuses, 0, len(list))
	for _, e := range list {
		v, err := strconv.Atoi(e.Value)
		if e.Kind != yaml.ScalarNode || err != nil || v < 200 || v > 599 {
			return wrongAt(e, "", "%s is not an HTTP status from 200 to 599", kindOf(e))
		}
		*s = append(*s, v)
	}
	return nil
}

// UnmarshalYAML takes a text or a list of texts.
func (p *Pointers) UnmarshalYAML(n *yaml.Node) error {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	*p = make(Pointers, 0, len(list))
	for _, e := range list {
		if e.Kind != yaml.ScalarNode {
			return wrongAt(e, "as in at: /id, or at: [/_id, /id]", "a pointer is a text, not %s", kindOf(e))
		}
		*p = append(*p, e.Value)
	}
	return nil
}

// UnmarshalYAML takes a scalar.
func (l *Literal) UnmarshalYAML(n *yaml.Node) (err error) {
	*l, err = literal(n)
	return err
}

// UnmarshalYAML takes a mapping of scalars.
func (v *Values) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return wrongAt(n, "as in {open: opened, closed: done}", "values is a mapping of canonical to local values, not %s", kindOf(n))
	}
	*v = make(Values, 0, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		canonical, err := literal(n.Content[i])
		if err != nil {
			return err
		}
		local, err := literal(n.Content[i+1])
		if err != nil {
			return err
		}
		*v = append(*v, Value{canonical, local})
	}
	return nil
}

// literal is a YAML scalar as JSON text. Plain numbers keep their digits.
func literal(n *yaml.Node) (Literal, error) {
	if n.Kind != yaml.ScalarNode {
		return nil, wrongAt(n, "", "want a text, a number, true, false or null here, not %s", kindOf(n))
	}
	switch n.ShortTag() {
	case "!!null":
		return Literal("null"), nil
	case "!!bool":
		return Literal(strings.ToLower(n.Value)), nil
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return Literal(n.Value), nil
		}
		if i, ok := new(big.Int).SetString(n.Value, 0); ok {
			return Literal(i.String()), nil
		}
		return nil, wrongAt(n, "write it in decimal, or in quotes as a text", "%s is a number that JSON does not have", n.Value)
	}
	return Literal(appendQuoted(nil, n.Value)), nil
}

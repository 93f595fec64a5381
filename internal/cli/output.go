package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The values of --output. YAML is JSON in another notation: everything is made as one JSON value, and written in the end.
const (
	asTable = "table"
	asJSON  = "json"
	asYAML  = "yaml"
)

// json prints v for programs, in the notation that was asked for.
func (c *command) json(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return c.text(b.Bytes())
}

// text prints a JSON value for programs, in the notation that was asked for.
func (c *command) text(value []byte) error {
	out := append(bytes.TrimSpace(value), '\n')
	if c.yaml {
		var err error
		if out, err = yamlOf(value); err != nil {
			return fmt.Errorf("the answer cannot be written as YAML; -o json has it as it is: %w", err)
		}
		if c.several {
			out = append([]byte("---\n"), out...)
		}
	}
	_, err := c.out.Write(out)
	return err
}

// yamlOf writes a JSON value as YAML: the same names in the same order, the same values, numbers to the digit.
func yamlOf(value []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	n, err := nodeOf(d)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// nodeOf reads the next JSON value.
func nodeOf(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := t.(type) {
	case json.Delim:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if v == '[' {
			n = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		}
		for d.More() { // a name is a value too
			part, err := nodeOf(d)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, part)
		}
		if len(n.Content) == 0 {
			n.Style = yaml.FlowStyle
		}
		_, err := d.Token() // the bracket that ends it
		return n, err
	case string:
		return stringNode(v), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}, nil
}

// stringNode is a text in the plainest style in which it is read back as the same.
func stringNode(s string) *yaml.Node {
	quoted := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
	if printable(s, true) != s || strings.HasPrefix(s, "\n") {
		return quoted
	}
	n := &yaml.Node{}
	if err := n.Encode(s); err != nil || n.Tag != "!!str" {
		return quoted
	}
	text, err := yaml.Marshal(map[string]any{"x": n})
	var back map[string]string
	if err != nil || yaml.Unmarshal(text, &back) != nil || back["x"] != s {
		return quoted
	}
	return n
}

package profile

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// SyntaxError is a place in the YAML text that is not a profile.
type SyntaxError struct {
	Line, Column  int
	Message, Hint string
}

// Error says where and what.
func (e *SyntaxError) Error() string {
	s := fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func wrongAt(n *yaml.Node, hint, format string, args ...any) error {
	return &SyntaxError{Line: n.Line, Column: n.Column, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// strict refuses keys of a mapping that the struct type of out does not have, and keys that are there twice.
func strict(n *yaml.Node, out any) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return wrongAt(n, "", "want a mapping here, not %s", kindOf(n))
	}
	known := keys(reflect.TypeOf(out).Elem())
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Tag == "!!merge" {
			continue
		}
		if k.Kind == yaml.ScalarNode && k.ShortTag() == "!!null" && known[k.Value] {
			k.Tag = "!!str" // the key null, which YAML takes for no value
		}
		if !known[k.Value] {
			return wrongAt(k, nearest(k.Value, known), "the key %q is not known here", k.Value)
		}
		if seen[k.Value] {
			return wrongAt(k, "", "the key %q is there twice", k.Value)
		}
		seen[k.Value] = true
	}
	return nil
}

func keys(t reflect.Type) map[string]bool {
	out := make(map[string]bool, t.NumField())
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "-" {
			out[tag] = true
		}
	}
	return out
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	return strconv.Quote(n.Value)
}

// nearest is a hint: the known key that is spelled most alike, if any is near.
func nearest(key string, known map[string]bool) string {
	best, least := "", 3
	for k := range known {
		if d := distance(strings.ToLower(key), k); d < least || d == least && best != "" && k < best {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// distance is how many letters are to be put in, left out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// UnmarshalYAML decodes strictly.
func (s *Spec) UnmarshalYAML(n *yaml.Node) error {
	type plain Spec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *CollectionSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain CollectionSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *LoginSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain LoginSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *TokenSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain TokenSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *AliveSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain AliveSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *Condition) UnmarshalYAML(n *yaml.Node) error {
	type plain Condition
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML takes one or a list.
func (s *Conditions) UnmarshalYAML(n *yaml.Node) error {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	*s = make(Conditions, len(list))
	for i, e := range list {
		if err := e.Decode(&(*s)[i]); err != nil {
			return err
		}
	}
	return nil
}

// UnmarshalYAML decodes strictly.
func (s *WatchSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain WatchSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *ContentSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain ContentSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML takes a string or {read, write, as}.
func (s *ParentSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain ParentSpec
	if n.Kind == yaml.ScalarNode {
		*s = ParentSpec{Read: n.Value, Write: n.Value}
		return nil
	}
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// switchedOff reports whether false stands where a mapping could. True says nothing there.
func switchedOff(n *yaml.Node, does string) (off bool, err error) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		return false, nil
	}
	var on bool
	if err := n.Decode(&on); err != nil {
		return false, err
	}
	if on {
		return false, wrongAt(n, "leave it out to take the preset's", "true says nothing that %s", does)
	}
	return true, nil
}

// UnmarshalYAML decodes strictly; false is an API without the call, a text its path.
func (s *CallSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain CallSpec
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		*s = CallSpec{Path: n.Value}
		return nil
	}
	off, err := switchedOff(n, "describes a call")
	if off || err != nil {
		*s = CallSpec{Off: off}
		return err
	}
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly; false is an API that cannot find records by their fields.
func (s *FindSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain FindSpec
	off, err := switchedOff(n, "finds records")
	if off || err != nil {
		*s = FindSpec{Off: off}
		return err
	}
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *IDSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain IDSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *EnvelopeSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain EnvelopeSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *ExternalIDSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain ExternalIDSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML takes a string, or a list of one.
func (s *Marker) UnmarshalYAML(n *yaml.Node) error {
	*s = Marker{List: n.Kind == yaml.SequenceNode}
	if s.List && len(n.Content) == 1 {
		n = n.Content[0]
	}
	if n.Kind != yaml.ScalarNode {
		return wrongAt(n, `as in marker: "[ref:{value}]", or marker: ["ref-{value}"] where the field is a list`, "a marker is a text, or a list of one text, not %s", kindOf(n))
	}
	s.Text = n.Value
	return nil
}

// UnmarshalYAML takes a string or {read, write}.
func (s *Place) UnmarshalYAML(n *yaml.Node) error {
	type plain Place
	if n.Kind == yaml.ScalarNode {
		*s = Place{Read: n.Value, Write: n.Value}
		return nil
	}
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML takes true, false or {field}.
func (s *ETagSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain ETagSpec
	if n.Kind == yaml.ScalarNode {
		*s = ETagSpec{}
		if n.Decode(&s.On) != nil {
			return wrongAt(n, "", "etag is true, false or {field: /pointer}, not %q", n.Value)
		}
		return nil
	}
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *StampSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain StampSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML takes a string, the pointer, or a mapping.
func (s *FieldSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain FieldSpec
	if n.Kind == yaml.ScalarNode {
		*s = FieldSpec{At: n.Value}
		return nil
	}
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML takes a text or {read, write}.
func (s *As) UnmarshalYAML(n *yaml.Node) error {
	type plain As
	if n.Kind == yaml.ScalarNode {
		*s = As{Read: n.Value, Write: n.Value}
		return nil
	}
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

// UnmarshalYAML decodes strictly.
func (s *SetSpec) UnmarshalYAML(n *yaml.Node) error {
	type plain SetSpec
	if err := strict(n, s); err != nil {
		return err
	}
	return n.Decode((*plain)(s))
}

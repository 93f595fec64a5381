package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// pair is a key of a mapping and its value.
type pair struct{ key, value *yaml.Node }

// deref is the node that an alias stands for.
func deref(n *yaml.Node) *yaml.Node {
	for range 10 {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			return n
		}
		n = n.Alias
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
}

// pairs are the keys and values of a mapping, those that << merges in behind its own. Mappings that merge themselves end.
func pairs(n *yaml.Node) []pair { return merged(n, 0) }

func merged(n *yaml.Node, depth int) []pair {
	n = deref(n)
	if n.Kind != yaml.MappingNode || depth > 4 {
		return nil
	}
	var out, under []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag != "!!merge" {
			out = append(out, pair{k, v})
			continue
		}
		from := []*yaml.Node{v}
		if d := deref(v); d.Kind == yaml.SequenceNode {
			from = d.Content
		}
		for _, m := range from {
			under = append(under, merged(m, depth+1)...)
		}
	}
	for _, u := range under {
		if !slices.ContainsFunc(out, func(o pair) bool { return o.key.Value == u.key.Value }) {
			out = append(out, u)
		}
	}
	return out
}

// child is the value under keys; where a key is not there, the mapping that lacks it, so that every fault has a place.
func child(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		v := value(n, k)
		if v == nil {
			return n
		}
		n = v
	}
	return n
}

// value is the value of a key, nil when there is none.
func value(n *yaml.Node, key string) *yaml.Node {
	for _, p := range pairs(n) {
		if p.key.Value == key {
			return p.value
		}
	}
	return nil
}

// keyed is the key itself, for faults that are about it rather than its value.
func keyed(n *yaml.Node, key string) *yaml.Node {
	for _, p := range pairs(n) {
		if p.key.Value == key {
			return p.key
		}
	}
	return n
}

// item is an element of a list; a scalar is a list of one.
func item(n *yaml.Node, i int) *yaml.Node {
	if d := deref(n); d.Kind == yaml.SequenceNode && i < len(d.Content) {
		return d.Content[i]
	}
	return n
}

func isNull(n *yaml.Node) bool {
	n = deref(n)
	return n.Kind == yaml.ScalarNode && n.Style == 0 && n.ShortTag() == "!!null"
}

func kindOf(n *yaml.Node) string {
	n = deref(n)
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	if n.Value == "" {
		return "nothing"
	}
	return strconv.Quote(clip(n.Value))
}

func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// decode puts a node into a value of the types of spec.go. Unknown keys, keys given twice and values of a wrong kind are faults;
// decoding goes on behind them.
func (p *parser) decode(n *yaml.Node, out reflect.Value, where string) {
	if isNull(n) && out.Kind() != reflect.Pointer {
		return
	}
	at := n
	n = deref(n)
	switch {
	case out.Type() == reflect.TypeFor[yaml.Node]():
		out.Set(reflect.ValueOf(*n))
	case out.Kind() == reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		p.decode(at, out.Elem(), where)
	case out.Kind() == reflect.Struct || out.Kind() == reflect.Map:
		if n.Kind != yaml.MappingNode {
			p.fault(at, fmt.Sprintf("%s must be a mapping, not %s", where, kindOf(n)), "")
			return
		}
		p.twice(n, where)
		if out.Kind() == reflect.Map {
			p.decodeMap(n, out)
		} else {
			p.decodeStruct(n, out, where)
		}
	case out.Kind() == reflect.Slice:
		p.decodeList(at, out, where)
	default:
		p.decodeScalar(at, out, where)
	}
}

// twice faults keys that a mapping itself has more than once.
func (p *parser) twice(n *yaml.Node, where string) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if line, twice := seen[k.Value]; twice {
			p.fault(k, fmt.Sprintf("%q is there twice in %s, first in line %d", k.Value, where, line), "")
		}
		seen[k.Value] = k.Line
	}
}

func (p *parser) decodeStruct(n *yaml.Node, out reflect.Value, where string) {
	fields := map[string]reflect.Value{}
	var known []string
	for i := range out.NumField() {
		key := out.Type().Field(i).Tag.Get("yaml")
		fields[key], known = out.Field(i), append(known, key)
	}
	for _, kv := range pairs(n) {
		f, ok := fields[kv.key.Value]
		if !ok {
			p.fault(kv.key, fmt.Sprintf("unknown key %q in %s", clip(kv.key.Value), where), meant(kv.key.Value, known))
			continue
		}
		p.decode(kv.value, f, kv.key.Value)
	}
}

func (p *parser) decodeMap(n *yaml.Node, out reflect.Value) {
	out.Set(reflect.MakeMap(out.Type()))
	for _, kv := range pairs(n) {
		v := reflect.New(out.Type().Elem()).Elem()
		p.decode(kv.value, v, kv.key.Value)
		out.SetMapIndex(reflect.ValueOf(kv.key.Value), v)
	}
}

// decodeList takes a scalar for a list of one, where the elements are scalars.
func (p *parser) decodeList(at *yaml.Node, out reflect.Value, where string) {
	n := deref(at)
	items := n.Content
	switch {
	case n.Kind == yaml.ScalarNode && out.Type().Elem().Kind() == reflect.String:
		items = []*yaml.Node{at}
	case n.Kind != yaml.SequenceNode:
		p.fault(at, fmt.Sprintf("%s must be a list, not %s", where, kindOf(n)), "")
		return
	}
	out.Set(reflect.MakeSlice(out.Type(), len(items), len(items)))
	for i, c := range items {
		name := "an element of " + where
		if out.Type() == reflect.TypeFor[[]routeSpec]() {
			name = "a route"
		}
		p.decode(c, out.Index(i), name)
	}
}

func (p *parser) decodeScalar(at *yaml.Node, out reflect.Value, where string) {
	n := deref(at)
	if n.Kind != yaml.ScalarNode {
		p.fault(at, fmt.Sprintf("%s must be one value, not %s", where, kindOf(n)), "")
		return
	}
	switch out.Kind() {
	case reflect.String:
		out.SetString(n.Value)
	case reflect.Int:
		v, err := strconv.Atoi(n.Value)
		if err != nil {
			p.fault(at, fmt.Sprintf("%s must be a whole number, not %s", where, kindOf(n)), "")
		}
		out.SetInt(int64(v))
	case reflect.Bool:
		v, err := strconv.ParseBool(n.Value)
		if err != nil {
			p.fault(at, fmt.Sprintf("%s must be true or false, not %s", where, kindOf(n)), "")
		}
		out.SetBool(v)
	}
}

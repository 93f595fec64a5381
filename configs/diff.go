package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Change is one difference between two network files in force.
type Change struct {
	// What is the key, as in routes.chairs-to-chicago.when.
	What string `json:"what"`
	// Kind is added, removed, changed or moved.
	Kind string `json:"kind"`
	// Was and Is are the values as YAML in one line, "" for none. Of what is secret they tell only that there is something.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
	// path is What in its parts: names may hold dots. within are the keys below it, where it was added or removed as a whole.
	path   []string
	within [][]string
}

// The kinds of changes.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
	Moved   = "moved"
)

// String is the change in one line.
func (c Change) String() string {
	switch c.Kind {
	case Added:
		return "+ " + c.What + ": " + c.Is
	case Removed:
		return "- " + c.What + ": " + c.Was
	case Moved:
		return "> " + c.What + ": " + c.Is + ", was " + c.Was
	}
	if c.Was == Masked {
		return "~ " + c.What + ": changed (secret)"
	}
	return "~ " + c.What + ": " + c.Was + " -> " + c.Is
}

// anotherSecret is what a secret is that has changed.
const anotherSecret = "[another secret]"

// Diff lists what differs between two network files as they are in force: comments, layout, aliases, the order of keys, and defaults that
// are now written down are no difference. Routes count by their names; the order in which they are tried does matter, and a
// route that stands elsewhere among the others is told as moved. Secrets are compared and never shown.
func Diff(was, is *Network) []Change {
	a, b := was.tree(), is.tree()
	d := &differ{a: a, b: b}
	d.mapping(nil, a.root, b.root)
	return d.out
}

type differ struct {
	a, b *tree
	out  []Change
}

func (d *differ) node(path []string, a, b *yaml.Node) {
	switch {
	case len(path) == 1 && path[0] == "routes":
		d.routes(path, a, b)
	case a.Kind == yaml.MappingNode && b.Kind == yaml.MappingNode:
		d.mapping(path, a, b)
	case inline(a) == inline(b):
	default:
		c := d.change(path, Changed)
		c.Was, c.Is = d.a.shown(path, a), d.b.shown(path, b)
		if c.Was == c.Is { // all of the difference is masked
			c.Was, c.Is = Masked, anotherSecret
		}
		d.out = append(d.out, c)
	}
}

func (d *differ) change(path []string, kind string) Change {
	return Change{What: strings.Join(path, "."), Kind: kind, path: slices.Clone(path)}
}

func (d *differ) mapping(path []string, a, b *yaml.Node) {
	at := func(key string) []string { return append(slices.Clip(path), key) }
	for _, kv := range pairs(a) {
		if now := value(b, kv.key.Value); now != nil {
			d.node(at(kv.key.Value), kv.value, now)
			continue
		}
		d.without(at(kv.key.Value), kv.value, Removed)
	}
	for _, kv := range pairs(b) {
		if value(a, kv.key.Value) == nil {
			d.without(at(kv.key.Value), kv.value, Added)
		}
	}
}

// without tells of what one side does not have. A section that begins or ends is told by its members.
func (d *differ) without(path []string, n *yaml.Node, kind string) {
	if len(path) == 1 && n.Kind != yaml.ScalarNode {
		empty := &yaml.Node{Kind: n.Kind}
		if kind == Added {
			d.node(path, empty, n)
		} else {
			d.node(path, n, empty)
		}
		return
	}
	c := d.change(path, kind)
	c.within = leaves(path, n)
	if kind == Added {
		c.Is = d.b.shown(path, n)
	} else {
		c.Was = d.a.shown(path, n)
	}
	d.out = append(d.out, c)
}

// leaves are the keys of the values below a mapping.
func leaves(path []string, n *yaml.Node) [][]string {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	var out [][]string
	for _, kv := range pairs(n) {
		at := append(slices.Clone(path), kv.key.Value)
		if kv.value.Kind == yaml.MappingNode && len(kv.value.Content) > 0 {
			out = append(out, leaves(at, kv.value)...)
		} else {
			out = append(out, at)
		}
	}
	return out
}

// routes compares lists of routes by name, and their order.
func (d *differ) routes(path []string, a, b *yaml.Node) {
	was, is := named(a), named(b)
	at := func(name string) []string { return append(slices.Clip(path), name) }
	var stay []string // those of before that are still there, in the order of before
	for _, name := range was.order {
		if now, ok := is.nodes[name]; ok {
			stay = append(stay, name)
			d.mapping(at(name), was.nodes[name], now)
			continue
		}
		d.without(at(name), was.nodes[name], Removed)
	}
	for _, name := range is.order {
		if _, ok := was.nodes[name]; !ok {
			d.without(at(name), is.nodes[name], Added)
			c := &d.out[len(d.out)-1]
			if next := follower(is.order, name); next != "" {
				c.Is += " (before " + next + ")"
			}
		}
	}
	d.order(at, stay, is.order)
}

// order tells of the routes that stand elsewhere: as few as explain the new order.
func (d *differ) order(at func(string) []string, was, is []string) {
	place := make(map[string]int, len(was))
	for i, name := range was {
		place[name] = i
	}
	is = slices.DeleteFunc(slices.Clone(is), func(s string) bool { _, old := place[s]; return !old })
	seq := make([]int, len(is))
	for i, name := range is {
		seq[i] = place[name]
	}
	kept := rising(seq)
	for i, name := range is {
		if kept[i] {
			continue
		}
		c := d.change(at(name), Moved)
		c.Was, c.Is = stands(was, name), stands(is, name)
		d.out = append(d.out, c)
	}
}

// stands is where a name is in a list.
func stands(list []string, name string) string {
	if next := follower(list, name); next != "" {
		return "before " + next
	}
	return "last"
}

func follower(list []string, name string) string {
	if i := slices.Index(list, name); i >= 0 && i+1 < len(list) {
		return list[i+1]
	}
	return ""
}

// rising marks a longest rising part of a sequence of different numbers.
func rising(seq []int) []bool {
	var tails []int // tails[k]: place of the least end of rising parts of length k+1
	before := make([]int, len(seq))
	for i, v := range seq {
		k, _ := slices.BinarySearchFunc(tails, v, func(at, v int) int { return seq[at] - v })
		before[i] = -1
		if k > 0 {
			before[i] = tails[k-1]
		}
		if k == len(tails) {
			tails = append(tails, i)
		} else {
			tails[k] = i
		}
	}
	out := make([]bool, len(seq))
	if len(tails) == 0 {
		return out
	}
	for i := tails[len(tails)-1]; i >= 0; i = before[i] {
		out[i] = true
	}
	return out
}

// namedNodes are the elements of a list by their names.
type namedNodes struct {
	order []string
	nodes map[string]*yaml.Node
}

func named(n *yaml.Node) namedNodes {
	out := namedNodes{nodes: make(map[string]*yaml.Node, len(n.Content))}
	for i, c := range n.Content {
		name := strconv.Itoa(i + 1)
		if v := value(c, "name"); v != nil {
			name = v.Value
		}
		out.order = append(out.order, name)
		out.nodes[name] = c
	}
	return out
}

// longest is how much of a value is shown.
const longest = 1000

// shown is a value in one line, masked; path is where it is.
func (t *tree) shown(path []string, n *yaml.Node) string {
	hidden := map[*yaml.Node]bool{}
	c := t.plainMasked(n, hidden)
	t.mask(c, path)
	s := inline(c)
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "…"
	}
	return s
}

// plainMasked copies a plain node with what is known of its secrets.
func (t *tree) plainMasked(n *yaml.Node, hidden map[*yaml.Node]bool) *yaml.Node {
	c := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value}
	if t.secret[n] {
		c.Value, c.Tag = Masked, "!!str"
	}
	for _, x := range n.Content {
		c.Content = append(c.Content, t.plainMasked(x, hidden))
	}
	return c
}

// inline is a node in one line. A list of one scalar is that scalar, as everywhere in the file.
func inline(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		var parts []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, word(n.Content[i].Value)+": "+inline(n.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		if len(n.Content) == 1 && n.Content[0].Kind == yaml.ScalarNode {
			return inline(n.Content[0])
		}
		parts := make([]string, len(n.Content))
		for i, c := range n.Content {
			parts[i] = inline(c)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return word(n.Value)
}

// word is a scalar, in quotes where it would be read as something else.
func word(s string) string {
	if s == Masked {
		return s
	}
	if s == "" || strings.ContainsAny(s, "\n\r\t{}[],#\"'") || strings.Contains(s, ": ") || strings.TrimSpace(s) != s {
		return fmt.Sprintf("%q", s)
	}
	return s
}

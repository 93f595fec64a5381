package profile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fields compiles the mapping between the record and the canonical fields.
func (c *compiler) fields(out *Collection, s CollectionSpec) {
	out.named = make(map[string]*field, len(s.Fields))
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		f := c.field(name, s.Fields[name])
		out.named[name] = f
		if f.fixed != nil && f.write != nil {
			out.fixed = append(out.fixed, f)
		}
	}
	if s.Stamp != nil {
		out.stamp.owner, out.stamp.version = c.pointer(s.Stamp.Owner, "stamp", "owner"), c.pointer(s.Stamp.Version, "stamp", "version")
		out.stamp.request, out.stamp.state = c.pointer(s.Stamp.Request, "stamp", "request"), c.pointer(s.Stamp.State, "stamp", "state")
	}
	marks := out.marks()
	hidden := marks
	for _, l := range []struct {
		key     string
		entries []string
	}{{"read_only", s.ReadOnly}, {"local", s.Local}, {"drop", s.Drop}} {
		for _, entry := range l.entries {
			p := c.entry(out, l.key, entry)
			if p == nil || slices.ContainsFunc(marks, p.equal) {
				continue // marks are ours, although the API may list them as its own
			}
			hidden = append(hidden, p)
			if !p.equal(out.id.at) {
				out.kept = append(out.kept, p)
			}
			if l.key != "read_only" {
				out.own = append(out.own, p)
			}
			if out.created == nil && l.key == "read_only" && strings.HasPrefix(strings.ToLower(p[len(p)-1]), "creat") {
				out.created = p
			}
		}
	}
	if out.id.at != nil {
		hidden = append(hidden, out.id.at)
	}
	out.reading = c.index(out, hidden, func(f *field) (here, there pointer) { return f.read, f.write })
	out.writing = c.index(out, hidden, func(f *field) (here, there pointer) { return f.write, f.read })
	out.required = s.Required
}

// entry is what an entry of read_only, local or drop means: the place of a canonical field, a pointer, or a member at the top. A
// field that is read-only is never written; one that is local or dropped is no field.
func (c *compiler) entry(out *Collection, key, entry string) pointer {
	p := c.pointer(entry, key)
	if f := out.named[entry]; f != nil {
		if p = f.read; p == nil {
			p = f.write
		}
	}
	for _, f := range out.named {
		if p == nil || (f.read == nil || !f.read.under(p)) && (f.write == nil || !f.write.under(p)) {
			continue
		}
		if key == "read_only" {
			f.write = nil
		} else {
			f.hidden = true
		}
	}
	return p
}

// index makes the index of one side; places gives where a field is on this side and on the other.
func (c *compiler) index(out *Collection, hidden []pointer, places func(*field) (here, there pointer)) index {
	ix := make(index)
	marks := out.marks()
	for _, p := range hidden {
		if n := slices.IndexFunc(p, isSelector); n >= 0 && slices.ContainsFunc(marks, p.equal) {
			p = p[:n+1] // the element is only there for the mark
		}
		if t := ix.at(p[0]); len(p) == 1 {
			t.hidden = true
		} else {
			t.strip = append(t.strip, p[1:])
		}
	}
	var elsewhere []pointer
	for _, name := range slices.Sorted(maps.Keys(out.named)) {
		f := out.named[name]
		p, other := places(f)
		switch {
		case f.hidden:
		case p == nil && other != nil:
			elsewhere = append(elsewhere, other)
		case p == nil:
		default:
			if isSelector(p[len(p)-1]) {
				c.problem("a field is a member of the element that "+p.String()+" selects, not all of it", "as in "+p.String()+"/value", "fields", name, "at")
			}
			if slices.ContainsFunc(marks, func(m pointer) bool { return m.under(p) || p.under(m) }) {
				c.problem("the field is where the gateway keeps its own marks", "", "fields", name)
			}
			t := ix.at(p[0])
			for _, g := range t.fields {
				if q, _ := places(g); q.under(p) || p.under(q) {
					c.problem(fmt.Sprintf("%s and %s are both at %s", g.name, name, p), "", "fields", name)
				}
			}
			t.fields = append(t.fields, f)
		}
	}
	for _, p := range elsewhere { // what is a field on the other side is here none
		if t := ix.at(p[0]); len(t.fields) == 0 {
			t.hidden = true
		}
	}
	return ix
}

func (ix index) at(name string) *top {
	t := ix[name]
	if t == nil {
		t = &top{}
		ix[name] = t
	}
	return t
}

// field compiles one canonical field.
func (c *compiler) field(name string, s FieldSpec) *field {
	f := &field{name: name, strict: s.Strict, most: s.MaxLength, truncate: s.TooLong == "truncate", fixed: json.RawMessage(s.Const)}
	at := func(key string) []string { return []string{"fields", name, key} }
	switch {
	case s.In != "" || s.Out != "":
		c.later("an expression (in, out)", at("in")...)
	case s.At != "" && (s.Read != "" || s.Write != ""):
		c.problem("a field has at, or read and write, not both", "", at("at")...)
	case s.TooLong != "" && s.TooLong != "error" && s.TooLong != "truncate":
		c.problem(fmt.Sprintf("too_long is error or truncate, not %q", s.TooLong), "", at("too_long")...)
	case s.MaxLength < 0:
		c.problem("max_length is negative", "", at("max_length")...)
	case len(s.Const) > 0 && s.Read != "":
		c.problem("a constant is written and never read", "", at("const")...)
	}
	switch {
	case s.Read != "" || s.Write != "":
		f.read, f.write = c.pointer(s.Read, at("read")...), c.pointer(s.Write, at("write")...)
	case s.At != "":
		f.read = c.pointer(s.At, at("at")...)
		f.write = f.read
	default:
		f.read = pointer{name}
		f.write = f.read
	}
	if len(s.Const) > 0 {
		f.read = nil
	}
	f.in, f.out = make(map[string]json.RawMessage, len(s.Values)), make(map[string]json.RawMessage, len(s.Values))
	for _, v := range s.Values {
		canonical, local := scalar(v.Canonical), scalar(v.Local)
		if _, twice := f.out[canonical]; twice {
			c.problem(fmt.Sprintf("the canonical value %s is there twice", v.Canonical), "", at("values")...)
		}
		f.out[canonical] = json.RawMessage(v.Local)
		if _, taken := f.in[local]; !taken { // of several canonical values that are one at this site the first comes back
			f.in[local] = json.RawMessage(v.Canonical)
		}
	}
	return f
}

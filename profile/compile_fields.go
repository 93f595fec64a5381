package profile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// fields compiles the mapping between the record and the canonical fields.
func (c *compiler) fields(out *Collection, s CollectionSpec) {
	out.null = nullOf(s.Null)
	if out.only = s.Others == "drop"; s.Others != "" && s.Others != "drop" && s.Others != "pass" {
		c.problem(fmt.Sprintf("others is pass or drop, not %q", s.Others), "", "others")
	}
	out.named = make(map[string]*field, len(s.Fields))
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		f := c.field(name, s.Fields[name], s)
		out.named[name] = f
		if f.fixed != nil && f.write != nil {
			out.fixed = append(out.fixed, f)
		}
		if f.in != nil && !f.in.Sees(seesValue) {
			out.computed = append(out.computed, f)
		}
		if f.out != nil && (f.out.Sees(seesFields) || !f.out.Sees(seesValue)) {
			out.derived = append(out.derived, f)
		}
	}
	if s.Stamp != nil {
		out.stamp.owner, out.stamp.version = c.place(s.Stamp.Owner, "stamp", "owner"), c.place(s.Stamp.Version, "stamp", "version")
		out.stamp.request, out.stamp.state = c.place(s.Stamp.Request, "stamp", "request"), c.place(s.Stamp.State, "stamp", "state")
	}
	marks := out.marks()
	hidden := append(marks[:len(marks):len(marks)], c.parentAt(out, s)...)
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
			if !slices.ContainsFunc(out.id.at, p.equal) {
				out.kept = append(out.kept, p)
				if l.key == "read_only" {
					out.apiOwn = append(out.apiOwn, p)
				}
			}
			if l.key != "read_only" {
				out.own = append(out.own, p)
			}
			if out.created == nil && l.key == "read_only" && strings.HasPrefix(strings.ToLower(p[len(p)-1]), "creat") {
				out.created = p
			}
		}
	}
	hidden = append(hidden, out.id.at...)
	for _, name := range slices.Sorted(maps.Keys(out.named)) {
		if f := out.named[name]; f.mute && f.write != nil && !f.hidden {
			out.kept = append(out.kept, f.write)
		}
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
		if key == "read_only" && f.fixed != nil {
			c.problem("the field "+f.name+" is a constant, which is written, and is read-only", "take it out of one of them", key)
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
		case f.in != nil && !f.in.Sees(seesValue): // it is read of others
			elsewhere = append(elsewhere, p)
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
func (c *compiler) field(name string, s FieldSpec, in CollectionSpec) *field {
	f := &field{name: name, strict: s.Strict, most: s.MaxLength, truncate: s.TooLong == "truncate", fixed: json.RawMessage(s.Const),
		preset: json.RawMessage(s.Default)}
	at := func(key string) []string { return []string{"fields", name, key} }
	switch {
	case s.At != "" && (s.Read != "" || s.Write != ""):
		c.problem("a field has at, or read and write, not both", "", at("at")...)
	case s.TooLong != "" && s.TooLong != "error" && s.TooLong != "truncate":
		c.problem(fmt.Sprintf("too_long is error or truncate, not %q", s.TooLong), "", at("too_long")...)
	case s.MaxLength < 0:
		c.problem("max_length is negative", "", at("max_length")...)
	case len(s.Const) > 0 && s.Read != "":
		c.problem("a constant is written and never read", "", at("const")...)
	case len(s.Const) > 0 && len(s.Default) > 0:
		c.problem("a constant is always written and needs no default", "", at("default")...)
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
	if f.search = s.Search; strings.ContainsFunc(s.Search, unicode.IsControl) {
		c.problem("the name of a field in searches is one line", "as in search: cf_2", at("search")...)
	}
	f.late, f.once = s.Create != nil && !*s.Create, s.Update != nil && !*s.Update
	if f.late && f.once {
		c.problem("the field is taken neither when a record is made nor later", "say read: alone where it is only read", at("update")...)
	}
	if f.set = c.setter(name, s.Set, in); f.set != nil {
		f.write = nil
	}
	c.values(f, s.Values)
	c.shape(f, s, in)
	c.formula(f, s)
	if _, err := f.written(f.preset, nil); len(f.preset) > 0 && err != nil && (f.out == nil || !f.out.Sees(seesFields)) {
		c.problem("the default cannot be written here: "+err.Error(), "a default is a value as the network has it", at("default")...)
	}
	return f
}

// values compiles what is another value here.
func (c *compiler) values(f *field, s Values) {
	f.values = translation{in: make(map[string]json.RawMessage, len(s)), out: make(map[string]json.RawMessage, len(s)), list: s}
	for _, v := range s {
		canonical, local := scalar(v.Canonical), scalar(v.Local)
		if _, twice := f.values.out[canonical]; twice {
			c.problem(fmt.Sprintf("the canonical value %s is there twice", v.Canonical), "", "fields", f.name, "values")
		}
		f.values.out[canonical] = json.RawMessage(v.Local)
		if _, taken := f.values.in[local]; !taken { // of several canonical values that are one at this site the first comes back
			f.values.in[local] = json.RawMessage(v.Canonical)
		}
	}
}

// shapeOf compiles how values of a type are here, in one direction; other is how they are in the other one.
func (c *compiler) shapeOf(f *field, s FieldSpec, as, other string) shape {
	at := func(key string) []string { return []string{"fields", f.name, key} }
	switch s.Type {
	case "":
		if as != "" {
			c.problem("as belongs to a type", "as in type: time", at("as")...)
		}
		return nil
	case "time":
		zone := s.Zone
		if as != other && (as == inSeconds || as == inMillis) {
			zone = "" // it is that of the other
		}
		t, key, err := timeFormat(as, zone)
		if err != nil {
			c.problem(err.Error(), `as in as: "2006-01-02 15:04:05" (that moment as it is written here), as: unix, zone: Europe/Paris`, at(key)...)
		}
		return t
	case "list":
		between, ok := separators()[as]
		if !ok && as != "" {
			c.problem(fmt.Sprintf("a list is comma, semicolon, space or lines here, not %q", as), "or a list, without as", at("as")...)
		}
		return listShape{between}
	case typeText, typeInteger, typeNumber, typeBoolean:
		as = cmp.Or(as, s.Type)
		if !slices.Contains([]string{typeText, typeInteger, typeNumber, typeBoolean}, as) {
			c.problem(fmt.Sprintf("a field of type %s is text, integer, number or boolean here, not %q", s.Type, as), "", at("as")...)
		}
		return scalarShape{s.Type, as}
	}
	c.problem(fmt.Sprintf("%q is no type", s.Type), "the types are text, integer, number, boolean, time and list", at("type")...)
	return nil
}

// shape compiles type, as, zone, none and null.
func (c *compiler) shape(f *field, s FieldSpec, in CollectionSpec) {
	at := func(key string) []string { return []string{"fields", f.name, key} }
	f.null = nullOf(in.Null)
	if f.shape = c.shapeOf(f, s, s.As.Write, s.As.Read); s.As.Read != s.As.Write {
		f.shown = c.shapeOf(f, s, s.As.Read, s.As.Write)
	}
	if t, ok := f.shape.(timeShape); ok && s.None != "" {
		f.null = noTime(s.None, t)
	}
	if s.Type != "time" && (s.Zone != "" || s.None != "") {
		c.problem("zone and none belong to times", "as in type: time", at(map[bool]string{true: "zone", false: "none"}[s.Zone != ""])...)
	}
	if s.Null != nil {
		f.null = nullOf(s.Null)
	}
}

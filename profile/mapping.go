package profile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// FromCall maps the body of a client's call to canonical fields: the record is taken out of the call's envelope, and what has no
// canonical form is left out. body must have passed CheckJSON. The error has Kind Invalid: the envelope is missing.
func (c *Collection) FromCall(body []byte) (request.Fields, error) {
	record, ok := lookup(body, c.envelope.call)
	if !ok || !isObject(record) {
		return nil, &request.Error{Op: "profile.FromCall", Kind: request.Invalid,
			Detail: fmt.Sprintf("the body has no JSON object at %q, where this API expects the record", c.envelope.call)}
	}
	return c.canonical(c.unmarked(c.external.write, record), c.writing, func(f *field) pointer { return f.write }), nil
}

// FromRecord maps a record as the API answers it, out of its envelope, to canonical fields. The error has Kind Doubtful: the
// record is not a JSON object.
func (c *Collection) FromRecord(record []byte) (request.Fields, error) {
	if !valid(record) || !isObject(record) {
		return nil, &request.Error{Op: "profile.FromRecord", Kind: request.Doubtful, Detail: "the API's record is not a JSON object"}
	}
	return c.canonical(c.unmarked(c.external.read, record), c.reading, func(f *field) pointer { return f.read }), nil
}

// Expect is what FromRecord will give for a record that was made of f: without what this site does not hold, and in the values
// that it can hold. Compare with it, not with f, what was read after a write. A value that this site cannot be given is expected as
// it is: only the site itself can have made it.
func (c *Collection) Expect(f request.Fields) request.Fields {
	r := &record{members: make([]request.Field, 0, len(f))}
	var alone request.Fields
	for _, x := range f {
		if err := c.put(r, nil, x); err != nil {
			alone = append(alone, x)
		}
	}
	// The body has the shape of writing; where reading differs, the field's value takes the same way in both directions.
	out := c.canonical(c.unmarked(c.external.write, request.Fields(r.members).AppendJSON(nil)), c.writing, func(f *field) pointer { return f.write })
	out = append(out, c.expectSet(f)...)
	return slices.DeleteFunc(append(out, alone...), func(x request.Field) bool {
		named := c.named[x.Name]
		// With a default it depends on the call whether a record shows no value.
		return named != nil && (named.read == nil || named.preset != nil && isNull(x.Value))
	})
}

// canonical reads a valid record by one of the indexes.
func (c *Collection) canonical(record []byte, ix index, place func(*field) pointer) request.Fields {
	out := make(request.Fields, 0, 16)
	members(record, func(m member) bool {
		value := record[m.from:m.until:m.until]
		t := ix[m.name]
		switch {
		case t == nil:
			if c.named[m.name] == nil { // else the name is that of a field which is somewhere else
				out = append(out, request.Field{Name: m.name, Value: c.unnamed(value)})
			}
		case len(t.fields) > 0:
			for _, f := range t.fields {
				if raw, ok := lookup(value, place(f)[1:]); ok {
					out = append(out, request.Field{Name: f.name, Value: f.toCanonical(raw)})
				}
			}
		case !t.hidden && c.named[m.name] == nil:
			if rest, any := t.visible(value); any {
				out = append(out, request.Field{Name: m.name, Value: c.unnamed(rest)})
			}
		}
		return true
	})
	return out
}

// unnamed is the value of a field that the profile says nothing of.
func (c *Collection) unnamed(value []byte) json.RawMessage {
	if c.null.is(value) {
		return json.RawMessage("null")
	}
	return slices.Clone(value)
}

// visible is the value of a member without its hidden parts; ok is false where it is only there for them.
func (t *top) visible(value []byte) (rest []byte, ok bool) {
	rest = value
	for _, p := range t.strip {
		rest = remove(rest, p)
	}
	return rest, len(rest) == len(value) || !empty(rest)
}

// empty reports whether an object or a list has nothing in it.
func empty(text []byte) bool {
	none := isObject(text) || isList(text)
	members(text, func(member) bool { none = false; return false })
	return none
}

// record is a record in the making: the members at its top, in order.
type record struct {
	members []request.Field
}

func (r *record) get(name string) (json.RawMessage, bool) { return request.Fields(r.members).Get(name) }

func (r *record) set(p pointer, value json.RawMessage) error {
	for i := range r.members {
		if m := &r.members[i]; m.Name == p[0] {
			v, err := splice(m.Value, p[1:], value)
			if err != nil {
				return &request.Error{Op: "profile", Kind: request.Invalid, Detail: "there is no place for " + p.String() + " in the record"}
			}
			m.Value = v
			return nil
		}
	}
	r.members = append(r.members, request.Field{Name: p[0], Value: nest(p[1:], value)})
	return nil
}

// begin takes the member at the top in which p lies from a record as it is, so that what else is in it is kept.
func (r *record) begin(current []byte, p pointer) {
	if _, begun := r.get(p[0]); begun || len(p) == 1 {
		return
	}
	was, ok := lookup(current, p[:1])
	if ok && (isObject(was) && !isSelector(p[1]) || isList(was) && isSelector(p[1])) && !empty(was) {
		r.members = append(r.members, request.Field{Name: p[0], Value: slices.Clone(was)})
	}
}

// body makes the members of a record out of canonical fields. current is the record that it replaces, nil when there is none or
// it is only changed: parts of a member that no field speaks of are taken from there.
func (c *Collection) body(current []byte, f request.Fields) (*record, error) {
	r := &record{members: make([]request.Field, 0, len(f)+4)}
	for _, x := range f {
		if err := c.put(r, current, x); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// put writes one canonical field into a record, if this site holds it. The error has Kind Invalid: it cannot hold its value.
func (c *Collection) put(r *record, current []byte, x request.Field) error {
	named, t := c.named[x.Name], c.writing[x.Name]
	if named == nil {
		value, ok := []byte(x.Value), true
		if t != nil {
			value, ok = t.visible(value)
		}
		if isNull(value) {
			value = c.null.write()
		}
		if ok && value != nil && (t == nil || !t.hidden && len(t.fields) == 0) {
			r.members = append(r.members, request.Field{Name: x.Name, Value: value})
		}
		return nil
	}
	if named.hidden || named.write == nil || named.fixed != nil {
		return nil
	}
	value, err := named.written(x.Value)
	if err != nil || value == nil {
		return err
	}
	if current != nil {
		r.begin(current, named.write)
	}
	return r.set(named.write, value)
}

// wholeBody is body for a record that is made or replaced: with the constants and defaults, and refused without what is required.
func (c *Collection) wholeBody(current []byte, f request.Fields) (*record, error) {
	f = c.defaults(f)
	for _, name := range c.required {
		if v, ok := f.Get(name); !ok || isNull(v) {
			return nil, wrongField(name, "this site requires it")
		}
	}
	if current != nil {
		current = c.without(current, f)
	}
	r, err := c.body(current, f)
	if err != nil {
		return nil, err
	}
	if current != nil {
		for _, name := range slices.Sorted(maps.Keys(c.named)) {
			if named := c.named[name]; named.write != nil && !named.hidden {
				r.begin(current, named.write)
			}
		}
	}
	for _, named := range c.fixed {
		if err := r.set(named.write, named.fixed); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// defaults are canonical fields with the defaults of those that have no value.
func (c *Collection) defaults(f request.Fields) request.Fields {
	for _, name := range slices.Sorted(maps.Keys(c.named)) {
		if preset := c.named[name].preset; preset != nil {
			if v, ok := f.Get(name); !ok || isNull(v) {
				f = f.With(name, preset)
			}
		}
	}
	return f
}

// without is a record without the fields that are not in f: what replaces it must not take them over.
func (c *Collection) without(current []byte, f request.Fields) []byte {
	for name, named := range c.named {
		if _, ok := f.Get(name); ok || named.write == nil || named.hidden {
			continue
		}
		current = remove(current, named.write)
	}
	return current
}

package profile

import (
	"encoding/json"
	"fmt"
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
	return c.view(c.unmarked(c.external.read, record), c.reading, func(f *field) pointer { return f.read }, true), nil
}

// Expect is what FromRecord will give for a record that was made of f: without what this site does not hold, and in the values
// that it can hold. Compare with it, not with f, what was read after a write. A value that this site cannot be given is expected as
// it is: only the site itself can have made it. What depends on more than f is left out.
func (c *Collection) Expect(f request.Fields) request.Fields {
	var alone request.Fields
	r, _ := c.compose(making{fields: f, refused: func(x request.Field) { alone = append(alone, x) }}) // which leaves no error
	// The body has the shape of writing; where reading differs, the field's value takes the same way in both directions.
	out := c.canonical(c.unmarked(c.external.write, request.Fields(r.members).AppendJSON(nil)), c.writing, func(f *field) pointer { return f.write })
	out = append(out, c.expectSet(f)...)
	return slices.DeleteFunc(append(out, alone...), func(x request.Field) bool {
		named := c.named[x.Name]
		switch {
		case named == nil:
			return false
		case named.read == nil, named.out != nil && !toldBy(named.out, f):
			return true
		}
		return named.preset != nil && isNull(x.Value) // it depends on the call whether a record shows no value
	})
}

// canonical reads a valid record that may be a part of one, by one of the indexes.
func (c *Collection) canonical(record []byte, ix index, place func(*field) pointer) request.Fields {
	return c.view(record, ix, place, false)
}

// view reads a valid record by one of the indexes. whole says that what is not in it is not there; else a field that depends on
// something that is not in it is left out.
func (c *Collection) view(record []byte, ix index, place func(*field) pointer, whole bool) request.Fields {
	out := make(request.Fields, 0, 16)
	from := &source{record: record, whole: whole, written: !whole}
	add := func(f *field, raw []byte) {
		if value, told := f.toCanonical(raw, from); told {
			out = append(out, request.Field{Name: f.name, Value: value})
		}
	}
	members(record, func(m member) bool {
		value := record[m.from:m.until:m.until]
		t := ix[m.name]
		switch {
		case t == nil:
			if c.named[m.name] == nil && !c.only { // else the name is that of a field which is somewhere else
				out = append(out, request.Field{Name: m.name, Value: c.unnamed(value)})
			}
		case len(t.fields) > 0:
			for _, f := range t.fields {
				if raw, ok := lookup(value, place(f)[1:]); ok && f.fixed == nil { // a constant is no value of the request's
					add(f, raw)
				}
			}
		case !t.hidden && c.named[m.name] == nil && !c.only:
			if rest, any := t.visible(value); any {
				out = append(out, request.Field{Name: m.name, Value: c.unnamed(rest)})
			}
		}
		return true
	})
	for _, f := range c.computed {
		if f.read != nil && !f.hidden {
			add(f, nil)
		}
	}
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

package profile

import (
	"encoding/json"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// Rides reports whether clients make records of this collection by another call, in which they ride: only a list shows them.
func (c *Collection) Rides() bool { return c.rides }

// Complete reports whether canonical fields have all that is required here. An entry of a list that has not is of another kind.
func (c *Collection) Complete(f request.Fields) bool {
	for _, name := range c.required {
		if v, ok := f.Get(name); !ok || isNull(v) || string(v) == `""` {
			return false
		}
	}
	return true
}

// parentAt compiles where a child names its parent, and gives the places: no canonical field is there.
func (c *compiler) parentAt(out *Collection, s CollectionSpec) []pointer {
	if s.ParentAt == nil {
		return nil
	}
	out.parentAt.read, out.parentAt.write = c.pointer(s.ParentAt.Read, "parent_at", "read"), c.pointer(s.ParentAt.Write, "parent_at", "write")
	switch {
	case s.Parent == "":
		c.problem("the collection says of no parent", "as in parent: tickets", "parent")
	case out.parentAt.write == nil:
		c.problem("it is not said where the parent's id is written", "as in parent_at: /ticket_id", "parent_at", "write")
	case s.ParentAt.As != "" && s.ParentAt.As != "text" && s.ParentAt.As != "number":
		c.problem("as is text or number", "", "parent_at", "as")
	}
	out.parentAt.number = s.ParentAt.As == "number"
	var places []pointer
	for _, p := range []pointer{out.parentAt.read, out.parentAt.write} {
		if p != nil {
			places = append(places, p)
		}
	}
	if out.parentAt.write != nil {
		out.kept = append(out.kept, out.parentAt.write)
	}
	return places
}

// parentValue is a parent's id as a record has it.
func (c *Collection) parentValue(local string) json.RawMessage {
	if n, ok := number(local); c.parentAt.number && ok && n != "" {
		return json.RawMessage(local)
	}
	return request.Quote(local)
}

// setParent names the parent in a record that is made.
func (c *Collection) setParent(r *record) error {
	if c.parentAt.write == nil || c.under == "" {
		return nil
	}
	return r.set(c.parentAt.write, c.parentValue(c.under))
}

// ParentIn is the id of the parent that the body of a client's call names, JSON or a form; "" when the address does, or nothing does.
func (c *Collection) ParentIn(body []byte) string {
	if c.parentAt.write == nil {
		return ""
	}
	record, ok := c.as(Create).inner(body)
	if !ok {
		return ""
	}
	for _, p := range []pointer{c.parentAt.write, c.parentAt.read} {
		if raw, ok := lookup(record, p); ok && p != nil && (isString(raw) || digits(string(raw))) {
			return unquoted(raw)
		}
	}
	return ""
}

// WithParent is the body of a client's call that makes a child, with another id of its parent. The error has Kind Invalid.
func (c *Collection) WithParent(body []byte, local string) ([]byte, error) {
	if c.parentAt.write == nil {
		return body, nil
	}
	at := slices.Concat(c.as(Create).envelope.call, c.parentAt.write)
	if !isObject(body) {
		if _, err := parseForm(body, mostLevels); err == nil {
			return putForm(body, at, local), nil
		}
	}
	out, err := splice(body, at, c.parentValue(local))
	if err != nil {
		return nil, noPlace(c.parentAt.write)
	}
	return out, nil
}

// Verbatim reports whether records of this site say fields as the network does, under the same names and in the same values.
func (c *Collection) Verbatim() bool {
	return len(c.named) == 0 && !c.only && len(c.own) == 0 && c.null.literal == nil && !c.null.omit
}

// ParentOf is the id of the parent that a child's record names; "" when it names none.
func (c *Collection) ParentOf(record []byte) string {
	p := c.parentAt.read
	if p == nil {
		p = c.parentAt.write
	}
	raw, ok := lookup(record, p)
	if p == nil || !ok || !isString(raw) && !digits(string(raw)) {
		return ""
	}
	return unquoted(raw)
}

// Shown tells from the answer to a list whether the API shows the collection: known is false where it says nothing about that, since
// it may have no such list.
func (c *Collection) Shown(a request.Answer) (shown, known bool) {
	switch s := a.Status; {
	case s >= 200 && s < 300:
		return true, true
	case s == 401 || s == 403:
		return false, true
	case s == 400 || s == 405 || s == 501 || c.assumed && s != 429 && s < 500:
		return true, false
	}
	return false, true
}

// VersionSaid is the API's own version that a client's body names, as JSON text; "" where it names none or the API has none there.
func (c *Collection) VersionSaid(body []byte) string {
	if len(c.version) == 0 {
		return ""
	}
	record, ok := c.inner(body)
	if !ok {
		return ""
	}
	if raw, ok := c.versionIn(record); ok && !isNull(raw) {
		return string(raw)
	}
	return ""
}

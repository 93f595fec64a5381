package profile

import (
	"bytes"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// mark is one thing that the gateway writes into a record.
type mark struct {
	at    pointer
	value string
	// may tells of a text that the client wrote there whether it may have read it in this very record.
	may func(text string) bool
}

// marksFor are what is written into a record for a call of the verb. known says that the record carries the external id already.
func (c *Collection) marksFor(v Verb, m Marks, known bool) []mark {
	if m.Request == "" {
		return nil
	}
	exactly := func(want string) func(string) bool { return func(s string) bool { return s == want } }
	var out []mark
	add := func(at pointer, value string, may func(string) bool) {
		if at != nil && value != "" {
			out = append(out, mark{at, value, may})
		}
	}
	if c.external.marker == nil && (v != Update || !known) {
		add(c.external.write, string(m.Request), exactly(string(m.Request)))
	}
	add(c.stamp.request.write, string(m.Request), exactly(string(m.Request)))
	add(c.stamp.owner.write, string(m.Owner), exactly(string(m.Owner)))
	add(c.stamp.state.write, m.State, func(s string) bool { // before ownership moved it was the other
		return s == m.State || s == string(request.Owner) || s == string(request.Copy)
	})
	add(c.stamp.version.write, m.Version.Mark(), func(s string) bool {
		was, err := request.ParseMark(s)
		return err == nil && !was.IsZero() && !was.After(m.Version) // an older one was read before
	})
	return out
}

// Stamps reports whether the gateway writes what it knows of a request into records of this collection.
func (c *Collection) Stamps() bool {
	return c.stamp.owner.write != nil || c.stamp.version.write != nil || c.stamp.request.write != nil || c.stamp.state.write != nil
}

// StampCall writes the stamps into a record and nothing else. ok is false when there is nothing to write: the profile has no
// stamps, or the marks say nothing.
func (c *Collection) StampCall(local string, m Marks) (call request.Call, ok bool) {
	if !c.Stamps() || c.calls[Update] == nil {
		return request.Call{}, false
	}
	r := &record{}
	for _, x := range c.marksFor(Update, m, true) {
		if r.set(x.at, request.Quote(x.value)) != nil {
			return request.Call{}, false
		}
	}
	if len(r.members) == 0 {
		return request.Call{}, false
	}
	return c.merging(local, r, Current{})
}

func (c *Collection) splice(v Verb, body []byte, m Marks, known bool) ([]byte, error) {
	if !valid(body) || !isObject(body) {
		return nil, &request.Error{Op: "profile.Splice", Kind: request.Invalid, Detail: "the body is not a JSON object"}
	}
	inner, ok := lookup(body, c.envelope.call)
	if !ok || !isObject(inner) {
		return nil, c.notRecord()
	}
	if err := c.reserved(v, inner, m); err != nil {
		return nil, err
	}
	if c.external.marker != nil && m.Request != "" {
		out, err := c.spliceMarker(v, body, slices.Concat(c.envelope.call, c.external.write), m.Request)
		if err != nil {
			return nil, err
		}
		body = out
	}
	for _, x := range c.marksFor(v, m, known) {
		at := slices.Concat(c.envelope.call, x.at)
		quoted := request.Quote(x.value)
		if was, ok := lookup(body, at); ok && isString(was) && unquote(was) == x.value {
			continue
		}
		out, err := splice(body, at, quoted)
		if err != nil {
			return nil, &request.Error{Op: "profile.Splice", Kind: request.Invalid, Detail: "there is no place for " + x.at.String() + " in the body"}
		}
		body = out
	}
	return body, nil
}

// reserved refuses a record in which the client wrote what only the gateway may.
func (c *Collection) reserved(v Verb, record []byte, m Marks) error {
	former := c.former(record, m)
	for _, x := range c.marksFor(v, m, false) {
		was, ok := lookup(record, x.at)
		if !ok || v != Update && (isNull(was) || string(bytes.TrimSpace(was)) == `""`) {
			continue
		}
		if !isString(was) || !x.may(unquote(was)) && !(x.at.equal(c.stamp.owner.write) && former != "" && unquote(was) == string(former)) {
			return &request.Error{Op: "profile.Splice", Kind: request.Reserved, Request: m.Request,
				Detail: "the field " + x.at.String() + " belongs to the gateway; leave it out"}
		}
	}
	return nil
}

// former is the owner of whom a client may have read in a record that it now writes as a whole: the one in whose epoch the version
// is that it wrote beside it. "" when it shows no earlier version.
func (c *Collection) former(record []byte, m Marks) request.Site {
	if c.stamp.version.write == nil {
		return ""
	}
	raw, _ := lookup(record, c.stamp.version.write)
	was, err := request.ParseMark(unquote(raw))
	if err != nil || was.After(m.Version) {
		return ""
	}
	return was.Epoch.Site
}

// Stamp reads what the gateway wrote into a record; ok=false when it carries nothing of it. What cannot be read is left zero.
func (c *Collection) Stamp(record []byte) (m Marks, ok bool) {
	if !valid(record) || !isObject(record) {
		return Marks{}, false
	}
	text := func(p pointer) string {
		if p == nil {
			return ""
		}
		raw, _ := lookup(record, p)
		return unquote(raw)
	}
	for _, p := range []pointer{c.stamp.request.read, c.external.read} {
		if id, err := request.ParseID(text(p)); err == nil && m.Request == "" {
			m.Request = id
		}
	}
	if mark := c.external.marker; mark != nil && m.Request == "" {
		if raw, ok := lookup(record, c.external.read); ok {
			if ids := mark.ids(raw); len(ids) == 1 {
				m.Request = ids[0]
			}
		}
	}
	m.Version, _ = request.ParseMark(text(c.stamp.version.read))
	m.Owner, m.State = request.Site(text(c.stamp.owner.read)), text(c.stamp.state.read)
	return m, m != Marks{}
}

package profile

import (
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// The kinds of bodies of writes.
const (
	merge   = "merge"
	full    = "full"
	patched = "json-patch"
)

// The media types of own calls.
const (
	typeJSON  = "application/json"
	typePatch = "application/json-patch+json"
	typeForm  = "application/x-www-form-urlencoded"
)

// payload is what goes into the body of a write.
type payload struct {
	verb   Verb
	record *record
	now    Current
	local  string
}

// setBody writes a record into the body of a call: within its envelope and with what stands beside it, or as a patch, in the encoding
// of the API. The error has Kind Invalid: there is no place for something of it.
func (c *Collection) setBody(call *request.Call, in payload) error {
	k := c.calls[in.verb]
	if k.body == patched {
		version, outside := c.versionFor(in)
		c.encode(call, k, c.patch(in, version, outside))
		return nil
	}
	body, err := c.bodyOf(in)
	if err == nil {
		c.encode(call, k, body)
	}
	return err
}

// versionFor is the version that a write names, nil for none; outside says that answers have it beside the record.
func (c *Collection) versionFor(in payload) (version []byte, outside bool) {
	_, inside := c.versionIn(in.now.Record)
	outside = in.now.Record != nil && !inside
	if in.verb == Create || len(c.version) == 0 || c.besides() { // what the profile says to write with {version} is all that is written of it
		return nil, outside
	}
	return c.versionOf(in.now), outside
}

// bodyOf is the JSON text of a write.
func (c *Collection) bodyOf(in payload) (body []byte, err error) {
	version, outside := c.versionFor(in)
	if version != nil && !outside {
		if err := in.record.set(c.version[0], version); err != nil {
			return nil, err
		}
	}
	if k := c.calls[in.verb]; in.verb == Create && len(k.send) > 0 {
		body, err = c.sent(k, in)
	} else {
		body = nest(c.envelope.call, request.Fields(in.record.members).AppendJSON(nil))
	}
	if version != nil && outside {
		if body, err = splice(body, c.versionPlace(true), version); err != nil {
			return nil, noPlace(c.version[0])
		}
	}
	v := c.vars(in.local, in.now)
	for _, x := range c.with {
		names := namesIn(x.value)
		if err != nil || in.verb == Create && (slices.Contains(names, "id") || slices.Contains(names, "version")) {
			continue
		}
		if body, err = splice(body, x.at, fillJSON(x.value, v)); err != nil {
			return nil, noPlace(x.at)
		}
	}
	return body, err
}

func noPlace(p pointer) error {
	return &request.Error{Op: "profile", Kind: request.Invalid, Detail: "there is no place for " + p.String() + " in the body"}
}

// encode makes JSON text the body of a call, in the encoding of the API, and says which that is.
func (c *Collection) encode(call *request.Call, k *call, body []byte) {
	t, form := c.style.contentType, c.style.form
	switch {
	case k.contentType != "":
		t = k.contentType
		if media, _, err := mime.ParseMediaType(t); err == nil {
			form = media == typeForm
		}
	case k.body == patched:
		t, form = typePatch, false
	}
	if t == "" && form {
		t = typeForm
	} else if t == "" {
		t = typeJSON
	}
	if call.Body = body; form {
		call.Body = formOf(body)
	}
	call.Header["Content-Type"] = []string{t}
}

// formOf writes a JSON object as a form: ticket[subject]=x, ticket[tags][]=a, and no value for null.
func formOf(body []byte) []byte {
	var out []byte
	var walk func(name string, raw []byte)
	add := func(name, value string) {
		if len(out) > 0 {
			out = append(out, '&')
		}
		out = append(out, url.QueryEscape(name)...)
		out = append(out, '=')
		out = append(out, url.QueryEscape(value)...)
	}
	walk = func(name string, raw []byte) {
		if raw[0] != '{' && raw[0] != '[' {
			add(name, plainText(raw))
			return
		}
		none := true
		members(raw, func(m member) bool {
			none = false
			inner := name + "[" + m.name + "]"
			switch {
			case raw[0] == '[':
				inner = name + "[]"
			case name == "":
				inner = m.name
			}
			walk(inner, raw[m.from:m.until])
			return true
		})
		if none && raw[0] == '[' && name != "" {
			add(name+"[]", "") // a list that is empty is no list that was left out
		}
	}
	walk("", body)
	return out
}

// plainText is a scalar as it stands in a form.
func plainText(raw []byte) string {
	switch {
	case isString(raw):
		return unquote(raw)
	case isNull(raw):
		return ""
	}
	return string(raw)
}

// patch is a record as a JSON patch (RFC 6902): against the state as it is now where that is known, and with a test of its version.
func (c *Collection) patch(in payload, version []byte, outside bool) []byte {
	root := c.envelope.call
	p := &patch{}
	for _, h := range slices.Concat(c.kept, c.marks()) {
		p.hidden = append(p.hidden, patchPath(slices.Concat(root, h)))
	}
	if version != nil {
		p.add("test", patchPath(c.versionPlace(outside)), version)
	}
	places := c.places()
	for _, m := range in.record.members {
		at := slices.Concat(root, pointer{m.Name})
		was, ok := []byte(nil), false
		if in.now.Record != nil {
			was, ok = lookup(in.now.Record, pointer{m.Name})
		}
		switch {
		case ok:
			p.change(patchPath(at), was, m.Value)
		case in.now.Record == nil && slices.Contains(places, "/"+escapeName(m.Name)):
			p.leaves(patchPath(at), "/"+escapeName(m.Name), m.Value, places)
		case !isNull(m.Value):
			p.add("add", patchPath(at), m.Value)
		}
	}
	return append(append([]byte{'['}, p.out...), ']')
}

// patchPath is a pointer as a JSON patch has it.
func patchPath(p pointer) string {
	var b strings.Builder
	for _, name := range p {
		b.WriteString("/" + escapeName(name))
	}
	return b.String()
}

func escapeName(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

// places are the objects, as pointers, in which something of the record is by itself.
func (c *Collection) places() []string {
	var out []string
	add := func(p pointer) {
		for n := 1; n < len(p); n++ {
			out = append(out, patchPath(p[:n]))
		}
	}
	for _, f := range c.named {
		add(f.write)
	}
	for _, p := range c.marks() {
		add(p)
	}
	return out
}

// patch is a JSON patch in the making.
type patch struct {
	out    []byte
	hidden []string
}

func (p *patch) add(op, at string, value []byte) {
	if len(p.out) > 0 {
		p.out = append(p.out, ',')
	}
	p.out = append(p.out, `{"op":"`+op+`","path":`...)
	p.out = appendQuoted(p.out, at)
	if value != nil {
		p.out = append(append(p.out, `,"value":`...), value...)
	}
	p.out = append(p.out, '}')
}

// change makes was, which is at a place of the record, value. What the record has for itself at hidden places stays.
func (p *patch) change(at string, was, value []byte) {
	switch {
	case equal(was, value):
	case isNull(value):
		p.add("remove", at, nil)
	case !isObject(was) || !isObject(value):
		p.add("replace", at, value)
	default:
		members(value, func(m member) bool {
			inner := at + "/" + escapeName(m.name)
			if x, before := find(was, m.name); before {
				p.change(inner, was[x.from:x.until], value[m.from:m.until])
			} else if !isNull(value[m.from:m.until]) {
				p.add("add", inner, value[m.from:m.until])
			}
			return true
		})
		members(was, func(m member) bool {
			inner := at + "/" + escapeName(m.name)
			if _, after := find(value, m.name); !after && !slices.ContainsFunc(p.hidden, func(h string) bool { return h == inner || strings.HasPrefix(h, inner+"/") }) {
				p.add("remove", inner, nil)
			}
			return true
		})
	}
}

// leaves adds what is in an object that may be there already, member by member as far as something of it is by itself.
func (p *patch) leaves(at, within string, value []byte, places []string) {
	if !isObject(value) || !slices.Contains(places, within) {
		if !isNull(value) {
			p.add("add", at, value)
		}
		return
	}
	members(value, func(m member) bool {
		name := "/" + escapeName(m.name)
		p.leaves(at+name, within+name, value[m.from:m.until], places)
		return true
	})
}

package profile

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// Current is what is known of a record before it is written: the record out of its envelope, and its version, which is an ETag or,
// where the API keeps the version in the record, that member's JSON text. The zero value is a record that was not read.
type Current struct {
	Record  []byte
	Version string
}

// NeedsCurrent reports whether a call of the verb cannot be made without Current: the API only replaces whole records, or wants the
// version that is to be changed.
func (c *Collection) NeedsCurrent(v Verb) bool {
	k := c.calls[v]
	switch {
	case k == nil:
		return false
	case v == Replace:
		return true
	case v == Update:
		return k.body != merge || c.etag || c.external.marker != nil || len(c.version) > 0 || k.has("version")
	case v == Delete:
		return c.etag || k.has("version")
	}
	return false
}

// Under is the collection of the children of one record, known by its local id. A collection without parent is itself.
func (c *Collection) Under(parent string) *Collection {
	if c.parent == "" {
		return c
	}
	out := *c
	out.under = parent
	return &out
}

// Parent is the name of the collection whose records this one's belong to, "" when there is none.
func (c *Collection) Parent() string { return c.parent }

// CreateCall makes a record of canonical fields, with its marks. The error has Kind Invalid: this site cannot hold the fields.
func (c *Collection) CreateCall(f request.Fields, m Marks) (request.Call, error) {
	r, err := c.wholeBody(nil, f)
	if err != nil {
		return request.Call{}, err
	}
	return c.write(Create, "", r, m, Current{})
}

// UpdateCall merges canonical fields into a record. now is the state to be changed, where NeedsCurrent says so. The error has Kind
// Invalid: this site cannot hold the fields.
func (c *Collection) UpdateCall(local string, f request.Fields, m Marks, now Current) (request.Call, error) {
	k := c.calls[Update]
	if k == nil {
		return request.Call{}, cannot(Update)
	}
	var r *record
	var err error
	switch k.body {
	case full:
		r, err = c.overlaid(now.Record, f)
	case patched:
		r, err = c.body(now.Record, f)
	default:
		r, err = c.body(nil, f)
	}
	if err != nil {
		return request.Call{}, err
	}
	return c.write(Update, local, r, m, now)
}

// ReplaceCall makes the record exactly f. What is this site's own (read-only, local and dropped members) is kept as it is now. The
// error has Kind Invalid: this site cannot hold the fields, or cannot replace.
func (c *Collection) ReplaceCall(local string, f request.Fields, now Current, m Marks) (request.Call, error) {
	if !c.CanReplace() {
		return request.Call{}, cannot(Replace)
	}
	if err := isRecord(now.Record); err != nil {
		return request.Call{}, err
	}
	r, err := c.wholeBody(now.Record, f)
	if err != nil {
		return request.Call{}, err
	}
	if err := c.keep(r, now.Record, slices.Concat(c.keeping(Replace), c.others(now.Record))); err != nil {
		return request.Call{}, err
	}
	return c.write(Replace, local, r, m, now)
}

// overlaid is a whole record in which fields are changed: the rest goes back as it is now.
func (c *Collection) overlaid(current []byte, f request.Fields) (*record, error) {
	if err := isRecord(current); err != nil {
		return nil, err
	}
	was, err := c.FromRecord(current)
	if err != nil {
		return nil, err
	}
	r, err := c.body(current, f)
	if err != nil {
		return nil, err
	}
	var same []pointer // what is at the same place for reading and writing goes back byte by byte
	for _, x := range was {
		if _, changed := f.Get(x.Name); changed {
			continue
		}
		named := c.named[x.Name]
		switch {
		case named == nil:
			if _, there := r.get(x.Name); !there {
				r.members = append(r.members, x)
			}
		case named.write == nil || named.fixed != nil || named.once && !named.write.equal(named.read):
		case named.write.equal(named.read):
			same = append(same, named.write)
		default:
			value, err := named.toLocal(x.Value, was.Merge(f))
			if err != nil { // what is there already is this site's to hold
				value, _ = lookup(current, named.read)
			}
			if err := r.set(named.write, value); err != nil {
				return nil, err
			}
		}
	}
	for _, named := range c.fixed {
		same = append(same, named.write)
	}
	return r, c.keep(r, current, slices.Concat(same, c.keeping(Update), c.others(current)))
}

// keeping are the members that a whole record takes over from the one that it replaces.
func (c *Collection) keeping(v Verb) []pointer {
	if c.calls[v] == nil || !c.calls[v].bare {
		return c.kept
	}
	return slices.DeleteFunc(slices.Clone(c.kept), func(p pointer) bool { return slices.ContainsFunc(c.apiOwn, p.equal) })
}

// others are the members of a record that no field names, where these are this site's alone.
func (c *Collection) others(of []byte) []pointer {
	var out []pointer
	if c.only {
		members(of, func(m member) bool {
			if t := c.writing[m.name]; t == nil || t.once() {
				out = append(out, pointer{m.name})
			}
			return true
		})
	}
	return out
}

// keep takes members over from the record as it is.
func (c *Collection) keep(r *record, current []byte, places []pointer) error {
	for _, p := range places {
		if was, ok := lookup(current, p); ok {
			if err := r.set(p, slices.Clone(was)); err != nil {
				return err
			}
		}
	}
	return nil
}

func isRecord(current []byte) error {
	if !valid(current) || !isObject(current) {
		return &request.Error{Op: "profile", Kind: request.Invalid, Detail: "the current record is not a JSON object"}
	}
	return nil
}

func cannot(v Verb) error {
	return &request.Error{Op: "profile", Kind: request.Invalid, Detail: fmt.Sprintf("this API cannot %s a record", v)}
}

// write is a call with a record in its body.
func (c *Collection) write(v Verb, local string, r *record, m Marks, now Current) (request.Call, error) {
	if v == Create {
		if err := c.setParent(r); err != nil {
			return request.Call{}, err
		}
	}
	for _, x := range c.marksFor(v, m, false) {
		if err := r.set(x.at, request.Quote(x.value)); err != nil {
			return request.Call{}, err
		}
	}
	if c.external.marker != nil && m.Request != "" {
		if err := c.marked(r, v, m.Request, now.Record); err != nil {
			return request.Call{}, err
		}
	}
	call := c.plain(v, local, now)
	return call, c.as(v).setBody(&call, payload{verb: v, record: r, now: now, local: local})
}

// merging is an update that writes members of a record and no marks; ok is false where the API takes only whole records.
func (c *Collection) merging(local string, r *record, now Current) (call request.Call, ok bool) {
	if c.calls[Update] == nil || c.calls[Update].body == full && now.Record == nil {
		return request.Call{}, false
	}
	if c.calls[Update].body == full {
		all, err := c.overlaid(now.Record, nil)
		if err != nil {
			return request.Call{}, false
		}
		for _, x := range r.members {
			all.members = slices.DeleteFunc(all.members, func(y request.Field) bool { return x.Name == y.Name })
			all.members = append(all.members, x)
		}
		r = all
	}
	call = c.plain(Update, local, now)
	err := c.as(Update).setBody(&call, payload{verb: Update, record: r, now: now, local: local})
	return call, err == nil
}

// plain is a call without a record: it has no body, or one that the profile gives.
func (c *Collection) plain(v Verb, local string, now Current) request.Call {
	k := c.calls[v]
	if k == nil {
		return request.Call{}
	}
	call := c.made(k, c.vars(local, now))
	if c.etag && now.Version != "" && (v == Update || v == Replace || v == Delete) {
		call.Header["If-Match"] = []string{now.Version}
	}
	return call
}

// made is a call of the gateway's own with values for its names.
func (c *Collection) made(k *call, v vars) request.Call {
	call := request.Call{Method: k.method, Target: k.path.target(v), Header: http.Header{"Accept": {"application/json"}}}
	maps.Copy(call.Header, c.style.header)
	for name, values := range k.header {
		if value := parseText(values[0]).fill(v.text); value != "" { // a version that is not known leaves the header out
			call.Header[name] = []string{value}
		}
	}
	if len(k.send) > 0 {
		c.encode(&call, k, fillJSON(k.send, v))
	}
	return call
}

// vars are the values of the names that a call for one record may hold.
func (c *Collection) vars(local string, now Current) vars {
	v := vars{"id": request.Quote(local), "parent": request.Quote(c.under)}
	switch {
	case len(c.version) > 0:
		v["version"] = c.versionOf(now)
	case now.Version != "":
		v["version"] = request.Quote(now.Version)
	}
	maps.Copy(v, c.given)
	return v
}

// versionOf is the API's own version of the state to be changed, as JSON text; nil when it is not known.
func (c *Collection) versionOf(now Current) []byte {
	if now.Version != "" && valid([]byte(now.Version)) {
		return []byte(now.Version)
	}
	raw, _ := c.versionIn(now.Record)
	return raw
}

// Target is the path, and query, of the calls of a verb for a local id; "" when the API has no such call.
func (c *Collection) Target(v Verb, local string) string {
	if c.calls[v] == nil {
		return ""
	}
	return c.calls[v].path.target(c.vars(local, Current{}))
}

// ReadCall reads a record.
func (c *Collection) ReadCall(local string) request.Call { return c.plain(Read, local, Current{}) }

// DeleteCall deletes a record. now is the state to be deleted, where NeedsCurrent says so. The error has Kind Invalid: the API cannot
// delete.
func (c *Collection) DeleteCall(local string, now Current) (request.Call, error) {
	if c.calls[Delete] == nil {
		return request.Call{}, cannot(Delete)
	}
	return c.plain(Delete, local, now), nil
}

// Alive is a read that succeeds only with credentials that work; ok is false when the profile has none.
func (p *Profile) Alive() (call request.Call, ok bool) {
	if p.alive == nil {
		return request.Call{}, false
	}
	call = request.Call{Method: http.MethodGet, Target: p.alive.path.target(nil), Header: http.Header{"Accept": {"application/json"}}}
	maps.Copy(call.Header, p.Headers)
	return call, true
}

// Probe is a read that shows whether the API answers, and with Alive whether the credentials work; ok is false when the profile has no
// collection to ask for.
func (p *Profile) Probe() (call request.Call, ok bool) {
	if call, ok := p.Alive(); ok {
		return call, true
	}
	for _, name := range p.Order() {
		if c := p.Collections[name]; c.Parent() == "" {
			return c.Probe(), true
		}
	}
	return request.Call{}, false
}

// Proves reports whether an answer to Alive shows that the credentials work.
func (p *Profile) Proves(a request.Answer) bool {
	if p.alive == nil || !slices.Contains(p.alive.status, a.Status) {
		return false
	}
	if p.alive.at == nil {
		return true
	}
	if !valid(a.Body) {
		return false
	}
	raw, ok := lookup(a.Body, p.alive.at)
	return ok && !isNull(raw) && string(raw) != `""`
}

// Deleted reports whether a record, out of its envelope, is one that the API shows although it is deleted.
func (c *Collection) Deleted(record []byte) bool {
	if c.deleted.at == nil || !valid(record) {
		return false
	}
	return c.deleted.shown(record) && c.deleted.holds(record)
}

// as is the collection as calls of a verb see it, where these have an envelope of their own.
func (c *Collection) as(v Verb) *Collection {
	k := c.calls[v]
	if k == nil || k.envelope == nil {
		return c
	}
	out := *c
	out.envelope.call = k.envelope
	return &out
}

// envelopes are the places of the record in the bodies of writes.
func (c *Collection) envelopes() []pointer {
	var out []pointer
	for _, v := range []Verb{Create, Update, Replace} {
		if c.calls[v] != nil {
			out = append(out, c.as(v).envelope.call)
		}
	}
	return out
}

// FindCall searches for the record of a request by its external id; false when the profile does not say how.
func (c *Collection) FindCall(id request.ID) (request.Call, bool) {
	if c.find == nil {
		return request.Call{}, false
	}
	v := c.vars("", Current{})
	v["value"] = request.Quote(string(id))
	return c.made(c.find, v), true
}

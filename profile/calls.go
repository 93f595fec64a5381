package profile

import (
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
func (c *Collection) NeedsCurrent(v Verb) bool { return false }

// Under is the collection of the children of one record, known by its local id. A collection without parent is itself.
func (c *Collection) Under(parent string) *Collection { return c }

// Parent is the name of the collection whose records this one's belong to, "" when there is none.
func (c *Collection) Parent() string { return "" }

// CreateCall makes a record of canonical fields, with its marks. The error has Kind Invalid: this site cannot hold the fields.
func (c *Collection) CreateCall(f request.Fields, m Marks) (request.Call, error) {
	r, err := c.wholeBody(nil, f)
	if err != nil {
		return request.Call{}, err
	}
	return c.write(Create, "", r, m, "")
}

// UpdateCall merges canonical fields into a record. now is the state to be changed, where NeedsCurrent says so. The error has Kind
// Invalid: this site cannot hold the fields.
func (c *Collection) UpdateCall(local string, f request.Fields, m Marks, now Current) (request.Call, error) {
	r, err := c.body(nil, f)
	if err != nil {
		return request.Call{}, err
	}
	return c.write(Update, local, r, m, now.Version)
}

// ReplaceCall makes the record exactly f. What is this site's own (read-only, local and dropped members) is kept as it is now. The
// error has Kind Invalid: this site cannot hold the fields, or cannot replace.
func (c *Collection) ReplaceCall(local string, f request.Fields, now Current, m Marks) (request.Call, error) {
	current := now.Record
	if !c.CanReplace() {
		return request.Call{}, &request.Error{Op: "profile.ReplaceCall", Kind: request.Invalid, Detail: "this API cannot replace a record"}
	}
	if !valid(current) || !isObject(current) {
		return request.Call{}, &request.Error{Op: "profile.ReplaceCall", Kind: request.Invalid, Detail: "the current record is not a JSON object"}
	}
	r, err := c.wholeBody(current, f)
	if err != nil {
		return request.Call{}, err
	}
	for _, p := range c.kept {
		if was, ok := lookup(current, p); ok {
			if err := r.set(p, slices.Clone(was)); err != nil {
				return request.Call{}, err
			}
		}
	}
	return c.write(Replace, local, r, m, now.Version)
}

// write is a call with a body.
func (c *Collection) write(v Verb, local string, r *record, m Marks, etag string) (request.Call, error) {
	for _, x := range c.marksFor(v, m, false) {
		if err := r.set(x.at, request.Quote(x.value)); err != nil {
			return request.Call{}, err
		}
	}
	call := c.plain(v, local)
	call.Body = nest(c.envelope.call, request.Fields(r.members).AppendJSON(nil))
	call.Header["Content-Type"] = []string{"application/json"}
	if c.etag && etag != "" {
		call.Header["If-Match"] = []string{etag}
	}
	return call, nil
}

// merging is an update that writes members of a record and no marks.
func (c *Collection) merging(local string, r *record) request.Call {
	call := c.plain(Update, local)
	call.Body = nest(c.envelope.call, request.Fields(r.members).AppendJSON(nil))
	call.Header["Content-Type"] = []string{"application/json"}
	return call
}

// plain is a call without a body.
func (c *Collection) plain(v Verb, local string) request.Call {
	k := c.calls[v]
	return request.Call{Method: k.method, Target: k.path.target(local), Header: http.Header{"Accept": {"application/json"}}}
}

// Target is the path, and query, of the calls of a verb for a local id.
func (c *Collection) Target(v Verb, local string) string { return c.calls[v].path.target(local) }

// ReadCall reads a record.
func (c *Collection) ReadCall(local string) request.Call { return c.plain(Read, local) }

// DeleteCall deletes a record. now is the state to be deleted, where NeedsCurrent says so. The error has Kind Invalid: the API cannot
// delete.
func (c *Collection) DeleteCall(local string, now Current) (request.Call, error) {
	return c.plain(Delete, local), nil
}

// Alive is a read that succeeds only with credentials that work; ok is false when the profile has none.
func (p *Profile) Alive() (call request.Call, ok bool) { return request.Call{}, false }

// Proves reports whether an answer to Alive shows that the credentials work.
func (p *Profile) Proves(a request.Answer) bool { return a.Status < 300 }

// Deleted reports whether a record, out of its envelope, is one that the API shows although it is deleted.
func (c *Collection) Deleted(record []byte) bool { return false }

// FindCall searches for the record of a request by its external id; false when the profile does not say how.
func (c *Collection) FindCall(id request.ID) (request.Call, bool) {
	if c.find.before == "" {
		return request.Call{}, false
	}
	return request.Call{Method: http.MethodGet, Target: c.find.before + escapeQuery(string(id)) + c.find.after,
		Header: http.Header{"Accept": {"application/json"}}}, true
}

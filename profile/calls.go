package profile

import (
	"net/http"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// CreateCall makes a record of canonical fields, with its marks. The error has Kind Invalid: this site cannot hold the fields.
func (c *Collection) CreateCall(f request.Fields, m Marks) (request.Call, error) {
	r, err := c.wholeBody(nil, f)
	if err != nil {
		return request.Call{}, err
	}
	return c.write(Create, "", r, m, "")
}

// UpdateCall merges canonical fields into a record. etag, when the API has them, is that of the state to be changed. The error
// has Kind Invalid: this site cannot hold the fields.
func (c *Collection) UpdateCall(local string, f request.Fields, m Marks, etag string) (request.Call, error) {
	r, err := c.body(nil, f)
	if err != nil {
		return request.Call{}, err
	}
	return c.write(Update, local, r, m, etag)
}

// ReplaceCall makes the record exactly f. What is this site's own (read-only, local and dropped members) is kept as it is in
// current, the record out of its envelope. The error has Kind Invalid: this site cannot hold the fields, or cannot replace.
func (c *Collection) ReplaceCall(local string, f request.Fields, current []byte, m Marks, etag string) (request.Call, error) {
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
	return c.write(Replace, local, r, m, etag)
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

// ReadCall reads a record.
func (c *Collection) ReadCall(local string) request.Call { return c.plain(Read, local) }

// DeleteCall deletes a record.
func (c *Collection) DeleteCall(local string) request.Call { return c.plain(Delete, local) }

// FindCall searches for the record of a request by its external id; false when the profile does not say how.
func (c *Collection) FindCall(id request.ID) (request.Call, bool) {
	if c.find.before == "" {
		return request.Call{}, false
	}
	return request.Call{Method: http.MethodGet, Target: c.find.before + escapeQuery(string(id)) + c.find.after,
		Header: http.Header{"Accept": {"application/json"}}}, true
}

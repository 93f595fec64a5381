package profile

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// usual are the methods and statuses of a call that is described without them.
var usual = map[Verb]call{
	Create:  {method: http.MethodPost, status: []int{201, 200}, body: full},
	Read:    {method: http.MethodGet, status: []int{200}, gone: []int{404, 410}},
	Update:  {method: http.MethodPatch, status: []int{200, 204}, gone: []int{404, 410}, body: merge},
	Replace: {method: http.MethodPut, status: []int{200, 204}, gone: []int{404, 410}, body: full},
	Delete:  {method: http.MethodDelete, status: []int{204, 200}, gone: []int{404, 410}},
	List:    {method: http.MethodGet, status: []int{200}},
}

var token = regexp.MustCompile(`^[A-Z]+$`)

// calls compiles what can be done to records.
func (c *compiler) calls(out *Collection, s CollectionSpec) {
	for _, k := range []struct {
		verb Verb
		spec *CallSpec
	}{{Create, s.Create}, {Read, s.Read}, {Update, s.Update}, {Replace, s.Replace}, {Delete, s.Delete}, {List, s.List}} {
		switch {
		case k.spec != nil && !k.spec.Off:
			out.calls[k.verb] = c.call(out, k.verb, *k.spec, s)
		case k.spec != nil && (k.verb == Delete || k.verb != Create && s.Parent != ""):
			// The API has none, and the profile says so.
		case k.verb == Read || k.verb == Create || k.verb == Update || k.verb == Delete:
			hint := "name a preset, as in preset: rest"
			if k.spec != nil {
				hint = "the gateway cannot keep records that it cannot " + string(k.verb)
			}
			c.problem(fmt.Sprintf("the call to %s a record is not described", k.verb), hint, string(k.verb))
		}
	}
	out.rides = out.calls[Create] != nil && out.calls[Create].hidden
	u, r := out.calls[Update], out.calls[Replace]
	switch {
	case u == nil:
	case u.body == full && (r == nil || u.method == r.method && u.path.source == r.path.source):
		replace := *u
		out.calls[Replace] = &replace // clients that make this call replace the record
	case r != nil && u.method == r.method && u.path.source == r.path.source:
		delete(out.calls, Replace) // an API whose PUT merges: what the preset says of PUT does not hold
	}
}

// call compiles one kind of call.
func (c *compiler) call(out *Collection, v Verb, s CallSpec, of CollectionSpec) *call {
	k := usual[v]
	if s.Method != "" {
		k.method = s.Method
	}
	if len(s.Status) > 0 {
		k.status = s.Status
	}
	if len(s.Gone) > 0 {
		k.gone = s.Gone
	}
	if s.Body != "" {
		k.body = s.Body
	}
	changes := v == Update || v == Replace || v == Delete
	if changes && (out.etag || len(out.version) > 0) {
		if k.stale = []int{409, 412}; of.ETag != nil && len(of.ETag.Stale) > 0 {
			k.stale = of.ETag.Stale
		}
	}
	if len(s.Stale) > 0 {
		k.stale = s.Stale
	}
	k.header, k.contentType = c.headers(s.Headers, string(v), "headers"), s.ContentType
	if s.ContentType != "" && !mediaType(s.ContentType) {
		c.problem(fmt.Sprintf("%q is not a media type", s.ContentType), "as in application/json", string(v), "content_type")
	}
	if s.Envelope != nil {
		if k.envelope = c.pointer(*s.Envelope, string(v), "envelope"); k.envelope == nil {
			k.envelope = pointer{}
		}
	}
	if k.envelope != nil && v != Create && v != Update && v != Replace {
		c.problem("this call has no record in its body", "envelope belongs to create, update and replace; answers have that of the collection", string(v), "envelope")
	}
	k.bare = s.ReadOnly == "omit"
	switch {
	case s.ReadOnly == "":
	case !k.bare:
		c.problem(fmt.Sprintf("read_only of a call is omit, not %q", s.ReadOnly), "left out, such members are sent back as they are", string(v), "read_only")
	case k.body != full || v != Update && v != Replace:
		c.problem("this call does not send whole records back", "read_only: omit belongs to body: full", string(v), "read_only")
	}
	k.hidden = s.Intercept != nil && !*s.Intercept
	if s.Send != nil {
		k.send = s.Send.JSON
	}
	if v != List {
		c.notOfList(v, s)
	}
	c.also(v, s, of, &k)
	c.callBody(v, s, of, &k)
	c.callPath(out, v, s, of, &k)
	return &k
}

// also compiles the other ways in which clients make a call.
func (c *compiler) also(v Verb, s CallSpec, of CollectionSpec, k *call) {
	for _, way := range s.Also {
		a := alias{method: k.method}
		if method, path, ok := strings.Cut(way, " "); ok && token.MatchString(method) {
			a.method, way = method, path
		}
		var err error
		a.path, err = parseTemplate(strings.ReplaceAll(way, "{path}", of.Path), "id", "parent")
		switch {
		case err != nil:
			c.problem(err.Error(), `as in also: ["PUT {path}/{id}"]`, string(v), "also")
			continue
		case (v != Create && v != List) != a.path.path.has("id"):
			c.problem("another way of the call holds {id} where the call does", `as in also: ["PUT {path}/{id}"]`, string(v), "also")
			continue
		}
		k.also = append(k.also, a)
	}
}

// callBody checks the method of a call, and what is in its body.
func (c *compiler) callBody(v Verb, s CallSpec, of CollectionSpec, k *call) {
	reads := v == Read || v == List
	switch {
	case !token.MatchString(k.method):
		c.problem(fmt.Sprintf("%q is not a method", k.method), "methods are in capitals, as in PATCH", string(v), "method")
	case !reads && (k.method == http.MethodGet || k.method == http.MethodHead):
		c.problem("to "+string(v)+" by "+k.method+" is no write that anybody could tell from a read", "", string(v), "method")
	case reads && k.method != http.MethodGet && k.method != http.MethodPost:
		c.problem("to "+string(v)+" by "+k.method+" is not a read", "reads are by GET, or by POST with send:", string(v), "method")
	}
	switch {
	case s.Body == "":
	case v != Create && v != Update && v != Replace:
		c.problem("the call to "+string(v)+" has no record in its body", "send: is a body that is always the same", string(v), "body")
	case v == Replace && s.Body != full:
		c.problem("a replacement has a full body", "describe a merging call under update:", "replace", "body")
	case s.Body != full && s.Body != merge && s.Body != patched:
		c.problem(fmt.Sprintf("body is merge, full or json-patch, not %q", s.Body), "", string(v), "body")
	}
	switch {
	case s.Send == nil, v == Create && of.first() && isObject(k.send):
	case v == Create || v == Update || v == Replace:
		c.problem("the body of this call is the record", "a field with const: is written besides, and envelope.with: stands beside the record", string(v), "send")
	case k.method == http.MethodGet:
		c.problem("a GET has no body", "say method: POST", string(v), "send")
	case !isObject(k.send) && (len(k.send) == 0 || k.send[0] != '['):
		c.problem("what is sent is a mapping or a list", "as in send: {state: closed}", string(v), "send")
	}
}

// callPath compiles the path of a call, and checks the names in it and in what it sends.
func (c *compiler) callPath(out *Collection, v Verb, s CallSpec, of CollectionSpec, k *call) {
	one := v != Create && v != List
	if s.Path == "" {
		s.Path = "{path}"
		if one {
			s.Path += "/{id}"
		}
	}
	if strings.Contains(s.Path, "{path}") && of.Path == "" {
		c.problem("the collection needs a path", "as in path: /tickets", "path")
		return
	}
	if strings.HasPrefix(s.Path, "?") {
		s.Path = "{path}" + s.Path
	}
	known := []string{"id", "parent", "version"}
	if v == List {
		known = []string{"parent", "since", "page", "offset", "cursor", "size"}
	}
	if v == Create && of.Content != nil {
		known = append(known, "name")
	}
	if v == Create && of.first() {
		known = append(known, "token", "type")
	}
	var err error
	if k.path, err = parseTemplate(strings.ReplaceAll(s.Path, "{path}", of.Path), known...); err != nil {
		c.problem(err.Error(), "names in braces are {path}, {"+strings.Join(known, "}, {")+"}", string(v), "path")
		return
	}
	for _, name := range namesIn(k.send) {
		if !slices.Contains(known, name) {
			c.problem(fmt.Sprintf("{%s} means nothing in this call", name), "names in braces are {"+strings.Join(known, "}, {")+"}", string(v), "send")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.header)) {
		for _, used := range parseText(k.header[name][0]).names {
			if !slices.Contains(known, used) {
				c.problem(fmt.Sprintf("{%s} means nothing in this call", used), "names in braces are {"+strings.Join(known, "}, {")+"}", string(v), "headers", name)
			}
		}
	}
	clients := !k.hidden && (k.method == http.MethodGet) == (v == Read || v == List)
	switch {
	case one && !k.path.has("id") && !slices.Contains(namesIn(k.send), "id"):
		c.problem("the path of this call needs {id}", `as in path: "{path}/{id}"`, string(v), "path")
	case one && clients && !k.path.path.has("id") && len(k.send) == 0:
		c.problem("{id} is not in the path, where it is looked for in the calls of clients", "say intercept: false when clients do not make this call", string(v), "path")
	case !one && k.has("id"):
		c.problem("the path of this call has no {id}", "", string(v), "path")
	case k.has("parent") && of.Parent == "":
		c.problem("the call holds {parent}, and the collection says of none", "as in parent: tickets", string(v), "path")
	case k.has("version") && (v == Create || v == Read):
		c.problem("there is no version yet, and {version} means nothing in this call", "", string(v), "path")
	case k.has("version") && len(out.version) == 0:
		c.problem("the call holds {version}, and it is not said where that is", "as in etag: {field: /version}", string(v), "path")
	case v == Create && of.Parent != "" && clients && of.ParentAt == nil && !k.path.has("parent"):
		c.problem("the path of this call needs {parent}: nothing else tells to which record the new one belongs", `as in path: "/tickets/{parent}/comments"; or intercept: false when clients do not make this call`, "create", "path")
	case v == List && of.Parent != "" && !k.has("parent"):
		c.problem("the path of this call needs {parent}: the children of one record are listed", `as in path: "/tickets/{parent}/comments"`, "list", "path")
	}
}

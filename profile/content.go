package profile

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// bytesOf is how a collection of files has the bytes of one.
type bytesOf struct {
	read             *call
	at               pointer // to the address of the bytes, or to the bytes themselves
	inline           bool    // at points to them, in base64
	upload           string  // multipart, raw, then or first
	part, record     string  // the parts of a form with the bytes and, where it is one, with the record
	put              *call
	post             *call   // takes the bytes before there is a record
	token            pointer // what its answer says that they are called
	name, kind, size pointer
}

// The ways of an upload: in a form with other fields; the bytes alone; a record first and the bytes after it; the bytes first, for a
// token with which the record is made.
const (
	uploadForm  = "multipart"
	uploadRaw   = "raw"
	uploadThen  = "then"
	uploadFirst = "first"
)

func (c *compiler) content(out *Collection, s CollectionSpec) {
	if s.Content == nil {
		return
	}
	k := &bytesOf{upload: s.Content.Upload, part: s.Content.Part, record: s.Content.Record, at: c.pointer(s.Content.At, "content", "at"),
		name: c.pointer(s.Content.Name, "content", "name"), kind: c.pointer(s.Content.Type, "content", "type"), size: c.pointer(s.Content.Size, "content", "size"),
		inline: s.Content.Decode != "", token: c.pointer(s.Content.Token, "content", "token")}
	if k.part == "" {
		k.part = "file"
	}
	if k.upload == "" {
		k.upload = uploadForm
	}
	k.read = c.contentCall(s, s.Content.Read, "read", http.MethodGet)
	k.put = c.contentCall(s, s.Content.Put, "put", http.MethodPut)
	k.post = c.contentCall(s, s.Content.Post, "post", http.MethodPost)
	switch {
	case !slices.Contains([]string{uploadForm, uploadRaw, uploadThen, uploadFirst}, k.upload):
		c.problem(fmt.Sprintf("upload is multipart, raw, then or first, not %q", k.upload), "", "content", "upload")
	case k.read == nil && k.at == nil:
		c.problem("it is not said where the bytes of a file are", `as in content: {read: {path: "{path}/{id}/content"}}, or at: /content_url`, "content", "read")
	case (k.upload == uploadThen) != (k.put != nil):
		c.problem("upload: then and put: belong together", `as in content: {upload: then, put: {path: "{path}/{id}/content"}}`, "content", "put")
	case s.Parent == "":
		c.problem("files belong to a request", "as in parent: tickets", "parent")
	}
	c.contentMore(s, k)
	out.content = k
	if (k.upload == uploadThen || k.upload == uploadFirst) && out.calls[Create] != nil {
		out.calls[Create].hidden, out.rides = true, true // a client's file is one when its bytes are there
	}
}

func (c *compiler) contentCall(s CollectionSpec, of *CallSpec, key, method string) *call {
	if of == nil || of.Off {
		return nil
	}
	k := &call{method: method, status: []int{200, 201, 204}, header: c.headers(of.Headers, "content", key, "headers"), contentType: of.ContentType}
	if of.Method != "" {
		k.method = of.Method
	}
	if len(of.Status) > 0 {
		k.status = of.Status
	}
	t, err := parseTemplate(strings.ReplaceAll(of.Path, "{path}", s.Path), "id", "parent", "name")
	switch one := key != "post"; {
	case err != nil:
		c.problem(err.Error(), `as in path: "{path}/{id}/content"`, "content", key, "path")
	case one && !t.has("id"):
		c.problem("the path of the bytes of a file holds {id}, and may hold {path}, {parent} and {name}", `as in path: "{path}/{id}/content"`, "content", key, "path")
	case !one && t.has("id"):
		c.problem("there is no {id} before there is a record", `as in path: "/uploads?filename={name}"`, "content", key, "path")
	}
	k.path = t
	return k
}

// IsFile reports whether the records of the collection are files, with bytes besides their fields.
func (c *Collection) IsFile() bool { return c.content != nil }

// FileOf is what a record says of its bytes. Size is 0 where it does not say.
func (c *Collection) FileOf(record []byte) request.File {
	text := func(p pointer) string {
		if raw, ok := lookup(record, p); ok && p != nil && isString(raw) {
			return unquote(raw)
		}
		return ""
	}
	f := request.File{Name: text(c.content.name), Type: text(c.content.kind)}
	if raw, ok := lookup(record, c.content.size); ok && c.content.size != nil {
		f.Size, _ = strconv.ParseInt(unquoted(raw), 10, 64)
	}
	return f
}

func unquoted(raw []byte) string {
	if isString(raw) {
		return unquote(raw)
	}
	return string(raw)
}

// ContentCall reads the bytes of a file. The error has Kind Doubtful: its record does not say where they are.
func (c *Collection) ContentCall(local string, record []byte) (request.Call, error) {
	if c.content.inline && c.content.read == nil {
		return c.ReadCall(local), nil
	}
	if c.content.read != nil {
		v := c.vars(local, Current{})
		v["name"] = request.Quote(c.FileOf(record).Name)
		call := c.made(c.content.read, v)
		if !c.content.inline {
			call.Header.Set("Accept", "*/*")
		}
		return call, nil
	}
	raw, ok := lookup(record, c.content.at)
	if ok && isString(raw) {
		// Only path and query count: the gateway's credentials go to its own site's API and nowhere else.
		if u, err := url.Parse(unquote(raw)); err == nil && u.Opaque == "" && strings.HasPrefix(u.EscapedPath(), "/") {
			call := request.Call{Method: http.MethodGet, Target: u.RequestURI(), Header: http.Header{"Accept": {"*/*"}}}
			maps.Copy(call.Header, c.style.header)
			return call, nil
		}
	}
	return request.Call{}, &request.Error{Op: "profile.ContentCall", Kind: request.Doubtful, Detail: "the record does not say where the bytes of the file are"}
}

// UploadCall makes a file. Its body is before, the bytes, after; before is nil where the call makes only the record and PutContentCall
// gives it its bytes. The error has Kind Invalid: this site cannot hold the fields.
func (c *Collection) UploadCall(f request.Fields, file request.File, m Marks) (call request.Call, before, after []byte, err error) {
	k := c.content
	r, err := c.wholeBody(nil, f)
	if err != nil {
		return request.Call{}, nil, nil, err
	}
	if k.upload == uploadThen {
		if err := c.describe(r, file); err != nil {
			return request.Call{}, nil, nil, err
		}
		call, err = c.write(Create, "", r, m, Current{})
		return call, nil, nil, err
	}
	v := c.vars("", Current{})
	v["name"] = request.Quote(file.Name)
	call = c.made(c.calls[Create], v)
	if k.upload == uploadRaw {
		call.Header["Content-Type"] = []string{orOctets(file.Type)}
		return call, []byte{}, nil, nil
	}
	if err := c.setParent(r); err != nil {
		return request.Call{}, nil, nil, err
	}
	for _, x := range c.marksFor(Create, m, false) {
		if err := r.set(x.at, request.Quote(x.value)); err != nil {
			return request.Call{}, nil, nil, err
		}
	}
	parts := make([]formPart, 0, len(r.members))
	for _, x := range r.members {
		parts = append(parts, formPart{name: x.Name, text: []byte(unquoted(x.Value))})
	}
	if k.record != "" {
		body, err := c.as(Create).bodyOf(payload{verb: Create, record: r})
		if err != nil {
			return request.Call{}, nil, nil, err
		}
		parts = []formPart{{k.record, typeJSON, body}}
	}
	before, after, err = k.form(&call, file, parts)
	return call, before, after, err
}

// describe writes a file's name and type where its record has them, unless something else is there or the API sets them itself.
func (c *Collection) describe(r *record, file request.File) error {
	body := request.Fields(r.members).AppendJSON(nil)
	for _, x := range []struct {
		at   pointer
		text string
	}{{c.content.name, file.Name}, {c.content.kind, file.Type}} {
		if x.at == nil || x.text == "" || slices.ContainsFunc(c.kept, x.at.equal) {
			continue
		}
		if was, ok := lookup(body, x.at); ok && !isNull(was) && string(was) != `""` {
			continue
		}
		if err := r.set(x.at, request.Quote(x.text)); err != nil {
			return err
		}
	}
	return nil
}

// PutContentCall gives a file its bytes, which are the body; ok is false where the call that makes its record does.
func (c *Collection) PutContentCall(local string, file request.File) (call request.Call, ok bool) {
	if c.content.put == nil {
		return request.Call{}, false
	}
	v := c.vars(local, Current{})
	v["name"] = request.Quote(file.Name)
	call = c.made(c.content.put, v)
	if call.Header.Get("Content-Type") == "" {
		call.Header["Content-Type"] = []string{orOctets(file.Type)}
	}
	return call, true
}

// FilePart says of a client's upload which part of a form has the bytes; raw reports that the body is nothing but them.
func (c *Collection) FilePart() (part string, raw bool) {
	return c.content.part, c.content.upload == uploadRaw
}

// FromParts maps the fields of a form with a file to canonical ones. The error has Kind Invalid: the part with the record is none.
func (c *Collection) FromParts(parts map[string]string) (request.Fields, error) {
	if name := c.content.record; name != "" {
		text, there := parts[name]
		if !there {
			return nil, nil
		}
		if err := CheckJSON([]byte(text), partLevels); err != nil {
			return nil, err
		}
		return c.as(Create).FromCall([]byte(text))
	}
	r := &record{}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		r.members = append(r.members, request.Field{Name: name, Value: request.Quote(parts[name])})
	}
	return c.canonical(request.Fields(r.members).AppendJSON(nil), c.writing, func(f *field) pointer { return f.write }), nil
}

// NameIn is the name of the file in the target of a client's raw upload, "" when it is not there.
func (c *Collection) NameIn(target string) string {
	return c.inQuery("name", target)
}

// ParentInQuery is the id of the parent in the target of a client's call that makes a child, where it is a parameter; "" elsewhere.
func (c *Collection) ParentInQuery(target string) string { return c.inQuery("parent", target) }

// inQuery is the parameter of a client's create that stands where the profile has a name.
func (c *Collection) inQuery(name, target string) string {
	k := c.calls[Create]
	if k == nil {
		return ""
	}
	q := k.path.query
	i := slices.Index(q.names, name)
	_, query, _ := strings.Cut(target, "?")
	values, err := url.ParseQuery(query)
	if i < 0 || err != nil {
		return ""
	}
	key := strings.TrimSuffix(q.literals[i], "=")
	return values.Get(key[strings.LastIndexByte(key, '&')+1:])
}

func orOctets(t string) string {
	if t == "" || strings.ContainsAny(t, "\r\n") {
		return "application/octet-stream"
	}
	return t
}

// quoteName makes a name safe within the quotes of a header.
func quoteName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, s)
}

package profile

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// contentMore checks what belongs to uploads of bytes before their record, to bytes within a record, and to forms.
func (c *compiler) contentMore(s CollectionSpec, k *bytesOf) {
	first, create := k.upload == uploadFirst, s.Create
	switch d := s.Content.Decode; {
	case d != "" && d != "base64":
		c.problem(fmt.Sprintf("decode is base64, not %q", d), "without it, at points to the address of the bytes", "content", "decode")
	case d != "" && k.at == nil:
		c.problem("it is not said where the bytes are", "as in content: {at: /Content, decode: base64}", "content", "at")
	case d != "" && k.at.selects():
		c.problem("nothing is selected in lists on the way to the bytes", "as in at: /Content, or at: /files/0/bytes", "content", "at")
	}
	switch {
	case first != (k.post != nil):
		c.problem("upload: first and post: belong together", `as in content: {upload: first, post: {path: "/uploads?filename={name}"}, token: /upload/token}`, "content", "post")
	case first != (k.token != nil):
		c.problem("it is not said where the answer to the upload has the token of the bytes", "as in token: /upload/token", "content", "token")
	case first && create != nil && !create.Off && !names(*create, s.Envelope, "token"):
		c.problem("nothing in the call that makes the record holds {token}", `as in send: {uploads: [{token: "{token}", filename: "{name}", content_type: "{type}"}]}`, "create", "send")
	case k.record != "" && k.upload != uploadForm:
		c.problem("a part with the record belongs to upload: multipart", "", "content", "record")
	}
}

// names reports whether a call, or what stands beside its record, holds a name.
func names(s CallSpec, e *EnvelopeSpec, name string) bool {
	k := call{path: pathTemplate{path: parseText(s.Path)}}
	if s.Send != nil {
		k.send = s.Send.JSON
	}
	found := k.has(name)
	if e != nil {
		for _, value := range e.With {
			found = found || slices.Contains(namesIn(value), name)
		}
	}
	return found
}

// partLevels is how deep a record in a part of a form may be nested.
const partLevels = 64

// formPart is a part of a form besides the file.
type formPart struct {
	name, kind string
	text       []byte
}

// form makes a call one with a form: its parts, and the file, whose bytes belong between before and after.
func (k *bytesOf) form(call *request.Call, file request.File, parts []formPart) (before, after []byte, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + quoteName(p.name) + `"`}}
		if p.kind != "" {
			h.Set("Content-Type", p.kind)
		}
		at, err := w.CreatePart(h)
		if err != nil {
			return nil, nil, err
		}
		if _, err := at.Write(p.text); err != nil {
			return nil, nil, err
		}
	}
	h := textproto.MIMEHeader{"Content-Type": {orOctets(file.Type)}}
	h.Set("Content-Disposition", `form-data; name="`+quoteName(k.part)+`"; filename="`+quoteName(file.Name)+`"`)
	if _, err := w.CreatePart(h); err != nil {
		return nil, nil, err
	}
	before = bytes.Clone(b.Bytes())
	if err := w.Close(); err != nil {
		return nil, nil, err
	}
	call.Header["Content-Type"] = []string{w.FormDataContentType()}
	return before, b.Bytes()[len(before):], nil
}

// FirstCall gives an API the bytes of a file before there is a record of it. Its body is before, the bytes, after. ok is false where
// UploadCall brings the bytes, or PutContentCall.
func (c *Collection) FirstCall(file request.File) (call request.Call, before, after []byte, ok bool) {
	k := c.content
	if k.post == nil {
		return call, nil, nil, false
	}
	v := c.vars("", Current{})
	v["name"] = request.Quote(file.Name)
	call = c.made(k.post, v)
	if mediaOf(k.post.contentType) == "multipart/form-data" {
		before, after, err := k.form(&call, file, nil)
		return call, before, after, err == nil // a buffer takes everything
	}
	call.Header["Content-Type"] = []string{orOctets(file.Type)}
	if k.post.contentType != "" {
		call.Header["Content-Type"] = []string{k.post.contentType}
	}
	return call, nil, nil, true
}

// TokenIn is what the answer to FirstCall says that the bytes are called, as JSON text. The error says that they were not taken; it has
// Kind Invalid where another try would be answered likewise.
func (c *Collection) TokenIn(a request.Answer) ([]byte, error) {
	refused := &request.Error{Op: "profile.TokenIn", Kind: request.Invalid}
	switch {
	case slices.Contains(c.content.post.status, a.Status) && valid(a.Body):
		raw, ok := lookup(a.Body, c.content.token)
		if ok && !isNull(raw) && string(raw) != `""` {
			return raw, nil
		}
		refused.Detail = "the answer to the upload of the bytes shows no token at " + c.content.token.String()
	case slices.Contains(c.content.post.status, a.Status):
		refused.Detail = "the answer to the upload of the bytes is not JSON"
	default:
		if refused.Detail = fmt.Sprintf("the upload of the bytes was answered with %d", a.Status); a.Status >= 500 || a.Status == 429 || a.Status == 408 {
			refused.Kind = request.Unavailable
		}
	}
	return nil, refused
}

// AttachCall makes the record of a file whose bytes FirstCall brought, under the token that they got. The error has Kind Invalid: this
// site cannot hold the fields.
func (c *Collection) AttachCall(f request.Fields, m Marks, file request.File, token []byte) (request.Call, error) {
	with := *c
	with.given = vars{"token": token, "name": request.Quote(file.Name), "type": request.Quote(orOctets(file.Type))}
	r, err := with.wholeBody(nil, f)
	if err != nil {
		return request.Call{}, err
	}
	if len(c.calls[Create].send) == 0 {
		if err := with.describe(r, file); err != nil {
			return request.Call{}, err
		}
	}
	return with.write(Create, "", r, m, Current{})
}

// Told is the answer that shows the id of a file whose bytes came first: that to the call that made its record or, where this does not
// tell, that to the upload.
func (c *Collection) Told(made, upload request.Answer) request.Answer {
	if _, err := c.Created(made); err == nil {
		return made
	}
	if _, err := c.Created(upload); err != nil {
		return made
	}
	upload.Status = made.Status
	return upload
}

// sent is the body of a create that the profile gives, with the members of the record where its envelope says.
func (c *Collection) sent(k *call, in payload) ([]byte, error) {
	body := []byte(fillJSON(k.send, c.vars(in.local, in.now)))
	if k.envelope == nil {
		return body, nil
	}
	for _, x := range in.record.members {
		var err error
		if body, err = splice(body, slices.Concat(k.envelope, pointer{x.Name}), x.Value); err != nil {
			return nil, noPlace(k.envelope)
		}
	}
	return body, nil
}

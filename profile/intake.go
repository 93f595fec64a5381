package profile

import (
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// kind is what a client's body is written in.
type kind int

const (
	plainJSON kind = iota
	formBody
	patchBody
	unknownBody
)

// kindOf is what a body of a media type, without parameters, is for a call of the verb; "" is a body without one.
func (c *Collection) kindOf(v Verb, media string) kind {
	k := c.calls[v]
	own := c.style.contentType
	if k != nil && k.contentType != "" {
		own = k.contentType
	}
	own, _, _ = mime.ParseMediaType(own)
	form := c.style.form
	if k != nil && k.contentType != "" {
		form = own == typeForm
	}
	switch {
	case media == typePatch:
		if k != nil && k.body == patched {
			return patchBody
		}
		return unknownBody
	case media == typeJSON, strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"):
		return plainJSON
	case media == typeForm && form:
		return formBody
	case own == "" || form:
		return unknownBody
	case media == own, media == "" && !strings.HasSuffix(own, "json"):
		return plainJSON // an API that has JSON under another name, or under none
	}
	return unknownBody
}

// mediaOf is the media type of a Content-Type, without parameters and in lower case; "" when there is none that can be read.
func mediaOf(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return media
}

// Takes reports whether the body of a client's call of the verb can be read when it has this media type (without parameters, in lower
// case; "" for none).
func (c *Collection) Takes(v Verb, media string) bool { return c.kindOf(v, media) != unknownBody }

// CheckBody is the gate for a client's body, as CheckJSON is for one of JSON. The error has Kind Invalid; its Detail begins with what
// is wrong and says where.
func (c *Collection) CheckBody(v Verb, contentType string, body []byte, maxDepth int) error {
	switch c.kindOf(v, mediaOf(contentType)) {
	case patchBody:
		return checkPatch(body, maxDepth)
	case formBody:
		_, err := parseForm(body, maxDepth)
		return err
	}
	return CheckJSON(body, maxDepth)
}

// DecodeNeedsCurrent reports whether Decode must know the record as it is, to read a body that only says what is to be changed in it.
// A create has none.
func (c *Collection) DecodeNeedsCurrent(contentType string) bool {
	return mediaOf(contentType) == typePatch
}

// Decode maps the body of a client's call to canonical fields, as FromCall does. current is the record as it is at this site, out of
// its envelope, where DecodeNeedsCurrent says so and the call is no create: a JSON patch means what it makes of that, and the fields
// are those that it changes; those that it removes are null. body must have passed CheckBody. The error has Kind Invalid: it is no
// such body, or does not fit the record; or Precondition: a test in it failed.
func (c *Collection) Decode(v Verb, contentType string, body, current []byte) (request.Fields, error) {
	out, err := c.as(v).decode(v, contentType, body, current)
	if v != Create {
		out = slices.DeleteFunc(out, func(x request.Field) bool { return c.Once(x.Name) })
	}
	return out, err
}

func (c *Collection) decode(v Verb, contentType string, body, current []byte) (request.Fields, error) {
	switch c.kindOf(v, mediaOf(contentType)) {
	case patchBody:
		return c.patchedFields(v, body, current)
	case formBody:
		out, err := parseForm(body, mostLevels)
		if err != nil {
			return nil, err
		}
		return c.FromCall(out)
	case plainJSON:
		return c.FromCall(body)
	}
	return nil, &request.Error{Op: "profile.Decode", Kind: request.Invalid, Detail: "a body of " + clip(contentType) + " cannot be read"}
}

// mostLevels bounds the nesting of what has been checked before.
const mostLevels = 1000

// Splice puts the external id and the stamps into the body of a client's own call and keeps every other byte. known says that the record
// carries the external id already, so that a merge need not. The error has Kind Reserved when the client set one of these
// fields to something that is not the request's own, Invalid when the body is no JSON object or has no place for them. A
// create or replacement may hold null or "" there, as forms do.
func (c *Collection) Splice(v Verb, call request.Call, m Marks, known bool) (request.Call, error) {
	if v == Delete {
		return call, nil
	}
	var err error
	c = c.as(v)
	switch body := call.Body; c.kindOf(v, mediaOf(call.Header.Get("Content-Type"))) {
	case patchBody:
		call.Body, err = c.splicePatch(v, body, m, known)
	case formBody:
		call.Body, err = c.spliceForm(v, body, m, known)
	default:
		call.Body, err = c.splice(v, body, m, known)
	}
	return call, err
}

// inner is the record in the body of a client's call; ok is false when there is none.
func (c *Collection) inner(body []byte) ([]byte, bool) {
	switch trimmed := strings.TrimSpace(string(body)); {
	case trimmed == "":
		return nil, false
	case trimmed[0] == '[':
		return c.patchWrites(body), true
	case trimmed[0] != '{':
		form, err := parseForm(body, mostLevels)
		if err != nil {
			return nil, false
		}
		body = form
	}
	record, ok := lookup(body, c.envelope.call)
	return record, ok && isObject(record)
}

// notRecord is the error for a body without the record.
func (c *Collection) notRecord() error {
	return &request.Error{Op: "profile.Splice", Kind: request.Invalid,
		Detail: fmt.Sprintf("the body has no JSON object at %q, where this API expects the record", c.envelope.call)}
}

// markPlaces are the places in a body of what only the gateway writes, each with the texts that a client may have there.
func (c *Collection) markPlaces(v Verb, m Marks) (out []mark) {
	for _, x := range c.marksFor(v, m, false) {
		x.at = slices.Concat(c.envelope.call, x.at)
		out = append(out, x)
	}
	return out
}

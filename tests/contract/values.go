package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// jsonReply is an answer with a JSON body.
func jsonReply(status int, v any) reply {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// Only what was read from JSON or made here is ever written.
		panic(fmt.Sprintf("an answer that is no JSON: %v", err))
	}
	return raw(status, "application/json; charset=UTF-8", bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// parseObject reads a body that is one JSON object and nothing else; its numbers are json.Number.
func parseObject(body []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var out object
	if err := d.Decode(&out); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, errors.New("null in place of an object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return out, nil
}

// mediaType is the media type of the call's body in lower case, "" when there is none.
func (c *call) mediaType() string {
	t, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// isJSON reports whether the call says that its body is JSON.
func (c *call) isJSON() bool { return c.mediaType() == "application/json" }

// part is one part of a multipart body.
type part struct {
	name, file, mediaType string
	body                  []byte
}

// parts takes a multipart/form-data body apart.
func (c *call) parts() ([]part, error) {
	kind, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return nil, fmt.Errorf("not a form: %s", c.Header.Get("Content-Type"))
	}
	r := multipart.NewReader(bytes.NewReader(c.body), params["boundary"])
	var out []part
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return nil, err
		}
		out = append(out, part{
			name: p.FormName(), file: p.FileName(), body: b,
			mediaType: orElse(p.Header.Get("Content-Type"), "application/octet-stream"),
		})
	}
}

// integer is v as a whole number, if it is one; a text is none.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}

// text is v if it is a text, else "".
func text(v any) string {
	s, _ := v.(string)
	return s
}

// texts is v if it is a list of texts.
func texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// list is any list as a JSON value, [] and never null.
func list[T any](in []T) []any {
	out := make([]any, 0, len(in))
	for _, e := range in {
		out = append(out, e)
	}
	return out
}

// kind is what sort of JSON value v is.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// deep is a copy that shares nothing with v.
func deep(v any) any {
	switch v := v.(type) {
	case object:
		out := make(object, len(v))
		for k, e := range v {
			out[k] = deep(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = deep(e)
		}
		return out
	}
	return v
}

// deepAll is a copy of each.
func deepAll(in []object) []map[string]any {
	out := make([]map[string]any, 0, len(in))
	for _, o := range in {
		c, _ := deep(o).(object)
		out = append(out, c)
	}
	return out
}

// names are the keys of an object, sorted.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// links is a Link header; nil addresses are left out. Order: first, prev, next, last.
func links(of map[string]string) string {
	var out []string
	for _, rel := range []string{"first", "prev", "next", "last"} {
		if to := of[rel]; to != "" {
			out = append(out, fmt.Sprintf(`<%s>; rel="%s"`, to, rel))
		}
	}
	return strings.Join(out, ", ")
}

// asked is the address of this very list with some parameters changed; path may differ from the one that was called.
func (c *call) asked(path string, change map[string]string) string {
	q := maps.Clone(c.query)
	for k, v := range change {
		q[k] = []string{v}
	}
	return c.base() + path + "?" + q.Encode()
}

// slice is the part of list from offset on, at most n long.
func slice[T any](list []T, offset, n int) []T {
	offset = min(max(offset, 0), len(list))
	return list[offset:min(offset+n, len(list))]
}

// page is one page of a numbered list, counted from 1, and the number of pages.
func page[T any](list []T, number, size int) ([]T, int) {
	return slice(list, (number-1)*size, size), (len(list) + size - 1) / size
}

// digits is a non-negative decimal number in a path.
func digits(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// notAllowed adds the Allow header to an answer that says a path has no such verb.
func (r reply) allowing(verbs ...string) reply { return r.with("Allow", strings.Join(verbs, ", ")) }

// basic reports whether the call carries these as Basic credentials.
func (c *call) basic(user, password string) bool {
	u, p, ok := c.BasicAuth()
	return ok && u == user && p == password
}

// bearer is the token after one of the schemes in Authorization, or "".
func (c *call) bearer(schemes ...string) string {
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	for _, s := range schemes {
		if strings.EqualFold(scheme, s) {
			return token
		}
	}
	return ""
}

// said is an error in the words of a product.
type said string

func (e said) Error() string { return string(e) }

// says is an error in the words of a product.
func says(format string, args ...any) error { return said(fmt.Sprintf(format, args...)) }

// file is stored content.
type file struct {
	id, parent      string
	name, mediaType string
	body            []byte
	record          object
}

var _ http.Handler = (*Server)(nil)

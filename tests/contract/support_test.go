package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// start is where every clock of these tests begins.
var start = time.Date(2026, 11, 22, 10, 0, 30, 500_000_000, time.UTC)

// clock is a clock that only moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: start} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// client calls a server with the headers that it was given.
type client struct {
	t      *testing.T
	base   string
	header http.Header
}

// serve runs a server for the length of a test. Its answers follow no redirect.
func serve(t *testing.T, h http.Handler, header ...string) client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return client{t: t, base: srv.URL, header: headers(header)}
}

// headers are pairs of names and values.
func headers(pairs []string) http.Header {
	h := make(http.Header)
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// as is the client with other headers; an empty value takes one away.
func (c client) as(pairs ...string) client {
	c.header = c.header.Clone()
	for k, v := range headers(pairs) {
		c.header[k] = v
		if v[0] == "" {
			delete(c.header, k)
		}
	}
	return c
}

// answer is what came back.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// try makes a call and returns how it broke, if it did.
func (c client) try(method, path, body string) (answer, error) {
	c.t.Helper()
	url := path
	if !strings.HasPrefix(path, "http") {
		url = c.base + path
	}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header = c.header.Clone()
	if body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return answer{c.t, method + " " + path + " " + body, res.StatusCode, res.Header, b}, err
}

// do makes a call that must be answered.
func (c client) do(method, path, body string) answer {
	c.t.Helper()
	a, err := c.try(method, path, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// is demands a status and, where it is not "-", a body: "" is none, anything else JSON that must be part of it.
func (a answer) is(status int, want string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: %d, not %d: %s", a.what, a.status, status, a.body)
	}
	switch want {
	case "-":
		return a
	case "":
		if len(a.body) > 0 {
			a.t.Fatalf("%s: a body where none belongs: %s", a.what, a.body)
		}
		return a
	}
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		a.t.Fatalf("the test wants no JSON: %v: %s", err, want)
	}
	if miss := missing(a.json(), w, ""); miss != "" {
		a.t.Fatalf("%s: %s\n got %s\nwant %s", a.what, miss, a.body, want)
	}
	return a
}

// has demands a header.
func (a answer) has(name, value string) answer {
	a.t.Helper()
	if got := a.header.Get(name); got != value {
		a.t.Fatalf("%s: %s is %q, not %q", a.what, name, got, value)
	}
	return a
}

// json is the body.
func (a answer) json() any {
	a.t.Helper()
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.t.Fatalf("%s: no JSON: %s", a.what, a.body)
	}
	return v
}

// at is a value of the body, by the names and numbers on the way to it, as a text.
func (a answer) at(path ...any) string {
	a.t.Helper()
	v := a.json()
	for _, step := range path {
		switch s := step.(type) {
		case string:
			v = v.(map[string]any)[s]
		case int:
			v = v.([]any)[s]
		}
	}
	if f, ok := v.(float64); ok {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprint(v)
}

// missing says what of want is not in got: the members of objects that are named, lists as a whole; "*" is anything.
func missing(got, want any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is no object: %v", at, got)
		}
		for k, v := range w {
			e, has := g[k]
			if !has {
				return at + "/" + k + " is missing"
			}
			if m := missing(e, v, at+"/"+k); m != "" {
				return m
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s is no list of %d: %v", at, len(w), got)
		}
		for i := range w {
			if m := missing(g[i], w[i], fmt.Sprintf("%s/%d", at, i)); m != "" {
				return m
			}
		}
		return ""
	}
	if want == "*" && got != nil || reflect.DeepEqual(got, want) {
		return ""
	}
	return fmt.Sprintf("%s is %v, not %v", at, got, want)
}

// form makes a multipart body out of parts name, file name, type, content; its Content-Type comes first.
func form(t *testing.T, parts ...[4]string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := make(textproto.MIMEHeader)
		d := fmt.Sprintf(`form-data; name=%q`, p[0])
		if p[1] != "" {
			d += fmt.Sprintf(`; filename=%q`, p[1])
		}
		h.Set("Content-Disposition", d)
		if p[2] != "" {
			h.Set("Content-Type", p[2])
		}
		part, err := w.CreatePart(h)
		if err == nil {
			_, err = io.WriteString(part, p[3])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

// next is the address that Link gives for a rel, "" when there is none.
func (a answer) next(rel string) string {
	for _, one := range strings.Split(a.header.Get("Link"), ", ") {
		to, r, _ := strings.Cut(one, "; ")
		if r == `rel="`+rel+`"` {
			return strings.Trim(to, "<>")
		}
	}
	return ""
}

// row is one call of a table with what must come of it.
type row struct {
	name, method, path, body string
	header                   []string
	status                   int
	want                     string
}

// run makes the calls of a table one after the other.
func (c client) run(rows []row) {
	c.t.Helper()
	for _, r := range rows {
		a := c.as(r.header...).do(r.method, r.path, r.body)
		a.what = r.name + ": " + a.what
		a.is(r.status, r.want)
	}
}

// basicAuth is the value of Authorization for a user and a password.
func basicAuth(user, password string) string {
	r := http.Request{Header: make(http.Header)}
	r.SetBasicAuth(user, password)
	return r.Header.Get("Authorization")
}

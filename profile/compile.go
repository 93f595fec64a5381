package profile

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	defaultTimeout    = 15 * time.Second
	defaultParallel   = 8
	defaultRetryAfter = time.Minute
)

// Compile checks a Spec, its preset laid under it, and makes a Profile of it. With problems the Profile is nil.
func Compile(name string, s Spec) (*Profile, []Problem) {
	c := &compiler{}
	var under presetFile
	if s.Preset != "" {
		var err error
		if under, err = template(s.Preset); err != nil {
			c.problem(err.Error(), "rest is for all other APIs: say what differs", "preset")
			return nil, c.problems
		}
		s = under.over(s)
	}
	p := &Profile{Name: name, Timeout: s.Timeout, Quiescence: s.Quiescence, Parallel: s.Parallel, Rate: float64(s.Rate),
		RetryAfter: s.RetryAfter, Login: s.Login, Collections: make(map[string]*Collection, len(s.Collections))}
	c.limits(p)
	look := c.style(p, s)
	c.alive(p, s.Alive)
	if len(s.Collections) == 0 {
		c.problem("a profile needs at least one collection", "as in collections: {tickets: {path: /tickets}}", "collections")
	}
	for _, n := range slices.Sorted(maps.Keys(s.Collections)) {
		k := &compiler{at: []string{"collections", n}}
		p.Collections[n] = k.collection(n, under.collection(n, s.Collections[n]))
		p.Collections[n].style = look
		// The plain convention lists records below their path; nobody has said that this API does.
		p.Collections[n].assumed = s.Preset == "rest" && s.Collections[n].List == nil
		c.problems = append(c.problems, k.problems...)
	}
	c.families(p)
	if len(c.problems) == 0 {
		c.matcher(p)
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return p, nil
}

// compiler collects problems; at is where in the profile it works.
type compiler struct {
	at       []string
	problems []Problem
}

// problem notes something that cannot be right, once.
func (c *compiler) problem(message, hint string, path ...string) {
	p := Problem{Path: append(slices.Clone(c.at), path...), Message: message, Hint: hint}
	if !slices.ContainsFunc(c.problems, func(q Problem) bool { return q.Message == message && slices.Equal(q.Path, p.Path) }) {
		c.problems = append(c.problems, p)
	}
}

func (c *compiler) pointer(s string, path ...string) pointer {
	if s == "" {
		return nil
	}
	p, err := parsePointer(s)
	if err != nil {
		c.problem(err.Error(), "a pointer is written as in /id or /status/name", path...)
		return nil
	}
	return p
}

func (c *compiler) limits(p *Profile) {
	if p.Timeout < 0 {
		c.problem("the timeout is negative", "", "timeout")
	}
	if p.Quiescence < 0 {
		c.problem("the quiescence is negative", "", "quiescence")
	}
	if p.Parallel < 0 {
		c.problem("parallel is negative", "", "parallel")
	}
	if p.RetryAfter < 0 {
		c.problem("retry_after is negative", "", "retry_after")
	}
	if p.RetryAfter == 0 {
		p.RetryAfter = defaultRetryAfter
	}
	if p.Timeout == 0 {
		p.Timeout = defaultTimeout
	}
	if p.Quiescence == 0 {
		p.Quiescence = p.Timeout
	}
	if p.Parallel == 0 {
		p.Parallel = defaultParallel
	}
}

// style compiles how own calls of any kind look.
func (c *compiler) style(p *Profile, s Spec) style {
	out := style{header: c.headers(s.Headers, "headers"), contentType: s.ContentType, form: s.Encoding == "form"}
	if s.Encoding != "" && s.Encoding != "json" && s.Encoding != "form" {
		c.problem(fmt.Sprintf("encoding is json or form, not %q", s.Encoding), "", "encoding")
	}
	switch form := mediaOf(s.ContentType) == typeForm; {
	case s.ContentType == "":
	case !mediaType(s.ContentType):
		c.problem(fmt.Sprintf("%q is not a media type", s.ContentType), "as in application/json", "content_type")
	case s.Encoding == "":
		out.form = form
	case form != out.form:
		c.problem("the content type is not that of the encoding", "leave one of the two out", "content_type")
	}
	p.Headers, p.ContentType = out.header, out.contentType
	if p.ContentType == "" && out.form {
		p.ContentType = typeForm
	} else if p.ContentType == "" {
		p.ContentType = typeJSON
	}
	return out
}

func mediaType(s string) bool {
	t, _, err := mime.ParseMediaType(s)
	return err == nil && strings.Contains(t, "/")
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// framing are the headers that belong to the connection and the body, and not to who describes an API.
func framing(name string) bool {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Te", "Upgrade", "Expect", "Trailer", "Keep-Alive":
		return true
	}
	return false
}

func (c *compiler) headers(from map[string]string, path ...string) http.Header {
	if len(from) == 0 {
		return nil
	}
	out := make(http.Header, len(from))
	for _, name := range slices.Sorted(maps.Keys(from)) {
		at, key := append(slices.Clone(path), name), http.CanonicalHeaderKey(name)
		switch value := from[name]; {
		case !headerName.MatchString(name):
			c.problem(fmt.Sprintf("%q is not the name of a header", name), "", at...)
		case framing(key):
			c.problem("the header "+key+" is the gateway's own to write", "", at...)
		case key == "Content-Type":
			c.problem("the media type of bodies has a key of its own", "as in content_type: application/json", at...)
		case strings.ContainsAny(value, "\r\n\x00"):
			c.problem("the value of a header is one line", "", at...)
		default:
			out[key] = []string{value}
		}
	}
	return out
}

// alive compiles the call that proves that credentials work.
func (c *compiler) alive(p *Profile, s *AliveSpec) {
	if s == nil {
		return
	}
	out := &alive{status: s.Status, at: c.pointer(s.At, "alive", "at")}
	if len(out.status) == 0 {
		out.status = []int{http.StatusOK}
	}
	var err error
	if out.path, err = parseTemplate(s.Path); err != nil {
		c.problem("the call that shows that credentials work: "+err.Error(), "as in alive: {path: /api/me}", "alive", "path")
	}
	p.alive = out
}

func (c *compiler) collection(name string, s CollectionSpec) *Collection {
	out := &Collection{name: name, parent: s.Parent, calls: make(map[Verb]*call)}
	if t, err := parseTemplate(s.Path, "parent"); s.Path != "" && (err != nil || strings.ContainsAny(s.Path, "?# ") || strings.HasSuffix(s.Path, "/")) {
		c.problem("the path of a collection begins with /, does not end with it, and has no braces (but for {parent}) or query", "as in /api/tickets", "path")
	} else if t.has("parent") && s.Parent == "" {
		c.problem("the path holds {parent}, and the collection says of none", "as in parent: tickets", "parent")
	}
	c.etag(out, s)
	c.calls(out, s)
	c.id(out, s)
	c.envelope(out, s)
	c.external(out, s)
	c.find(out, s)
	c.deleted(out, s)
	c.lister(out, s)
	c.content(out, s)
	out.readBack = s.ReadBack != nil && *s.ReadBack
	c.watch(out, s)
	c.fields(out, s)
	return out
}

// families checks that children have parents, and these no end of them.
func (c *compiler) families(p *Profile) {
	for _, n := range slices.Sorted(maps.Keys(p.Collections)) {
		k := p.Collections[n]
		if k.parent == "" {
			continue
		}
		if p.Collections[k.parent] == nil {
			c.problem(fmt.Sprintf("there is no collection %q", k.parent), "parent is the name of another collection of this profile", "collections", n, "parent")
			k.parent = ""
			continue
		}
		for up, steps := p.Collections[k.parent], 0; up != nil && up.parent != ""; up, steps = p.Collections[up.parent], steps+1 {
			if up == k || steps > len(p.Collections) {
				c.problem("the collection is a child of itself", "", "collections", n, "parent")
				k.parent = ""
				break
			}
		}
	}
}

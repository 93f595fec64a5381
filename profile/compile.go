package profile

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile/presets"
)

const (
	defaultTimeout  = 15 * time.Second
	defaultParallel = 8
)

// Compile checks a Spec, its preset laid under it, and makes a Profile of it. With problems the Profile is nil.
func Compile(name string, s Spec) (*Profile, []Problem) {
	c := &compiler{}
	p := &Profile{Name: name, Timeout: s.Timeout, Quiescence: s.Quiescence, Parallel: s.Parallel, Rate: float64(s.Rate),
		Collections: make(map[string]*Collection, len(s.Collections))}
	c.limits(p)
	var under CollectionSpec
	if s.Preset != "" {
		var err error
		if under, err = template(s.Preset); err != nil {
			c.problem(err.Error(), "the presets are "+strings.Join(presets.Names(), ", "), "preset")
			return nil, c.problems
		}
	}
	if len(s.Collections) == 0 {
		c.problem("a profile needs at least one collection", "as in collections: {tickets: {path: /tickets}}", "collections")
	}
	for _, n := range slices.Sorted(maps.Keys(s.Collections)) {
		spec := s.Collections[n]
		lay(reflect.ValueOf(under), reflect.ValueOf(&spec).Elem())
		k := &compiler{at: []string{"collections", n}}
		p.Collections[n] = k.collection(n, spec)
		c.problems = append(c.problems, k.problems...)
	}
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

func (c *compiler) problem(message, hint string, path ...string) {
	c.problems = append(c.problems, Problem{Path: append(slices.Clone(c.at), path...), Message: message, Hint: hint})
}

// later notes what the profile language knows and this version does not do.
func (c *compiler) later(what string, path ...string) {
	c.problem(errNotYet(what).Error(), "", path...)
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

func (c *compiler) collection(name string, s CollectionSpec) *Collection {
	out := &Collection{name: name, calls: make(map[Verb]*call)}
	if s.Parent != "" || strings.Contains(s.Path, "{parent}") {
		c.later("a child collection", "parent")
		return out
	}
	if s.Path != "" && (s.Path[0] != '/' || strings.ContainsAny(s.Path, "{}?# ") || strings.HasSuffix(s.Path, "/")) {
		c.problem("the path of a collection begins with /, does not end with it, and has no braces or query", "as in /api/tickets", "path")
	}
	for _, k := range []struct {
		verb Verb
		spec *CallSpec
	}{{Create, s.Create}, {Read, s.Read}, {Update, s.Update}, {Replace, s.Replace}, {Delete, s.Delete}, {List, s.List}} {
		if k.spec != nil && !k.spec.Off {
			out.calls[k.verb] = c.call(k.verb, *k.spec, s.Path)
		} else if k.verb == Read || k.verb == Create || k.verb == Update || k.verb == Delete {
			c.problem(fmt.Sprintf("the call to %s a record is not described", k.verb), "name a preset, as in preset: rest", string(k.verb))
		}
	}
	if u, r := out.calls[Update], out.calls[Replace]; u != nil && r != nil && u.method == r.method && u.path == r.path {
		delete(out.calls, Replace) // an API whose PUT merges: what the preset says of PUT does not hold
	}
	c.id(out, s)
	c.envelope(out, s)
	c.external(out, s)
	c.find(out, s)
	c.etag(out, s)
	out.readBack = s.ReadBack != nil && *s.ReadBack
	c.fields(out, s)
	return out
}

// usual are the methods and statuses of a call that is described without them.
var usual = map[Verb]call{
	Create:  {method: http.MethodPost, status: []int{201, 200}},
	Read:    {method: http.MethodGet, status: []int{200}, gone: []int{404, 410}},
	Update:  {method: http.MethodPatch, status: []int{200, 204}, gone: []int{404, 410}},
	Replace: {method: http.MethodPut, status: []int{200, 204}, gone: []int{404, 410}},
	Delete:  {method: http.MethodDelete, status: []int{204, 200}, gone: []int{404, 410}},
	List:    {method: http.MethodGet, status: []int{200}},
}

var token = regexp.MustCompile(`^[A-Z]+$`)

func (c *compiler) call(v Verb, s CallSpec, path string) *call {
	out := usual[v]
	if s.Method != "" {
		out.method = s.Method
	}
	if len(s.Status) > 0 {
		out.status = s.Status
	}
	if len(s.Gone) > 0 {
		out.gone = s.Gone
	}
	if !token.MatchString(out.method) {
		c.problem(fmt.Sprintf("%q is not a method", out.method), "methods are in capitals, as in PATCH", string(v), "method")
	}
	reads := v == Read || v == List
	if reads != (out.method == http.MethodGet) {
		c.later("to "+string(v)+" by "+out.method, string(v), "method")
	}
	switch {
	case s.Body == "json-patch":
		c.later("a JSON patch", string(v), "body")
	case s.Body == "full" && v == Update:
		c.problem("an update that needs the full record is not supported yet", "describe the call under replace:, and a merging one under update:", "update", "body")
	case s.Body == "merge" && v == Replace:
		c.problem("a replacement has a full body", "describe a merging call under update:", "replace", "body")
	case s.Body != "" && s.Body != "full" && s.Body != "merge":
		c.problem(fmt.Sprintf("body is merge, full or json-patch, not %q", s.Body), "", string(v), "body")
	}
	one := v != Create && v != List
	if s.Path == "" {
		s.Path = "{path}"
		if one {
			s.Path += "/{id}"
		}
	}
	if strings.Contains(s.Path, "{path}") && path == "" {
		c.problem("the collection needs a path", "as in path: /tickets", "path")
		return &out
	}
	t, err := parseTemplate(strings.ReplaceAll(s.Path, "{path}", path), one)
	if err != nil && v != List { // what a list's path may hold besides is not used yet
		c.problem(err.Error(), "", string(v), "path")
	}
	out.path = t
	return &out
}

func (c *compiler) id(out *Collection, s CollectionSpec) {
	id := IDSpec{From: "body", At: "/id"}
	if s.ID != nil {
		id = *s.ID
	}
	out.id = idRule{from: id.From, name: id.Name, at: c.pointer(id.At, "id", "at")}
	switch {
	case id.From == "":
		out.id.from = "body"
	case id.From != "body" && id.From != "location" && id.From != "header":
		c.problem(fmt.Sprintf("id.from is body, location or header, not %q", id.From), "", "id", "from")
	case id.From == "header" && id.Name == "":
		c.problem("the header that holds the id has no name", "as in id: {from: header, name: X-Record-Id}", "id", "name")
	}
	if out.id.from == "body" && id.At == "" {
		c.problem("it is not said where in the body the id is", "as in id: {from: body, at: /id}", "id", "at")
	}
	if id.Match != "" {
		var err error
		if out.id.match, err = regexp.Compile(id.Match); err != nil {
			c.problem("the expression does not compile: "+err.Error(), "", "id", "match")
		} else if out.id.match.NumSubexp() < 1 {
			c.problem("the expression has no group that is the id", `as in match: "/tickets/(\\d+)$"`, "id", "match")
		}
	}
}

func (c *compiler) envelope(out *Collection, s CollectionSpec) {
	if s.Envelope == nil {
		return
	}
	out.envelope.call = c.pointer(s.Envelope.Call, "envelope", "call")
	out.envelope.answer = c.pointer(s.Envelope.Answer, "envelope", "answer")
	out.envelope.items = c.pointer(s.Envelope.Items, "envelope", "items")
}

func (c *compiler) etag(out *Collection, s CollectionSpec) {
	if s.ETag == nil {
		return
	}
	out.etag = s.ETag.On
	if s.ETag.Field != "" {
		c.later("a version field of the API (etag: {field})", "etag")
	}
}

func (c *compiler) external(out *Collection, s CollectionSpec) {
	if s.ExternalID == nil || s.ExternalID.Field == nil {
		return
	}
	f := s.ExternalID.Field
	out.external.read, out.external.write = c.pointer(f.Read, "external_id", "field"), c.pointer(f.Write, "external_id", "field")
	if out.external.read == nil || out.external.write == nil {
		c.problem("the external id must be read and written", "as in external_id: {field: /external_id}", "external_id", "field")
		return
	}
	if s.ExternalID.Find == nil || s.ExternalID.Find.Off {
		return
	}
	text := strings.ReplaceAll(s.ExternalID.Find.Path, "{path}", s.Path)
	if text == "" {
		return
	}
	if strings.HasPrefix(text, "?") {
		text = s.Path + text
	}
	if strings.Contains(text, "{field}") {
		if len(out.external.read) > 1 {
			c.problem("how to find a record by a field inside another is not said", `as in find: "/api/tickets?ref={value}"`, "external_id", "find")
		}
		text = strings.ReplaceAll(text, "{field}", escapeQuery(out.external.read[0]))
	}
	before, after, ok := strings.Cut(escapeTarget(text), "{value}")
	switch {
	case !ok:
		c.problem("the call that finds a record does not hold {value}", `as in find: "/api/tickets?external_id={value}"`, "external_id", "find")
	case before[0] != '/':
		c.problem("the call that finds a record begins with /", `as in find: "/api/tickets?external_id={value}"`, "external_id", "find")
	case strings.ContainsAny(before+after, "{}"):
		c.problem("the call that finds a record may hold {path}, {field} and {value}, once", "", "external_id", "find")
	}
	out.find = findRule{before, after}
}

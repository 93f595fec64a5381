package profile

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// Match is what a call is.
type Match struct {
	Verb       Verb
	Collection *Collection
	// ID is unescaped: a local id, or "site:id" as the client wrote it; "" for create and list.
	ID string
	// RawID is the id as it stands in the escaped path.
	RawID string
	// Parent is the id of the record whose child this is, and RawParent how it stands in the path; likewise. "" where the path does
	// not tell, or the collection has no parent.
	Parent, RawParent string
}

// matcher finds the template of a path, by method.
type matcher map[string]*table

// table has the templates of one method twice: as they are written, and in the plainest spelling.
type table struct {
	exact, plain spelling
	written      map[string]*route // the templates, for the compiler
}

// route is what a path means: its names, in the order in which they stand there.
type route struct {
	verb       Verb
	collection *Collection
	parents    *Collection // nil when there are none
	names      []string
	source     string
}

func (c *compiler) matcher(p *Profile) {
	p.matcher = make(matcher)
	names := slices.Sorted(maps.Keys(p.Collections))
	for _, name := range names {
		for _, verb := range []Verb{Create, Read, Update, Replace, List, Delete} {
			c.enter(p, p.Collections[name], verb)
		}
	}
	p.homes = p.matcher.homes()
}

// onlyOne is what to do about two calls that a client's one could be.
func onlyOne(a, b *route) string {
	if a.collection == b.collection {
		return fmt.Sprintf("a call of clients can mean one thing only, and its query is not looked at: say intercept: false under %s or under %s of %s, whichever clients do not make",
			a.verb, b.verb, a.collection.name)
	}
	return fmt.Sprintf("a call of clients can mean one thing only, and its query is not looked at: say intercept: false under %s of %s or under %s of %s, whichever clients do not make",
		a.verb, a.collection.name, b.verb, b.collection.name)
}

// enter makes the calls of clients of one verb known.
func (c *compiler) enter(p *Profile, k *Collection, verb Verb) {
	call := k.calls[verb]
	if call == nil || call.hidden || call.path.source == "" || (verb == Read || verb == List) != (call.method == http.MethodGet) {
		return // also searches by POST: they pass as what they are
	}
	r := &route{verb: verb, collection: k, parents: p.Collections[k.parent], names: call.path.path.names, source: call.path.source}
	if verb == Update && call.body == full {
		if r.verb = Replace; k.calls[Replace].method == call.method && k.calls[Replace].path.source == call.path.source {
			return // entered as that
		}
	}
	c.enterAt(p, call, r)
	for _, a := range call.also {
		way := *call
		way.method, way.path = a.method, a.path
		also := *r
		also.names, also.source = a.path.path.names, a.path.source
		c.enterAt(p, &way, &also)
	}
}

// alias is another way in which clients make a call.
type alias struct {
	method string
	path   pathTemplate
}

// enterAt makes one way of a call known.
func (c *compiler) enterAt(p *Profile, call *call, r *route) {
	verb, k := r.verb, r.collection
	t := p.matcher[call.method]
	if t == nil {
		t = &table{written: make(map[string]*route)}
		p.matcher[call.method] = t
	}
	written := call.path.path.fill(func(name string) string { return "{" + name + "}" })
	other := t.exact.add(written, r)
	if other == nil {
		t.plain.add(plain(written), r)
		for _, w := range slices.Sorted(maps.Keys(t.written)) {
			if crossed(written, w) {
				c.problem(written+" and "+w+" could be the same path, and neither is the more exact", onlyOne(t.written[w], r), "collections", k.name, string(verb), "path")
			}
		}
		t.written[written] = r
		return
	}
	if verb == Delete && len(call.send) > 0 && other.collection == k {
		return // a deletion that is an update: what clients send there is one
	}
	if verb == List && other.verb == List {
		return
	}
	where, _, _ := strings.Cut(call.path.source, "?")
	c.problem(fmt.Sprintf("%s %s is to %s a record of %s and to %s one of %s", call.method, where, other.verb, other.collection.name,
		r.verb, k.name), onlyOne(other, r), "collections", k.name, string(verb), "path")
}

// Match tells what a call is, by its method and its path as it was on the wire, without query. ok=false: it is no call of a
// described collection. The error has Kind Invalid, of a call that must be refused: the API might take its odd path for that of a
// described record, or of anything else, although it is spelled differently (dot segments, doubled, encoded or back slashes; of
// writes also another case), or the id of a write is none.
func (p *Profile) Match(method, escapedPath string) (m Match, ok bool, err error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	t := p.matcher[method]
	if t == nil || method == http.MethodOptions {
		return Match{}, false, p.wanders(escapedPath)
	}
	trimmed := escapedPath
	if len(trimmed) > 1 {
		trimmed = strings.TrimSuffix(trimmed, "/")
	}
	var caught caught
	r := t.exact.find(trimmed, &caught)
	switch {
	case r == nil && method == http.MethodGet && !odd(escapedPath):
		return Match{}, false, nil
	case r == nil:
		if err := t.disguised(trimmed, escapedPath); err != nil {
			return Match{}, false, err
		}
		return Match{}, false, p.wanders(escapedPath)
	}
	m = Match{Verb: r.verb, Collection: r.collection}
	for i, name := range r.names {
		raw, of := caught.raw[i], r.collection
		id, err := url.PathUnescape(raw)
		if name == "parent" {
			m.Parent, m.RawParent, of = id, raw, r.parents
		} else {
			m.ID, m.RawID = id, raw
		}
		switch {
		case err == nil && of.validID(id):
		case method == http.MethodGet:
			return Match{}, false, p.wanders(escapedPath) // a word of the API's own, as in /tickets/export.csv
		default:
			return Match{}, false, &request.Error{Op: "profile.Match", Kind: request.Invalid,
				Detail: "the id " + clip(raw) + " is none: want " + of.wantID() + ", or SITE: before these"}
		}
	}
	return m, true, nil
}

// disguised refuses a path that would be a described one if it were decoded, cleaned and read in any case.
func (t *table) disguised(trimmed, escapedPath string) error {
	s := trimmed
	if odd(escapedPath) {
		s = plain(escapedPath)
	} else {
		s = strings.ToLower(s)
	}
	var caught caught
	r := t.plain.find(s, &caught)
	if r == nil {
		return nil
	}
	return &request.Error{Op: "profile.Match", Kind: request.Invalid,
		Detail: "the path " + clip(escapedPath) + " is another spelling of a path of " + r.collection.name + "; write it plainly"}
}

// odd reports whether a path could be spelled in a plainer way than in lower case. Most cannot, and cost no more than a look at each byte.
func odd(p string) bool {
	for i := range len(p) {
		switch c := p[i]; {
		case c == '%', c == '\\', c == ';', c >= 0x80, c < ' ':
			return true
		case c == '/' && i+1 < len(p) && (p[i+1] == '/' || p[i+1] == '.'):
			return true
		}
	}
	return false
}

// plain is the plainest spelling of a path: decoded as often as that changes it, without parameters, slashes of one kind and
// single, dot segments resolved, in lower case, without a slash at the end.
func plain(p string) string {
	for range 8 {
		u, err := url.PathUnescape(p)
		if err != nil {
			u = decodeWhatCan(p)
		}
		if u == p {
			break
		}
		p = u
	}
	p = strings.ReplaceAll(p, "\\", "/")
	segments := strings.Split(p, "/")
	for i, s := range segments {
		s, _, _ = strings.Cut(s, ";")
		s, _, _ = strings.Cut(s, "\x00")
		segments[i] = strings.TrimSpace(s)
	}
	p = path.Clean("/" + strings.Join(segments, "/"))
	return strings.ToLower(p)
}

// decodeWhatCan decodes the escapes of a path in which some are broken.
func decodeWhatCan(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) {
			if u, err := url.PathUnescape(p[i : i+3]); err == nil {
				b.WriteString(u)
				i += 2
				continue
			}
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

// validID reports whether s can be the id of a record: what the profile says, else [A-Za-z0-9_-]{1,64}; or [a-z0-9-]+: before that.
func (c *Collection) validID(s string) bool {
	if c.id.pattern == nil {
		return usualID(afterSite(s))
	}
	if !usable(s) || strings.ContainsAny(s, `/\%`) {
		return false // whatever the pattern says: these could mean another path
	}
	rest := afterSite(s)
	return c.id.pattern.MatchString(s) || rest != "." && rest != ".." && c.id.pattern.MatchString(rest)
}

// wantID says what an id looks like.
func (c *Collection) wantID() string {
	if c.id.pattern == nil {
		return "1 to 64 letters, digits, - and _"
	}
	return "what matches " + c.id.pattern.String()
}

// afterSite is what follows [a-z0-9-]+: in an id, or all of it when it does not begin so.
func afterSite(s string) string {
	i := strings.IndexByte(s, ':')
	for j := range max(i, 0) {
		if c := s[j]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return s
		}
	}
	if i <= 0 {
		return s
	}
	return s[i+1:]
}

func usualID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

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
}

// matcher finds the template of a path, by method.
type matcher map[string]*table

// table has the templates of one method twice: as they are written, and in the plainest spelling.
type table struct {
	exact, plain spelling
}

// spelling has templates by what can be looked up, so that a path costs the same with any number of collections.
type spelling struct {
	whole map[string]*route // templates without an id
	under map[string]*route // those that end in the id, by what is before it
	rest  []*route          // all others
}

type route struct {
	pathTemplate
	verb       Verb
	collection *Collection
}

func (c *compiler) matcher(p *Profile) {
	p.matcher = make(matcher)
	for _, name := range slices.Sorted(maps.Keys(p.Collections)) {
		k := p.Collections[name]
		for _, verb := range []Verb{Create, Read, Update, Replace, Delete, List} {
			call := k.calls[verb]
			if call == nil || call.path.before == "" {
				continue // a list without a path of its own
			}
			t := p.matcher[call.method]
			if t == nil {
				t = &table{}
				p.matcher[call.method] = t
			}
			other := t.exact.add(&route{call.path, verb, k})
			low := pathTemplate{one: call.path.one, before: plain(call.path.before), after: strings.ToLower(call.path.after)}
			if strings.HasSuffix(call.path.before, "/") {
				low.before = strings.TrimSuffix(low.before, "/") + "/"
			}
			t.plain.add(&route{low, verb, k})
			if other != nil && (verb != List || other.verb != List) {
				c.problem(fmt.Sprintf("%s %s is to %s a record of %s and to %s one of %s", call.method, call.path.before, other.verb,
					other.collection.name, verb, name), "a call can mean one thing only", "collections", name, string(verb), "path")
			}
		}
	}
}

// add enters a template; it returns the one that was there before it, if any, which stays.
func (s *spelling) add(r *route) (other *route) {
	enter := func(m *map[string]*route) {
		if *m == nil {
			*m = make(map[string]*route)
		}
		if other = (*m)[r.before]; other == nil {
			(*m)[r.before] = r
		}
	}
	switch {
	case !r.one:
		enter(&s.whole)
	case r.after == "" && strings.HasSuffix(r.before, "/"):
		enter(&s.under)
	default:
		for _, o := range s.rest {
			if o.before == r.before && o.after == r.after {
				return o
			}
		}
		s.rest = append(s.rest, r)
		// The longest first, so that the more exact of two templates wins.
		slices.SortStableFunc(s.rest, func(a, b *route) int { return len(b.before) + len(b.after) - len(a.before) - len(a.after) })
	}
	return other
}

// find is the template of a path without a slash at its end, and the id in it.
func (s *spelling) find(path string) (r *route, id string) {
	if r := s.whole[path]; r != nil {
		return r, ""
	}
	slash := strings.LastIndexByte(path, '/') + 1
	for _, r := range s.rest {
		if len(path) > len(r.before)+len(r.after) && strings.HasPrefix(path, r.before) && strings.HasSuffix(path, r.after) && slash <= len(r.before) {
			return r, path[len(r.before) : len(path)-len(r.after)]
		}
	}
	if slash < len(path) {
		return s.under[path[:slash]], path[slash:]
	}
	return nil, ""
}

// Match tells what a call is, by its method and its path as it was on the wire, without query. ok=false: it is no call of a
// described collection. The error has Kind Invalid and is for writes only: one that must be refused, because the API might take
// its odd path for that of a described record although it is spelled differently (dot segments, doubled, encoded or back
// slashes, another case), or because its id is none.
func (p *Profile) Match(method, escapedPath string) (m Match, ok bool, err error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	t := p.matcher[method]
	if t == nil || method == http.MethodOptions {
		return Match{}, false, nil
	}
	trimmed := escapedPath
	if len(trimmed) > 1 {
		trimmed = strings.TrimSuffix(trimmed, "/")
	}
	r, raw := t.exact.find(trimmed)
	switch {
	case r == nil && method == http.MethodGet:
		return Match{}, false, nil
	case r == nil:
		return Match{}, false, t.disguised(trimmed, escapedPath)
	case !r.one:
		return Match{Verb: r.verb, Collection: r.collection}, true, nil
	}
	id, err := url.PathUnescape(raw)
	switch {
	case err == nil && validID(id):
		return Match{Verb: r.verb, Collection: r.collection, ID: id, RawID: raw}, true, nil
	case method == http.MethodGet:
		return Match{}, false, nil
	}
	return Match{}, false, &request.Error{Op: "profile.Match", Kind: request.Invalid,
		Detail: "the id " + clip(raw) + " is none: want 1 to 64 letters, digits, - and _, or SITE: before these"}
}

// disguised refuses a path that would be a described one if it were decoded, cleaned and read in any case.
func (t *table) disguised(trimmed, escapedPath string) error {
	s := trimmed
	if odd(escapedPath) {
		s = plain(escapedPath)
	} else {
		s = strings.ToLower(s)
	}
	r, _ := t.plain.find(s)
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

// validID reports whether s can be the id of a record: [A-Za-z0-9_-]{1,64}, or [a-z0-9-]+: before that.
func validID(s string) bool {
	if i := strings.IndexByte(s, ':'); i >= 0 {
		for j := range i {
			if c := s[j]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
		if i == 0 {
			return false
		}
		s = s[i+1:]
	}
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

// Overrides reports whether a call asks, by a header, to be taken for another method than its own.
func Overrides(h http.Header) bool {
	return h["X-Http-Method-Override"] != nil || h["X-Http-Method"] != nil || h["X-Method-Override"] != nil
}

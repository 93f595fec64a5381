package profile

import (
	"cmp"
	"fmt"
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

// matcher has the templates by method, those without an id first.
type matcher map[string][]route

type route struct {
	pathTemplate
	verb       Verb
	collection *Collection
	// plain is the template cleaned as odd paths are, in lower case.
	plain pathTemplate
}

func (c *compiler) matcher(p *Profile) {
	p.matcher = make(matcher)
	for name, k := range p.Collections {
		for verb, call := range k.calls {
			if verb == List && call.path.before == "" || call.path.one != (verb != Create && verb != List) {
				continue
			}
			r := route{pathTemplate: call.path, verb: verb, collection: k}
			r.plain = pathTemplate{one: r.one, before: strings.ToLower(call.path.before), after: strings.ToLower(call.path.after)}
			if u, err := url.PathUnescape(r.plain.before); err == nil {
				r.plain.before = strings.ToLower(u)
			}
			for _, other := range p.matcher[call.method] {
				if other.pathTemplate == r.pathTemplate && other.verb != List && verb != List {
					c.problem(fmt.Sprintf("%s %s is a call of %s and of %s", call.method, call.path.target("{id}"), min(name, other.collection.name),
						max(name, other.collection.name)), "each call can belong to one collection only", "collections", max(name, other.collection.name), "path")
				}
			}
			p.matcher[call.method] = append(p.matcher[call.method], r)
		}
	}
	for _, routes := range p.matcher {
		slices.SortFunc(routes, func(a, b route) int {
			if a.one != b.one {
				if a.one {
					return 1
				}
				return -1
			}
			// The longest first, so that the more exact of two templates wins.
			return cmp.Or(cmp.Compare(len(b.before)+len(b.after), len(a.before)+len(a.after)), cmp.Compare(a.before, b.before),
				cmp.Compare(a.collection.name, b.collection.name), cmp.Compare(a.verb, b.verb))
		})
	}
}

// Match tells what a call is, by its method and its path as it was on the wire, without query. ok=false: it is no call of a
// described collection. The error has Kind Invalid and is for writes only: one that must be refused, because the API might take
// its odd path for that of a described record although it is spelled differently (dot segments, doubled, encoded or back
// slashes, another case), or because its id is none.
func (p *Profile) Match(method, escapedPath string) (m Match, ok bool, err error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	routes := p.matcher[method]
	trimmed := escapedPath
	if len(trimmed) > 1 && trimmed[len(trimmed)-1] == '/' {
		trimmed = trimmed[:len(trimmed)-1]
	}
	for i := range routes {
		r := &routes[i]
		raw, hit := r.match(trimmed)
		if !hit {
			continue
		}
		m = Match{Verb: r.verb, Collection: r.collection, RawID: raw}
		if !r.one {
			return m, true, nil
		}
		id, err := url.PathUnescape(raw)
		switch {
		case err == nil && validID(id):
			m.ID = id
			return m, true, nil
		case method == http.MethodGet:
			return Match{}, false, nil
		}
		return Match{}, false, &request.Error{Op: "profile.Match", Kind: request.Invalid,
			Detail: "the id " + clip(raw) + " is none: want 1 to 64 letters, digits, - and _, or SITE: before these"}
	}
	if method == http.MethodGet || method == http.MethodOptions || len(routes) == 0 {
		return Match{}, false, nil
	}
	if r := disguised(routes, escapedPath); r != nil {
		return Match{}, false, &request.Error{Op: "profile.Match", Kind: request.Invalid,
			Detail: "the path " + clip(escapedPath) + " is another spelling of one of " + r.collection.name + "; write it as " + r.target("{id}")}
	}
	return Match{}, false, nil
}

func (r *route) match(path string) (raw string, ok bool) {
	if !r.one {
		return "", path == r.before
	}
	if len(path) <= len(r.before)+len(r.after) || path[:len(r.before)] != r.before || !strings.HasSuffix(path, r.after) {
		return "", false
	}
	raw = path[len(r.before) : len(path)-len(r.after)]
	return raw, strings.IndexByte(raw, '/') < 0
}

// disguised finds the template that a path would hit if it were decoded, cleaned and read in any case.
func disguised(routes []route, escapedPath string) *route {
	s := escapedPath
	if odd(s) {
		s = plain(s)
	} else if len(s) > 1 && s[len(s)-1] == '/' {
		s = s[:len(s)-1]
	}
	for i := range routes {
		r := &routes[i]
		if !r.one && s == r.plain.before {
			return r
		}
		if !r.one || len(s) <= len(r.plain.before)+len(r.plain.after) || !strings.HasPrefix(s, r.plain.before) || !strings.HasSuffix(s, r.plain.after) {
			continue
		}
		if id := s[len(r.plain.before) : len(s)-len(r.plain.after)]; strings.IndexByte(id, '/') < 0 {
			return r
		}
	}
	return nil
}

// odd reports whether a path could be spelled in a plainer way. Most cannot, and cost no more than a look at each byte.
func odd(p string) bool {
	for i := range len(p) {
		switch c := p[i]; {
		case c >= 'A' && c <= 'Z', c == '%', c == '\\', c == ';', c >= 0x80, c < ' ':
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

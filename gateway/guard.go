package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// maxHeaders is the most different header names of a call.
const maxHeaders = 500

// guard refuses calls that net/http takes and nobody should. It is nil for a call that may go on.
func (f *face) guard(w http.ResponseWriter, r *http.Request) *Problem {
	for i := range len(r.Method) {
		if c := r.Method[i]; 'a' <= c && c <= 'z' {
			// Some frameworks take "patch" for PATCH, which would slip past interception.
			return closing(problemOf(notSupported, "method "+clip(r.Method)+" is not known"))
		}
	}
	switch {
	case r.Method == http.MethodTrace || r.Method == http.MethodConnect:
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		return closing(problemOf(badMethod, r.Method+" is not taken here"))
	case len(r.Header) > maxHeaders:
		return closing(problemOf(bigHeader, ""))
	case r.ProtoMajor == 1 && r.ProtoMinor == 0 && hasBody(r.Method) && r.Header["Content-Length"] == nil:
		// net/http ignores and hides Transfer-Encoding on HTTP/1.0, and would take the body for the next call.
		return closing(problemOf(request.Invalid, "a call with a body needs a Content-Length on HTTP/1.0"))
	case f.hosts != nil && !f.hosts[strings.ToLower(r.Host)]:
		return closing(problemOf(misdirected, ""))
	}
	if via := r.Header["Via"]; len(via) > 0 && circular(via, f.pseudonym) {
		p := problemOf(request.Loop, "the call has passed "+f.pseudonym+" before")
		return &p
	}
	return nil
}

func hasBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// clip is a word of a client, short enough to be said back.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// overrides reports whether a call asks to be taken for another method, in one of the ways that frameworks know.
func overrides(r *http.Request) bool {
	return r.Header["X-Http-Method-Override"] != nil || r.Header["X-Http-Method"] != nil || r.Header["X-Method-Override"] != nil ||
		strings.Contains(r.URL.RawQuery, "method=")
}

// overridden refuses a call that is a write of a described collection, or asks to be taken for one. The upstream might do what
// the override says, and the gateway would not know.
func (f *face) overridden(match Matcher, r *http.Request, path string, m profile.Match, ok bool) error {
	wrong := &request.Error{Op: "gateway", Kind: request.Invalid,
		Detail: "the call asks to be taken for another method (X-HTTP-Method-Override or _method); send it with the method that is meant"}
	if ok && isWrite(m.Verb) {
		return wrong
	}
	var asked []string
	for _, name := range [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		asked = append(asked, r.Header[name]...)
	}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, v, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err != nil || name != "_method" {
			continue
		}
		if u, err := url.QueryUnescape(v); err == nil {
			v = u
		}
		asked = append(asked, v)
	}
	for _, method := range asked {
		m, ok, err := match.Match(strings.ToUpper(strings.TrimSpace(method)), path)
		if err != nil || ok && isWrite(m.Verb) {
			return wrong
		}
	}
	return nil
}

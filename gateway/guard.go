package gateway

import (
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// maxHeaders is the most header lines of a call.
const maxHeaders = 500

// methods are those that described paths may be called with.
const methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// unusual knows of methods that no request API has.
type unusual interface {
	Unusual(method, escapedPath string) bool
}

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
		w.Header().Set("Allow", methods)
		return closing(problemOf(badMethod, r.Method+" is not taken here"))
	case lineCount(r.Header) > maxHeaders:
		return closing(problemOf(bigHeader, ""))
	case r.URL.Scheme != "" && (r.URL.Host == "" || r.URL.Scheme != "http" && r.URL.Scheme != "https"):
		return closing(problemOf(request.Invalid, "the target of the call is nothing of HTTP"))
	case r.ProtoMajor == 1 && r.ProtoMinor == 0 && hasBody(r.Method) && r.Header["Content-Length"] == nil:
		// net/http ignores and hides Transfer-Encoding on HTTP/1.0, and would take the body for the next call.
		return closing(problemOf(request.Invalid, "a call with a body needs a Content-Length on HTTP/1.0"))
	case f.hosts != nil && !f.named(r.Host):
		return closing(problemOf(misdirected, ""))
	}
	if via := r.Header["Via"]; len(via) > 0 && circular(via, f.pseudonym) {
		p := problemOf(request.Loop, "the call has passed "+f.pseudonym+" before")
		return &p
	}
	return nil
}

func lineCount(h http.Header) (n int) {
	for _, v := range h {
		n += len(v)
	}
	return n
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

// named reports whether a host is one of the face's own names.
func (f *face) named(host string) bool {
	host = strings.ToLower(host)
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return f.hosts[host]
	}
	return f.hosts[host] || f.hosts[name] || f.hosts["["+name+"]"]
}

// tunnels is the only protocol that a connection may be switched to. Another one, such as HTTP/2, would carry further calls past
// the gateway.
const tunnels = "websocket"

// noSwitch removes what asks for a protocol that is not carried; the call is then one like any other, as RFC 9110 (7.8) has it.
func noSwitch(method string, h http.Header) {
	up := h["Upgrade"]
	if len(up) == 0 || len(up) == 1 && strings.EqualFold(up[0], tunnels) && method == http.MethodGet {
		return
	}
	delete(h, "Upgrade")
	delete(h, "Connection")
	delete(h, "Http2-Settings")
}

// kept are headers that concern all on the way of a call.
func kept(name string) bool {
	switch strings.ToLower(name) {
	case "host", "authorization", "cookie", "forwarded", "via", "content-length", "content-type", "content-encoding", "if-match", "if-none-match",
		"if-modified-since", "if-unmodified-since", "idempotency-key", "prefer":
		return true
	}
	return internal(name) || hasPrefix(name, "x-forwarded-")
}

// unhooked refuses a write whose Connection would have a header removed on which others on its way have decided already.
func unhooked(h http.Header) error {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); kept(name) {
				return bad("Connection names " + clip(name) + ", which is not of one connection only")
			}
		}
	}
	return nil
}

// unrepeated makes a write that passes through one that net/http never repeats by itself, as it would when it has an Idempotency-Key
// and no body, and a kept connection dies before the answer.
func unrepeated(out *http.Request) {
	if out.Body == nil && (out.Header["Idempotency-Key"] != nil || out.Header["X-Idempotency-Key"] != nil) && !safe(out.Method) {
		out.Body = io.NopCloser(strings.NewReader(""))
	}
}

package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	_ "embed" // for the description of the API
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/gorilla/mux"
	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/request"
)

//go:embed openapi.yaml
var openAPI string

// AdminOptions say what an admin face works with. Site, Operator and Watcher are required.
type AdminOptions struct {
	Network  string
	Site     request.Site
	Version  string // of the program
	Operator Operator
	Watcher  Watcher
	// Planner tells what is scheduled; nil: nothing is served of it.
	Planner Planner
	// Seeder brings in what was there before; nil: nothing is served of it.
	Seeder Seeder
	// Verifier compares with the holders; nil: nothing is served of it.
	Verifier Verifier
	// Watches tells of changes behind the gateway; nil: nothing is served of it.
	Watches WatchLister
	// Rebuilder tells of a store that was lost; nil: nothing is served of it.
	Rebuilder Rebuilder
	// Routes tells of the routes in force; nil: nothing is served of them.
	Routes RouteLister
	// Configurer tells of the network file; nil: nothing is served of it.
	Configurer Configurer
	Metrics    *Metrics
	Log        *zap.Logger
	// Token is what /api wants as Bearer; "" only where the listener is bound to loopback. Health and metrics need no token from
	// a loopback address, nor when OpenHealth is set.
	Token string
	// ViewToken may be sent instead of Token by those who may only look; "" for none.
	ViewToken string
	// Tokens, when it is set, gives the two in force in place of Token and ViewToken, so that they can be replaced while the face serves.
	Tokens     func() Tokens
	OpenHealth bool
	// Dashboard serves what is not below the paths of this face, to everybody and without a token: it holds no data; nil: nothing.
	Dashboard http.Handler
	// Guide tells of the network and the way of requests through it; nil: nothing is served of it.
	Guide Guide
	// Feed tells what happens; nil: nothing is served of it.
	Feed *Feed
	// Extend mounts further paths below /api/v1, behind the token: handle("POST", "/transfer/{ref}", h).
	Extend func(handle func(method, path string, h http.HandlerFunc))
}

// Tokens are what callers of the admin API send: All by those who may do everything, View by those who may only look; "" for none.
type Tokens struct{ All, View string }

type admin struct {
	AdminOptions
}

// tokens are those in force.
func (a *admin) tokens() Tokens {
	if a.Tokens == nil {
		return Tokens{a.Token, a.ViewToken}
	}
	return a.Tokens()
}

// NewAdmin makes the admin face of a site.
func NewAdmin(o AdminOptions) http.Handler {
	if o.Operator == nil || o.Watcher == nil {
		panic("gateway.NewAdmin: Operator or Watcher is missing")
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	a := &admin{AdminOptions: o}
	r := mux.NewRouter().UseEncodedPath().SkipClean(true)
	get := func(path, name string, h http.HandlerFunc) {
		r.Handle(path, a.open(h)).Methods("GET", "HEAD").Name(name)
	}
	get("/healthz", "alive", a.alive)
	get("/readyz", "ready", a.ready)
	get("/health/forwarding", "forwarding", a.forwarding)
	r.Handle("/metrics", a.open(o.Metrics.Handler().ServeHTTP)).Methods("GET", "HEAD").Name("metrics")
	a.api(r)
	if o.Dashboard != nil {
		outside := func(r *http.Request, _ *mux.RouteMatch) bool { return !strings.HasPrefix(r.URL.Path, "/api/") }
		// This order: a path that matches first would make mux forget that another route has the path and not the method.
		r.MatcherFunc(outside).PathPrefix("/").Handler(o.Dashboard).Methods("GET", "HEAD")
	}
	// Nobody without the token learns what is there.
	r.NotFoundHandler = a.guarded(http.HandlerFunc(notFound))
	r.MethodNotAllowedHandler = a.guarded(http.HandlerFunc(notAllowed))
	return a.rebinding(r)
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, r, problemOf(request.NotFound, "there is nothing at this path of the admin address"))
}

func notAllowed(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, r, problemOf(badMethod, r.Method+" is not taken at this path"))
}

// rebinding guards an address without a token against web pages: a page that has its own name point to 127.0.0.1 still sends
// that name as Host, and one that posts across origins says so in Origin.
func (a *admin) rebinding(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bound(w, adminTimeout)
		if !plainPath(r.URL.EscapedPath()) {
			writeProblem(w, r, *closing(problemOf(request.Invalid, "the path can be read in more than one way; write it plainly")))
			return
		}
		if a.tokens().All == "" && !loopbackHost(r.Host) {
			writeProblem(w, r, problemOf(request.Forbidden, "the admin address has no token, so it answers to loopback names only"))
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && !safe(r.Method) {
			if _, host, _ := strings.Cut(origin, "://"); !strings.EqualFold(host, r.Host) {
				writeProblem(w, r, problemOf(request.Forbidden, "the call comes from a page of another origin"))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// adminTimeout is how long the body of a call may take.
const adminTimeout = 30 * time.Second

// plainPath reports whether a path has no empty or dot segments, no backslashes and no control characters, escaped or not.
func plainPath(escaped string) bool {
	p, err := url.PathUnescape(escaped)
	if err != nil || escaped == "" || escaped[0] != '/' {
		return false
	}
	for i, s := range strings.Split(p, "/") {
		if s == "." || s == ".." || s == "" && i > 0 && i < strings.Count(p, "/") {
			return false
		}
	}
	return !strings.ContainsFunc(p, func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f })
}

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// loopbackHost reports whether a Host header names this machine.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

func (a *admin) authorized(r *http.Request) bool {
	role := a.roleOf(r)
	return role == operates || role == views
}

// standing is what a caller may do.
type standing int

const (
	nobodyHere standing = iota
	views               // may look
	operates            // may do everything
)

// roleOf tells by the token of a call what its sender may do. Both tokens are always compared, in a time that tells nothing of them.
func (a *admin) roleOf(r *http.Request) standing {
	want := a.tokens()
	if want.All == "" {
		return operates
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got := sha256.Sum256([]byte(strings.TrimSpace(token)))
	all, view := sha256.Sum256([]byte(want.All)), sha256.Sum256([]byte(want.View))
	full, part := subtle.ConstantTimeCompare(got[:], all[:]), subtle.ConstantTimeCompare(got[:], view[:])
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return nobodyHere
	case full == 1:
		return operates
	case part == 1 && want.View != "":
		return views
	}
	return nobodyHere
}

// guarded lets only calls with a token through, and those that change something only with the one that may.
func (a *admin) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.authorized(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="meridian"`)
			writeProblem(w, r, problemOf(unauthorized, ""))
			return
		}
		if !safe(r.Method) && a.roleOf(r) != operates {
			writeProblem(w, r, problemOf(request.Forbidden, "this token may look and change nothing"))
			return
		}
		a.audited(next, w, r)
	})
}

// audited serves a call, and logs one that changes something: who can be told by nothing but the address and the name that a command sends.
func (a *admin) audited(next http.Handler, w http.ResponseWriter, r *http.Request) {
	if safe(r.Method) {
		next.ServeHTTP(w, r)
		return
	}
	seen := &statusWriter{ResponseWriter: w}
	next.ServeHTTP(seen, r)
	a.Log.Info("an operator's call", zap.String("method", r.Method), zap.String("path", clip(r.URL.EscapedPath())), zap.Int("status", seen.status),
		zap.String("from", remoteIP(r.RemoteAddr)))
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// open lets callers on this machine through without a token: probes and scrapers that run beside the gateway.
func (a *admin) open(next http.HandlerFunc) http.Handler {
	strict := a.guarded(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ip, err := netip.ParseAddr(remoteIP(r.RemoteAddr))
		if a.OpenHealth || err == nil && ip.Unmap().IsLoopback() {
			next(w, r)
			return
		}
		strict.ServeHTTP(w, r)
	})
}

// decode reads the JSON body of an admin call into v. Unknown names are mistakes.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return &request.Error{Op: "admin", Kind: unsupported, Detail: "the call needs Content-Type: application/json"}
	}
	if e := r.Header["Content-Encoding"]; len(e) > 0 {
		return &request.Error{Op: "admin", Kind: unsupported, Detail: "Content-Encoding " + clip(e[0]) + " is not taken here"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &request.Error{Op: "admin", Kind: request.TooLarge, Err: err}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &request.Error{Op: "admin", Kind: slowBody}
	}
	if err == nil {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // or the caller would be taken for gone when it passes
		// Unlike encoding/json this refuses names that are there twice or in another case, invalid UTF-8, and anything behind the object.
		err = jsonv2.Unmarshal(body, v, jsonv2.RejectUnknownMembers(true))
	}
	if err != nil {
		return &request.Error{Op: "admin", Kind: request.Invalid, Detail: "the body is not the JSON object that is described in /api/v1/openapi.yaml: " + err.Error(), Err: err}
	}
	return nil
}

package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/spool"
	"github.com/meridian-gateway/meridian/tracing"
)

// Engine is what the client face asks to be done.
type Engine interface {
	// Write runs a create, update, replace or delete of a described collection. w holds Kind, Collection, Local (the id as the
	// client wrote it: "17" or "chicago:17"), Fields, Call (as it should go upstream), Key, Digest, IfMatch, Entry, EnteredBy.
	// Result.Answer is what the client gets. With an error the result may still tell what is known of the request.
	Write(ctx context.Context, w request.Write) (request.Result, error)
	// Find resolves an id as a client wrote it to the request as known here; ok=false: not known.
	Find(ctx context.Context, collection, id string) (e request.Entry, copies []request.Delivery, ok bool, err error)
	// Await returns when every holder of the request has confirmed version v or a newer one, or when ctx ends; it returns the
	// holders then.
	Await(ctx context.Context, id request.ID, v request.Version) ([]request.Delivery, error)
	// Operation tells how a write ended or stands.
	Operation(ctx context.Context, id string) (request.Operation, error)
}

// Matcher tells what a call is; *profile.Profile is one.
type Matcher interface {
	Match(method, escapedPath string) (m profile.Match, ok bool, err error)
}

// Options say what a client face works with. Network, Site, Upstream, Profile and Engine are required.
type Options struct {
	Network  string
	Site     request.Site
	Upstream *url.URL
	// Profile gives the profile in force, so that a new one is taken without a restart.
	Profile func() Matcher
	Engine  Engine
	// Transport carries calls that pass through; nil: one made for it (no compression of its own, many kept connections).
	Transport http.RoundTripper
	Log       *zap.Logger
	Metrics   *Metrics
	// Tracer makes a span of each call; nil makes none, and a client's trace context passes as it came.
	Tracer *tracing.Tracer
	// Body is the most bytes of an intercepted call (default 1 MiB), Depth the deepest nesting of its JSON (default 64),
	// BodyTimeout how long its body may take to arrive (default 30s), AnswerTimeout how long its answer may take to be taken.
	Body          int64
	Depth         int
	BodyTimeout   time.Duration
	AnswerTimeout time.Duration
	// Hosts, when given, are the only names this face answers to; others get 421. One without a port is meant at any.
	Hosts []string
	// Trusted are the proxies before this gateway whose Forwarded, X-Forwarded-* and Meridian-free words are believed and
	// added to. From anyone else these headers are replaced.
	Trusted []netip.Prefix
	// Files keeps the bodies of uploads; nil: files are not taken.
	Files *spool.Spool
	// Client limits what one client may ask for.
	Client ClientLimit
	// Stale tells whether an owner has been silent for so long that its copies must be called stale; nil: never.
	Stale func(owner request.Site) bool
}

func (o *Options) defaults() error {
	switch {
	case o.Site == "":
		return errors.New("gateway.New: Site is missing")
	case o.Upstream == nil || o.Upstream.Host == "":
		return errors.New("gateway.New: Upstream is missing or has no host")
	case o.Profile == nil || o.Engine == nil:
		return errors.New("gateway.New: Profile or Engine is missing")
	}
	if o.Transport == nil {
		o.Transport = Transport()
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Body == 0 {
		o.Body = 1 << 20
	}
	if o.Depth == 0 {
		o.Depth = 64
	}
	if o.BodyTimeout == 0 {
		o.BodyTimeout = 30 * time.Second
	}
	if o.AnswerTimeout == 0 {
		o.AnswerTimeout = 60 * time.Second
	}
	return nil
}

// ownPrefix is the part of the name space that never reaches the upstream.
const ownPrefix = "/.meridian/"

type face struct {
	Options
	// pseudonym is how this gateway calls itself in Via.
	pseudonym string
	upstream  upstream
	proxy     *httputil.ReverseProxy
	own       *mux.Router
	hosts     map[string]bool
	clients   *clients
}

// New makes the client face of a site. It panics on options without which there is nothing to serve, since those are a mistake
// in the program and not in a network file.
func New(o Options) http.Handler {
	if err := o.defaults(); err != nil {
		panic(err)
	}
	f := &face{Options: o, pseudonym: Pseudonym(o.Network, o.Site), upstream: newUpstream(o.Upstream), clients: newClients(o.Client)}
	f.proxy = f.newProxy()
	f.own = f.newOwn()
	if len(o.Hosts) > 0 {
		f.hosts = make(map[string]bool, len(o.Hosts))
		for _, h := range o.Hosts {
			f.hosts[strings.ToLower(h)] = true
		}
	}
	return f
}

// Pseudonym is how the gateway of a site names itself in Via, and how it knows a call that has come round in a circle.
func Pseudonym(network string, site request.Site) string {
	if network == "" {
		return "meridian." + string(site)
	}
	return "meridian." + network + "." + string(site)
}

// newOwn serves the gateway's own paths. Everything else is decided before a router is asked: a router that cleans or decodes
// paths would let a call slip past interception, and its regular expressions would be paid for by every call that passes.
func (f *face) newOwn() *mux.Router {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.HandleFunc(ownPrefix+"operations/{op}", f.operation).Methods("GET", "HEAD").Name("operation")
	r.HandleFunc(ownPrefix+"problems/{kind}", describe).Methods("GET", "HEAD").Name("problem")
	r.HandleFunc(ownPrefix+"problems/", describeAll).Methods("GET", "HEAD").Name("problems")
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, r, problemOf(request.NotFound, "there is nothing of the gateway's own at this path"))
	})
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", "GET, HEAD")
		writeProblem(w, r, problemOf(badMethod, "the gateway's own paths are read only"))
	})
	return r
}

// ServeHTTP is the way of every client call: guard, the gateway's own paths, match, then write, read or pass through.
func (f *face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer f.Metrics.serving()()
	if p := f.guard(w, r); p != nil {
		f.refused(w, r, *p)
		return
	}
	if strings.HasPrefix(r.URL.Path, ownPrefix) {
		bound(w, refusedTimeout)
		f.own.ServeHTTP(w, r)
		return
	}
	path := r.URL.EscapedPath()
	profile := f.Profile()
	m, ok, err := profile.Match(r.Method, path)
	if err == nil {
		if asked := overrides(r); len(asked) > 0 {
			err = f.overridden(asked, profile, path, m, ok)
		}
	}
	if d, knows := profile.(unusual); knows && !ok && err == nil && d.Unusual(r.Method, path) {
		w.Header().Set("Allow", methods)
		f.refused(w, r, *closing(problemOf(badMethod, r.Method+" is not taken at a path of a described collection")))
		return
	}
	if f.Tracer != nil || tracing.Carried(r.Header) {
		var done func()
		w, r, done = f.traced(w, r, m, ok && err == nil)
		defer done()
	}
	switch {
	case err != nil:
		f.refused(w, r, *closing(problemFor(err)))
	case !ok, m.Verb == profileCreate && carries(r, profile, m):
		if c, id, ok := f.touching(r, profile); ok {
			f.touch(w, r, c, id)
			return
		}
		f.pass(w, r)
	case isWrite(m.Verb):
		f.write(w, r, m)
	case m.Collection.Parent() != "":
		f.familiar(w, r, m)
	case m.Verb == profileRead:
		f.read(w, r, m)
	default:
		f.pass(w, r)
	}
}

// refused answers a call before anything was read of its body.
func (f *face) refused(w http.ResponseWriter, r *http.Request, p Problem) {
	bound(w, f.BodyTimeout)
	f.Metrics.call(callRefused, p.Status)
	writeProblem(w, r, p)
}

const (
	profileRead   profile.Verb = "read"
	profileCreate profile.Verb = "create"
	profileDelete profile.Verb = "delete"
)

func isWrite(v profile.Verb) bool {
	return v == profileCreate || v == "update" || v == "replace" || v == profileDelete
}

package contract

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxBody is the largest body of a call, in bytes; attachments included.
const maxBody = 256 << 20

// Product is any of the servers.
type Product interface {
	http.Handler
	Credentials() Credentials
	// Records is the truth, in the product's own terms; Calls is what arrived, and Forget empties that log.
	Records() []map[string]any
	Calls() []Call
	Forget()
	// Faults are the misbehaviours that it can be told to show; see Server.
	Faults
}

// Faults are misbehaviours; see the methods of Server.
type Faults interface {
	Fail(match string, n, status int)
	Throttle(match string, n, status int, retryAfter time.Duration)
	DropAnswer(match string, n int)
	DropCall(match string, n int)
	Delay(match string, n int, wait time.Duration)
	Heal()
}

// Products are all servers by the names of the presets that speak to them.
func Products() map[string]func(Options) Product {
	return map[string]func(Options) Product{
		"arsystem":   func(o Options) Product { return NewARSystem(o) },
		"servicenow": func(o Options) Product { return NewServiceNow(o) },
		"jira":       func(o Options) Product { return NewJira(o) },
		"zendesk":    func(o Options) Product { return NewZendesk(o) },
		"github":     func(o Options) Product { return NewGitHub(o) },
		"freshdesk":  func(o Options) Product { return NewFreshdesk(o) },
	}
}

// product is what the products differ in. The server calls it with its lock held.
type product interface {
	// handle does the call and answers it.
	handle(c *call) reply
	// refuse is how the product says that it does not do a call, in its own shape.
	refuse(status int, why string) reply
}

// Server is what all products have in common: the log of calls, the faults, and one lock around everything.
type Server struct {
	options Options
	product product

	mu     sync.Mutex
	calls  []Call
	faults []*fault
	window time.Time // when the present window of the limit began
	used   int       // calls in it
}

// Call is one call as it arrived, with what came of it.
type Call struct {
	Method string
	// Path is the target as it was written, with its query.
	Path   string
	Header http.Header
	Body   []byte
	Status int
	// Answer is the body of the answer, whether or not the client got it.
	Answer []byte
	// Ignored are members of the body that the product has no use for and says nothing about: unknown ones and read-only ones.
	Ignored []string
	// Dropped: the connection was broken in place of the answer. Done: the product has seen the call at all.
	Dropped, Done bool
}

// call is a call on its way through a product.
type call struct {
	*http.Request
	body    []byte
	now     time.Time
	segs    []string // of the path, each unescaped
	query   url.Values
	ignored []string
}

// reply is an answer that is yet to be written.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// Credentials are what the server accepts.
func (s *Server) Credentials() Credentials {
	return Credentials{User: s.options.User, Password: s.options.Password, Token: s.options.Token}
}

// Calls are all calls so far, in the order in which they were done.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Forget empties the log of calls.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// ServeHTTP does one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.unread(w, err)
		return
	}
	f := s.strike(r)
	f.hold(r)
	answer := s.do(r, body, f)
	if f.drop {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.header)
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body)
}

// unread answers a call whose body did not arrive, or was too large.
func (s *Server) unread(w http.ResponseWriter, err error) {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	panic(http.ErrAbortHandler)
}

// do lets the product do the call, unless the fault says otherwise, and writes both down.
func (s *Server) do(r *http.Request, body []byte, f struck) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{Request: r, body: body, now: s.options.Now().UTC()}
	var answer reply
	switch {
	case f.lost:
		answer = reply{}
	case f.status != 0:
		answer = s.product.refuse(f.status, "refused by order of a test")
		if f.retryAfter > 0 {
			answer = answer.with("Retry-After", strconv.FormatInt(int64((f.retryAfter+time.Second-1)/time.Second), 10))
		}
	default:
		answer = s.route(c)
	}
	s.calls = append(s.calls, Call{
		Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Body: body, Status: answer.status,
		Answer: answer.body, Ignored: c.ignored, Dropped: f.drop, Done: !f.lost && f.status == 0,
	})
	return answer
}

// route takes the target apart and hands the call over.
func (s *Server) route(c *call) reply {
	for _, seg := range strings.Split(strings.Trim(c.URL.EscapedPath(), "/"), "/") {
		plain, err := url.PathUnescape(seg)
		if err != nil {
			return s.product.refuse(http.StatusBadRequest, "malformed path")
		}
		c.segs = append(c.segs, plain)
	}
	query, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return s.product.refuse(http.StatusBadRequest, "malformed query")
	}
	c.query = query
	return s.product.handle(c)
}

// take counts a call against the limit. It returns how many are left in the window, when the next one begins, and whether the
// call may be done; without a limit every call may, with 5000 left.
func (s *Server) take(now time.Time) (left int, next time.Time, ok bool) {
	if now.Sub(s.window) >= s.options.Window {
		s.window, s.used = now.Truncate(time.Second), 0
	}
	s.used++
	next = s.window.Add(s.options.Window)
	if s.options.Limit == 0 {
		return max(0, 5000-s.used), next, true
	}
	return max(0, s.options.Limit-s.used), next, s.used <= s.options.Limit
}

// giveBack takes the last call out of the count again.
func (s *Server) giveBack() { s.used = max(0, s.used-1) }

// with is the answer with one more header.
func (r reply) with(name, value string) reply {
	h := r.header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	h.Set(name, value)
	r.header = h
	return r
}

// empty is an answer without a body.
func empty(status int) reply { return reply{status: status} }

// raw is an answer of any type.
func raw(status int, mediaType string, body []byte) reply {
	return reply{status: status, body: bytes.Clone(body)}.with("Content-Type", mediaType)
}

// base is scheme and host as the client wrote them, for the absolute addresses in answers.
func (c *call) base() string {
	if c.TLS != nil {
		return "https://" + c.Host
	}
	return "http://" + c.Host
}

// at reports whether the path consists of these segments; "*" stands for any one that is not empty.
func (c *call) at(pattern ...string) bool {
	if len(pattern) != len(c.segs) {
		return false
	}
	for i, p := range pattern {
		if p == "*" && c.segs[i] != "" || p == c.segs[i] {
			continue
		}
		return false
	}
	return true
}

// under is the rest of the path after these segments, if it begins with them and has no empty segment.
func (c *call) under(prefix ...string) ([]string, bool) {
	if len(c.segs) < len(prefix) || !slices.Equal(c.segs[:len(prefix)], prefix) || slices.Contains(c.segs, "") {
		return nil, false
	}
	return c.segs[len(prefix):], true
}

// whole is a query parameter as a whole number of at least low; d when it is not there. It is false for anything else.
func (c *call) whole(name string, d, low int) (int, bool) {
	text := c.query.Get(name)
	if text == "" {
		return d, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= low
}

// ignore notes members of the body that the product passes over.
func (c *call) ignore(names ...string) { c.ignored = append(c.ignored, names...) }

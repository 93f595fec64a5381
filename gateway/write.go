package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
)

// write intercepts a call that changes a described collection: admit, read, check, let the engine do it, answer.
func (f *face) write(w http.ResponseWriter, r *http.Request, m profile.Match) {
	began := time.Now()
	c := &intercepted{face: f, w: w, r: r, m: m}
	defer func() {
		if v := recover(); v != nil {
			c.panicked(v)
		}
		f.Metrics.done(string(m.Verb), c.status, time.Since(began))
		c.log(time.Since(began))
	}()
	if mustClose(r) {
		w.Header().Set("Connection", "close")
	}
	if !c.read() {
		return
	}
	leave, ok := f.clients.enter(clientOf(r))
	if !ok {
		c.refuse(problemOf(tooMany, ""))
		return
	}
	defer leave()
	c.do()
}

// intercepted is one intercepted call on its way.
type intercepted struct {
	*face
	w    http.ResponseWriter
	r    *http.Request
	m    profile.Match
	work request.Write
	wait time.Duration // Prefer: wait
	held bool          // it was asked for

	// For the log.
	status  int
	version request.Version
	id      request.ID
	err     error
}

// read reads and checks the call; false when it has been answered already.
func (c *intercepted) read() bool {
	r := c.r
	if r.Body != nil && r.Body != http.NoBody {
		bound(c.w, c.BodyTimeout)
	}
	if err := unhooked(r.Header); err != nil {
		c.refuse(problemFor(err))
		return false
	}
	if c.m.Collection.IsFile() && c.m.Verb == profileCreate {
		return c.upload()
	}
	if err := checkContent(r, c.m); err != nil {
		c.refuse(problemFor(err))
		return false
	}
	key, err := parseKey(r.Header["Idempotency-Key"])
	if err != nil {
		c.refuse(problemFor(err))
		return false
	}
	var versions []string
	own := false
	if !c.m.Collection.HasETag() { // else the tags are the API's, in whatever form, and it compares them itself
		if versions, own, err = parseIfMatch(r.Header["If-Match"]); err != nil {
			c.refuse(problemFor(err))
			return false
		}
	}
	body, p := c.body()
	if p != nil {
		c.refuse(*p)
		return false
	}
	fields, err := c.fields(body)
	if err != nil {
		c.refuse(problemFor(err))
		return false
	}
	wait, held, prefer := parsePrefer(r.Header["Prefer"])
	c.wait, c.held = wait, held
	target := targetOf(r)
	header := c.callHeader(prefer, own)
	if !own && c.m.Collection.HasETag() {
		// Tags of the API's own pass to the API, which compares them itself. An API that has none is not asked: it would ignore
		// the precondition, and a tag that is no version of ours matches nothing.
		versions = nil
	}
	c.work = request.Write{
		Kind: request.Kind(c.m.Verb), Collection: c.m.Collection.Name(), Local: c.m.ID, Fields: fields,
		Call:    &request.Call{Method: r.Method, Target: target, Header: header, Body: body},
		Key:     scopedKey(c.Site, c.m.Collection.Name(), r.Header, key),
		IfMatch: versions, Entry: c.Site, EnteredBy: enteredBy(r),
	}
	c.ofChild()
	if key != "" {
		c.work.Digest = digest(r.Method, target, body)
	}
	return true
}

// targetOf is the path and query of a call as they were on the wire.
func targetOf(r *http.Request) string {
	t := rawPath(r)
	if r.URL.ForceQuery || r.URL.RawQuery != "" {
		t += "?" + r.URL.RawQuery
	}
	return t
}

// enteredBy is what may be known of the client: the name in Basic credentials, never a password or token.
func enteredBy(r *http.Request) string {
	name, _, _ := r.BasicAuth()
	return name
}

// hop are the headers that belong to one connection (RFC 9110, 7.6.1).
var hop = [...]string{"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te",
	"Trailer", "Transfer-Encoding", "Upgrade"}

func stripHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" {
				h.Del(name)
			}
		}
	}
	for _, name := range hop {
		delete(h, name)
	}
}

// callHeader are the headers of the call as it goes upstream: the client's own, without what belongs to its connection, to the
// gateway, or to the framing of the body.
func (c *intercepted) callHeader(prefer []string, ownTags bool) http.Header {
	h := c.r.Header.Clone()
	stripHop(h)
	stripInternal(h)
	for _, name := range [...]string{"Idempotency-Key", "Expect", "Content-Length", "Accept-Encoding", "Prefer"} {
		delete(h, name)
	}
	if len(prefer) > 0 {
		h["Prefer"] = []string{strings.Join(prefer, ", ")}
	}
	// The gateway's own versions mean nothing to the API, unless the API has tags of its own: then the tag is the API's, even
	// if it looks like a version.
	if ownTags && !c.m.Collection.HasETag() {
		delete(h, "If-Match")
	}
	c.forwarded(h, c.r)
	return h
}

// do has the engine run the write and answers.
func (c *intercepted) do() {
	until := time.Now().Add(c.wait)
	res, err := c.Engine.Write(c.r.Context(), c.work)
	c.version, c.id, c.err = res.Version, res.Entry.ID, err
	tracing.Note(c.r.Context(), c.id, c.version)
	if err != nil {
		c.receipt(res)
		if e := res.Entry; e.ID != "" && !e.Version.IsZero() && request.KindOf(err) == request.Precondition {
			c.w.Header().Set("ETag", etag(e.Version))
		}
		c.refuse(problemFor(err))
		return
	}
	if c.held && !res.Version.IsZero() {
		c.hold(&res, until)
	}
	c.receipt(res)
	if state, ok := later(res); ok {
		c.accepted(res, state)
		return
	}
	c.answer(res)
}

// hold waits until the copies are confirmed or the client's time is over, and says so.
func (c *intercepted) hold(res *request.Result, until time.Time) {
	ctx, cancel := context.WithDeadline(c.r.Context(), until)
	defer cancel()
	if copies, err := c.Engine.Await(ctx, res.Entry.ID, res.Version); len(copies) > 0 && (err == nil || ctx.Err() != nil) {
		res.Copies = copies
	}
	c.w.Header().Set("Preference-Applied", "wait="+strconv.Itoa(int(c.wait/time.Second)))
}

// answer gives the client what its own API said.
func (c *intercepted) answer(res request.Result) {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(c.AnswerTimeout)) // where the connection can
	defer func() { _ = http.NewResponseController(c.w).SetWriteDeadline(time.Time{}) }()
	a, h := res.Answer, c.w.Header()
	c.status = a.Status
	out := a.Header.Clone()
	stripHop(out)
	stripInternal(out)
	// The framing is ours, the bytes are the API's. Its tag goes before ours.
	delete(out, "Content-Length")
	for name, v := range out {
		h[name] = v
	}
	for _, name := range [...]string{"Location", "Content-Location"} {
		if v := value(h, name); v != "" {
			if v = c.safeLocation(v, c.work.Call.Header); v == "" {
				delete(h, name)
			} else {
				h[name] = []string{v}
			}
		}
	}
	if id := value(c.r.Header, "X-Request-Id"); id != "" && len(id) <= 128 && h["X-Request-Id"] == nil {
		h["X-Request-Id"] = []string{id}
	}
	bodyless := a.Status == http.StatusNoContent || a.Status == http.StatusNotModified || a.Status == http.StatusResetContent
	if !bodyless {
		h.Set("Content-Length", strconv.Itoa(len(a.Body)))
		if h["Content-Type"] == nil {
			h["Content-Type"] = nil // as it came: nothing is to be guessed
		}
	}
	c.w.WriteHeader(a.Status)
	if !bodyless {
		_, _ = c.w.Write(a.Body) // a client that is gone is nobody's fault
	}
}

// safeLocation is the Location of an intercepted answer as the client may see it: below the gateway, relative, or nothing.
func (c *intercepted) safeLocation(loc string, call http.Header) string {
	if strings.ContainsAny(loc, "\r\n\x00\\") {
		return ""
	}
	if rest, ok := c.upstream.local(loc); ok {
		if strings.HasPrefix(loc, "/") && !strings.HasPrefix(loc, "//") {
			return rest
		}
		return value(call, "X-Forwarded-Proto") + "://" + value(call, "X-Forwarded-Host") + rest
	}
	u, err := url.Parse(loc)
	if err != nil || u.Scheme != "" || u.Host != "" {
		return "" // javascript:, another host's: nothing a record of this API is at
	}
	return loc
}

// later reports whether a write was taken to be done later, and what state the engine says it is in. An API's own 202 has no
// such state: the version of the write tells that it is done.
func later(res request.Result) (state string, ok bool) {
	if res.Debt {
		return "", false
	}
	if res.Answer == nil {
		return string(request.Kept), true
	}
	state = res.Answer.Header.Get("Meridian-State")
	return state, state != "" && res.Answer.Status == http.StatusAccepted && res.Version.IsZero() && res.Op != ""
}

// accepted answers a write that was taken and will be done later.
func (c *intercepted) accepted(res request.Result, state string) {
	c.status = http.StatusAccepted
	h := c.w.Header()
	h.Set("Location", operationPath(res.Op))
	h.Set("Meridian-Operation", operationPath(res.Op))
	h.Set("Meridian-State", header(state))
	writeJSON(c.w, c.r, http.StatusAccepted, "application/json", operationView{
		Operation: res.Op, Request: res.Entry.ID, State: state, Owner: res.Entry.Owner})
}

func (c *intercepted) refuse(p Problem) {
	c.status = p.Status
	if p.Request == "" && c.id != "" {
		p.Request = string(c.id)
	}
	p.close = p.close || mustClose(c.r)
	writeProblem(c.w, c.r, p)
}

func (c *intercepted) panicked(v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	what := fmt.Sprintf("%T", v) // its text may hold a client's data
	if e, ok := v.(runtime.Error); ok {
		what = e.Error()
	}
	c.Log.Error("panic in an intercepted call", zap.String("panic", what), zap.ByteString("stack", debug.Stack()))
	if c.status == 0 {
		c.refuse(problemOf(request.Internal, ""))
	}
}

// log writes the one line of an intercepted call: what was done to which request, never what is in it.
func (c *intercepted) log(took time.Duration) {
	level := zapcore.InfoLevel
	status := c.status
	switch {
	case c.r.Context().Err() != nil:
		status = problemOf(request.ClientGone, "").Status
	case status == http.StatusInternalServerError && c.err != nil:
		level = zapcore.ErrorLevel
	}
	l := c.Log.Check(level, "call")
	if l == nil {
		return
	}
	fields := []zap.Field{zap.String("verb", string(c.m.Verb)), zap.String("collection", c.m.Collection.Name()),
		zap.Int("status", status), zap.Duration("took", took)}
	if c.id != "" {
		fields = append(fields, zap.String("request", string(c.id)), zap.Stringer("version", c.version))
	}
	if c.err != nil {
		fields = append(fields, zap.String("kind", string(request.KindOf(c.err))), zap.String("error", wordless(c.err.Error())))
	}
	if id := value(c.r.Header, "X-Request-Id"); id != "" {
		fields = append(fields, zap.String("x_request_id", clip(id)))
	}
	fields = append(fields, traceFields(c.r)...)
	l.Write(fields...)
}

// wordless is the text of an error without what a request API said, which may repeat what was written.
func wordless(text string) string {
	if i := strings.Index(text, " answered "); i >= 0 {
		if end := strings.IndexByte(text[i:], ':'); end >= 0 {
			return text[:i+end]
		}
	}
	return text
}

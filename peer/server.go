package peer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
)

// ServerOptions say who answers whom. Self, Network and Sites are needed; the rest has useful zero values.
type ServerOptions struct {
	Self    request.Site
	Network string
	// Sites reports whether a site is one of the network.
	Sites func(request.Site) bool
	// Key is the network's; nil takes unsigned calls, which is for loopback and mutual TLS only. Keys, when it is set, gives the keys
	// in force in place of it: calls may be signed with any, and are answered with the same.
	Key  []byte
	Keys func() [][]byte
	// MutualTLS demands a client certificate that names the calling site. The listener must verify it; see ServerTLS.
	MutualTLS bool
	// ConfigHash is that of the network file in force; nil for none.
	ConfigHash func() string
	Now        func() time.Time
	// MaxBody bounds the body of a call, 4 MiB and a little.
	MaxBody int64
	// Parallel is how many snapshots of one delivery are applied at a time, 8.
	Parallel int
	// MaxWait is the longest a handler is given, 60 s.
	MaxWait time.Duration
	// MaxNonces bounds the memory of calls taken in the last minutes, 1 << 20. Beyond it calls are refused.
	MaxNonces int
	// Tracer makes a span of each call that is part of a trace; nil makes none.
	Tracer *tracing.Tracer
}

type server struct {
	h      Handler
	o      ServerOptions
	keys   keys
	nonces *nonces
}

// NewServer is the handler for a site's peer listener. It answers only the endpoints of this package, only to sites of the
// network, and passes on to h only what the sender may say. Its listener should keep idle connections for at least a minute.
func NewServer(h Handler, o ServerOptions) http.Handler {
	o.MaxBody = def(o.MaxBody, MaxBatchBytes+(64<<10))
	o.Parallel = def(o.Parallel, 8)
	o.MaxWait = def(o.MaxWait, 60*time.Second)
	o.MaxNonces = def(o.MaxNonces, 1<<20)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ConfigHash == nil {
		o.ConfigHash = func() string { return "" }
	}
	if o.Sites == nil {
		o.Sites = func(request.Site) bool { return false }
	}
	return &server{h: h, o: o, keys: keys{one: o.Key, all: o.Keys, network: o.Network}, nonces: newNonces(o.MaxNonces)}
}

const bodyTimeout = 30 * time.Second

// ServeHTTP answers one call.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answerer{s: s, w: w, path: r.URL.EscapedPath(), sign: s.keys.signer()}
	defer a.recover()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // of refused calls too; not every test's writer can
	serve := s.route(a.path)
	switch {
	case r.Header["Origin"] != nil || r.Header["Sec-Fetch-Site"] != nil:
		// No gateway is a browser. Where calls are not signed a page could speak for a site otherwise, under a name that it has point here.
		a.plain(http.StatusForbidden, &request.Error{Op: "peer", Kind: request.Forbidden, Detail: "a web page is no gateway"})
		return
	case serve == nil || r.URL.RawQuery != "":
		a.plain(http.StatusNotFound, &request.Error{Op: "peer", Kind: request.NotFound, Detail: "no such endpoint"})
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		a.plain(http.StatusMethodNotAllowed, &request.Error{Op: "peer", Kind: request.Invalid, Detail: "method " + strconv.Quote(r.Method)})
		return
	}
	if !s.admit(a, r) {
		return
	}
	body, err := s.body(a, r)
	if err != nil {
		a.fail(err)
		return
	}
	// The headers of a trace are not signed: whatever stands between two gateways may be part of it.
	ctx, span := s.o.Tracer.Child(tracing.Accept(r.Context(), r.Header), "serve "+word(a.path), tracing.Server)
	span.Text(tracing.Source, string(a.from()))
	defer func() { span.Status(a.status); span.End(nil) }()
	serve(ctx, a, body)
}

// word is an endpoint without what all have in common.
func word(path string) string { return strings.TrimPrefix(path, "/peer/v1/") }

func (s *server) route(path string) func(context.Context, *answerer, []byte) {
	switch path {
	case HelloPath:
		return s.hello
	case WritePath:
		return s.write
	case DeliverPath:
		return s.deliver
	case ResolvePath:
		return s.resolve
	case OperationPath:
		return s.operation
	case HoldersPath:
		return s.holders
	case TrailPath:
		return s.trail
	case HandoverPath:
		return s.handover
	case OrderPath:
		return s.order
	case DigestPath:
		return s.digest
	case RejoinPath:
		return s.rejoin
	case AuditPath:
		return s.audit
	case PutPartPath:
		return s.putPart
	case PartPath:
		return s.part
	}
	return nil
}

// admit decides whether the call may be read at all: everything here is about its header, which the signature covers together
// with the digest of the body. It answers refused calls itself.
//
// An answer to a call that may be somebody else's copy of a true one is not signed: with a signed refusal of the copy one
// could make its sender believe that the original had been refused.
func (s *server) admit(a *answerer, r *http.Request) bool {
	m, signature, ok := take(r.Header)
	m.method, m.path = r.Method, a.path
	sign, known := s.keys.find(signature, func(s signer) string { return s.call(m) })
	refuse := func(status int, detail string) bool {
		a.plain(status, &request.Error{Op: "peer", Kind: request.Forbidden, Detail: detail})
		return false
	}
	switch {
	case !ok || a.sign.keyed() && (signature == "" || m.digest == ""):
		return refuse(http.StatusUnauthorized, "the call is not marked or not signed")
	case s.o.MutualTLS && !showsSite(r, m.from, s.o.Network):
		return refuse(http.StatusUnauthorized, "the certificate does not name the calling site")
	case !known:
		return refuse(http.StatusUnauthorized, "the signature is wrong")
	}
	a.call, a.sign = &m, sign
	if m.to != s.o.Self || m.from == s.o.Self || !s.o.Sites(m.from) {
		a.fail(&request.Error{Op: "peer", Kind: request.Forbidden, Detail: "not addressed to this site, or not from a site of this network"})
		return false
	}
	if !sign.keyed() {
		return true
	}
	now, at := s.o.Now(), time.UnixMilli(m.time)
	if off := now.Sub(at); off.Abs() > window {
		a.problem(http.StatusUnauthorized, &request.Error{Op: "peer", Kind: request.Forbidden,
			Detail: "the call's time is " + off.Round(time.Second).String() + " behind this site's clock"})
		return false
	}
	switch s.nonces.take(m.nonce, at, now) {
	case replayed:
		return refuse(http.StatusUnauthorized, "the call was made before")
	case full:
		a.fail(&request.Error{Op: "peer", Kind: request.Unavailable, Detail: "too many calls", Retry: window / 2})
		return false
	}
	return true
}

// body reads the whole body, for its digest must be right before any of it is believed.
func (s *server) body(a *answerer, r *http.Request) ([]byte, error) {
	tooLarge := &request.Error{Op: "peer", Kind: request.TooLarge, Detail: "more than " + strconv.FormatInt(s.o.MaxBody, 10) + " bytes"}
	if r.ContentLength > s.o.MaxBody {
		return nil, tooLarge
	}
	rc := http.NewResponseController(a.w)
	b := make([]byte, 0, max(r.ContentLength, 512)+1)
	in := http.MaxBytesReader(a.w, r.Body, s.o.MaxBody)
	for {
		n, err := in.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			break
		}
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, tooLarge
		}
		if err != nil {
			return nil, &request.Error{Op: "peer", Kind: request.Invalid, Detail: "the body was cut short", Err: err}
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
	_ = rc.SetReadDeadline(time.Time{}) // or the server would take the handler's caller for gone when it passes
	if (a.sign.keyed() || a.call.digest != "") && digest(b) != a.call.digest {
		return nil, invalid("the body is not the one that was signed")
	}
	return b, nil
}

// answerer answers one call.
type answerer struct {
	s    *server
	w    http.ResponseWriter
	path string
	// sign signs the answer: with the key of the call.
	sign signer
	// call is the mark of the call when it is known to be the sender's own; without it answers are not signed.
	call   *mark
	begun  bool
	status int
}

func (a *answerer) from() request.Site { return a.call.from }

// fail answers with an error.
func (a *answerer) fail(err error) { a.problem(statusOf(request.KindOf(err)), err) }

// plain answers with an error, never signed.
func (a *answerer) plain(status int, err error) {
	a.call = nil
	a.problem(status, err)
}

func (a *answerer) problem(status int, err error) {
	p := problemOf(err)
	p.Status = status
	if p.RetryMS > 0 {
		a.w.Header().Set("Retry-After", strconv.FormatInt((p.RetryMS+999)/1000, 10))
	}
	text, err := marshal(p)
	if err != nil { // a detail with invalid UTF-8
		p.Detail = strconv.QuoteToASCII(p.Detail)
		text, _ = marshal(p)
	}
	a.send(status, problemType, text)
}

// send answers with a whole body.
func (a *answerer) send(status int, contentType string, body []byte) {
	h := a.head(contentType, status, digest(body))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	a.w.WriteHeader(status)
	_, _ = a.w.Write(body) // the caller is gone: it will ask again
}

// head sets the header of an answer, signed if it may be.
func (a *answerer) head(contentType string, status int, sum string) http.Header {
	a.begun, a.status = true, status
	_ = http.NewResponseController(a.w).SetWriteDeadline(time.Now().Add(bodyTimeout))
	h := a.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	if a.call != nil {
		m := a.mark(status, sum)
		put(h, m, a.sign.answer(m))
	}
	return h
}

func (a *answerer) mark(status int, sum string) mark {
	return mark{status: status, path: a.path, from: a.s.o.Self, to: a.call.from, time: a.s.o.Now().UnixMilli(), nonce: a.call.nonce, digest: sum}
}

// recover answers a call whose handling broke; a stream that has begun is cut.
func (a *answerer) recover() {
	p := recover()
	if p == nil {
		return
	}
	if a.begun {
		panic(http.ErrAbortHandler)
	}
	a.fail(&request.Error{Op: "peer", Kind: request.Internal, Detail: "the gateway failed on this call"})
}

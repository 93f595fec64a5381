package gateway

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
)

// transport is made for passing through: many kept connections, no compression of its own, no overall deadline, since a
// download or an event stream may last for hours.
// Transport carries calls that pass through: no compression of its own, many kept connections.
func Transport() *http.Transport {
	d := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:            d.DialContext,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    512,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// upstream is where calls go, taken apart once.
type upstream struct {
	scheme, host string
	// prefix is the escaped path in front of every call's, without a slash at its end; mostly "".
	prefix string
	url    *url.URL
}

func newUpstream(u *url.URL) upstream {
	return upstream{u.Scheme, u.Host, strings.TrimSuffix(u.EscapedPath(), "/"), u}
}

// aim points an outgoing call at the upstream, with the path and query as the client wrote them to the byte.
func (u *upstream) aim(out *url.URL, rawPath string, in *url.URL) {
	out.Scheme, out.Host = u.scheme, u.host
	if u.prefix != "" {
		rawPath = u.prefix + rawPath
	}
	out.RawQuery, out.ForceQuery = in.RawQuery, in.ForceQuery
	if rawPath == out.EscapedPath() {
		return
	}
	if !strings.HasPrefix(rawPath, "//") {
		// Opaque is written as it is; Path would be escaped again ("|" as "%7C").
		out.Opaque = rawPath
		return
	}
	// An opaque that begins with two slashes would be taken for a host. Path and RawPath keep every valid escape.
	if p, err := url.PathUnescape(rawPath); err == nil {
		out.Path, out.RawPath = p, rawPath
	}
}

// rawPath is the path of a call as it stood on the wire.
func rawPath(r *http.Request) string {
	p := r.RequestURI
	if p == "" || p[0] != '/' { // the absolute form of a call to a proxy, or a call made without a wire
		return r.URL.EscapedPath()
	}
	if i := strings.IndexByte(p, '?'); i >= 0 {
		p = p[:i]
	}
	return p
}

// buffers lends copy buffers, which would otherwise be most of what a call allocates.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(buf []byte) {
	if cap(buf) >= bufferSize {
		b.pool.Put((*[bufferSize]byte)(buf[:bufferSize]))
	}
}

// newProxy is what passes calls through. Streams (unknown length, event streams) are flushed as they come, which ReverseProxy
// finds out itself; everything else is written out in large pieces.
func (f *face) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { f.rewrite(p, rawPath(p.In)) },
		Transport:      f.Transport,
		BufferPool:     &buffers{},
		ModifyResponse: f.passed,
		ErrorHandler:   f.failed,
		ErrorLog:       quietLog(f.Log),
	}
}

// pass sends a call through untouched.
func (f *face) pass(w http.ResponseWriter, r *http.Request) {
	done := f.Metrics.began(callPass)
	f.proxy.ServeHTTP(w, r)
	done()
}

func (f *face) rewrite(p *httputil.ProxyRequest, rawPath string) {
	f.upstream.aim(p.Out.URL, rawPath, p.In.URL)
	p.Out.Host = ""
	noSwitch(p.Out.Method, p.Out.Header)
	unrepeated(p.Out)
	stripInternal(p.Out.Header)
	f.forwarded(p.Out.Header, p.In)
	if f.Tracer != nil {
		tracing.Inject(p.In.Context(), p.Out.Header)
	}
	if len(p.In.Trailer) > 0 {
		passTrailers(p.In, p.Out)
	}
	if len(p.In.TransferEncoding) > 0 && p.Out.Body != nil {
		p.Out.Body = &chunked{ReadCloser: p.Out.Body}
	}
}

// passed sees every answer that passes through.
func (f *face) passed(res *http.Response) error {
	f.Metrics.call(callPass, res.StatusCode)
	f.cleanAnswer(res)
	return nil
}

// cleanAnswer does to an upstream's answer what must be done to all: words that only this gateway may say are dropped, and a
// Location that names the upstream names the gateway instead. It works on the answer and not on the ResponseWriter, whose
// headers an interim 1xx answer would clear.
func (f *face) cleanAnswer(res *http.Response) {
	stripInternal(res.Header)
	out := res.Request // has the forwarding headers that rewrite has set, and the framing of the client's call
	for _, name := range [...]string{"Location", "Content-Location"} {
		if loc := res.Header[name]; len(loc) == 1 {
			loc[0] = f.upstream.relocate(loc[0], value(out.Header, "X-Forwarded-Proto"), value(out.Header, "X-Forwarded-Host"))
		}
	}
	if mustClose(out) {
		res.Header.Set("Connection", "close")
	}
}

// mustClose reports whether the client's connection must not be used again. Bytes behind a body that two parsers may delimit
// differently (chunked with a Content-Length beside it, which net/http hides, or anything on HTTP/1.0) are never taken for
// another call.
func mustClose(r *http.Request) bool {
	return r.ProtoMajor == 1 && (len(r.TransferEncoding) > 0 || r.ProtoMinor == 0)
}

// failed answers a call that the upstream did not answer.
func (f *face) failed(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(badGateway, "")
	msg := "upstream does not answer"
	level := zapcore.WarnLevel
	if r.Context().Err() != nil {
		// A client that hangs up is nobody's fault. It will not see the answer; the log does.
		p, msg, level = problemOf(request.ClientGone, ""), "client went away", zapcore.DebugLevel
	}
	if b, ok := r.Body.(*chunked); ok && b.broken.Load() && r.Context().Err() == nil {
		p, msg, level = problemOf(request.Invalid, "the body could not be read to its end"), "broken body", zapcore.DebugLevel
	}
	f.Metrics.call(callPass, p.Status)
	if c := f.Log.Check(level, msg); c != nil {
		c.Write(zap.String("method", r.Method), zap.Int("status", p.Status), zap.Error(err))
	}
	p.close = mustClose(r)
	writeProblem(w, r, p)
}

// chunked is a body in chunks that remembers whether these could be read: when not, it was not the upstream that failed.
type chunked struct {
	io.ReadCloser
	broken atomic.Bool
}

func (b *chunked) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.broken.Store(true)
	}
	return n, err
}

// passTrailers lets the trailers that the client announced through, but for those with words of the gateway's own. Their
// values are known only when the body has been read to its end.
func passTrailers(in, out *http.Request) {
	out.Trailer = in.Trailer.Clone()
	stripInternal(out.Trailer)
	if out.Body != nil {
		out.Body = &trailerBody{out.Body, in, out.Trailer}
	}
}

type trailerBody struct {
	io.ReadCloser
	in  *http.Request
	out http.Header
}

func (b *trailerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		for k := range b.out {
			b.out[k] = b.in.Trailer[k]
		}
	}
	return n, err
}

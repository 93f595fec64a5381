package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/meridian-gateway/meridian/request"
)

// Options say what a Client works with. Only Base is required.
type Options struct {
	// Base is the address of the request API; calls go below its path.
	Base        *url.URL
	Credentials Credentials
	// Timeout bounds one call from the first try to connect to the end of the answer (default 15s).
	Timeout time.Duration
	// Parallel is how many of the gateway's own calls run at once, Rate how many begin in a second; 0: any number.
	Parallel int
	Rate     float64
	// Transport carries the calls; nil: one made for it.
	Transport http.RoundTripper
	// DialContext connects for the transport that is made; nil: TCP.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// MaxAnswer is the most bytes of an answer's body (default 16 MiB).
	MaxAnswer int64
}

const (
	defaultTimeout   = 15 * time.Second
	defaultMaxAnswer = 16 << 20
	// patience is how long one of the gateway's own calls waits for its turn.
	patience = 5 * time.Second
)

// Client makes calls to one site's request API. Any number of goroutines may use it.
type Client struct {
	options   Options
	prefix    string // the escaped path of Base, without the slash at its end
	transport http.RoundTripper
	own       chan struct{} // nil: any number
	rate      *rate.Limiter // nil: any
}

// New makes a Client. It does no I/O.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxAnswer <= 0 {
		o.MaxAnswer = defaultMaxAnswer
	}
	c := &Client{options: o, prefix: strings.TrimSuffix(o.Base.EscapedPath(), "/"), transport: o.Transport}
	if c.transport == nil {
		c.transport = transport(o.DialContext)
	}
	if o.Parallel > 0 {
		c.own = make(chan struct{}, o.Parallel)
	}
	if o.Rate > 0 {
		c.rate = rate.NewLimiter(rate.Limit(o.Rate), max(1, int(o.Rate/10)))
	}
	return c
}

// Close lets go of the kept connections. Calls under way go on.
func (c *Client) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Do sends one call and reads the whole answer, whatever its status. own says that the call is the gateway's: it carries the
// site's service credentials and keeps to the limits; else the call's headers are a client's and go as they are, except for an
// Idempotency-Key, under which net/http would repeat a write. Errors are of Kind NotSent (certainly nothing left), ClientGone
// (the same, because ctx was cancelled) or Doubtful (anything else).
func (c *Client) Do(ctx context.Context, call request.Call, own bool) (request.Answer, error) {
	req, err := c.request(call, own)
	if err != nil {
		return request.Answer{}, &request.Error{Op: "upstream.Do", Kind: request.NotSent, Err: err}
	}
	if own {
		leave, err := c.turn(ctx)
		if err != nil {
			return request.Answer{}, unsent(ctx, err)
		}
		defer leave()
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	a, again, err := c.try(ctx, req, call.Body)
	if again && ctx.Err() == nil {
		a, _, err = c.try(ctx, req, call.Body)
	}
	return a, err
}

// request makes the HTTP request without its body.
func (c *Client) request(call request.Call, own bool) (*http.Request, error) {
	target := call.Target
	if strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }) {
		return nil, errors.New("the target of the call has characters that cannot be sent")
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	escaped, query, hasQuery := strings.Cut(target, "?")
	escaped = c.prefix + escaped
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, err
	}
	base := c.options.Base
	h := call.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	// The answer must be readable as it comes; the framing and the connection are this client's.
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key", "Accept-Encoding", "Content-Length", "Connection", "Expect",
		"Host", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		delete(h, name)
	}
	if own {
		c.options.Credentials.set(h)
	}
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil // net/http would put its own
		if own {
			h["User-Agent"] = []string{"Meridian"}
		}
	}
	return &http.Request{Method: call.Method, Host: base.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL: &url.URL{Scheme: base.Scheme, Host: base.Host, Path: path, RawPath: escaped, RawQuery: query, ForceQuery: hasQuery && query == ""}}, nil
}

// turn waits until one of the gateway's own calls may begin.
func (c *Client) turn(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	leave = func() {}
	if c.own != nil {
		select {
		case c.own <- struct{}{}:
			leave = func() { <-c.own }
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for one of %d calls to end: %w", cap(c.own), ctx.Err())
		}
	}
	if c.rate != nil {
		if err := c.rate.Wait(ctx); err != nil {
			leave()
			return nil, err
		}
	}
	return leave, nil
}

// try sends the call once. again says that it may be sent once more although it is a write: it met a kept connection that
// was dead, and no byte of it left.
func (c *Client) try(ctx context.Context, req *http.Request, body []byte) (a request.Answer, again bool, err error) {
	w := &watch{}
	req = req.WithContext(httptrace.WithClientTrace(ctx, w.trace()))
	// Without GetBody net/http cannot send the body a second time.
	req.Body, req.ContentLength = http.NoBody, 0
	if len(body) > 0 {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		if c.nothingLeft(w, err) {
			return request.Answer{}, w.stale(), unsent(ctx, err)
		}
		return request.Answer{}, false, doubtful(err)
	}
	a, err = c.read(res)
	if err != nil {
		return request.Answer{}, false, doubtful(err)
	}
	return a, false, nil
}

// nothingLeft reports whether it is certain that no byte of a failed call left.
func (c *Client) nothingLeft(w *watch, err error) bool {
	if w.sent() {
		return false
	}
	if _, ok := c.transport.(*http.Transport); ok {
		return true
	}
	// Another transport need not tell of its connections. It is believed when it says that it could not connect.
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return true
	}
	return request.KindOf(err) == request.NotSent
}

// read reads an answer to its end, which must come before the limit.
func (c *Client) read(res *http.Response) (request.Answer, error) {
	defer func() { _ = res.Body.Close() }()
	most := c.options.MaxAnswer
	tooLong := fmt.Errorf("the answer (status %d) is longer than %d bytes", res.StatusCode, most)
	if res.ContentLength > most && res.Request.Method != http.MethodHead {
		return request.Answer{}, tooLong
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	switch {
	case err != nil:
		return request.Answer{}, fmt.Errorf("the answer (status %d) broke off: %w", res.StatusCode, err)
	case int64(len(body)) > most:
		return request.Answer{}, tooLong
	}
	return request.Answer{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

func unsent(ctx context.Context, err error) error {
	kind := request.NotSent
	if errors.Is(ctx.Err(), context.Canceled) {
		kind = request.ClientGone
	}
	return &request.Error{Op: "upstream.Do", Kind: kind, Detail: "nothing was sent", Err: err}
}

func doubtful(err error) error {
	return &request.Error{Op: "upstream.Do", Kind: request.Doubtful, Detail: "the call was sent and not answered", Err: err}
}

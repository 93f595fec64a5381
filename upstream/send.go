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

	"github.com/meridian-gateway/meridian/request"
)

// request makes the HTTP request without its body.
func (c *Client) request(call request.Call, own bool) (*http.Request, error) {
	prefix := c.prefix
	if own && c.below(call.Target) {
		prefix = ""
	}
	req, err := message(c.options.Base, prefix, call)
	if err != nil {
		return nil, err
	}
	if own {
		c.options.Credentials.set(req.Header)
	}
	unnamed(req.Header, own)
	return req, nil
}

// below reports whether the target of one of the gateway's own calls has the path of Base already: answers name the next page of a list,
// or the bytes of a file, by whole addresses.
func (c *Client) below(target string) bool {
	rest, ok := strings.CutPrefix(target, c.prefix)
	return ok && c.prefix != "" && (rest == "" || rest[0] == '/' || rest[0] == '?')
}

// message is a call as an HTTP request to a host, below the path prefix.
func message(base *url.URL, prefix string, call request.Call) (*http.Request, error) {
	target := call.Target
	if strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }) {
		return nil, errors.New("the target of the call has characters that cannot be sent")
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	escaped, query, hasQuery := strings.Cut(target, "?")
	escaped = prefix + escaped
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, err
	}
	h := call.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	// The answer must be readable as it comes; the framing and the connection are this client's.
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key", "Accept-Encoding", "Content-Length", "Connection", "Expect",
		"Host", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		delete(h, name)
	}
	return &http.Request{Method: call.Method, Host: base.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		URL: &url.URL{Scheme: base.Scheme, Host: base.Host, Path: path, RawPath: escaped, RawQuery: query, ForceQuery: hasQuery && query == ""}}, nil
}

// unnamed keeps net/http from naming itself where a call does not say who makes it.
func unnamed(h http.Header, own bool) {
	if _, ok := h["User-Agent"]; ok {
		return
	}
	h["User-Agent"] = nil
	if own {
		h["User-Agent"] = []string{"Meridian"}
	}
}

// login makes the call of a login, which may go to a host of its own. That host gets none of the site's other credentials.
func (c *Client) login(ctx context.Context, call request.Call) (request.Answer, error) {
	base, prefix, ours := c.options.Base, c.prefix, true
	if u, err := url.Parse(call.Target); err == nil && u.Host != "" {
		ours = u.Scheme == base.Scheme && u.Host == base.Host
		base, prefix, call.Target = u, "", strings.TrimPrefix(call.Target, u.Scheme+"://"+u.Host)
	}
	req, err := message(base, prefix, call)
	if err != nil {
		return request.Answer{}, err
	}
	if ours {
		c.options.Credentials.set(req.Header)
	}
	unnamed(req.Header, true)
	a, err := c.send(ctx, req, call.Body)
	if err == nil {
		c.hold.note(a.Status, a.Header)
	}
	return a, err
}

// send sends a call and reads the answer, within the time that a call has.
func (c *Client) send(ctx context.Context, req *http.Request, body []byte) (request.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	a, again, err := c.try(ctx, req, body)
	if again && ctx.Err() == nil {
		a, _, err = c.try(ctx, req, body)
	}
	return a, err
}

// try sends the call once and reads the answer. again is that of open.
func (c *Client) try(ctx context.Context, req *http.Request, body []byte) (a request.Answer, again bool, err error) {
	var r io.Reader
	if len(body) > 0 {
		r = bytes.NewReader(body)
	}
	res, again, err := c.open(ctx, req, r, int64(len(body)))
	if err != nil {
		return request.Answer{}, again, err
	}
	if a, err = c.read(res); err != nil {
		return request.Answer{}, false, doubtful(err)
	}
	return a, false, nil
}

// open sends the call once; the body of the answer is still to be read. Size is that of the body in bytes, negative when it is not
// known. again says that the call may be sent once more although it is a write: it met a kept connection that was dead, and no
// byte of it left.
func (c *Client) open(ctx context.Context, req *http.Request, body io.Reader, size int64) (res *http.Response, again bool, err error) {
	if err := guarded(ctx); err != nil {
		return nil, false, unsent(ctx, err)
	}
	w := &watch{}
	req = req.WithContext(httptrace.WithClientTrace(ctx, w.trace()))
	// Without GetBody net/http cannot send the body a second time.
	req.Body, req.ContentLength = http.NoBody, 0
	if body != nil {
		req.Body, req.ContentLength = io.NopCloser(body), size
	}
	res, err = c.transport.RoundTrip(req)
	switch {
	case err == nil:
		return res, false, nil
	case c.nothingLeft(w, err):
		return nil, w.stale(), unsent(ctx, err)
	}
	return nil, false, doubtful(err)
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

func unsent(ctx context.Context, err error) *request.Error {
	kind := request.NotSent
	if errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), errIdle) {
		kind = request.ClientGone
	}
	out := &request.Error{Op: "upstream.Do", Kind: kind, Detail: "nothing was sent", Err: err}
	if e, ok := errors.AsType[*request.Error](err); ok {
		out.Retry = e.Retry
	}
	return out
}

func doubtful(err error) error {
	return &request.Error{Op: "upstream.Do", Kind: request.Doubtful, Detail: "the call was sent and not answered", Err: err}
}

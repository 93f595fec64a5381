package upstream

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/meridian-gateway/meridian/request"
)

// Streamed is an answer whose body is still on its way.
type Streamed struct {
	Status int
	Header http.Header
	// Size is that of the body in bytes, -1 when the API does not say.
	Size int64
	// Body must be closed; until then the call has its place among the parallel ones. An error other than io.EOF has Kind Doubtful: the
	// body broke off, or no byte of it came for as long as Options.Timeout. What its reader does between two reads takes none of
	// that time.
	Body io.ReadCloser
}

// Stream is Do for bodies of any size: nothing is held in memory. Body (nil: call.Body) has size bytes, negative when that is not
// known. There is no bound on the whole; the call ends when no byte has moved for Options.Timeout. Errors and limits are those of
// Do. A body of which anything was read is never sent again: when the answer is that the token was no longer good it is returned,
// and the next call has another token. An own GET without a body follows redirects within the API's host. A Read of body that has begun may still go on when Stream has failed or the Body of the
// answer is closed; none begins after that.
func (c *Client) Stream(ctx context.Context, call request.Call, body io.Reader, size int64, own bool) (*Streamed, error) {
	req, err := c.request(call, own)
	if err != nil {
		return nil, &request.Error{Op: "upstream.Stream", Kind: request.NotSent, Err: err}
	}
	s := &stream{client: c, req: req, size: size}
	switch {
	case body != nil:
		s.source = &source{from: body}
	case len(call.Body) > 0:
		s.source, s.size = &source{from: bytes.NewReader(call.Body)}, int64(len(call.Body))
	}
	if !own {
		return streamed(s.open(ctx))
	}
	p, err := c.pass(ctx)
	if err != nil {
		return nil, unsent(ctx, err)
	}
	a, err := s.signed(ctx, p)
	if err == nil {
		a, err = s.followed(ctx, a)
	}
	if err != nil {
		p.leave()
		return nil, err
	}
	a.leave = p.leave
	return streamed(a, nil)
}

func streamed(a *arriving, err error) (*Streamed, error) {
	if err != nil {
		return nil, err
	}
	return &Streamed{Status: a.res.StatusCode, Header: a.res.Header, Size: a.res.ContentLength, Body: a}, nil
}

// stream is one call of Stream.
type stream struct {
	client *Client
	req    *http.Request
	source *source // nil: no body
	size   int64
}

// signed sends the call with its token, and once more with another one where that was refused and no byte of the body was read.
func (s *stream) signed(ctx context.Context, p *pass) (*arriving, error) {
	c := s.client
	p.sign(s.req)
	a, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	c.hold.note(a.res.StatusCode, a.res.Header)
	if p.grant == nil || !c.session.judge(p.grant, a.res.StatusCode, false) || a.draw.cut() {
		return a, nil
	}
	_ = a.Close()
	if err := c.again(ctx, p, a.res.StatusCode); err != nil {
		return nil, err
	}
	s.req.Header = s.req.Header.Clone()
	p.sign(s.req)
	if a, err = s.open(ctx); err == nil {
		c.hold.note(a.res.StatusCode, a.res.Header)
		c.session.judge(p.grant, a.res.StatusCode, true)
	}
	return a, err
}

// open sends the call; when it meets a dead kept connection and nothing of the body was read, once more.
func (s *stream) open(ctx context.Context) (*arriving, error) {
	a, again, err := s.try(ctx)
	if again && ctx.Err() == nil {
		a, _, err = s.try(ctx)
	}
	return a, err
}

func (s *stream) try(ctx context.Context) (a *arriving, again bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	idle := newIdle(s.client.options.Timeout, func() { cancel(errIdle) })
	var body io.Reader
	d := &draw{source: s.source, idle: idle}
	if s.source != nil {
		body = d
	}
	res, again, err := s.client.open(ctx, s.req, body, s.size)
	idle.stop()
	if err != nil {
		begun := d.cut()
		cancel(nil)
		return nil, again && !begun, err
	}
	return &arriving{res: res, ctx: ctx, idle: idle, draw: d, cancel: cancel, leave: func() {}}, false, nil
}

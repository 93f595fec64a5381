package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
)

const (
	maxTries  = 4
	retryMin  = 50 * time.Millisecond
	retryMost = time.Second
)

// tries follows the tries of one call, to know what can have reached the peer.
type tries struct {
	mark mark // of the last try
	at   time.Time

	asked, connected, reused, heard atomic.Bool // of the last try
	// maybe: an earlier try, which was not answered, may have reached the peer.
	maybe bool
}

func (t *tries) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { t.asked.Store(true) },
		GotConn: func(i httptrace.GotConnInfo) {
			t.reused.Store(i.Reused)
			t.connected.Store(true)
		},
		GotFirstResponseByte: func() { t.heard.Store(true) },
	}
}

// unsent reports that the last try certainly wrote nothing: a connection was asked for and there was none. This is stricter than
// waiting for a header to be written, because a cancelled call can return before its writer has begun.
func (t *tries) unsent() bool { return t.asked.Load() && !t.connected.Load() }

func (t *tries) next() {
	t.maybe = t.maybe || !t.unsent()
	t.asked.Store(false)
	t.connected.Store(false)
	t.reused.Store(false)
	t.heard.Store(false)
}

// post sends one call, signed anew for each try. It tries again when nothing was sent, and when a connection that had been idle
// turned out to be dead: the message can be repeated without harm. The transport itself never repeats, as it is not given a way
// to rewind the body.
func (c *Client) post(ctx context.Context, d *dest, path string, body []byte, most int) (*http.Response, *tries, error) {
	t := &tries{}
	if err := ctx.Err(); err != nil {
		t.asked.Store(true)
		return nil, t, err
	}
	req, err := retryablehttp.NewRequestWithContext(httptrace.WithClientTrace(ctx, t.trace()), http.MethodPost, d.base+path, body)
	if err != nil {
		t.asked.Store(true)
		return nil, t, err
	}
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	tracing.Inject(ctx, req.Header)
	sum := digest(body)
	sign := func(r *http.Request) error {
		t.at = c.o.Now()
		t.mark = mark{method: http.MethodPost, path: path, from: c.o.Self, to: d.site, time: t.at.UnixMilli(), nonce: newNonce(), digest: sum}
		r.Header = r.Header.Clone() // the last try's writer may still be at it
		put(r.Header, t.mark, c.keys.signer().call(t.mark))
		return nil
	}
	_ = sign(req.Request)
	retrier := retryablehttp.Client{
		HTTPClient: d.http, RetryMax: most - 1, RetryWaitMin: retryMin, RetryWaitMax: retryMost,
		CheckRetry: func(ctx context.Context, _ *http.Response, err error) (bool, error) {
			return err != nil && ctx.Err() == nil && t.again(d, err), nil
		},
		Backoff:      backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		PrepareRetry: func(r *http.Request) error { t.next(); return sign(r) },
	}
	resp, err := retrier.Do(req)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // what the transport says of it differs from case to case
	}
	return resp, t, err
}

// again decides whether a failed try is worth repeating at once. An answer never is: what it means is for the caller, who is
// told how long to wait.
func (t *tries) again(d *dest, err error) bool {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return false
	}
	if t.connected.Load() && t.reused.Load() && !t.heard.Load() {
		d.closeIdle() // the others are likely as dead
		return true
	}
	return t.unsent()
}

func backoff(least, most time.Duration, attempt int, _ *http.Response) time.Duration {
	wait := min(least<<min(attempt, 10), most)
	return wait/2 + rand.N(wait/2)
}

// errUntrusted marks an answer that is not provably the peer's.
var errUntrusted = errors.New("untrusted answer")

func untrusted(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUntrusted, fmt.Sprintf(format, args...))
}

// verifyHead checks that an answer comes from the site that was called, to this very call, and has the digest sum.
func (c *Client) verifyHead(resp *http.Response, d *dest, t *tries, sum string) (mark, error) {
	m, signature, ok := take(resp.Header)
	m.status, m.path = resp.StatusCode, t.mark.path
	switch {
	case !ok && resp.StatusCode == http.StatusUnauthorized:
		return m, untrusted("the peer does not accept our signature (status 401): is the key the same, and the call not a repeated one?")
	case !ok:
		return m, untrusted("status %d without the marks of a gateway", resp.StatusCode)
	case m.from != d.site || m.to != c.o.Self:
		return m, untrusted("it is from %q to %q", m.from, m.to)
	case m.nonce != t.mark.nonce:
		return m, untrusted("it belongs to another call")
	case m.digest != sum:
		return m, untrusted("its body was changed")
	case !c.answered(m, signature):
		return m, untrusted("its signature is wrong")
	case resp.StatusCode == http.StatusUnauthorized && !c.outOfTime(m, t):
		return m, untrusted("it was refused as out of time, and was not for all of its way")
	}
	return m, nil
}

// answered checks the signature of an answer.
func (c *Client) answered(m mark, signature string) bool {
	_, ok := c.keys.find(signature, func(s signer) string { return s.answer(m) })
	return ok
}

// outOfTime says whether the peer's clock was too far from ours during the whole exchange. If not, the call may have been
// accepted, held back, and played again by somebody to get it refused.
func (c *Client) outOfTime(m mark, t *tries) bool {
	off := time.UnixMilli(m.time).Sub(t.at).Abs()
	return off-c.o.Now().Sub(t.at) > window
}

// readAnswer reads and verifies an answer that is not a stream.
func (c *Client) readAnswer(resp *http.Response, d *dest, t *tries) ([]byte, mark, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.o.MaxAnswer+1))
	if err != nil {
		return nil, mark{}, err
	}
	if int64(len(body)) > c.o.MaxAnswer {
		return nil, mark{}, untrusted("longer than %d bytes", c.o.MaxAnswer)
	}
	m, err := c.verifyHead(resp, d, t, digest(body))
	return body, m, err
}

// failure turns the failure of a call, after its tries, into an error whose kind says what may have happened.
func failure(op string, t *tries, err error, effect bool) *request.Error {
	kind := request.Unavailable
	switch {
	case !t.maybe && t.unsent():
		kind = request.NotSent
	case effect:
		kind = request.Doubtful
	}
	return &request.Error{Op: op, Kind: kind, Err: err}
}

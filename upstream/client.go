package upstream

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/meridian-gateway/meridian/request"
)

// Options say what a Client works with. Only Base is required.
type Options struct {
	// Base is the address of the request API; calls go below its path. An own call that is there already goes where it says.
	Base        *url.URL
	Credentials Credentials
	// Timeout bounds one call from the first try to connect to the end of the answer (default 15s).
	Timeout time.Duration
	// Parallel is how many of the gateway's own calls run at once, Rate how many begin in a second; 0: any number.
	Parallel int
	Rate     float64
	// RetryAfter is the longest that the API can hold the gateway's own calls off at once, by Retry-After or the headers of a rate
	// limit (default 60s).
	RetryAfter time.Duration
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
	// patience is how long one of the gateway's own calls waits for its turn, a login included.
	patience = 5 * time.Second
	// briefest is what must be left of a call's time for it to be repeated with a new token.
	briefest = time.Second
)

// Client makes calls to one site's request API. Any number of goroutines may use it.
type Client struct {
	options   Options
	prefix    string // the escaped path of Base, without the slash at its end
	transport http.RoundTripper
	own       chan struct{} // nil: any number
	rate      *rate.Limiter // nil: any
	hold      hold
	session   *session // nil: the credentials are used as they are

	end  context.CancelFunc // ends logins under way
	work sync.WaitGroup
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
	if o.RetryAfter <= 0 {
		o.RetryAfter = defaultRetryAfter
	}
	c.hold.most = o.RetryAfter
	life, end := context.WithCancel(context.Background())
	c.end = end
	if o.Credentials.Login != nil {
		c.session = &session{login: o.Credentials.Login, send: c.login, life: life, bound: o.Timeout, work: &c.work}
	}
	return c
}

// Close gives up a login under way and lets go of the kept connections. Calls under way go on; those that still need a login fail.
func (c *Client) Close() {
	if c.session != nil {
		c.session.close()
	}
	c.end()
	c.work.Wait()
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Format prints of whose calls the client is, under every verb, and nothing that is secret.
func (c *Client) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "[client of %s://%s]", c.options.Base.Scheme, c.options.Base.Host)
}

// Problems are what hinders the gateway's own calls at the moment, each a sentence for a person: logging in fails, or the API wants
// no calls for longer than any of them waits.
func (c *Client) Problems() []string {
	var out []string
	if c.session != nil {
		if err := c.session.problem(); err != nil {
			out = append(out, err.Error())
		}
	}
	if err := c.hold.problem(); err != nil && err.Retry > patience {
		out = append(out, err.Error())
	}
	return out
}

// Do sends one call and reads the whole answer, whatever its status. own says that the call is the gateway's: it carries the
// site's service credentials, waits while the API wants no calls, keeps to the limits, and is repeated once with a new token where
// the answer is that its token is no longer good; else the call's headers are a client's and go as they are, except for an
// Idempotency-Key, under which net/http would repeat a write. Errors are of Kind NotSent (certainly nothing was done), ClientGone
// (the same, because ctx was cancelled) or Doubtful (anything else). It takes no longer than Options.Timeout and, for an own call,
// five seconds.
func (c *Client) Do(ctx context.Context, call request.Call, own bool) (request.Answer, error) {
	req, err := c.request(call, own)
	if err != nil {
		return request.Answer{}, &request.Error{Op: "upstream.Do", Kind: request.NotSent, Err: err}
	}
	if !own {
		return c.send(ctx, req, call.Body)
	}
	p, err := c.pass(ctx)
	if err != nil {
		return request.Answer{}, unsent(ctx, err)
	}
	defer p.leave()
	p.sign(req)
	a, err := c.send(ctx, req, call.Body)
	if err != nil {
		return a, err
	}
	c.hold.note(a.Status, a.Header)
	if p.grant == nil || !c.session.judge(p.grant, a.Status, false) {
		return a, nil
	}
	if err := c.again(ctx, p, a.Status); err != nil {
		return request.Answer{}, err
	}
	req.Header = req.Header.Clone()
	p.sign(req)
	ctx, cancel := context.WithDeadline(ctx, p.deadline)
	defer cancel()
	if a, err = c.send(ctx, req, call.Body); err == nil {
		c.hold.note(a.Status, a.Header)
		c.session.judge(p.grant, a.Status, true)
	}
	return a, err
}

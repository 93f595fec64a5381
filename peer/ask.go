package peer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
)

// question is one call that has one answer.
type question struct {
	op      string // for errors
	path    string
	timeout time.Duration
	tries   int
	effect  bool // it changes something at the peer
	probe   bool // it passes a breaker that is held for traffic
}

// answered is what is known after a question besides its answer.
type answered struct {
	verified bool // the peer itself said it
	mark     mark // of the answer
	sent     time.Time
	verdict  verdict
}

// ask puts a question through the breaker of a destination. judge, if given, has the last word on what the answer says about
// the destination.
func ask[In, Out any](ctx context.Context, c *Client, to request.Site, q question, in In, judge func(*Out, *answered)) (out Out, err error) {
	q.op += " " + string(to)
	d := c.dest(to)
	if d == nil {
		return out, &request.Error{Op: q.op, Kind: request.NotSent, Detail: "no such site"}
	}
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	ctx, span := c.o.Tracer.Child(ctx, "peer "+word(q.path), tracing.Client)
	span.Text(tracing.Destination, string(to))
	began := time.Now()
	defer func() { span.End(err); c.o.OnCall(to, word(q.path), err, time.Since(began)) }()
	var e envelope[In]
	e.head, e.Body = c.head(ctx), in
	body, err := marshal(e)
	if err != nil {
		return out, &request.Error{Op: q.op, Kind: request.Invalid, Err: err}
	}
	if len(body) > MaxBatchBytes {
		return out, &request.Error{Op: q.op, Kind: request.TooLarge, Detail: "the message is larger than a peer takes"}
	}
	done := func(verdict) {}
	if !isAnswering(ctx) {
		if done, err = d.pass(q.op, q.probe); err != nil {
			return out, err
		}
	}
	a := answered{verdict: bad}
	defer func() { d.settle(done, a.verdict, a.verified, err, c.o.Now()) }()
	out, err = exchange[Out](ctx, c, d, q, body, &a)
	a.verdict = verdictOf(err, a.verified)
	if judge != nil {
		judge(&out, &a)
	}
	return out, err
}

// exchange sends the body and reads the answer.
func exchange[Out any](ctx context.Context, c *Client, d *dest, q question, body []byte, a *answered) (out Out, err error) {
	resp, t, err := c.post(ctx, d, q.path, body, q.tries)
	if err != nil {
		return out, failure(q.op, t, err, q.effect)
	}
	a.sent = t.at
	text, m, err := c.readAnswer(resp, d, t)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return out, failure(q.op, t, err, q.effect)
	}
	a.verified, a.mark = true, m
	if resp.StatusCode != http.StatusOK {
		return out, c.refusal(q.op, resp, text, t, q.effect)
	}
	var e envelope[Out]
	if err = unmarshal(text, &e); err == nil {
		err = e.check(c.o.Network, d.site)
	}
	if err != nil {
		// It was done, and what came of it cannot be read.
		return out, failure(q.op, t, err, q.effect)
	}
	return e.Body, nil
}

// refusal is the error that a peer answered. When an earlier try may have reached the peer too, only those refusals are the
// last word that depend on nothing but the message: any other may be about the moment after the first one was done.
func (c *Client) refusal(op string, resp *http.Response, text []byte, t *tries, effect bool) *request.Error {
	e, ok := problemError(op, resp.StatusCode, text)
	if !ok {
		return failure(op, t, untrusted("status %d", resp.StatusCode), effect)
	}
	if e.Retry == 0 {
		e.Retry = retryAfter(resp.Header)
	}
	if e.Owner != c.o.Self && c.dest(e.Owner) == nil { // nobody can be sent there
		e.Owner, e.Epoch = "", request.Epoch{}
	}
	if !effect || !t.maybe {
		return e
	}
	switch e.Kind {
	case request.Invalid, request.Reserved, request.TooLarge, request.Forbidden, request.Loop, request.KeyReused, request.Doubtful:
		return e
	}
	return &request.Error{Op: op, Kind: request.Doubtful, Request: e.Request, Err: e,
		Detail: "repeated after a broken connection, and then refused"}
}

// head is the first part of a message of this client.
func (c *Client) head(ctx context.Context) head {
	h := head{V: wireVersion, Network: c.o.Network, From: c.o.Self, Config: c.o.ConfigHash()}
	if end, ok := ctx.Deadline(); ok {
		h.WaitMS = max(time.Until(end).Milliseconds(), 1)
	}
	return h
}

// check refuses messages of other versions, networks and senders.
func (h *head) check(network string, from request.Site) error {
	switch {
	case h.V != wireVersion:
		return invalid("message version %d: this gateway speaks %d", h.V, wireVersion)
	case h.Network != network:
		return &request.Error{Op: "peer", Kind: request.Forbidden, Detail: "message of another network"}
	case h.From != from:
		return &request.Error{Op: "peer", Kind: request.Forbidden, Detail: "the message is not from the site that sent it"}
	}
	return nil
}

// verdictOf says what the end of a call tells about the destination. An honest answer is good whatever it says, as long
// as it does not say that the site is out of order.
func verdictOf(err error, verified bool) verdict {
	if err == nil {
		return good
	}
	if !verified {
		if errors.Is(err, context.Canceled) {
			return neutral
		}
		return bad
	}
	switch request.KindOf(err) {
	case request.Internal, request.Unavailable, request.StoreDown, request.Rejoining:
		return bad
	case request.Doubtful, request.ClientGone:
		return neutral
	}
	return good
}

// Write forwards a write to the site that owns the request, with the caller's deadline and at most CallTimeout. This site is
// added to Via if it is not there; w.Call stays here.
//
// Errors: OwnerUnreachable, the breaker is open and nothing was sent; NotSent, certainly nothing reached the peer; Doubtful, it
// may have; otherwise what the peer said, with its kind.
func (c *Client) Write(ctx context.Context, to request.Site, w request.Write) (Reply, error) {
	q := question{op: "peer.Write", path: WritePath, timeout: c.o.CallTimeout, tries: maxTries, effect: true}
	out, err := ask[writeWire, replyWire](ctx, c, to, q, writeOut(w, c.o.Self), nil)
	if err != nil {
		if e, ok := errors.AsType[*request.Error](err); ok && e.Request == "" {
			e.Request = w.Request
		}
		return Reply{}, err
	}
	r, err := out.in()
	if err != nil {
		return Reply{}, &request.Error{Op: q.op + " " + string(to), Kind: request.Doubtful, Request: w.Request, Err: err}
	}
	return r, nil
}

// Resolve asks for the global id of the record that site calls local. Kind NotFound when the peer does not know it.
func (c *Client) Resolve(ctx context.Context, to request.Site, collection string, site request.Site, local string) (request.ID, error) {
	q := question{op: "peer.Resolve", path: ResolvePath, timeout: c.o.CallTimeout, tries: maxTries}
	out, err := ask[resolveWire, resolvedWire](ctx, c, to, q, resolveWire{collection, site, local}, nil)
	return out.Request, err
}

// Operation asks for the outcome of the write op. Kind NotFound when the peer does not know it.
func (c *Client) Operation(ctx context.Context, to request.Site, id request.ID, op string) (request.Op, error) {
	q := question{op: "peer.Operation", path: OperationPath, timeout: c.o.CallTimeout, tries: maxTries}
	return ask[operationWire, request.Op](ctx, c, to, q, operationWire{id, op}, nil)
}

// Holders asks who has confirmed what of a request; v is the version that the caller waits for.
func (c *Client) Holders(ctx context.Context, to request.Site, id request.ID, v request.Version) ([]request.Delivery, error) {
	q := question{op: "peer.Holders", path: HoldersPath, timeout: c.o.CallTimeout, tries: maxTries}
	out, err := ask[holdersWire, heldWire](ctx, c, to, q, holdersWire{id, v}, nil)
	return out.Holders, err
}

// Trail asks what the peer knows of a request, for people. Kind NotFound when that is nothing.
func (c *Client) Trail(ctx context.Context, to request.Site, id request.ID) (request.Trail, error) {
	q := question{op: "peer.Trail", path: TrailPath, timeout: trailTimeout, tries: 1}
	return ask[trailWire, request.Trail](ctx, c, to, q, trailWire{id}, nil)
}

// trailTimeout is how long a person is kept waiting for one site.
const trailTimeout = 3 * time.Second

type answeringKey struct{}

// Answering marks a context as that of work for a peer which is just calling: questions to it pass an open breaker, since it is there,
// and do not count for it.
func Answering(ctx context.Context) context.Context {
	return context.WithValue(ctx, answeringKey{}, true)
}

func isAnswering(ctx context.Context) bool { return ctx.Value(answeringKey{}) != nil }

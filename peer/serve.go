package peer

import (
	"context"
	"net/http"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// open reads a message of one of the network's sites.
func open[T any](s *server, a *answerer, body []byte) (in T, wait time.Duration, err error) {
	var e envelope[T]
	if err := unmarshal(body, &e); err != nil {
		return in, 0, err
	}
	return e.Body, s.wait(e.head), e.check(s.o.Network, a.from())
}

// wait is how long a handler may take: as long as its caller waits.
func (s *server) wait(h head) time.Duration {
	if h.WaitMS <= 0 || h.WaitMS > s.o.MaxWait.Milliseconds() {
		return s.o.MaxWait
	}
	return time.Duration(h.WaitMS) * time.Millisecond
}

// reply sends a message.
func reply[T any](a *answerer, body T) {
	e := envelope[T]{Body: body}
	e.head = head{V: wireVersion, Network: a.s.o.Network, From: a.s.o.Self, Config: a.s.o.ConfigHash()}
	text, err := marshal(e)
	if err != nil {
		a.fail(&request.Error{Op: "peer", Kind: request.Internal, Detail: "the answer cannot be written: " + err.Error()})
		return
	}
	a.send(http.StatusOK, "application/json", text)
}

func (s *server) hello(ctx context.Context, a *answerer, body []byte) {
	_, wait, err := open[nothing](s, a, body)
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	g := s.h.Hello(ctx, a.from())
	g.Site, g.Network, g.ConfigHash, g.Time = s.o.Self, s.o.Network, s.o.ConfigHash(), s.o.Now()
	reply(a, g)
}

func (s *server) write(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[writeWire](s, a, body)
	if err != nil {
		a.fail(err)
		return
	}
	if in.Entry == "" {
		in.Entry = a.from()
	}
	w, err := in.in()
	if err == nil {
		err = checkWrite(w, a.from(), s.o.Self)
	}
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	r, err := s.h.Write(ctx, a.from(), w)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, replyOut(r))
}

func (s *server) resolve(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[resolveWire](s, a, body)
	if err != nil {
		a.fail(err)
		return
	}
	if in.Collection == "" || in.Site == "" || in.Local == "" {
		a.fail(invalid("resolve needs collection, site and local id"))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	id, err := s.h.Resolve(ctx, a.from(), in.Collection, in.Site, in.Local)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, resolvedWire{id})
}

func (s *server) operation(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[operationWire](s, a, body)
	if err != nil {
		a.fail(err)
		return
	}
	if in.Op == "" {
		a.fail(invalid("operation needs an operation id"))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	op, err := s.h.Operation(ctx, a.from(), in.Request, in.Op)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, op)
}

func (s *server) holders(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[holdersWire](s, a, body)
	if err == nil {
		if _, bad := request.ParseID(string(in.Request)); bad != nil {
			err = invalid("request: %v", bad)
		}
	}
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	held, err := s.h.Holders(ctx, a.from(), in.Request, in.Version)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, heldWire{held})
}

func (s *server) trail(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[trailWire](s, a, body)
	if err == nil {
		if _, bad := request.ParseID(string(in.Request)); bad != nil {
			err = invalid("request: %v", bad)
		}
	}
	t, ok := s.h.(Teller)
	if err == nil && !ok {
		err = &request.Error{Op: "peer", Kind: request.NotFound, Detail: "no such endpoint"}
	}
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	told, err := t.Trail(ctx, a.from(), in.Request)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, told)
}

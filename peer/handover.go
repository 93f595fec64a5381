package peer

import (
	"context"
	"errors"
	"slices"

	"github.com/meridian-gateway/meridian/request"
)

// Limits of a hand-over.
const (
	maxHolders = 256
	maxRoutes  = 16
	maxHops    = 64
	maxPath    = 64
	maxForces  = 64
	// maxChildren is of one request.
	maxChildren = 20000
)

// handoverWire is request.Handover.
type handoverWire struct {
	Stage    request.Stage  `json:"stage"`
	Epoch    request.Epoch  `json:"epoch"`
	Snapshot snapshotWire   `json:"snapshot"`
	Holders  []request.Debt `json:"holders,omitzero"`
	Return   bool           `json:"return,omitzero"`
	Path     []request.Site `json:"path,omitzero"`
	Routes   []string       `json:"routes,omitzero"`
	Hops     int            `json:"hops,omitzero"`
	Terms    request.Terms  `json:"terms,omitzero"`
}

func handoverOut(h request.Handover) handoverWire {
	return handoverWire{Stage: h.Stage, Epoch: h.Epoch, Snapshot: snapshotOut(h.Snapshot), Holders: h.Holders, Return: h.Return, Path: h.Path,
		Routes: h.Routes, Hops: h.Hops, Terms: h.Terms}
}

func (w *handoverWire) in() (request.Handover, error) {
	s, err := w.Snapshot.in()
	return request.Handover{Stage: w.Stage, Epoch: w.Epoch, Snapshot: s, Holders: w.Holders, Return: w.Return, Path: w.Path, Routes: w.Routes,
		Hops: w.Hops, Terms: w.Terms}, err
}

// checkHandover refuses what no honest gateway sends: nonsense, and a site that releases what it never owned or to somebody else.
func (s *server) checkHandover(h *request.Handover, from request.Site) error {
	if err := check(&h.Snapshot); err != nil {
		return err
	}
	if err := author(&h.Snapshot, from); err != nil {
		return err
	}
	switch h.Stage {
	case request.Prepare, request.GrantIt:
		if h.Snapshot.Deleted {
			return invalid("what is deleted is not handed over")
		}
	case request.CancelIt:
	default:
		return invalid("stage %q of a hand-over", h.Stage)
	}
	stranger := func(x request.Site) bool { return x != s.o.Self && !s.o.Sites(x) }
	switch {
	case h.Epoch.Site != s.o.Self:
		return &request.Error{Op: "peer", Kind: request.Forbidden, Request: h.Snapshot.ID, Detail: "the hand-over is to " + string(h.Epoch.Site)}
	case h.Epoch.Num != h.Snapshot.Version.Epoch.Num+1:
		return invalid("epoch %s does not follow %s", h.Epoch, h.Snapshot.Version.Epoch)
	case len(h.Holders) > maxHolders, len(h.Snapshot.Holders) > maxHolders, len(h.Routes) > maxRoutes, len(h.Path) > maxPath, h.Hops < 0, h.Hops > maxHops:
		return invalid("a hand-over of %d holders, %d routes, %d hops, a path of %d: too many",
			max(len(h.Holders), len(h.Snapshot.Holders)), len(h.Routes), h.Hops, len(h.Path))
	case slices.ContainsFunc(h.Holders, func(d request.Debt) bool { return d.Site == s.o.Self }):
		return invalid("the new owner is no holder")
	case slices.ContainsFunc(h.Path, stranger), slices.ContainsFunc(h.Holders, func(d request.Debt) bool { return stranger(d.Site) }):
		return invalid("a holder or a former owner is no site of the network")
	}
	return nil
}

func (s *server) handover(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[handoverWire](s, a, body)
	var h request.Handover
	if err == nil {
		if h, err = in.in(); err == nil {
			err = s.checkHandover(&h, a.from())
		}
	}
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	v, err := s.h.Handover(ctx, a.from(), h)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, v)
}

func (s *server) checkOrder(o request.Order) error {
	if _, err := request.ParseID(string(o.Request)); err != nil {
		return invalid("request: %v", err)
	}
	switch {
	case o.Return == (o.To != ""):
		return invalid("an order has a target or is a return")
	case o.Mode != "" && o.Mode != "ownership" && o.Mode != "move":
		return invalid("mode %q", o.Mode)
	case o.To != "" && o.To != s.o.Self && !s.o.Sites(o.To):
		return invalid("%q is no site of the network", o.To)
	}
	return nil
}

func (s *server) order(ctx context.Context, a *answerer, body []byte) {
	o, wait, err := open[request.Order](s, a, body)
	if err == nil {
		err = s.checkOrder(o)
	}
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	st, err := s.h.Order(ctx, a.from(), o)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, st)
}

// Handover tells the site that is to own a request, and asks for its word. It may be repeated any number of times, and is within the
// call when nothing was sent. Errors are as of Write; only a Verdict is the target's word.
func (c *Client) Handover(ctx context.Context, to request.Site, h request.Handover) (request.Verdict, error) {
	q := question{op: "peer.Handover", path: HandoverPath, timeout: c.o.CallTimeout, tries: maxTries, effect: true}
	v, err := ask[handoverWire, request.Verdict](ctx, c, to, q, handoverOut(h), nil)
	if err != nil {
		return request.Verdict{}, of(err, h.Snapshot.ID)
	}
	if err := checkVerdict(v, h.Epoch); err != nil {
		return request.Verdict{}, &request.Error{Op: q.op + " " + string(to), Kind: request.Doubtful, Request: h.Snapshot.ID, Err: err}
	}
	return v, nil
}

// checkVerdict refuses a word that is none, and a durable one on another epoch than that asked about: the owner would act on it.
func checkVerdict(v request.Verdict, asked request.Epoch) error {
	after := v.Epoch.Compare(asked)
	switch v.State {
	case request.Ready, request.Unready, request.Unfit, request.Undecided:
		return nil
	case request.Accepted, request.Declined:
		if after == 0 {
			return nil
		}
	case request.Overtaken:
		if after > 0 {
			return nil
		}
	default:
		return invalid("the answer %q is not known here", v.State)
	}
	return invalid("the answer %q is about epoch %s, not %s", v.State, v.Epoch, asked)
}

// Order passes an operator's order on to the owner of the request. Kind NotYet, with the owner that the peer believes in, when it is not.
func (c *Client) Order(ctx context.Context, to request.Site, o request.Order) (request.Standing, error) {
	q := question{op: "peer.Order", path: OrderPath, timeout: c.o.CallTimeout, tries: maxTries, effect: true}
	st, err := ask[request.Order, request.Standing](ctx, c, to, q, o, nil)
	return st, of(err, o.Request)
}

// of names the request in an error that does not.
func of(err error, id request.ID) error {
	if e, ok := errors.AsType[*request.Error](err); ok && e.Request == "" {
		e.Request = id
	}
	return err
}

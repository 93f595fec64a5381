package peer

import (
	"context"

	"github.com/meridian-gateway/meridian/request"
)

// Rejoiner tells a site that has lost its store what this one knows of its requests (protocol 7.2).
type Rejoiner interface {
	// Rejoin gives a page of views. Kind Rejoining or Busy while this site cannot tell yet.
	Rejoin(ctx context.Context, from request.Site, a request.RejoinAsk) (request.Views, error)
}

// RejoinPath is the endpoint.
const RejoinPath = "/peer/v1/rejoin"

// Limits of an answer.
const (
	// MaxViews bounds a page, MaxViewBytes its fields.
	MaxViews     = 200
	MaxViewBytes = 2 << 20
	maxLife      = 128
)

type (
	viewsWire struct {
		Life  string     `json:"life"`
		List  []viewWire `json:"list,omitzero"`
		After request.ID `json:"after,omitzero"`
	}
	viewWire struct {
		Snapshot snapshotWire  `json:"snapshot"`
		Role     request.Role  `json:"role"`
		Fence    request.Epoch `json:"fence"`
		Grant    request.Epoch `json:"grant,omitzero"`
		Holds    bool          `json:"holds,omitzero"`
		Local    string        `json:"local,omitzero"`
	}
)

func viewsOut(v request.Views) viewsWire {
	w := viewsWire{Life: v.Life, After: v.After}
	for _, x := range v.List {
		w.List = append(w.List, viewWire{snapshotOut(x.Snapshot), x.Role, x.Fence, x.Grant, x.Holds, x.Local})
	}
	return w
}

// in is the inverse of viewsOut for the views of a site. They are in order of id, so that the pages of many sites can be merged.
func (w *viewsWire) in(site request.Site) (request.Views, error) {
	v := request.Views{Life: w.Life, After: w.After}
	if len(w.List) > MaxViews {
		return v, invalid("%d views: at most %d", len(w.List), MaxViews)
	}
	last := request.ID("")
	for _, x := range w.List {
		s, err := x.Snapshot.in()
		if err == nil {
			_, err = request.ParseID(string(s.ID))
		}
		if err != nil {
			return v, invalid("a view: %v", err)
		}
		if s.ID <= last || s.Collection == "" {
			return v, invalid("views out of order, or of no collection")
		}
		last = s.ID
		v.List = append(v.List, request.View{Snapshot: s, Site: site, Role: x.Role, Fence: x.Fence, Grant: x.Grant, Holds: x.Holds, Local: x.Local})
	}
	if w.After != "" && w.After < last {
		return v, invalid("views that go back")
	}
	return v, nil
}

func (s *server) rejoin(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[request.RejoinAsk](s, a, body)
	if err == nil {
		err = checkRejoin(in)
	}
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	v, err := s.h.Rejoin(ctx, a.from(), in)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, viewsOut(v))
}

func checkRejoin(a request.RejoinAsk) error {
	if a.Life == "" || len(a.Life) > maxLife || a.Limit < 0 {
		return invalid("a site that asks what it was names its life")
	}
	if a.After == "" {
		return nil
	}
	if _, err := request.ParseID(string(a.After)); err != nil {
		return invalid("after: %v", err)
	}
	return nil
}

// Rejoin asks a site what it knows of this site's requests. It is asked also while the breaker to it is open. Errors are as of Resolve.
func (c *Client) Rejoin(ctx context.Context, to request.Site, a request.RejoinAsk) (request.Views, error) {
	q := question{op: "peer.Rejoin", path: RejoinPath, timeout: c.o.CallTimeout, tries: maxTries, probe: true}
	w, err := ask[request.RejoinAsk, viewsWire](ctx, c, to, q, a, nil)
	if err != nil {
		return request.Views{}, err
	}
	return w.in(to)
}

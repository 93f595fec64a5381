package peer

import (
	"context"

	"github.com/meridian-gateway/meridian/request"
)

// The bytes of files go in parts of a bounded size, each an ordinary signed message: what is cut goes on where it stopped, and nobody
// holds more than a part.

type haveWire struct {
	Have int64 `json:"have"`
}

// PutPart gives a peer a part of a file. have is how much of the file the peer has then; the next part begins there.
func (c *Client) PutPart(ctx context.Context, to request.Site, p request.Part) (have int64, err error) {
	q := question{op: "peer.PutPart", path: PutPartPath, timeout: c.o.CallTimeout, tries: maxTries}
	out, err := ask[request.Part, haveWire](ctx, c, to, q, p, nil)
	if err == nil && (out.Have < 0 || out.Have > p.Size) {
		err = &request.Error{Op: q.op, Kind: request.Unavailable, Detail: "the peer has more of the file than there is"}
	}
	return out.Have, err
}

// Part asks a peer for a part of a file: p says which file, and from where. The bytes that come are at most request.MaxPart.
func (c *Client) Part(ctx context.Context, to request.Site, p request.Part) (request.Part, error) {
	q := question{op: "peer.Part", path: PartPath, timeout: c.o.CallTimeout, tries: maxTries}
	out, err := ask[request.Part, request.Part](ctx, c, to, q, p, nil)
	if err != nil {
		return request.Part{}, err
	}
	if err := checkPart(out); err != nil {
		return request.Part{}, &request.Error{Op: q.op, Kind: request.Unavailable, Request: p.Request, Err: err}
	}
	return out, nil
}

func checkPart(p request.Part) error {
	switch {
	case p.Size < 0 || p.Offset < 0 || p.Offset > p.Size || int64(len(p.Bytes)) > p.Size-p.Offset:
		return invalid("a part that lies outside of its file")
	case len(p.Bytes) > request.MaxPart:
		return invalid("a part of %d bytes: at most %d", len(p.Bytes), request.MaxPart)
	case len(p.SHA256) != 64:
		return invalid("a part of a file without its sum")
	}
	return nil
}

func (s *server) putPart(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[request.Part](s, a, body)
	if err == nil {
		err = checkPart(in)
	}
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	have, err := s.h.PutPart(ctx, a.from(), in)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, haveWire{have})
}

func (s *server) part(ctx context.Context, a *answerer, body []byte) {
	in, wait, err := open[request.Part](s, a, body)
	if err == nil {
		err = checkPart(in)
	}
	for _, id := range []request.ID{in.Request, in.Child} {
		if _, bad := request.ParseID(string(id)); bad != nil && err == nil {
			err = invalid("part: %v", bad)
		}
	}
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	out, err := s.h.Part(ctx, a.from(), in)
	if err != nil {
		a.fail(err)
		return
	}
	reply(a, out)
}

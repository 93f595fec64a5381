package peer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/meridian-gateway/meridian/request"
)

// parcel is one call's share of a delivery.
type parcel struct {
	of   []request.ID // by place
	body []byte
}

// Deliver brings a peer up to the snapshots. It calls each, on its own goroutine's stack, with every ack as it arrives; acks
// come in any order. A batch beyond MaxBatch or MaxBatchBytes goes in several calls, one after another.
//
// A snapshot that cannot go out at all (too large, or not this site's to publish) is answered with Parked right here, so that
// it does not hold up the others. An error means that the attempt as a whole failed; the acks before it stand, and the rest
// can simply be sent again. It is Kind OwnerUnreachable with an *OpenError when the breaker is open.
func (c *Client) Deliver(ctx context.Context, to request.Site, batch []request.Snapshot, each func(Ack)) error {
	op := "peer.Deliver " + string(to)
	d := c.dest(to)
	if d == nil {
		return &request.Error{Op: op, Kind: request.NotSent, Detail: "no such site"}
	}
	p := &parcel{}
	flush := func() error {
		if len(p.of) == 0 {
			return nil
		}
		err := c.deliver(ctx, d, op, p, each)
		p = &parcel{}
		return err
	}
	for i := range batch {
		line, err := c.pack(&batch[i])
		if err != nil {
			each(Ack{Request: batch[i].ID, State: Parked, Cause: err.Error()})
			continue
		}
		if len(p.of) == MaxBatch || len(p.body)+len(line)+1 > MaxBatchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		p.of = append(p.of, batch[i].ID)
		p.body = append(append(p.body, line...), '\n')
	}
	return flush()
}

func (c *Client) pack(s *request.Snapshot) ([]byte, error) {
	if err := errors.Join(check(s), author(s, c.o.Self)); err != nil {
		return nil, err
	}
	line, err := marshal(snapshotOut(*s))
	if err == nil && len(line) >= MaxBatchBytes {
		err = &request.Error{Op: "peer", Kind: request.TooLarge, Request: s.ID, Detail: fmt.Sprintf("%d bytes are more than a peer takes", len(line))}
	}
	return line, err
}

// deliver makes one call.
func (c *Client) deliver(ctx context.Context, d *dest, op string, p *parcel, each func(Ack)) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.DeliverTimeout)
	defer cancel()
	began := time.Now()
	defer func() { c.o.OnCall(d.site, word(DeliverPath), err, time.Since(began)) }()
	h := c.head(ctx)
	h.Count = len(p.of)
	first, err := marshal(h)
	if err != nil {
		return &request.Error{Op: op, Kind: request.Invalid, Err: err}
	}
	done, err := d.pass(op, false)
	if err != nil {
		return err
	}
	v, verified := bad, false
	defer func() { d.settle(done, v, verified, err, c.o.Now()) }()
	body := append(append(make([]byte, 0, len(first)+1+len(p.body)), first...), '\n')
	resp, t, err := c.post(ctx, d, DeliverPath, append(body, p.body...), maxTries)
	if err != nil {
		v = verdictOf(err, false)
		return failure(op, t, err, true)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _, err := c.readAnswer(resp, d, t)
		if err != nil {
			return failure(op, t, err, true)
		}
		verified = true
		e := c.refusal(op, resp, text, t, true)
		v = verdictOf(e, true)
		return e
	}
	acks := &ackReader{c: c, of: p.of, m: mark{from: d.site, to: c.o.Self, nonce: t.mark.nonce}, seen: make([]bool, len(p.of)), each: each}
	if _, err = c.verifyHead(resp, d, t, ""); err == nil {
		verified = true
		err = acks.read(resp.Body)
	}
	if err == nil {
		// Every single ack says that the site's upstream cannot be reached: the way is open and leads nowhere.
		if v = good; acks.unavailable == len(p.of) {
			v = bad
			d.fail(op+": its upstream cannot be reached", c.o.Now())
		}
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	v = verdictOf(err, false)
	return &request.Error{Op: op, Kind: request.Doubtful, Detail: fmt.Sprintf("after %d of %d acks", acks.n, len(p.of)), Err: err}
}

// ackReader reads the answer to a delivery.
type ackReader struct {
	c              *Client
	of             []request.ID
	m              mark
	seen           []bool
	n, unavailable int
	each           func(Ack)
}

// read calls each with every ack that verifies, and returns nil only when all have come and the peer said so.
func (r *ackReader) read(body io.Reader) error {
	in := bufio.NewReaderSize(body, maxLine)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		end, err := r.line(line)
		if err != nil {
			return err
		}
		if end {
			_, err := in.ReadByte() // the end of the body must have been read for the connection to be used again
			if err == io.EOF {
				return nil
			}
			return untrusted("something follows its last line")
		}
	}
}

func (r *ackReader) line(text []byte) (end bool, err error) {
	var l ackLine
	if err := unmarshal(text, &l); err != nil {
		return false, untrusted("%v", err)
	}
	if l.End != nil {
		if !r.signed("meridian-end-1", *l.End, nil, l.Signature) {
			return false, untrusted("the signature of its last line is wrong")
		}
		if *l.End != r.n || r.n != len(r.of) {
			return false, untrusted("%d acks for %d snapshots", r.n, len(r.of))
		}
		return true, nil
	}
	if !r.signed("meridian-ack-1", r.n, l.Ack, l.Signature) {
		return false, untrusted("the signature of an ack is wrong")
	}
	var w ackWire
	if err := unmarshal(l.Ack, &w); err != nil {
		return false, untrusted("%v", err)
	}
	if w.Place < 0 || w.Place >= len(r.of) || r.seen[w.Place] || w.Request != "" && w.Request != r.of[w.Place] {
		return false, untrusted("an ack for nothing that was sent")
	}
	r.seen[w.Place] = true
	r.n++
	a := Ack{Request: r.of[w.Place], Version: w.Version, Local: w.Local, State: w.State, Cause: w.Cause}
	if !known(a.State) {
		a.State, a.Cause = Retry, fmt.Sprintf("the peer answered %q: %s", w.State, w.Cause)
	}
	if a.State == Unavailable {
		r.unavailable++
	}
	r.each(a)
	return false, nil
}

// signed checks the signature of a line.
func (r *ackReader) signed(label string, place int, text []byte, signature string) bool {
	_, ok := r.c.keys.find(signature, func(s signer) string { return s.line(label, r.m, place, text) })
	return ok
}

// ackText is one signed line of the answer to a delivery.
func (s signer) ackText(m mark, n int, w ackWire) ([]byte, error) {
	text, err := marshal(w)
	if err != nil {
		return nil, err
	}
	b, err := marshal(ackLine{Ack: jsontext.Value(text), Signature: s.line("meridian-ack-1", m, n, text)})
	if err == nil && len(b) >= maxLine {
		err = errors.New("an ack is too long")
	}
	return append(b, '\n'), err
}

func (s signer) endText(m mark, n int) []byte {
	b, _ := marshal(ackLine{End: &n, Signature: s.line("meridian-end-1", m, n, nil)}) // a number and a string always encode
	return append(b, '\n')
}

// parcelIn splits the body of a delivery into its head and its lines, each of which is one snapshot.
func parcelIn(body []byte) (head, [][]byte, error) {
	var h head
	first, rest, _ := bytes.Cut(body, []byte{'\n'})
	if err := unmarshal(first, &h); err != nil {
		return h, nil, err
	}
	lines := make([][]byte, 0, min(max(h.Count, 0), MaxBatch))
	for len(rest) > 0 {
		line, more, ended := bytes.Cut(rest, []byte{'\n'})
		if !ended || len(lines) == MaxBatch {
			return h, nil, invalid("the delivery is cut short, or holds more than %d snapshots", MaxBatch)
		}
		lines, rest = append(lines, line), more
	}
	if len(lines) == 0 || len(lines) != h.Count {
		return h, nil, invalid("%d snapshots where %d are announced", len(lines), h.Count)
	}
	return h, lines, nil
}

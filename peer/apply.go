package peer

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// job is the snapshots of one request in a delivery, with their places, in the order sent.
type job struct {
	places []int
	shots  []request.Snapshot
}

// deliver applies the snapshots of a delivery and answers each as it is done.
func (s *server) deliver(ctx context.Context, a *answerer, body []byte) {
	h, lines, err := parcelIn(body)
	if err == nil {
		err = h.check(s.o.Network, a.from())
	}
	if err != nil {
		a.fail(err)
		return
	}
	jobs, refused, err := s.unpack(lines, a.from())
	if err != nil {
		a.fail(err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.wait(h))
	defer cancel()
	acks := make(chan ackWire, len(lines)) // so that no worker ever waits for a slow reader
	for _, w := range refused {
		acks <- w
	}
	var workers sync.WaitGroup
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	for range min(s.o.Parallel, len(jobs)) {
		workers.Go(func() {
			for j := range queue {
				s.work(ctx, a.from(), j, acks)
			}
		})
	}
	// A worker that is at it when the caller goes away is waited for: it ends by itself, its context being done.
	defer workers.Wait()
	defer cancel()
	a.stream(acks, len(lines))
}

// unpack reads the snapshots. One that cannot be read is answered for itself, so that it does not hold up the others. One that
// the sender has no right to send condemns the delivery as a whole: an honest gateway never sends such.
func (s *server) unpack(lines [][]byte, from request.Site) (jobs []job, refused []ackWire, err error) {
	index := make(map[request.ID]int, len(lines))
	for i, line := range lines {
		shot, err := snapshotIn(line)
		if err == nil {
			err = check(&shot)
		}
		if err != nil {
			refused = append(refused, ackWire{Place: i, State: Parked, Cause: cut(err.Error())})
			continue
		}
		if err := author(&shot, from); err != nil {
			return nil, nil, err
		}
		n, ok := index[shot.ID]
		if !ok {
			n = len(jobs)
			index[shot.ID], jobs = n, append(jobs, job{})
		}
		jobs[n].places, jobs[n].shots = append(jobs[n].places, i), append(jobs[n].shots, shot)
	}
	return jobs, refused, nil
}

// work applies one request's snapshots, one after another.
func (s *server) work(ctx context.Context, from request.Site, j job, acks chan<- ackWire) {
	for i, shot := range j.shots {
		k := Ack{State: Retry, Cause: "the delivery was broken off"}
		if ctx.Err() == nil {
			k = s.apply(ctx, from, shot)
		}
		acks <- ackWire{Place: j.places[i], Request: shot.ID, Version: k.Version, Local: k.Local, State: k.State, Cause: cut(k.Cause)}
	}
}

func (s *server) apply(ctx context.Context, from request.Site, shot request.Snapshot) (k Ack) {
	defer func() {
		if p := recover(); p != nil {
			k = Ack{State: Retry, Cause: fmt.Sprintf("the gateway failed on it: %v", p)}
		}
	}()
	return s.h.Apply(ctx, from, shot)
}

// stream writes n acks as they come, and the end. It flushes when there is nothing more to write at the moment.
func (a *answerer) stream(acks <-chan ackWire, n int) {
	m := a.mark(http.StatusOK, "")
	a.head("application/x-ndjson", http.StatusOK, "")
	a.w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(a.w)
	for i := range n {
		var w ackWire
		select {
		case w = <-acks:
		default:
			_ = rc.Flush()
			w = <-acks
		}
		line, err := a.sign.ackText(m, i, w)
		if err != nil {
			line, err = a.sign.ackText(m, i, ackWire{Place: w.Place, Request: w.Request, State: Retry, Cause: "the ack cannot be written"})
		}
		_ = rc.SetWriteDeadline(time.Now().Add(bodyTimeout))
		if _, werr := a.w.Write(line); err != nil || werr != nil {
			return // the caller is gone: it will send again
		}
	}
	_, _ = a.w.Write(a.sign.endText(m, n))
}

// cut bounds a text that goes into an ack, and makes it one that can.
func cut(s string) string {
	if len(s) > 2048 {
		s = s[:2048]
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

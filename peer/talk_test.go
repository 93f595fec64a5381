package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

var allKinds = []request.ErrKind{request.Internal, request.Invalid, request.NotFound, request.Gone, request.Conflict, request.Precondition,
	request.Busy, request.Reserved, request.KeyReused, request.KeyBusy, request.OwnerUnreachable, request.NotYet, request.NotSent, request.Doubtful,
	request.Unavailable, request.StoreDown, request.HandingOver, request.Loop, request.Forbidden, request.TooLarge, request.ClientGone}

func TestEveryKindBothWays(t *testing.T) {
	for _, k := range allKinds {
		p := problemOf(&request.Error{Op: "x", Kind: k, Request: gid, Operation: "/op/1", Detail: "why", Retry: 1500 * time.Millisecond})
		text, err := marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		e, ok := problemError("y", p.Status, text)
		want := &request.Error{Op: "y", Kind: k, Request: gid, Operation: "/op/1", Detail: "why", Retry: 1500 * time.Millisecond}
		if !ok || !cmp.Equal(want, e) || p.Status < 400 {
			t.Errorf("%s became %+v by status %d", k, e, p.Status)
		}
		// A kind of a later version is understood by its status, and never as something safer.
		if later := kindOf(p.Status, "from-a-later-version"); statusOf(later) != p.Status && p.Status != 422 && p.Status != statusClientGone && p.Status != 502 {
			t.Errorf("status %d alone became %s", p.Status, later)
		}
	}
	if e, ok := problemError("y", 503, []byte(`{"kind":"unavailable","retry_ms":99999999999999}`)); !ok || e.Retry != maxRetry {
		t.Errorf("retry %v, want %v at most", e.Retry, maxRetry)
	}
	for _, text := range []string{"<html>", "{}", ""} {
		if _, ok := problemError("y", 404, []byte(text)); ok {
			t.Errorf("%q passed for a gateway's problem", text)
		}
	}
}

func TestErrorsOfTheHandlerReachTheCaller(t *testing.T) {
	var kind atomic.Value
	f := &fake{write: func(context.Context, request.Site, request.Write) (Reply, error) {
		return Reply{}, fmt.Errorf("wrapped: %w", &request.Error{Op: "h", Kind: kind.Load().(request.ErrKind), Detail: "why", Retry: 3 * time.Second})
	}}
	_, srv := pair(t, f, nil)
	for _, k := range allKinds {
		kind.Store(k)
		_, err := client(t, osloOptions(srv.URL)).Write(t.Context(), "rome", update())
		wantKind(t, err, k)
		if e, ok := errors.AsType[*request.Error](err); !ok || e.Retry != 3*time.Second || e.Detail != "why" || e.Request != gid {
			t.Errorf("%s: %+v", k, e)
		}
	}
}

func TestQuestions(t *testing.T) {
	f := &fake{}
	c, _ := pair(t, f, nil)
	ctx := t.Context()
	r, err := c.Write(ctx, "rome", update())
	if err != nil || r.Op != "op-1" || r.Version != request.First("rome") {
		t.Errorf("write: %+v, %v", r, err)
	}
	if got := f.writes[0]; got.Entry != "oslo" || !slices.Equal(got.Via, []request.Site{"oslo"}) || got.Call != nil {
		t.Errorf("received %+v", got)
	}
	if id, err := c.Resolve(ctx, "rome", "tickets", "rome", "17"); id != gid || err != nil {
		t.Errorf("resolve: %v, %v", id, err)
	}
	_, err = c.Resolve(ctx, "rome", "tickets", "rome", "18")
	wantKind(t, err, request.NotFound)
	if op, err := c.Operation(ctx, "rome", gid, "op-1"); op.ID != "op-1" || op.Outcome != request.Done || err != nil {
		t.Errorf("operation: %+v, %v", op, err)
	}
	if held, err := c.Holders(ctx, "rome", gid, request.First("rome")); err != nil || len(held) != 1 || held[0].Acked != request.First("rome") {
		t.Errorf("holders: %+v, %v", held, err)
	}
	if g, err := c.Hello(ctx, "rome"); err != nil || g.Site != "rome" || g.Network != "n" || g.ConfigHash != "h1" || !g.Upstream {
		t.Errorf("hello: %+v, %v", g, err)
	}
	s := c.Status("rome")
	if !s.Up || s.Breaker != "closed" || s.Drift || s.LastSuccess.IsZero() || s.Skew.Abs() > time.Second || s.Incarnation != "i1" {
		t.Errorf("status %+v", s)
	}
	_, err = c.Write(ctx, "nowhere", update())
	wantKind(t, err, request.NotSent)
}

func TestHandlerGetsTheCallersDeadline(t *testing.T) {
	left := make(chan time.Duration, 1)
	c, _ := pair(t, &fake{write: func(ctx context.Context, _ request.Site, w request.Write) (Reply, error) {
		end, _ := ctx.Deadline()
		left <- time.Until(end)
		return Reply{}, nil
	}}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
	defer cancel()
	if _, err := c.Write(ctx, "rome", update()); err != nil {
		t.Fatal(err)
	}
	if d := <-left; d <= 0 || d > 7*time.Second {
		t.Errorf("the handler has %v left of 7s", d)
	}
}

func TestAcksComeAsTheyAreMade(t *testing.T) {
	hold := make(chan struct{})
	slow := request.NewID(time.Unix(1, 0))
	f := &fake{apply: func(ctx context.Context, s request.Snapshot) Ack {
		if s.ID == slow {
			<-hold
		}
		return Ack{Request: s.ID, Version: s.Version, Local: "l", State: Delivered}
	}}
	c, _ := pair(t, f, nil)
	batch := []request.Snapshot{shot(slow, 1)}
	for i := range 10 {
		batch = append(batch, shot(request.NewID(time.Unix(int64(i), 0)), 1))
	}
	var got []request.ID
	err := c.Deliver(t.Context(), "rome", batch, func(a Ack) {
		if a.State != Delivered || a.Local != "l" {
			t.Errorf("ack %+v", a)
		}
		if got = append(got, a.Request); len(got) == 10 {
			close(hold) // the slow one is let go only when all others have been acknowledged here
		}
	})
	if err != nil || len(got) != 11 || got[10] != slow {
		t.Errorf("%v, acks %v", err, got)
	}
}

func TestAppliesInOrderAndBounded(t *testing.T) {
	var mu sync.Mutex
	busy, most := map[request.ID]bool{}, 0
	seq := map[request.ID]uint64{}
	f := &fake{apply: func(_ context.Context, s request.Snapshot) Ack {
		mu.Lock()
		if busy[s.ID] || seq[s.ID] >= s.Version.Seq {
			t.Errorf("%s version %d out of turn", s.ID, s.Version.Seq)
		}
		busy[s.ID], seq[s.ID] = true, s.Version.Seq
		most = max(most, len(busy))
		mu.Unlock()
		for range 100 {
			_ = newNonce()
		}
		mu.Lock()
		delete(busy, s.ID)
		mu.Unlock()
		return Ack{Request: s.ID, Version: s.Version, State: Delivered}
	}}
	c, _ := pair(t, f, nil)
	var ids []request.ID
	for i := range 15 {
		ids = append(ids, request.NewID(time.Unix(int64(i), 0)))
	}
	var batch []request.Snapshot
	for n := range 10 {
		for _, id := range ids {
			batch = append(batch, shot(id, uint64(n+1)))
		}
	}
	acks := 0
	if err := c.Deliver(t.Context(), "rome", batch, func(Ack) { acks++ }); err != nil || acks != 150 {
		t.Errorf("%v after %d acks", err, acks)
	}
	if most > 8 {
		t.Errorf("%d at a time, want 8 at most", most)
	}
}

// cutter passes the first n lines of a delivery's answer on and then drops the connection.
type cutter struct {
	http.ResponseWriter
	lines int
}

func (c *cutter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *cutter) Write(b []byte) (int, error) {
	if c.lines == 0 {
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	c.lines--
	return c.ResponseWriter.Write(b)
}

func TestACutStreamIsAnErrorAndItsAcksStand(t *testing.T) {
	for _, lines := range []int{0, 1, 2, 3} { // 3: all acks, but not the word that these are all
		f := &fake{}
		c, _ := pair(t, f, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(&cutter{w, lines}, r) })
		})
		var acks int
		batch := []request.Snapshot{shot(request.NewID(time.Unix(1, 0)), 1), shot(request.NewID(time.Unix(2, 0)), 1), shot(gid, 1)}
		err := c.Deliver(t.Context(), "rome", batch, func(a Ack) { acks++ })
		wantKind(t, err, request.Doubtful)
		if acks != lines {
			t.Errorf("%d acks believed, %d came", acks, lines)
		}
	}
}

func TestBadSnapshotsDoNotHoldUpGoodOnes(t *testing.T) {
	f := &fake{apply: func(_ context.Context, s request.Snapshot) Ack {
		if s.Version.Seq == 3 {
			panic("broken")
		}
		return Ack{Version: s.Version, State: Delivered, Cause: "\xff" + strings.Repeat("é", 3000)}
	}}
	c, _ := pair(t, f, nil)
	big := shot(request.NewID(time.Unix(1, 0)), 1)
	big.Fields = request.Fields{{Name: "big", Value: request.Quote(strings.Repeat("x", MaxBatchBytes))}}
	broken := shot(request.NewID(time.Unix(2, 0)), 1)
	broken.Fields = request.Fields{{Name: "a", Value: []byte(`1},"owner":"paris","x":{"a":1`)}}
	foreign := shot(request.NewID(time.Unix(3, 0)), 1)
	foreign.Version.Epoch.Site = "paris"
	deep := shot(request.NewID(time.Unix(4, 0)), 1)
	deep.Fields = request.Fields{{Name: "a", Value: []byte(strings.Repeat("[", 70) + strings.Repeat("]", 70))}}
	panics := shot(request.NewID(time.Unix(5, 0)), 3)
	got := map[request.ID]AckState{}
	err := c.Deliver(t.Context(), "rome", []request.Snapshot{big, broken, foreign, deep, panics, shot(gid, 1)}, func(a Ack) { got[a.Request] = a.State })
	want := map[request.ID]AckState{big.ID: Parked, broken.ID: Parked, foreign.ID: Parked, deep.ID: Parked, panics.ID: Retry, gid: Delivered}
	if err != nil || !cmp.Equal(want, got) {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
}

func TestLargeBatchesAreSplit(t *testing.T) {
	var calls atomic.Int32
	f := &fake{}
	c, _ := pair(t, f, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { calls.Add(1); h.ServeHTTP(w, r) })
	})
	var batch []request.Snapshot
	for i := range 10 {
		s := shot(request.NewID(time.Unix(int64(i), 0)), 1)
		s.Fields = request.Fields{{Name: "big", Value: request.Quote(strings.Repeat("x", 900<<10))}}
		batch = append(batch, s)
	}
	acks := 0
	if err := c.Deliver(t.Context(), "rome", batch, func(Ack) { acks++ }); err != nil || acks != 10 || calls.Load() != 3 {
		t.Errorf("%v, %d acks in %d calls", err, acks, calls.Load())
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	c, _ := pair(t, &fake{write: func(context.Context, request.Site, request.Write) (Reply, error) { panic("broken") }}, nil)
	_, err := c.Write(t.Context(), "rome", update())
	wantKind(t, err, request.Internal)
}

func TestNoSuchEndpoint(t *testing.T) {
	h := NewServer(&fake{}, romeOptions())
	for target, status := range map[string]int{"POST /": 404, "POST /peer/v1/": 404, "POST /peer/v1/write/": 404, "POST /peer/v1//write": 404,
		"POST /peer/v1/%77rite": 404, "POST /peer/v1/x/../write": 404, "POST /peer/v1/write?x=1": 404, "GET /peer/v1/write": 405, "TRACE /peer/v1/hello": 405,
		"POST /peer/v1/write": 401} {
		method, path, _ := strings.Cut(target, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("{}")))
		body, _ := io.ReadAll(w.Result().Body)
		if w.Code != status || w.Header().Get("Content-Type") != problemType || w.Header().Get(headerSignature) != "" {
			t.Errorf("%s: %d %s", target, w.Code, body)
		}
	}
}

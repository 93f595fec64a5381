package peer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

// release is a hand-over from oslo to rome with everything in it.
func release() request.Handover {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	s := kilobyte()
	s.Version = request.Version{Epoch: request.Epoch{Num: 4, Site: "oslo"}, Seq: 7}
	s.Owner = "oslo"
	s.At = at
	s.Fields = request.Fields{{Name: "n", Value: []byte(`12345678901234567890`)}, {Name: "t", Value: []byte(`"<a & b>"`)}}
	s.Forces = []request.Force{{Epoch: request.Epoch{Num: 3, Site: "paris"}, Base: request.First("rome"), By: "mary", Reason: "fire", At: at}}
	s.Former = []request.Tenure{{Epoch: request.Epoch{Num: 3, Site: "paris"}, Until: at}}
	return request.Handover{Stage: request.GrantIt, Epoch: request.Epoch{Num: 5, Site: "rome"}, Snapshot: s,
		Holders: []request.Debt{{Site: "paris", Terms: request.Terms{Update: "hourly", Window: "20:00-06:00", Match: "a,b"}, Due: at}, {Site: "oslo", Terms: request.Terms{Mode: request.Remove}}},
		Path:    []request.Site{"oslo", "paris"}, Routes: []string{"sun"}, Hops: 1, Terms: request.Terms{Route: "sun", Duplicate: "overwrite"}}
}

func accepted(h request.Handover) (request.Verdict, error) {
	return request.Verdict{State: request.Accepted, Epoch: h.Epoch, Owner: h.Epoch.Site, Local: "r-1"}, nil
}

func TestHandoverTravelsWhole(t *testing.T) {
	var got request.Handover
	f := &fake{hand: func(h request.Handover) (request.Verdict, error) {
		got = h
		return request.Verdict{State: request.Declined, Epoch: h.Epoch, Owner: "oslo", Local: "r-1", Cause: "no room", Final: true}, nil
	}}
	c, _ := pair(t, f, nil)
	for _, stage := range []request.Stage{request.Prepare, request.GrantIt, request.CancelIt} {
		h := release()
		h.Stage, h.Return = stage, stage == request.GrantIt
		v, err := c.Handover(t.Context(), "rome", h)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(h, got); diff != "" {
			t.Errorf("%s (-sent +received):\n%s", stage, diff)
		}
		if v != (request.Verdict{State: request.Declined, Epoch: h.Epoch, Owner: "oslo", Local: "r-1", Cause: "no room", Final: true}) {
			t.Errorf("verdict %+v", v)
		}
	}
	h := release() // a cancellation may come after the deletion
	h.Stage, h.Snapshot.Deleted, h.Snapshot.Fields = request.CancelIt, true, nil
	if _, err := c.Handover(t.Context(), "rome", h); err != nil {
		t.Error(err)
	}
}

// Values arrive in a hand-over byte for byte, all the way.
func TestHandoverKeepsValuesExact(t *testing.T) {
	var got request.Fields
	f := &fake{hand: func(h request.Handover) (request.Verdict, error) { got = h.Snapshot.Fields; return accepted(h) }}
	c, _ := pair(t, f, nil)
	h := release()
	h.Snapshot.Fields = nil
	for _, value := range []string{`12345678901234567890`, `-0`, `1.10`, `1E400`, `0.1e-7`, `"\u0041\/\ud83d\ude00<&>"`, "\"\u2028\"", `{"b":1,"a":[],"":{}}`, `null`, `""`} {
		h.Snapshot.Fields = append(h.Snapshot.Fields, request.Field{Name: "v " + value, Value: []byte(value)})
	}
	if _, err := c.Handover(t.Context(), "rome", h); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(h.Snapshot.Fields, got); d != "" {
		t.Errorf("(-sent +received):\n%s", d)
	}
}

func TestVerdictsThatAreNone(t *testing.T) {
	var v request.Verdict
	f := &fake{hand: func(request.Handover) (request.Verdict, error) { return v, nil }}
	c, _ := pair(t, f, nil)
	epoch := func(num uint64, site request.Site) request.Epoch { return request.Epoch{Num: num, Site: site} }
	for _, test := range []struct {
		v    request.Verdict
		good bool
	}{
		{request.Verdict{State: request.Accepted, Epoch: epoch(5, "rome")}, true},
		{request.Verdict{State: request.Declined, Epoch: epoch(5, "rome")}, true},
		{request.Verdict{State: request.Overtaken, Epoch: epoch(6, "paris")}, true},
		{request.Verdict{State: request.Ready, Epoch: epoch(4, "oslo")}, true},
		{request.Verdict{State: request.Unready}, true},
		{request.Verdict{State: request.Unfit}, true},
		{request.Verdict{State: request.Undecided, Epoch: epoch(5, "rome")}, true},
		{request.Verdict{State: request.Accepted, Epoch: epoch(3, "rome")}, false},
		{request.Verdict{State: request.Accepted, Epoch: epoch(6, "rome")}, false},
		{request.Verdict{State: request.Accepted}, false},
		{request.Verdict{State: request.Declined, Epoch: epoch(4, "rome")}, false},
		{request.Verdict{State: request.Overtaken, Epoch: epoch(5, "rome")}, false},
		{request.Verdict{State: "maybe", Epoch: epoch(5, "rome")}, false},
		{request.Verdict{}, false},
	} {
		v = test.v
		got, err := c.Handover(t.Context(), "rome", release())
		if test.good && (err != nil || got != v) {
			t.Errorf("%+v came as %+v, %v", v, got, err)
		}
		if !test.good && (request.KindOf(err) != request.Doubtful || got != (request.Verdict{})) {
			t.Errorf("%+v passed: %+v, %v", v, got, err)
		}
	}
}

// A target that decided, and whose answer was lost, is asked again and says the same.
func TestALostVerdictIsAskedForAgain(t *testing.T) {
	decisions := 0
	f := &fake{}
	f.hand = func(h request.Handover) (request.Verdict, error) {
		decisions++
		return accepted(h)
	}
	var lose atomic.Bool
	lose.Store(true)
	c, _ := pair(t, f, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if lose.Load() {
				h.ServeHTTP(httptest.NewRecorder(), r)
				drop(w)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	_, err := c.Handover(t.Context(), "rome", release())
	wantKind(t, err, request.Doubtful)
	if e, ok := errors.AsType[*request.Error](err); !ok || e.Request != gid {
		t.Errorf("the error does not name the request: %v", err)
	}
	_, err = c.Order(t.Context(), "rome", request.Order{Request: gid, To: "paris"})
	wantKind(t, err, request.Doubtful)
	lose.Store(false)
	if v, err := c.Handover(t.Context(), "rome", release()); err != nil || v.State != request.Accepted || decisions != 2 {
		t.Errorf("%+v, %v after %d", v, err, decisions)
	}
}

// What was certainly not sent is tried again within the call; when that does not help it is NotSent, then OwnerUnreachable.
func TestHandoverThatIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h handed
		var refuse atomic.Int32
		c, _, stop := bubble(t, &fake{hand: h.take}, func(o *ClientOptions) {
			dial := o.DialContext
			o.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if refuse.Add(-1) >= 0 {
					return nil, errRefused
				}
				return dial(ctx, network, addr)
			}
		})
		defer stop()
		refuse.Store(maxTries - 1)
		if v, err := c.Handover(t.Context(), "rome", release()); err != nil || v.State != request.Accepted || h.n.Load() != 1 {
			t.Fatalf("%+v, %v, handled %d times", v, err, h.n.Load())
		}
		c.Close()
		refuse.Store(1 << 20)
		for range 5 {
			_, err := c.Handover(t.Context(), "rome", release())
			wantKind(t, err, request.NotSent)
		}
		_, err := c.Handover(t.Context(), "rome", release())
		wantKind(t, err, request.OwnerUnreachable)
		_, err = c.Order(t.Context(), "rome", request.Order{Request: gid, Return: true})
		wantKind(t, err, request.OwnerUnreachable)
		if h.n.Load() != 1 {
			t.Errorf("handled %d times", h.n.Load())
		}
	})
}

// handed counts what it accepts.
type handed struct{ n atomic.Int32 }

func (x *handed) take(h request.Handover) (request.Verdict, error) {
	x.n.Add(1)
	return accepted(h)
}

func TestHandoverHasTheSizeOfADelivery(t *testing.T) {
	var h handed
	c, _ := pair(t, &fake{hand: h.take}, nil)
	big := release()
	big.Snapshot.Fields = request.Fields{{Name: "x", Value: request.Quote(strings.Repeat("x", MaxBatchBytes-8<<10))}}
	if v, err := c.Handover(t.Context(), "rome", big); err != nil || v.State != request.Accepted {
		t.Errorf("%+v, %v", v, err)
	}
	big.Snapshot.Fields[0].Value = request.Quote(strings.Repeat("x", MaxBatchBytes))
	_, err := c.Handover(t.Context(), "rome", big)
	wantKind(t, err, request.TooLarge)
	if h.n.Load() != 1 || c.Status("rome").Breaker != "closed" {
		t.Errorf("handled %d times, %+v", h.n.Load(), c.Status("rome"))
	}
}

// A site that is in the middle of a hand-over works, however often it says so; one that is out of order does not.
func TestMovingIsNoFault(t *testing.T) {
	kind := request.HandingOver
	f := &fake{order: func(request.Order) (request.Standing, error) {
		return request.Standing{}, &request.Error{Op: "h", Kind: kind}
	}}
	f.hand = func(request.Handover) (request.Verdict, error) {
		return request.Verdict{}, &request.Error{Op: "h", Kind: kind}
	}
	c, _ := pair(t, f, nil)
	for range 10 {
		_, err := c.Order(t.Context(), "rome", request.Order{Request: gid, Return: true})
		wantKind(t, err, request.HandingOver)
		if e, ok := errors.AsType[*request.Error](err); !ok || e.Retry != movingRetry || e.Request != gid {
			t.Errorf("%+v", e)
		}
		_, err = c.Handover(t.Context(), "rome", release())
		wantKind(t, err, request.HandingOver)
	}
	if s := c.Status("rome"); s.Breaker != "closed" || s.LastSuccess.IsZero() {
		t.Errorf("%+v", s)
	}
	kind = request.StoreDown
	for range 5 {
		_, err := c.Handover(t.Context(), "rome", release())
		wantKind(t, err, request.StoreDown)
	}
	if s := c.Status("rome"); s.Breaker != "open" {
		t.Errorf("%+v", s)
	}
}

// The answer carries the header too, for what stands between two gateways.
func TestHandingOverSaysWhenToTryAgain(t *testing.T) {
	f := &fake{order: func(request.Order) (request.Standing, error) {
		return request.Standing{}, &request.Error{Op: "h", Kind: request.HandingOver}
	}}
	w := raw(OrderPath, message(request.Order{Request: gid, Return: true})).send(NewServer(f, romeOptions()))
	if w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}

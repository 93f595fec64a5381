package peer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

var errRefused = &net.OpError{Op: "dial", Err: errors.New("connection refused")}

func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func TestALostAnswerIsDoubtful(t *testing.T) {
	f := &fake{}
	c, _ := pair(t, f, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(httptest.NewRecorder(), r)
			drop(w)
		})
	})
	_, err := c.Write(t.Context(), "rome", update())
	wantKind(t, err, request.Doubtful)
	if n, _ := f.counts(); n != 1 {
		t.Errorf("ran %d times", n)
	}
}

// deadAfter lets one call pass on each connection and drops the connection at the next, as one that died while idle does.
func deadAfter(passes func(n int) bool) func(http.Handler) http.Handler {
	var mu sync.Mutex
	seen := map[string]int{}
	calls := 0
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen[r.RemoteAddr]++
			calls++
			reused, n := seen[r.RemoteAddr] > 1, calls
			mu.Unlock()
			if reused || !passes(n) {
				drop(w)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
}

func TestADeadIdleConnectionIsTriedAgain(t *testing.T) {
	f := &fake{}
	c, _ := pair(t, f, deadAfter(func(int) bool { return true }))
	for range 3 {
		if _, err := c.Write(t.Context(), "rome", update()); err != nil {
			t.Fatal(err)
		}
		if err := c.Deliver(t.Context(), "rome", []request.Snapshot{shot(gid, 1)}, func(Ack) {}); err != nil {
			t.Fatal(err)
		}
	}
	if writes, applied := f.counts(); writes != 3 || applied != 3 {
		t.Errorf("%d writes, %d applied", writes, applied)
	}
}

func TestAfterADeadConnectionNothingIsCertain(t *testing.T) {
	for _, answer := range []request.ErrKind{request.Busy, request.Unavailable, request.NotYet, request.Precondition, request.NotFound} {
		f := &fake{write: func(_ context.Context, _ request.Site, w request.Write) (Reply, error) {
			if w.Op == "first" {
				return Reply{}, nil
			}
			return Reply{}, &request.Error{Op: "h", Kind: answer}
		}}
		c, _ := pair(t, f, deadAfter(func(int) bool { return true }))
		w := update()
		w.Op = "first"
		if _, err := c.Write(t.Context(), "rome", w); err != nil {
			t.Fatal(err)
		}
		// Dropped, repeated, and then refused. On a connection of its own, which the pool may choose to make, it is just refused.
		_, err := c.Write(t.Context(), "rome", update())
		for range 50 {
			if request.KindOf(err) != answer {
				break
			}
			_, err = c.Write(t.Context(), "rome", update())
		}
		wantKind(t, err, request.Doubtful)
	}
	// The same when nobody can be reached the second time.
	o := osloOptions("")
	var refuse atomic.Bool
	srv := httptest.NewServer(deadAfter(func(int) bool { return true })(NewServer(&fake{}, romeOptions())))
	defer srv.Close()
	o.Peers = map[request.Site]Peer{"rome": {URL: srv.URL}}
	o.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if refuse.Load() {
			return nil, errRefused
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	c := client(t, o)
	if _, err := c.Write(t.Context(), "rome", update()); err != nil {
		t.Fatal(err)
	}
	refuse.Store(true)
	if _, err := c.Write(t.Context(), "rome", update()); request.KindOf(err) != request.NotSent { // unless the connection was not free yet
		wantKind(t, err, request.Doubtful)
	}
}

// A transport that tells nothing of its connections proves nothing.
func TestASilentTransportProvesNothing(t *testing.T) {
	o := osloOptions("http://rome.test")
	o.Transport = func(request.Site) http.RoundTripper { return broken{} }
	_, err := client(t, o).Write(t.Context(), "rome", update())
	wantKind(t, err, request.Doubtful)
}

type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, errRefused }

func TestRefusedDialsAreCertainlyNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, stop := bubble(t, &fake{}, nil)
		defer stop()
		p.set(errRefused, false)
		for n := range 5 {
			start := time.Now()
			_, err := c.Write(t.Context(), "rome", update())
			wantKind(t, err, request.NotSent)
			within(t, time.Since(start), 50*time.Millisecond, time.Second)
			if p.count() != (n+1)*maxTries {
				t.Fatalf("%d dials after %d writes", p.count(), n+1)
			}
		}
		dials := p.count()
		_, err := c.Write(t.Context(), "rome", update())
		wantKind(t, err, request.OwnerUnreachable)
		open, ok := errors.AsType[*OpenError](err)
		if !ok || open.Site != "rome" || open.Since.IsZero() || open.Last == "" {
			t.Errorf("%v", err)
		}
		err = c.Deliver(t.Context(), "rome", []request.Snapshot{shot(gid, 1)}, func(Ack) { t.Error("an ack from nowhere") })
		if _, ok := errors.AsType[*OpenError](err); !ok || c.Ready("rome") || c.Status("rome").Breaker != "open" || p.count() != dials {
			t.Errorf("%v, %+v, %d dials", err, c.Status("rome"), p.count())
		}
	})
}

func TestBlackHoles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		c, p, stop := bubble(t, f, nil)
		defer stop()
		p.set(nil, true) // connections are taken, and nothing is ever read
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		_, err := c.Write(ctx, "rome", update())
		wantKind(t, err, request.Doubtful)
		within(t, time.Since(start), 7*time.Second, 7*time.Second)
		start = time.Now()
		_, err = c.Write(t.Context(), "rome", update())
		wantKind(t, err, request.Doubtful)
		within(t, time.Since(start), 60*time.Second, 60*time.Second)
		start = time.Now()
		_, err = c.Hello(t.Context(), "rome")
		wantKind(t, err, request.Unavailable)
		within(t, time.Since(start), 3*time.Second, 3*time.Second)
		start = time.Now()
		err = c.Deliver(t.Context(), "rome", []request.Snapshot{shot(gid, 1)}, func(Ack) {})
		wantKind(t, err, request.Doubtful)
		within(t, time.Since(start), 60*time.Second, 60*time.Second)
	})
	synctest.Test(t, func(t *testing.T) {
		o := osloOptions("http://rome.test")
		o.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		c := client(t, o)
		start := time.Now()
		_, err := c.Write(t.Context(), "rome", update()) // a dial that is never answered is not repeated
		wantKind(t, err, request.NotSent)
		within(t, time.Since(start), dialTimeout, dialTimeout)
	})
}

func TestASlowPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{write: func(ctx context.Context, _ request.Site, w request.Write) (Reply, error) {
			select {
			case <-time.After(20 * time.Second):
				return Reply{Op: w.Op}, nil
			case <-ctx.Done():
				return Reply{}, &request.Error{Op: "h", Kind: request.Doubtful, Err: ctx.Err()}
			}
		}, apply: func(ctx context.Context, s request.Snapshot) Ack {
			select {
			case <-time.After(25 * time.Second):
				return Ack{Version: s.Version, State: Delivered}
			case <-ctx.Done():
				return Ack{State: Retry, Cause: "late"}
			}
		}}
		c, _, stop := bubble(t, f, nil)
		defer stop()
		if r, err := c.Write(t.Context(), "rome", update()); err != nil || r.Op != "op-1" {
			t.Errorf("a slow answer: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := c.Write(ctx, "rome", update())
		wantKind(t, err, request.Doubtful)
		var batch []request.Snapshot
		for i := range 64 { // eight at a time, 25 s each: 200 s of work
			batch = append(batch, shot(request.NewID(time.Unix(int64(i), 0)), 1))
		}
		start, acks := time.Now(), 0
		err = c.Deliver(t.Context(), "rome", batch, func(a Ack) {
			if a.State == Delivered {
				acks++
			}
		})
		within(t, time.Since(start), 50*time.Second, 61*time.Second)
		if acks != 16 {
			t.Errorf("%d acks stand, %v", acks, err)
		}
	})
}

func TestTheCallersCancelIsNobodysFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, stop := bubble(t, &fake{write: func(ctx context.Context, _ request.Site, _ request.Write) (Reply, error) {
			<-ctx.Done()
			return Reply{}, ctx.Err()
		}}, nil)
		defer stop()
		for range 30 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := c.Write(ctx, "rome", update())
			wantKind(t, err, request.Doubtful)
		}
		if s := c.Status("rome"); s.Breaker != "closed" || s.LastError != "" {
			t.Errorf("%+v", s)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.Write(ctx, "rome", update())
		wantKind(t, err, request.NotSent)
	})
}

func TestHonestAnswersDoNotTripTheBreaker(t *testing.T) {
	f := &fake{
		write: func(context.Context, request.Site, request.Write) (Reply, error) {
			return Reply{}, &request.Error{Op: "h", Kind: request.Conflict}
		},
		apply: func(context.Context, request.Snapshot) Ack { return Ack{State: Parked, Cause: "no such field"} },
	}
	c, _ := pair(t, f, nil)
	for range 30 {
		_, err := c.Write(t.Context(), "rome", update())
		wantKind(t, err, request.Conflict)
		if err := c.Deliver(t.Context(), "rome", []request.Snapshot{shot(gid, 1)}, func(Ack) {}); err != nil {
			t.Fatal(err)
		}
	}
	if s := c.Status("rome"); s.Breaker != "closed" {
		t.Errorf("%+v", s)
	}
}

func TestAnUnavailableUpstreamTripsTheBreaker(t *testing.T) {
	c, _ := pair(t, &fake{apply: func(_ context.Context, s request.Snapshot) Ack { return Ack{State: Unavailable} }}, nil)
	for range 5 {
		if err := c.Deliver(t.Context(), "rome", []request.Snapshot{shot(gid, 1), shot(gid, 2)}, func(Ack) {}); err != nil {
			t.Fatal(err)
		}
	}
	if s := c.Status("rome"); s.Breaker != "open" || s.LastError == "" {
		t.Errorf("%+v", s)
	}
}

func TestMostFailingTripsTheBreaker(t *testing.T) {
	g := newGate("rome")
	for i := range 20 { // two of three fail, never five in a row
		done, err := g.pass(false)
		if err != nil {
			t.Fatalf("open after %d", i)
		}
		if i%3 == 0 {
			done(good)
		} else {
			done(bad)
		}
	}
	if word, _, _ := g.state(); word != "open" {
		t.Errorf("%s after 20 calls of which 13 failed", word)
	}
}

func TestTheBreakerOpensForLongerAndLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p, stop := bubble(t, &fake{}, nil)
		defer stop()
		p.set(errRefused, false)
		for range 5 {
			_, _ = c.Write(t.Context(), "rome", update())
		}
		var waits []time.Duration
		for range 6 {
			start := time.Now()
			for !c.Ready("rome") {
				if word := c.Status("rome").Breaker; word != "open" {
					t.Fatalf("%s while it lets nothing through", word)
				}
				dials := p.count()
				_, err := c.Write(t.Context(), "rome", update())
				if wantKind(t, err, request.OwnerUnreachable); p.count() != dials {
					t.Fatal("an open breaker dialed")
				}
				time.Sleep(10 * time.Millisecond)
			}
			waits = append(waits, time.Since(start))
			_, err := c.Write(t.Context(), "rome", update())
			wantKind(t, err, request.NotSent)
		}
		for i, w := range waits {
			most := min(openFirst<<i, openMost)
			within(t, w, most*7/10, most*13/10)
		}
		if !slices.IsSorted(waits[:3]) {
			t.Errorf("waits %v do not grow", waits)
		}
		p.set(nil, false)
		time.Sleep(openMost)
		if _, err := c.Write(t.Context(), "rome", update()); err != nil || c.Status("rome").Breaker != "closed" {
			t.Errorf("%v %+v", err, c.Status("rome"))
		}
	})
}

func TestOneCallPassesAHalfOpenBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		f := &fake{write: func(context.Context, request.Site, request.Write) (Reply, error) { <-hold; return Reply{}, nil }}
		c, p, stop := bubble(t, f, nil)
		defer stop()
		p.set(errRefused, false)
		for range 5 {
			_, _ = c.Write(t.Context(), "rome", update())
		}
		p.set(nil, false)
		time.Sleep(3 * time.Second)
		first := make(chan error)
		go func() { _, err := c.Write(context.Background(), "rome", update()); first <- err }()
		synctest.Wait()
		if s := c.Status("rome"); s.Breaker != "half-open" || c.Ready("rome") {
			t.Errorf("%+v, ready %v", s, c.Ready("rome"))
		}
		_, err := c.Write(t.Context(), "rome", update())
		wantKind(t, err, request.OwnerUnreachable)
		close(hold)
		if err := <-first; err != nil || c.Status("rome").Breaker != "closed" {
			t.Errorf("%v %+v", err, c.Status("rome"))
		}
	})
}

package upstream

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// busy is an API that answers what it is told to.
type busy struct {
	calls  atomic.Int32
	mu     sync.Mutex
	status int
	header http.Header
	gate   chan struct{} // nil: open
}

func (b *busy) say(status int, header ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status, b.header = status, http.Header{}
	for i := 0; i < len(header); i += 2 {
		b.header.Set(header[i], header[i+1])
	}
}

func (b *busy) RoundTrip(r *http.Request) (*http.Response, error) {
	b.calls.Add(1)
	if b.gate != nil {
		<-b.gate
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return &http.Response{StatusCode: b.status, Header: b.header.Clone(), Body: http.NoBody, Request: r}, nil
}

// held is how long own calls are held off after an answer: none for which a call goes through at once.
func held(t *testing.T, most time.Duration, status int, header ...string) time.Duration {
	t.Helper()
	b := &busy{}
	u := client(t, "http://x", func(o *Options) { o.Transport, o.RetryAfter = b, most })
	b.say(status, header...)
	wantStatusOf(t, u, true, status)
	b.say(200)
	start := time.Now()
	for {
		a, err := u.Do(t.Context(), get("/"), true)
		if err == nil && a.Status == 200 {
			return time.Since(start)
		}
		wantKind(t, err, request.NotSent)
		if time.Since(start) > 3*time.Hour {
			t.Fatal("held for ever")
		}
		time.Sleep(time.Millisecond * 500)
	}
}

func TestHoldingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
		unix := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }
		none := func() []string { return nil }
		for _, k := range []struct {
			name   string
			most   time.Duration
			status int
			header func() []string
			want   time.Duration
		}{
			{"seconds", 0, 429, func() []string { return []string{"Retry-After", "3"} }, 3 * time.Second},
			{"on 503", 0, 503, func() []string { return []string{"Retry-After", "20"} }, 20 * time.Second},
			{"on 403", 0, 403, func() []string { return []string{"Retry-After", "20"} }, 20 * time.Second},
			{"parts of a second", 0, 429, func() []string { return []string{"Retry-After", "0.25"} }, 250 * time.Millisecond},
			{"at once", 0, 429, func() []string { return []string{"Retry-After", "0"} }, 0},
			{"a date", 0, 429, func() []string { return []string{"Retry-After", in(30 * time.Second)} }, 30 * time.Second},
			{"a date by another clock", 0, 429, func() []string {
				return []string{"Retry-After", in(2*time.Hour + 30*time.Second), "Date", in(2 * time.Hour)}
			}, 30 * time.Second},
			{"a date that is over", 0, 429, func() []string { return []string{"Retry-After", in(-time.Hour)} }, 0},
			{"the cap", 0, 429, func() []string { return []string{"Retry-After", "86400"} }, time.Minute},
			{"the cap for a date", 0, 429, func() []string { return []string{"Retry-After", in(time.Hour)} }, time.Minute},
			{"a cap of one's own", 2 * time.Hour, 429, func() []string { return []string{"Retry-After", "3600"} }, time.Hour},
			{"beyond all numbers", 0, 429, func() []string { return []string{"Retry-After", "99999999999999999999"} }, time.Minute},
			{"nothing", 0, 429, none, time.Second},
			{"nonsense", 0, 429, func() []string { return []string{"Retry-After", "soon"} }, time.Second},
			{"less than nothing", 0, 429, func() []string { return []string{"Retry-After", "-5"} }, time.Second},
			{"not a number", 0, 429, func() []string { return []string{"Retry-After", "NaN"} }, time.Second},
			{"503 without", 0, 503, none, 0},
			{"200 with", 0, 200, func() []string { return []string{"Retry-After", "20"} }, 0},
			{"none remaining", 0, 200, func() []string {
				return []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", unix(20 * time.Second)}
			}, 20 * time.Second},
			{"none remaining, in ms", 0, 403, func() []string {
				return []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", unix(20*time.Second) + "000"}
			}, 20 * time.Second},
			{"none remaining, from now", 0, 200, func() []string { return []string{"RateLimit-Remaining", "0", "RateLimit-Reset", "7"} }, 7 * time.Second},
			{"none remaining, capped", 0, 403, func() []string { return []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", unix(time.Hour)} }, time.Minute},
			{"some remaining", 0, 200, func() []string {
				return []string{"X-RateLimit-Remaining", "1", "X-RateLimit-Reset", unix(20 * time.Second)}
			}, 0},
			{"none remaining, not until when", 0, 200, func() []string { return []string{"X-RateLimit-Remaining", "0"} }, 0},
			{"none remaining of 429", 0, 429, func() []string { return []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "x"} }, time.Second},
		} {
			got := held(t, k.most, k.status, k.header()...)
			if d := got - k.want; d <= -time.Second || d > 500*time.Millisecond { // dates are in whole seconds
				t.Errorf("%s: held for %v, want %v", k.name, got, k.want)
			}
		}
	})
}

// What cannot wait says until when; a client's own calls do not care.
func TestHeldCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &busy{}
		u := client(t, "http://x", func(o *Options) { o.Transport = b })
		b.say(429, "Retry-After", "30")
		wantStatusOf(t, u, false, 429) // a client's limit is not the gateway's
		wantStatusOf(t, u, true, 429)
		b.say(200)
		start, calls := time.Now(), b.calls.Load()
		_, err := u.Do(t.Context(), post("{}"), true)
		wantKind(t, err, request.NotSent)
		e, ok := err.(*request.Error)
		until := start.Add(30 * time.Second).UTC().Format(time.RFC3339)
		if time.Since(start) > 0 || !ok || e.Retry != 30*time.Second || !strings.Contains(err.Error(), "the API answered 429 and is left alone until "+until) {
			t.Error(err, time.Since(start))
		}
		if p := u.Problems(); len(p) != 1 || !strings.Contains(p[0], until) {
			t.Error(p)
		}
		_, err = u.Stream(t.Context(), get("/"), nil, 0, true)
		wantKind(t, err, request.NotSent)
		if b.calls.Load() != calls {
			t.Error("a held call was sent")
		}
		wantStatusOf(t, u, false, 200)
		time.Sleep(26 * time.Second)
		wantStatusOf(t, u, true, 200) // what is left is less than its patience
		if took := time.Since(start); took != 30*time.Second || len(u.Problems()) > 0 {
			t.Error(took, u.Problems())
		}
	})
}

// A 429 that says nothing is believed for longer each time that it comes again, but once for calls that were under way together.
func TestGrowingRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &busy{gate: make(chan struct{})}
		u := client(t, "http://x", func(o *Options) { o.Transport = b })
		b.say(429)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { wantStatusOf(t, u, true, 429) })
		}
		synctest.Wait()
		close(b.gate)
		wg.Wait()
		for _, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
			if left := time.Until(u.hold.until); left != want*time.Second {
				t.Errorf("%v, want %d s", left, want)
			}
			time.Sleep(time.Until(u.hold.until))
			wantStatusOf(t, u, true, 429)
		}
		b.say(200)
		time.Sleep(10 * time.Second)
		wantStatusOf(t, u, true, 200)
		b.say(429)
		wantStatusOf(t, u, true, 429)
		if left := time.Until(u.hold.until); left != time.Second {
			t.Errorf("%v after a success", left)
		}
	})
}

// A login keeps to it, and says it.
func TestLoginIsHeldOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var many atomic.Bool
		many.Store(true)
		o := &office{enter: func(w http.ResponseWriter, _ int32) bool {
			if many.Load() {
				w.Header().Set("Retry-After", "40")
				w.WriteHeader(http.StatusTooManyRequests)
			}
			return many.Load()
		}}
		u := at(t, o, standard())
		_, err := do(t, u)
		wantKind(t, err, request.NotSent)
		many.Store(false)
		for range 30 {
			time.Sleep(time.Second)
			if _, err := do(t, u); err == nil {
				t.Fatal("a call was made")
			}
		}
		o.want(t, 1, 0, 0)
		time.Sleep(10 * time.Second)
		wantStatus(t, u, 200)
	})
}

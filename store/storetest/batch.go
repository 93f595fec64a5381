package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

func settlingMany(t *testing.T, open Opener) {
	s, _ := open(t)
	const n = 70
	for i := range n {
		owed(t, s, i+1, chicago, rome)
	}
	list := append(claim(t, s, chicago, 0, n), claim(t, s, rome, 0, n)...)
	if len(list) != 2*n {
		t.Fatalf("claimed %d", len(list))
	}
	var batch []store.Settlement
	for i, c := range list {
		x := delivered(c, time.Second)
		if i%3 == 0 {
			x = failed(c, time.Second, time.Minute)
		}
		batch = append(batch, x, x) // the second of each is ignored
	}
	settle(t, s, batch...)
	for i, c := range list {
		want := request.Delivered
		if i%3 == 0 {
			want = request.Waiting
		}
		r, err := s.Read(t.Context(), c.Request)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Holders {
			if d.Site == c.Site {
				wantState(t, d, want)
			}
		}
	}
	if err := s.Settle(t.Context(), nil); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
}

// oneInFlight lets workers fight for deliveries that come due again and again.
func oneInFlight(t *testing.T, open Opener) {
	s, _ := open(t)
	const n, workers, rounds = 20, 8, 15
	for i := range n {
		owed(t, s, i+1, chicago)
	}
	var mu sync.Mutex
	flying := map[request.ID]string{}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				list, err := s.Claim(t.Context(), store.Claim{Site: chicago, Now: start, Limit: 5, Lease: time.Minute})
				if err != nil {
					t.Errorf("claim: %v", err)
					return
				}
				var back []store.Settlement
				mu.Lock()
				for _, c := range list {
					if other, is := flying[c.Request]; is {
						t.Errorf("%s is in flight as %s and as %s", c.Request, other, c.Token)
					}
					flying[c.Request] = c.Token
					back = append(back, failed(c, 0, 0))
				}
				for _, c := range list {
					delete(flying, c.Request)
				}
				mu.Unlock()
				if err := s.Settle(t.Context(), back); err != nil {
					t.Errorf("settle: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func listingDeliveries(t *testing.T, open Opener) {
	s, _ := open(t)
	const n = 12
	for i := range n {
		owed(t, s, i+1, chicago, rome)
	}
	list := claim(t, s, chicago, 0, n)
	for i, c := range list[:9] {
		x := failed(c, 0, time.Hour)
		x.State = []request.State{request.Delivered, request.Parked, request.Waiting}[i%3]
		if x.State == request.Delivered {
			x = delivered(c, 0)
		}
		settle(t, s, x)
	}
	count := func(want int, f store.Filter) {
		t.Helper()
		f.Limit = 4
		got, last := 0, ""
		for {
			page, cursor, err := s.Deliveries(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) > 4 {
				t.Fatalf("a page of %d", len(page))
			}
			for _, d := range page {
				if key := string(d.Request) + " " + string(d.Site); key <= last {
					t.Errorf("%q comes after %q", key, last)
				} else {
					last = key
				}
				got++
			}
			if f.After = cursor; cursor == "" {
				break
			}
		}
		if got != want {
			t.Errorf("filter %+v lists %d, want %d", f, got, want)
		}
	}
	count(2*n-3, store.Filter{})
	count(n, store.Filter{Site: rome})
	count(n-3, store.Filter{Site: chicago})
	count(3, store.Filter{State: request.Delivered})
	count(3, store.Filter{State: request.Parked})
	count(3, store.Filter{State: request.Waiting, Site: chicago})
	count(3, store.Filter{State: request.InFlight})
	count(n, store.Filter{State: request.Pending})
	count(2, store.Filter{Request: list[0].Request})
	count(1, store.Filter{Request: list[0].Request, State: request.Delivered})
	count(1, store.Filter{Request: list[0].Request, Site: rome})
	count(0, store.Filter{Request: id(99)})
	count(0, store.Filter{Site: austin})
	all, cursor, err := s.Deliveries(t.Context(), store.Filter{})
	if err != nil || cursor != "" || len(all) != 2*n-3 {
		t.Errorf("without a limit: %d, %q, %v", len(all), cursor, err)
	}
}

func backlog(t *testing.T, open Opener) {
	s, reopen := open(t)
	b, err := s.Backlog(t.Context())
	if err != nil || len(b) != 0 {
		t.Errorf("an empty store owes %v, %v", b, err)
	}
	for i := range 8 {
		commit(t, s, store.Tx{Entry: entry(i+1, 1), Owe: debts(chicago), Now: at(time.Duration(i) * time.Second)})
	}
	commit(t, s, store.Tx{Entry: entry(9, 1), Owe: debts(rome, austin), Now: start})
	settle(t, s, delivered(claimOne(t, s, austin, 0), 0))
	list := claim(t, s, chicago, time.Minute, 5)
	park, cancel := failed(list[0], 0, 0), failed(list[1], 0, 0)
	park.State, cancel.State = request.Parked, request.Cancelled
	settle(t, s, park, cancel, failed(list[2], 0, time.Hour), delivered(list[3], 0))
	want := []store.Backlog{
		{Site: chicago, Pending: 3, InFlight: 1, Waiting: 1, Parked: 1, Oldest: at(2 * time.Second)},
		{Site: rome, Pending: 1, Oldest: start},
	}
	b, err = s.Backlog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "backlog", want, b)
	s = reopen()
	settle(t, s, store.Settlement{Request: id(9), Site: rome, Acked: version(1), Now: start})
	if b, err = s.Backlog(t.Context()); err != nil || len(b) != 1 || b[0].Pending+b[0].InFlight != 4 || b[0].Waiting != 1 || b[0].Parked != 1 {
		t.Errorf("reopened: %+v, %v", b, err)
	}
}

// longBacklog drains a backlog of 20,000 from which several workers claim at once: every delivery once, each worker's in order
// of due time. What a claim costs as the backlog grows is Benchmark's question.
func longBacklog(t *testing.T, open Opener) {
	if testing.Short() {
		t.Skip("long backlog: skipped by -short")
	}
	const size, workers = 20_000, 4
	s, _ := open(t)
	fill(t, s, 0, size)
	var mu sync.Mutex
	seen := make(map[request.ID]bool, size)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				list, err := s.Claim(t.Context(), store.Claim{Site: chicago, Now: start.Add(time.Hour), Limit: 100, Lease: time.Hour})
				if err != nil {
					t.Errorf("claim: %v", err)
				}
				if len(list) == 0 {
					return
				}
				mu.Lock()
				for i, c := range list {
					if seen[c.Request] {
						t.Errorf("%s was claimed twice", c.Request)
					}
					if seen[c.Request] = true; i > 0 && c.Due.Before(list[i-1].Due) {
						t.Errorf("%s is due before %s, which came first", c.Request, list[i-1].Request)
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != size {
		t.Errorf("%d of %d were claimed", len(seen), size)
	}
}

// fill owes chicago the requests from one number up to another, each due a millisecond after the one before.
func fill(t testing.TB, s store.Store, from, to int) {
	const writers = 256
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := from + w; n < to; n += writers {
				if _, err := s.Commit(t.Context(), store.Tx{Entry: entry(n, 1), Owe: debts(chicago), Now: at(time.Duration(n) * time.Millisecond)}); err != nil {
					t.Errorf("commit: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

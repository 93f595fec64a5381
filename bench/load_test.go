package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// playJobs gives jobs to a load generator and returns what came of them.
func playJobs(t *testing.T, jobs ...job) []outcome {
	t.Helper()
	var in, out bytes.Buffer
	for _, j := range jobs {
		if err := json.NewEncoder(&in).Encode(j); err != nil {
			t.Fatal(err)
		}
	}
	if err := runLoad(&in, &out); err != nil {
		t.Fatal(err)
	}
	var got []outcome
	for dec := json.NewDecoder(&out); dec.More(); {
		var o outcome
		if err := dec.Decode(&o); err != nil {
			t.Fatal(err)
		}
		got = append(got, o)
	}
	return got
}

func TestLoad(t *testing.T) {
	track := newTracker(1)
	srv := httptest.NewServer(newAPI(func(record string, n int64, created bool) { track.landed(0, record, n, created, clockAt(n)) }))
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "http://")
	got := playJobs(t,
		job{Kind: loadCreate, Addr: addr, Pool: "p", Size: 300, Conns: 4, Seconds: 20, Max: 40, Times: true},
		job{Kind: loadUpdate, Addr: addr, Pool: "p", Conns: 4, Seconds: 20, Max: 60},
		job{Kind: loadMixed, Addr: addr, Pool: "q", Size: 300, Conns: 1, Seconds: 20, Max: 100},
		job{Kind: loadFixed, Method: "POST", Path: "/plain", Body: true, Addr: addr, Conns: 2, Seconds: 0.2, Rate: 200},
		job{Kind: loadUpdate, Addr: addr, Pool: "nobody", Conns: 4, Seconds: 1},
		job{Kind: loadFixed, Method: "GET", Path: "/tickets/99999", Addr: addr, Conns: 1, Seconds: 20, Max: 3},
	)
	for i, want := range []int64{40, 60, 100, 40} {
		if o := got[i]; o.Calls != want || o.Failed != 0 || o.Error != "" || o.P99 < o.P50 || o.P50 <= 0 {
			t.Errorf("job %d: %+v, want %d calls", i, o, want)
		}
	}
	if len(got[0].Answers) != 40 || got[1].Answers != nil {
		t.Errorf("%d and %d times, want those asked for alone", len(got[0].Answers), len(got[1].Answers))
	}
	if s := track.standings()[0]; s.Creates != 40+90 || s.Writes != 200 {
		t.Errorf("%+v: want 130 creates, 90 of them mixed with 10 updates, and 60 updates", s)
	}
	if got[3].Seconds < 0.15 {
		t.Errorf("40 calls at 200 a second took %v s", got[3].Seconds)
	}
	if got[4].Error == "" {
		t.Error("updates without records must be an error")
	}
	if o := got[5]; o.Failed != 3 || !strings.Contains(o.Fault, "404") {
		t.Errorf("%+v: an answer of 404 is a failure that is told", o)
	}
}

// TestOpenLoad: while the system stalls, calls that are due meanwhile are charged for the wait.
func TestOpenLoad(t *testing.T) {
	const stall = 300 * time.Millisecond
	var calls atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			<-time.After(stall)
		}
	}))
	defer srv.Close()
	o := playJobs(t, job{Kind: loadFixed, Method: "GET", Path: "/", Addr: strings.TrimPrefix(srv.URL, "http://"), Conns: 1, Seconds: 0.4, Rate: 100})[0]
	if o.Calls != 40 || o.Late < 20 || o.P50 < 50_000 {
		t.Errorf("%+v: want 40 calls, most of them late, with a median far above the time of one call", o)
	}
}

func TestLags(t *testing.T) {
	got := lagsOf(map[int64]int64{1: 1e9, 2: 1e9, 3: 1e9}, map[int64]int64{1: 1e9 + 5e6, 2: 1e9 - 5e6, 4: 7})
	if len(got) != 2 || got[0]+got[1] != 5 {
		t.Errorf("%v, want 5 and 0: one that was there early has no lag, one that never came has none to tell", got)
	}
}

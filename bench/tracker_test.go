package main

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestTracker(t *testing.T) {
	tr := newTracker(3)
	at := time.Unix(1000, 0)
	tr.landed(0, "a", 1, true, at)
	tr.landed(0, "a", 2, false, at)
	tr.landed(0, "b", 3, true, at)
	if got := tr.behind(); got != 4 {
		t.Fatalf("behind %d, want 4: two records at two sites, however often each was written", got)
	}
	tr.landed(1, "a", 1, true, at) // an older state does not end it
	tr.landed(1, "b", 3, true, at)
	tr.landed(2, "a", 2, true, at.Add(time.Second)) // 1 was skipped: coalesced
	if s := tr.standings(); s[1].Behind != 1 || s[2].Behind != 1 || s[0].Behind != 0 {
		t.Fatalf("%+v", s)
	}
	tr.landed(1, "a", 2, false, at.Add(2*time.Second))
	tr.landed(1, "a", 2, false, at.Add(3*time.Second)) // again
	tr.landed(2, "b", 3, true, at.Add(4*time.Second))
	if got := tr.behind(); got != 0 {
		t.Fatalf("behind %d, want 0", got)
	}
	s := tr.standings()
	if s[1].Writes != 4 || s[1].Creates != 2 || !s[1].First.Equal(at) || !s[1].Last.Equal(at.Add(3*time.Second)) {
		t.Errorf("site 1: %+v", s[1])
	}
	if seen := tr.seen(1); seen[2] != at.Add(2*time.Second).UnixNano() {
		t.Error("the first landing of a number counts")
	}
	tr.mark()
	if s := tr.standings(); !s[1].First.IsZero() || s[1].Writes != 4 || len(tr.seen(1)) != 0 {
		t.Errorf("after mark: %+v", s[1])
	}
}

// TestTrackerCounts compares the running count with one made from scratch, over random landings in any order.
func TestTrackerCounts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	tr := newTracker(3)
	for range 5000 {
		tr.landed(rnd.IntN(3), string(rune('a'+rnd.IntN(8))), rnd.Int64N(400)+1, false, time.Unix(1, 0))
		want := 0
		for _, s := range tr.sites[1:] {
			for record, n := range tr.sites[0].newest {
				if s.newest[record] < n {
					want++
				}
			}
		}
		if got := tr.behind(); got != want {
			t.Fatalf("behind %d, want %d", got, want)
		}
	}
}

func clockAt(n int64) time.Time { return time.Unix(2000+n, 0) }

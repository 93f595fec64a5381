package storetest

import (
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

func owing(t *testing.T, open Opener) {
	s, _ := open(t)
	owed(t, s, 1, rome, chicago)
	want := []request.Delivery{
		{Request: id(1), Site: chicago, Owed: version(1), State: request.Pending, Due: start, Since: start, Terms: someTerms},
		{Request: id(1), Site: rome, Owed: version(1), State: request.Pending, Due: start, Since: start, Terms: someTerms},
	}
	wantSame(t, "holders, ordered by site", want, read(t, s, 1).Holders)
	if got := claim(t, s, austin, 0, 10); len(got) != 0 {
		t.Errorf("claimed %v for a site that is owed nothing", got)
	}
	if got := claim(t, s, chicago, -time.Second, 10); len(got) != 0 {
		t.Errorf("claimed %v before it is due", got)
	}
	c := claimOne(t, s, chicago, 0)
	wantSame(t, "entry", entry(1, 1), c.Entry)
	want[0].State = request.InFlight
	wantSame(t, "claimed delivery", want[0], c.Delivery)
	wantSame(t, "holders while one is in flight", want, read(t, s, 1).Holders)
	settle(t, s, delivered(c, time.Second))
	d := holder(t, s, 1, chicago)
	wantState(t, d, request.Delivered)
	if d.Acked != version(1) || d.Local != "L"+string(id(1)) || !d.Last.Equal(at(time.Second)) {
		t.Errorf("after delivery: %+v", d)
	}
	if got := claim(t, s, chicago, time.Hour, 10); len(got) != 0 {
		t.Errorf("claimed %v after delivery", got)
	}
}

// owingAgain puts a delivery in each state and owes a newer version.
func owingAgain(t *testing.T, open Opener) {
	s, _ := open(t)
	for n, state := range []request.State{request.Delivered, request.Waiting, request.Parked, request.Cancelled} {
		t.Run(string(state), func(t *testing.T) {
			n := n + 1
			rev := owed(t, s, n, chicago)
			c := claimOne(t, s, chicago, 0)
			x := failed(c, 0, time.Hour)
			x.State = state
			if state == request.Delivered {
				x = delivered(c, 0)
			}
			settle(t, s, x)
			wantState(t, holder(t, s, n, chicago), state)
			if got := claim(t, s, chicago, time.Minute, 10); len(got) != 0 {
				t.Fatalf("claimed %v while %s", got, state)
			}
			commit(t, s, store.Tx{Entry: entry(n, 2), Rev: rev, Owe: debts(chicago), Now: at(time.Minute)})
			d := holder(t, s, n, chicago)
			wantState(t, d, request.Pending)
			attempts, since := 1, start
			if state == request.Delivered {
				attempts = 0
			}
			if state == request.Delivered || state == request.Cancelled {
				since = at(time.Minute) // it was not behind in between
			}
			if d.Owed != version(2) || d.Attempts != attempts || !d.Due.Equal(at(time.Minute)) || !d.Since.Equal(since) {
				t.Errorf("owed again after %s: %+v", state, d)
			}
			settle(t, s, delivered(claimOne(t, s, chicago, time.Minute), time.Minute))
		})
	}
}

func dropping(t *testing.T, open Opener) {
	s, reopen := open(t)
	rev := owed(t, s, 1, chicago, rome)
	flying := claimOne(t, s, rome, 0)
	commit(t, s, store.Tx{Entry: entry(1, 2), Rev: rev, Owe: debts(austin), Drop: []request.Site{chicago, rome}, Now: start})
	settle(t, s, delivered(flying, 0))
	for range 2 {
		if h := read(t, s, 1).Holders; len(h) != 1 || h[0].Site != austin {
			t.Errorf("holders %v", h)
		}
		for _, site := range []request.Site{chicago, rome} {
			if got := claim(t, s, site, time.Hour, 10); len(got) != 0 {
				t.Errorf("claimed %v for a dropped holder", got)
			}
		}
		s = reopen()
	}
}

func claimOrder(t *testing.T, open Opener) {
	s, _ := open(t)
	for i, n := range []int{5, 3, 9, 1, 7, 2} {
		commit(t, s, store.Tx{Entry: entry(n, 1), Owe: debts(chicago), Now: at(time.Duration(i) * time.Second)})
	}
	first := claim(t, s, chicago, 4*time.Second, 3)
	if got := requests(first); got != "5 3 9" {
		t.Errorf("claimed %q, want the three oldest: 5 3 9", got)
	}
	settle(t, s, failed(first[1], time.Second, 3*time.Second))
	if got := requests(claim(t, s, chicago, 4*time.Second, 10)); got != "1 3 7" && got != "3 1 7" {
		t.Errorf("claimed %q, want 1, 3 and 7", got)
	}
	if got := requests(claim(t, s, chicago, 5*time.Second, 10)); got != "2" {
		t.Errorf("claimed %q, want 2", got)
	}
	if got := claim(t, s, chicago, 5*time.Second, 0); len(got) != 0 {
		t.Errorf("claimed %d with a limit of none", len(got))
	}
}

func leasesRunOut(t *testing.T, open Opener) {
	s, _ := open(t)
	owed(t, s, 1, chicago)
	first := claimOne(t, s, chicago, 0)
	if got := claim(t, s, chicago, 59*time.Second, 10); len(got) != 0 {
		t.Fatalf("claimed %v under a lease", got)
	}
	second := claimOne(t, s, chicago, time.Minute)
	if first.Token == second.Token {
		t.Error("two claims with one token")
	}
	settle(t, s, delivered(first, time.Minute))
	wantState(t, holder(t, s, 1, chicago), request.InFlight)
	// A lease that ran out and that nobody else took is still good.
	settle(t, s, delivered(second, time.Hour))
	wantState(t, holder(t, s, 1, chicago), request.Delivered)
}

func fencedTokens(t *testing.T, open Opener) {
	s, _ := open(t)
	owed(t, s, 1, chicago)
	c := claimOne(t, s, chicago, 0)
	forged := delivered(c, 0)
	forged.Token += "x"
	settle(t, s, forged)
	wantState(t, holder(t, s, 1, chicago), request.InFlight)
	settle(t, s, failed(c, 0, time.Second))
	wantState(t, holder(t, s, 1, chicago), request.Waiting)
	settle(t, s, delivered(c, 0)) // its lease is over
	d := holder(t, s, 1, chicago)
	wantState(t, d, request.Waiting)
	if !d.Acked.IsZero() || d.Attempts != 1 || d.Cause != "refused" || !d.Due.Equal(at(time.Second)) {
		t.Errorf("after a failure: %+v", d)
	}
	missing := delivered(c, 0)
	missing.Request = id(99)
	nowhere := delivered(c, 0)
	nowhere.Site = austin
	settle(t, s, missing, nowhere) // neither is known: ignored
}

func newerOwed(t *testing.T, open Opener) {
	for name, state := range map[string]request.State{"delivered": request.Delivered, "parked": request.Parked, "waiting": request.Waiting} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t)
			rev := owed(t, s, 1, chicago)
			c := claimOne(t, s, chicago, 0)
			rev = commit(t, s, store.Tx{Entry: entry(1, 2), Rev: rev, Owe: debts(chicago), Now: at(time.Second)})
			d := holder(t, s, 1, chicago)
			wantState(t, d, request.InFlight)
			if d.Owed != version(2) {
				t.Errorf("owes %s", d.Owed)
			}
			if got := claim(t, s, chicago, 2*time.Second, 10); len(got) != 0 {
				t.Fatalf("claimed %v, in flight", got)
			}
			x := failed(c, 0, time.Hour)
			x.State, x.Now = state, at(2*time.Second)
			if state == request.Delivered {
				x.Acked = c.Owed
			}
			settle(t, s, x)
			d = holder(t, s, 1, chicago)
			wantState(t, d, request.Pending)
			if !d.Due.Equal(at(2 * time.Second)) {
				t.Errorf("due %s, want at once", d.Due)
			}
			next := claimOne(t, s, chicago, 2*time.Second)
			if next.Entry.Version != version(2) || next.Owed != version(2) {
				t.Errorf("claimed %s, owes %s", next.Entry.Version, next.Owed)
			}
			// What was claimed is superseded, but the site confirmed just what is owed now: it is delivered.
			commit(t, s, store.Tx{Entry: entry(1, 3), Rev: rev, Owe: debts(chicago), Now: at(3 * time.Second)})
			x = delivered(next, 4*time.Second)
			x.Acked = version(3)
			settle(t, s, x)
			wantState(t, holder(t, s, 1, chicago), request.Delivered)
		})
	}
}

func ackedNeverGoesBack(t *testing.T, open Opener) {
	s, _ := open(t)
	rev := commit(t, s, store.Tx{Entry: entry(1, 5), Owe: debts(chicago), Now: start})
	settle(t, s, delivered(claimOne(t, s, chicago, 0), 0))
	commit(t, s, store.Tx{Entry: entry(1, 6), Rev: rev, Owe: debts(chicago), Now: start})
	c := claimOne(t, s, chicago, 0)
	x := failed(c, 0, 0)
	x.Acked = version(2)
	settle(t, s, x)
	if d := holder(t, s, 1, chicago); d.Acked != version(5) {
		t.Errorf("acked %s after an older confirmation", d.Acked)
	}
	settle(t, s, store.Settlement{Request: id(1), Site: chicago, Acked: version(4), Now: start})
	if d := holder(t, s, 1, chicago); d.Acked != version(5) || d.State != request.Waiting {
		t.Errorf("after an older confirmation: %+v", d)
	}
	higher := request.Version{Epoch: request.Epoch{Num: 10, Site: austin}, Seq: 1}
	settle(t, s, store.Settlement{Request: id(1), Site: chicago, Acked: higher, Now: start})
	other := higher
	other.Epoch.Num = 9
	other.Seq = 400
	settle(t, s, store.Settlement{Request: id(1), Site: chicago, Acked: other, Now: start})
	if d := holder(t, s, 1, chicago); d.Acked != higher {
		t.Errorf("acked %s, want %s", d.Acked.Mark(), higher.Mark())
	}
}

func confirmations(t *testing.T, open Opener) {
	s, _ := open(t)
	rev := owed(t, s, 1, chicago)
	word := store.Settlement{Request: id(1), Site: chicago, Acked: version(1), Local: "c7", State: request.Parked, Cause: "not taken over",
		Attempts: 9, Due: at(time.Hour), Now: at(time.Second)}
	settle(t, s, word)
	d := holder(t, s, 1, chicago)
	wantState(t, d, request.Delivered)
	if d.Local != "c7" || d.Acked != version(1) || d.Attempts != 0 || d.Cause != "" || !d.Last.Equal(at(time.Second)) {
		t.Errorf("confirmed: %+v", d)
	}
	rev = commit(t, s, store.Tx{Entry: entry(1, 2), Rev: rev, Owe: debts(chicago), Now: at(2 * time.Second)})
	settle(t, s, word)
	wantState(t, holder(t, s, 1, chicago), request.Pending)
	c := claimOne(t, s, chicago, 3*time.Second)
	word.Acked, word.Now = version(2), at(4*time.Second)
	settle(t, s, word)
	d = holder(t, s, 1, chicago)
	wantState(t, d, request.InFlight)
	if d.Acked != version(2) {
		t.Errorf("acked %s, want what was confirmed in flight", d.Acked)
	}
	settle(t, s, delivered(c, 5*time.Second))
	// Confirmed in flight at a newer version than the one claimed: nothing is left to do.
	rev = commit(t, s, store.Tx{Entry: entry(1, 3), Rev: rev, Owe: debts(chicago), Now: at(5 * time.Second)})
	c = claimOne(t, s, chicago, 5*time.Second)
	rev = commit(t, s, store.Tx{Entry: entry(1, 4), Rev: rev, Owe: debts(chicago), Now: at(5 * time.Second)})
	word.Acked, word.Now = version(4), at(5*time.Second)
	settle(t, s, word)
	settle(t, s, delivered(c, 5*time.Second))
	wantState(t, holder(t, s, 1, chicago), request.Delivered)
	// A parked one is delivered when it is confirmed.
	commit(t, s, store.Tx{Entry: entry(1, 5), Rev: rev, Owe: debts(chicago), Now: at(6 * time.Second)})
	x := failed(claimOne(t, s, chicago, 6*time.Second), 0, 0)
	x.State = request.Parked
	settle(t, s, x)
	word.Acked = version(5)
	settle(t, s, word)
	wantState(t, holder(t, s, 1, chicago), request.Delivered)
	// An unknown holder is not made one.
	word.Site = austin
	settle(t, s, word)
	if n := len(read(t, s, 1).Holders); n != 1 {
		t.Errorf("%d holders", n)
	}
}

func personsWord(t *testing.T, open Opener) {
	s, _ := open(t)
	rev := owed(t, s, 1, chicago)
	c := claimOne(t, s, chicago, 0)
	word := store.Settlement{Request: id(1), Site: chicago, Token: store.Operator, Owed: version(1), Acked: version(9), Local: "no",
		State: request.Cancelled, Cause: "by hand", Attempts: 4, Due: at(time.Hour), Now: at(time.Second)}
	settle(t, s, word)
	d := holder(t, s, 1, chicago)
	wantState(t, d, request.Cancelled)
	if !d.Acked.IsZero() || d.Local != "" || d.Cause != "by hand" || d.Attempts != 4 || !d.Last.IsZero() {
		t.Errorf("cancelled: %+v", d)
	}
	settle(t, s, delivered(c, 2*time.Second)) // its lease is lost
	wantState(t, holder(t, s, 1, chicago), request.Cancelled)
	if got := claim(t, s, chicago, 24*time.Hour, 10); len(got) != 0 {
		t.Errorf("claimed %v, cancelled", got)
	}
	word.State, word.Due = request.Pending, at(2*time.Second)
	settle(t, s, word)
	x := failed(claimOne(t, s, chicago, 2*time.Second), 2*time.Second, 0)
	x.State = request.Parked
	settle(t, s, x)
	commit(t, s, store.Tx{Entry: entry(1, 2), Rev: rev, Owe: debts(chicago), Now: at(3 * time.Second)})
	word.State = request.Cancelled
	settle(t, s, word) // said about version 1
	wantState(t, holder(t, s, 1, chicago), request.Pending)
}

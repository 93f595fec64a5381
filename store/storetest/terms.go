package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// until is a debt of chicago's that is held until a time, zero for one that is not.
func until(due time.Time) []request.Debt {
	return []request.Debt{{Site: chicago, Terms: someTerms, Due: due}}
}

// wantDelivery compares what the rules of owing decide.
func wantDelivery(t *testing.T, d request.Delivery, state request.State, due, since time.Time, cause string) {
	t.Helper()
	if d.State != state || !d.Due.Equal(due) || !d.Since.Equal(since) || d.Cause != cause {
		t.Errorf("%s, due %s, since %s, %q; want %s, due %s, since %s, %q", d.State, d.Due, d.Since, d.Cause, state, due, since, cause)
	}
}

func termsAreKept(t *testing.T, open Opener) {
	s, reopen := open(t)
	all := request.Terms{Mode: "data", Route: "r \x00é", Pool: "p:1\n", Update: "0 6 * * 1", Window: "20:00-06:00", OnDelete: "keep", Writes: "queue",
		Match: "a,\"b\"<&>", Duplicate: "overwrite"}
	rev := commit(t, s, store.Tx{Entry: entry(1, 1), Owe: []request.Debt{{Site: chicago, Terms: all}, {Site: austin}}, Now: start})
	settle(t, s, delivered(claimOne(t, s, chicago, 0), 0), delivered(claimOne(t, s, austin, 0), 0))
	s = reopen()
	wantSame(t, "terms", all, holder(t, s, 1, chicago).Terms)
	wantSame(t, "no terms", request.Terms{}, holder(t, s, 1, austin).Terms)
	all.Pool, all.Update, all.Match = "q", "never", ""
	rev = commit(t, s, store.Tx{Entry: entry(1, 2), Rev: rev, Owe: []request.Debt{{Site: chicago, Terms: all}}, Now: start})
	c := claimOne(t, s, chicago, 0)
	wantSame(t, "replaced terms", all, c.Terms)
	commit(t, s, store.Tx{Entry: entry(1, 3), Rev: rev, Owe: []request.Debt{{Site: chicago}}, Now: start})
	wantSame(t, "taken away in flight", request.Terms{}, holder(t, s, 1, chicago).Terms)
}

// heldDebts owes with a time to come, in each state that a delivery may have.
func heldDebts(t *testing.T, open Opener) {
	s, reopen := open(t)
	soon, later := at(time.Hour), at(2*time.Hour)
	owe := func(n, v int, rev uint64, now time.Duration, due time.Time) uint64 {
		t.Helper()
		return commit(t, s, store.Tx{Entry: entry(n, v), Rev: rev, Owe: until(due), Now: at(now)})
	}
	want := func(n int, state request.State, due, since time.Time, cause string) {
		t.Helper()
		wantDelivery(t, holder(t, s, n, chicago), state, due, since, cause)
	}
	one := owe(1, 1, 0, 0, soon) // a new holder
	want(1, request.Waiting, soon, soon, store.Held)
	s = reopen()
	want(1, request.Waiting, soon, soon, store.Held)
	if got := claim(t, s, chicago, time.Hour-1, 10); len(got) != 0 {
		t.Fatalf("claimed %v before its time", got)
	}
	one = owe(1, 2, one, time.Minute, later) // a later time does not postpone it
	want(1, request.Waiting, soon, soon, store.Held)
	one = owe(1, 3, one, time.Minute, at(30*time.Minute)) // an earlier one does count
	want(1, request.Waiting, at(30*time.Minute), at(30*time.Minute), store.Held)
	one = owe(1, 4, one, time.Minute, time.Time{}) // and at once
	want(1, request.Pending, at(time.Minute), at(time.Minute), "")
	one = owe(1, 5, one, 2*time.Minute, soon)
	want(1, request.Pending, at(time.Minute), at(time.Minute), "")
	c := claimOne(t, s, chicago, time.Minute)
	if c.Owed != version(5) || c.Entry.Version != version(5) {
		t.Errorf("claimed %s, owed %s", c.Entry.Version, c.Owed)
	}
	settle(t, s, delivered(c, time.Minute))
	one = owe(1, 6, one, 2*time.Minute, at(2*time.Minute)) // now is not later than now
	want(1, request.Pending, at(2*time.Minute), at(2*time.Minute), "")
	settle(t, s, delivered(claimOne(t, s, chicago, 2*time.Minute), 2*time.Minute))
	one = owe(1, 7, one, 3*time.Minute, soon) // one that was delivered
	want(1, request.Waiting, soon, soon, store.Held)
	x := failed(claimOne(t, s, chicago, time.Hour), time.Hour, 90*time.Minute)
	settle(t, s, x)
	one = owe(1, 8, one, time.Hour, later) // one that failed is tried again before that
	want(1, request.Waiting, at(90*time.Minute), soon, "refused")
	one = owe(1, 9, one, time.Hour, at(80*time.Minute)) // its age stays
	want(1, request.Waiting, at(80*time.Minute), soon, store.Held)
	for i, state := range []request.State{request.Parked, request.Cancelled} {
		x := failed(claimOne(t, s, chicago, 80*time.Minute), 80*time.Minute, 0)
		x.State = state
		settle(t, s, x)
		one = owe(1, 10+i, one, 80*time.Minute, later)
		want(1, request.Waiting, later, later, store.Held)
		one = owe(1, 10+i, one, 80*time.Minute, time.Time{})
	}
}

// heldInFlight owes a newer version, held, while an older one is in flight.
func heldInFlight(t *testing.T, open Opener) {
	soon, later := at(time.Hour), at(2*time.Hour)
	for name, test := range map[string]struct {
		owe   []time.Time
		state request.State
		due   time.Duration
		want  request.State
		at    time.Time
		since time.Time
		cause string
	}{
		"delivered":              {[]time.Time{soon}, request.Delivered, 0, request.Waiting, soon, soon, store.Held},
		"delivered, owed twice":  {[]time.Time{later, soon}, request.Delivered, 0, request.Waiting, soon, soon, store.Held},
		"not postponed":          {[]time.Time{soon, later}, request.Delivered, 0, request.Waiting, soon, soon, store.Held},
		"owed at once first":     {[]time.Time{{}, later}, request.Delivered, 0, request.Pending, at(time.Minute), at(time.Minute), ""},
		"owed at once too":       {[]time.Time{soon, {}}, request.Delivered, 0, request.Pending, at(time.Minute), at(time.Minute), ""},
		"its time has come":      {[]time.Time{at(30 * time.Second)}, request.Delivered, 0, request.Pending, at(time.Minute), at(time.Minute), ""},
		"failed, tried before":   {[]time.Time{soon}, request.Waiting, 10 * time.Minute, request.Waiting, at(10 * time.Minute), start, "refused"},
		"failed, tried after":    {[]time.Time{soon}, request.Waiting, 3 * time.Hour, request.Waiting, soon, soon, store.Held},
		"failed for a person":    {[]time.Time{soon}, request.Parked, 0, request.Waiting, soon, soon, store.Held},
		"failed, newer at once":  {[]time.Time{soon, {}}, request.Waiting, time.Hour, request.Pending, at(time.Minute), start, "refused"},
		"nothing newer, a retry": {nil, request.Waiting, time.Hour, request.Waiting, soon, start, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t)
			rev := owed(t, s, 1, chicago)
			c := claimOne(t, s, chicago, 0)
			for i, due := range test.owe {
				rev = commit(t, s, store.Tx{Entry: entry(1, 2+i), Rev: rev, Owe: until(due), Now: at(time.Second)})
			}
			wantState(t, holder(t, s, 1, chicago), request.InFlight)
			x := failed(c, time.Minute, test.due)
			if x.State = test.state; x.State == request.Delivered {
				x = delivered(c, time.Minute)
			}
			settle(t, s, x)
			wantDelivery(t, holder(t, s, 1, chicago), test.want, test.at, test.since, test.cause)
			// What was settled is over: the next claim begins anew.
			c = claimOne(t, s, chicago, 4*time.Hour)
			settle(t, s, failed(c, 4*time.Hour, 5*time.Hour))
			if d := holder(t, s, 1, chicago); d.State != request.Waiting || !d.Due.Equal(at(5*time.Hour)) {
				t.Errorf("after the next claim: %+v", d)
			}
		})
	}
}

// heldOverALostLease: an attempt that was never settled is made again, whatever was owed and held meanwhile.
func heldOverALostLease(t *testing.T, open Opener) {
	s, reopen := open(t)
	rev := owed(t, s, 1, chicago)
	claimOne(t, s, chicago, 0)
	commit(t, s, store.Tx{Entry: entry(1, 2), Rev: rev, Owe: until(at(time.Hour)), Now: at(time.Second)})
	s = reopen()
	c := claimOne(t, s, chicago, time.Minute)
	if c.Owed != version(2) {
		t.Errorf("owes %s", c.Owed)
	}
	settle(t, s, delivered(c, time.Minute))
	wantState(t, holder(t, s, 1, chicago), request.Delivered)
}

// holdersThatEnd are those that are no linked copies: when they have done their part, they are no holders.
func holdersThatEnd(t *testing.T, open Opener) {
	for _, mode := range []string{request.Remove, request.Independent} {
		t.Run(mode, func(t *testing.T) {
			s, reopen := open(t)
			end := []request.Debt{{Site: chicago, Terms: request.Terms{Mode: mode}}}
			rev := owed(t, s, 1, chicago, rome)
			flying := claimOne(t, s, chicago, 0)
			// The version stays: what is in flight is the copy, and its end says nothing of the other mode.
			rev = commit(t, s, store.Tx{Entry: entry(1, 1), Rev: rev, Owe: end, Now: at(time.Second)})
			settle(t, s, delivered(flying, time.Second))
			wantState(t, holder(t, s, 1, chicago), request.Pending)
			settle(t, s, store.Settlement{Request: id(1), Site: chicago, Acked: version(1), Now: at(time.Second)})
			wantState(t, holder(t, s, 1, chicago), request.Pending)
			// Owed anew while it is in flight: once more.
			c := claimOne(t, s, chicago, time.Second)
			rev = commit(t, s, store.Tx{Entry: entry(1, 2), Rev: rev, Owe: end, Now: at(time.Second)})
			settle(t, s, delivered(c, 2*time.Second))
			wantState(t, holder(t, s, 1, chicago), request.Pending)
			c = claimOne(t, s, chicago, 2*time.Second)
			settle(t, s, failed(c, 2*time.Second, 3*time.Second))
			wantState(t, holder(t, s, 1, chicago), request.Waiting)
			c = claimOne(t, s, chicago, 3*time.Second)
			settle(t, s, delivered(c, 3*time.Second), delivered(c, 3*time.Second))
			for range 2 {
				r := read(t, s, 1)
				if len(r.Holders) != 1 || r.Holders[0].Site != rome || r.Rev != rev {
					t.Errorf("revision %d, holders %+v", r.Rev, r.Holders)
				}
				if got := claim(t, s, chicago, 24*time.Hour, 10); len(got) != 0 {
					t.Errorf("claimed %v of a holder that is none", got)
				}
				if b, err := s.Backlog(t.Context()); err != nil || len(b) != 1 || b[0].Site != rome {
					t.Errorf("backlog %+v, %v", b, err)
				}
				s = reopen()
			}
			// It may become one again, as if it had never been one.
			commit(t, s, store.Tx{Entry: entry(1, 3), Rev: rev, Owe: debts(chicago), Now: at(time.Minute)})
			want := request.Delivery{Request: id(1), Site: chicago, Owed: version(3), State: request.Pending, Due: at(time.Minute), Since: at(time.Minute),
				Terms: someTerms}
			wantSame(t, "holder again", want, holder(t, s, 1, chicago))
		})
	}
}

// poolsPassedOver leaves pools out of claims. They keep their place, and their number does not stop the others.
func poolsPassedOver(t *testing.T, open Opener) {
	s, reopen := open(t)
	pools := []string{"", "a", "b:\n"}
	revs := map[int]uint64{}
	for n := 1; n <= 60; n++ {
		pool := "b:\n"
		if n > 30 { // those of one pool come first
			pool = pools[n%3]
		}
		revs[n] = commit(t, s, store.Tx{Entry: entry(n, 1), Now: at(time.Duration(n) * time.Second),
			Owe: []request.Debt{{Site: chicago, Terms: request.Terms{Pool: pool}}}})
	}
	take := func(now time.Duration, limit int, not ...string) []store.Claimed {
		t.Helper()
		list, err := s.Claim(t.Context(), store.Claim{Site: chicago, Now: at(now), Limit: limit, Lease: time.Minute, Not: not})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	want := func(list []store.Claimed, ids string) {
		t.Helper()
		if got := requests(list); got != ids {
			t.Errorf("claimed %q, want %q", got, ids)
		}
	}
	want(take(time.Hour, 5, pools...), "")
	want(take(time.Hour, 3, "b:\n", "unknown"), "31 33 34")
	want(take(35*time.Second, 10, "b:\n", "a"), "")
	want(take(36*time.Second, 10, "b:\n", "a"), "36")
	s = reopen()
	now := time.Hour + time.Minute
	want(take(now, 2, "", "a"), "1 2")
	flying := take(now, 2)
	want(flying, "3 4")
	// In flight it is moved to another pool: its lease ends there.
	commit(t, s, store.Tx{Entry: entry(3, 2), Rev: revs[3], Owe: []request.Debt{{Site: chicago, Terms: request.Terms{Pool: "a"}}}, Now: at(now)})
	settle(t, s, delivered(flying[0], now))
	list := take(now, 100, "", "b:\n")
	moved := slices.ContainsFunc(list, func(c store.Claimed) bool { return c.Request == id(3) && c.Owed == version(2) })
	if len(list) != 11 || !moved {
		t.Errorf("claimed %q of the pool a, want 11 with 3 among them", requests(list))
	}
	rest := take(now, 100)
	if len(rest)+len(list)+4 != 60+1 { // 1 to 4 were claimed before, and 3 once more
		t.Errorf("claimed %d and %d", len(rest), len(list))
	}
	want(take(now, 100), "")
	if again := take(now+time.Minute, 100, "", "b:\n"); len(again) != len(list) { // leases run out within their pool
		t.Errorf("claimed %q when the leases had run out, want %q", requests(again), requests(list))
	}
}

func heldIsNoAge(t *testing.T, open Opener) {
	s, _ := open(t)
	rev := commit(t, s, store.Tx{Entry: entry(1, 1), Owe: until(farAway), Now: start})
	want := func(b store.Backlog) {
		t.Helper()
		got, err := s.Backlog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.Site = chicago
		wantSame(t, "backlog", []store.Backlog{b}, got)
	}
	want(store.Backlog{Waiting: 1})
	commit(t, s, store.Tx{Entry: entry(2, 1), Owe: until(at(time.Hour)), Now: at(time.Minute)}) // its time has come, by the clock
	want(store.Backlog{Waiting: 2, Oldest: at(time.Hour)})
	commit(t, s, store.Tx{Entry: entry(1, 2), Rev: rev, Owe: until(time.Time{}), Now: start})
	want(store.Backlog{Waiting: 1, Pending: 1, Oldest: start})
}

// unsettled lists all that Entry.Unsettled means.
func unsettled(t *testing.T, open Opener) {
	s, reopen := open(t)
	revs := map[int]uint64{}
	put := func(n int, change func(*request.Entry)) {
		e := entry(n, 1)
		change(&e)
		revs[n] = commit(t, s, store.Tx{Entry: e, Rev: revs[n]})
	}
	settled := func(*request.Entry) {}
	for n, change := range []func(*request.Entry){
		settled,
		func(e *request.Entry) { e.Plan = &request.Plan{To: chicago, Parked: true} },
		func(e *request.Entry) { e.Role = request.Granting },
		func(e *request.Entry) { e.Role = request.Elect },
		func(e *request.Entry) { e.Queue = []request.Queued{{Op: "o"}} },
		func(e *request.Entry) { e.Conflicts = []request.ConflictRecord{{ID: "c"}} },
		settled,
	} {
		put(n+1, change)
	}
	want := func(ids ...request.ID) {
		t.Helper()
		got, err := s.Intents(t.Context(), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, "unsettled", ids, got)
	}
	want(id(2), id(3), id(4), id(5), id(6))
	put(3, settled)
	put(6, settled)
	s = reopen()
	want(id(2), id(4), id(5))
	put(2, func(e *request.Entry) { e.Intent = &request.Intent{Op: "o"} }) // in another way
	want(id(2), id(4), id(5))
	for n := 2; n <= 5; n++ {
		put(n, settled)
	}
	want()
}

// everyMember keeps what moving ownership needs to know, in copies of the reader's own.
func everyMember(t *testing.T, open Opener) {
	s, reopen := open(t)
	terms := request.Terms{Mode: "data", Update: "daily", Window: "20:00-06:00", Duplicate: "create"}
	epoch := request.Epoch{Num: 3, Site: rome}
	e := entry(1, 1)
	e.Plan = &request.Plan{To: chicago, Mode: "move", Archive: true, Keep: []request.Site{austin}, Terms: terms, By: "ann", Since: start, Cause: "busy"}
	e.Terms, e.Apart, e.Hops = terms, "77", 2
	e.Path, e.Routes = []request.Site{austin, rome}, []string{"r1", "r2"}
	e.Forces = []request.Force{{Epoch: epoch, Base: version(4), By: "ann", Reason: "<fire>", At: start}}
	e.Queue = []request.Queued{{Op: "o", Kind: request.Update, Fields: e.Fields, Pre: request.Fields{}, Base: version(1), At: start, Sent: true}}
	e.Conflicts = []request.ConflictRecord{{ID: "c", Kind: "queue", Site: austin, At: start, Mine: version(2), Theirs: version(3),
		Fields: []request.FieldChoice{{Name: "n", Base: "1.10", Mine: "", Theirs: `"<é>"`}}, Decision: "theirs"}}
	e.Grant = &request.Grant{Epoch: epoch, To: chicago, At: start, Plan: *e.Plan, Cause: "silent"}
	e.Intent = &request.Intent{Kind: request.Apply, Op: "o", Plan: e.Plan, Owe: until(at(time.Hour)),
		Accept: &request.Handover{Stage: request.GrantIt, Epoch: epoch, Snapshot: request.Snapshot{ID: e.ID, Fields: e.Fields, Forces: e.Forces},
			Holders: until(start), Return: true, Path: e.Path, Routes: e.Routes, Hops: 3, Terms: terms}}
	rev := commit(t, s, store.Tx{Entry: e, Now: start})
	for i := range 2 {
		got := read(t, s, 1).Entry
		wantSame(t, fmt.Sprintf("entry, reading %d", i+1), e, got)
		got.Plan.Keep[0], got.Path[0], got.Conflicts[0].Fields[0].Name, got.Intent.Accept.Path[0] = "x", "x", "x", "x"
		got.Queue[0].Op, got.Forces[0].Reason, got.Intent.Plan.Cause, got.Grant.Plan.Keep[0] = "x", "x", "x", "x"
		wantSame(t, "what a reader changed", e, read(t, s, 1).Entry)
		s = reopen()
	}
	wantSame(t, "revision", rev, read(t, s, 1).Rev)
}

package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

func revisions(t *testing.T, open Opener) {
	s, _ := open(t)
	_, err := s.Read(t.Context(), id(1))
	wantErr(t, err, store.ErrNotFound)
	_, err = s.Commit(t.Context(), store.Tx{Entry: entry(1, 1), Rev: 3})
	wantErr(t, err, store.ErrConflict)
	first := commit(t, s, store.Tx{Entry: entry(1, 1)})
	_, err = s.Commit(t.Context(), store.Tx{Entry: entry(1, 2)})
	wantErr(t, err, store.ErrConflict)
	second := commit(t, s, store.Tx{Entry: entry(1, 2), Rev: first})
	if second == first || first == 0 {
		t.Errorf("revisions %d, %d", first, second)
	}
	_, err = s.Commit(t.Context(), store.Tx{Entry: entry(1, 3), Rev: first, Link: []store.Link{{Site: rome, Local: "9"}}, Owe: debts(chicago)})
	wantErr(t, err, store.ErrConflict)
	r := read(t, s, 1)
	wantSame(t, "record", store.Record{Entry: entry(1, 2), Rev: second}, r)
	_, err = s.Lookup(t.Context(), tickets, store.Link{Site: rome, Local: "9"})
	wantErr(t, err, store.ErrNotFound)
}

func oneWriterWins(t *testing.T, open Opener) {
	s, _ := open(t)
	const writers, rounds = 50, 4
	rev := uint64(0)
	for round := range rounds {
		var wg sync.WaitGroup
		var wins atomic.Int64
		var next atomic.Uint64
		for w := range writers {
			wg.Go(func() {
				e := entry(1, round*writers+w+1)
				got, err := s.Commit(t.Context(), store.Tx{Entry: e, Rev: rev, Now: start})
				switch {
				case err == nil:
					wins.Add(1)
					next.Store(got)
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("loser got %v, want a conflict", err)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 {
			t.Fatalf("%d writers won revision %d, want one", wins.Load(), rev)
		}
		rev = next.Load()
		if r := read(t, s, 1); r.Rev != rev {
			t.Fatalf("read revision %d, want %d", r.Rev, rev)
		}
	}
}

func ownCopies(t *testing.T, open Opener) {
	s, _ := open(t)
	e := entry(1, 1)
	e.Locals = map[request.Site]string{chicago: "c1"}
	e.Ops = []request.Op{{ID: "op1"}}
	e.Intent = &request.Intent{Kind: request.Update, Op: "op2"}
	commit(t, s, store.Tx{Entry: e, Owe: debts(chicago), Now: start})
	want := read(t, s, 1)
	spoil := func(e *request.Entry) {
		e.Locals[chicago], e.Locals[austin] = "x", "y"
		e.Ops[0].ID, e.Intent.Op = "x", "x"
	}
	spoil(&e)
	got := read(t, s, 1)
	spoil(&got.Entry)
	got.Holders[0].Cause = "x"
	claimed := claimOne(t, s, chicago, 0)
	spoil(&claimed.Entry)
	settle(t, s, store.Settlement{Request: claimed.Request, Site: chicago, Token: claimed.Token, Owed: claimed.Owed, State: request.Pending,
		Due: start, Now: start})
	wantSame(t, "record", want, read(t, s, 1))
}

func fieldsStayExact(t *testing.T, open Opener) {
	s, reopen := open(t)
	odd := request.Fields{}
	for i, v := range []string{"12345678901234567890", "1.10", "1E2", "-0", "{ \"b\" : 1,\n\t\"a\":[1 , 2]}", `"<&>\u003c é\u00e9"`, "null",
		"true", "[]", `""`, "{}", `"\u0000"`} {
		odd = append(odd, request.Field{Name: fmt.Sprintf("z%d \"<é", 99-i), Value: json.RawMessage(v)})
	}
	e := entry(1, 1)
	e.Fields = odd
	e.Intent = &request.Intent{Kind: request.Apply, Op: "o", Fields: odd, Pre: odd, Snapshot: &request.Snapshot{ID: e.ID, Fields: odd},
		Accept: &request.Handover{Snapshot: request.Snapshot{ID: e.ID, Fields: odd}}}
	e.Queue = []request.Queued{{Op: "a"}, {Op: "b", Fields: odd}, {Op: "c", Pre: odd}}
	commit(t, s, store.Tx{Entry: e, Owe: debts(chicago), Now: start})
	check := func(what string, got request.Entry) {
		t.Helper()
		for name, f := range map[string]request.Fields{"fields": got.Fields, "intent": got.Intent.Fields, "pre": got.Intent.Pre,
			"snapshot": got.Intent.Snapshot.Fields, "accept": got.Intent.Accept.Snapshot.Fields,
			"queue": got.Queue[1].Fields, "pre in the queue": got.Queue[2].Pre} {
			if string(f.AppendJSON(nil)) != string(odd.AppendJSON(nil)) {
				t.Errorf("%s, %s: %s", what, name, f.AppendJSON(nil))
			}
		}
	}
	check("read", read(t, s, 1).Entry)
	check("claim", claimOne(t, s, chicago, 0).Entry)
	s = reopen()
	check("reopened", read(t, s, 1).Entry)
}

// found is the request that a name leads to, "" for none.
func found(t testing.TB, s store.Store, collection string, site request.Site, local string) request.ID {
	t.Helper()
	r, err := s.Lookup(t.Context(), collection, store.Link{Site: site, Local: local})
	if errors.Is(err, store.ErrNotFound) {
		return ""
	}
	if err != nil {
		t.Fatalf("lookup: %v", err)
	}
	return r.Entry.ID
}

func links(t *testing.T, open Opener) {
	s, reopen := open(t)
	name := func(local string) []store.Link { return []store.Link{{Site: rome, Local: local}} }
	want := func(local string, n int) {
		t.Helper()
		w := request.ID("")
		if n > 0 {
			w = id(n)
		}
		if got := found(t, s, tickets, rome, local); got != w {
			t.Errorf("%q leads to %q, want %q", local, got, w)
		}
	}
	want("7", 0)
	one := commit(t, s, store.Tx{Entry: entry(1, 1), Link: name("7")})
	two := commit(t, s, store.Tx{Entry: entry(2, 1), Link: []store.Link{{Site: rome, Local: "8"}, {Site: chicago, Local: "7"}}})
	want("7", 1)
	want("8", 2)
	if got := found(t, s, tickets, chicago, "7"); got != id(2) {
		t.Errorf("chicago's 7 leads to %q", got)
	}
	if got := found(t, s, "orders", rome, "7"); got != "" {
		t.Errorf("another collection's 7 leads to %q", got)
	}
	two = commit(t, s, store.Tx{Entry: entry(2, 2), Rev: two, Link: name("7")}) // moves it
	want("7", 2)
	one = commit(t, s, store.Tx{Entry: entry(1, 2), Rev: one, Unlink: name("7")}) // leads elsewhere: nothing
	want("7", 2)
	two = commit(t, s, store.Tx{Entry: entry(2, 3), Rev: two, Unlink: name("7")})
	want("7", 0)
	want("8", 2)
	commit(t, s, store.Tx{Entry: entry(1, 3), Rev: one, Unlink: name("7"), Link: name("7")}) // both: it is linked
	want("7", 1)
	commit(t, s, store.Tx{Entry: entry(2, 4), Rev: two, Unlink: name("8"), Link: name("")})
	want("8", 0)
	want("", 2)
	s = reopen()
	want("7", 1)
	want("8", 0)
	want("", 2)
}

func forget(t *testing.T, open Opener) {
	s, reopen := open(t)
	link := []store.Link{{Site: rome, Local: "7"}}
	e := entry(1, 1)
	e.Intent = &request.Intent{Kind: request.Create, Op: "o"}
	rev := commit(t, s, store.Tx{Entry: e, Link: link, Owe: debts(chicago, austin), Now: start})
	_, err := s.Commit(t.Context(), store.Tx{Entry: e, Rev: rev + 5, Forget: true, Unlink: link})
	wantErr(t, err, store.ErrConflict)
	flying := claimOne(t, s, austin, 0)
	commit(t, s, store.Tx{Entry: e, Rev: rev, Forget: true, Unlink: link})
	for range 2 {
		_, err = s.Read(t.Context(), id(1))
		wantErr(t, err, store.ErrNotFound)
		if got := found(t, s, tickets, rome, "7"); got != "" {
			t.Errorf("the name leads to %q", got)
		}
		if list := claim(t, s, chicago, 0, 10); len(list) != 0 {
			t.Errorf("claimed %v of a forgotten request", list)
		}
		if ids, err := s.Intents(t.Context(), "", 10); err != nil || len(ids) != 0 {
			t.Errorf("intents %v, %v", ids, err)
		}
		settle(t, s, delivered(flying, 0))
		if b, err := s.Backlog(t.Context()); err != nil || len(b) != 0 {
			t.Errorf("backlog %v, %v", b, err)
		}
		s = reopen()
	}
	again := commit(t, s, store.Tx{Entry: e, Owe: debts(chicago), Now: start})
	wantSame(t, "revision", again, read(t, s, 1).Rev)
	if got := claim(t, s, chicago, 0, 10); len(got) != 1 {
		t.Errorf("claimed %d of a request made again", len(got))
	}
}

func intents(t *testing.T, open Opener) {
	s, reopen := open(t)
	want := func(after request.ID, limit int, ids ...request.ID) {
		t.Helper()
		got, err := s.Intents(t.Context(), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(got)+len(ids) > 0 {
			wantSame(t, fmt.Sprintf("intents after %q", after), ids, got)
		}
	}
	revs := map[int]uint64{}
	open1 := func(n int, e request.Entry) { revs[n] = commit(t, s, store.Tx{Entry: e, Rev: revs[n]}) }
	with := func(n int) request.Entry {
		e := entry(n, 1)
		e.Intent = &request.Intent{Kind: request.Update, Op: "op", Lease: at(0)}
		return e
	}
	suspect := entry(4, 1)
	suspect.Suspect = []request.Suspect{{Token: 1, Until: at(0)}}
	open1(3, with(3))
	open1(1, with(1))
	open1(2, entry(2, 1))
	open1(4, suspect)
	open1(5, with(5))
	want("", 10, id(1), id(3), id(4), id(5))
	want("", 2, id(1), id(3))
	want(id(3), 10, id(4), id(5))
	want(id(2), 1, id(3))
	want(id(5), 10)
	open1(3, entry(3, 2))
	open1(4, entry(4, 2))
	open1(2, with(2))
	want("", 10, id(1), id(2), id(5))
	s = reopen()
	want("", 10, id(1), id(2), id(5))
	open1(5, entry(5, 2))
	open1(1, with(1))
	open1(6, with(6))
	s = reopen()
	want("", 10, id(1), id(2), id(6))
}

func entriesInPages(t *testing.T, open Opener) {
	s, _ := open(t)
	const n = 25
	for i := n; i > 0; i-- {
		owed(t, s, i, chicago)
	}
	var got []request.ID
	after := request.ID("")
	for {
		list, err := s.Entries(t.Context(), after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		if len(list) > 7 {
			t.Fatalf("a page of %d", len(list))
		}
		for _, r := range list {
			got = append(got, r.Entry.ID)
			if r.Rev == 0 || len(r.Holders) != 1 || r.Holders[0].Site != chicago {
				t.Errorf("%s has revision %d and holders %v", r.Entry.ID, r.Rev, r.Holders)
			}
		}
		after = list[len(list)-1].Entry.ID
	}
	var want []request.ID
	for i := range n {
		want = append(want, id(i+1))
	}
	wantSame(t, "entries", want, got)
}

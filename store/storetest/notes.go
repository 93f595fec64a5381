package storetest

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

func keys(t *testing.T, open Opener) {
	s, reopen := open(t)
	reserve := func(k request.Key) (request.Key, bool) {
		t.Helper()
		got, fresh, err := s.Reserve(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		return got, fresh
	}
	// Expiry is the one thing for which a store looks at the clock.
	later := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	k := request.Key{Hash: "h1", Digest: "d1", Op: "op1", Request: id(1), Expires: later}
	if _, fresh := reserve(k); !fresh {
		t.Error("the first reservation is not fresh")
	}
	other := k
	other.Digest, other.Op = "d2", "op2"
	got, fresh := reserve(other)
	if fresh {
		t.Error("the second reservation is fresh")
	}
	wantSame(t, "stored key", k, got)
	k.Answer = &request.Answer{Status: 201, Header: http.Header{"Location": {"/tickets/1"}}, Body: []byte("{ \"a\": 1.10}\n\x00\xff")}
	k.Version = version(3)
	if err := s.Keep(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	s = reopen()
	got, fresh = reserve(other)
	if fresh {
		t.Error("fresh after reopening")
	}
	wantSame(t, "kept key", k, got)
	if err := s.Release(t.Context(), "h1"); err != nil {
		t.Fatal(err)
	}
	if _, fresh = reserve(other); !fresh {
		t.Error("a released key is not fresh")
	}
	old := request.Key{Hash: "h2", Op: "old", Expires: time.Now().Add(-time.Minute)}
	reserve(old)
	if _, fresh = reserve(request.Key{Hash: "h2", Op: "new", Expires: later}); !fresh {
		t.Error("an expired key is not fresh")
	}
	if err := s.Release(t.Context(), "never"); err != nil {
		t.Errorf("releasing an unknown key: %v", err)
	}
}

func oneReservationWins(t *testing.T, open Opener) {
	s, _ := open(t)
	for _, hash := range []string{"a", "b", "c"} {
		var wg sync.WaitGroup
		var fresh atomic.Int64
		ops := make([]string, 10)
		for i := range ops {
			wg.Go(func() {
				k := request.Key{Hash: hash, Op: hash + string(rune('0'+i)), Expires: time.Now().Add(time.Hour)}
				got, is, err := s.Reserve(t.Context(), k)
				if err != nil {
					t.Errorf("reserve: %v", err)
				}
				if is {
					fresh.Add(1)
				}
				ops[i] = got.Op
			})
		}
		wg.Wait()
		if fresh.Load() != 1 {
			t.Errorf("%d reservations are fresh, want one", fresh.Load())
		}
		for _, op := range ops {
			if op != ops[0] {
				t.Errorf("reservations see %v", ops)
				break
			}
		}
	}
}

func operations(t *testing.T, open Opener) {
	s, reopen := open(t)
	_, err := s.Operation(t.Context(), "op1")
	wantErr(t, err, store.ErrNotFound)
	op := request.Operation{ID: "op1", Request: id(1), Kind: request.Update, Outcome: request.Open, At: at(0)}
	for _, outcome := range []request.Outcome{request.Open, request.Done} {
		op.Outcome, op.Version, op.Owner, op.Status, op.Reason = outcome, version(2), rome, 200, "because <&>"
		if err := s.PutOperation(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen()
	got, err := s.Operation(t.Context(), "op1")
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "operation", op, got)
}

func reopening(t *testing.T, open Opener) {
	s, reopen := open(t)
	const n = 40
	var want []store.Record
	for i := range n {
		e := entry(i+1, 1)
		e.Fields = append(e.Fields, request.Field{Name: "n", Value: json.RawMessage("1.10")})
		commit(t, s, store.Tx{Entry: e, Owe: debts(chicago, austin), Now: at(time.Duration(i))})
	}
	for i, c := range claim(t, s, chicago, time.Second, n) {
		x := failed(c, 0, time.Hour)
		x.State = []request.State{request.Delivered, request.Parked, request.Waiting, request.Cancelled, request.Pending}[i%5]
		settle(t, s, x)
	}
	for i := range n {
		want = append(want, read(t, s, i+1))
	}
	flying := claim(t, s, austin, time.Second, 3)
	s = reopen()
	for i := range n {
		got := read(t, s, i+1)
		for j := range got.Holders { // leases may be remembered or not
			if got.Holders[j].State == request.InFlight {
				got.Holders[j].State = request.Pending
			}
		}
		wantSame(t, "record", want[i], got)
	}
	again := claim(t, s, austin, 2*time.Minute, 2*n)
	if len(again) != n {
		t.Errorf("claimed %d after reopening, want %d", len(again), n)
	}
	for _, a := range again {
		for _, f := range flying {
			if a.Token == f.Token {
				t.Error("a token came twice")
			}
		}
	}
	if len(claim(t, s, chicago, time.Hour, n)) != 16 {
		t.Error("not all waiting and pending deliveries came due after reopening")
	}
}

func closed(t *testing.T, open Opener) {
	s, _ := open(t)
	owed(t, s, 1, chicago)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}
	_, err := s.Read(t.Context(), id(1))
	wantErr(t, err, store.ErrClosed)
	_, err = s.Commit(t.Context(), store.Tx{Entry: entry(2, 1)})
	wantErr(t, err, store.ErrClosed)
	_, err = s.Claim(t.Context(), store.Claim{Site: chicago, Now: start, Limit: 1, Lease: time.Minute})
	wantErr(t, err, store.ErrClosed)
	wantErr(t, s.Settle(t.Context(), []store.Settlement{{Request: id(1), Site: chicago}}), store.ErrClosed)
	_, _, err = s.Reserve(t.Context(), request.Key{Hash: "h"})
	wantErr(t, err, store.ErrClosed)
	wantErr(t, s.Ping(t.Context()), store.ErrClosed)
}

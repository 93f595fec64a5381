package redis

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/journal"
	"github.com/meridian-gateway/meridian/store/redis/redistest"
)

// withJournal is a gateway's store with a journal in the folder.
func withJournal(t testing.TB, url, dir string, o Options) *Store {
	t.Helper()
	j, err := journal.Open(t.Context(), dir, mine)
	if err != nil {
		t.Fatal(err)
	}
	o.Journal = j
	return mustOpenWith(t, url, mine, o)
}

// command runs a command past the store.
func command(t testing.TB, url string, args ...any) {
	t.Helper()
	c := directly(t, url)
	defer func() { _ = c.Close() }() // a test's own connection
	if err := c.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(args, err)
	}
}

func directly(t testing.TB, url string) goredis.UniversalClient {
	t.Helper()
	conf, err := parseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(conf, Options{Timeout: 5 * time.Second, Lanes: 1})
}

// reopened waits until the store is open again and returns its life.
func reopened(t testing.TB, s *Store) store.Life {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		l, err := s.Life(ctx)
		if err == nil {
			return l
		}
		if request.KindOf(err) != request.Rejoining {
			t.Fatal(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("not open again: ", err)
		}
	}
}

// contents are all records of a store and what its names lead to.
func contents(t testing.TB, s *Store, names int) (recs []store.Record, leads []request.ID) {
	t.Helper()
	recs, err := s.Entries(t.Context(), "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range recs {
		for k := range recs[i].Holders {
			d := &recs[i].Holders[k]
			d.Due, d.Since, d.Last, d.Attempts, d.Cause = time.Time{}, time.Time{}, time.Time{}, 0, ""
		}
	}
	for i := range names {
		r, err := s.Lookup(t.Context(), "tickets", name(fmt.Sprint(i)))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		leads = append(leads, r.Entry.ID)
	}
	return recs, leads
}

// fillSome makes n requests in all states: owed and confirmed ones, dropped holders, moved and dropped names, notes.
func fillSome(t testing.TB, s *Store, n int) {
	t.Helper()
	for i := range n {
		tx := txFor(i, 1, 0, fmt.Sprint(i))
		if i%2 == 1 {
			tx.Owe = append(tx.Owe, request.Debt{Site: "oslo", Terms: request.Terms{Route: "r", Update: "daily"}})
		}
		rev, err := s.Commit(t.Context(), tx)
		if err != nil {
			t.Fatal(err)
		}
		switch again := txFor(i, 2, rev, fmt.Sprint(i)); {
		case i%5 == 1:
			again.Drop = []request.Site{"oslo"}
			_, err = s.Commit(t.Context(), again)
		case i%7 == 2:
			again.Link, again.Unlink = nil, []store.Link{name(fmt.Sprint(i))}
			_, err = s.Commit(t.Context(), again)
		case i%11 == 3:
			again.Forget, again.Link = true, nil
			_, err = s.Commit(t.Context(), again)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Claim(t.Context(), store.Claim{Site: "chicago", Now: time.Unix(2000, 0), Limit: n / 2, Lease: time.Minute})
	if err != nil || len(list) == 0 {
		t.Fatal(len(list), err)
	}
	var batch []store.Settlement
	for _, d := range list {
		batch = append(batch, store.Settlement{Request: d.Request, Site: d.Site, Token: d.Token, Owed: d.Owed, Acked: d.Owed, Local: "there", State: request.Delivered, Now: time.Unix(2001, 0)})
	}
	if err := s.Settle(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	expires := time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
	for _, k := range []request.Key{{Hash: "kept", Digest: "a", Expires: expires}, {Hash: "answered", Digest: "b", Expires: expires}, {Hash: "released", Expires: expires}} {
		if _, fresh, err := s.Reserve(t.Context(), k); err != nil || !fresh {
			t.Fatal(fresh, err)
		}
	}
	if err := errors.Join(s.Keep(t.Context(), request.Key{Hash: "answered", Digest: "c", Expires: expires}), s.Release(t.Context(), "released"),
		s.PutOperation(t.Context(), request.Operation{ID: "op"})); err != nil {
		t.Fatal(err)
	}
}

func wantNotes(t testing.TB, s *Store) {
	t.Helper()
	expires := time.Now().Add(time.Minute)
	for hash, want := range map[string]string{"kept": "a", "answered": "c", "released": ""} {
		k, fresh, err := s.Reserve(t.Context(), request.Key{Hash: hash, Digest: "other", Expires: expires})
		if err != nil || fresh != (want == "") || !fresh && k.Digest != want {
			t.Errorf("key %s is %q, fresh %v, %v; want %q", hash, k.Digest, fresh, err, want)
		}
	}
	if _, err := s.Operation(t.Context(), "op"); err != nil {
		t.Error("the operation:", err)
	}
}

// An emptied server is noticed by the next call, whatever it is, and by a gateway that makes none; all that it held is put back.
func TestEmptiedServerIsPutBack(t *testing.T) {
	for _, apart := range []bool{false, true} {
		t.Run(fmt.Sprint("apart ", apart), func(t *testing.T) {
			url := redistest.Start(t)
			s := withJournal(t, url, filepath.Join(t.TempDir(), "j"), Options{apart: apart})
			const n = 60
			fillSome(t, s, n)
			was, names := contents(t, s, n)
			before, err := s.Life(t.Context())
			if err != nil || before.State != store.Fresh {
				t.Fatal(before, err)
			}
			command(t, url, "flushall")
			if _, err := s.Lookup(t.Context(), "tickets", name("1")); request.KindOf(err) != request.Rejoining {
				t.Errorf("a look-up in an emptied store: %v", err)
			}
			if after := reopened(t, s); after.ID == before.ID || after.State != store.Lived {
				t.Errorf("life %v after %v", after, before)
			}
			is, leads := contents(t, s, n)
			if d := cmp.Diff(was, is, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); d != "" {
				t.Error("records differ: ", d)
			}
			if d := cmp.Diff(names, leads); d != "" {
				t.Error("names differ: ", d)
			}
			wantNotes(t, s)
			owed := 0
			for _, r := range was {
				for _, d := range r.Holders {
					if d.Site == "chicago" && d.Acked != d.Owed {
						owed++
					}
				}
			}
			list, err := s.Claim(t.Context(), store.Claim{Site: "chicago", Now: time.Now(), Limit: 1000, Lease: time.Minute})
			if err != nil || len(list) != owed {
				t.Errorf("%d due at chicago, want %d, %v", len(list), owed, err)
			}
			command(t, url, "flushall") // and a quiet gateway notices by itself
			waitLost(t, s)
			reopened(t, s)
			if again, _ := contents(t, s, 0); len(again) != len(was) {
				t.Errorf("%d records, want %d", len(again), len(was))
			}
		})
	}
}

func waitLost(t testing.TB, s *Store) {
	t.Helper()
	for tick, end := time.NewTicker(5*time.Millisecond), time.After(10*time.Second); s.life.closed() == nil; {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("not noticed")
		}
	}
}

// A gateway that is started against an empty server remembers that it was not empty.
func TestEmptiedWhileNobodyWasThere(t *testing.T) {
	url, dir := redistest.Start(t), filepath.Join(t.TempDir(), "j")
	s := withJournal(t, url, dir, Options{})
	fillSome(t, s, 20)
	was, _ := contents(t, s, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	command(t, url, "flushall")
	s = withJournal(t, url, dir, Options{})
	if l := reopened(t, s); l.State != store.Lived {
		t.Errorf("life %v", l)
	}
	if is, _ := contents(t, s, 0); len(is) != len(was) {
		t.Errorf("%d records, want %d", len(is), len(was))
	}
}

// A failover to a replica that has not the last writes is noticed by its marks, before anything is read or written there.
func TestSetBackServerIsPutRight(t *testing.T) {
	server := redistest.StartServer(t, "--appendonly", "yes", "--appendfsync", "always")
	s := withJournal(t, server.URL, filepath.Join(t.TempDir(), "j"), Options{})
	for i := range 10 {
		if _, err := s.Commit(t.Context(), txFor(i, 1, 0, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	// The keys as they are now, put back later: what a replica that lags would have.
	c := directly(t, server.URL)
	defer func() { _ = c.Close() }() // a test's own connection
	old := make(map[string]string)
	keys, err := c.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if old[key], err = c.Dump(t.Context(), key).Result(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		if _, err := s.Commit(t.Context(), txFor(i, 2, 1, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Commit(t.Context(), txFor(10, 1, 0, "10")); err != nil {
		t.Fatal(err)
	}
	pipe := c.TxPipeline()
	pipe.FlushAll(t.Context())
	for key, value := range old {
		pipe.Restore(t.Context(), key, 0, value)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), txFor(3, 2, 1, "3")); request.KindOf(err) != request.Rejoining {
		t.Errorf("a commit on an older state: %v", err)
	}
	if l := reopened(t, s); l.State != store.Lived {
		t.Errorf("life %v", l)
	}
	is, _ := contents(t, s, 0)
	if len(is) != 11 {
		t.Fatalf("%d records", len(is))
	}
	for i, r := range is[:10] {
		if r.Rev != 2 || r.Entry.Version.Seq != 2 {
			t.Errorf("record %d is at revision %d, version %v", i, r.Rev, r.Entry.Version)
		}
	}
}

// What two gateways wrote is put back by both; when one of them is gone, the store says that something may be missing.
func TestGatewaysPutBackTogether(t *testing.T) {
	url := redistest.Start(t)
	a, b := withJournal(t, url, filepath.Join(t.TempDir(), "j"), Options{}), withJournal(t, url, filepath.Join(t.TempDir(), "j"), Options{})
	const n = 40
	for i := range n {
		s, other := a, b
		if i%2 == 1 {
			s, other = b, a
		}
		rev, err := s.Commit(t.Context(), txFor(i, 1, 0, fmt.Sprint(i)))
		if err == nil && i%3 == 0 {
			_, err = other.Commit(t.Context(), txFor(i, 2, rev, fmt.Sprint(i)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*Store{a, b} {
		if err := s.noteJournals(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	was, _ := contents(t, a, 0)
	command(t, url, "flushall")
	waitLost(t, a)
	la, lb := reopened(t, a), reopened(t, b)
	if la != lb || la.State != store.Lived {
		t.Errorf("lives %v and %v", la, lb)
	}
	is, _ := contents(t, b, 0)
	if d := cmp.Diff(was, is, cmp.Comparer(func(x, y time.Time) bool { return x.Equal(y) })); d != "" {
		t.Error("records differ: ", d)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	command(t, url, "flushall")
	waitLost(t, a)
	if l := reopened(t, a); l.State != store.Rebuilt {
		t.Errorf("without the journal of the other gateway: %v", l)
	}
	if err := a.Resume(t.Context(), reopened(t, a).ID); err != nil {
		t.Fatal(err)
	}
	if l := reopened(t, a); l.State != store.Lived {
		t.Errorf("resumed: %v", l)
	}
}

// Without a journal nothing can be put back, and the store says so.
func TestEmptiedWithoutAJournal(t *testing.T) {
	url := redistest.Start(t)
	s := mustOpen(t, url, mine)
	fillSome(t, s, 20)
	command(t, url, "flushall")
	waitLost(t, s)
	if l := reopened(t, s); l.State != store.Rebuilt {
		t.Errorf("life %v", l)
	}
	if _, err := s.Read(t.Context(), "r0001"); request.KindOf(err) != request.Rejoining {
		t.Errorf("a store of which everything is missing answers %v", err)
	}
	if is, err := s.Entries(store.Rebuilding(t.Context()), "", 10); err != nil || len(is) != 0 {
		t.Errorf("%d records, %v", len(is), err)
	}
}

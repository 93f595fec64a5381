package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/rows"
	"github.com/meridian-gateway/meridian/store/redis/redistest"
)

func txFor(n int, v uint64, rev uint64, local string) store.Tx {
	e := request.Entry{ID: request.ID(fmt.Sprintf("r%04d", n)), Collection: "tickets", Owner: "rome",
		Version: request.Version{Epoch: request.Epoch{Num: 1, Site: "rome"}, Seq: v}, Fields: request.Fields{{Name: "n", Value: json.RawMessage("1.10")}}}
	return store.Tx{Entry: e, Rev: rev, Owe: []request.Debt{{Site: "chicago"}}, Now: time.Unix(1000, 0), Link: []store.Link{{Site: "rome", Local: local}}}
}

func name(local string) store.Link { return store.Link{Site: "rome", Local: local} }

func TestServerKilledAndRestarted(t *testing.T) {
	server := redistest.StartServer(t, "--appendonly", "yes", "--appendfsync", "always")
	s := mustOpen(t, server.URL, mine)
	if w := s.Warnings(); len(w) != 0 {
		t.Errorf("warnings about a safe server: %v", w)
	}
	const n = 200
	for i := range n {
		if _, err := s.Commit(t.Context(), txFor(i, 1, 0, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	claim := store.Claim{Site: "chicago", Now: time.Unix(1000, 0), Limit: 50, Lease: time.Minute}
	flying, err := s.Claim(t.Context(), claim)
	if err != nil || len(flying) != 50 {
		t.Fatal(len(flying), err)
	}
	server.Kill()
	_, err = s.Commit(t.Context(), txFor(n, 1, 0, "late"))
	if request.KindOf(err) != request.StoreDown {
		t.Errorf("commit while it is down: %v", err)
	}
	if _, err := s.Read(t.Context(), "r0001"); request.KindOf(err) != request.StoreDown {
		t.Errorf("read while it is down: %v", err)
	}
	if err := s.Ping(t.Context()); request.KindOf(err) != request.StoreDown {
		t.Errorf("ping while it is down: %v", err)
	}
	server.Resume() // the same store object comes back by itself, and tells the server its scripts again
	for i := range n {
		r, err := s.Lookup(t.Context(), "tickets", name(fmt.Sprint(i)))
		if err != nil || r.Rev != 1 || len(r.Holders) != 1 {
			t.Fatalf("%d: %v, %+v", i, err, r)
		}
	}
	if _, err := s.Commit(t.Context(), txFor(n, 1, 0, "late")); err != nil {
		t.Errorf("commit afterwards: %v", err)
	}
	if again, err := s.Claim(t.Context(), claim); err != nil || len(again) != 50 || again[0].Request == flying[0].Request {
		t.Errorf("claimed %d afterwards, %v", len(again), err)
	}
	if _, err := s.Read(t.Context(), request.ID("r0200")); err != nil {
		t.Error(err)
	}
}

func TestStopsWaitingForASilentServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := Open(ctx, "redis://127.0.0.1:1/0", mine, Options{Timeout: time.Second})
	if request.KindOf(err) != request.StoreDown {
		t.Errorf("error %v", err)
	}
}

func TestForeignStoreIsRefused(t *testing.T) {
	url := redistest.Start(t)
	mustOpen(t, url, mine)
	other := mine
	other.Upstream = "http://other.example"
	if _, err := Open(t.Context(), url, other, Options{}); !errors.Is(err, store.ErrForeign) {
		t.Errorf("two sites of one name: %v", err)
	}
	moved := other
	for moved.Moved = true; ; moved.Moved = false { // said once, the new address is known
		s, err := Open(t.Context(), url, moved, Options{})
		if err != nil {
			t.Fatalf("moved: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if !moved.Moved {
			break
		}
	}
	back := mine
	back.Moved = true
	mustOpen(t, url, back)
	other.Site = "oslo"
	s := mustOpen(t, url, other)
	if _, err := s.Commit(t.Context(), txFor(1, 1, 0, "1")); err != nil {
		t.Fatal(err)
	}
	if _, err := mustOpen(t, url, mine).Read(t.Context(), "r0001"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("one site reads what is another's: %v", err)
	}
}

func TestWhatIsUnsafeIsSaid(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "appendonly no"},
		{[]string{"--appendonly", "yes", "--appendfsync", "everysec"}, "everysec"},
		{[]string{"--appendonly", "yes", "--appendfsync", "no"}, "up to 30 seconds"},
		{[]string{"--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"}, "no-appendfsync-on-rewrite"},
	} {
		s := mustOpen(t, redistest.Start(t, c.args...), mine)
		if w := s.Warnings(); len(w) != 1 || !strings.Contains(w[0], c.want) {
			t.Errorf("%v: warnings %q, want one about %q", c.args, w, c.want)
		}
	}
}

func TestServersThatLoseDataAreRefused(t *testing.T) {
	evicting := redistest.Start(t, "--maxmemory-policy", "allkeys-lru")
	if _, err := Open(t.Context(), evicting, mine, Options{}); err == nil || !strings.Contains(err.Error(), "allkeys-lru") {
		t.Errorf("an evicting server: %v", err)
	}
	s, err := Open(t.Context(), evicting, mine, Options{AllowUnsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	if w := strings.Join(s.Warnings(), ";"); !strings.Contains(w, "allkeys-lru") {
		t.Errorf("warnings %q", w)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	master := redistest.Start(t)
	port := master[strings.LastIndex(master, ":")+1 : strings.LastIndex(master, "/")]
	replica := redistest.Start(t, "--replicaof", "127.0.0.1 "+port)
	for _, allow := range []bool{false, true} {
		if _, err := Open(t.Context(), replica, mine, Options{AllowUnsafe: allow}); err == nil || !strings.Contains(err.Error(), "replica") {
			t.Errorf("a replica, unsafe %v: %v", allow, err)
		}
	}
}

// TestNamesSurviveCrashes stops a commit that moves or drops a name after each of its steps, and looks where the name leads.
func TestNamesSurviveCrashes(t *testing.T) {
	s := mustOpenWith(t, redistest.Start(t), mine, Options{apart: true})
	n := 0
	leads := func(local string) request.ID {
		t.Helper()
		r, err := s.Lookup(t.Context(), "tickets", name(local))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		return r.Entry.ID
	}
	commit := func(tx store.Tx) uint64 {
		t.Helper()
		rev, err := s.Commit(t.Context(), tx)
		if err != nil {
			t.Fatal(err)
		}
		return rev
	}
	change := func(tx store.Tx, nonce string) {
		t.Helper()
		value, err := rows.AppendEntry(nil, &tx.Entry)
		if err != nil {
			t.Fatal(err)
		}
		p := s.run(order{script: s.scripts.commit, tag: s.keys.tag(partition(string(tx.Entry.ID))), txid: nonce}, s.commitArgs(&tx, nonce, rows.Seal(value, string(tx.Entry.ID)))...)
		if err := s.do(t.Context(), "test", p); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(p.cmd.String(), ": conflict") {
			t.Fatal("conflict")
		}
	}
	world := func() (local string, a, b store.Tx) {
		n += 2
		local = fmt.Sprint(n)
		a, b = txFor(n, 1, 0, local), txFor(n+1, 1, 0, local+"b")
		a.Rev, b.Rev = commit(a), commit(b)
		b.Link = a.Link
		return local, a, b
	}
	t.Run("candidate only", func(t *testing.T) {
		local, a, b := world()
		if _, err := s.prepareLinks(t.Context(), &b, s.unique()); err != nil {
			t.Fatal(err)
		}
		if got := leads(local); got != a.Entry.ID {
			t.Errorf("leads to %q before the move, want %q", got, a.Entry.ID)
		}
		// The crashed writer's nonce is not that of another attempt.
		if b.Rev = commit(b); leads(local) != b.Entry.ID {
			t.Error("a second attempt did not move it")
		}
	})
	t.Run("no cleaning", func(t *testing.T) {
		local, _, b := world()
		nonce := s.unique()
		if _, err := s.prepareLinks(t.Context(), &b, nonce); err != nil {
			t.Fatal(err)
		}
		b.Rev++
		tx := b
		tx.Rev--
		tx.Entry.Version.Seq++
		change(tx, nonce)
		b.Link, b.Unlink = nil, []store.Link{name(local)}
		if _, err := s.prepareLinks(t.Context(), &b, s.unique()); err != nil {
			t.Fatal(err)
		}
		if got := leads(local); got != b.Entry.ID {
			t.Errorf("leads to %q before it is dropped, want %q", got, b.Entry.ID)
		}
		change(b, s.unique()) // and no cleaning again
		if got := leads(local); got != "" {
			t.Errorf("dropped by its last owner, the name leads to %q: an overtaken one came back", got)
		}
	})
	t.Run("forget without cleaning", func(t *testing.T) {
		local, a, _ := world()
		a.Forget, a.Link = true, nil
		if _, err := s.prepareLinks(t.Context(), &a, s.unique()); err != nil {
			t.Fatal(err)
		}
		change(a, s.unique())
		if got := leads(local); got != "" {
			t.Errorf("leads to %q", got)
		}
	})
	t.Run("conflict", func(t *testing.T) {
		local, a, b := world()
		b.Rev += 7
		if _, err := s.Commit(t.Context(), b); !errors.Is(err, store.ErrConflict) {
			t.Fatal(err)
		}
		if got := leads(local); got != a.Entry.ID {
			t.Errorf("leads to %q after a refused move", got)
		}
	})
}

// TestCommitRepeatedAfterALostAnswer runs the script twice with one transaction id.
func TestCommitRepeatedAfterALostAnswer(t *testing.T) {
	s := mustOpen(t, redistest.Start(t), mine)
	tx := txFor(1, 1, 0, "1")
	for range 2 {
		p := s.run(order{script: s.scripts.commit, tag: s.keys.tag(partition("r0001")), txid: "tx1"}, s.commitArgs(&tx, "tx1", []byte("x"))...)
		if err := s.do(t.Context(), "test", p); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(p.cmd.String()); !strings.HasSuffix(got, ": 1") {
			t.Errorf("answer %s, want revision 1", got[strings.LastIndex(got, ":"):])
		}
	}
}

func TestAddresses(t *testing.T) {
	for url, want := range map[string]string{
		"redis://u:p@h:7000/3":                   "[h:7000] 3 u p  false false",
		"rediss://h/":                            "[h:6379] 0    false true",
		"redis+sentinel://main@h1,h2:5/2":        "[h1:26379 h2:5] 2   main false false",
		"redis+sentinel://main@h1?password=p":    "[h1:26379] 0  p main false false",
		"redis+cluster://u:p@h1,h2:5":            "[h1:6379 h2:5] 0 u p  true false",
		"redis+cluster://h1?tls=true&username=u": "[h1:6379] 0 u   true true",
		"redis+cluster://h1/1":                   "error",
		"redis+sentinel://h1,h2/0":               "error",
		"http://h1":                              "error",
		"redis+cluster://h1,,h2":                 "error",
		"redis+sentinel://main@h1/x":             "error",
		"redis://h:port/0":                       "error",
	} {
		got := "error"
		if o, err := parseURL(url); err == nil {
			got = fmt.Sprintf("%v %d %s %s %s %v %v", o.Addrs, o.DB, o.Username, o.Password, o.MasterName, o.IsClusterMode, o.TLSConfig != nil)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

func TestCluster(t *testing.T) {
	url := redistest.Start(t, "--cluster-enabled", "yes")
	direct, err := parseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(direct, Options{Timeout: 5 * time.Second, Lanes: 1})
	defer func() { _ = c.Close() }() // a test's own connection
	if err := c.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		if info, err := c.ClusterInfo(t.Context()).Result(); err == nil && strings.Contains(info, "cluster_state:ok") {
			tick.Stop()
			break
		}
	}
	s := mustOpen(t, "redis+cluster://"+direct.Addrs[0], mine)
	for i := range 50 {
		if _, err := s.Commit(t.Context(), txFor(i, 1, 0, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Claim(t.Context(), store.Claim{Site: "chicago", Now: time.Unix(1000, 0), Limit: 100, Lease: time.Minute})
	if err != nil || len(list) != 50 {
		t.Fatal(len(list), err)
	}
	var batch []store.Settlement
	for _, d := range list {
		batch = append(batch, store.Settlement{Request: d.Request, Site: d.Site, Token: d.Token, Owed: d.Owed, Acked: d.Owed, State: request.Delivered})
	}
	if err := s.Settle(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Backlog(t.Context()); err != nil || len(b) != 0 {
		t.Error(b, err)
	}
}

package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// envChild tells the test binary to be the process that is killed, and where its store is.
const envChild = "MERIDIAN_TEST_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(envChild); path != "" {
		writeForEver(path)
	}
	os.Exit(m.Run())
}

// writeForEver prints each id once its commit is acknowledged.
func writeForEver(path string) {
	s, err := openStore(context.Background(), path, mine, Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	out := bufio.NewWriter(os.Stdout)
	for w := range 8 {
		go func() {
			for n := 0; ; n++ {
				id := request.ID(fmt.Sprintf("%d-%d-%d", os.Getpid(), w, n))
				if _, err := s.Commit(context.Background(), txFor(id)); err != nil {
					continue
				}
				mu.Lock()
				fmt.Fprintln(out, id)
				_ = out.Flush() // the parent may be gone
				mu.Unlock()
			}
		}()
	}
	select {}
}

func txFor(id request.ID) store.Tx {
	e := request.Entry{ID: id, Collection: "tickets", Version: request.First("rome"), Local: "L" + string(id)}
	return store.Tx{Entry: e, Owe: []request.Debt{{Site: "chicago"}}, Now: time.Unix(1, 0), Link: []store.Link{{Site: "rome", Local: e.Local}}}
}

func TestAcknowledgedSurvivesKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	var acked []request.ID
	for range 4 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), envChild+"="+path)
		pipe, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(pipe)
		for n := 0; n < 300 && lines.Scan(); n++ {
			acked = append(acked, request.ID(lines.Text()))
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it said before it died counts too
			acked = append(acked, request.ID(lines.Text()))
		}
		_ = child.Wait() // reports the kill
	}
	if len(acked) < 1200 || strings.HasPrefix(string(acked[0]), "error") {
		t.Fatalf("only %d acknowledged, first %v", len(acked), acked[:min(3, len(acked))])
	}
	s := mustOpen(t, path)
	for _, id := range acked {
		r, err := s.Lookup(t.Context(), "tickets", store.Link{Site: "rome", Local: "L" + string(id)})
		if err != nil || r.Entry.ID != id || len(r.Holders) != 1 {
			t.Fatalf("%s was acknowledged: %v, %+v", id, err, r)
		}
	}
	b, err := s.Backlog(t.Context())
	if err != nil || len(b) != 1 || b[0].Pending < len(acked) {
		t.Errorf("backlog %v, %v; %d acknowledged", b, err, len(acked))
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	path := t.TempDir()
	s := mustOpen(t, path)
	_, err := Open(t.Context(), path, mine, Options{})
	if err == nil || !strings.Contains(err.Error(), "in use by another process") || request.KindOf(err) != request.StoreDown {
		t.Errorf("error %v", err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), envChild+"="+path)
	if out, err := child.Output(); err == nil || !strings.Contains(string(out), "in use by another process") {
		t.Errorf("another process: %v, %s", err, out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path)
}

func TestForeignStoreIsRefused(t *testing.T) {
	path := t.TempDir()
	if err := mustOpen(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	for _, other := range []store.Identity{{Network: "net2", Site: mine.Site, Upstream: mine.Upstream}, {Network: "net", Site: "oslo", Upstream: mine.Upstream},
		{Network: "net", Site: "rome", Upstream: "http://other.example"}} {
		if _, err := Open(t.Context(), path, other, Options{}); !errors.Is(err, store.ErrForeign) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	moved := mine
	moved.Upstream, moved.Moved = "http://new.example", true
	for range 2 { // said once, the new address is known
		s, err := Open(t.Context(), path, moved, Options{})
		if err != nil {
			t.Fatalf("moved: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		moved.Moved = false
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), file, mine, Options{}); request.KindOf(err) != request.StoreDown {
		t.Errorf("a file as a folder: %v", err)
	}
}

// TestFullDisk lets the database reach its largest size, which is reported just as a full disk is.
func TestFullDisk(t *testing.T) {
	path := t.TempDir()
	s := mustOpen(t, path)
	if err := s.disk.exec("pragma max_page_count=40"); err != nil {
		t.Fatal(err)
	}
	known := map[request.ID]bool{}
	var full error
	for n := 0; n < 2000 && full == nil; n++ {
		id := request.ID(fmt.Sprintf("r%04d", n))
		tx := txFor(id)
		tx.Entry.EnteredBy = strings.Repeat("x", 500)
		tx.Entry.Intent = &request.Intent{Op: "o"}
		if _, full = s.Commit(t.Context(), tx); full == nil {
			known[id] = true
		}
	}
	if request.KindOf(full) != request.StoreDown {
		t.Fatalf("after %d commits: %v, want %s", len(known), full, request.StoreDown)
	}
	lost := request.ID(fmt.Sprintf("r%04d", len(known)))
	if _, err := s.Read(t.Context(), lost); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what failed can be read: %v", err)
	}
	if _, err := s.Lookup(t.Context(), "tickets", store.Link{Site: "rome", Local: "L" + string(lost)}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what failed can be found: %v", err)
	}
	wantOpen := func() {
		t.Helper()
		if ids, err := s.Intents(t.Context(), "", 5000); err != nil || len(ids) != len(known) {
			t.Errorf("%d intents, %v; want %d", len(ids), err, len(known))
		}
	}
	wantOpen()
	if err := s.disk.exec("pragma max_page_count=100000"); err != nil {
		t.Fatal(err)
	}
	tx := txFor(lost)
	tx.Entry.Intent = &request.Intent{Op: "o"}
	if _, err := s.Commit(t.Context(), tx); err != nil {
		t.Errorf("with room again: %v", err)
	}
	known[lost] = true
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, path)
	for id := range known {
		if _, err := s.Read(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	wantOpen()
}

func TestFlippedBitIsAnError(t *testing.T) {
	for table, at := range map[string]string{"entry": "store.Read", "holder": "store.Open"} {
		path := t.TempDir()
		s := mustOpen(t, path)
		if _, err := s.Commit(t.Context(), txFor("r1")); err != nil {
			t.Fatal(err)
		}
		if err := s.disk.exec("update "+table+" set value = zeroblob(length(value)) where id = ?1", "r1"); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := openStore(t.Context(), path, mine, Options{})
		if err == nil {
			defer func() { _ = got.Close() }() // the error below is what counts
			_, err = got.Read(t.Context(), "r1")
		}
		if request.KindOf(err) != request.StoreDown || !strings.Contains(err.Error(), at) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s damaged: %v", table, err)
		}
	}
}

// TestEveryCommitIsFlushed guards the settings that durability rests on.
func TestEveryCommitIsFlushed(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	var sync int
	var mode string
	if err := s.disk.conn.QueryRowContext(t.Context(), "pragma synchronous").Scan(&sync); err != nil || sync < 2 {
		t.Errorf("synchronous %d, %v; want FULL", sync, err)
	}
	if err := s.disk.conn.QueryRowContext(t.Context(), "pragma journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal mode %q, %v", mode, err)
	}
}

// TestCancelledBeforeTheWriterBegins changes nothing.
func TestCancelledBeforeTheWriterBegins(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	entered, leave := make(chan struct{}), make(chan struct{})
	blocked := make(chan error, 1)
	go func() {
		blocked <- s.do(context.Background(), "test", func(*group) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	// One may slip into the group of the blocked job only after it has left; this one has ended by then.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(ctx, txFor("r1")); request.KindOf(err) != request.StoreDown || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	close(leave)
	if err := <-blocked; err != nil {
		t.Error(err)
	}
	if err := s.do(t.Context(), "test", func(*group) error { return nil }); err != nil {
		t.Error(err)
	}
	if _, err := s.Read(t.Context(), "r1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
}

// TestSettledInTheGroupOfANewerDebt lets one group take a commit that owes a newer version, held, and the end of the attempt that was in
// flight: the settlement must know of the debt, though nothing of it is published.
func TestSettledInTheGroupOfANewerDebt(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	tx := txFor("r1")
	rev, err := s.Commit(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Claim(t.Context(), store.Claim{Site: "chicago", Now: tx.Now, Limit: 1, Lease: time.Minute})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	var callers sync.WaitGroup
	entered, leave := make(chan struct{}), make(chan struct{})
	queued := func(what func() error) { // returns when what has handed its job to the writer
		before := len(s.jobs)
		callers.Go(func() {
			if err := what(); err != nil {
				t.Error(err)
			}
		})
		for len(s.jobs) == before {
			runtime.Gosched()
		}
	}
	callers.Go(func() {
		_ = s.do(context.Background(), "test", func(*group) error { close(entered); <-leave; return nil }) // changes nothing
	})
	<-entered
	soon := tx.Now.Add(time.Hour)
	queued(func() error {
		tx.Entry.Version, tx.Rev, tx.Owe = tx.Entry.Version.Next(), rev, []request.Debt{{Site: "chicago", Due: soon}}
		_, err := s.Commit(context.Background(), tx)
		return err
	})
	queued(func() error {
		return s.Settle(context.Background(), []store.Settlement{{Request: "r1", Site: "chicago", Token: list[0].Token, Owed: list[0].Owed,
			Acked: list[0].Owed, State: request.Delivered, Now: tx.Now}})
	})
	close(leave)
	callers.Wait()
	r, err := s.Read(t.Context(), "r1")
	if err != nil || len(r.Holders) != 1 || r.Holders[0].State != request.Waiting || !r.Holders[0].Due.Equal(soon) {
		t.Errorf("holders %+v, %v; want one held until %s", r.Holders, err, soon)
	}
}

// A store that was used and closed leaves one file, which is whole: it can be copied, moved and, on Windows, removed. The write-ahead log
// goes with the last connection.
func TestCloseLeavesOneFile(t *testing.T) {
	path := t.TempDir()
	s := mustOpen(t, path)
	for n := range 20 {
		id := request.ID(fmt.Sprint(n))
		if _, err := s.Commit(t.Context(), txFor(id)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Entries(t.Context(), "", 5); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(filepath.Join(path, "ledger.db"+end)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("ledger.db%s is still there: %v", end, err)
		}
	}
	if held, err := os.ReadDir("/proc/self/fd"); err == nil { // only Linux tells
		for _, fd := range held {
			if to, _ := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); strings.HasPrefix(to, path) {
				t.Errorf("%s is still open", to)
			}
		}
	}
}

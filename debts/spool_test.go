package debts_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/debts"
	"github.com/meridian-gateway/meridian/request"
)

func open(t *testing.T, dir string) *debts.Spool {
	t.Helper()
	s, err := debts.Open(dir, debts.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func begin(t *testing.T, s *debts.Spool, d debts.Debt) {
	t.Helper()
	d.At = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := s.Begin(d); err != nil {
		t.Fatal(err)
	}
}

// names are the operations of the debts in order.
func names(list []debts.Debt) (out []string) {
	for _, d := range list {
		out = append(out, d.Op)
	}
	return out
}

func wantOps(t *testing.T, s *debts.Spool, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, names(s.List())); diff != "" {
		t.Errorf("debts (-want +got):\n%s", diff)
	}
}

func update(op, local string) debts.Debt {
	return debts.Debt{Op: op, Kind: request.Update, Collection: "tickets", Local: local,
		Fields: request.Fields{{Name: "subject", Value: []byte(`"a\nb"`)}}}
}

func create(op, key string) debts.Debt {
	return debts.Debt{Op: op, Kind: request.Create, Collection: "tickets", Request: request.NewID(time.Now()), Key: key, Digest: "d"}
}

// What was told survives the process, and what was struck out does not come back.
func TestSurvives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	begin(t, s, update("a", "1"))
	begin(t, s, create("b", "key"))
	begin(t, s, update("c", "2"))
	s.Strike("c")
	answer := &request.Answer{Status: 201, Header: http.Header{"X": {"y"}}, Body: []byte(`{"id":7}`)}
	if err := errors.Join(s.End("b", debts.End{Status: 201, Made: "7", Answer: answer}), s.End("a", debts.End{Status: 200}), s.Propose("a")); err != nil {
		t.Fatal(err)
	}
	for _, look := range []string{"before", "after a restart"} {
		wantOps(t, s, "a", "b")
		b, ok := s.ByKey("key")
		if !ok || b.End == nil || b.Record() != "7" || cmp.Diff(answer, b.End.Answer) != "" {
			t.Errorf("%s: the keyed debt is %+v", look, b)
		}
		if a, _ := s.ByOp("a"); !a.Proposed || a.End == nil || string(a.Fields[0].Value) != `"a\nb"` {
			t.Errorf("%s: a is %+v", look, a)
		}
		if s.Holds("tickets", "1") || !s.Holds("tickets", "7") || s.Holds("tickets", "2") || s.Holds("other", "7") {
			t.Errorf("%s: the wrong records are held back", look)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
	}
	s.Strike("a")
	s.Strike("b")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "debts-1")); err != nil || info.Size() != 0 {
		t.Errorf("without debts the file is %v, %v", info, err)
	}
	if debts.Left(dir) {
		t.Error("there are said to be debts")
	}
}

// A last line that was cut off, wherever, was never relied upon: it is dropped without a word, and the next line is whole.
func TestTornTail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "debts-1")
	s := open(t, dir)
	begin(t, s, update("a", "1"))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin(t, s, update("b", "2"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	both, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(whole); cut < len(both); cut += 7 {
		if err := os.WriteFile(path, both[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir)
		wantOps(t, s, "a")
		begin(t, s, update("c", "3"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
		wantOps(t, s, "a", "c")
		if trouble := s.Trouble(); trouble != "" {
			t.Errorf("cut at %d: %s", cut, trouble)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A flipped bit anywhere never makes another debt of one, costs no other debt, and is told of; a damaged first line is made good by the
// second one.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	made := t.TempDir()
	s := open(t, made)
	begin(t, s, update("a", "1"))
	begin(t, s, update("b", "2"))
	if err := s.End("a", debts.End{Status: 200}); err != nil {
		t.Fatal(err)
	}
	begin(t, s, update("c", "3"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(made, "debts-1"))
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(text, '\n')
	for at := 0; at < len(text)-1; at += 3 {
		dir := t.TempDir()
		bad := bytes.Clone(text)
		if bad[at] == '\n' { // two lines become one: both are lost, and both are told of
			continue
		}
		if bad[at] ^= 1 << (at % 8); bad[at] == '\n' {
			bad[at] ^= 0x80
		}
		if err := os.WriteFile(filepath.Join(dir, "debts-1"), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir)
		got := strings.Join(names(s.List()), " ")
		for _, op := range strings.Fields(got) {
			d, _ := s.ByOp(op)
			if want := map[string]string{"a": "1", "b": "2", "c": "3"}[op]; d.Local != want {
				t.Fatalf("byte %d: debt %+v", at, d)
			}
		}
		if n := len(strings.Fields(got)); n < 2 || at < first && n != 3 {
			t.Errorf("byte %d: only %q is left", at, got)
		}
		if s.Trouble() == "" || !debts.Left(dir) {
			t.Errorf("byte %d: nobody is told", at)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Two processes have a spool each; the debts of one that is gone are taken over.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := open(t, dir), open(t, dir)
	begin(t, one, update("a", "1"))
	begin(t, two, create("b", "key"))
	if err := two.End("b", debts.End{Status: 201, Made: "9"}); err != nil {
		t.Fatal(err)
	}
	if n := one.Adopt(); n != 0 {
		t.Errorf("%d debts were taken from a process that lives", n)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	if n := one.Adopt(); n != 1 {
		t.Errorf("%d debts were taken over, want 1", n)
	}
	wantOps(t, one, "a", "b")
	if d, ok := one.ByKey("key"); !ok || d.Record() != "9" || !one.Holds("tickets", "9") {
		t.Errorf("it is %+v", d)
	}
	if n := one.Adopt(); n != 0 {
		t.Errorf("%d debts were taken over twice", n)
	}
	wantOps(t, open(t, dir))
}

// Many at once share flushes, and the file does not grow for ever.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	begin(t, s, update("stays", "0"))
	var all sync.WaitGroup
	for c := range 8 {
		all.Go(func() {
			for i := range 100 {
				d := update(fmt.Sprintf("%d-%d", c, i), fmt.Sprint(c))
				d.Fields[0].Value = []byte(`"` + strings.Repeat("x", 2000) + `"`)
				if err := errors.Join(s.Begin(d), s.End(d.Op, debts.End{Status: 200})); err != nil {
					t.Error(err)
				}
				s.Strike(d.Op)
			}
		})
	}
	all.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "debts-1")); err != nil || info.Size() > 1<<20 {
		t.Errorf("1.6 MiB of settled debts leave %v, %v", info.Size(), err)
	}
	s = open(t, dir)
	wantOps(t, s, "stays")
}

// Keys that were seen are known after a restart, for as long as they are good.
func TestKnownKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	options := debts.Options{Now: func() time.Time { return now }}
	s, err := debts.Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	s.Saw("a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = debts.Open(dir, options); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if !s.Known("a") || s.Known("b") {
		t.Error("the key is not known, or another one is")
	}
	now = now.Add(25 * time.Hour)
	s.Saw("b")
	if !s.Known("a") || !s.Known("b") {
		t.Error("a key of the last day is forgotten")
	}
	now = now.Add(25 * time.Hour)
	s.Saw("c")
	if s.Known("a") || !s.Known("b") {
		t.Error("keys are remembered for ever, or not for a day")
	}
}

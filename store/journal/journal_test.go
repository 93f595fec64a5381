package journal

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

var mine = store.Identity{Network: "net", Site: "rome", Upstream: "http://rome.example"}

func opened(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := Open(t.Context(), path, mine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() }) // a second Close does nothing
	return j
}

func all(t *testing.T, j *Journal) (out []Record) {
	t.Helper()
	if err := j.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Each(t.Context(), func(list []Record) error { out = append(out, list...); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func version(n uint64) request.Version {
	return request.Version{Epoch: request.Epoch{Num: 1, Site: "rome"}, Seq: n}
}

func change(id string, from uint64) Commit {
	return Commit{ID: request.ID(id), From: from, Rev: from + 1, Entry: []byte(id), Version: version(from + 1), Owe: []request.Debt{{Site: "oslo"}}, Now: time.Unix(1000, 0)}
}

// The newest state of each request is there again after the process has gone, with who has confirmed what.
func TestNewestStateIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j := opened(t, path)
	a := change("a", 0)
	a.Link = []Name{{Name: "n1", Nonce: "x", At: 1}, {Name: "n2", Nonce: "x", At: 1}}
	j.Committed(a)
	j.Settled([]store.Settlement{{Request: "a", Site: "oslo", Token: "t", Owed: version(1), Acked: version(1), Local: "7", State: request.Delivered, Now: time.Unix(1001, 0)}})
	again := change("a", 1)
	again.Unlink = []string{"n1"}
	j.Committed(again)
	j.Committed(change("b", 0))
	j.Committed(Commit{ID: "b", From: 1})
	j.Committed(change("c", 0))
	j.Settled([]store.Settlement{{Request: "c", Site: "oslo", Token: "t", Owed: version(1), Acked: version(1), State: request.Delivered, Now: time.Unix(1001, 0)}})
	j.Noted(Note{Name: "k", Value: []byte("v"), Expires: time.Now().Add(time.Hour)})
	j.Noted(Note{Name: "gone", Value: []byte("v"), Expires: time.Now().Add(time.Hour)})
	j.Noted(Note{Name: "gone"})
	j.Mark("life", "l1")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = opened(t, path)
	recs := all(t, j)
	if len(recs) != 2 || recs[0].ID != "a" || recs[0].Rev != 2 || len(recs[0].Names) != 1 || recs[0].Names[0].Name != "n2" || recs[1].ID != "c" {
		t.Fatalf("%+v", recs)
	}
	h := recs[0].Holders[0]
	if h.State != request.Pending || h.Owed != version(2) || h.Acked != version(1) || h.Local != "7" {
		t.Errorf("holder %+v", h)
	}
	if h := recs[1].Holders[0]; h.State != request.Delivered {
		t.Errorf("holder %+v", h)
	}
	var notes []Note
	if err := j.Notes(t.Context(), time.Now(), func(list []Note) error { notes = append(notes, list...); return nil }); err != nil || len(notes) != 1 || notes[0].Name != "k" {
		t.Errorf("%v, %v", notes, err)
	}
	if text, err := j.Marked(t.Context(), "life"); err != nil || text != "l1" {
		t.Errorf("marked %q, %v", text, err)
	}
	if err := j.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if recs := all(t, j); len(recs) != 0 {
		t.Errorf("%d records after a reset", len(recs))
	}
}

// source is the store as others have changed it.
type source map[request.ID]Record

func (s source) Records(_ context.Context, ids []request.ID) (out []Record, err error) {
	for _, id := range ids {
		if r, ok := s[id]; ok {
			out = append(out, r)
		}
	}
	return out, nil
}

// A change that follows on one that was not made here is read from the store; where that is away it is put together from what is known.
func TestChangesOfOthers(t *testing.T) {
	t.Parallel()
	j := opened(t, filepath.Join(t.TempDir(), "j"))
	theirs := Record{ID: "a", Rev: 5, Entry: []byte("theirs"), Holders: []request.Delivery{{Request: "a", Site: "paris", Owed: version(5), State: request.Pending}}}
	j.Follow(source{"a": theirs})
	j.Committed(change("a", 0))
	all(t, j)
	j.Committed(change("a", 3))
	j.Committed(change("b", 6))
	recs := all(t, j)
	if len(recs) != 2 || recs[0].Rev != 5 || string(recs[0].Entry) != "theirs" || recs[0].Holders[0].Site != "paris" || recs[1].Rev != 7 || recs[1].Holders[0].Site != "oslo" {
		t.Errorf("%+v", recs)
	}
	j.Committed(change("a", 2)) // told late
	if recs := all(t, j); recs[0].Rev != 5 {
		t.Errorf("it went back to %d", recs[0].Rev)
	}
}

// Each process of a site has a journal of its own, and finds those that nobody has any more.
func TestJournalsBesideEachOther(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	a, b := opened(t, path), opened(t, path)
	if a.ID() == b.ID() {
		t.Fatal("two processes have one journal")
	}
	if others := a.Others(t.Context()); len(others) != 0 {
		t.Errorf("%d journals are nobody's", len(others))
	}
	b.Committed(change("b", 0))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	others := a.Others(t.Context())
	if len(others) != 1 || others[0].ID() != b.ID() || len(all(t, others[0])) != 1 {
		t.Fatalf("%v", others)
	}
	if err := others[0].Close(); err != nil {
		t.Fatal(err)
	}
	if again := opened(t, path); again.ID() != b.ID() {
		t.Error("the second journal is not taken up again")
	}
	foreign := mine
	foreign.Site = "oslo"
	other, err := Open(t.Context(), path+"-3", foreign)
	if err == nil {
		err = other.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path+"-3", mine); !errors.Is(err, store.ErrForeign) {
		t.Error(cmp.Diff(mine, foreign))
	}
}

package spool

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

func bytesOf(n int) ([]byte, string) {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	h := sha256.Sum256(b)
	return b, hex.EncodeToString(h[:])
}

func open(t *testing.T, o Options) *Spool {
	t.Helper()
	s, err := Open(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func content(t *testing.T, s *Spool, sum string) []byte {
	t.Helper()
	f, err := s.Get(sum)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWriterNamesTheFileByItsSum(t *testing.T) {
	s := open(t, Options{})
	want, sum := bytesOf(100_000)
	w, err := s.New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	if got, size, err := w.Done(); err != nil || got != sum || size != 100_000 {
		t.Fatal(got, size, err)
	}
	w.Drop() // does nothing any more
	if !bytes.Equal(content(t, s, sum), want) {
		t.Fatal("other bytes")
	}
}

func TestPartsInAnyOrderTwiceAndByMany(t *testing.T) {
	s := open(t, Options{})
	want, sum := bytesOf(64_000)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				have, whole := s.Have(sum)
				if whole {
					return
				}
				at := max(0, have-rand.Int64N(2000)) // some are here already
				if _, err := s.Append(sum, 64_000, at, want[at:min(at+5000, 64_000)]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if !bytes.Equal(content(t, s, sum), want) {
		t.Fatal("other bytes")
	}
	if have, err := s.Append(sum, 64_000, 70, want[70:80]); have != 64_000 || err != nil {
		t.Fatal(have, err)
	}
}

func TestAGapIsNotTaken(t *testing.T) {
	s := open(t, Options{})
	want, sum := bytesOf(10)
	if have, err := s.Append(sum, 10, 5, want[5:]); have != 0 || err != nil {
		t.Fatal(have, err)
	}
	if _, err := s.Get(sum); request.KindOf(err) != request.NotFound {
		t.Fatal(err)
	}
}

func TestWrongBytesAreNotKept(t *testing.T) {
	s := open(t, Options{})
	want, sum := bytesOf(10)
	if _, err := s.Append(sum, 10, 0, append([]byte{want[0] + 1}, want[1:]...)); request.KindOf(err) != request.Invalid {
		t.Fatal(err)
	}
	if have, whole := s.Have(sum); have != 0 || whole {
		t.Fatal(have, whole)
	}
	for _, bad := range []string{"", "../../etc/passwd", sum[1:], sum[:63] + "G"} {
		if _, err := s.Append(bad, 10, 0, want); request.KindOf(err) != request.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestEmptyFile(t *testing.T) {
	s := open(t, Options{})
	_, sum := bytesOf(0)
	if have, err := s.Append(sum, 0, 0, nil); have != 0 || err != nil {
		t.Fatal(have, err)
	}
	if len(content(t, s, sum)) != 0 {
		t.Fatal("not empty")
	}
}

func TestOldFilesGoAndRoomIsBounded(t *testing.T) {
	now := time.Now()
	s := open(t, Options{Most: 15_000, Now: func() time.Time { return now }})
	a, sumA := bytesOf(10_000)
	b, sumB := bytesOf(10_001)
	if _, err := s.Append(sumA, 10_000, 0, a); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(sumB, 10_001, 0, b); request.KindOf(err) != request.Unavailable {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	if _, err := s.Append(sumB, 10_001, 0, b); err != nil {
		t.Fatal(err)
	}
	if _, whole := s.Have(sumA); whole {
		t.Fatal("an old file is still there")
	}
}

func TestLeftoversGoAtTheStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "new-123"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new-123")); !os.IsNotExist(err) {
		t.Fatal("left over")
	}
}

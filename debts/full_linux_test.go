package debts_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/meridian-gateway/meridian/debts"
	"github.com/meridian-gateway/meridian/request"
)

// A write whose debt cannot be written is refused; when there is room again all is as it was.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mounting is not allowed here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	s, err := debts.Open(dir, debts.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	taken := 0
	big := debts.Debt{Kind: request.Update, Collection: "tickets", Local: "1", Fields: request.Fields{{Name: "text", Value: []byte(`"` + strings.Repeat("x", 3000) + `"`)}}}
	for ; ; taken++ {
		big.Op = fmt.Sprint("op", taken)
		if err = s.Begin(big); err != nil {
			break
		}
		if taken > 100 {
			t.Fatal("64 KiB take everything")
		}
	}
	if request.KindOf(err) != request.StoreDown || s.Failing() == "" || taken == 0 {
		t.Fatalf("after %d: %v, %q", taken, err, s.Failing())
	}
	if n, _ := s.Count(); n != taken {
		t.Errorf("%d debts, %d were taken", n, taken)
	}
	// The answer to a call that was made is not lost while the process lives, and is written when there is room.
	_ = s.End("op0", debts.End{Status: 200, Made: "x"})
	if d, _ := s.ByOp("op0"); d.End == nil {
		t.Error("the answer is forgotten")
	}
	for i := range taken - 1 {
		s.Strike(fmt.Sprint("op", i+1))
	}
	begin(t, s, update("small", "2"))
	if s.Failing() != "" {
		t.Errorf("it still fails: %s", s.Failing())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = debts.Open(dir, debts.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantOps(t, s, "op0", "small")
	if d, _ := s.ByOp("op0"); d.End == nil || d.End.Made != "x" {
		t.Errorf("op0 is %+v", d)
	}
}

package tests

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// An embedded store on a full disk can be read and not written: that is a brown-out too, and with store_down: pass and the debts on
// another disk the work goes on. With the debts on the full disk as well everything is refused, and nothing is sent.
func TestStoreDownFullDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mounting is not allowed here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	sites := harness.Fakes(t, "oslo", "paris", "rome")
	for i, debts := range []string{t.TempDir(), filepath.Join(disk, "debts")} {
		sites[i].Store = "file:" + filepath.Join(disk, sites[i].Name)
		sites[i].Extra = fmt.Sprintf("store_down: pass\ndebts: %q\n", debts)
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	oslo, paris := n.At("oslo"), n.At("paris")
	known := oslo.Create("/tickets", ticket("known", "")).Want(201).ID()
	n.Settled(soon)
	filler := filepath.Join(disk, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(bytes.Repeat([]byte("x"), size))
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var passed []string
	harness.Eventually(t, soon, "the disk is full for the store", func() error {
		name := fmt.Sprint("passed ", len(passed))
		passed = append(passed, name)
		a := oslo.Create("/tickets", ticket(name, "")).Want(201)
		if a.Header.Get("Meridian-State") != "debt" {
			return fmt.Errorf("the receipt is %v", a.Header)
		}
		return nil
	})
	wantDebt(t, oslo.Patch("/tickets/"+known, `{"colour":"red"}`), 200)
	var before int
	harness.Eventually(t, soon, "nothing can be remembered at paris", func() error {
		before = len(paris.Fake().Writes())
		if a := paris.Create("/tickets", ticket(fmt.Sprint("paris ", before), "")); a.Status != 503 {
			return fmt.Errorf("%d %v %s", a.Status, a.Header, a.Body)
		}
		return nil
	})
	paris.Create("/tickets", ticket("never", "")).WantProblem(503, "store-unavailable")
	if sent := paris.Fake().Writes()[before:]; len(sent) > 0 {
		t.Errorf("a write that was refused reached the API: %+v", sent)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for _, g := range []*harness.Gateway{oslo, paris} {
		noDebts(t, g, 2*soon)
	}
	n.Settled(2 * soon)
	for _, name := range passed {
		n.WantSame(name, 2*soon, "oslo", "paris", "rome")
	}
	if err := n.WantSame("known", 2*soon, "oslo", "paris", "rome").Fields(map[string]any{"colour": "red"}); err != nil {
		t.Error(err)
	}
	oslo.WantNone("never", soon)
}

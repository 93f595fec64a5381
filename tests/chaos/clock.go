package chaos

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// SkewedClock is the clock of a gateway that can be set while it runs. Tools that set the clock of a process do so in the C library,
// which Go does not ask, so the gateway is a program of its own here: cmd/skewed.
type SkewedClock struct {
	// Program is the gateway whose clock this is.
	Program string
}

// SkewFile is where such a gateway finds by how much its clock is wrong: beside its program.
const SkewFile = "skew"

// NewSkewedClock builds the program; its clock is right.
func NewSkewedClock(t testing.TB) *SkewedClock {
	t.Helper()
	c := &SkewedClock{Program: filepath.Join(t.TempDir(), "skewed")}
	args := []string{"build", "-o", c.Program}
	if os.Getenv("RACE") == "1" {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./tests/chaos/cmd/skewed")...)
	cmd.Dir = harness.Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build ./tests/chaos/cmd/skewed: %v\n%s", err, out)
	}
	return c
}

// Set makes the clock wrong by d, which may be negative, within a tenth of a second.
func (c *SkewedClock) Set(d time.Duration) error {
	path := filepath.Join(filepath.Dir(c.Program), SkewFile)
	if err := os.WriteFile(path+".new", []byte(d.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

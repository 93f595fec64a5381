package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Root is the directory of the module.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Long reports whether heavy tests should run all their rounds (MERIDIAN_LONG=1).
func Long() bool { return os.Getenv("MERIDIAN_LONG") == "1" }

// Rounds is short, or long with MERIDIAN_LONG=1.
func Rounds(short, long int) int {
	if Long() {
		return long
	}
	return short
}

// built is the gateway's program, made once for all tests of the process.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "meridian-tests-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "meridian")
	args := []string{"build", "-o", bin}
	if os.Getenv("RACE") == "1" {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/meridian")...)
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/meridian: %w\n%s", err, out)
	}
	return bin, nil
})

// Binary is the path of the gateway's program, built from the working tree; with RACE=1 under the race detector. MERIDIAN_BIN
// names one that is there already.
func Binary(t testing.TB) string {
	t.Helper()
	if bin := os.Getenv("MERIDIAN_BIN"); bin != "" {
		return bin
	}
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// Tidy removes what Binary built; TestMain calls it last.
func Tidy() {
	if os.Getenv("MERIDIAN_BIN") != "" {
		return
	}
	if bin, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(bin))
	}
}

// CLI runs one command of the gateway's program, with more environment than that of the tests, and returns what it printed and
// its exit code.
func CLI(t testing.TB, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Binary(t), args...)
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("meridian %v: %v", args, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// missing skips a test whose server is not installed, or fails it where everything has to be there (MERIDIAN_REQUIRE=1).
func missing(t testing.TB, what string) {
	t.Helper()
	msg := what + " is not installed: run scripts/setup.sh"
	if os.Getenv("MERIDIAN_REQUIRE") == "1" {
		t.Fatal(msg)
	}
	t.Skip(msg)
}

// cached is the path of something that scripts/setup.sh put into .cache.
func cached(t testing.TB, what, path string) string {
	t.Helper()
	p := filepath.Join(Root(), ".cache", path)
	if _, err := os.Stat(p); err != nil {
		missing(t, what)
	}
	return p
}

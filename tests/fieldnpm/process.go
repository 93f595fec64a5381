package fieldnpm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// program is a server to be run: what, where and with which environment besides that of the tests.
type program struct {
	name string
	path string
	args []string
	env  []string
	dir  string
}

// process is a running server.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}

	mu  sync.Mutex
	err error
}

// run starts a program, ends it with the test, and waits until up returns nil.
func run(t testing.TB, p program, up func() error) *process {
	t.Helper()
	out := &process{name: p.name, log: filepath.Join(t.TempDir(), "log"), done: make(chan struct{})}
	file, err := os.Create(out.log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = file, file
	group(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	out.cmd = cmd
	go func() {
		err := cmd.Wait()
		out.mu.Lock()
		out.err = err
		out.mu.Unlock()
		_ = file.Close()
		close(out.done)
	}()
	t.Cleanup(func() {
		out.end()
		if t.Failed() {
			t.Logf("--- the log of %s ---\n%s", p.name, out.tail())
		}
	})
	harness.Eventually(t, 90*time.Second, p.name+" is up", func() error {
		if err := out.running(); err != nil {
			return err
		}
		return up()
	})
	return out
}

// end stops the server and what it started: it is asked, and killed when it has not gone after a while.
func (p *process) end() {
	end(p.cmd, false)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
	}
	end(p.cmd, true)
	<-p.done
}

func (p *process) running() error {
	select {
	case <-p.done:
		p.mu.Lock()
		defer p.mu.Unlock()
		return harness.GiveUp(fmt.Errorf("%s has ended: %v\n%s", p.name, p.err, p.tail()))
	default:
		return nil
	}
}

// tail is the last part of what the server printed.
func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// installed is the path of something that scripts/fieldnpm.sh installed; the test is skipped when it is not there.
func installed(t testing.TB, path string) string {
	t.Helper()
	p := filepath.Join(harness.Root(), ".cache", "fieldnpm", path)
	if _, err := os.Stat(p); err != nil {
		msg := path + " is not installed: run scripts/fieldnpm.sh"
		if os.Getenv("MERIDIAN_REQUIRE") == "1" {
			t.Fatal(msg)
		}
		t.Skip(msg)
	}
	return p
}

// field skips tests that are not asked for.
func field(t testing.TB) {
	t.Helper()
	if os.Getenv("MERIDIAN_FIELD") != "1" {
		t.Skip("runs with MERIDIAN_FIELD=1 and what scripts/fieldnpm.sh installs")
	}
}

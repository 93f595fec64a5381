package field

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// program is a server to be run: what, where, and with which environment besides that of the tests.
type program struct {
	name string
	path string
	args []string
	env  []string
	dir  string
}

// process is a running server with all that it started.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{}
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
	cmd.SysProcAttr = alone()
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	out.cmd = cmd
	go func() {
		_ = cmd.Wait()
		_ = file.Close()
		close(out.done)
	}()
	t.Cleanup(func() {
		out.end()
		if t.Failed() {
			t.Logf("--- the log of %s ---\n%s", p.name, out.tail())
		}
	})
	harness.Eventually(t, 2*time.Minute, p.name+" is up", func() error {
		if err := out.running(); err != nil {
			return err
		}
		return up()
	})
	return out
}

// end stops the server: it is asked, and after a while it is killed with all that it started.
func (p *process) end() {
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-p.done
}

func (p *process) running() error {
	select {
	case <-p.done:
		return harness.GiveUp(fmt.Errorf("%s has ended: %v\n%s", p.name, p.cmd.ProcessState, p.tail()))
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

// prepared is the path of something that scripts/field.sh made; the test is skipped when it is not there.
func prepared(t testing.TB, path string) string {
	t.Helper()
	if os.Getenv("MERIDIAN_FIELD") != "1" {
		t.Skip("runs with MERIDIAN_FIELD=1 and what scripts/field.sh installs")
	}
	p := filepath.Join(harness.Root(), ".cache", "field", path)
	if _, err := os.Stat(p); err != nil {
		msg := path + " is not prepared: run scripts/field.sh"
		if os.Getenv("MERIDIAN_REQUIRE") == "1" {
			t.Fatal(msg)
		}
		t.Skip(msg)
	}
	return p
}

// write puts texts into files of a directory, with the folders that they need; a name that ends with / is a folder alone.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		folder := filepath.Dir(p)
		if strings.HasSuffix(name, "/") {
			folder = p
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if folder == p {
			continue
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// copyFile copies a prepared file.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

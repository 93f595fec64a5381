package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is one program that can be killed and started again. Its methods are safe for concurrent use.
type Process struct {
	name string
	path string
	args []string
	env  []string
	dir  string
	t    testing.TB
	log  tail

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
}

// tail keeps the last part of what a process printed.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 64 << 10

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	if len(l.buf) > 2*tailSize {
		l.buf = append(l.buf[:0], l.buf[len(l.buf)-tailSize:]...)
	}
	return len(p), nil
}

// String is what is kept.
func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}

// program describes a Process.
type program struct {
	name, path string
	args, env  []string
	dir        string
}

// startProcess starts a program and sees to it that it ends with the test.
func startProcess(t testing.TB, p program) *Process {
	t.Helper()
	out := &Process{name: p.name, path: p.path, args: p.args, env: p.env, dir: p.dir, t: t}
	t.Cleanup(func() {
		out.Kill()
		if t.Failed() {
			t.Logf("--- the log of %s ---\n%s", out.name, lastLines(out.log.String(), 60))
		}
	})
	out.Start()
	return out
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}

// Start starts the program again after Kill or Stop; it does nothing while it runs.
func (p *Process) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return
	}
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		p.t.Errorf("start %s: %v", p.name, err)
		return
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	p.cmd, p.done = cmd, done
}

// Kill is kill -9: the process gets no chance to do anything more. It returns when the process is gone.
func (p *Process) Kill() { p.end(syscall.SIGKILL, 0) }

// Stop asks the process to end, and kills it after patience.
func (p *Process) Stop(patience time.Duration) { p.end(syscall.SIGTERM, patience) }

func (p *Process) end(sig syscall.Signal, patience time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	if patience > 0 {
		select {
		case <-p.done:
		case <-time.After(patience):
			_ = p.cmd.Process.Kill()
		}
	}
	<-p.done
	p.cmd = nil
}

// Signal sends a signal, such as SIGSTOP.
func (p *Process) Signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(sig)
	}
}

// Running reports whether the process is there; an error tells how it ended by itself.
func (p *Process) Running() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return GiveUp(fmt.Errorf("%s is not started", p.name))
	}
	select {
	case <-p.done:
		return GiveUp(fmt.Errorf("%s has ended: %v\n%s", p.name, p.cmd.ProcessState, lastLines(p.log.String(), 20)))
	default:
		return nil
	}
}

// Log is the last part of what the process printed.
func (p *Process) Log() string { return p.log.String() }

// Memory is the resident memory of the process in bytes.
func (p *Process) Memory() (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0, fmt.Errorf("%s is not started", p.name)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if rest, ok := strings.CutPrefix(string(line), "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("there is no VmRSS in the status of %s", p.name)
}

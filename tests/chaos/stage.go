package chaos

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
)

// Stage stands in for a test where the harness is used by a command: what a test would tell goes to a writer, and Close does what the
// end of a test does.
type Stage struct {
	testing.TB // never set: a method that is missing here is one that the harness does not use
	out        io.Writer
	ctx        context.Context
	cancel     context.CancelFunc

	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

// NewStage makes one; what fails is told to out.
func NewStage(out io.Writer) *Stage {
	ctx, cancel := context.WithCancel(context.Background())
	return &Stage{out: out, ctx: ctx, cancel: cancel}
}

// Run calls f in a goroutine of its own, which a fatal error ends, and reports whether nothing failed.
func (s *Stage) Run(f func()) bool {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	<-done
	return !s.Failed()
}

// Close undoes what was started, the last first.
func (s *Stage) Close() {
	s.cancel()
	for {
		s.mu.Lock()
		n := len(s.cleanups)
		if n == 0 {
			s.mu.Unlock()
			return
		}
		f := s.cleanups[n-1]
		s.cleanups = s.cleanups[:n-1]
		s.mu.Unlock()
		f()
	}
}

// Helper does nothing.
func (s *Stage) Helper() {}

// Name is that of the command.
func (s *Stage) Name() string { return "chaos" }

// Context ends with Close.
func (s *Stage) Context() context.Context { return s.ctx }

// Cleanup has f called by Close.
func (s *Stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

// TempDir is a folder that Close removes.
func (s *Stage) TempDir() string {
	dir, err := os.MkdirTemp("", "meridian-chaos-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Failed reports whether something failed.
func (s *Stage) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Fail notes that something failed.
func (s *Stage) Fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = true
}

// FailNow is Fail, and ends the goroutine.
func (s *Stage) FailNow() {
	s.Fail()
	runtime.Goexit()
}

// Log tells something.
func (s *Stage) Log(args ...any) { _, _ = fmt.Fprintln(s.out, args...) }

// Logf tells something.
func (s *Stage) Logf(format string, args ...any) { s.Log(fmt.Sprintf(format, args...)) }

// Error is Log and Fail.
func (s *Stage) Error(args ...any) { s.Log(args...); s.Fail() }

// Errorf is Logf and Fail.
func (s *Stage) Errorf(format string, args ...any) { s.Logf(format, args...); s.Fail() }

// Fatal is Log and FailNow.
func (s *Stage) Fatal(args ...any) { s.Log(args...); s.FailNow() }

// Fatalf is Logf and FailNow.
func (s *Stage) Fatalf(format string, args ...any) { s.Logf(format, args...); s.FailNow() }

// Skip is for what is missing on this machine; to a command that is an error.
func (s *Stage) Skip(args ...any) { s.Fatal(args...) }

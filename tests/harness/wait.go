package harness

import (
	"errors"
	"testing"
	"time"
)

// Eventually calls check until it returns nil and fails the test with its last error when that has not happened within the
// time given. It is the only place where these tests poll.
func Eventually(t testing.TB, within time.Duration, what string, check func() error) {
	t.Helper()
	if err := Poll(within, check); err != nil {
		t.Fatalf("%s: not within %v: %v", what, within, err)
	}
}

// Poll is Eventually for goroutines and for callers that want the error.
func Poll(within time.Duration, check func() error) error {
	deadline := time.Now().Add(within)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		err := check()
		if err == nil {
			return nil
		}
		if fatal := (*fatalError)(nil); errors.As(err, &fatal) || time.Now().Add(pause).After(deadline) {
			return err
		}
		time.Sleep(pause)
	}
}

type fatalError struct{ error }

// GiveUp makes an error that ends polling at once.
func GiveUp(err error) error { return &fatalError{err} }

// Pause waits without a condition: only where a test needs time itself to pass, such as work going on under load.
func Pause(d time.Duration) { <-time.After(d) }

package tests

import (
	"fmt"
	"strings"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// key is a text as an Idempotency-Key.
func key(text string) string { return strings.ReplaceAll(text, " ", "-") }

// struck is nil once a fault has happened.
func struck(f *harness.Fake, x *harness.Fault) error {
	if f.Struck(x) == 0 {
		return fmt.Errorf("no call has come yet")
	}
	return nil
}

package tests

import (
	"fmt"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// struck is nil once a fault has happened.
func struck(f *harness.Fake, x *harness.Fault) error {
	if f.Struck(x) == 0 {
		return fmt.Errorf("no call has come yet")
	}
	return nil
}

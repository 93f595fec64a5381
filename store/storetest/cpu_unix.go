//go:build unix

package storetest

import (
	"syscall"
	"time"
)

// processorTime is what this process has used so far, 0 when the system does not tell.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

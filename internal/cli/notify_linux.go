package cli

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic is the system's monotonic clock in microseconds; 0 where it cannot be read.
func monotonic() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return t.Nano() / int64(time.Microsecond)
}

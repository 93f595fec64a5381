//go:build !unix

package storetest

import "time"

// processorTime is what this process has used so far, 0 when the system does not tell.
func processorTime() time.Duration { return 0 }

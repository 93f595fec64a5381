//go:build !linux

package cli

// monotonic is 0: no service manager here asks for that clock.
func monotonic() int64 { return 0 }

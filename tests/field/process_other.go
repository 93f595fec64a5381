//go:build !linux

package field

import "syscall"

// alone is how a server is started: in a group of processes of its own.
func alone() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

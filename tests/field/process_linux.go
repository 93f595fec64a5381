package field

import "syscall"

// alone is how a server is started: in a group of processes of its own, and asked to end when the tests are gone.
func alone() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

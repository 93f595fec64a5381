package harness

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the system kill the process when the tests end without a cleanup, as after a timeout.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

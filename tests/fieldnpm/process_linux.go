package fieldnpm

import (
	"os/exec"
	"syscall"
)

// group puts a program and what it starts into a process group of its own, and has the system kill it when the tests end without a
// cleanup.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// end asks the whole group to end, or kills it.
func end(cmd *exec.Cmd, now bool) {
	sig := syscall.SIGTERM
	if now {
		sig = syscall.SIGKILL
	}
	_ = syscall.Kill(-cmd.Process.Pid, sig)
}

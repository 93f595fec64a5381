package main

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel end the program when the bench is killed and cannot do it itself. It gets a process group of
// its own, so that an interrupt from the keyboard reaches the bench alone, which then stops everything in order.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

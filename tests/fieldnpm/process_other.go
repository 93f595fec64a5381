//go:build !linux

package fieldnpm

import (
	"os"
	"os/exec"
)

// group does nothing here.
func group(*exec.Cmd) {}

// end asks a program to end, or kills it.
func end(cmd *exec.Cmd, now bool) {
	if now {
		_ = cmd.Process.Kill()
		return
	}
	_ = cmd.Process.Signal(os.Interrupt)
}

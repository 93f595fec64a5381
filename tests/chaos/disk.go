package chaos

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Disk is a small file system of its own that can be filled.
type Disk struct {
	// Path is where it is mounted. Mounting may be forbidden: then it is a plain folder, and Missing says why.
	Path    string
	Missing error
}

// diskSize holds a store of some thousand requests.
const diskSize = "size=96m"

// NewDisk mounts one, which needs the rights of root.
func NewDisk(t testing.TB) *Disk {
	t.Helper()
	d := &Disk{Path: t.TempDir()}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", diskSize, "tmpfs", d.Path).CombinedOutput(); err != nil {
		d.Missing = errors.New("a small disk cannot be mounted here: " + string(out))
		return d
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", d.Path).Run() })
	return d
}

func (d *Disk) ballast() string { return filepath.Join(d.Path, "ballast") }

// Fill leaves not a byte free.
func (d *Disk) Fill() error {
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return nil
}

// Free makes room again.
func (d *Disk) Free() error { return os.Remove(d.ballast()) }

package embedded

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// errInUse is what a second opener gets.
var errInUse = errors.New("in use by another process")

// lockFolder takes the lock that one process at a time can have. The system drops it when the process ends, however it ends.
func lockFolder(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	const exclusive = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	if err := windows.LockFileEx(windows.Handle(f.Fd()), exclusive, 0, 1, 0, new(windows.Overlapped)); err != nil {
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			err = errInUse
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// syncFolder does nothing: Windows has no such call, and NTFS journals names.
func syncFolder(string) error { return nil }

func parentOf(path string) string { return filepath.Dir(path) }

package configs

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// wait waits for one word of a change.
func wait(t *testing.T, changed <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: no word of it", what)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]watcher{
		"told":    {settle: time.Millisecond, look: time.Hour, notify: true},
		"looking": {settle: time.Millisecond, look: 5 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "network.yaml")
			write(t, path, "one")
			changed := watch(t.Context(), path, w)
			write(t, path, "two")
			wait(t, changed, "written")
			other := filepath.Join(dir, "new")
			write(t, other, "three")
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
			wait(t, changed, "replaced")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, "four")
			wait(t, changed, "removed and made again")
		})
	}
}

// A volume mount swaps the folder that the file's link leads through.
func TestWatchLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, d := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, d, "network.yaml"), d)
	}
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	link("v1", "..data")
	path := filepath.Join(dir, "network.yaml")
	link(filepath.Join("..data", "network.yaml"), "network.yaml")
	changed := watch(t.Context(), path, watcher{settle: time.Millisecond, look: time.Hour, notify: true})
	link("v2", "..tmp")
	if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	wait(t, changed, "the folder is swapped")
}

package configs

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch sends a word each time the content of a file has changed since Watch was called, until ctx ends. It watches the folder,
// since files are often replaced rather than written, and looks by itself every half minute, for file systems that tell nothing.
func Watch(ctx context.Context, path string) <-chan struct{} {
	return watch(ctx, path, watcher{settle: 200 * time.Millisecond, look: 30 * time.Second, notify: true})
}

// watcher says how to watch.
type watcher struct {
	settle time.Duration // editors and volume mounts write in several steps
	look   time.Duration
	notify bool // by the file system too
}

func watch(ctx context.Context, path string, w watcher) <-chan struct{} {
	out := make(chan struct{}, 1)
	last := digest(path) // before anything can change
	var told told
	if fs, err := w.open(); err == nil {
		for _, dir := range folders(path) {
			_ = fs.Add(dir) // where it cannot be watched, looking must do
		}
		told.events, told.errors = fs.Events, fs.Errors
		context.AfterFunc(ctx, func() { _ = fs.Close() })
	}
	go w.loop(ctx, told, path, last, out)
	return out
}

func (w watcher) open() (*fsnotify.Watcher, error) {
	if !w.notify {
		return nil, errors.ErrUnsupported
	}
	return fsnotify.NewWatcher()
}

// told are the words of the file system; nil when it says none.
type told struct {
	events <-chan fsnotify.Event
	errors <-chan error
}

// folders are that of the file and, of a link, that of the file behind it.
func folders(path string) []string {
	out := []string{filepath.Dir(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil && !slices.Contains(out, filepath.Dir(real)) {
		out = append(out, filepath.Dir(real))
	}
	return out
}

func (w watcher) loop(ctx context.Context, fs told, path string, last [sha256.Size]byte, out chan<- struct{}) {
	settle := time.NewTimer(time.Hour)
	settle.Stop()
	tick := time.NewTicker(w.look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-fs.errors: // too many events at once: one of them may have been ours
			settle.Reset(w.settle)
			continue
		case <-fs.events:
			settle.Reset(w.settle)
			continue
		case <-settle.C:
		case <-tick.C:
		}
		now := digest(path)
		if now == last || now == [sha256.Size]byte{} {
			continue // unchanged, or just being replaced
		}
		last = now
		select {
		case out <- struct{}{}:
		default: // one is waiting already
		}
	}
}

func digest(path string) (sum [sha256.Size]byte) {
	if b, err := os.ReadFile(path); err == nil {
		sum = sha256.Sum256(b)
	}
	return sum
}

package configs

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settleTime = 200 * time.Millisecond // editors and volume mounts write in several steps
	lookEvery  = 30 * time.Second       // where the file system tells nothing
)

// Watch sends a word each time the content of a file has changed, until ctx ends. It watches the folder, since files are often
// replaced rather than written, and looks by itself now and then.
func Watch(ctx context.Context, path string) <-chan struct{} {
	out := make(chan struct{}, 1)
	go watch(ctx, path, out)
	return out
}

func watch(ctx context.Context, path string, out chan<- struct{}) {
	var events <-chan fsnotify.Event
	if w, err := fsnotify.NewWatcher(); err == nil {
		defer func() { _ = w.Close() }()
		if w.Add(filepath.Dir(path)) == nil {
			events = w.Events
		}
	}
	last := digest(path)
	var settle <-chan time.Time
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			settle = time.After(settleTime)
			continue
		case <-settle:
			settle = nil
		case <-tick.C:
		}
		now := digest(path)
		if now == last || now == [sha256.Size]byte{} {
			continue // unchanged, or just being replaced
		}
		last = now
		select {
		case out <- struct{}{}:
		default:
		}
	}
}

func digest(path string) (sum [sha256.Size]byte) {
	if b, err := os.ReadFile(path); err == nil {
		sum = sha256.Sum256(b)
	}
	return sum
}

package replicate

import (
	"context"
	"sync"
)

// births are the records that this process is just making in the upstream: from before the call until their local id is in the
// ledger. In between a record can be seen, and written to, that the ledger does not know yet.
type births struct {
	mu sync.Mutex
	m  map[chan struct{}]struct{}
}

// begin notes one; what it returns ends it.
func (b *births) begin() (end func()) {
	done := make(chan struct{})
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = make(map[chan struct{}]struct{})
	}
	b.m[done] = struct{}{}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.m, done)
		close(done)
	}
}

// wait returns when all that were under way at the call have ended, or ctx has.
func (b *births) wait(ctx context.Context) {
	b.mu.Lock()
	open := make([]chan struct{}, 0, len(b.m))
	for done := range b.m {
		open = append(open, done)
	}
	b.mu.Unlock()
	for _, done := range open {
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

package gateway

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Drain lets the clients of a listener go elsewhere before it closes. A server that closes a kept connection cannot know whether a call
// is on its way there, and a client whose call is cut cannot know whether it was taken; so clients are told first, with the answers to
// their calls, that the connection ends (RFC 9112, section 9.6). The zero value is ready, for one listener.
type Drain struct {
	begun atomic.Bool
	mu    sync.Mutex
	open  int
	// none is closed when nobody is connected; nil while nobody waits for that.
	none chan struct{}
}

// Handler has answers say that the connection ends, once the drain has begun.
func (d *Drain) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.begun.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// Begin tells clients from now on that their connections end. The listener goes on taking calls.
func (d *Drain) Begin() { d.begun.Store(true) }

// Wait returns when no client is connected, when most has passed, or when ctx ends.
func (d *Drain) Wait(ctx context.Context, most time.Duration) {
	d.mu.Lock()
	if d.open == 0 {
		d.mu.Unlock()
		return
	}
	if d.none == nil {
		d.none = make(chan struct{})
	}
	none := d.none
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	select {
	case <-none:
	case <-ctx.Done():
	}
}

// connected counts the connections; it may be called on nil.
func (d *Drain) connected(open int) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = open
	if open == 0 && d.none != nil {
		close(d.none)
		d.none = nil
	}
}

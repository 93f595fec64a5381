package replicate

import (
	"context"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// waiters are those who wait for a request's deliveries to be settled.
type waiters struct {
	mu sync.Mutex
	m  map[request.ID]chan struct{} // closed at the next settlement
}

func (w *waiters) next(id request.ID) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.m == nil {
		w.m = make(map[request.ID]chan struct{})
	}
	ch, ok := w.m[id]
	if !ok {
		ch = make(chan struct{})
		w.m[id] = ch
	}
	return ch
}

func (w *waiters) wake(id request.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ch, ok := w.m[id]; ok {
		close(ch)
		delete(w.m, id)
	}
}

// Await returns when every holder of a request has confirmed version v or a newer one, or is parked, or when ctx ends; it
// returns the holders as they are then. At a site that is not the owner it asks the owner.
func (g *Engine) Await(ctx context.Context, id request.ID, v request.Version) ([]request.Delivery, error) {
	var last []request.Delivery
	for {
		woken := g.waiters.next(id)
		rec, err := g.Ledger.Read(context.WithoutCancel(ctx), id)
		if err != nil {
			return last, storeError("replicate.Await", id, err)
		}
		last = rec.Holders
		if rec.Entry.Role != request.Owner && rec.Entry.Role != request.Tombstone || rec.Entry.Owner != g.Self {
			if last, err = g.Peers.Holders(ctx, rec.Entry.Owner, id, v); err != nil {
				return last, err
			}
		}
		if confirmed(last, v) || ctx.Err() != nil {
			return last, nil
		}
		select {
		case <-woken:
		case <-g.Clock.After(250 * time.Millisecond): // settled by another replica, or at another site
		case <-ctx.Done():
		}
	}
}

func confirmed(holders []request.Delivery, v request.Version) bool {
	for _, h := range holders {
		if v.After(h.Acked) && h.State != request.Parked && h.State != request.Cancelled {
			return false
		}
	}
	return true
}

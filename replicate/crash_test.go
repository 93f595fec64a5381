package replicate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// guard stands between one life of a gateway and its store: once it is killed nothing is stored any more.
type guard struct {
	store.Store
	site  request.Site
	watch *watcher
	mu    sync.Mutex
	dead  bool
	left  int // commits until it dies by itself, when above 0
}

var errDead = errors.New("the process is dead")

func (s *guard) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
}

func (s *guard) alive(commit bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return errDead
	}
	if commit && s.left > 0 {
		s.left--
		s.dead = s.left == 0
	}
	return nil
}

func (s *guard) Commit(ctx context.Context, tx store.Tx) (uint64, error) {
	if err := s.alive(true); err != nil {
		return 0, err
	}
	if s.watch != nil {
		return s.watch.commit(s.site, func() (uint64, error) { return s.Store.Commit(ctx, tx) }, tx)
	}
	return s.Store.Commit(ctx, tx)
}

func (s *guard) Settle(ctx context.Context, list []store.Settlement) error {
	if err := s.alive(false); err != nil {
		return err
	}
	return s.Store.Settle(ctx, list)
}

func (s *guard) Claim(ctx context.Context, c store.Claim) ([]store.Claimed, error) {
	if err := s.alive(false); err != nil {
		return nil, err
	}
	return s.Store.Claim(ctx, c)
}

func (s *guard) Keep(ctx context.Context, k request.Key) error {
	if err := s.alive(false); err != nil {
		return err
	}
	return s.Store.Keep(ctx, k)
}

// watcher sees every commit at every site and knows what must never be: two owners at one moment, two owners of one epoch, a version or a
// fence that goes back, one version given to two writes.
type watcher struct {
	mu     sync.Mutex
	owner  map[request.ID]request.Site
	reign  map[request.ID]map[request.Epoch]request.Site
	last   map[place]request.Entry
	faults []string
	// What was seen, to know that there was something to see.
	commits, handovers, declined int
}

type place struct {
	id   request.ID
	site request.Site
}

func newWatcher() *watcher {
	return &watcher{owner: map[request.ID]request.Site{}, reign: map[request.ID]map[request.Epoch]request.Site{}, last: map[place]request.Entry{}}
}

func (w *watcher) fault(format string, args ...any) {
	if len(w.faults) < 20 {
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
	}
}

// commit does it and looks, in one piece: stores of different sites commit at different moments.
func (w *watcher) commit(site request.Site, do func() (uint64, error), tx store.Tx) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rev, err := do()
	if err != nil || tx.Forget {
		return rev, err
	}
	w.commits++
	e := tx.Entry
	at := place{e.ID, site}
	was := w.last[at]
	w.last[at] = e
	if was.Version.After(e.Version) {
		w.fault("%s at %s went from version %s back to %s", e.ID, site, was.Version.Mark(), e.Version.Mark())
	}
	if was.Fence.Compare(e.Fence) > 0 {
		w.fault("%s at %s went from fence %s back to %s", e.ID, site, was.Fence, e.Fence)
	}
	if e.Role == request.Owner && was.Role == request.Owner && was.Intent != nil && e.Intent == nil && was.Version == e.Version && len(e.Ops) > len(was.Ops) {
		w.fault("%s at %s gave version %s to two writes", e.ID, site, e.Version.Mark())
	}
	if was.Role == request.Elect && e.Role == request.Owner {
		w.handovers++
	}
	if was.Role == request.Granting && e.Role == request.Owner {
		w.declined++
	}
	if e.Role != request.Owner {
		if w.owner[e.ID] == site {
			delete(w.owner, e.ID)
		}
		return rev, err
	}
	if o := w.owner[e.ID]; o != "" && o != site {
		w.fault("%s is owned by %s and %s at one moment", e.ID, o, site)
	}
	w.owner[e.ID] = site
	epochs := w.reign[e.ID]
	if epochs == nil {
		epochs = map[request.Epoch]request.Site{}
		w.reign[e.ID] = epochs
	}
	if o, ok := epochs[e.Version.Epoch]; ok && o != site || e.Version.Epoch.Site != site {
		w.fault("%s: epoch %s is written by %s and %s", e.ID, e.Version.Epoch, o, site)
	}
	epochs[e.Version.Epoch] = site
	return rev, err
}

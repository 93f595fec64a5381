package embedded

import (
	"context"
	"time"

	"github.com/meridian-gateway/meridian/store"
)

// livedName is the note that says that a life is complete.
func livedName(id string) string { return "l" + id }

// lifeLong is how long that is remembered.
const lifeLong = 100 * 365 * 24 * time.Hour

// Life implements store.Lives. A store that was restored from a copy is in the life of that copy.
func (s *Store) Life(ctx context.Context) (l store.Life, err error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return l, store.ErrClosed
	}
	if err := s.reader.QueryRowContext(ctx, "select (select value from meta where key='life'), (select value from meta where key='life_state')").Scan(&l.ID, &l.State); err != nil {
		return l, down("store.Life", err)
	}
	n, err := s.note(livedName(l.ID))
	if n != nil {
		l.State = store.Lived
	}
	return l, down("store.Life", err)
}

// Resume implements store.Lives.
func (s *Store) Resume(ctx context.Context, id string) error {
	return s.putNote(ctx, "store.Resume", livedName(id), store.Lived, s.now().Add(lifeLong))
}

package replicate

import (
	"context"
	"errors"
	"sync"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// guard stands between one life of a gateway and its store: once it is killed nothing is stored any more.
type guard struct {
	store.Store
	mu   sync.Mutex
	dead bool
	left int // commits until it dies by itself, when above 0
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

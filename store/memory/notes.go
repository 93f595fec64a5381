package memory

import (
	"context"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Reserve stores a key unless it is known.
func (s *Store) Reserve(_ context.Context, k request.Key) (request.Key, bool, error) {
	leave, err := s.enter()
	if err != nil {
		return request.Key{}, false, err
	}
	defer leave()
	if old, ok := s.keys[k.Hash]; ok && old.Expires.After(s.now()) {
		return old, false, nil
	}
	s.keys[k.Hash] = k
	return k, true, nil
}

// Keep replaces a key.
func (s *Store) Keep(_ context.Context, k request.Key) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	s.keys[k.Hash] = k
	return nil
}

// Release forgets a key.
func (s *Store) Release(_ context.Context, hash string) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	delete(s.keys, hash)
	return nil
}

// PutOperation keeps an operation.
func (s *Store) PutOperation(_ context.Context, op request.Operation) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	s.ops[op.ID] = op
	return nil
}

// Operation returns a kept operation.
func (s *Store) Operation(_ context.Context, id string) (request.Operation, error) {
	leave, err := s.enter()
	if err != nil {
		return request.Operation{}, err
	}
	defer leave()
	op, ok := s.ops[id]
	if !ok {
		return op, store.ErrNotFound
	}
	return op, nil
}

package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Deliveries lists holders for people.
func (s *Store) Deliveries(_ context.Context, f store.Filter) ([]request.Delivery, string, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, "", err
	}
	defer leave()
	var out []request.Delivery
	for _, h := range s.holders {
		key := string(h.Request) + "/" + string(h.Site)
		switch {
		case f.Site != "" && h.Site != f.Site, f.State != "" && h.State != f.State, f.Request != "" && h.Request != f.Request,
			key <= f.After, f.State == "" && f.Request == "" && h.State == request.Delivered:
			continue
		}
		out = append(out, h.Delivery)
	}
	slices.SortFunc(out, func(a, b request.Delivery) int {
		return strings.Compare(string(a.Request)+"/"+string(a.Site), string(b.Request)+"/"+string(b.Site))
	})
	limit := cmp.Or(f.Limit, 1000)
	if len(out) <= limit {
		return out, "", nil
	}
	out = out[:limit]
	last := out[limit-1]
	return out, string(last.Request) + "/" + string(last.Site), nil
}

// Backlog counts what is owed.
func (s *Store) Backlog(context.Context) ([]store.Backlog, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	sums := map[request.Site]*store.Backlog{}
	for _, h := range s.holders {
		b := sums[h.Site]
		if b == nil {
			b = &store.Backlog{Site: h.Site}
			sums[h.Site] = b
		}
		switch h.State {
		case request.Pending:
			b.Pending++
		case request.InFlight:
			b.InFlight++
		case request.Waiting:
			b.Waiting++
		case request.Parked:
			b.Parked++
			continue
		default:
			continue
		}
		if b.Oldest.IsZero() || h.Since.Before(b.Oldest) {
			b.Oldest = h.Since
		}
	}
	var out []store.Backlog
	for _, b := range sums {
		if b.Pending+b.InFlight+b.Waiting+b.Parked > 0 {
			out = append(out, *b)
		}
	}
	slices.SortFunc(out, func(a, b store.Backlog) int { return cmp.Compare(a.Site, b.Site) })
	return out, nil
}

func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

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

// Warnings says what this store is.
func (s *Store) Warnings() []string {
	return []string{"the store is in memory: a restart forgets everything"}
}

// Ping answers until Close.
func (s *Store) Ping(context.Context) error {
	leave, err := s.enter()
	leave()
	return err
}

// Close ends the store; what it held is gone.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

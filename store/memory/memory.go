// Package memory is a store that forgets everything when the process ends: for tests and simulations of many gateways in one
// process. It keeps the whole contract of package store but durability. What it answers depends on nothing but what it was told, so
// that a simulation can be repeated.
package memory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/merge"
	"github.com/meridian-gateway/meridian/store/internal/rows"
)

// Store is the store. Its zero value is empty and ready.
type Store struct {
	mu      sync.Mutex
	closed  bool
	records map[request.ID]*record
	open    map[request.ID]struct{} // those that are unsettled
	links   map[link]request.ID
	lines   map[lane]*line
	pools   map[request.Site][]string // those that have a line
	keys    map[string]request.Key
	ops     map[string]request.Operation
	tokens  uint64
	life    store.Life
	// Now tells when keys expire, and what is behind and not only held; nil is time.Now.
	Now func() time.Time
}

// record is one request. Its entry and holders are replaced and never changed in place.
type record struct {
	entry   request.Entry
	rev     uint64
	holders []request.Delivery // by site; states as if nothing were in flight
	leases  map[request.Site]merge.Lease
}

type link struct {
	collection string
	store.Link
}

var _ store.Store = (*Store)(nil)

// page is how much a listing returns when it is not told.
const page = 1000

// enter locks; leave with what it returns.
func (s *Store) enter() (leave func(), err error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return func() {}, store.ErrClosed
	}
	if s.records == nil {
		s.records, s.open, s.links = map[request.ID]*record{}, map[request.ID]struct{}{}, map[link]request.ID{}
		s.lines, s.pools = map[lane]*line{}, map[request.Site][]string{}
		s.keys, s.ops = map[string]request.Key{}, map[string]request.Operation{}
	}
	return s.mu.Unlock, nil
}

func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Lose forgets everything, and begins a life.
func (s *Store) Lose(l store.Life) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records, s.life = nil, l // all else is made anew with the records
}

// Life implements store.Lives.
func (s *Store) Life(context.Context) (store.Life, error) {
	leave, err := s.enter()
	if err != nil {
		return store.Life{}, err
	}
	defer leave()
	if s.life == (store.Life{}) {
		return store.Life{ID: "memory", State: store.Lived}, nil
	}
	return s.life, nil
}

// Resume implements store.Lives.
func (s *Store) Resume(_ context.Context, id string) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if s.life.ID == id {
		s.life.State = store.Lived
	}
	return nil
}

// Read returns one record.
func (s *Store) Read(_ context.Context, id request.ID) (store.Record, error) {
	leave, err := s.enter()
	if err != nil {
		return store.Record{}, err
	}
	defer leave()
	return s.read(id)
}

func (s *Store) read(id request.ID) (store.Record, error) {
	r := s.records[id]
	if r == nil {
		return store.Record{}, store.ErrNotFound
	}
	rec := store.Record{Entry: rows.Clone(r.entry), Rev: r.rev, Holders: slices.Clone(r.holders)}
	for i := range rec.Holders {
		rec.Holders[i].State = r.shown(&rec.Holders[i])
	}
	return rec, nil
}

// shown is the state of a holder as people see it.
func (r *record) shown(d *request.Delivery) request.State {
	if r.leases[d.Site].Token != "" {
		return request.InFlight
	}
	return d.State
}

// Lookup finds a record by a site's local id.
func (s *Store) Lookup(_ context.Context, collection string, l store.Link) (store.Record, error) {
	leave, err := s.enter()
	if err != nil {
		return store.Record{}, err
	}
	defer leave()
	id, ok := s.links[link{collection, l}]
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	return s.read(id)
}

// Commit applies tx if the entry has not changed since.
func (s *Store) Commit(_ context.Context, tx store.Tx) (uint64, error) {
	leave, err := s.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	id := tx.Entry.ID
	r := s.records[id]
	switch {
	case r == nil && tx.Rev != 0, r != nil && r.rev != tx.Rev:
		return 0, store.ErrConflict
	case r == nil:
		r = &record{}
	}
	for _, l := range tx.Unlink {
		if k := (link{tx.Entry.Collection, l}); s.links[k] == id {
			delete(s.links, k)
		}
	}
	if tx.Forget {
		delete(s.records, id)
		delete(s.open, id)
		return 0, nil
	}
	for _, l := range tx.Link {
		s.links[link{tx.Entry.Collection, l}] = id
	}
	r.entry, r.rev = rows.Clone(tx.Entry), r.rev+1
	s.records[id] = r
	if rows.Open(&r.entry) {
		s.open[id] = struct{}{}
	} else {
		delete(s.open, id)
	}
	s.owe(r, &tx)
	return r.rev, nil
}

// owe changes the holders as a commit says.
func (s *Store) owe(r *record, tx *store.Tx) {
	r.holders = merge.Holders(r.holders, tx)
	for _, debt := range tx.Owe {
		if l, leased := r.leases[debt.Site]; leased {
			at, _ := merge.DueAt(debt, tx.Now)
			l.Owed(at)
			r.leases[debt.Site] = l
		}
		if h, holds := merge.Find(r.holders, debt.Site); holds {
			s.queue(r, &r.holders[h])
		}
	}
	for _, site := range tx.Drop {
		delete(r.leases, site)
	}
}

// Intents lists requests that are unsettled.
func (s *Store) Intents(_ context.Context, after request.ID, limit int) ([]request.ID, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	return idsAfter(s.open, after, limit), nil
}

// idsAfter lists keys in order, those after the one given.
func idsAfter[V any](m map[request.ID]V, after request.ID, limit int) []request.ID {
	if limit <= 0 {
		limit = page
	}
	ids := slices.Sorted(maps.Keys(m))
	i, found := slices.BinarySearch(ids, after)
	if found {
		i++
	}
	return ids[i:min(i+limit, len(ids))]
}

// Entries lists records in order of id.
func (s *Store) Entries(_ context.Context, after request.ID, limit int) ([]store.Record, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	var out []store.Record
	for _, id := range idsAfter(s.records, after, limit) {
		rec, err := s.read(id)
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
	}
	return out, nil
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

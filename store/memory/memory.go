// Package memory is a store that forgets everything when the process ends: for tests and simulations of many gateways in one
// process. It keeps the whole contract of package store but durability.
package memory

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Store is the store. Its zero value is empty and ready.
type Store struct {
	mu      sync.Mutex
	closed  bool
	queues  map[request.Site]*queue
	entries map[request.ID]row
	links   map[link]request.ID
	holders map[holder]held
	keys    map[string]request.Key
	ops     map[string]request.Operation
	tokens  int
	// Now tells when keys expire; nil is time.Now.
	Now func() time.Time
}

type row struct {
	entry request.Entry
	rev   uint64
}

type link struct {
	collection string
	store.Link
}

type holder struct {
	id   request.ID
	site request.Site
}

// held is a holder row with its lease.
type held struct {
	request.Delivery
	token string
	until time.Time
}

var _ store.Store = (*Store)(nil)

// enter locks; leave with what it returns.
func (s *Store) enter() (leave func(), err error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return func() {}, store.ErrClosed
	}
	if s.entries == nil {
		s.entries, s.links, s.holders = map[request.ID]row{}, map[link]request.ID{}, map[holder]held{}
		s.keys, s.ops, s.queues = map[string]request.Key{}, map[string]request.Operation{}, map[request.Site]*queue{}
	}
	return s.mu.Unlock, nil
}

// Read returns one record.
func (s *Store) Read(_ context.Context, id request.ID) (store.Record, error) {
	leave, err := s.enter()
	if err != nil {
		return store.Record{}, err
	}
	defer leave()
	return s.record(id)
}

func (s *Store) record(id request.ID) (store.Record, error) {
	r, ok := s.entries[id]
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	rec := store.Record{Entry: r.entry, Rev: r.rev}
	for k, h := range s.holders {
		if k.id == id {
			rec.Holders = append(rec.Holders, h.Delivery)
		}
	}
	slices.SortFunc(rec.Holders, func(a, b request.Delivery) int { return cmp.Compare(a.Site, b.Site) })
	return rec, nil
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
	return s.record(id)
}

// Commit applies tx if the entry has not changed since.
func (s *Store) Commit(_ context.Context, tx store.Tx) (uint64, error) {
	leave, err := s.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	id := tx.Entry.ID
	if s.entries[id].rev != tx.Rev {
		return 0, store.ErrConflict
	}
	for _, l := range tx.Unlink {
		if k := (link{tx.Entry.Collection, l}); s.links[k] == id {
			delete(s.links, k)
		}
	}
	for _, l := range tx.Link {
		s.links[link{tx.Entry.Collection, l}] = id
	}
	if tx.Forget {
		delete(s.entries, id)
		for k := range s.holders {
			if k.id == id {
				delete(s.holders, k)
			}
		}
		return tx.Rev + 1, nil
	}
	s.entries[id] = row{tx.Entry, tx.Rev + 1}
	for _, d := range tx.Owe {
		s.owe(tx, d)
	}
	for _, site := range tx.Drop {
		delete(s.holders, holder{id, site})
	}
	return tx.Rev + 1, nil
}

func (s *Store) owe(tx store.Tx, d request.Debt) {
	k := holder{tx.Entry.ID, d.Site}
	h, known := s.holders[k]
	if !known {
		h.Delivery = request.Delivery{Request: k.id, Site: k.site, Terms: d.Terms}
	}
	if h.State == "" || h.State == request.Delivered {
		h.Since, h.Attempts = tx.Now, 0
	}
	h.Owed = tx.Entry.Version
	if h.State != request.InFlight && h.State != request.Pending {
		h.State, h.Due = request.Pending, tx.Now
	}
	s.put(k, h)
}

// put stores a holder and, when it is to be handed out at some time, its place in the queue.
func (s *Store) put(k holder, h held) {
	s.holders[k] = h
	if at, ok := h.ready(); ok {
		q := s.queues[k.site]
		if q == nil {
			q = &queue{}
			s.queues[k.site] = q
		}
		heap.Push(q, place{at, k.id})
	}
}

// ready is when a holder can be claimed.
func (h held) ready() (at time.Time, ok bool) {
	switch h.State {
	case request.Pending, request.Waiting:
		return h.Due, true
	case request.InFlight:
		return h.until, true
	}
	return at, false
}

// place is a holder's in the queue of its site. Places are not taken out when a holder changes: one that disagrees with its
// holder is passed over.
type place struct {
	at time.Time
	id request.ID
}

type queue []place

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return cmp.Or(q[i].at.Compare(q[j].at), cmp.Compare(q[i].id, q[j].id)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(place)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// Intents lists requests with an open intent or a suspect.
func (s *Store) Intents(_ context.Context, after request.ID, limit int) ([]request.ID, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	var out []request.ID
	for id, r := range s.entries {
		if id > after && r.entry.Unsettled() {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out[:min(limit, len(out))], nil
}

// Entries lists records in order of id.
func (s *Store) Entries(_ context.Context, after request.ID, limit int) ([]store.Record, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	var ids []request.ID
	for id := range s.entries {
		if id > after {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var out []store.Record
	for _, id := range ids[:min(limit, len(ids))] {
		rec, _ := s.record(id)
		out = append(out, rec)
	}
	return out, nil
}

// Claim leases what is due.
func (s *Store) Claim(_ context.Context, c store.Claim) ([]store.Claimed, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	var out []store.Claimed
	q := s.queues[c.Site]
	for q != nil && len(*q) > 0 && len(out) < c.Limit && !(*q)[0].at.After(c.Now) {
		p := heap.Pop(q).(place)
		k := holder{p.id, c.Site}
		h, ok := s.holders[k]
		if at, ready := h.ready(); !ok || !ready || !at.Equal(p.at) {
			continue
		}
		s.tokens++
		h.State, h.token, h.until = request.InFlight, fmt.Sprint(s.tokens), c.Now.Add(c.Lease)
		s.put(k, h)
		out = append(out, store.Claimed{Delivery: h.Delivery, Entry: s.entries[h.Request].entry, Token: h.token})
	}
	return out, nil
}

// Settle records ends of attempts.
func (s *Store) Settle(_ context.Context, list []store.Settlement) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	for _, x := range list {
		k := holder{x.Request, x.Site}
		h, ok := s.holders[k]
		if !ok {
			continue
		}
		s.put(k, settle(h, x))
	}
	return nil
}

// settle is the rule of store.Settlement for one holder.
func settle(h held, x store.Settlement) held {
	flying := h.State == request.InFlight
	if x.Token == store.Operator {
		if h.Owed == x.Owed {
			h.State, h.Due, h.Cause, h.Attempts, h.token = x.State, x.Due, x.Cause, x.Attempts, ""
		}
		return h
	}
	if x.Token != "" && (!flying || h.token != x.Token) {
		return h
	}
	if x.Acked.After(h.Acked) {
		h.Acked, h.Last = x.Acked, x.Now
	}
	if x.Local != "" {
		h.Local = x.Local
	}
	caughtUp := !h.Acked.IsZero() && !h.Owed.After(h.Acked)
	switch {
	case x.Token == "":
		if caughtUp && !flying {
			h.State, h.Attempts, h.Cause = request.Delivered, 0, ""
		}
	case caughtUp && x.State != request.Parked:
		h.State, h.Attempts, h.Cause = request.Delivered, 0, ""
	case h.Owed != x.Owed:
		h.State, h.Due, h.Attempts, h.Cause = request.Pending, x.Now, x.Attempts, ""
	default:
		h.State, h.Due, h.Attempts, h.Cause = x.State, x.Due, x.Attempts, x.Cause
	}
	if x.Token != "" {
		h.token = ""
	}
	return h
}

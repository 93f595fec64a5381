package embedded

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/merge"
	"github.com/meridian-gateway/meridian/store/internal/rows"
)

// page is how much a listing returns when it is not told.
const page = 1000

// Read implements store.Ledger.
func (s *Store) Read(_ context.Context, id request.ID) (store.Record, error) {
	if err := s.alive(); err != nil {
		return store.Record{}, err
	}
	r, err := s.record(id)
	if err != nil {
		return store.Record{}, down("store.Read", err)
	}
	if r == nil {
		return store.Record{}, store.ErrNotFound
	}
	return s.show(r), nil
}

func (s *Store) alive() error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	return nil
}

// show makes the caller's own copy of a record, with what is in flight.
func (s *Store) show(r *record) store.Record {
	out := store.Record{Entry: rows.Clone(r.entry), Rev: r.rev, Holders: slices.Clone(r.holders)}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range out.Holders {
		if it := s.due.find(out.Holders[i].Site, out.Entry.ID); it != nil && it.lease != nil {
			out.Holders[i].State = request.InFlight
		}
	}
	return out
}

// linkName is the key of a link. No part can hold a zero byte and be a name in an API.
func linkName(collection string, l store.Link) string {
	return strings.Join([]string{collection, string(l.Site), l.Local}, "\x00")
}

// Lookup implements store.Ledger.
func (s *Store) Lookup(ctx context.Context, collection string, link store.Link) (store.Record, error) {
	if err := s.alive(); err != nil {
		return store.Record{}, err
	}
	id, err := s.named(linkName(collection, link))
	if err != nil {
		return store.Record{}, down("store.Lookup", err)
	}
	if id == "" {
		return store.Record{}, store.ErrNotFound
	}
	return s.Read(ctx, id)
}

// named is where a name leads, "" for nowhere.
func (s *Store) named(name string) (request.ID, error) {
	return fill(s, s.names, name, func() (id request.ID, size int, err error) {
		err = s.readLink.QueryRow(name).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return id, len(name) + len(id), err
	})
}

// Commit implements store.Ledger.
func (s *Store) Commit(ctx context.Context, tx store.Tx) (rev uint64, err error) {
	var value []byte
	if !tx.Forget {
		if value, err = rows.AppendEntry(make([]byte, 0, 2048), &tx.Entry); err != nil {
			return 0, &request.Error{Op: "store.Commit", Kind: request.Invalid, Request: tx.Entry.ID, Err: err}
		}
		tx.Entry = rows.Clone(tx.Entry)
	}
	if err := s.warm(&tx); err != nil {
		return 0, down("store.Commit", err)
	}
	err = s.do(ctx, "store.Commit", func(g *group) error {
		rev, err = g.commit(&tx, value)
		return err
	})
	if err != nil {
		return 0, err
	}
	return rev, nil
}

// warm reads what the writer will ask for, so that the one writer seldom waits for the disk.
func (s *Store) warm(tx *store.Tx) error {
	if err := s.alive(); err != nil {
		return err
	}
	if tx.Rev != 0 {
		if _, err := s.record(tx.Entry.ID); err != nil {
			return err
		}
	}
	for _, l := range tx.Unlink {
		if _, err := s.named(linkName(tx.Entry.Collection, l)); err != nil {
			return err
		}
	}
	return nil
}

// commit judges one Tx. All that can fail comes before the first change.
func (g *group) commit(tx *store.Tx, value []byte) (uint64, error) {
	c, err := g.find(tx.Entry.ID)
	if err != nil {
		return 0, err
	}
	var rev uint64
	var holders []request.Delivery
	if c.now != nil {
		rev, holders = c.now.rev, c.now.holders
	}
	if rev != tx.Rev {
		return 0, store.ErrConflict
	}
	gone, err := g.unlinks(tx)
	if err != nil {
		return 0, err
	}
	for _, name := range gone {
		g.links[name] = ""
	}
	c.entry = true
	if tx.Forget {
		for _, d := range holders {
			c.end(d.Site)
		}
		c.now, c.holders = nil, true
		return 0, nil
	}
	for _, l := range tx.Link {
		g.links[linkName(tx.Entry.Collection, l)] = tx.Entry.ID
	}
	if len(tx.Owe) > 0 || len(tx.Drop) > 0 {
		c.holders = true
		holders = merge.Holders(holders, tx)
		for _, debt := range tx.Owe {
			c.owe(debt, tx.Now)
		}
		for _, site := range tx.Drop {
			c.end(site)
		}
	}
	c.value = value
	c.now = &record{entry: tx.Entry, rev: rev + 1, holders: holders, size: len(value) + 250*len(holders)}
	g.mark(c)
	return rev + 1, nil
}

// unlinks lists the names that lead to the request and are to go.
func (g *group) unlinks(tx *store.Tx) (names []string, err error) {
	for _, l := range tx.Unlink {
		name := linkName(tx.Entry.Collection, l)
		id, known := g.links[name]
		if !known {
			if id, err = g.s.named(name); err != nil {
				return nil, err
			}
		}
		if id == tx.Entry.ID {
			names = append(names, name)
		}
	}
	return names, nil
}

// mark takes a slot for a request that becomes unsettled.
func (g *group) mark(c *change) {
	if !rows.Open(&c.now.entry) || c.openSlot != 0 {
		return
	}
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	if _, is := g.s.open[c.id]; !is {
		c.openSlot = g.s.slots.take()
	}
}

// Intents implements store.Ledger.
func (s *Store) Intents(_ context.Context, after request.ID, limit int) ([]request.ID, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if limit <= 0 {
		limit = page
	}
	s.mu.Lock()
	var out []request.ID
	for id := range s.open {
		if id > after {
			out = append(out, id)
		}
	}
	s.mu.Unlock()
	slices.Sort(out)
	return out[:min(limit, len(out))], nil
}

// Entries implements store.Ledger. It reads past the cache, so that a sweep does not push out what is in use.
func (s *Store) Entries(ctx context.Context, after request.ID, limit int) ([]store.Record, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if limit <= 0 {
		limit = page
	}
	res, err := s.reader.QueryContext(ctx, selectRecord+"where e.id > ? order by e.id limit ?", string(after), limit)
	if err != nil {
		return nil, down("store.Entries", err)
	}
	defer func() { _ = res.Close() }() // read to the end below, or failed already
	var out []store.Record
	for res.Next() {
		var id string
		var entry, holders sql.RawBytes
		if err := res.Scan(&id, &entry, &holders); err != nil {
			return nil, down("store.Entries", err)
		}
		r, err := decodeRecord(id, entry, holders)
		if err != nil {
			return nil, down("store.Entries", err)
		}
		out = append(out, s.show(r))
	}
	return out, down("store.Entries", res.Err())
}

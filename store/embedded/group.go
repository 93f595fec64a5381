package embedded

import (
	"context"
	"database/sql"
	"errors"
	"hash/maphash"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/merge"
	"github.com/meridian-gateway/meridian/store/internal/rows"
)

// job is one change handed to the writer. run judges it against the newest state and notes what it changes, or returns an error
// and notes nothing.
type job struct {
	run  func(*group) error
	done chan error
	// taken is set by whoever comes first: the writer, or a caller that no longer waits.
	taken atomic.Bool
}

// mostJobs bounds a group, and with it how long its first job waits.
const mostJobs = 512

// do hands a change to the writer and returns when it is on the disk. When ctx ends before the writer has begun, nothing happens.
func (s *Store) do(ctx context.Context, op string, run func(*group) error) error {
	j := &job{run: run, done: make(chan error, 1)}
	s.gate.RLock()
	if s.closed {
		s.gate.RUnlock()
		return store.ErrClosed
	}
	s.jobs <- j
	s.gate.RUnlock()
	select {
	case err := <-j.done:
		return refused(op, err)
	case <-ctx.Done():
		if !j.taken.Swap(true) {
			return down(op, ctx.Err())
		}
		return refused(op, <-j.done)
	}
}

// refused leaves a verdict as it is and makes anything else a failure of the store.
func refused(op string, err error) error {
	if errors.Is(err, store.ErrConflict) {
		return err
	}
	if _, ok := errors.AsType[*request.Error](err); ok {
		return err
	}
	return down(op, err)
}

// write is the writer: it takes all jobs that wait and makes one transaction of them. It ends when the store is closed.
func (s *Store) write() {
	defer close(s.stopped)
	for first := range s.jobs {
		group := &group{s: s, records: make(map[request.ID]*change), links: make(map[string]request.ID), notes: make(map[string]*note)}
		group.add(first)
		for len(group.jobs) < mostJobs {
			select {
			case j, more := <-s.jobs:
				if more {
					group.add(j)
					continue
				}
			default:
			}
			break
		}
		group.finish()
	}
}

// group is the changes of one transaction. Later jobs of it see what earlier ones will have changed.
type group struct {
	s        *Store
	jobs     []*job
	verdicts []error
	records  map[request.ID]*change
	order    []*change
	links    map[string]request.ID // "" for one removed
	notes    map[string]*note      // nil for one removed
	busy     []*item
}

// change is what a group does to one request.
type change struct {
	id       request.ID
	now      *record // nil for none
	value    []byte  // the entry encoded, without revision and checksum; nil when it stays
	entry    bool    // the entry is written or removed
	holders  bool    // the holders are written or removed
	openSlot int     // the slot taken by this group, 0 for none
	ends     map[request.Site]bool
	owed     map[request.Site]time.Time // when what is owed anew may be delivered
	old      []request.Delivery
}

type note struct {
	value   []byte
	expires time.Time
}

func (g *group) add(j *job) {
	if j.taken.Swap(true) {
		return
	}
	g.jobs = append(g.jobs, j)
	g.verdicts = append(g.verdicts, j.run(g))
}

// finish writes, publishes and answers.
func (g *group) finish() {
	err := g.flush()
	g.publish(err == nil)
	for i, j := range g.jobs {
		if err != nil {
			j.done <- err
		} else {
			j.done <- g.verdicts[i]
		}
	}
}

// find returns the change of a request in this group, at first without any.
func (g *group) find(id request.ID) (*change, error) {
	if c := g.records[id]; c != nil {
		return c, nil
	}
	var r *record
	if !g.s.absent(id) {
		var err error
		if r, err = g.s.record(id); err != nil {
			return nil, err
		}
	}
	c := &change{id: id, now: r}
	if r != nil {
		c.old = r.holders
	}
	g.records[id] = c
	g.order = append(g.order, c)
	return c, nil
}

// flush writes all changes in one transaction; a group that changes nothing costs nothing.
func (g *group) flush() error {
	if len(g.links) == 0 && len(g.notes) == 0 {
		idle := true
		for _, c := range g.order {
			idle = idle && !c.entry && !c.holders
		}
		if idle {
			return nil
		}
	}
	return g.s.disk.atomically(func() error {
		for _, c := range g.order {
			if err := g.flushRecord(c); err != nil {
				return err
			}
		}
		for name, id := range g.links {
			err := error(nil)
			if id == "" {
				err = g.s.disk.exec(dropLink, name)
			} else {
				err = g.s.disk.exec(putLink, name, string(id))
			}
			if err != nil {
				return err
			}
		}
		return g.flushNotes()
	})
}

func (g *group) flushRecord(c *change) error {
	w := g.s.disk
	var err error
	if c.entry && c.now == nil {
		err = w.exec(dropEntry, string(c.id))
	} else if c.entry {
		err = w.exec(putEntry, string(c.id), sealEntry(c.value, c.id, c.now.rev))
	}
	if err == nil && c.openSlot != 0 {
		err = w.exec(putIntent, c.openSlot, string(c.id))
	}
	if err != nil || !c.holders {
		return err
	}
	if c.now == nil || len(c.now.holders) == 0 {
		return w.exec(dropHolder, string(c.id))
	}
	return w.exec(putHolder, string(c.id), sealHolders(c.id, c.now.holders))
}

func (g *group) flushNotes() error {
	w := g.s.disk
	for key, n := range g.notes {
		var err error
		if n == nil {
			err = w.exec(dropNote, key)
		} else {
			err = w.exec(putNote, key, expiry(n.expires), rows.Seal(slices.Clone(n.value), key))
		}
		if err != nil {
			return err
		}
	}
	// Expired notes are swept on the way, at most once a minute: a store that rests does no work.
	if now := g.s.now(); len(g.notes) > 0 && now.Sub(g.s.swept) >= time.Minute {
		g.s.swept = now
		return w.exec(sweepNotes, expiry(now))
	}
	return nil
}

// end notes that the lease on a site's delivery is over when the group is published.
func (c *change) end(site request.Site) {
	if c.ends == nil {
		c.ends = make(map[request.Site]bool)
	}
	c.ends[site] = true
}

// owe notes a debt for the lease that there may be when the group is published.
func (c *change) owe(debt request.Debt, now time.Time) {
	if c.owed == nil {
		c.owed = make(map[request.Site]time.Time)
	}
	at, _ := merge.DueAt(debt, now)
	l := merge.Lease{Next: c.owed[debt.Site]}
	l.Owed(at)
	c.owed[debt.Site] = l.Next
}

// publish shows the changes to everyone, or takes back what the group had set aside.
func (g *group) publish(done bool) {
	s := g.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range g.busy {
		it.busy = false
	}
	for _, c := range g.order {
		if !done {
			if c.openSlot != 0 {
				s.slots.give(c.openSlot)
			}
			continue
		}
		if c.entry || c.holders {
			s.publishRecord(c)
		}
	}
	if !done {
		return
	}
	for name, id := range g.links {
		s.stamps[s.stripe(name)]++
		s.names.put(name, id, len(name)+len(id))
	}
}

func (s *Store) publishRecord(c *change) {
	s.stamps[s.stripe(string(c.id))]++
	s.highest = max(s.highest, c.id)
	size := 0
	if c.now != nil {
		size = c.now.size
	}
	s.records.put(c.id, c.now, size)
	if c.openSlot != 0 {
		s.open[c.id] = c.openSlot
	}
	if slot, was := s.open[c.id]; was && (c.now == nil || !rows.Open(&c.now.entry)) {
		delete(s.open, c.id)
		s.slots.give(slot)
	}
	if !c.holders {
		return
	}
	for i := range c.old {
		if c.now == nil {
			s.due.remove(c.old[i].Site, c.id)
		} else if _, still := merge.Find(c.now.holders, c.old[i].Site); !still {
			s.due.remove(c.old[i].Site, c.id)
		}
	}
	if c.now == nil {
		return
	}
	for i := range c.now.holders {
		s.due.put(&c.now.holders[i], c.ends[c.now.holders[i].Site])
	}
	for site, at := range c.owed {
		if it := s.due.find(site, c.id); it != nil && it.lease != nil {
			it.lease.Owed(at)
		}
	}
}

func (s *Store) stripe(name string) uint64 {
	return maphash.String(s.seed, name) % uint64(len(s.stamps))
}

// absent tells, without looking at the disk, that there is no such request: ids grow with time, so that most new ones are
// higher than any that was ever stored.
func (s *Store) absent(id request.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return id > s.highest
}

// record returns the newest published record of a request, nil when there is none. It must not be changed.
func (s *Store) record(id request.ID) (*record, error) {
	return fill(s, s.records, id, func() (*record, int, error) {
		r, err := s.fetch(id)
		if r == nil {
			return nil, 0, err
		}
		return r, r.size, err
	})
}

// fill answers from a cache, or reads the disk and remembers. What a publication has overtaken meanwhile is not remembered.
func fill[K ~string, V any](s *Store, cache *lru[K, V], k K, read func() (V, int, error)) (V, error) {
	at := s.stripe(string(k))
	s.mu.Lock()
	v, ok := cache.get(k)
	stamp := s.stamps[at]
	s.mu.Unlock()
	if ok {
		return v, nil
	}
	v, size, err := read()
	if err != nil {
		return v, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if newer, ok := cache.get(k); ok {
		return newer, nil
	}
	if s.stamps[at] == stamp {
		cache.put(k, v, size)
	}
	return v, nil
}

// fetch reads a record from the disk.
func (s *Store) fetch(id request.ID) (*record, error) {
	var key string
	var entry, holders []byte
	err := s.readRecord.QueryRow(string(id)).Scan(&key, &entry, &holders)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeRecord(key, entry, holders)
}

// newBoot names this opening of the store in the tokens of its claims.
func newBoot() string { return strconv.FormatUint(maphash.Comparable(maphash.MakeSeed(), 0), 36) }

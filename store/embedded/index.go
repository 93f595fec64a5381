package embedded

import (
	"container/heap"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store/internal/merge"
)

// index knows every delivery that is not delivered, by site. It is rebuilt from the holders' rows when the store is opened.
type index map[request.Site]*lane

// lane is what one site is owed: all of it by request, and what may be claimed in a line for each pool. A line stays when it is
// empty: there are as many as a network has pools.
type lane struct {
	items map[request.ID]*item
	lines map[string]*line
}

// item is one delivery that is not delivered. Times are nanoseconds, so that a long backlog stays small.
type item struct {
	id         request.ID
	state      request.State // as stored: never in flight
	due, since int64
	lease      *merge.Lease
	busy       bool  // a settlement is being flushed; nobody may claim it meanwhile
	line       *line // that of its pool
	pos        int   // in the line, -1 when it is not there
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// key is when the item may be claimed.
func (it *item) key() int64 {
	if it.lease != nil {
		return nanos(it.lease.Until)
	}
	return it.due
}

// shown is the state as people see it.
func (it *item) shown() request.State {
	if it.lease != nil {
		return request.InFlight
	}
	return it.state
}

func (x index) find(site request.Site, id request.ID) *item {
	if l := x[site]; l != nil {
		return l.items[id]
	}
	return nil
}

// put brings the item of one holder up to date; ends drops its lease.
func (x index) put(d *request.Delivery, ends bool) {
	if d.State == request.Delivered {
		x.remove(d.Site, d.Request)
		return
	}
	l := x[d.Site]
	if l == nil {
		l = &lane{items: make(map[request.ID]*item), lines: make(map[string]*line)}
		x[d.Site] = l
	}
	it := l.items[d.Request]
	if it == nil {
		it = &item{id: d.Request, pos: -1}
		l.items[d.Request] = it
	}
	it.state, it.due, it.since = d.State, nanos(d.Due), nanos(d.Since)
	if ends {
		it.lease = nil
	}
	if it.line == nil || it.line.pool != d.Pool {
		it.leave()
		it.line = l.pool(d.Pool)
	}
	it.place()
}

// pool is the line of a pool.
func (l *lane) pool(name string) *line {
	at := l.lines[name]
	if at == nil {
		at = &line{pool: name}
		l.lines[name] = at
	}
	return at
}

func (x index) remove(site request.Site, id request.ID) {
	l := x[site]
	if l == nil {
		return
	}
	if it := l.items[id]; it != nil {
		delete(l.items, id)
		it.leave()
	}
	if len(l.items) == 0 {
		delete(x, site)
	}
}

// place puts the item where it belongs in its line, or takes it out.
func (it *item) place() {
	claimable := it.lease != nil || it.state == request.Pending || it.state == request.Waiting
	switch {
	case claimable && it.pos < 0:
		heap.Push(it.line, it)
	case claimable:
		heap.Fix(it.line, it.pos)
	default:
		it.leave()
	}
}

// leave takes the item out of its line.
func (it *item) leave() {
	if it.pos >= 0 {
		heap.Remove(it.line, it.pos)
	}
}

// take leases up to limit items that are due, oldest first over all pools but those in not.
func (l *lane) take(now time.Time, limit int, not []string, lease func() *merge.Lease) []*item {
	var out, aside []*item
	for at := nanos(now); len(out) < limit; {
		it := l.first(not)
		if it == nil || it.key() > at {
			break
		}
		heap.Pop(it.line)
		if it.busy {
			aside = append(aside, it)
		} else {
			out = append(out, it)
		}
	}
	for _, it := range out {
		it.lease = lease()
		it.place()
	}
	for _, it := range aside {
		it.place()
	}
	return out
}

// first is the item to be claimed first, nil for none. There are few pools, so that looking at each is cheap.
func (l *lane) first(not []string) *item {
	var first *item
	for name, line := range l.lines {
		if len(line.items) == 0 || slices.Contains(not, name) {
			continue
		}
		if it := line.items[0]; first == nil || it.before(first) {
			first = it
		}
	}
	return first
}

// before orders items by when they may be claimed.
func (it *item) before(other *item) bool {
	a, b := it.key(), other.key()
	return a < b || a == b && it.id < other.id
}

// line is what one pool may claim for a site: a heap, the item to be claimed first on top.
type line struct {
	pool  string
	items []*item
}

func (l *line) Len() int           { return len(l.items) }
func (l *line) Less(i, j int) bool { return l.items[i].before(l.items[j]) }
func (l *line) Swap(i, j int) {
	l.items[i], l.items[j] = l.items[j], l.items[i]
	l.items[i].pos, l.items[j].pos = i, j
}
func (l *line) Push(x any) {
	it := x.(*item)
	it.pos = len(l.items)
	l.items = append(l.items, it)
}
func (l *line) Pop() any {
	n := len(l.items) - 1
	it := l.items[n]
	l.items[n] = nil
	l.items = l.items[:n]
	it.pos = -1
	return it
}

// slots numbers the rows in which open intents are kept, so that closing one costs no write: its row is overwritten by a later
// one, and rows of entries that are closed are passed over when the store is opened.
type slots struct {
	free []int
	next int
}

func (s *slots) take() int {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		return slot
	}
	s.next++
	return s.next
}

func (s *slots) give(slot int) { s.free = append(s.free, slot) }

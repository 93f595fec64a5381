package embedded

import (
	"container/heap"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// index knows every delivery that is not delivered, by site. It is rebuilt from the holders' rows when the store is opened.
type index map[request.Site]*lane

// lane is what one site is owed.
type lane struct {
	items map[request.ID]*item
	line  line
}

// item is one delivery that is not delivered. Times are nanoseconds, so that a long backlog stays small.
type item struct {
	id         request.ID
	state      request.State // as stored: never in flight
	due, since int64
	lease      *held
	busy       bool // a settlement is being flushed; nobody may claim it meanwhile
	pos        int  // in the line, -1 when it is in none
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
		return nanos(it.lease.until)
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
		l = &lane{items: make(map[request.ID]*item)}
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
	l.place(it)
}

func (x index) remove(site request.Site, id request.ID) {
	l := x[site]
	if l == nil {
		return
	}
	if it := l.items[id]; it != nil {
		delete(l.items, id)
		if it.pos >= 0 {
			heap.Remove(&l.line, it.pos)
		}
	}
	if len(l.items) == 0 {
		delete(x, site)
	}
}

// place puts the item where it belongs in the line, or takes it out.
func (l *lane) place(it *item) {
	claimable := it.lease != nil || it.state == request.Pending || it.state == request.Waiting
	switch {
	case claimable && it.pos < 0:
		heap.Push(&l.line, it)
	case claimable:
		heap.Fix(&l.line, it.pos)
	case it.pos >= 0:
		heap.Remove(&l.line, it.pos)
	}
}

// take leases up to limit items that are due, oldest first.
func (l *lane) take(now time.Time, limit int, lease func() *held) []*item {
	var out, aside []*item
	for at := nanos(now); len(out) < limit && len(l.line) > 0 && l.line[0].key() <= at; {
		it := heap.Pop(&l.line).(*item)
		if it.busy {
			aside = append(aside, it)
			continue
		}
		out = append(out, it)
	}
	for _, it := range out {
		it.lease = lease()
		heap.Push(&l.line, it)
	}
	for _, it := range aside {
		heap.Push(&l.line, it)
	}
	return out
}

// line is a heap of items, the one to be claimed first on top.
type line []*item

func (l line) Len() int { return len(l) }
func (l line) Less(i, j int) bool {
	a, b := l[i].key(), l[j].key()
	return a < b || a == b && l[i].id < l[j].id
}
func (l line) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].pos, l[j].pos = i, j
}
func (l *line) Push(x any) {
	it := x.(*item)
	it.pos = len(*l)
	*l = append(*l, it)
}
func (l *line) Pop() any {
	old := *l
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*l = old[:len(old)-1]
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

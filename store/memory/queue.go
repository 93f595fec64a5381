package memory

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/merge"
	"github.com/meridian-gateway/meridian/store/internal/rows"
)

// lane is what one pool has to deliver to one site.
type lane struct {
	site request.Site
	pool string
}

// place is a holder's in a line. Places are not taken out when a holder changes: one that disagrees with its holder is passed
// over.
type place struct {
	at time.Time
	id request.ID
}

func (a place) compare(b place) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) }

// line is the places of one lane, the first to be claimed on top.
type line []place

func (l line) Len() int           { return len(l) }
func (l line) Less(i, j int) bool { return l[i].compare(l[j]) < 0 }
func (l line) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *line) Push(x any)        { *l = append(*l, x.(place)) }
func (l *line) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// ready is when a holder can be claimed; ok is false for never.
func (r *record) ready(d *request.Delivery) (at time.Time, ok bool) {
	if l := r.leases[d.Site]; l.Token != "" {
		return l.Until, true
	}
	return d.Due, d.State == request.Pending || d.State == request.Waiting
}

// queue gives a holder a place in the line of its pool.
func (s *Store) queue(r *record, d *request.Delivery) {
	at, ok := r.ready(d)
	if !ok {
		return
	}
	k := lane{d.Site, d.Pool}
	l := s.lines[k]
	if l == nil {
		l = &line{}
		s.lines[k] = l
		s.pools[d.Site] = append(s.pools[d.Site], d.Pool)
	}
	heap.Push(l, place{at, d.Request})
}

// Claim leases what is due.
func (s *Store) Claim(_ context.Context, c store.Claim) ([]store.Claimed, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	// Those that are taken get their new places in the end: a lease that is over at once must not be given twice.
	var out []store.Claimed
	for len(out) < c.Limit {
		r, d := s.first(&c)
		if r == nil {
			break
		}
		s.tokens++
		token := strconv.FormatUint(s.tokens, 36)
		if r.leases == nil {
			r.leases = map[request.Site]merge.Lease{}
		}
		r.leases[c.Site] = merge.Lease{Token: token, Until: c.Now.Add(c.Lease), Kind: merge.Kind(d.Terms)}
		taken := store.Claimed{Delivery: *d, Entry: rows.Clone(r.entry), Token: token}
		taken.State = request.InFlight
		out = append(out, taken)
	}
	for i := range out {
		s.queue(s.records[out[i].Request], &out[i].Delivery)
	}
	return out, nil
}

// first takes the holder that is to be claimed next out of its line, nil when none is due.
func (s *Store) first(c *store.Claim) (*record, *request.Delivery) {
	var from *line
	var r *record
	var d *request.Delivery
	for _, pool := range s.pools[c.Site] {
		if slices.Contains(c.Not, pool) {
			continue
		}
		k := lane{c.Site, pool}
		l := s.lines[k]
		if owner, holder := s.top(k, l); owner != nil && !(*l)[0].at.After(c.Now) && (from == nil || (*l)[0].compare((*from)[0]) < 0) {
			from, r, d = l, owner, holder
		}
	}
	if from != nil {
		heap.Pop(from)
	}
	return r, d
}

// top is the holder in the first place of a line, without those that disagree with their holders.
func (s *Store) top(k lane, l *line) (*record, *request.Delivery) {
	for ; len(*l) > 0; heap.Pop(l) {
		p := (*l)[0]
		r := s.records[p.id]
		if r == nil {
			continue
		}
		h, holds := merge.Find(r.holders, k.site)
		if !holds {
			continue
		}
		if at, ok := r.ready(&r.holders[h]); ok && at.Equal(p.at) && r.holders[h].Pool == k.pool {
			return r, &r.holders[h]
		}
	}
	return nil, nil
}

// Settle records ends of attempts.
func (s *Store) Settle(_ context.Context, list []store.Settlement) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	for i := range list {
		if err := merge.Check(&list[i]); err != nil {
			return err
		}
	}
	for i := range list {
		if r := s.records[list[i].Request]; r != nil {
			s.settle(r, list[i])
		}
	}
	return nil
}

func (s *Store) settle(r *record, x store.Settlement) {
	h, holds := merge.Find(r.holders, x.Site)
	if !holds {
		return
	}
	d, did := merge.Settle(r.holders[h], r.leases[x.Site], x)
	if did.Ends {
		delete(r.leases, x.Site)
	}
	switch {
	case did.Gone:
		r.holders = merge.Without(r.holders, h)
	case did.Changed:
		r.holders = slices.Clone(r.holders)
		r.holders[h] = d
		s.queue(r, &r.holders[h])
	}
}

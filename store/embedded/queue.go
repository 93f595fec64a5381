package embedded

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/merge"
	"github.com/meridian-gateway/meridian/store/internal/rows"
)

// Claim implements store.Queue. Leases live in memory only: when the process ends, all it had in flight is due again.
func (s *Store) Claim(_ context.Context, c store.Claim) ([]store.Claimed, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	taken := s.lease(c)
	if len(taken) == 0 {
		return nil, nil
	}
	records := make([]*record, len(taken))
	for i, t := range taken {
		var err error
		if records[i], err = s.record(t.id); err != nil {
			s.unlease(c.Site, taken)
			return nil, down("store.Claim", err)
		}
	}
	out := make([]store.Claimed, 0, len(taken))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range taken {
		it := s.due.find(c.Site, t.id)
		if records[i] == nil || it == nil || it.lease == nil || it.lease.Token != t.token {
			continue // settled by a person or removed in this moment
		}
		h, holds := merge.Find(records[i].holders, c.Site)
		if !holds {
			continue
		}
		d := records[i].holders[h]
		it.lease.Kind = merge.Kind(d.Terms)
		d.State = request.InFlight
		out = append(out, store.Claimed{Delivery: d, Entry: rows.Clone(records[i].entry), Token: t.token})
	}
	return out, nil
}

// leased names a lease that was given out.
type leased struct {
	id    request.ID
	token string
}

func (s *Store) lease(c store.Claim) []leased {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.due[c.Site]
	if l == nil {
		return nil
	}
	until := c.Now.Add(c.Lease)
	items := l.take(c.Now, c.Limit, c.Not, func() *merge.Lease {
		s.tokens++
		return &merge.Lease{Token: s.boot + "-" + strconv.FormatUint(s.tokens, 36), Until: until}
	})
	out := make([]leased, len(items))
	for i, it := range items {
		out[i] = leased{it.id, it.lease.Token}
	}
	return out
}

// unlease takes leases back that could not be used.
func (s *Store) unlease(site request.Site, taken []leased) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range taken {
		if it := s.due.find(site, t.id); it != nil && it.lease != nil && it.lease.Token == t.token {
			it.lease = nil
			it.place()
		}
	}
}

// Settle implements store.Queue.
func (s *Store) Settle(ctx context.Context, list []store.Settlement) error {
	if err := s.alive(); err != nil {
		return err
	}
	for i := range list {
		if err := merge.Check(&list[i]); err != nil {
			return err
		}
		if _, err := s.record(list[i].Request); err != nil {
			return down("store.Settle", err)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return s.do(ctx, "store.Settle", func(g *group) error { return g.settle(list) })
}

// settle judges a batch. Reading comes first, so that a failure changes nothing.
func (g *group) settle(list []store.Settlement) error {
	for i := range list {
		if _, err := g.find(list[i].Request); err != nil {
			return err
		}
	}
	for i := range list {
		c := g.records[list[i].Request]
		if c.now == nil {
			continue
		}
		if h, holds := merge.Find(c.now.holders, list[i].Site); holds {
			g.settleOne(c, h, &list[i])
		}
	}
	return nil
}

func (g *group) settleOne(c *change, h int, x *store.Settlement) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	var l merge.Lease
	it := g.s.due.find(x.Site, c.id)
	if it != nil && it.lease != nil && !c.ends[x.Site] {
		l = *it.lease
		if at, anew := c.owed[x.Site]; anew {
			l.Owed(at)
		}
	}
	d, did := merge.Settle(c.now.holders[h], l, *x)
	if !did.Changed {
		return
	}
	if it != nil && !it.busy {
		it.busy = true
		g.busy = append(g.busy, it)
	}
	if did.Ends {
		c.end(x.Site)
	}
	next := *c.now
	if did.Gone {
		next.holders = merge.Without(next.holders, h)
	} else {
		next.holders = slices.Clone(next.holders)
		next.holders[h] = d
	}
	c.now, c.holders = &next, true
}

// Deliveries implements store.Queue. The order is by request, then site.
func (s *Store) Deliveries(ctx context.Context, f store.Filter) ([]request.Delivery, string, error) {
	if err := s.alive(); err != nil {
		return nil, "", err
	}
	if f.Limit <= 0 {
		f.Limit = page
	}
	id, site, _ := strings.Cut(f.After, "/")
	after := place{request.ID(id), request.Site(site)}
	var list []request.Delivery
	var err error
	switch {
	case f.Request != "":
		list, err = s.deliveriesOf(f, []place{{f.Request, ""}}, after)
	case f.State == request.Delivered:
		list, err = s.delivered(ctx, f, after)
	default:
		list, err = s.deliveriesOf(f, s.behind(f, after), after)
	}
	if err != nil {
		return nil, "", down("store.Deliveries", err)
	}
	if len(list) <= f.Limit {
		return list, "", nil
	}
	last := list[f.Limit-1]
	return list[:f.Limit], string(last.Request) + "/" + string(last.Site), nil
}

// place is where a delivery stands in a listing.
type place struct {
	id   request.ID
	site request.Site
}

func (a place) compare(b place) int {
	return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.site, b.site))
}

// behind lists the deliveries that are not delivered and match, one more than the page needs.
func (s *Store) behind(f store.Filter, after place) []place {
	s.mu.Lock()
	var out []place
	for site, l := range s.due {
		if f.Site != "" && f.Site != site {
			continue
		}
		for id, it := range l.items {
			if p := (place{id, site}); p.compare(after) > 0 && (f.State == "" || f.State == it.shown()) {
				out = append(out, p)
			}
		}
	}
	s.mu.Unlock()
	slices.SortFunc(out, place.compare)
	return out[:min(len(out), f.Limit+1)]
}

// deliveriesOf reads the holders at the places that match; a place without site is all holders of its request.
func (s *Store) deliveriesOf(f store.Filter, at []place, after place) ([]request.Delivery, error) {
	var out []request.Delivery
	for _, p := range at {
		r, err := s.record(p.id)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		for _, d := range s.show(r).Holders {
			if (p.site == "" || p.site == d.Site) && matches(&f, &d) && (place{d.Request, d.Site}).compare(after) > 0 {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

func matches(f *store.Filter, d *request.Delivery) bool {
	return (f.Site == "" || f.Site == d.Site) && (f.State == "" || f.State == d.State)
}

// delivered streams the holders' rows for those that are delivered, one more than the page needs.
func (s *Store) delivered(ctx context.Context, f store.Filter, after place) ([]request.Delivery, error) {
	res, err := s.reader.QueryContext(ctx, "select id, value from holder where id >= ? order by id", string(after.id))
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Close() }() // read as far as needed
	var out []request.Delivery
	for len(out) <= f.Limit && res.Next() {
		var id string
		var value []byte
		if err := res.Scan(&id, &value); err != nil {
			return nil, err
		}
		holders, err := decodeHolders(id, value)
		if err != nil {
			return nil, err
		}
		for _, d := range holders {
			if matches(&f, &d) && (place{d.Request, d.Site}).compare(after) > 0 {
				out = append(out, d)
			}
		}
	}
	return out, res.Err()
}

// Backlog implements store.Queue, ordered by site.
func (s *Store) Backlog(context.Context) ([]store.Backlog, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []store.Backlog
	for site, l := range s.due {
		if b := l.count(site, now); b.Pending+b.InFlight+b.Waiting+b.Parked > 0 {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b store.Backlog) int { return cmp.Compare(a.Site, b.Site) })
	return out, nil
}

func (l *lane) count(site request.Site, now time.Time) store.Backlog {
	b := store.Backlog{Site: site}
	oldest, at := int64(0), nanos(now)
	for _, it := range l.items {
		switch it.shown() {
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
		if it.since != 0 && it.since <= at && (oldest == 0 || it.since < oldest) {
			oldest = it.since
		}
	}
	if oldest != 0 {
		b.Oldest = time.Unix(0, oldest).UTC()
	}
	return b
}

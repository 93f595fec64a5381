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

// Deliveries lists holders for people, by request, then site.
func (s *Store) Deliveries(_ context.Context, f store.Filter) ([]request.Delivery, string, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, "", err
	}
	defer leave()
	id, site, _ := strings.Cut(f.After, "/")
	after := request.Delivery{Request: request.ID(id), Site: request.Site(site)}
	var out []request.Delivery
	list := func(r *record) {
		for _, d := range r.holders {
			d.State = r.shown(&d)
			wanted := f.State == d.State || f.State == "" && (d.State != request.Delivered || f.Request != "")
			if wanted && (f.Site == "" || f.Site == d.Site) && compare(d, after) > 0 {
				out = append(out, d)
			}
		}
	}
	if r := s.records[f.Request]; r != nil {
		list(r)
	} else if f.Request == "" {
		for _, r := range s.records {
			list(r)
		}
	}
	slices.SortFunc(out, compare)
	limit := f.Limit
	if limit <= 0 {
		limit = page
	}
	if len(out) <= limit {
		return out, "", nil
	}
	last := out[limit-1]
	return out[:limit], string(last.Request) + "/" + string(last.Site), nil
}

// compare is the order of listings.
func compare(a, b request.Delivery) int {
	return cmp.Or(cmp.Compare(a.Request, b.Request), cmp.Compare(a.Site, b.Site))
}

// Backlog counts what is owed.
func (s *Store) Backlog(context.Context) ([]store.Backlog, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	now := s.now()
	sums := map[request.Site]*store.Backlog{}
	for _, r := range s.records {
		for i := range r.holders {
			d := &r.holders[i]
			b := sums[d.Site]
			if b == nil {
				b = &store.Backlog{Site: d.Site}
				sums[d.Site] = b
			}
			count(b, r.shown(d), d.Since, now)
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

// count adds one delivery to what its site is owed.
func count(b *store.Backlog, state request.State, since, now time.Time) {
	switch state {
	case request.Pending:
		b.Pending++
	case request.InFlight:
		b.InFlight++
	case request.Waiting:
		b.Waiting++
	case request.Parked:
		b.Parked++
		return
	default:
		return
	}
	if !since.After(now) && (b.Oldest.IsZero() || since.Before(b.Oldest)) {
		b.Oldest = since
	}
}

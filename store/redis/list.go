package redis

import (
	"cmp"
	"context"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// place is where a delivery stands in a listing.
type place struct {
	id   request.ID
	site request.Site
}

func (a place) compare(b place) int {
	return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.site, b.site))
}

// Deliveries implements store.Queue. The order is by request, then site.
func (s *Store) Deliveries(ctx context.Context, f store.Filter) ([]request.Delivery, string, error) {
	if f.Limit <= 0 {
		f.Limit = page
	}
	id, site, _ := strings.Cut(f.After, "/")
	after := place{request.ID(id), request.Site(site)}
	var list []request.Delivery
	if f.Request != "" {
		recs, err := s.readAll(ctx, "store.Deliveries", []request.ID{f.Request})
		if err != nil {
			return nil, "", err
		}
		list = matching(recs, f, after)
	} else {
		var err error
		if list, err = s.scan(ctx, f, after); err != nil {
			return nil, "", err
		}
	}
	if len(list) <= f.Limit {
		return list, "", nil
	}
	last := list[f.Limit-1]
	return list[:f.Limit], string(last.Request) + "/" + string(last.Site), nil
}

// scan goes through the requests in order until one delivery more than the page needs is found.
func (s *Store) scan(ctx context.Context, f store.Filter, after place) ([]request.Delivery, error) {
	// The request of the cursor itself may have more holders.
	first, err := s.readAll(ctx, "store.Deliveries", present(after.id))
	if err != nil {
		return nil, err
	}
	list := matching(first, f, after)
	for from := after.id; len(list) <= f.Limit; {
		ids, err := s.candidatesAfter(ctx, f, from, f.Limit+1)
		if err != nil || len(ids) == 0 {
			return list, err
		}
		recs, err := s.readAll(ctx, "store.Deliveries", ids)
		if err != nil {
			return nil, err
		}
		list = append(list, matching(recs, f, after)...)
		from = ids[len(ids)-1]
	}
	return list, nil
}

func present(id request.ID) []request.ID {
	if id == "" {
		return nil
	}
	return []request.ID{id}
}

// candidatesAfter lists requests that may have a delivery that matches, in order.
func (s *Store) candidatesAfter(ctx context.Context, f store.Filter, from request.ID, limit int) ([]request.ID, error) {
	if f.State == request.Delivered {
		return s.merged(ctx, "store.Deliveries", from, limit, s.keys.ids)
	}
	counts, err := s.counts(ctx, "store.Deliveries")
	if err != nil {
		return nil, err
	}
	var calls []*pending
	for site, n := range counts {
		for p := range partitions {
			if (f.Site == "" || f.Site == site) && (f.State == "" || n[f.State] > 0) {
				calls = append(calls, rangeAfter(s.keys.behind(p, site), from, limit))
			}
		}
	}
	if err := s.do(ctx, "store.Deliveries", calls...); err != nil {
		return nil, err
	}
	var out []request.ID
	for _, c := range calls {
		for _, id := range c.cmd.(*goredis.StringSliceCmd).Val() {
			out = append(out, request.ID(id))
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(limit, len(out))], nil
}

// matching are the holders that the filter selects, those after the place.
func matching(recs []store.Record, f store.Filter, after place) []request.Delivery {
	var out []request.Delivery
	for _, r := range recs {
		for _, d := range r.Holders {
			wanted := f.State == d.State || f.State == "" && (d.State != request.Delivered || f.Request != "")
			if wanted && (f.Site == "" || f.Site == d.Site) && (place{d.Request, d.Site}).compare(after) > 0 {
				out = append(out, d)
			}
		}
	}
	return out
}

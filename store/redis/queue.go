package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/merge"
	"github.com/meridian-gateway/meridian/store/internal/rows"
)

// micros is a time as a score.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// seen is a delivery found to be due, in the line of a pool.
type seen struct {
	id    request.ID
	pool  string
	score float64
}

// Claim implements store.Queue: a first script looks what is due in each partition, a second leases the oldest. Another gateway
// may be faster in between; then it looks again.
func (s *Store) Claim(ctx context.Context, c store.Claim) ([]store.Claimed, error) {
	if c.Limit <= 0 {
		return nil, nil
	}
	for range 3 {
		due, err := s.look(ctx, c)
		if err != nil || len(due) == 0 {
			return nil, err
		}
		got, err := s.lease(ctx, c, due)
		if err != nil || len(got) > 0 {
			return got, err
		}
	}
	return nil, nil
}

// look lists what is due for a site, oldest first, as many as are wanted. In each partition there is a line for each pool, so that
// those passed over cost nothing. Each line is asked for somewhat more than its share, and for all only when that is not enough.
func (s *Store) look(ctx context.Context, c store.Claim) ([]seen, error) {
	share := min(c.Limit, c.Limit/8+8)
	due, err := s.lines(ctx, c, share)
	if err != nil || share == c.Limit || !exhausts(due, share) {
		return due, err
	}
	return s.lines(ctx, c, c.Limit)
}

// exhausts tells whether a line gave all it was asked for, so that there may be more of it to come first.
func exhausts(due []seen, share int) bool {
	type line struct {
		partition int
		pool      string
	}
	given := make(map[line]int)
	for _, d := range due {
		l := line{partition(string(d.id)), d.pool}
		if given[l]++; given[l] == share {
			return true
		}
	}
	return false
}

// lines asks each line for as many as each says, and returns the oldest of all.
func (s *Store) lines(ctx context.Context, c store.Claim, each int) ([]seen, error) {
	var args [partitions][]any
	for p := range partitions {
		at := s.together(p)
		if args[at] == nil {
			args[at] = []any{string(c.Site), micros(c.Now), each, len(c.Not)}
			for _, pool := range c.Not {
				args[at] = append(args[at], pool)
			}
		}
		args[at] = append(args[at], s.keys.tag(p))
	}
	var calls []*pending
	for p, a := range args {
		if a != nil {
			calls = append(calls, s.run(order{script: s.scripts.look, tag: s.keys.tag(p)}, a...))
		}
	}
	if err := s.do(ctx, "store.Claim", calls...); err != nil {
		return nil, err
	}
	var out []seen
	for _, p := range calls {
		list, err := p.cmd.(*goredis.Cmd).StringSlice()
		if err != nil {
			return nil, down("store.Claim", err)
		}
		for i := 0; i+2 < len(list); i += 3 {
			score, err := strconv.ParseFloat(list[i+2], 64)
			if err != nil {
				return nil, down("store.Claim", err)
			}
			out = append(out, seen{request.ID(list[i]), list[i+1], score})
		}
	}
	slices.SortFunc(out, func(a, b seen) int { return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.id, b.id)) })
	return out[:min(len(out), c.Limit)], nil
}

// lease takes what was seen, in one script for each partition concerned, or in one for all on a single server.
func (s *Store) lease(ctx context.Context, c store.Claim, due []seen) ([]store.Claimed, error) {
	token := s.unique()
	place := make(map[request.ID]int, len(due))
	var args [partitions][]any
	for i, d := range due {
		place[d.id] = i
		p := s.together(partition(string(d.id)))
		if args[p] == nil {
			args[p] = []any{string(c.Site), micros(c.Now), rows.Nanos(c.Now.Add(c.Lease)), token}
		}
		args[p] = append(args[p], s.keys.tag(partition(string(d.id))), string(d.id), d.pool)
	}
	var calls []*pending
	for p, a := range args {
		if a != nil {
			// Repeated after a lost answer it would find all taken, by itself. The leases of the first try just run out.
			calls = append(calls, s.run(order{script: s.scripts.claim, tag: s.keys.tag(p), once: true}, a...))
		}
	}
	if err := s.do(ctx, "store.Claim", calls...); err != nil {
		return nil, err
	}
	var out []store.Claimed
	for _, p := range calls {
		list, err := p.cmd.(*goredis.Cmd).StringSlice()
		if err != nil {
			return nil, down("store.Claim", err)
		}
		for i := 0; i+2 < len(list); i += 3 {
			claimed, err := decodeClaimed(request.ID(list[i]), list[i+1], list[i+2])
			if err != nil {
				return nil, down("store.Claim", err)
			}
			claimed.Token = token
			out = append(out, claimed)
		}
	}
	slices.SortFunc(out, func(a, b store.Claimed) int { return cmp.Compare(place[a.Request], place[b.Request]) })
	return out, nil
}

func decodeClaimed(id request.ID, row, entry string) (c store.Claimed, err error) {
	if c.Delivery, _, err = rows.DecodeDelivery(id, []byte(row)); err != nil {
		return c, err
	}
	c.State = request.InFlight
	c.Entry, err = decodeEntry(id, entry)
	return c, err
}

// Settle implements store.Queue: one script for each partition concerned, in one pipeline; one for all on a single server.
func (s *Store) Settle(ctx context.Context, list []store.Settlement) error {
	var args [partitions][]any
	for i := range list {
		x := &list[i]
		if err := merge.Check(x); err != nil {
			return err
		}
		p := s.together(partition(string(x.Request)))
		args[p] = append(args[p], s.keys.tag(partition(string(x.Request))), string(x.Request), string(x.Site), x.Token, x.Owed.Mark(), x.Acked.Mark(), x.Local, string(x.State),
			rows.Nanos(x.Due), x.Cause, x.Attempts, rows.Nanos(x.Now))
	}
	var calls []*pending
	for p, a := range args {
		for part := range slices.Chunk(a, 12*mostSettled) {
			calls = append(calls, s.run(order{script: s.scripts.settle, tag: s.keys.tag(p)}, part...))
		}
	}
	if err := s.do(ctx, "store.Settle", calls...); err != nil {
		return err
	}
	if s.journal != nil {
		s.journal.Settled(list)
	}
	return nil
}

// mostSettled bounds how long one script keeps the server busy.
const mostSettled = 100

// counts reads how many deliveries each site has in each state.
func (s *Store) counts(ctx context.Context, op string) (map[request.Site]map[request.State]int, error) {
	calls := make([]*pending, partitions)
	for p := range calls {
		calls[p] = hgetall(s.keys.count(p))
	}
	if err := s.do(ctx, op, calls...); err != nil {
		return nil, err
	}
	out := make(map[request.Site]map[request.State]int)
	for _, c := range calls {
		for field, text := range fieldsOf(c) {
			site, state, _ := strings.Cut(field, "\n")
			n, err := strconv.Atoi(text)
			if err != nil {
				return nil, down(op, err)
			}
			if out[request.Site(site)] == nil {
				out[request.Site(site)] = make(map[request.State]int)
			}
			out[request.Site(site)][request.State(state)] += n
		}
	}
	return out, nil
}

// Backlog implements store.Queue.
func (s *Store) Backlog(ctx context.Context) ([]store.Backlog, error) {
	counts, err := s.counts(ctx, "store.Backlog")
	if err != nil {
		return nil, err
	}
	bySite := make(map[request.Site]*store.Backlog)
	var calls []*pending
	var of []*store.Backlog
	for site, n := range counts {
		b := &store.Backlog{Site: site, Pending: n[request.Pending], InFlight: n[request.InFlight], Waiting: n[request.Waiting], Parked: n[request.Parked]}
		if b.Pending+b.InFlight+b.Waiting+b.Parked == 0 {
			continue
		}
		bySite[site] = b
		for p := range partitions {
			calls = append(calls, call(goredis.NewZSliceCmd(ctx, "zrange", s.keys.since(p, site), 0, 0, "withscores")))
			of = append(of, b)
		}
	}
	if err := s.do(ctx, "store.Backlog", calls...); err != nil {
		return nil, err
	}
	now := s.now()
	for i, c := range calls {
		for _, z := range c.cmd.(*goredis.ZSliceCmd).Val() {
			if t := time.UnixMicro(int64(z.Score)).UTC(); z.Score != 0 && !t.After(now) && (of[i].Oldest.IsZero() || t.Before(of[i].Oldest)) {
				of[i].Oldest = t
			}
		}
	}
	var out []store.Backlog
	for _, b := range bySite {
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b store.Backlog) int { return cmp.Compare(a.Site, b.Site) })
	return out, nil
}

package replicate

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file is the owner's part of comparing ledgers by digests: one pass over this ledger makes them for all holders, each holder is
// asked for its own and, level by level, for what is under those that differ. Nothing is held that grows with the collection but
// what differs, a few thousand buckets at a time.

const (
	// bucketsAtOnce are asked for in one call.
	bucketsAtOnce = 4096
	// suspectsAtOnce are confirmed together; movingMost of those that are just under way are looked at until they come to rest.
	suspectsAtOnce = 2000
	movingMost     = 5000
	// askedAtOnce are asked for one by one in a call.
	askedAtOnce = 500
	// digestTries is how often a holder is asked for digests that it is still making, one pause and its own patience apart.
	digestTries = 720
)

// comparing is the comparison of a collection with one holder. It is for one goroutine.
type comparing struct {
	collection string
	site       request.Site
	key        []byte
	hash       *hasher
}

func newComparing(collection string, site request.Site, key []byte) *comparing {
	return &comparing{collection: collection, site: site, key: key, hash: newHasher(key)}
}

// survey is what one pass over the ledger tells of a collection: how many requests are owned here, and what each site holds of them.
type survey struct {
	requests int
	holders  map[request.Site]*heldThere
}

// heldThere is what a site holds by the owner's ledger.
type heldThere struct {
	copies int
	sums   tree
	// open are those to be looked at one by one whatever the digests say, moving how many more were just under way.
	open   []request.ID
	under  int
	moving int
}

// survey goes through the ledger once.
func (g *Engine) survey(ctx context.Context, collection string, key []byte) (*survey, error) {
	out, h := &survey{holders: make(map[request.Site]*heldThere)}, newHasher(key)
	err := g.eachEntry(ctx, func(rec store.Record) error {
		e := &rec.Entry
		if e.Collection != collection || e.Role != request.Owner {
			return ctx.Err()
		}
		out.requests++
		var sum uint64
		hashed := false
		for i := range rec.Holders {
			p := pairIn(&rec, i)
			x := out.holders[p.row.Site]
			if x == nil {
				x = &heldThere{}
				out.holders[p.row.Site] = x
			}
			if p.row.Linked() {
				x.copies++
			}
			if !p.exact {
				x.suspect(e.ID, p)
				continue
			}
			if !hashed { // all holders are to have the same
				sum, hashed = h.leaf(e.ID, leaf{version: e.Version, sum: h.fields(e.Fields)}), true
			}
			x.sums.add(e.ID, sum)
		}
		return ctx.Err()
	})
	return out, err
}

func (x *heldThere) suspect(id request.ID, p pair) {
	switch v, busy := p.underWay(); {
	case busy && v == pairHeld:
	case busy && x.under >= movingMost:
		x.moving++
	default:
		if busy {
			x.under++
		}
		x.open = append(x.open, id)
	}
}

// differing finds the requests that may differ between this ledger and a holder's. Each is told to suspect once, or twice when it has
// just changed.
func (g *Engine) differing(ctx context.Context, x *comparing, h *heldThere, suspect func(request.ID) error) error {
	top, err := g.askDigest(ctx, x, nil)
	if err != nil {
		return err
	}
	groups := h.sums.otherGroups(top.Sums)
	if len(groups) == 0 {
		return nil
	}
	below, err := g.askDigest(ctx, x, groups)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(h.sums.otherBuckets(groups, below.Sums), bucketsAtOnce) {
		if err := g.differingIn(ctx, x, part, suspect); err != nil {
			return err
		}
	}
	return nil
}

// askDigest asks a holder for digests until it has made them.
func (g *Engine) askDigest(ctx context.Context, x *comparing, groups []int) (request.Digests, error) {
	for range digestTries {
		d, err := g.Peers.Digest(ctx, x.site, request.DigestAsk{Collection: x.collection, Key: x.key, Groups: groups})
		if err != nil || !d.Pending {
			return d, err
		}
		g.nap(ctx, 100*time.Millisecond)
		if ctx.Err() != nil {
			return d, ctx.Err()
		}
	}
	return request.Digests{}, &request.Error{Op: "replicate.verify", Kind: request.Unavailable, Detail: string(x.site) + " does not come to an end with its digests"}
}

// differingIn compares the leaves of some buckets.
func (g *Engine) differingIn(ctx context.Context, x *comparing, buckets []int, suspect func(request.ID) error) error {
	mine, err := g.leavesOf(ctx, x, setOf(buckets))
	if err != nil {
		return err
	}
	var others []request.ID
	ask := request.DigestAsk{Collection: x.collection, Key: x.key, Buckets: buckets}
	for {
		d, err := g.Peers.Digest(ctx, x.site, ask)
		if err != nil {
			return err
		}
		for at := 0; at+request.DigestLeaf <= len(d.Leaves); at += request.DigestLeaf {
			id := request.BinaryID(d.Leaves[at:])
			if sum, known := mine[id]; known && sum == binary.BigEndian.Uint64(d.Leaves[at+request.IDSize:]) {
				delete(mine, id)
			} else if !known {
				others = append(others, id)
			}
		}
		if d.Next == "" {
			break
		}
		if d.Next <= ask.After {
			return &request.Error{Op: "replicate.verify", Kind: request.Unavailable, Detail: string(x.site) + " gives the same requests again and again"}
		}
		ask.After = d.Next
	}
	for _, id := range slices.Concat(slices.Sorted(maps.Keys(mine)), others) {
		if err := suspect(id); err != nil {
			return err
		}
	}
	return nil
}

// leavesOf are the leaves in some buckets of what a site has confirmed, by this ledger.
func (g *Engine) leavesOf(ctx context.Context, x *comparing, want *set) (map[request.ID]uint64, error) {
	out := make(map[request.ID]uint64)
	err := g.eachEntry(ctx, func(rec store.Record) error {
		e := &rec.Entry
		if e.Collection != x.collection || e.Role != request.Owner || !want.has(bucketOf(e.ID)) {
			return ctx.Err()
		}
		if p, ok := pairOf(rec, x.collection, x.site); ok && p.exact {
			out[e.ID] = x.hash.leaf(e.ID, leaf{version: e.Version, sum: x.hash.fields(e.Fields)})
		}
		return ctx.Err()
	})
	return out, err
}

// askOne asks a holder for requests one by one.
func (g *Engine) askOne(ctx context.Context, x *comparing, ids []request.ID) (map[request.ID]leaf, error) {
	out := make(map[request.ID]leaf, len(ids))
	for part := range slices.Chunk(ids, askedAtOnce) {
		d, err := g.Peers.Digest(ctx, x.site, request.DigestAsk{Collection: x.collection, Key: x.key, Requests: part})
		if err != nil {
			return nil, err
		}
		for _, i := range d.Items {
			l := leaf{version: i.Version, missing: i.Missing}
			if len(i.Sum) == 8 {
				l.sum = binary.BigEndian.Uint64(i.Sum)
			}
			out[i.Request] = l
		}
	}
	return out, nil
}

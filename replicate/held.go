package replicate

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file is the holder's part of comparing ledgers: what this one says of the copies of a peer's requests.

const (
	// digestWait is how long an answer about many requests takes at most; what is not done by then is asked for again.
	digestWait = 5 * time.Second
	// digestsMost is how many comparisons' digests are kept, digestLife for how long without a question.
	digestsMost = 8
	digestLife  = time.Minute
)

// heldFor reports whether this site has a copy of a request that a site owns, as far as this ledger knows.
func heldFor(e *request.Entry, collection string, owner request.Site) bool {
	return e.Collection == collection && e.Role == request.Copy && e.Owner == owner && e.Terms.Linked() && !e.Version.IsZero()
}

func (h *hasher) held(e *request.Entry) leaf {
	return leaf{version: e.Version, sum: h.fields(e.Fields), missing: e.Local == ""}
}

// madeDigests are the digests that were made for peers' comparisons, by who asked, for what, with which key.
type madeDigests struct {
	mu sync.Mutex
	m  map[string]*madeDigest
}

// madeDigest is one of them. What is above mu is set when done is closed.
type madeDigest struct {
	done  chan struct{}
	sums  *tree
	count int
	err   error

	mu    sync.Mutex
	asked time.Time
}

// Digest tells an owner what this ledger says of the copies of its requests.
func (f Face) Digest(ctx context.Context, from request.Site, a request.DigestAsk) (request.Digests, error) {
	g := f.Engine
	switch {
	case len(a.Requests) > 0:
		return g.itemsFor(ctx, from, a)
	case len(a.Buckets) > 0:
		return g.leavesFor(ctx, from, a)
	}
	x, err := g.digestFor(ctx, from, a)
	if err != nil {
		return request.Digests{}, err
	}
	select {
	case <-x.done:
	case <-g.Clock.After(digestWait):
		return request.Digests{Pending: true}, nil
	case <-ctx.Done():
		return request.Digests{Pending: true}, nil
	}
	switch {
	case x.err != nil:
		return request.Digests{}, x.err
	case len(a.Groups) > 0:
		return request.Digests{Sums: x.sums.buckets(a.Groups)}, nil
	}
	return request.Digests{Count: x.count, Sums: x.sums.groups()}, nil
}

// digestFor finds the digests of a comparison, or has them made.
func (g *Engine) digestFor(ctx context.Context, from request.Site, a request.DigestAsk) (*madeDigest, error) {
	name := string(from) + "/" + a.Collection + "/" + string(a.Key)
	t := &g.tasks.digests
	t.mu.Lock()
	defer t.mu.Unlock()
	now := g.now()
	if x := t.m[name]; x != nil && !x.failed() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.asked = now
		return x, nil
	}
	t.sweep(now)
	if len(t.m) >= digestsMost {
		return nil, &request.Error{Op: "replicate.Digest", Kind: request.Unavailable, Retry: 5 * time.Second, Detail: "too many comparisons are under way here already"}
	}
	x := &madeDigest{done: make(chan struct{}), asked: now}
	dctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := g.tasks.ended()
	if !g.tasks.begin(func() {
		defer stop()
		defer close(x.done)
		x.sums, x.count, x.err = g.digest(dctx, from, a)
	}) || !g.tasks.begin(func() {
		select {
		case <-ended:
		case <-x.done:
		}
		stop()
	}) {
		stop()
		return nil, &request.Error{Op: "replicate.Digest", Kind: request.Unavailable, Retry: time.Second, Detail: "this gateway is stopping"}
	}
	if t.m == nil {
		t.m = make(map[string]*madeDigest)
	}
	t.m[name] = x
	return x, nil
}

// sweep forgets what nobody asks for any more and, for want of room, what was asked for the longest time ago.
func (t *madeDigests) sweep(now time.Time) {
	oldest, at := "", now
	for name, x := range t.m {
		x.mu.Lock()
		asked := x.asked
		x.mu.Unlock()
		select {
		case <-x.done:
		default:
			continue
		}
		if now.Sub(asked) > digestLife || x.err != nil {
			delete(t.m, name)
		} else if !asked.After(at) {
			oldest, at = name, asked
		}
	}
	if len(t.m) >= digestsMost {
		delete(t.m, oldest)
	}
}

// failed reports whether making it ended with an error: then it is made again.
func (x *madeDigest) failed() bool {
	select {
	case <-x.done:
		return x.err != nil
	default:
		return false
	}
}

// digest makes the digests of all copies of an owner's requests.
func (g *Engine) digest(ctx context.Context, from request.Site, a request.DigestAsk) (*tree, int, error) {
	sums, count, h := new(tree), 0, newHasher(a.Key)
	err := g.eachEntry(ctx, func(rec store.Record) error {
		if e := &rec.Entry; heldFor(e, a.Collection, from) {
			count++
			sums.add(e.ID, h.leaf(e.ID, h.held(e)))
		}
		return ctx.Err()
	})
	return sums, count, err
}

// leavesFor lists the leaves of some buckets, as many as fit into an answer and are found in time.
func (g *Engine) leavesFor(ctx context.Context, from request.Site, a request.DigestAsk) (request.Digests, error) {
	var out request.Digests
	want, h, until, after := setOf(a.Buckets), newHasher(a.Key), g.now().Add(digestWait), a.After
	for {
		recs, err := g.Ledger.Entries(ctx, after, entriesPage)
		if err != nil {
			return out, storeError("replicate.Digest", "", err)
		}
		for i := range recs {
			e := &recs[i].Entry
			after = e.ID
			if !heldFor(e, a.Collection, from) || !want.has(bucketOf(e.ID)) {
				continue
			}
			if out.Leaves, err = e.ID.AppendBinary(out.Leaves); err != nil {
				return out, &request.Error{Op: "replicate.Digest", Kind: request.Internal, Request: e.ID, Err: err}
			}
			out.Leaves = binary.BigEndian.AppendUint64(out.Leaves, h.leaf(e.ID, h.held(e)))
		}
		if len(recs) < entriesPage {
			return out, nil
		}
		if len(out.Leaves) > (peer.MaxLeaves-entriesPage)*request.DigestLeaf || g.now().After(until) {
			out.Next = after
			return out, nil
		}
	}
}

// itemsFor tells of requests one by one; of those that are no copies for the asker, nothing.
func (g *Engine) itemsFor(ctx context.Context, from request.Site, a request.DigestAsk) (request.Digests, error) {
	var out request.Digests
	h := newHasher(a.Key)
	for _, id := range a.Requests {
		rec, err := g.Ledger.Read(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return out, storeError("replicate.Digest", id, err)
		}
		if e := &rec.Entry; heldFor(e, a.Collection, from) {
			l := h.held(e)
			out.Items = append(out.Items, request.DigestItem{Request: id, Version: l.version, Missing: l.missing,
				Sum: binary.BigEndian.AppendUint64(nil, l.sum)})
		}
	}
	return out, nil
}

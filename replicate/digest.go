package replicate

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Digests compare what two ledgers say of many requests by a few bytes (protocol 7.1): a leaf is a hash of id, version and fields, a bucket
// the XOR of the leaves of the ids that fall into it. What is equal costs 2 KiB for a collection of any size; a difference costs the
// list of its bucket.

// Comparers are the other sites' gateways, asked for what they hold of this site's requests.
type Comparers interface {
	Digest(ctx context.Context, to request.Site, a request.DigestAsk) (request.Digests, error)
	Audit(ctx context.Context, to request.Site, a request.AuditAsk) (request.Audited, error)
}

// leaf is one request in a digest.
type leaf struct {
	version request.Version
	sum     uint64
	missing bool
}

// bucketOf is the bucket of an id, and a part of the leaf's hash.
func bucketOf(id request.ID) int {
	sum := sha256.Sum256([]byte(id))
	return int(sum[0])
}

// leafOf is the hash of a request as a ledger has it.
func leafOf(id request.ID, l leaf) uint64 {
	text := make([]byte, 0, 96)
	text = append(text, id...)
	text = append(text, 0)
	text = append(text, l.version.Mark()...)
	text = append(text, 0)
	text = binary.BigEndian.AppendUint64(text, l.sum)
	if l.missing {
		text = append(text, 1)
	}
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:8])
}

// digests are the buckets of one collection at one pair of sites.
type digests [request.DigestBuckets]uint64

func (d *digests) add(id request.ID, l leaf) { d[bucketOf(id)] ^= leafOf(id, l) }

func (d *digests) bytes() []byte {
	out := make([]byte, 0, 8*len(d))
	for _, x := range d {
		out = binary.BigEndian.AppendUint64(out, x)
	}
	return out
}

// differing lists the buckets that are not the same in sums.
func (d *digests) differing(sums []byte) []int {
	var out []int
	for i, x := range d {
		if len(sums) < 8*(i+1) || binary.BigEndian.Uint64(sums[8*i:]) != x {
			out = append(out, i)
		}
	}
	return out
}

// heldFor reports whether this site has a copy of a request that a site owns, as far as this ledger knows.
func heldFor(e *request.Entry, collection string, owner request.Site) bool {
	return e.Collection == collection && e.Role == request.Copy && e.Owner == owner && e.Terms.Linked() && !e.Version.IsZero()
}

func heldLeaf(e *request.Entry) leaf {
	return leaf{version: e.Version, sum: e.Fields.Hash(), missing: e.Local == ""}
}

// Digest tells an owner what this ledger says of the copies of its requests.
func (f Face) Digest(ctx context.Context, from request.Site, a request.DigestAsk) (request.Digests, error) {
	g := f.Engine
	if len(a.Requests) > 0 {
		return g.digestOf(ctx, from, a)
	}
	var out request.Digests
	var sums digests
	want := make(map[int]bool, len(a.Buckets))
	for _, b := range a.Buckets {
		want[b] = true
	}
	after := a.After
	for {
		recs, err := g.Ledger.Entries(ctx, after, 256)
		if err != nil {
			return out, storeError("replicate.Digest", "", err)
		}
		for _, rec := range recs {
			e := &rec.Entry
			if after = e.ID; !heldFor(e, a.Collection, from) {
				continue
			}
			switch {
			case len(want) == 0:
				out.Count++
				sums.add(e.ID, heldLeaf(e))
			case want[bucketOf(e.ID)]:
				if len(out.Items) == peer.MaxDigestItems {
					out.More = true
					return out, nil
				}
				out.Items = append(out.Items, itemOf(e))
			}
		}
		if len(recs) < 256 {
			break
		}
	}
	if len(want) == 0 {
		out.Sums = sums.bytes()
	}
	return out, nil
}

func itemOf(e *request.Entry) request.DigestItem {
	l := heldLeaf(e)
	return request.DigestItem{Request: e.ID, Version: l.version, Missing: l.missing, Sum: binary.BigEndian.AppendUint64(nil, l.sum)}
}

func leafIn(i request.DigestItem) leaf {
	l := leaf{version: i.Version, missing: i.Missing}
	if len(i.Sum) == 8 {
		l.sum = binary.BigEndian.Uint64(i.Sum)
	}
	return l
}

// digestOf tells of requests one by one; of those that are no copies for the asker, nothing.
func (g *Engine) digestOf(ctx context.Context, from request.Site, a request.DigestAsk) (request.Digests, error) {
	var out request.Digests
	for _, id := range a.Requests {
		rec, err := g.Ledger.Read(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return out, storeError("replicate.Digest", id, err)
		}
		if heldFor(&rec.Entry, a.Collection, from) {
			out.Items = append(out.Items, itemOf(&rec.Entry))
		}
	}
	return out, nil
}

// itemsOf asks a holder for the requests in some buckets.
func (g *Engine) itemsOf(ctx context.Context, site request.Site, collection string, buckets []int) (map[request.ID]leaf, error) {
	out := make(map[request.ID]leaf)
	ask := request.DigestAsk{Collection: collection, Buckets: buckets}
	for {
		d, err := g.Peers.Digest(ctx, site, ask)
		if err != nil {
			return nil, err
		}
		for _, i := range d.Items {
			out[i.Request] = leafIn(i)
		}
		if !d.More || len(d.Items) == 0 {
			return out, nil
		}
		last := d.Items[len(d.Items)-1].Request
		if last <= ask.After {
			return nil, &request.Error{Op: "replicate.verify", Kind: request.Unavailable, Detail: string(site) + " gives the same requests again and again"}
		}
		ask.After = last
	}
}

// askOne asks a holder for requests one by one.
func (g *Engine) askOne(ctx context.Context, site request.Site, collection string, ids []request.ID) (map[request.ID]leaf, error) {
	out := make(map[request.ID]leaf, len(ids))
	for part := range slices.Chunk(ids, 500) {
		d, err := g.Peers.Digest(ctx, site, request.DigestAsk{Collection: collection, Requests: part})
		if err != nil {
			return nil, err
		}
		for _, i := range d.Items {
			out[i.Request] = leafIn(i)
		}
	}
	return out, nil
}

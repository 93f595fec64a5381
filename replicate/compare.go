package replicate

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Comparing an owner's ledger with that of a holder: what the holder has confirmed must be what it knows. Digests come first; what they
// show to be different is looked at one by one and, because requests change all the time, again after a moment, until it is
// settled or stays as it is.

const (
	// compareLooks is how often a pair that differs is looked at, comparePause the time between.
	compareLooks = 12
	comparePause = time.Second
	// bucketsAtOnce are asked for in one call.
	bucketsAtOnce = 16
)

// pair is an owned request and one site's hold on it, by the owner's ledger.
type pair struct {
	leaf
	row request.Delivery
	// exact says that the site has confirmed the newest version and nothing is under way, so that all must be equal.
	exact bool
}

// pairsOf lists what a site holds of a collection, by this ledger; only limits it to some requests, nil to none.
func (g *Engine) pairsOf(ctx context.Context, collection string, site request.Site, only map[request.ID]bool) (map[request.ID]pair, error) {
	out := make(map[request.ID]pair)
	err := g.eachEntry(ctx, func(rec store.Record) error {
		if only == nil || only[rec.Entry.ID] {
			if p, ok := pairOf(rec, collection, site); ok {
				out[rec.Entry.ID] = p
			}
		}
		return nil
	})
	return out, err
}

func pairOf(rec store.Record, collection string, site request.Site) (p pair, ok bool) {
	e := &rec.Entry
	if e.Collection != collection || e.Role != request.Owner {
		return p, false
	}
	i := slices.IndexFunc(rec.Holders, func(h request.Delivery) bool { return h.Site == site && h.Linked() })
	if i < 0 {
		return p, false
	}
	row := rec.Holders[i]
	return pair{leaf: leaf{version: e.Version, sum: e.Fields.Hash()}, row: row,
		exact: row.Acked == e.Version && row.State == request.Delivered && e.Intent == nil}, true
}

// verdict is what comparing one pair comes to.
type verdict int

const (
	pairEqual  verdict = iota
	pairMoving         // look again
	pairHeld           // it is to be so: the site is not refreshed yet, by its terms
	pairBehind
	pairAhead
	pairContent
	pairUnknown
)

// judgePair compares a pair with what the site says; there is false when it says nothing of the request. known is false for a request of
// which this site knows no such holder.
func judgePair(p pair, known bool, theirs leaf, there bool) verdict {
	switch {
	case !known && !there:
		return pairEqual
	case !known:
		return pairUnknown
	case p.row.State == request.Parked:
		return pairBehind
	case p.row.State != request.Delivered && p.row.State != request.Cancelled && p.row.Cause == store.Held:
		return pairHeld
	case p.row.State != request.Delivered && p.row.State != request.Cancelled:
		return pairMoving
	case !there, p.row.Acked.After(theirs.version):
		return pairBehind
	case theirs.version.After(p.version):
		return pairAhead
	case !p.exact:
		return pairHeld // it has what it is to have, and the owner has moved on
	case theirs.missing:
		return pairBehind
	case theirs.version == p.version && theirs.sum != p.sum:
		return pairContent
	}
	return pairEqual
}

// differing finds the requests that may differ between this ledger and a holder's, and those that are not settled.
func (g *Engine) differing(ctx context.Context, collection string, site request.Site, ours map[request.ID]pair, only map[request.ID]bool) ([]request.ID, error) {
	suspects := make(map[request.ID]bool)
	for id, p := range ours {
		if !p.exact {
			suspects[id] = true
		}
	}
	theirs := make(map[request.ID]leaf)
	var err error
	buckets := make(map[int]bool)
	if only != nil {
		if theirs, err = g.askOne(ctx, site, collection, slices.Sorted(maps.Keys(only))); err != nil {
			return nil, err
		}
	} else {
		var mine digests
		for id, p := range ours {
			if p.exact {
				mine.add(id, p.leaf)
			}
		}
		d, err := g.Peers.Digest(ctx, site, request.DigestAsk{Collection: collection})
		if err != nil {
			return nil, err
		}
		list := mine.differing(d.Sums)
		for _, b := range list {
			buckets[b] = true
		}
		for part := range slices.Chunk(list, bucketsAtOnce) {
			items, err := g.itemsOf(ctx, site, collection, part)
			if err != nil {
				return nil, err
			}
			maps.Copy(theirs, items)
		}
	}
	for id, t := range theirs {
		if p, known := ours[id]; judgePair(p, known, t, true) != pairEqual {
			suspects[id] = true
		}
	}
	for id, p := range ours {
		if _, there := theirs[id]; !there && p.exact && (only != nil || buckets[bucketOf(id)]) {
			suspects[id] = true
		}
	}
	return slices.Sorted(maps.Keys(suspects)), nil
}

// compared is one pair that stayed different.
type compared struct {
	id      request.ID
	verdict verdict
	pair    pair
	theirs  leaf
	there   bool
}

// confirm looks at suspects again and again, until each is equal, to be as it is, or the same difference twice. Moving are those that
// never came to rest.
func (g *Engine) confirm(ctx context.Context, collection string, site request.Site, suspects []request.ID) (out []compared, moving int, err error) {
	last := make(map[request.ID]compared)
	for look := 0; len(suspects) > 0; look++ {
		theirs, err := g.askOne(ctx, site, collection, suspects)
		if err != nil {
			return out, 0, err
		}
		var again []request.ID
		for _, id := range suspects {
			rec, err := g.Ledger.Read(ctx, id)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return out, 0, storeError("replicate.Read", id, err)
			}
			if e := &rec.Entry; err == nil && e.Role != request.Owner {
				continue // it is another's to compare, or was deleted
			}
			p, known := pairOf(rec, collection, site)
			t, there := theirs[id]
			now := compared{id: id, verdict: judgePair(p, known, t, there), pair: p, theirs: t, there: there}
			was, seen := last[id]
			switch now.verdict {
			case pairEqual, pairHeld:
			case pairMoving:
				again = append(again, id)
			default:
				if seen && was.verdict == now.verdict && was.pair.version == p.version && was.theirs == t {
					out = append(out, now)
					continue
				}
				again = append(again, id)
			}
			last[id] = now
		}
		if suspects = again; len(suspects) == 0 || look == compareLooks {
			break
		}
		g.nap(ctx, comparePause)
		if ctx.Err() != nil {
			return out, 0, ctx.Err()
		}
	}
	return out, len(suspects), nil
}

// asDifference is a compared pair as people see it.
func (x compared) asDifference(collection string, site request.Site) request.Difference {
	d := request.Difference{Request: x.id, Collection: collection, Site: site, Owner: versionJSON(x.pair.version)}
	if x.there && !x.theirs.missing {
		d.Holder = versionJSON(x.theirs.version)
	}
	switch x.verdict {
	case pairUnknown:
		d.Kind, d.Note = request.DiffersUnknown, "the site holds a copy that its owner does not know of"
	case pairAhead:
		d.Kind, d.Note = request.DiffersAhead, "the holder knows a later version than the owner: was the owner's store set back?"
	case pairContent:
		d.Kind, d.Note = request.DiffersField, "the ledgers do not say the same of one version"
	default:
		d.Kind = request.DiffersBehind
		if d.Note = "the holder does not have what it confirmed"; x.pair.row.State == request.Parked {
			d.Note = "its delivery is parked: " + x.pair.row.Cause
		}
		if !x.there || x.theirs.missing {
			d.Kind = request.DiffersMissing
		}
	}
	return d
}

func versionJSON(v request.Version) json.RawMessage {
	if v.IsZero() {
		return nil
	}
	return request.Quote(v.String())
}

// mendPair has the holder of a pair brought up to date. What it returns is why not.
func (g *Engine) mendPair(ctx context.Context, x compared, site request.Site) (why string) {
	leave, err := g.lanes.enter(ctx, string(x.id))
	if err != nil {
		return err.Error()
	}
	defer leave()
	rec, err := g.settled(ctx, x.id)
	if err != nil {
		return err.Error()
	}
	if rec.Entry.Role != request.Owner {
		return "it is no longer owned here"
	}
	now := g.now()
	switch x.verdict {
	case pairUnknown:
		_, err = g.step(ctx, rec, Planned{Plan: rec.Entry.Plan, Owe: []request.Debt{{Site: site}}, Now: now})
	case pairContent: // only a version of its own brings it there
		_, err = g.step(ctx, rec, Seen{Fields: rec.Entry.Fields, ETag: rec.Entry.ETag, Owe: g.behind(rec.Holders, nil, false), Now: now})
	case pairBehind:
		err = storeError("replicate.verify", x.id, g.Queue.Settle(ctx, []store.Settlement{{Request: x.id, Site: site, Token: store.Operator,
			Owed: x.pair.row.Owed, State: request.Pending, Due: now, Now: now}}))
		g.nudge(site)
	default:
		return "a person must look at it"
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

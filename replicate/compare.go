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
)

// pair is an owned request and one site's hold on it, by the owner's ledger.
type pair struct {
	version request.Version
	fields  request.Fields
	row     request.Delivery
	// exact says that the site has confirmed the newest version and nothing is under way, so that all must be equal.
	exact bool
}

// pairsOf lists what a site holds of some requests, by this ledger.
func (g *Engine) pairsOf(ctx context.Context, collection string, site request.Site, only map[request.ID]bool) (map[request.ID]pair, error) {
	out := make(map[request.ID]pair)
	for id := range only {
		rec, err := g.Ledger.Read(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, storeError("replicate.Read", id, err)
		}
		if p, ok := pairOf(rec, collection, site); ok {
			out[id] = p
		}
	}
	return out, nil
}

func pairOf(rec store.Record, collection string, site request.Site) (p pair, ok bool) {
	if e := &rec.Entry; e.Collection != collection || e.Role != request.Owner {
		return p, false
	}
	i := slices.IndexFunc(rec.Holders, func(h request.Delivery) bool { return h.Site == site })
	if i < 0 {
		return p, false
	}
	return pairIn(&rec, i), true
}

func pairIn(rec *store.Record, i int) pair {
	e, row := &rec.Entry, rec.Holders[i]
	return pair{version: e.Version, fields: e.Fields, row: row,
		exact: row.Linked() && row.Acked == e.Version && row.State == request.Delivered && e.Intent == nil}
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

// underWay is the verdict on a pair for which it does not matter what the site says, and whether that is so.
func (p *pair) underWay() (verdict, bool) {
	switch s := p.row.State; {
	case s == request.Parked, s == request.Delivered && p.row.Linked(), s == request.Cancelled:
		return 0, false
	case p.row.Cause == store.Held && s != request.Delivered:
		return pairHeld, true
	}
	return pairMoving, true // also one that has just done its part and is no holder any more
}

// judgePair compares a pair with what the site says; there is false when it says nothing of the request. known is false for a request of
// which this site knows no such holder. sum is the hash of the owner's fields.
func judgePair(p pair, known bool, sum uint64, theirs leaf, there bool) verdict {
	if !known && !there {
		return pairEqual
	} else if !known {
		return pairUnknown
	}
	if v, ok := p.underWay(); ok {
		return v
	}
	switch {
	case !p.row.Linked() && !there:
		return pairEqual
	case !p.row.Linked():
		return pairUnknown // it was to go, and did not
	case p.row.State == request.Parked, !there, p.row.Acked.After(theirs.version):
		return pairBehind
	case theirs.version.After(p.version):
		return pairAhead
	case !p.exact:
		return pairHeld // it has what it is to have, and the owner has moved on
	case theirs.missing:
		return pairBehind
	case theirs.version == p.version && theirs.sum != sum:
		return pairContent
	}
	return pairEqual
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
func (g *Engine) confirm(ctx context.Context, x *comparing, suspects []request.ID) (out []compared, moving int, err error) {
	last := make(map[request.ID]compared, len(suspects))
	for look := 0; len(suspects) > 0; look++ {
		asked, err := g.worthAsking(ctx, x, suspects)
		if err != nil {
			return out, 0, err
		}
		theirs, err := g.askOne(ctx, x, slices.Sorted(maps.Keys(asked)))
		if err != nil {
			return out, 0, err
		}
		var again []request.ID
		for _, id := range suspects {
			now, mine, err := g.lookAt(ctx, x, id, theirs)
			if err != nil {
				return out, 0, err
			}
			was, seen := last[id]
			switch {
			case !mine, now.verdict == pairEqual, now.verdict == pairHeld:
			case now.verdict == pairMoving, !asked[id]:
				again = append(again, id)
			case seen && was.verdict == now.verdict && was.pair.version == now.pair.version && was.theirs == now.theirs:
				out = append(out, now)
				continue
			default:
				again = append(again, id)
				last[id] = now
				continue
			}
			delete(last, id)
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

// worthAsking are the suspects of which the holder must be asked: not those of which this ledger tells that they are under way.
func (g *Engine) worthAsking(ctx context.Context, x *comparing, suspects []request.ID) (map[request.ID]bool, error) {
	out := make(map[request.ID]bool, len(suspects))
	for _, id := range suspects {
		rec, err := g.Ledger.Read(ctx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, storeError("replicate.Read", id, err)
		}
		p, known := pairOf(rec, x.collection, x.site)
		if _, busy := p.underWay(); !known || !busy {
			out[id] = true
		}
	}
	return out, nil
}

// lookAt compares one suspect once; mine is false when it is another's to compare by now, or was deleted.
func (g *Engine) lookAt(ctx context.Context, x *comparing, id request.ID, theirs map[request.ID]leaf) (now compared, mine bool, err error) {
	rec, err := g.Ledger.Read(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return now, false, storeError("replicate.Read", id, err)
	}
	if err == nil && rec.Entry.Role != request.Owner {
		return now, false, nil
	}
	p, known := pairOf(rec, x.collection, x.site)
	t, there := theirs[id]
	return compared{id: id, verdict: judgePair(p, known, x.hash.fields(p.fields), t, there), pair: p, theirs: t, there: there}, true, nil
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
	switch {
	case x.verdict == pairUnknown && x.pair.row.Site != "": // it is to go, and was parked
		err = g.owedAgain(ctx, x, site, now)
	case x.verdict == pairUnknown:
		_, err = g.step(ctx, rec, Planned{Plan: rec.Entry.Plan, Owe: []request.Debt{{Site: site}}, Now: now})
	case x.verdict == pairContent: // only a version of its own brings it there
		_, err = g.step(ctx, rec, Seen{Fields: rec.Entry.Fields, ETag: rec.Entry.ETag, Owe: g.behind(rec.Holders, nil, false), Now: now})
	case x.verdict == pairBehind:
		err = g.owedAgain(ctx, x, site, now)
	default:
		return "a person must look at it"
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// owedAgain makes the delivery of a pair due once more.
func (g *Engine) owedAgain(ctx context.Context, x compared, site request.Site, now time.Time) error {
	defer g.nudge(site)
	return storeError("replicate.verify", x.id, g.Queue.Settle(ctx, []store.Settlement{{Request: x.id, Site: site, Token: store.Operator,
		Owed: x.pair.row.Owed, State: request.Pending, Due: now, Now: now}}))
}

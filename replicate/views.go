package replicate

import (
	"context"
	"maps"
	"slices"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Rejoin tells a site that has lost its store what this one knows of its requests. What that site said in its former life is void from
// now on; a request that it was just giving to this site is settled first.
func (f Face) Rejoin(ctx context.Context, from request.Site, a request.RejoinAsk) (request.Views, error) {
	g := f.Engine
	g.reborn(from, a.Life)
	mine := ""
	if g.Lives != nil {
		l, err := g.Lives.Life(ctx)
		if err != nil {
			return request.Views{}, err
		}
		mine = l.ID
		if g.gate.shut.Load() {
			g.rejoin.mu.Lock()
			listed := g.rejoin.listed == l.ID
			g.rejoin.mu.Unlock()
			if !listed {
				return request.Views{}, &request.Error{Op: "replicate.Rejoin", Kind: request.Rejoining, Detail: string(g.Self) + " is rebuilding its own store"}
			}
			ctx = store.Rebuilding(ctx) // it tells what it found among its own records
		}
	}
	limit := peer.MaxViews
	if a.Limit > 0 {
		limit = min(limit, a.Limit)
	}
	out := request.Views{Life: mine}
	size, scanned, after := 0, 0, a.After
	for {
		recs, err := g.Ledger.Entries(ctx, after, 256)
		if err != nil {
			return out, storeError("replicate.Rejoin", "", err)
		}
		for _, rec := range recs {
			v, concerned, err := g.view(ctx, rec, from)
			if err != nil {
				return out, err
			}
			if concerned {
				out.List = append(out.List, v)
				for _, x := range v.Snapshot.Fields {
					size += len(x.Name) + len(x.Value)
				}
			}
			after = rec.Entry.ID
			if scanned++; len(out.List) == limit || size > peer.MaxViewBytes/2 {
				out.After = after
				return out, nil
			}
		}
		if len(recs) < 256 {
			return out, nil
		}
		if scanned >= viewsScan && len(out.List) > 0 || ctx.Err() != nil {
			out.After = after
			return out, nil
		}
	}
}

// view is what this site knows of a request in which another has a part; concerned is false when it has none.
func (g *Engine) view(ctx context.Context, rec store.Record, of request.Site) (v request.View, concerned bool, err error) {
	if rec.Entry.Role == request.Elect && g.giver(rec.Entry) == of {
		if rec, err = g.settledFor(ctx, rec.Entry.ID); err != nil {
			return v, false, err
		}
	}
	e := rec.Entry
	if e.Role == request.Creating || e.Version.IsZero() && e.Local == "" {
		return v, false, nil
	}
	v = request.View{Site: g.Self, Role: e.Role, Fence: e.Fence, Local: e.Locals[of], Snapshot: ownShot(e)}
	v.Snapshot.Locals = maps.Clone(e.Locals)
	if v.Snapshot.Locals == nil {
		v.Snapshot.Locals = make(map[request.Site]string)
	}
	v.Snapshot.Locals[g.Self] = e.Local
	concerned = e.Owner == of || e.Owner == "" || e.Fence.Site == of || e.Origin == of || v.Local != "" || slices.Contains(e.Holders, of)
	for _, d := range rec.Holders {
		if d.Site != of {
			continue
		}
		v.Snapshot.Terms, v.Holds, concerned = d.Terms, d.Linked(), true
		if d.Local != "" {
			v.Local = d.Local
		}
	}
	if e.Role == request.Granting {
		// An unanswered grant is not a fact: only its target is told of it, and to all this site is the one to ask.
		v.Fence, v.Snapshot.Owner = e.Version.Epoch, g.Self
		if e.Grant.To == of {
			v.Grant = e.Grant.Epoch
		}
	}
	return v, concerned, nil
}

// giver is the site from which an elect is taking a request over.
func (g *Engine) giver(e request.Entry) request.Site {
	if e.Intent != nil && e.Intent.Accept != nil {
		return e.Intent.Accept.Snapshot.Owner
	}
	return e.Owner
}

// settledFor has a hand-over to this site decided before anything is said about it.
func (g *Engine) settledFor(ctx context.Context, id request.ID) (store.Record, error) {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return store.Record{}, err
	}
	defer leave()
	rec, err := g.settled(ctx, id)
	if err == nil && rec.Entry.Role == request.Elect {
		return g.step(ctx, rec, Refused{Epoch: rec.Entry.Fence, Now: g.now()})
	}
	return rec, err
}

// reborn notes the life that another site's store is in.
func (g *Engine) reborn(site request.Site, life string) {
	r := &g.rejoin
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lives == nil {
		r.lives = make(map[request.Site]string)
	}
	r.lives[site] = life
}

// lifeOf is the life that another site's store was last known to be in, "" when it never said.
func (g *Engine) lifeOf(site request.Site) string {
	g.rejoin.mu.Lock()
	defer g.rejoin.mu.Unlock()
	return g.rejoin.lives[site]
}

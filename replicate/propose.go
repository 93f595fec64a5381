package replicate

import (
	"context"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// stray is a record of a child collection that a copy's API has and nobody else knows of: a client made it in a way that the profile does
// not describe as the making of one.
type stray struct {
	f     family
	child request.Child
}

// proposeChildren makes what clients added below a copy the request's: at the owner first, which gives it back to this site, where it is
// found to be there already.
func (g *Engine) proposeChildren(ctx context.Context, c *profile.Collection, id request.ID, by string) error {
	found, rec, err := g.strays(ctx, c, id)
	if err != nil {
		return err
	}
	for _, s := range found {
		op := "stray/" + string(g.Self) + "/" + s.child.Collection + "/" + s.child.Local // once, however often it is looked at
		_, err := g.forwardChild(ctx, rec, s.f, request.Write{Op: op, Kind: request.Create, Collection: rec.Entry.Collection, Request: id,
			Fields: s.child.Fields, Child: &request.ChildWrite{Collection: s.child.Collection, Kind: request.Create, File: s.child.File},
			Entry: g.Self, EnteredBy: by})
		if err != nil {
			return err
		}
		g.Log.Info("what a client added below a copy was given to the owner", append(logRequest(rec.Entry), zap.String("child", s.child.Collection))...)
	}
	return nil
}

// strays lists what a copy's API has below its record and the ledger does not know, in the request's lane: nothing is being made there.
func (g *Engine) strays(ctx context.Context, c *profile.Collection, id request.ID) (out []stray, rec store.Record, err error) {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return nil, rec, err
	}
	defer leave()
	if rec, err = g.settled(ctx, id); err != nil || rec.Entry.Role != request.Copy || rec.Entry.Local == "" || len(rec.Entry.Suspect) > 0 {
		return nil, rec, err
	}
	for _, children := range g.below(c) {
		cc := children.Under(rec.Entry.Local)
		if !canList(cc) {
			continue
		}
		kids, err := g.kids(ctx, cc)
		if err != nil {
			return nil, rec, err
		}
		for _, k := range kids {
			if _, known := rec.Entry.ChildAt(children.Name(), k.Local); known {
				continue
			}
			child := request.Child{Collection: children.Name(), Local: k.Local, Fields: k.Fields}
			if err := g.weigh(ctx, cc, &child, k.Record); err != nil {
				return nil, rec, err
			}
			if child.File != nil && child.File.Size == 0 {
				continue // its bytes are still to come
			}
			out = append(out, stray{family{c, children}, child})
		}
	}
	return out, rec, nil
}

// ridden looks, after a client's write of a copy, for what rode in the part that belongs to this site.
func (g *Engine) ridden(ctx context.Context, c *profile.Collection, e request.Entry, by string) {
	rides := false
	for _, child := range g.below(c) {
		rides = rides || child.Rides()
	}
	if !rides || e.Local == "" || e.Role != request.Copy {
		return
	}
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+g.Hold+storeTimeout)
	defer cancel()
	if err := g.proposeChildren(dctx, c, e.ID, by); err != nil {
		g.Log.Warn("what came with a write could not be given to the owner yet", append(logRequest(e), logError(err))...)
	}
}

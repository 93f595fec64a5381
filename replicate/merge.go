package replicate

import (
	"context"
	"errors"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// viewer reads what one site knows, page by page.
type viewer struct {
	g    *Engine
	site request.Site
	life string // this site's
	its  string // that of the other one, the same for all pages
	list []request.View
	next request.ID
	done bool
}

// peek is the next view, nil at the end.
func (v *viewer) peek(ctx context.Context) (*request.View, error) {
	for len(v.list) == 0 {
		if v.done {
			return nil, nil
		}
		page, err := v.g.Peers.Rejoin(ctx, v.site, request.RejoinAsk{Life: v.life, After: v.next})
		if err == nil && v.its != "" && page.Life != v.its {
			err = &request.Error{Op: "replicate.rebuild", Kind: request.Busy, Detail: string(v.site) + " has lost its store meanwhile"}
		}
		v.g.wait(v.site, err)
		if err != nil {
			return nil, err
		}
		v.its, v.list, v.next, v.done = page.Life, page.List, page.After, page.After == ""
	}
	return &v.list[0], nil
}

// merge goes through all that is known of this site's requests, here and elsewhere, in order of id, and settles each. All sites must
// have answered: with the word of a majority two sites could own one request.
func (g *Engine) merge(ctx context.Context, life string) error {
	var viewers []*viewer
	var failed error
	for _, site := range g.asked() {
		v := &viewer{g: g, site: site, life: life}
		if _, err := v.peek(ctx); err != nil { // all are asked, so that it can be said who is missing
			failed = errors.Join(failed, err)
		}
		viewers = append(viewers, v)
	}
	if failed != nil {
		return failed
	}
	own, after, more := []store.Record(nil), request.ID(""), true
	for {
		if len(own) == 0 && more {
			var err error
			if own, err = g.Ledger.Entries(ctx, after, 256); err != nil {
				return storeError("replicate.rebuild", "", err)
			}
			if more = len(own) == 256; len(own) > 0 {
				after = own[len(own)-1].Entry.ID
			}
		}
		id := request.ID("")
		if len(own) > 0 {
			id = own[0].Entry.ID
		}
		for _, v := range viewers {
			if next, err := v.peek(ctx); err != nil {
				return err
			} else if next != nil && (id == "" || next.Snapshot.ID < id) {
				id = next.Snapshot.ID
			}
		}
		if id == "" {
			return nil
		}
		var views []request.View
		for _, v := range viewers {
			if len(v.list) > 0 && v.list[0].Snapshot.ID == id {
				views = append(views, v.list[0])
				v.list = v.list[1:]
			}
		}
		if len(own) > 0 && own[0].Entry.ID == id {
			own = own[1:]
		}
		err := g.reconcile(ctx, id, views)
		if ctx.Err() != nil || storeAway(err) {
			return err
		}
		g.reconciled(id, err)
	}
}

func (g *Engine) reconciled(id request.ID, err error) {
	r := &g.rejoin
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Done++
	if err == nil {
		return
	}
	if r.out.Open++; len(r.out.Notes) < rejoinNotes {
		r.out.Notes = append(r.out.Notes, string(id)+": "+err.Error())
	}
}

// reconcile settles what this site is to one request, by its own ledger and record and by what the others say. An error means that it
// cannot be told yet.
func (g *Engine) reconcile(ctx context.Context, id request.ID, views []request.View) error {
	leave, err := g.lanes.enter(ctx, string(id))
	if err != nil {
		return err
	}
	defer leave()
	rec, err := g.settled(ctx, id)
	switch {
	case err == nil:
	case request.KindOf(err) == request.NotFound:
		rec = store.Record{}
	case rec.Entry.Doubt != nil:
		return nil // a person has it already
	default:
		return err
	}
	w := weigh(g.Self, &rec.Entry, rec.Rev > 0, views)
	c, err := g.collection(w.collection(&rec.Entry))
	if err != nil {
		return nil // of a collection that this site has not
	}
	switch w.verdict {
	case mineAgain:
		return g.reown(ctx, rec, c, w)
	case follows:
		return g.refollow(ctx, rec, c, w)
	case deleted:
		e := rec.Entry
		if rec.Rev == 0 {
			e = entryOf(w.best.Snapshot)
			e.Created = g.now()
		}
		return g.entomb(ctx, rec, e, request.Version{Epoch: request.Epoch{Num: w.top.Num + 1, Site: g.Self}}, w)
	}
	return nil
}

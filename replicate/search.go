package replicate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Found is a request with the name under which it was found: a site and its own id of it, or this site and its own when it was found by
// its global id.
type Found struct {
	store.Link
	store.Record
}

// prefixLeast is how much of a global id must be given: the first ten characters are the time of its making.
const prefixLeast = 8

// Search finds requests by a global id or its beginning, SITE:LOCALID, or a local id of any site, as far as they are known here. Nothing
// but the ledger is asked.
func (g *Engine) Search(ctx context.Context, text string, limit int) ([]Found, error) {
	out, err := g.byGlobal(ctx, strings.ToUpper(text), limit)
	if err != nil {
		return nil, err
	}
	sites, local := g.set().Sites, text
	if name, rest, ok := strings.Cut(text, ":"); ok && g.knows(request.Site(name)) {
		sites, local = []request.Site{request.Site(name)}, rest
	}
	sites = slices.Sorted(slices.Values(sites))
	for _, collection := range slices.Sorted(maps.Keys(g.set().Profile.Collections)) {
		for _, site := range sites {
			if len(out) >= limit {
				return out, nil
			}
			link := store.Link{Site: site, Local: local}
			rec, err := g.Ledger.Lookup(ctx, collection, link)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, storeError("replicate.Search", "", err)
			}
			out = append(out, Found{link, rec})
		}
	}
	return out, nil
}

func (g *Engine) byGlobal(ctx context.Context, text string, limit int) ([]Found, error) {
	named := func(rec store.Record) Found {
		return Found{store.Link{Site: g.Self, Local: rec.Entry.Local}, rec}
	}
	if id, err := request.ParseID(text); err == nil {
		rec, err := g.Ledger.Read(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, storeError("replicate.Search", id, err)
		}
		return []Found{named(rec)}, nil
	}
	if len(text) < prefixLeast || len(text) > 26 || strings.Trim(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
		return nil, nil
	}
	list, err := g.Ledger.Entries(ctx, request.ID(text), limit)
	if err != nil {
		return nil, storeError("replicate.Search", "", err)
	}
	var out []Found
	for _, rec := range list {
		if strings.HasPrefix(string(rec.Entry.ID), text) {
			out = append(out, named(rec))
		}
	}
	return out, nil
}

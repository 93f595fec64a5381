package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// guide tells of the network as the admin API shows it.
type guide struct{ *App }

// Sites are those of the network file in force.
func (g guide) Sites(ctx context.Context) []gateway.SiteView {
	n := g.network.Load()
	f, _ := g.Forwarding(ctx) // it says itself what it could not find out
	states := map[request.Site]string{g.site: f.State}
	for _, d := range f.Destinations {
		states[d.Site] = d.State
	}
	out := make([]gateway.SiteView, 0, len(n.Sites))
	now := time.Now()
	for name, s := range n.Sites {
		v := placeOf(s, now)
		v.State = states[name]
		if name == g.site {
			v.Self, v.Client, v.Software = true, "http://"+g.addresses.Client, g.options.Version
			if g.certs.clients != nil {
				v.Client = "https://" + g.addresses.Client
			}
		} else {
			v.Software = g.peers.Status(name).Software
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b gateway.SiteView) int { return cmp.Compare(a.Site, b.Site) })
	return out
}

// placeOf is where a site is in the world, and whether it is open.
func placeOf(s configs.Site, now time.Time) gateway.SiteView {
	local := now.In(s.Timezone)
	abbreviation, offset := local.Zone()
	v := gateway.SiteView{Site: s.Name, Timezone: s.Timezone.String(), Offset: offset / 60, Abbreviation: abbreviation, Hours: s.Hours,
		Holidays: s.Holidays, Spans: []gateway.SpanView{}}
	if v.Holidays == nil {
		v.Holidays = []string{}
	}
	if len(s.Hours) == 0 || s.Calendar == nil {
		return v
	}
	open := s.Calendar.Open(now)
	v.Open = &open
	next := s.Calendar.NextOpen
	if open {
		next = s.Calendar.NextClose
	}
	if until, ok := next(now); ok {
		v.Until = &until
	}
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, s.Timezone)
	for _, x := range s.Calendar.Spans(midnight, midnight.Add(48*time.Hour)) {
		v.Spans = append(v.Spans, gateway.SpanView{From: x[0], To: x[1]})
	}
	return v
}

// Search finds requests by any name.
func (g guide) Search(ctx context.Context, text string, limit int) ([]gateway.Found, error) {
	found, err := g.engine.Search(ctx, text, limit)
	out := make([]gateway.Found, 0, len(found))
	for _, f := range found {
		out = append(out, gateway.Found{Site: f.Site, Local: f.Local, Record: f.Record})
	}
	return out, err
}

// Trails asks the sites what they know of a request.
func (g guide) Trails(ctx context.Context, rec store.Record) []request.SiteTrail {
	return g.engine.Trails(ctx, rec)
}

// Preview tells what a delivery of a request's present state would look like.
func (g guide) Preview(rec store.Record, to request.Site) (gateway.PreviewView, error) {
	n, e := g.network.Load(), &rec.Entry
	if _, ok := n.Sites[to]; !ok {
		return gateway.PreviewView{}, &request.Error{Op: "preview", Kind: request.NotFound, Request: e.ID, Detail: "there is no site " + string(to) + "; the network file has " + names(n)}
	}
	if e.Fields == nil {
		return gateway.PreviewView{}, &request.Error{Op: "preview", Kind: request.Conflict, Request: e.ID,
			Detail: string(g.site) + " does not have the state of the request; ask at " + string(e.Owner)}
	}
	p := configs.Parcel{Site: to, Collection: e.Collection, Local: e.Locals[to], Fields: e.Fields,
		Marks: profile.Marks{Request: e.ID, Version: e.Version, Owner: e.Owner, State: string(request.Copy)}}
	if to == g.site {
		p.Local = e.Local
	}
	for _, h := range rec.Holders {
		if h.Site == to && h.Local != "" {
			p.Local = h.Local
		}
	}
	if to == e.Owner {
		p.Marks.State = string(request.Owner)
	}
	d := n.Preview(p)
	v := gateway.PreviewView{Request: e.ID, Site: to, Collection: e.Collection, Version: e.Version.String(), Fields: e.Fields, Reads: d.Reads, Dropped: d.Left, Problem: d.Problem}
	if d.Problem == "" {
		v.Call = gateway.CallOf(d.Call, d.URL)
	}
	return v, nil
}

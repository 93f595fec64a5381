package gateway

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// JourneyView is what became of a request at all sites, as far as they could be asked.
type JourneyView struct {
	Request    request.ID    `json:"request"`
	Collection string        `json:"collection"`
	Owner      request.Site  `json:"owner"`
	Origin     request.Site  `json:"origin,omitempty"`
	Version    string        `json:"version"`
	Complete   bool          `json:"complete"` // all sites could be asked
	Sites      []JourneySite `json:"sites"`
	Events     []JourneyStep `json:"events"` // in order of time
}

// JourneySite is how a request stands at one site.
type JourneySite struct {
	Site    request.Site `json:"site"`
	Reached bool         `json:"reached"`
	Cause   string       `json:"cause,omitempty"` // why it was not
	Role    request.Role `json:"role,omitempty"`
	Version string       `json:"version,omitempty"`
	Local   string       `json:"local,omitempty"`
	Updated *time.Time   `json:"updated,omitempty"`
	// Behind is the state of the delivery that it still waits for, with why it has not come; "" when it has all that the owner has.
	Behind string  `json:"behind,omitempty"`
	Why    string  `json:"why,omitempty"`
	Skew   float64 `json:"skew_seconds"`
}

// JourneyStep is something that happened at one site. Times are those of the site's clock.
type JourneyStep struct {
	At        time.Time    `json:"at"`
	Site      request.Site `json:"site"`
	Kind      request.What `json:"kind"`
	Version   string       `json:"version,omitempty"`
	From      request.Site `json:"from,omitempty"`
	To        request.Site `json:"to,omitempty"`
	Route     string       `json:"route,omitempty"`
	By        string       `json:"by,omitempty"`
	Operation string       `json:"operation,omitempty"`
	Seconds   float64      `json:"seconds,omitempty"`
	Note      string       `json:"note,omitempty"`
	// Told says that the site itself could not say it: another one remembers.
	Told bool `json:"told_by_others,omitempty"`
}

// stepOwed is a delivery that has not come to its site: the last step of a journey that is not over.
const stepOwed request.What = "owed"

func (a *admin) journey(w http.ResponseWriter, r *http.Request) {
	rec, ok := a.record(w, r)
	if !ok {
		return
	}
	writeJSON(w, r, http.StatusOK, "application/json", journeyOf(rec, a.Guide.Trails(r.Context(), rec), time.Now()))
}

// journeyOf puts together what the sites told.
func journeyOf(rec store.Record, trails []request.SiteTrail, now time.Time) JourneyView {
	e := &rec.Entry
	v := JourneyView{Request: e.ID, Collection: e.Collection, Owner: e.Owner, Origin: e.Origin, Version: version(e.Version), Complete: true,
		Sites: []JourneySite{}, Events: []JourneyStep{}}
	newest := e.Version
	for _, t := range trails {
		s := JourneySite{Site: t.Site, Reached: t.Err == nil}
		if t.Err != nil {
			v.Complete, s.Cause = false, t.Err.Error()
			v.Sites = append(v.Sites, s)
			continue
		}
		s.Role, s.Version, s.Local, s.Updated, s.Skew = t.Role, version(t.Version), t.Local, when(t.Updated), t.Skew.Seconds()
		v.Sites = append(v.Sites, s)
		if (t.Role == request.Owner || t.Role == request.Granting) && !newest.After(t.Version) {
			newest, v.Owner, v.Version = t.Version, t.Owner, s.Version
		}
		for _, m := range t.Marks {
			v.Events = append(v.Events, stepsOf(t.Site, m)...)
		}
	}
	for _, t := range trails {
		if t.Role == request.Owner || t.Role == request.Granting || t.Role == request.Tombstone {
			v.owed(t, now)
		}
	}
	v.remembered(e)
	slices.SortStableFunc(v.Events, func(a, b JourneyStep) int {
		return cmp.Or(a.At.Compare(b.At), rank(a.Kind)-rank(b.Kind))
	})
	return v
}

// rank orders what happened within the same millisecond.
func rank(k request.What) int {
	return slices.Index([]request.What{request.MarkForwarded, request.MarkCreated, request.MarkUpdated}, k) + 1
}

// stepsOf are the steps of a mark: a write that was entered elsewhere is one of that site too.
func stepsOf(site request.Site, m request.Mark) []JourneyStep {
	s := JourneyStep{At: m.At, Site: site, Kind: m.What, Version: version(m.Version), From: m.From, To: m.To, Route: m.Route, By: m.By, Operation: m.Op,
		Seconds: m.Took, Note: m.Note}
	written := m.What == request.MarkCreated || m.What == request.MarkUpdated || m.What == request.MarkReplaced || m.What == request.MarkDeleted
	if !written || m.From == "" || m.Op == "" {
		return []JourneyStep{s}
	}
	entered := JourneyStep{At: m.At.Add(-time.Duration(m.Took * float64(time.Second))), Site: m.From, Kind: request.MarkForwarded, To: site, Operation: m.Op, Told: true}
	return []JourneyStep{entered, s}
}

// owed adds the deliveries that have not come to their sites.
func (v *JourneyView) owed(t request.SiteTrail, now time.Time) {
	for _, d := range t.Owes {
		if d.State == request.Cancelled || d.State == request.Superseded {
			continue
		}
		step := JourneyStep{At: now, Site: d.Site, Kind: stepOwed, Version: version(d.Owed), From: t.Site, Route: d.Route, Note: d.Cause}
		if d.State == request.Parked {
			step.Kind = request.MarkParked
		}
		if !d.Since.IsZero() {
			step.Seconds = max(now.Sub(d.Since).Round(time.Millisecond).Seconds(), 0)
		}
		v.Events = append(v.Events, step)
		for i := range v.Sites {
			if v.Sites[i].Site == d.Site {
				v.Sites[i].Behind, v.Sites[i].Why = string(d.State), d.Cause
			}
		}
	}
}

// remembered adds the writes and reigns that only this site's ledger tells of, since the site where they happened could not be
// asked, or no longer has the request.
func (v *JourneyView) remembered(e *request.Entry) {
	for _, op := range e.Ops {
		site := op.Version.Epoch.Site
		if op.Outcome != request.Done || slices.ContainsFunc(v.Events, func(s JourneyStep) bool { return s.Operation == op.ID && s.Site == site }) {
			continue
		}
		v.Events = append(v.Events, JourneyStep{At: op.At, Site: site, Kind: writtenAs(op.Kind), Version: version(op.Version), Operation: op.ID, Told: true})
	}
	for _, f := range e.Former {
		gave := func(s JourneyStep) bool {
			return s.Site == f.Epoch.Site && (s.Kind == request.MarkHanded || s.Kind == request.MarkDeposed || s.Kind == request.MarkReleased)
		}
		if !slices.ContainsFunc(v.Events, gave) {
			v.Events = append(v.Events, JourneyStep{At: f.Until, Site: f.Epoch.Site, Kind: request.MarkHanded, Told: true,
				Note: fmt.Sprintf("the end of epoch %d", f.Epoch.Num)})
		}
	}
}

func writtenAs(k request.Kind) request.What {
	switch k {
	case request.Create:
		return request.MarkCreated
	case request.Replace:
		return request.MarkReplaced
	case request.Delete:
		return request.MarkDeleted
	}
	return request.MarkUpdated
}

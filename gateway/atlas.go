package gateway

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Guide tells of the network as a whole, and finds requests in it.
type Guide interface {
	// Sites are those of the network file, in order of name.
	Sites(ctx context.Context) []SiteView
	// Search finds requests by a global id or its beginning, SITE:LOCALID, or a local id of any site as far as known here.
	Search(ctx context.Context, text string, limit int) ([]Found, error)
	// Trails asks the sites what they know of a request, this one first.
	Trails(ctx context.Context, rec store.Record) []request.SiteTrail
}

// Found is a request with the name under which it was found.
type Found struct {
	Site  request.Site
	Local string
	store.Record
}

// SiteView is a site of the network: its place in the world and whether it is open.
type SiteView struct {
	Site         request.Site `json:"site"`
	Self         bool         `json:"self"`
	Timezone     string       `json:"timezone"`
	Offset       int          `json:"offset_minutes"` // of local time from UTC, now
	Abbreviation string       `json:"abbreviation"`
	// Hours are as in the network file; null where there are none. Open is null then too, and Until when it changes next.
	Hours    map[string]string `json:"hours"`
	Holidays []string          `json:"holidays"`
	Open     *bool             `json:"open"`
	Until    *time.Time        `json:"until"`
	// Spans are the opening times of the 48 hours from the site's midnight on.
	Spans    []SpanView `json:"spans"`
	Client   string     `json:"client,omitempty"` // of this site: where clients call
	Software string     `json:"software,omitempty"`
	State    string     `json:"state"` // of the link; of this site its own
}

// SpanView is a time from one moment to another.
type SpanView struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

type networkView struct {
	Network string       `json:"network"`
	Site    request.Site `json:"site"`
	Version string       `json:"version"`
	Now     time.Time    `json:"now"`
	Sites   []SiteView   `json:"sites"`
}

func (a *admin) networkOf(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, http.StatusOK, "application/json", networkView{Network: a.Network, Site: a.Site, Version: a.Version, Now: time.Now(),
		Sites: a.Guide.Sites(r.Context())})
}

type foundView struct {
	Request    request.ID   `json:"request"`
	Collection string       `json:"collection"`
	Site       request.Site `json:"site"`  // whose id it was
	Local      string       `json:"local"` // that id
	Owner      request.Site `json:"owner"`
	Role       request.Role `json:"role"`
	Version    string       `json:"version"`
	Updated    time.Time    `json:"updated"`
}

type searchView struct {
	Results []foundView `json:"results"`
}

// searchMost is how many results are shown; who has more types more.
const searchMost = 50

func (a *admin) search(w http.ResponseWriter, r *http.Request) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	if q == "" || len(q) > 300 {
		a.fail(w, r, bad("q is a global id or its beginning, SITE:LOCALID, or a local id"))
		return
	}
	found, err := a.Guide.Search(r.Context(), q, searchMost)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	v := searchView{Results: make([]foundView, 0, len(found))}
	for _, f := range found {
		e := &f.Entry
		v.Results = append(v.Results, foundView{Request: e.ID, Collection: e.Collection, Site: f.Site, Local: f.Local, Owner: e.Owner, Role: e.Role,
			Version: version(e.Version), Updated: e.Updated})
	}
	writeJSON(w, r, http.StatusOK, "application/json", v)
}

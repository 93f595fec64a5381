package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
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
	// Preview tells what a delivery of a request's present state to a site would look like. Errors: NotFound, no such site; Conflict, this
	// site does not have the request's state.
	Preview(rec store.Record, to request.Site) (PreviewView, error)
}

// PreviewView is what a delivery would look like.
type PreviewView struct {
	Request    request.ID     `json:"request"`
	Site       request.Site   `json:"site"`
	Collection string         `json:"collection"`
	Version    string         `json:"version"`
	Call       CallView       `json:"call"`
	Fields     request.Fields `json:"fields"`
	Reads      bool           `json:"reads,omitempty"`
	Dropped    []profile.Left `json:"dropped"`
	Problem    string         `json:"problem,omitempty"`
}

// CallView is a call to a request API, without credentials.
type CallView struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// CallOf shows a call that goes to a URL. A body that is no JSON is shown as a text.
func CallOf(c request.Call, url string) CallView {
	v := CallView{Method: c.Method, URL: url}
	for name, values := range c.Header {
		if v.Headers == nil {
			v.Headers = make(map[string]string, len(c.Header))
		}
		v.Headers[name] = strings.Join(values, ", ")
	}
	switch {
	case len(c.Body) == 0:
	case json.Valid(c.Body):
		v.Body = json.RawMessage(c.Body)
	default:
		v.Body, _ = json.Marshal(string(c.Body)) // a string always can be
	}
	return v
}

func (a *admin) preview(w http.ResponseWriter, r *http.Request) {
	rec, ok := a.record(w, r)
	if !ok {
		return
	}
	to := request.Site(r.URL.Query().Get("site"))
	if to == "" {
		a.fail(w, r, bad("say which site: ?site=NAME"))
		return
	}
	v, err := a.Guide.Preview(rec, to)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if v.Dropped == nil {
		v.Dropped = []profile.Left{}
	}
	writeJSON(w, r, http.StatusOK, "application/json", v)
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

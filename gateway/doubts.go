package gateway

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// DoubtView is a write of which nobody but a person can tell how it ended, with what that person can do.
type DoubtView struct {
	Request    request.ID `json:"request"`
	Collection string     `json:"collection"`
	// Site is where the write was under way, Owner who owns the request as far as known there.
	Site  request.Site `json:"site"`
	Owner request.Site `json:"owner,omitempty"`
	// Doing is what the write was to do: create (a client's), copy, hand-over, child, update, delete.
	Doing   string `json:"doing"`
	Version string `json:"version"`
	// Operation is the client's, or that of the delivery; Route the route that made the site a holder, EnteredBy who wrote it as far
	// as known.
	Operation string `json:"operation"`
	Route     string `json:"route,omitempty"`
	EnteredBy string `json:"entered_by,omitempty"`
	// Since it is in doubt; the call was Sent, and can no longer take effect after Quiet.
	Since  time.Time  `json:"since"`
	Sent   time.Time  `json:"sent"`
	Quiet  *time.Time `json:"quiet,omitempty"`
	Reason string     `json:"reason"`
	// Candidates are local ids of records that came to be since, have the same fields and are no request's, as of Looked; null before
	// anybody has looked.
	Candidates []string     `json:"candidates"`
	Looked     *time.Time   `json:"looked,omitempty"`
	Actions    []ActionView `json:"actions"`
}

// ActionView is one way to settle a doubt.
type ActionView struct {
	Action string `json:"action"` // adopt, retry, abandon
	// Command does it, Effect is what will come of it.
	Command string `json:"command"`
	Effect  string `json:"effect"`
}

// What a write in doubt was to do.
const (
	doingCreate   = "create"
	doingCopy     = "copy"
	doingHandOver = "hand-over"
	doingChild    = "child"
)

func doubtOf(e request.Entry, site request.Site) DoubtView {
	in, d := e.Intent, e.Doubt
	v := DoubtView{Request: e.ID, Collection: e.Collection, Site: site, Owner: e.Owner, Doing: string(in.Kind), Version: version(in.Version),
		Operation: in.Op, EnteredBy: e.EnteredBy, Since: d.Since, Sent: in.Sent, Quiet: when(d.Quiet), Reason: d.Reason,
		Candidates: d.Candidates, Looked: when(d.Looked)}
	if v.Candidates == nil && v.Looked != nil {
		v.Candidates = []string{}
	}
	switch {
	case in.Accept != nil:
		v.Doing, v.Route = doingHandOver, in.Accept.Terms.Route
	case in.Snapshot != nil:
		v.Doing, v.Route = doingCopy, in.Snapshot.Terms.Route
	case in.Child != nil:
		v.Doing, v.Collection = doingChild, in.Child.Collection
	case len(in.Owe) > 0:
		v.Route = in.Owe[0].Route
	}
	v.Actions = actionsOf(v)
	return v
}

// actionsOf says what can be done, and what each will do.
func actionsOf(v DoubtView) []ActionView {
	id := "LOCALID"
	if len(v.Candidates) == 1 {
		id = v.Candidates[0]
	}
	effects := map[string][3]string{
		doingCreate: {"record %s becomes the request's; it goes to its holders, and the client's operation ends as done",
			"the record is made once more, with the gateway's own credentials and from the fields that the profile knows, since the client's credentials are kept nowhere; " +
				"the operation ends as done",
			"the request is forgotten and the operation ends as not done; if the record is there after all it stays a plain local one"},
		doingCopy: {"record %s becomes this site's copy and is brought up to date", "the copy is made again at once",
			"no copy is made of this version; the next version makes one"},
		doingHandOver: {"record %s becomes the request's, and this site its owner", "the record is made again, and this site becomes the owner", ""},
		doingChild: {"record %s becomes the request's and goes to its holders", "it is made once more, with the gateway's own credentials",
			"it is forgotten and the client's operation ends as not done"},
	}
	effect, ok := effects[v.Doing]
	if !ok {
		effect = effects[doingCreate]
	}
	command := func(action, arg string) string {
		return fmt.Sprintf("meridian doubts %s %s%s --site %s", action, v.Request, arg, v.Site)
	}
	out := []ActionView{{"adopt", command("adopt", " "+id), fmt.Sprintf(effect[0], id)}, {"retry", command("retry", ""), effect[1]}}
	if effect[2] != "" {
		out = append(out, ActionView{"abandon", command("abandon", ""), effect[2]})
	}
	return out
}

type doubtList struct {
	Doubts []DoubtView `json:"doubts"`
	After  string      `json:"after"` // "" at the end
}

// doubts lists what is in doubt at this site, or what is of one request.
func (a *admin) doubts(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, limit, err := pageOf(q)
	var records []store.Record
	switch ref := q.Get("request"); {
	case err != nil:
	case ref != "":
		var rec store.Record
		if rec, err = a.Operator.Request(r.Context(), ref); err == nil {
			records, limit = []store.Record{rec}, 2 // there is no next page
		}
	default:
		records, err = a.Operator.Doubts(r.Context(), after, limit)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := doubtList{Doubts: []DoubtView{}, After: next(records, limit)}
	for _, rec := range records {
		if e := rec.Entry; e.Doubt != nil && e.Intent != nil {
			list.Doubts = append(list.Doubts, doubtOf(e, cmp.Or(e.Intent.Site, a.Site)))
		}
	}
	writeJSON(w, r, http.StatusOK, "application/json", list)
}

package gateway

import (
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// RequestView is a request as the admin API shows it. Values of fields are only there when they were asked for.
type RequestView struct {
	Request    request.ID              `json:"request"`
	Collection string                  `json:"collection"`
	Role       request.Role            `json:"role"`
	Version    string                  `json:"version"`
	Owner      request.Site            `json:"owner"`
	Origin     request.Site            `json:"origin,omitempty"`
	EnteredBy  string                  `json:"entered_by,omitempty"`
	Local      string                  `json:"local,omitempty"`
	Locals     map[request.Site]string `json:"locals,omitempty"`
	// Apart is the local id of a copy that is not linked.
	Apart    string        `json:"apart,omitempty"`
	Intended request.Site  `json:"intended_owner,omitempty"`
	Plan     *PlanView     `json:"plan,omitempty"`
	HandOver *HandOverView `json:"hand_over,omitempty"`
	// Path are the sites to which returns lead, the next one first.
	Path []request.Site `json:"path,omitempty"`
	// Terms are how this site holds its copy, HeldBy who holds the request as far as known here.
	Terms      *TermsView      `json:"terms,omitempty"`
	HeldBy     []request.Site  `json:"held_by,omitempty"`
	UnderWay   *UnderWay       `json:"under_way,omitempty"`
	Doubt      *request.Doubt  `json:"doubt,omitempty"`
	Former     []TenureView    `json:"former,omitempty"`
	Forces     []ForceView     `json:"forces,omitempty"`
	Queued     []QueuedView    `json:"queued,omitempty"`
	Conflicts  []ConflictView  `json:"conflicts,omitempty"`
	Operations []OperationView `json:"operations,omitempty"`
	Holders    []DeliveryView  `json:"holders"`
	Created    time.Time       `json:"created"`
	Updated    time.Time       `json:"updated"`
	Fields     *request.Fields `json:"fields,omitempty"`
}

// UnderWay is a write that has begun and not ended.
type UnderWay struct {
	Operation string       `json:"operation"`
	Kind      request.Kind `json:"kind"`
	Version   string       `json:"version"`
	Sent      time.Time    `json:"sent"`
	Tries     int          `json:"tries"`
}

// TenureView is one former reign.
type TenureView struct {
	Owner request.Site `json:"owner"`
	Epoch uint64       `json:"epoch"`
	Until time.Time    `json:"until"`
}

// OperationView is a remembered write.
type OperationView struct {
	Operation string          `json:"operation"`
	Kind      request.Kind    `json:"kind"`
	Version   string          `json:"version,omitempty"`
	State     request.Outcome `json:"state"`
	Status    int             `json:"status,omitempty"`
	At        time.Time       `json:"at"`
}

// DeliveryView is a delivery as the admin API shows it.
type DeliveryView struct {
	Request  request.ID    `json:"request"`
	Site     request.Site  `json:"site"`
	State    request.State `json:"state"`
	Owed     string        `json:"owed"`
	Acked    string        `json:"acked,omitempty"`
	Due      *time.Time    `json:"due,omitempty"`
	Since    *time.Time    `json:"since,omitempty"`
	Last     *time.Time    `json:"last,omitempty"`
	Attempts int           `json:"attempts"`
	Cause    string        `json:"cause,omitempty"`
	Local    string        `json:"local,omitempty"`
	TermsView
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func version(v request.Version) string {
	if v.IsZero() {
		return ""
	}
	return v.String()
}

func deliveryOf(d request.Delivery) DeliveryView {
	return DeliveryView{Request: d.Request, Site: d.Site, State: d.State, Owed: version(d.Owed), Acked: version(d.Acked), Due: when(d.Due),
		Since: when(d.Since), Last: when(d.Last), Attempts: d.Attempts, Cause: d.Cause, Local: d.Local, TermsView: termsOf(d.Terms)}
}

func viewOf(rec store.Record, fields bool) RequestView {
	e := rec.Entry
	v := RequestView{Request: e.ID, Collection: e.Collection, Role: e.Role, Version: version(e.Version), Owner: e.Owner, Origin: e.Origin,
		EnteredBy: e.EnteredBy, Local: e.Local, Locals: e.Locals, Intended: e.Wanted(), Doubt: e.Doubt, Created: e.Created,
		Updated: e.Updated, Holders: make([]DeliveryView, 0, len(rec.Holders)), Apart: e.Apart, Plan: planOf(e.Plan), HandOver: handOverOf(e),
		Path: e.Path, HeldBy: e.Holders}
	if e.Terms != (request.Terms{}) && e.Role != request.Owner {
		t := termsOf(e.Terms)
		v.Terms = &t
	}
	if in := e.Intent; in != nil {
		v.UnderWay = &UnderWay{Operation: in.Op, Kind: in.Kind, Version: version(in.Version), Sent: in.Sent, Tries: in.Tries}
	}
	for _, t := range e.Former {
		v.Former = append(v.Former, TenureView{Owner: t.Epoch.Site, Epoch: t.Epoch.Num, Until: t.Until})
	}
	for _, f := range e.Forces {
		v.Forces = append(v.Forces, forceOf(f))
	}
	for _, q := range e.Queue {
		v.Queued = append(v.Queued, QueuedView{Operation: q.Op, Kind: q.Kind, Since: q.At})
	}
	for _, c := range e.Conflicts {
		v.Conflicts = append(v.Conflicts, conflictOf(c, false))
	}
	for _, op := range e.Ops {
		v.Operations = append(v.Operations, OperationView{Operation: op.ID, Kind: op.Kind, Version: version(op.Version), State: op.Outcome,
			Status: op.Status, At: op.At})
	}
	for _, d := range rec.Holders {
		v.Holders = append(v.Holders, deliveryOf(d))
	}
	if fields && e.Fields != nil {
		v.Fields = &e.Fields
	}
	return v
}

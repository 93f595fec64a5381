package request

import "time"

// State is where a delivery stands.
type State string

// The states of a delivery. Every delivery ends in one of the last three, or is listed.
const (
	Pending    State = "pending"
	InFlight   State = "in flight"
	Waiting    State = "waiting" // backoff, window or open breaker
	Parked     State = "parked"  // needs a person
	Delivered  State = "delivered"
	Superseded State = "superseded"
	Cancelled  State = "cancelled"
)

// Delivery is the obligation to bring one request at one other site to its newest version, and what that site confirmed.
// There is one for each holder of a request; it stays as long as the site holds the request.
type Delivery struct {
	Request ID   `json:"request"`
	Site    Site `json:"site"`
	// Owed is the version the site should have, Acked the newest one it has confirmed.
	Owed  Version `json:"owed"`
	Acked Version `json:"acked"`
	State State   `json:"state"`
	// Due is when it is to be tried next, Since when the site fell behind, Last when it last confirmed.
	Due   time.Time `json:"due"`
	Since time.Time `json:"since"`
	Last  time.Time `json:"last"`
	// Attempts are those since the last success; Cause is why the last one failed.
	Attempts int    `json:"attempts,omitempty"`
	Cause    string `json:"cause,omitempty"`
	// Local is the site's own id of the record, once known.
	Local string `json:"local,omitempty"`
	Terms
}

// Debt is a holder to be added, or reminded, by a commit. Its terms replace those under which the site held the request.
type Debt struct {
	Site Site `json:"site"`
	Terms
	// Due is when the delivery may be made, for one that is held by its terms; zero is at once.
	Due time.Time `json:"due,omitzero"`
}

// Snapshot is the state of a request as its owner publishes it.
type Snapshot struct {
	ID         ID              `json:"id"`
	Collection string          `json:"collection"`
	Version    Version         `json:"version"`
	Deleted    bool            `json:"deleted,omitempty"`
	Keep       bool            `json:"keep,omitempty"` // of a deletion: leave the copies as plain records
	Owner      Site            `json:"owner"`
	Origin     Site            `json:"origin,omitempty"`
	EnteredBy  string          `json:"entered_by,omitempty"`
	Locals     map[Site]string `json:"locals,omitempty"`
	Holders    []Site          `json:"holders,omitempty"`
	Ops        []Op            `json:"ops,omitempty"`
	Former     []Tenure        `json:"former,omitempty"`
	Forces     []Force         `json:"forces,omitempty"`
	Terms      Terms           `json:"terms,omitzero"`
	Fields     Fields          `json:"fields,omitempty"`
	Children   []Child         `json:"children,omitempty"`
	At         time.Time       `json:"at"`
	// Trace is what this very delivery is traced under, if it is.
	Trace Trace `json:"trace,omitempty"`
}

// Snapshot is the entry as it is published.
func (e *Entry) Snapshot() Snapshot {
	locals := make(map[Site]string, len(e.Locals)+1)
	for s, l := range e.Locals {
		locals[s] = l
	}
	if e.Local != "" {
		locals[e.Owner] = e.Local
	}
	return Snapshot{
		ID: e.ID, Collection: e.Collection, Version: e.Version, Deleted: e.Role == Tombstone, Owner: e.Owner,
		Origin: e.Origin, EnteredBy: e.EnteredBy, Locals: locals, Ops: e.Ops, Former: e.Former, Forces: e.Forces, Holders: e.Holders, Fields: e.Fields, At: e.Updated,
		Children: published(e.Children),
	}
}

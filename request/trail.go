package request

import (
	"slices"
	"time"
)

// Mark is something that happened to a request at one site, for people who ask what became of it. Nothing is decided by it, and it
// holds no values of fields.
type Mark struct {
	At   time.Time `json:"at"`
	What What      `json:"what"`
	// Version is the request's after it, zero where it has none.
	Version Version `json:"version,omitzero"`
	// From and To are other sites that had a part in it: where a write was entered, where ownership came from or went to.
	From Site `json:"from,omitempty"`
	To   Site `json:"to,omitempty"`
	// Route caused it, or By, an operator.
	Route string `json:"route,omitempty"`
	By    string `json:"by,omitempty"`
	Op    string `json:"op,omitempty"`
	// Took is how many seconds it took: a write from the call of the request API to its end here, a copy from the owner's commit to this
	// one, a hand-over from the release to its end. The first is by one clock, the others by two.
	Took float64 `json:"seconds,omitzero"`
	Note string  `json:"note,omitempty"`
}

// What is the kind of a Mark.
type What string

// The kinds. A write that is Forwarded was entered at this site and made at To.
const (
	MarkCreated   What = "created"
	MarkUpdated   What = "updated"
	MarkReplaced  What = "replaced"
	MarkDeleted   What = "deleted"
	MarkNotDone   What = "not-done"  // a write of which it was found out that it did not happen
	MarkNoticed   What = "noticed"   // the record was changed behind the gateway
	MarkEntered   What = "entered"   // it became a request: the record was there before the gateway
	MarkApplied   What = "applied"   // the copy is at this version
	MarkRemoved   What = "removed"   // the copy went, the request did not
	MarkForwarded What = "forwarded" // a client wrote here, and the owner did it
	MarkPlanned   What = "planned"
	MarkReleased  What = "released" // from here on nobody may write until To has answered
	MarkHanded    What = "handed-over"
	MarkOwned     What = "owned"     // ownership began here
	MarkResumed   What = "resumed"   // To declined, and this site goes on owning
	MarkReclaimed What = "reclaimed" // ownership began here, by force
	MarkDeposed   What = "deposed"   // it was taken from here by force
	MarkParked    What = "parked"
	MarkDoubted   What = "in-doubt"
	MarkQueued    What = "queued"
	MarkConflict  What = "conflict"
	MarkRebuilt   What = "rebuilt" // learnt again after the store was lost
)

// trailFirst and trailLast are how many marks an entry keeps: those it began with, and the newest.
const trailFirst, trailLast = 4, 28

// Followed is a trail with marks added, and without those between its beginning and its newest part that are too many.
func Followed(trail []Mark, more []Mark) []Mark {
	if len(more) == 0 {
		return trail
	}
	out := append(slices.Clip(trail), more...)
	if n := len(out) - trailFirst - trailLast; n > 0 {
		out = slices.Delete(out, trailFirst, trailFirst+n)
	}
	return out
}

// Trail is what a site knows of a request and of its way there.
type Trail struct {
	Role    Role      `json:"role"`
	Version Version   `json:"version,omitzero"`
	Owner   Site      `json:"owner,omitempty"`
	Local   string    `json:"local,omitempty"`
	Updated time.Time `json:"updated"`
	Marks   []Mark    `json:"marks,omitempty"`
	// Owes are the deliveries that this site still owes of it.
	Owes []Delivery `json:"owes,omitempty"`
	// Now is the time at the site.
	Now time.Time `json:"now"`
}

// SiteTrail is what one site said of a request; Err why it did not.
type SiteTrail struct {
	Site Site
	Trail
	// Skew is how far the site's clock is ahead of that of the site that asked.
	Skew time.Duration
	Err  error
}

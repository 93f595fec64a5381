package request

import "time"

// Role is what a site is to a request.
type Role string

// The roles. Granting and Elect belong to a hand-over of ownership: released and owed, taken in and not yet decided. Away is a
// site that knows the request and has no linked record of it (any more).
const (
	Creating  Role = "creating"
	Owner     Role = "owner"
	Copy      Role = "copy"
	Granting  Role = "granting"
	Elect     Role = "elect"
	Away      Role = "away"
	Tombstone Role = "tombstone"
)

// Entry is what one site's ledger remembers of one request.
type Entry struct {
	ID         ID     `json:"id"`
	Collection string `json:"collection"`
	Role       Role   `json:"role"`
	// Version is the newest one recorded here: at the owner of the request, at a copy of what its upstream holds.
	Version Version `json:"version"`
	// Fence is the highest epoch this site has durably seen; it refuses anything older.
	Fence Epoch `json:"fence"`
	// Owner is the owner as far as known here.
	Owner Site `json:"owner"`
	// Origin is the site where the request was created, EnteredBy what is known of who did.
	Origin    Site   `json:"origin,omitempty"`
	EnteredBy string `json:"entered_by,omitempty"`
	// Local is this site's own id of the record, "" when it has none (yet). Locals are other sites' ids as far as known.
	Local  string          `json:"local,omitempty"`
	Locals map[Site]string `json:"locals,omitempty"`
	// Fields are the canonical fields at Version.
	Fields Fields `json:"-"`
	ETag   string `json:"etag,omitempty"`
	// Children are the records of child collections that belong to the request, in the order in which they came.
	Children []Child `json:"children,omitempty"`
	// Plan is the hand-over that this owner wants.
	Plan *Plan `json:"plan,omitempty"`
	// Terms are how this site holds its copy.
	Terms Terms `json:"terms,omitzero"`
	// Apart is the local id of an independent copy here.
	Apart string `json:"apart,omitempty"`
	// Intent is the write under way; while there is one no other may begin.
	Intent *Intent `json:"intent,omitempty"`
	// Suspect are overtaken applies of which a late upstream commit is still possible.
	Suspect []Suspect `json:"suspect,omitempty"`
	// Ops are the last writes with their outcomes, newest last, so that a repeated one is answered and not run again.
	Ops []Op `json:"ops,omitempty"`
	// Grant and Decision belong to the hand-over in which this site releases or takes the request; Former lists past owners.
	Grant    *Grant    `json:"grant,omitempty"`
	Decision *Decision `json:"decision,omitempty"`
	Former   []Tenure  `json:"former,omitempty"`
	// Holders are the sites that hold the request, as far as known here.
	Holders []Site `json:"holders,omitempty"`
	// Path are the owners to which returns lead, the last one first. Routes are those that moved the request since a client last
	// wrote, Hops how often they did.
	Path   []Site   `json:"path,omitempty"`
	Routes []string `json:"routes,omitempty"`
	Hops   int      `json:"hops,omitempty"`
	// Forces are the epochs that were begun by force, all of them.
	Forces []Force `json:"forces,omitempty"`
	// Queue are writes accepted here for the owner; Conflicts what lost here.
	Queue     []Queued         `json:"queue,omitempty"`
	Conflicts []ConflictRecord `json:"conflicts,omitempty"`
	// Doubt says what a person must settle: the outcome of a write that no means of the API can tell.
	Doubt *Doubt `json:"doubt,omitempty"`
	// Trail is what happened to the request here, for people.
	Trail   []Mark    `json:"trail,omitempty"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// Kind is what a write does.
type Kind string

// The kinds of writes. Update merges the fields given, Replace makes them the whole record, Apply brings a copy up to date.
const (
	Create  Kind = "create"
	Update  Kind = "update"
	Replace Kind = "replace"
	Delete  Kind = "delete"
	Apply   Kind = "apply"
)

// Intent is the durable note "about to do this upstream", made before the upstream is touched.
type Intent struct {
	Kind Kind   `json:"kind"`
	Op   string `json:"op"`
	// Site is where it runs, when that is not the site of the version's epoch.
	Site Site `json:"site,omitempty"`
	// Entry is the site where the client is, when that is another.
	Entry Site `json:"entry,omitempty"`
	// Version is the one that the write will make.
	Version Version `json:"version"`
	// Fields are the fields written, canonical; on Apply the whole state.
	Fields Fields `json:"fields,omitempty"`
	// Child is the child that is written, for a write that changes not the request itself; Fields are then the child's.
	Child *ChildWrite `json:"child,omitempty"`
	// Own says that the gateway made the call, not a client.
	Own bool `json:"own,omitempty"`
	// Pre are the fields as they were, for the resolver.
	Pre Fields `json:"pre,omitempty"`
	// Removed are fields that the write takes away.
	Removed []string `json:"removed,omitempty"`
	// Token is new with each intent of the request; a commit under an older one is refused.
	Token uint64 `json:"token"`
	// Replica is the process that works on it, until Lease; afterwards anyone may resolve it (never simply write).
	Replica string    `json:"replica"`
	Lease   time.Time `json:"lease"`
	Sent    time.Time `json:"sent"`
	// Tries counts how often the upstream was called for it.
	Tries int `json:"tries,omitempty"`
	// Snapshot is, on Apply, what the copy will know of the request when it is done.
	Snapshot *Snapshot `json:"snapshot,omitempty"`
	// Owe are the holders that the write adds, on Create and Update at the owner, Plan the hand-over that it causes.
	Owe  []Debt `json:"owe,omitempty"`
	Plan *Plan  `json:"plan,omitempty"`
	// Accept is, on the Apply that makes this site the owner, the hand-over it accepts.
	Accept *Handover `json:"accept,omitempty"`
	// Trace is what the write is traced under, if it is.
	Trace Trace `json:"trace,omitempty"`
}

// Suspect marks an overtaken upstream write that may still land until Until.
type Suspect struct {
	Token uint64    `json:"token"`
	Until time.Time `json:"until"`
}

// Op is the outcome of one client write.
type Op struct {
	ID      string  `json:"id"`
	Kind    Kind    `json:"kind"`
	Version Version `json:"version"`
	Outcome Outcome `json:"outcome"`
	// Status is that of the upstream's answer.
	Status int       `json:"status,omitempty"`
	At     time.Time `json:"at"`
	// Trace is what it is traced under, if it is.
	Trace Trace `json:"trace,omitempty"`
}

// Outcome is how a write ended.
type Outcome string

// The outcomes. Every write ends as exactly one of the first three or is visible as one of the last two.
const (
	Done    Outcome = "done"
	NotDone Outcome = "not-done"
	Refused Outcome = "refused" // by the upstream's own rules
	InDoubt Outcome = "in-doubt"
	Open    Outcome = "open" // still under way
	// Kept: accepted at a copy, to be made at the owner when it can be reached. Clashed: it came late and the owner's values won.
	Kept    Outcome = "queued"
	Clashed Outcome = "conflict"
)

// Doubt is a question that only a person can answer.
type Doubt struct {
	Op     string    `json:"op"`
	Kind   Kind      `json:"kind"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	// Candidates are local ids of records that may be the one in question, as of Looked: they are no request's and have the same fields.
	Candidates []string  `json:"candidates,omitempty"`
	Looked     time.Time `json:"looked,omitzero"`
	// Quiet is when the write can no longer take effect.
	Quiet time.Time `json:"quiet,omitzero"`
}

// Grant is ownership released and owed to a site (protocol: A4).
type Grant struct {
	Epoch Epoch     `json:"epoch"`
	To    Site      `json:"to"`
	At    time.Time `json:"at"`
	// Plan is what it carries out.
	Plan Plan `json:"plan"`
	// Cause is why it is not answered yet.
	Cause string `json:"cause,omitempty"`
}

// Decision is what this site durably answered to a grant.
type Decision struct {
	Epoch    Epoch `json:"epoch"`
	Accepted bool  `json:"accepted"`
}

// Tenure is one former reign.
type Tenure struct {
	Epoch Epoch     `json:"epoch"`
	Until time.Time `json:"until"`
}

// FindOp returns the remembered outcome of a write.
func (e *Entry) FindOp(id string) (Op, bool) {
	for i := len(e.Ops) - 1; i >= 0; i-- {
		if e.Ops[i].ID == id {
			return e.Ops[i], true
		}
	}
	return Op{}, false
}

// Unsettled reports whether something about the request is still to be done, or to be settled by a person, at this site: an open
// or suspect write, a hand-over, queued writes, conflicts. Stores list such entries.
func (e *Entry) Unsettled() bool {
	return e.Intent != nil || len(e.Suspect) > 0 || e.Plan != nil || e.Role == Granting || e.Role == Elect || len(e.Queue) > 0 || len(e.Conflicts) > 0
}

// Wanted is the site that is to own the request according to its plan, "" when it is to stay.
func (e *Entry) Wanted() Site {
	if e.Plan == nil {
		return ""
	}
	return e.Plan.To
}

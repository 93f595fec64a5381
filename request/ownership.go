package request

import "time"

// Terms are how a site holds a request: what the route says that made it a holder. The zero value is a linked copy that follows
// every write at once and takes the network's defaults.
type Terms struct {
	// Mode is "" or "data" for a linked copy, Independent, or Remove.
	Mode string `json:"mode,omitempty"`
	// Route made the site a holder; Pool is the lane in which it is served.
	Route string `json:"route,omitempty"`
	Pool  string `json:"pool,omitempty"`
	// Update is when the copy is refreshed: "" or "immediate", "hourly", "daily", "on-return", "never" or a cron expression in the
	// holder's time zone. Window is the time of day, there, in which anything is delivered at all: "20:00-06:00".
	Update string `json:"update,omitempty"`
	Window string `json:"window,omitempty"`
	// OnDelete is what a deletion at the owner does to this copy, "cascade" or "keep"; Writes what becomes of a write at the
	// holder, "forward", "refuse" or "queue". "" is the network's default.
	OnDelete string `json:"on_delete,omitempty"`
	Writes   string `json:"writes,omitempty"`
	// Match are the canonical fields, separated by commas, by which a record that is there already is paired with the request;
	// Duplicate is what to do then: "error" (or ""), "overwrite" or "create".
	Match     string `json:"match,omitempty"`
	Duplicate string `json:"duplicate,omitempty"`
}

// Modes of a holder that are no linked copy. Independent: a copy that is made once and not linked. Remove: the copy is to go.
const (
	Independent = "independent"
	Remove      = "remove"
)

// Linked reports whether the holder is to follow the owner.
func (t Terms) Linked() bool { return t.Mode != Independent && t.Mode != Remove }

// Plan is a hand-over that the owner wants and has not begun, or could not: the owner goes on owning until it releases the
// request. There is one at a time; a later one takes its place.
type Plan struct {
	// To is the site that is to own the request. Mode is "ownership" (the source keeps a copy) or "move" (its record goes).
	To   Site   `json:"to"`
	Mode string `json:"mode,omitempty"`
	// Return says that ownership goes back on the way it came. Archive says that the other holders' records go too, but for Keep.
	Return  bool   `json:"return,omitempty"`
	Archive bool   `json:"archive,omitempty"`
	Keep    []Site `json:"keep,omitempty"`
	// Terms are how the target holds it until then, and how the source will, when the mode is ownership.
	Terms Terms `json:"terms,omitzero"`
	// By is the operator who asked for it, when it was no route.
	By    string    `json:"by,omitempty"`
	Since time.Time `json:"since"`
	// Cause is why it has not happened yet. Parked says that it will not be tried again by itself.
	Cause  string `json:"cause,omitempty"`
	Parked bool   `json:"parked,omitempty"`
	// Trace is that of the write that caused it, if that is traced.
	Trace Trace `json:"trace,omitempty"`
}

// Force is an epoch that an operator began at a site without the consent of the owner before.
type Force struct {
	Epoch Epoch `json:"epoch"`
	// Base is the newest version that the forcing site knew. What others wrote above it in an earlier epoch is in conflict.
	Base   Version   `json:"base"`
	By     string    `json:"by,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	// Lost says that its reign ended because another's was higher: it is history, and not where the present state comes from.
	Lost bool `json:"lost,omitempty"`
}

// Queued is a write that was accepted at a copy while the owner could not be reached, and is to be made there.
type Queued struct {
	Op   string `json:"op"`
	Kind Kind   `json:"kind"`
	// Fields are what is written, Pre what they were at Base, the version the client saw.
	Fields    Fields    `json:"fields,omitempty"`
	Pre       Fields    `json:"pre,omitempty"`
	Base      Version   `json:"base"`
	EnteredBy string    `json:"entered_by,omitempty"`
	At        time.Time `json:"at"`
	// Sent says that an attempt may have reached the owner.
	Sent bool `json:"sent,omitempty"`
	// Trace is what the client's call is traced under, if it is.
	Trace Trace `json:"trace,omitempty"`
}

// ConflictRecord tells of two histories, of which one lost. It stays until a person dismisses it.
type ConflictRecord struct {
	ID string `json:"id"`
	// Kind is "force" (a deposed owner, or a witness of it), "queue" (a queued write that came late) or "delete".
	Kind string    `json:"kind"`
	Op   string    `json:"op,omitempty"`
	Site Site      `json:"site"`
	At   time.Time `json:"at"`
	// Base is the version both came from, Mine and Theirs are the two; Theirs won.
	Base   Version       `json:"base"`
	Mine   Version       `json:"mine"`
	Theirs Version       `json:"theirs"`
	Fields []FieldChoice `json:"fields,omitempty"`
	// Decision says in a line what was done by itself.
	Decision string `json:"decision"`
}

// FieldChoice is one field in a conflict; a value that was not there is "".
type FieldChoice struct {
	Name               string
	Base, Mine, Theirs string // JSON text
}

// Stage is a step of a hand-over between two gateways.
type Stage string

// The stages. Prepare promises nothing on either side; Grant is sent after the owner has released the request durably, until it
// is answered; Cancel asks the target to refuse if it has not decided.
const (
	Prepare  Stage = "prepare"
	GrantIt  Stage = "grant"
	CancelIt Stage = "cancel"
)

// Handover is what the owner tells the site that is to own a request.
type Handover struct {
	Stage Stage `json:"stage"`
	// Epoch is the target's reign: one number above that of the snapshot, which is the owner's last state.
	Epoch    Epoch    `json:"epoch"`
	Snapshot Snapshot `json:"snapshot"`
	// Holders are who is to hold the request under the new owner, and how, the releasing site among them.
	Holders []Debt `json:"holders,omitempty"`
	// Return says that it goes home. Path are the owners to which further returns lead, the last one first to be returned to.
	Return bool   `json:"return,omitempty"`
	Path   []Site `json:"path,omitempty"`
	// Routes moved the request since a client last wrote, Hops counts these moves.
	Routes []string `json:"routes,omitempty"`
	Hops   int      `json:"hops,omitempty"`
	// Terms are how the target pairs the request with a record it has.
	Terms Terms `json:"terms,omitzero"`
}

// Verdict is what the target of a hand-over says.
type Verdict struct {
	State VerdictState `json:"state"`
	// Epoch is the highest the target has durably seen, Owner the owner it believes in.
	Epoch Epoch  `json:"epoch"`
	Owner Site   `json:"owner,omitempty"`
	Local string `json:"local,omitempty"`
	Cause string `json:"cause,omitempty"`
	// Final says that a Declined grant would be declined again: a person must look at it.
	Final bool `json:"final,omitempty"`
}

// VerdictState is the word of a Verdict.
type VerdictState string

// The words. Ready and Unready answer a Prepare and bind nobody; Unfit too, but it will not change by itself. Accepted, Declined
// and Overtaken (the target has seen a later epoch) are durable; Undecided means ask again.
const (
	Ready     VerdictState = "ready"
	Unready   VerdictState = "unready"
	Unfit     VerdictState = "unfit"
	Accepted  VerdictState = "accepted"
	Declined  VerdictState = "declined"
	Overtaken VerdictState = "overtaken"
	Undecided VerdictState = "undecided"
)

// Order is a command of an operator to the owner of a request, given at any site.
type Order struct {
	Request ID `json:"request"`
	// Return sends ownership back where it came from; otherwise To is the target, and Mode "ownership" or "move".
	Return bool   `json:"return,omitempty"`
	To     Site   `json:"to,omitempty"`
	Mode   string `json:"mode,omitempty"`
	By     string `json:"by,omitempty"`
}

// Standing is what the owner says to an Order: who owns the request, and what is planned.
type Standing struct {
	Owner   Site    `json:"owner"`
	Version Version `json:"version"`
	Role    Role    `json:"role"`
	Plan    *Plan   `json:"plan,omitempty"`
}

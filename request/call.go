package request

import (
	"io"
	"net/http"
	"time"
)

// Call is one HTTP message to a request API.
type Call struct {
	Method string
	// Target is path and query as they go on the wire, escaped: "/tickets/7?x=1".
	Target string
	Header http.Header
	Body   []byte
}

// Answer is what a request API said to a call.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Stream is an answer whose body is read as it comes. Who has it closes the body.
type Stream struct {
	Status int
	Header http.Header
	Body   io.ReadCloser
}

// Write is one write of a client, at its own site's gateway or forwarded from another.
type Write struct {
	// Op names the write; repeating it under the same name has no second effect.
	Op         string
	Kind       Kind
	Collection string
	// Request is known for everything but a client's create.
	Request ID
	// Local is this site's id of the record, for a record that the ledger does not know yet.
	Local string
	// Fields are what is written, canonical. On Replace they are the whole record.
	Fields Fields
	// Child is the child of the request that is written, nil when it is the request itself. Kind and Fields are then the child's.
	Child *ChildWrite
	// Raw is the SHA-256 of the body of Call where that is kept apart, since it may be of any size.
	Raw string
	// Call is the client's own call as it goes to its own site's upstream; nil for a write that came from a peer.
	Call *Call
	// Key is the hash of the client's scoped Idempotency-Key, or ""; Digest that of the call.
	Key, Digest string
	// IfMatch are the versions ("num.n") of the client's precondition, nil when there is none.
	IfMatch []string
	// Entry is the site where the client is, EnteredBy what is known of the client.
	Entry     Site
	EnteredBy string
	// Routes fired so far, and the holders they add.
	Routes []string
	Owe    []Debt
	// Queued says that the write waited at its origin for the owner: where the owner's fields are no longer Pre, they win. Base is
	// the version the client saw.
	Queued bool
	Pre    Fields
	Base   Version
	// Again says that a former attempt under the same Op may have reached another site.
	Again bool
	// EpochSeen is the highest epoch known of the owner when the write was forwarded, Via the sites it passed.
	EpochSeen Epoch
	Via       []Site
}

// Result is what came of a write.
type Result struct {
	// Answer is what the client is told in its own API's shape; also the upstream's own refusal.
	Answer *Answer
	// Entry and Copies are the request after the write, as known at this site; Copies may be nil.
	Entry  Entry
	Copies []Delivery
	// Version is that of this very write; zero when it was refused by the upstream.
	Version Version
	Routes  []string
	// Op is the operation id of the write.
	Op string
	// Debt says that the write was passed on while the ledger was away: it is remembered, and has no version yet. Of Entry only the id
	// may be known.
	Debt bool
	// Replayed says that Answer is the stored one of an earlier write with the same key.
	Replayed bool
}

// Key is the durable memory of one Idempotency-Key.
type Key struct {
	// Hash is that of site, credentials, collection and key; Digest that of the call's method, target and body.
	Hash    string    `json:"hash"`
	Digest  string    `json:"digest"`
	Op      string    `json:"op"`
	Request ID        `json:"request"`
	Expires time.Time `json:"expires"`
	// Answer is nil until the write is done.
	Answer *Answer `json:"answer,omitempty"`
	// Receipt are the receipt headers of the answer.
	Version Version `json:"version"`
	// By is the gateway that is at the write, "" when none is; others wait for its answer, but not after Until.
	By    string    `json:"by,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// Operation is a write whose end a client can follow.
type Operation struct {
	ID      string    `json:"id"`
	Request ID        `json:"request"`
	Kind    Kind      `json:"kind"`
	Outcome Outcome   `json:"state"`
	Version Version   `json:"version"`
	Owner   Site      `json:"owner,omitempty"`
	Status  int       `json:"status,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
}

package request

import (
	"errors"
	"strings"
	"time"
)

// ErrKind says what a caller can do about an error. It is also the last part of the problem type shown to clients.
type ErrKind string

// The kinds.
const (
	Internal         ErrKind = "internal"
	Invalid          ErrKind = "invalid"           // the call is wrong; the same call will be wrong again
	NotFound         ErrKind = "not-found"         // no such request
	Gone             ErrKind = "gone"              // deleted
	Conflict         ErrKind = "conflict"          // refused by a rule, e.g. writes: refuse
	Precondition     ErrKind = "precondition"      // If-Match does not match
	Busy             ErrKind = "busy"              // another write of the request is under way; nothing happened
	Reserved         ErrKind = "reserved-field"    // the client wrote a field that belongs to the gateway
	KeyReused        ErrKind = "key-reused"        // the same Idempotency-Key with another call
	KeyBusy          ErrKind = "key-in-progress"   // the same Idempotency-Key is being worked on
	OwnerUnreachable ErrKind = "owner-unreachable" // nothing happened
	NotYet           ErrKind = "not-yet"           // the peer is not further than the asker; try again
	NotSent          ErrKind = "not-sent"          // certainly nothing reached the other side
	Doubtful         ErrKind = "in-doubt"          // it may or may not have happened
	HandingOver      ErrKind = "handing-over"      // ownership is just moving; nothing happened, try again
	Unavailable      ErrKind = "unavailable"       // certainly not done, may work later
	StoreDown        ErrKind = "store-unavailable" // our store; nothing happened
	Rejoining        ErrKind = "rejoining"         // our store was lost and is being rebuilt; nothing happened
	Loop             ErrKind = "loop"              // the call came round in a circle
	NoContent        ErrKind = "content-missing"   // the bytes of the file that a write names are not there yet; nothing happened
	Forbidden        ErrKind = "forbidden"         // a peer spoke for a site that is not its own
	TooLarge         ErrKind = "too-large"
	ClientGone       ErrKind = "cancelled" // the client went away
)

// Error is an error with what a caller needs to act on it.
type Error struct {
	// Op is the step that failed, "peer.Write chicago".
	Op   string
	Kind ErrKind
	// Request is the request concerned, if any.
	Request ID
	// Operation is where the outcome can be followed, for Doubtful.
	Operation string
	// Detail is a sentence for a person, Retry when it makes sense to try again.
	Detail string
	Retry  time.Duration
	// Owner and Epoch are, for NotYet, the owner that the peer believes in.
	Owner Site
	Epoch Epoch
	// Version is, for Gone, the one in which the request was deleted; zero where that is not known.
	Version Version
	Err     error
}

// Error says operation, request, kind, detail and cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Request != "" {
		b.WriteString(" " + string(e.Request))
	}
	b.WriteString(": ")
	switch {
	case e.Detail != "":
		b.WriteString(e.Detail)
	default:
		b.WriteString(string(e.Kind))
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the first Error in err's chain, Internal when there is none.
func KindOf(err error) ErrKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

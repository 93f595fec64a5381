package debts

import (
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Debt is one write that the ledger does not know of.
type Debt struct {
	// Op is the operation id of the write; it names the debt.
	Op   string       `json:"op"`
	Kind request.Kind `json:"kind"`
	// Collection and Local are the record that was written at this site; Local is "" for a create. For a write of a child they are
	// those of its parent, and Local is "" when the call does not name it.
	Collection string              `json:"collection"`
	Local      string              `json:"local,omitempty"`
	Child      *request.ChildWrite `json:"child,omitempty"`
	// Touch says that the call is not one that the profile describes: the record is to be looked at.
	Touch bool `json:"touch,omitempty"`
	// Request is, for a create, the id that the request is to have; the record carries it where the API has a place for it.
	Request request.ID `json:"request,omitempty"`
	// Fields are what was written, canonical.
	Fields request.Fields `json:"fields,omitempty"`
	// Seen are the values of these fields as the client knew them, where that is more than the ledger knew, and Base the version then.
	Seen request.Fields  `json:"seen,omitempty"`
	Base request.Version `json:"base,omitzero"`
	// Key and Digest are those of the client's Idempotency-Key, hashed, By what is known of the client.
	Key    string `json:"key,omitempty"`
	Digest string `json:"digest,omitempty"`
	By     string `json:"by,omitempty"`
	// Trace is what the client's call is traced under, if it is.
	Trace request.Trace `json:"trace,omitempty"`
	At    time.Time     `json:"at"`
	// End is what came of the call, nil while that is not known.
	End *End `json:"-"`
	// Proposed says that the ledger has the write, and that the record is to be looked at once more when its owner has had its say.
	Proposed bool `json:"-"`
	// Flying says that this process is just making the call; Quiet is from when on a call without an answer counts, when it was
	// given up or the spool was opened.
	Flying bool      `json:"-"`
	Quiet  time.Time `json:"-"`

	size int64 // of its lines in the file
}

// End is what the request API said to a call.
type End struct {
	Status int `json:"status"`
	// Made is the local id of what was created.
	Made string `json:"made,omitempty"`
	// Refused says that the API made nothing of it: the debt is only kept for its key.
	Refused bool `json:"refused,omitempty"`
	// Answer is the whole answer where a client may ask for it again, if it is not too large.
	Answer *request.Answer `json:"answer,omitempty"`
}

// Record is the local id of the record that a debt is about, "" when it is not known.
func (d *Debt) Record() string {
	if d.Local == "" && d.Child == nil && d.End != nil {
		return d.End.Made
	}
	return d.Local
}

// brief is what a line that ends a debt repeats of it, so that one line of the two is enough to find the record.
func (d Debt) brief() Debt {
	d.Fields, d.Seen, d.End = nil, nil, nil
	return d
}

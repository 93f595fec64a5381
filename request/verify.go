package request

import (
	"encoding/json"
	"time"
)

// VerifyOrder asks for the requests that a site owns to be compared with their holders.
type VerifyOrder struct {
	// Collection is the only one, "" for all.
	Collection string `json:"collection,omitempty"`
	// Repair has what differs made right.
	Repair bool `json:"repair,omitempty"`
	// Sample is how many requests of a collection are compared, chosen by chance; 0 is all.
	Sample int    `json:"sample,omitempty"`
	By     string `json:"by,omitempty"`
}

// DifferenceKind says in what way a request is not the same everywhere.
type DifferenceKind string

// The kinds.
const (
	DiffersField   DifferenceKind = "field"            // a field of a holder's record is not what the owner has
	DiffersMissing DifferenceKind = "missing"          // a holder has no record of it
	DiffersGone    DifferenceKind = "missing-at-owner" // the owner's own record is gone
	DiffersForeign DifferenceKind = "changed-at-owner" // the owner's record was changed behind the gateway
	DiffersBehind  DifferenceKind = "behind"           // a holder knows an older version than it has confirmed, or its delivery is parked
	DiffersUnknown DifferenceKind = "unknown"          // a site holds a copy that the owner does not know of
	DiffersAhead   DifferenceKind = "ahead"            // a holder knows a later version than its owner: the owner's store was set back
)

// Difference is one way in which a request is not the same at its owner and at a site. Of a whole record Field is "", and Owner and
// Holder are versions, or null where there is no record. Values are canonical JSON.
type Difference struct {
	Request    ID              `json:"request"`
	Collection string          `json:"collection"`
	Site       Site            `json:"site"`
	Field      string          `json:"field"`
	Owner      json.RawMessage `json:"owner"`
	Holder     json.RawMessage `json:"holder"`
	Kind       DifferenceKind  `json:"kind"`
	Repaired   bool            `json:"repaired"`
	// Note says why it is not repaired, or what else is to be known.
	Note string `json:"note,omitempty"`
}

// Unreached is a site that could not be compared with.
type Unreached struct {
	Site  Site   `json:"site"`
	Cause string `json:"cause"`
}

// Verification is how a comparison stands.
type Verification struct {
	VerifyOrder
	ID       string    `json:"id"`
	State    JobState  `json:"state"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
	// Requests are those that were compared, Copies the pairs of a request and a holder, Read the records that were read for it.
	Requests int `json:"requests"`
	Copies   int `json:"copies"`
	Read     int `json:"read"`
	// Moving are pairs that could not be compared because they were changing all the time.
	Moving int `json:"moving"`
	// Found counts all differences, Repaired those that were made right. Differences are the first of them.
	Found       int          `json:"found"`
	Repaired    int          `json:"repaired"`
	Differences []Difference `json:"differences"`
	Unreached   []Unreached  `json:"unreached,omitempty"`
	Error       string       `json:"error,omitempty"`
}

// The requests of a collection are divided for comparing them into groups, and each group into buckets; buckets are numbered through, so
// that bucket b is in group b / DigestSplit.
const (
	DigestGroups  = 256
	DigestSplit   = 256
	DigestBuckets = DigestGroups * DigestSplit
)

// DigestKeySize is the length of a key, DigestLeaf that of a leaf: an id and a hash.
const (
	DigestKeySize = 32
	DigestLeaf    = IDSize + 8
)

// DigestAsk asks a holder what its ledger says of the copies that it has of the asking owner's requests: the digests of all groups or,
// when it says which, those of the buckets of some groups, the leaves of some buckets, or some requests themselves.
type DigestAsk struct {
	Collection string `json:"collection"`
	// Key is what all hashes of a comparison are made with. The asker chooses it by chance for each one: so nobody who writes requests can
	// choose them such that a difference does not show. Asks with one key are answered from the same digests.
	Key []byte `json:"key"`
	// Groups are those of which the digests of the buckets are wanted.
	Groups []int `json:"groups,omitempty"`
	// Buckets are those whose leaves are wanted, in order of id, those after After.
	Buckets []int `json:"buckets,omitempty"`
	After   ID    `json:"after,omitempty"`
	// Requests are wanted one by one.
	Requests []ID `json:"requests,omitempty"`
}

// Digests is the answer.
type Digests struct {
	// Pending says that the digests are still being made: ask again.
	Pending bool `json:"pending,omitempty"`
	// Count is how many copies there are. Sums are digests, 8 bytes each: of all groups, or of the buckets of the groups asked for.
	Count int    `json:"count,omitempty"`
	Sums  []byte `json:"sums,omitempty"`
	// Leaves are those of the buckets asked for, DigestLeaf bytes each. Next is the id after which they go on, "" at the end.
	Leaves []byte `json:"leaves,omitempty"`
	Next   ID     `json:"next,omitempty"`
	// Items are the requests asked for.
	Items []DigestItem `json:"items,omitempty"`
}

// DigestItem is one copy by its holder's ledger.
type DigestItem struct {
	Request ID      `json:"request"`
	Version Version `json:"version"`
	// Sum is the hash of its fields, 8 bytes.
	Sum []byte `json:"sum"`
	// Missing says that the holder has no linked record of it.
	Missing bool `json:"missing,omitempty"`
}

// AuditAsk asks a holder to compare its own records with its ledger, for the copies that it has of the asking owner's requests. The
// first ask with a Session begins; further ones ask for what was found since.
type AuditAsk struct {
	Session    string `json:"session"`
	Collection string `json:"collection"`
	// Requests are the only ones, nil for all. Repair has what differs made right.
	Requests []ID `json:"requests,omitempty"`
	Repair   bool `json:"repair,omitempty"`
	// From is how many findings the asker has already; Stop ends the audit.
	From int  `json:"from"`
	Stop bool `json:"stop,omitempty"`
}

// Audited is what was found so far.
type Audited struct {
	Done bool `json:"done"`
	// Read are the records that were looked at, Moving those that could not be judged because they were changing.
	Read     int       `json:"read"`
	Moving   int       `json:"moving"`
	Findings []Finding `json:"findings,omitempty"`
	// Error is why the audit broke off.
	Error string `json:"error,omitempty"`
}

// Finding is a record that is not what its site's ledger says.
type Finding struct {
	Request ID      `json:"request"`
	Version Version `json:"version"`
	Missing bool    `json:"missing,omitempty"`
	// Fields are those that differ.
	Fields   []FieldPair `json:"fields,omitempty"`
	Repaired bool        `json:"repaired,omitempty"`
	Note     string      `json:"note,omitempty"`
}

// FieldPair is a field by the ledger, and in the record; null where there is none.
type FieldPair struct {
	Name   string          `json:"name"`
	Ledger json.RawMessage `json:"ledger"`
	Record json.RawMessage `json:"record"`
}

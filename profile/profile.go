package profile

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Profile is a compiled Spec. It does not change, and any number of goroutines may use it.
type Profile struct {
	Name                string
	Timeout, Quiescence time.Duration
	Parallel            int
	// Rate is in calls per second; 0 is any number.
	Rate        float64
	Collections map[string]*Collection

	matcher matcher
}

// Collection is one kind of record of a site's API.
type Collection struct {
	name     string
	calls    map[Verb]*call
	id       idRule
	envelope struct{ call, answer, items pointer }

	external struct{ read, write pointer } // nil when there is none
	find     findRule
	search   search

	stamp    struct{ owner, version, request, state pointer }
	etag     bool
	readBack bool

	named    map[string]*field // by canonical name
	fixed    []*field          // the constants, in the order of their names
	required []string
	kept     []pointer // members that the gateway never writes and a replacement keeps
	own      []pointer // those of them that are this site's alone: local and dropped
	created  pointer   // read-only member with the time of creation, for telling the oldest; nil when not known

	reading, writing index
}

// Verb is what a call does to a collection.
type Verb string

// The verbs. Update merges, Replace replaces the whole record.
const (
	Create  Verb = "create"
	Read    Verb = "read"
	Update  Verb = "update"
	Replace Verb = "replace"
	Delete  Verb = "delete"
	List    Verb = "list"
)

// Verdict is what an answer says about the call.
type Verdict string

// The verdicts: done; refused for good; no such record; not known whether it was done; certainly not done, may work later; certainly
// not done, since the record is no longer what the call said.
const (
	Stale       Verdict = "stale"
	Accepted    Verdict = "accepted"
	Refused     Verdict = "refused"
	Gone        Verdict = "gone"
	Doubtful    Verdict = "doubtful"
	Unavailable Verdict = "unavailable"
)

// Marks are what the gateway writes into records where the profile gives it a place.
type Marks struct {
	Request request.ID
	Version request.Version
	Owner   request.Site
	State   string
}

// Created is a record that exists now, or was found.
type Created struct {
	Local string
	// Record is nil when the answer does not hold it.
	Record []byte
}

// call is one kind of call to the collection.
type call struct {
	method string
	path   pathTemplate
	status []int
	gone   []int
}

// idRule says where the id of a new record is.
type idRule struct {
	from  string
	at    pointer
	name  string
	match *regexp.Regexp
}

// findRule is the call that finds a record by its global id: text before the value, and after it. Empty when there is none.
type findRule struct {
	before, after string
}

// field is where one canonical field is in the record.
type field struct {
	name        string
	read, write pointer // nil when it is not read, or not written
	in, out     map[string]json.RawMessage
	strict      bool
	fixed       json.RawMessage // const
	most        int             // characters; 0 is any number
	truncate    bool
	hidden      bool // local or dropped
}

// index tells, for each member at the top of a record that is not simply a canonical field of the same name, what is made of
// it. There is one for reading records and one for writing them: pointers may differ.
type index map[string]*top

type top struct {
	hidden bool      // not a field of its own name
	fields []*field  // the member is this field, or has these in it
	strip  []pointer // hidden parts of it, relative to its value
}

// marks are the places of what the gateway writes.
func (c *Collection) marks() []pointer {
	var out []pointer
	for _, p := range []pointer{c.external.read, c.external.write, c.stamp.owner, c.stamp.version, c.stamp.request, c.stamp.state} {
		if p != nil {
			out = append(out, p)
		}
	}
	return out
}

// Name is the name of the collection in the network file.
func (c *Collection) Name() string { return c.name }

// CanReplace reports whether the API can replace a whole record.
func (c *Collection) CanReplace() bool { return c.calls[Replace] != nil }

// ReadBack reports whether answers to writes are not to be trusted: the record is to be read and compared.
func (c *Collection) ReadBack() bool { return c.readBack }

// HasETag reports whether the API has tags of its own, by which it refuses a write over a newer state.
func (c *Collection) HasETag() bool { return c.etag }

// Success is the status with which the API usually answers a call of the verb that succeeded.
func (c *Collection) Success(v Verb) int {
	if k := c.calls[v]; k != nil {
		return k.status[0]
	}
	return 200
}

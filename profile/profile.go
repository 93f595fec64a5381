package profile

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
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

	// RetryAfter is the longest Retry-After of the API that is honoured.
	RetryAfter time.Duration
	// Headers are on each of the gateway's own calls; those that this package makes have them already.
	Headers http.Header
	// ContentType is the media type of own calls with a body.
	ContentType string
	// Login is how a token is had, nil where the credentials are used as they are.
	Login *LoginSpec

	alive   *alive
	matcher matcher
	homes   [][]string
}

// Order are the names of the collections, those of parents before those of their children.
func (p *Profile) Order() []string {
	depth := func(name string) (n int) {
		for c := p.Collections[name]; c != nil && c.parent != ""; c = p.Collections[c.parent] {
			n++
		}
		return n
	}
	return slices.SortedFunc(maps.Keys(p.Collections), func(a, b string) int {
		return cmp.Or(cmp.Compare(depth(a), depth(b)), cmp.Compare(a, b))
	})
}

// alive is a read that succeeds only with credentials that work.
type alive struct {
	path   pathTemplate
	status []int
	at     pointer
}

// Collection is one kind of record of a site's API.
type Collection struct {
	name   string
	parent string // the collection whose records this one's belong to
	under  string // the record of that collection, where it is known
	given  vars   // further values of names in calls
	rides  bool   // clients do not make records of it by themselves
	// parentAt is where a record names its parent; nil where the path does.
	parentAt struct {
		read, write pointer
		number      bool
	}
	style    style
	calls    map[Verb]*call
	id       idRule
	envelope struct{ call, answer, items, item pointer }
	with     []extra

	external struct {
		read, write pointer // nil when there is none
		marker      *marker // where the field holds other things too
		lag         time.Duration
	}
	find   *call // by the external id; nil when there is none
	search search
	lister lister
	// assumed says that the list is the preset's convention, and not described.
	assumed bool

	stamp    struct{ owner, version, request, state place }
	etag     bool
	version  []pointer // the members that hold the API's own version: the first is written; nil when there is none
	deleted  condition
	readBack bool
	watch    Watch
	drift    string
	content  *bytesOf // of a collection of files

	named    map[string]*field // by canonical name
	only     bool              // what is not named is this site's alone
	null     null              // of the fields that have no name of their own
	fixed    []*field          // the constants, in the order of their names
	computed []*field          // those that are read of other members of the record alone
	derived  []*field          // those that are written of other fields, or of nothing
	required []string
	apiOwn   []pointer // those of kept that the API sets itself
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
	stale  []int
	// body is merge, full or json-patch; send is a body that is always the same but for the names in it.
	body string
	send json.RawMessage
	// header and contentType are those of the gateway's own calls.
	header      http.Header
	contentType string
	// envelope is the pointer to the record in the call, nil for that of the collection.
	envelope pointer
	// bare says that a whole record is sent without what the API sets itself.
	bare bool
	// hidden says that clients do not make this call; also are other ways in which they do.
	hidden bool
	also   []alias
}

// has reports whether a name stands anywhere in the call.
func (k *call) has(name string) bool {
	for _, values := range k.header {
		if parseText(values[0]).has(name) {
			return true
		}
	}
	return k.path.has(name) || len(k.send) > 0 && slices.Contains(namesIn(k.send), name)
}

// style is how own calls of any kind look.
type style struct {
	header      http.Header
	contentType string // "" for that of JSON
	form        bool
}

// place is where something is read, and where it is written; nil where it is not.
type place struct{ read, write pointer }

// extra is what own calls carry outside of the record.
type extra struct {
	at    pointer
	value json.RawMessage
}

// idRule says where the id of a new record is.
type idRule struct {
	from    string
	at      []pointer
	created pointer // in the answer to a create; nil where that has it at at
	name    string
	match   *regexp.Regexp
	// pattern is what ids look like as a whole, nil for the usual.
	pattern *regexp.Regexp
}

// marks are the places of what the gateway writes, or the API for its sake.
func (c *Collection) marks() []pointer {
	var out []pointer
	if c.external.marker == nil {
		out = c.externals()
	}
	for _, p := range []place{c.stamp.owner, c.stamp.version, c.stamp.request, c.stamp.state} {
		for _, at := range []pointer{p.read, p.write} {
			if at != nil && !slices.ContainsFunc(out, at.equal) {
				out = append(out, at)
			}
		}
	}
	return append(out, c.version...)
}

// externals are the places of the external id.
func (c *Collection) externals() []pointer {
	if c.external.read == nil || c.external.write == nil {
		return nil
	}
	return []pointer{c.external.read, c.external.write}
}

// Name is the name of the collection in the network file.
func (c *Collection) Name() string { return c.name }

// Can reports whether the API has a call of the verb.
func (c *Collection) Can(v Verb) bool { return c.calls[v] != nil }

// CanReplace reports whether the API can replace a whole record.
func (c *Collection) CanReplace() bool { return c.Can(Replace) }

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

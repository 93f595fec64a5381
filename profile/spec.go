package profile

import (
	"encoding/json"
	"time"
)

// Spec is a profile as the network file has it, with the preset laid under it or not: Compile lays it under where it is named.
// Decoding it from YAML is strict: a key that is not known is a [*SyntaxError].
type Spec struct {
	Preset string `yaml:"preset"`
	// Timeout bounds each of the gateway's own calls (default 15s).
	Timeout time.Duration `yaml:"timeout"`
	// Quiescence is how long after a dead connection a call may still take effect in the API (default: Timeout).
	Quiescence time.Duration `yaml:"quiescence"`
	// Parallel is how many of the gateway's own calls run at once (default 8), Rate how many begin in a second (0: any number).
	Parallel int  `yaml:"parallel"`
	Rate     Rate `yaml:"rate"`
	// RetryAfter is the longest Retry-After of the API that is honoured (default 60s).
	RetryAfter time.Duration `yaml:"retry_after"`
	// Headers are on each of the gateway's own calls.
	Headers map[string]string `yaml:"headers"`
	// Encoding is how the bodies of own calls are written: json (default) or form. ContentType is their media type.
	Encoding    string `yaml:"encoding"`
	ContentType string `yaml:"content_type"`
	// Login is how a token is had for the gateway's own calls; nil where the credentials are used as they are.
	Login *LoginSpec `yaml:"login"`
	// Alive is a read that succeeds only with credentials that work.
	Alive       *AliveSpec                `yaml:"alive"`
	Collections map[string]CollectionSpec `yaml:"collections"`
}

// LoginSpec is a call that yields a token. Texts in Form, JSON and Send hold {username}, {password}, names of Values and, in Send,
// {token}.
type LoginSpec struct {
	Method string            `yaml:"method"`
	Path   string            `yaml:"path"`
	Form   map[string]string `yaml:"form"`
	JSON   *Template         `yaml:"json"`
	Basic  bool              `yaml:"basic"`
	Status Statuses          `yaml:"status"`
	Token  *TokenSpec        `yaml:"token"`
	// Send are the headers that carry the token (default Authorization: Bearer {token}).
	Send map[string]string `yaml:"send"`
	// Lifetime is after what time a new token is had before it is refused; 0: only when it is.
	Lifetime time.Duration `yaml:"lifetime"`
	// Expired are the statuses that say that the token is no longer good (default 401).
	Expired  Statuses          `yaml:"expired"`
	Username string            `yaml:"username"`
	Password string            `yaml:"password"`
	Values   map[string]string `yaml:"values"`
}

// TokenSpec says where in the answer to a login the token is: From body (At a pointer), text (the whole body), header or cookie
// (Name).
type TokenSpec struct {
	From string `yaml:"from"`
	At   string `yaml:"at"`
	Name string `yaml:"name"`
}

// AliveSpec is a call that proves that the gateway's credentials work: its status, and what At points to is in the answer.
type AliveSpec struct {
	Path   string   `yaml:"path"`
	Status Statuses `yaml:"status"`
	At     string   `yaml:"at"`
}

// CollectionSpec describes one kind of record. What is left out comes from the preset.
type CollectionSpec struct {
	Path       string               `yaml:"path"`
	Parent     string               `yaml:"parent"`
	Create     *CallSpec            `yaml:"create"`
	Read       *CallSpec            `yaml:"read"`
	Update     *CallSpec            `yaml:"update"`
	Replace    *CallSpec            `yaml:"replace"`
	Delete     *CallSpec            `yaml:"delete"`
	List       *CallSpec            `yaml:"list"`
	ID         *IDSpec              `yaml:"id"`
	Envelope   *EnvelopeSpec        `yaml:"envelope"`
	ExternalID *ExternalIDSpec      `yaml:"external_id"`
	Find       *FindSpec            `yaml:"find"`
	ReadOnly   []string             `yaml:"read_only"`
	ETag       *ETagSpec            `yaml:"etag"`
	ReadBack   *bool                `yaml:"read_back"`
	Stamp      *StampSpec           `yaml:"stamp"`
	Fields     map[string]FieldSpec `yaml:"fields"`
	Local      []string             `yaml:"local"`
	Drop       []string             `yaml:"drop"`
	Required   []string             `yaml:"required"`
	// Others is what becomes of members that no field names: pass (default), as fields of the same name, or drop: they are this
	// site's alone, and what other sites have besides is not written here.
	Others string `yaml:"others"`
	// Deleted is how a record looks that the API shows although it is deleted.
	Deleted *Condition `yaml:"deleted"`
	// Null is how this API shows that a field has no value.
	Null *Null `yaml:"null"`
	// Drift is what is done about a copy that was changed behind the gateway's back: overwrite, report or adopt.
	Drift string `yaml:"drift"`
	// Watch looks for changes that were made behind the gateway's back; Content makes this a collection of files.
	Watch   *WatchSpec   `yaml:"watch"`
	Content *ContentSpec `yaml:"content"`
	// ParentAt is where a child's record names its parent, where its address does not.
	ParentAt *ParentSpec `yaml:"parent_at"`
}

// ParentSpec is a pointer to the id of the parent in a child's record, or two where reading and writing differ; As is text (default)
// or number. In YAML also one string.
type ParentSpec struct {
	Read  string `yaml:"read"`
	Write string `yaml:"write"`
	As    string `yaml:"as"`
}

// Condition is something that can be said of a record: what At points to is one of Values or, without these, is there and not null.
type Condition struct {
	At     string    `yaml:"at"`
	Values []Literal `yaml:"values"`
}

// Conditions are some of them. In YAML a list, or one.
type Conditions []Condition

// WatchSpec says how often the API is asked for changes, and what is done about them: at the owner (publish or ignore), at a copy
// (revert or report), for a record that is no request yet (ignore or seed).
type WatchSpec struct {
	Every  time.Duration `yaml:"every"`
	Owned  string        `yaml:"owned"`
	Copies string        `yaml:"copies"`
	New    string        `yaml:"new"`
}

// ContentSpec is where the bytes of a file are: the call that Read describes, or the address that At points to in its record; with
// Decode base64, At points to the bytes themselves, in the answer to Read or else in the record. Upload is multipart (in the part named
// Part; the part named Record has the record as JSON, else each of its members is one), raw, then: the record is made first, and the
// call that Put describes gives it its bytes, or first: the call that Post describes takes the bytes, and what Token points to in its
// answer is {token} in the call that makes the record. Name, Type and Size are pointers into the record.
type ContentSpec struct {
	Read   *CallSpec `yaml:"read"`
	At     string    `yaml:"at"`
	Decode string    `yaml:"decode"`
	Put    *CallSpec `yaml:"put"`
	Post   *CallSpec `yaml:"post"`
	Token  string    `yaml:"token"`
	Upload string    `yaml:"upload"`
	Part   string    `yaml:"part"`
	Record string    `yaml:"record"`
	Name   string    `yaml:"name"`
	Type   string    `yaml:"type"`
	Size   string    `yaml:"size"`
}

// first reports whether the bytes of files come before their records.
func (s CollectionSpec) first() bool { return s.Content != nil && s.Content.Upload == uploadFirst }

// Null is a literal that stands for no value, or nothing at all (Omit). In YAML the literal, or the word omit.
type Null struct {
	Omit  bool
	Value Literal
}

// Template is JSON in which texts may hold {names} in braces. In YAML any value.
type Template struct {
	JSON json.RawMessage
}

// CallSpec describes one kind of call. `false` in its place says that the API has no such call.
type CallSpec struct {
	Off    bool   `yaml:"-"`
	Method string `yaml:"method"`
	// Path may hold {path}, the path of the collection, and {id}, the record's.
	Path string `yaml:"path"`
	// Status are the statuses of success; the first is the usual one.
	Status Statuses `yaml:"status"`
	// Body is merge, full or json-patch.
	Body string `yaml:"body"`
	// Gone are the statuses that say that there is no such record.
	Gone Statuses `yaml:"gone"`
	// Stale are the statuses that say that the version in the call is no longer that of the record.
	Stale Statuses `yaml:"stale"`
	// Headers are on the gateway's own calls of this kind, ContentType is that of their bodies; Send is a body of their own.
	Headers     map[string]string `yaml:"headers"`
	ContentType string            `yaml:"content_type"`
	Send        *Template         `yaml:"send"`
	// ReadOnly says what becomes of the members that the API sets itself in a body that is a whole record: they are sent back as they are
	// (default), or left out (omit).
	ReadOnly string `yaml:"read_only"`
	// Envelope is the pointer to the record in calls of this kind, when not that of the collection; "" is the whole body.
	Envelope *string `yaml:"envelope"`
	// Also are other ways in which clients make this call: paths, with a method before them where it is another.
	Also []string `yaml:"also"`
	// Intercept false says that clients do not make this call: what it makes rides in another one.
	Intercept *bool `yaml:"intercept"`
	// Of list: Since is the pointer to the time of the last change, Format and Zone how {since} is written, Grain how coarse that
	// clock is, Lag how young a change may be and not be shown yet, Earliest the {since} of everything, Size the records of a page,
	// First the number of the first, Next the pointer to the next page or cursor, Total to the number of all; with IDsOnly the items
	// are ids or show no more than them.
	Since    string        `yaml:"since"`
	Format   string        `yaml:"format"`
	Zone     string        `yaml:"zone"`
	Grain    time.Duration `yaml:"grain"`
	Lag      time.Duration `yaml:"lag"`
	Earliest string        `yaml:"earliest"`
	Size     int           `yaml:"size"`
	First    *int          `yaml:"first"`
	Next     string        `yaml:"next"`
	Total    string        `yaml:"total"`
	IDsOnly  bool          `yaml:"ids_only"`
	// Only and Skip say which elements of a list are records: those of which all of Only hold, and none of Skip. What is nowhere in an
	// element is null.
	Only Conditions `yaml:"only"`
	Skip Conditions `yaml:"skip"`
}

// Pointers are places, of which the first that is there counts. In YAML also one string.
type Pointers []string

// IDSpec says where the id of a created record is: From body (At pointers into the record or, where that does not show it, into what
// is around it), location, header (Name), or search (by its external id); Match is a regular expression whose first group is the id, Pattern one that ids match as a whole. Created is where the answer
// to a create has it when not At, where records do.
type IDSpec struct {
	From    string   `yaml:"from"`
	At      Pointers `yaml:"at"`
	Created string   `yaml:"created"`
	Match   string   `yaml:"match"`
	Name    string   `yaml:"name"`
	Pattern string   `yaml:"pattern"`
}

// EnvelopeSpec are pointers to the record in calls, to the record in answers, to the records in the answer of a list, and to the
// record in one of them. With are pointers and what own calls have there besides; {id} stands for the local id.
type EnvelopeSpec struct {
	Call   string             `yaml:"call"`
	Answer string             `yaml:"answer"`
	Items  string             `yaml:"items"`
	Item   string             `yaml:"item"`
	With   map[string]Literal `yaml:"with"`
}

// ExternalIDSpec says which field of the record carries the global id, and how a record is found by it. Find may hold {path},
// {field} and {value}.
type ExternalIDSpec struct {
	Field *Place    `yaml:"field"`
	Find  *CallSpec `yaml:"find"`
	// Search is {field}, where that is not the name of the member.
	Search string `yaml:"search"`
	// Marker is how the id stands in a field that holds other things too.
	Marker *Marker `yaml:"marker"`
	// Lag is how long a search of the API may trail behind its records.
	Lag time.Duration `yaml:"lag"`
}

// Marker is a text with {value}, which is added to the text of a field or, where List, to its list of texts. In YAML the text, or a
// list of it.
type Marker struct {
	Text string
	List bool
}

// FindSpec says how records are found by the values of some of their fields, for a route that pairs records by match. `false` in
// its place says that the API cannot.
type FindSpec struct {
	Off bool `yaml:"-"`
	// Path is the call: {path} is the path of the collection, {terms} one Term for each field, with Join between them. Right behind
	// ? or & each term is a parameter of the call ({field}={value} and & when left out); anywhere else, as in
	// "{path}?filter=({terms})", the terms are one text in the API's own language, which is encoded as a whole.
	Path string `yaml:"path"`
	// Term holds {field}, its way in the record with dots, and {value}. Quotes right around {value} are left out where the value is
	// no text.
	Term string `yaml:"term"`
	Join string `yaml:"join"`
	// Escape is how this language has a quote within quotes: double (it is written twice) or backslash. Without it values with quotes
	// are not searched for, and with backslashes never; where nothing quotes a value, only one of letters, digits, -, _, . and @ is.
	Escape string `yaml:"escape"`
}

// Place is a pointer into the record, or two where reading and writing differ. In YAML also one string.
type Place struct {
	Read  string `yaml:"read"`
	Write string `yaml:"write"`
}

// ETagSpec is optimistic concurrency: by the ETag header (On) or by a field of the record or beside it, of which the first is written. Stale are the statuses of a refusal for
// its sake (default 409, 412). In YAML true, false or {field: …}.
type ETagSpec struct {
	On    bool     `yaml:"-"`
	Field Pointers `yaml:"field"`
	Stale Statuses `yaml:"stale"`
}

// StampSpec are places in the record where the gateway writes what it knows of it.
type StampSpec struct {
	Owner   *Place `yaml:"owner"`
	Version *Place `yaml:"version"`
	Request *Place `yaml:"request"`
	State   *Place `yaml:"state"`
}

// FieldSpec says where a canonical field is in the record. In YAML also one string, the pointer.
type FieldSpec struct {
	// At is the pointer; Read and Write where they differ. One of them alone makes a field that is only read, or only written.
	At    string `yaml:"at"`
	Read  string `yaml:"read"`
	Write string `yaml:"write"`
	// Values are canonical: local. Values not listed pass unchanged; with Strict one that is to be written is refused.
	Values Values `yaml:"values"`
	Strict bool   `yaml:"strict"`
	// Const is JSON text that is written when the gateway makes or replaces a record, and never read.
	Const Literal `yaml:"const"`
	// In and Out are expressions.
	In  string `yaml:"in"`
	Out string `yaml:"out"`
	// Type is the canonical kind of value, As how it is here; Zone and None belong to times.
	Type string `yaml:"type"`
	As   As     `yaml:"as"`
	Zone string `yaml:"zone"`
	None string `yaml:"none"`
	// Null is how this API shows that the field has no value, Default what it is when a record is made without it.
	Null    *Null   `yaml:"null"`
	Default Literal `yaml:"default"`
	// Create false says that the API does not take the field when a record is made: an update follows.
	Create *bool `yaml:"create"`
	// Update false says that the API takes the field only when a record is made: what becomes of it later is kept elsewhere.
	Update *bool `yaml:"update"`
	// Search is what searches call the field, where that is not its way in the record with dots.
	Search string `yaml:"search"`
	// Set is the call that sets the field, where the API does not take it in the record.
	Set *SetSpec `yaml:"set"`
	// MaxLength is in characters; TooLong is error (default) or truncate.
	MaxLength int    `yaml:"max_length"`
	TooLong   string `yaml:"too_long"`
}

// As is how values are shown, and how they are written. In YAML also one text.
type As struct {
	Read  string `yaml:"read"`
	Write string `yaml:"write"`
}

// SetSpec is a call that sets one field of a record: its path and what it sends hold {id} and {value}. Values are canonical: what
// {value} is for them, where that is another than what a record shows.
type SetSpec struct {
	Method      string            `yaml:"method"`
	Path        string            `yaml:"path"`
	Status      Statuses          `yaml:"status"`
	Send        *Template         `yaml:"send"`
	Values      Values            `yaml:"values"`
	Headers     map[string]string `yaml:"headers"`
	ContentType string            `yaml:"content_type"`
}

// Rate is a number of calls in a second. In YAML a number, or as in 50/s, 100/m, 1000/h.
type Rate float64

// Statuses is a list of HTTP statuses. In YAML also one number.
type Statuses []int

// Literal is a scalar as JSON text.
type Literal json.RawMessage

// Values are pairs of values in the order of the file.
type Values []Value

// Value is a pair of scalars as JSON text.
type Value struct {
	Canonical, Local Literal
}

// Problem is something in a profile that cannot be right, or that is not supported yet.
type Problem struct {
	// Path are the keys that lead to it, from the profile down: "collections", "tickets", "create", "method".
	Path []string
	// Message says what is wrong, Hint what to do.
	Message, Hint string
}

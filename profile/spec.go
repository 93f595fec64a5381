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
	Parallel    int                       `yaml:"parallel"`
	Rate        Rate                      `yaml:"rate"`
	Collections map[string]CollectionSpec `yaml:"collections"`
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
	// Since, Size and Next belong to list: the pointer to the time of the last change, the records of a page, the pointer to the
	// next page.
	Since string `yaml:"since"`
	Size  int    `yaml:"size"`
	Next  string `yaml:"next"`
}

// IDSpec says where the id of a created record is: From body (At a pointer), location, or header (Name); Match is a regular
// expression whose first group is the id.
type IDSpec struct {
	From  string `yaml:"from"`
	At    string `yaml:"at"`
	Match string `yaml:"match"`
	Name  string `yaml:"name"`
}

// EnvelopeSpec are pointers to the record in calls, to the record in answers, and to the records in the answer of a list.
type EnvelopeSpec struct {
	Call   string `yaml:"call"`
	Answer string `yaml:"answer"`
	Items  string `yaml:"items"`
}

// ExternalIDSpec says which field of the record carries the global id, and how a record is found by it. Find may hold {path},
// {field} and {value}.
type ExternalIDSpec struct {
	Field *Place `yaml:"field"`
	Find  string `yaml:"find"`
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

// ETagSpec is optimistic concurrency: by the ETag header (On) or by a field of the record. In YAML true, false or {field: …}.
type ETagSpec struct {
	On    bool   `yaml:"-"`
	Field string `yaml:"field"`
}

// StampSpec are pointers into the record to where the gateway writes what it knows of it.
type StampSpec struct {
	Owner   string `yaml:"owner"`
	Version string `yaml:"version"`
	Request string `yaml:"request"`
	State   string `yaml:"state"`
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
	// MaxLength is in characters; TooLong is error (default) or truncate.
	MaxLength int    `yaml:"max_length"`
	TooLong   string `yaml:"too_long"`
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

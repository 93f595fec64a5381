package peer

import (
	"bytes"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/meridian-gateway/meridian/request"
)

const wireVersion = 1

// head is what every body begins with.
type head struct {
	V       int          `json:"v"`
	Network string       `json:"network"`
	From    request.Site `json:"from"`
	Config  string       `json:"config,omitzero"`
	// WaitMS is how long the caller will wait for the answer.
	WaitMS int64 `json:"wait_ms,omitzero"`
	// Count is the number of snapshots that follow, in a delivery.
	Count int `json:"count,omitzero"`
}

// envelope is the body of every message but a delivery and its answer.
type envelope[T any] struct {
	head
	Body T `json:"body"`
}

type (
	resolveWire struct {
		Collection string       `json:"collection"`
		Site       request.Site `json:"site"`
		Local      string       `json:"local"`
	}
	resolvedWire struct {
		Request request.ID `json:"request"`
	}
	operationWire struct {
		Request request.ID `json:"request"`
		Op      string     `json:"op"`
	}
	holdersWire struct {
		Request request.ID      `json:"request"`
		Version request.Version `json:"version"`
	}
	trailWire struct {
		Request request.ID `json:"request"`
	}
	heldWire struct {
		Holders []request.Delivery `json:"holders"`
	}
	nothing struct{}
)

// marshal writes v as JSON on one line. Strings and numbers inside raw values stay as they are; white space between tokens goes.
func marshal(v any) ([]byte, error) { return json.Marshal(v, jsontext.PreserveRawStrings(true)) }

// unmarshal reads one JSON text. It refuses duplicate names, invalid UTF-8 and anything after the text.
func unmarshal(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return &request.Error{Op: "peer", Kind: request.Invalid, Detail: "malformed message: " + err.Error()}
	}
	return nil
}

type snapshotWire struct {
	ID         request.ID              `json:"id"`
	Collection string                  `json:"collection"`
	Version    request.Version         `json:"version"`
	Deleted    bool                    `json:"deleted,omitzero"`
	Keep       bool                    `json:"keep,omitzero"`
	Owner      request.Site            `json:"owner,omitzero"`
	Origin     request.Site            `json:"origin,omitzero"`
	EnteredBy  string                  `json:"entered_by,omitzero"`
	Locals     map[request.Site]string `json:"locals,omitzero"`
	Holders    []request.Site          `json:"holders,omitzero"`
	Ops        []request.Op            `json:"ops,omitzero"`
	Former     []request.Tenure        `json:"former,omitzero"`
	Terms      request.Terms           `json:"terms,omitzero"`
	Forces     []request.Force         `json:"forces,omitzero"`
	Fields     jsontext.Value          `json:"fields,omitzero"`
	Children   []childWire             `json:"children,omitzero"`
	At         time.Time               `json:"at,omitzero"`
	Trace      request.Trace           `json:"trace,omitzero"`
}

// childWire is a child without what only its site knows.
type childWire struct {
	ID         request.ID      `json:"id"`
	Collection string          `json:"collection"`
	Version    request.Version `json:"version"`
	Deleted    bool            `json:"deleted,omitzero"`
	Fields     jsontext.Value  `json:"fields,omitzero"`
	File       *request.File   `json:"file,omitzero"`
}

func snapshotOut(s request.Snapshot) snapshotWire {
	w := snapshotWire{
		ID: s.ID, Collection: s.Collection, Version: s.Version, Deleted: s.Deleted, Keep: s.Keep, Owner: s.Owner, Origin: s.Origin,
		EnteredBy: s.EnteredBy, Locals: s.Locals, Holders: s.Holders, Ops: s.Ops, Former: s.Former, Terms: s.Terms, Forces: s.Forces, Fields: fieldsOut(s.Fields), At: s.At,
		Trace: s.Trace,
	}
	for _, c := range s.Children {
		w.Children = append(w.Children, childWire{c.ID, c.Collection, c.Version, c.Deleted, fieldsOut(c.Fields), c.File})
	}
	// Of both the newest come last, and of the forces the newest tells the most: every older reign is under it.
	w.Ops = w.Ops[max(0, len(w.Ops)-MaxOps):]
	w.Forces = w.Forces[max(0, len(w.Forces)-maxForces):]
	return w
}

// in is the inverse of snapshotOut, without a judgement on who may say such a thing.
func (w *snapshotWire) in() (request.Snapshot, error) {
	s := request.Snapshot{
		ID: w.ID, Collection: w.Collection, Version: w.Version, Deleted: w.Deleted, Keep: w.Keep, Owner: w.Owner, Origin: w.Origin,
		EnteredBy: w.EnteredBy, Locals: w.Locals, Holders: w.Holders, Ops: w.Ops, Former: w.Former, Terms: w.Terms, Forces: w.Forces, At: w.At,
		Trace: w.Trace.Bounded(),
	}
	for i := range s.Ops {
		s.Ops[i].Trace = s.Ops[i].Trace.Bounded()
	}
	if len(w.Ops) > MaxOps {
		return s, invalid("%d remembered operations: at most %d", len(w.Ops), MaxOps)
	}
	if len(w.Forces) > maxForces {
		return s, invalid("%d forces: at most %d", len(w.Forces), maxForces)
	}
	if len(w.Children) > maxChildren {
		return s, invalid("%d children: at most %d", len(w.Children), maxChildren)
	}
	for _, c := range w.Children {
		if _, err := request.ParseID(string(c.ID)); err != nil || c.Collection == "" || c.Version.IsZero() {
			return s, invalid("a child needs an id, a collection and a version")
		}
		fields, err := fieldsIn(c.Fields)
		if err != nil {
			return s, err
		}
		s.Children = append(s.Children, request.Child{ID: c.ID, Collection: c.Collection, Version: c.Version, Deleted: c.Deleted, Fields: fields, File: c.File})
	}
	var err error
	s.Fields, err = fieldsIn(w.Fields)
	return s, err
}

// snapshotIn reads one line of a delivery.
func snapshotIn(line []byte) (request.Snapshot, error) {
	var w snapshotWire
	if err := unmarshal(line, &w); err != nil {
		return request.Snapshot{}, err
	}
	return w.in()
}

// check says whether s can be a snapshot at all.
func check(s *request.Snapshot) error {
	if _, err := request.ParseID(string(s.ID)); err != nil {
		return invalid("id: %v", err)
	}
	if s.Collection == "" || s.Version.IsZero() || s.Version.Epoch.Num == 0 {
		return invalid("a snapshot needs collection and version")
	}
	return nil
}

// author says whether from may publish s: the epoch names the only site that can, of a deletion as of any other version.
func author(s *request.Snapshot, from request.Site) error {
	if s.Version.Epoch.Site == from {
		return nil
	}
	return &request.Error{Op: "peer", Kind: request.Forbidden, Request: s.ID,
		Detail: fmt.Sprintf("version %s is not %s's to publish", s.Version.Mark(), from)}
}

func invalid(format string, args ...any) error {
	return &request.Error{Op: "peer", Kind: request.Invalid, Detail: fmt.Sprintf(format, args...)}
}

// fieldsOut is f as one JSON object. A name that is not valid UTF-8 makes the object invalid, which marshal will find.
func fieldsOut(f request.Fields) jsontext.Value {
	if f == nil {
		return nil
	}
	n := 2
	for i := range f {
		n += len(f[i].Name) + len(f[i].Value) + 4
	}
	b := append(make([]byte, 0, n), '{')
	for i := range f {
		if i > 0 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, f[i].Name)
		b = append(append(b, ':'), f[i].Value...)
	}
	return append(b, '}')
}

func fieldsIn(v jsontext.Value) (request.Fields, error) {
	if len(v) == 0 || bytes.Equal(v, []byte("null")) {
		return nil, nil
	}
	if v[0] != '{' {
		return nil, invalid("fields: not a JSON object")
	}
	if !shallow(v, maxDepth+1) {
		return nil, invalid("fields: nested deeper than %d", maxDepth)
	}
	f, err := request.ParseFields(v)
	if err != nil {
		return nil, invalid("fields: %v", err)
	}
	return f, nil
}

// shallow reports whether valid JSON text is nested no deeper than most.
func shallow(b []byte, most int) bool {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > most {
				return false
			}
		case '}', ']':
			depth--
		}
	}
	return true
}

package peer

import (
	"errors"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/meridian-gateway/meridian/request"
)

// writeWire is a forwarded write. The client's own call stays at its site: its shape means nothing elsewhere.
type writeWire struct {
	Op         string         `json:"op"`
	Kind       request.Kind   `json:"kind"`
	Collection string         `json:"collection"`
	Request    request.ID     `json:"request,omitzero"`
	Local      string         `json:"local,omitzero"`
	Fields     jsontext.Value `json:"fields,omitzero"`
	Key        string         `json:"key,omitzero"`
	Digest     string         `json:"digest,omitzero"`
	IfMatch    []string       `json:"if_match,omitzero"`
	Entry      request.Site   `json:"entry,omitzero"`
	EnteredBy  string         `json:"entered_by,omitzero"`
	Routes     []string       `json:"routes,omitzero"`
	Owe        []request.Debt `json:"owe,omitzero"`
	Again      bool           `json:"again,omitzero"`
	EpochSeen  request.Epoch  `json:"epoch_seen,omitzero"`
	Via        []request.Site `json:"via,omitzero"`
	// Queued says that the write waited; Pre are its fields as the client saw them in version Base.
	Queued bool            `json:"queued,omitzero"`
	Pre    jsontext.Value  `json:"pre,omitzero"`
	Base   request.Version `json:"base,omitzero"`
	// Child is the child that is written.
	Child *request.ChildWrite `json:"child,omitzero"`
}

// writeOut is w as self sends it: with self as the last site passed.
func writeOut(w request.Write, self request.Site) writeWire {
	via := w.Via
	if len(via) == 0 || via[len(via)-1] != self {
		via = append(slices.Clone(via), self)
	}
	entry := w.Entry
	if entry == "" {
		entry = self
	}
	return writeWire{
		Op: w.Op, Kind: w.Kind, Collection: w.Collection, Request: w.Request, Local: w.Local, Fields: fieldsOut(w.Fields), Key: w.Key,
		Digest: w.Digest, IfMatch: w.IfMatch, Entry: entry, EnteredBy: w.EnteredBy, Routes: w.Routes, Owe: w.Owe, Again: w.Again,
		EpochSeen: w.EpochSeen, Via: via, Queued: w.Queued, Pre: fieldsOut(w.Pre), Base: w.Base, Child: w.Child,
	}
}

func (w *writeWire) in() (request.Write, error) {
	f, err := fieldsIn(w.Fields)
	pre, bad := fieldsIn(w.Pre)
	return request.Write{
		Op: w.Op, Kind: w.Kind, Collection: w.Collection, Request: w.Request, Local: w.Local, Fields: f, Key: w.Key, Digest: w.Digest,
		IfMatch: w.IfMatch, Entry: w.Entry, EnteredBy: w.EnteredBy, Routes: w.Routes, Owe: w.Owe, Again: w.Again,
		EpochSeen: w.EpochSeen, Via: w.Via, Queued: w.Queued, Pre: pre, Base: w.Base, Child: w.Child,
	}, errors.Join(err, bad)
}

// checkWrite refuses what no honest gateway sends: nonsense, a circle, or a write passed on in another site's name.
func checkWrite(w request.Write, from, self request.Site) error {
	if len(w.Via) > maxVia {
		return invalid("via: %d sites, at most %d make sense", len(w.Via), maxVia)
	}
	if len(w.Via) > maxLoop || slices.Contains(w.Via, self) {
		return &request.Error{Op: "peer", Kind: request.Loop, Request: w.Request, Detail: "the write came round in a circle"}
	}
	if w.Op == "" || len(w.Op) > 128 || w.Collection == "" {
		return invalid("a write needs an operation id of at most 128 bytes and a collection")
	}
	switch w.Kind {
	case request.Create, request.Update, request.Replace, request.Delete:
	default:
		return invalid("kind of write %q", w.Kind)
	}
	switch {
	case w.Child != nil && (w.Child.Collection == "" || w.Child.Kind != w.Kind || w.Request == ""):
		return invalid("a write of a child needs its request, its collection and what is done to it")
	case w.Child != nil && w.Queued:
		return invalid("a queued write of a child")
	case w.Queued && w.Kind == request.Create:
		return invalid("a queued create")
	case !w.Queued && (w.Pre != nil || !w.Base.IsZero()):
		return invalid("former values in a write that was not queued")
	}
	if w.Request != "" {
		if _, err := request.ParseID(string(w.Request)); err != nil {
			return invalid("request: %v", err)
		}
	}
	if len(w.Via) > 0 && w.Via[len(w.Via)-1] != from {
		return &request.Error{Op: "peer", Kind: request.Forbidden, Detail: "the last site of via is not the sender"}
	}
	if w.Entry != from && !slices.Contains(w.Via, w.Entry) {
		return &request.Error{Op: "peer", Kind: request.Forbidden, Detail: "the entry site is neither the sender nor in via"}
	}
	return nil
}

type answerWire struct {
	Status int         `json:"status"`
	Header http.Header `json:"header,omitzero"`
	Body   []byte      `json:"body,omitzero"`
}

type replyWire struct {
	Snapshot *snapshotWire      `json:"snapshot,omitzero"`
	Version  request.Version    `json:"version"`
	Answer   *answerWire        `json:"answer,omitzero"`
	Routes   []string           `json:"routes,omitzero"`
	Copies   []request.Delivery `json:"copies,omitzero"`
	Op       string             `json:"op,omitzero"`
	Replayed bool               `json:"replayed,omitzero"`
}

func replyOut(r Reply) replyWire {
	w := replyWire{Version: r.Version, Routes: r.Routes, Copies: r.Copies, Op: r.Op, Replayed: r.Replayed}
	if r.Snapshot.ID != "" {
		s := snapshotOut(r.Snapshot)
		w.Snapshot = &s
	}
	if r.Answer != nil {
		w.Answer = &answerWire{r.Answer.Status, r.Answer.Header, r.Answer.Body}
	}
	return w
}

func (w *replyWire) in() (Reply, error) {
	r := Reply{Version: w.Version, Routes: w.Routes, Copies: w.Copies, Op: w.Op, Replayed: w.Replayed}
	if w.Answer != nil {
		r.Answer = &request.Answer{Status: w.Answer.Status, Header: w.Answer.Header, Body: w.Answer.Body}
	}
	if w.Snapshot == nil {
		return r, nil
	}
	var err error
	r.Snapshot, err = w.Snapshot.in()
	return r, err
}

type ackWire struct {
	// Place is the snapshot's place in the delivery, from 0.
	Place   int             `json:"i"`
	Request request.ID      `json:"request,omitzero"`
	Version request.Version `json:"version,omitzero"`
	Local   string          `json:"local,omitzero"`
	State   AckState        `json:"state"`
	Cause   string          `json:"cause,omitzero"`
}

// ackLine is one line of the answer to a delivery: an ack or, last, the number of acks that came before.
type ackLine struct {
	Ack       jsontext.Value `json:"ack,omitzero"`
	End       *int           `json:"end,omitzero"`
	Signature string         `json:"sig,omitzero"`
}

func known(s AckState) bool {
	switch s {
	case Delivered, Parked, Retry, Superseded, Unavailable:
		return true
	}
	return false
}

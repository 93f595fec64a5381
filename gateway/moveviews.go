package gateway

import (
	"encoding/json"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// StandingView is who owns a request, and what is planned for it, as its owner said.
type StandingView struct {
	Request request.ID   `json:"request"`
	Owner   request.Site `json:"owner"`
	Version string       `json:"version"`
	Role    request.Role `json:"role"`
	Plan    *PlanView    `json:"plan,omitempty"`
}

// PlanView is a hand-over that the owner wants.
type PlanView struct {
	To      request.Site   `json:"to"`
	Mode    string         `json:"mode,omitempty"` // ownership, move or delete; not known at the target
	Return  bool           `json:"return,omitempty"`
	Archive bool           `json:"archive,omitempty"`
	Keep    []request.Site `json:"keep,omitempty"`
	// Route wants it, or By.
	Route  string    `json:"route,omitempty"`
	By     string    `json:"by,omitempty"`
	Since  time.Time `json:"since"`
	Cause  string    `json:"cause,omitempty"`
	Parked bool      `json:"parked,omitempty"`
}

// HandOverView is a hand-over that has begun and not ended: nobody can write the request until it does.
type HandOverView struct {
	From  request.Site `json:"from,omitempty"`
	To    request.Site `json:"to"`
	Epoch uint64       `json:"epoch"` // that the target will own it in
	Since time.Time    `json:"since"`
	Cause string       `json:"cause,omitempty"` // why it has not ended
}

// ForceView is a reign that began by reclaiming the request.
type ForceView struct {
	Owner  request.Site `json:"owner"`
	Epoch  uint64       `json:"epoch"`
	Base   string       `json:"base"` // the newest version known where it was reclaimed, as EPOCH@SITE.SEQUENCE
	By     string       `json:"by,omitempty"`
	Reason string       `json:"reason,omitempty"`
	At     time.Time    `json:"at"`
}

// QueuedView is a write that waits at this site for the owner, without what it writes.
type QueuedView struct {
	Operation string       `json:"operation"`
	Kind      request.Kind `json:"kind"`
	Since     time.Time    `json:"since"`
}

// TermsView is how a site holds a request. What is left out is the network's default.
type TermsView struct {
	Mode      string `json:"mode,omitempty"`
	Route     string `json:"route,omitempty"`
	Pool      string `json:"pool,omitempty"`
	Update    string `json:"update,omitempty"`
	Window    string `json:"window,omitempty"`
	OnDelete  string `json:"on_delete,omitempty"`
	Writes    string `json:"writes,omitempty"`
	Match     string `json:"match,omitempty"`
	Duplicate string `json:"duplicate,omitempty"`
}

// ConflictView is a conflict record. Versions are EPOCH@SITE.SEQUENCE, since two histories may count alike.
type ConflictView struct {
	Request    request.ID   `json:"request,omitempty"`
	Collection string       `json:"collection,omitempty"`
	Owner      request.Site `json:"owner,omitempty"`
	ID         string       `json:"id"`
	Kind       string       `json:"kind"`
	Operation  string       `json:"operation,omitempty"`
	Site       request.Site `json:"site"` // whose writes lost
	At         time.Time    `json:"at"`
	Base       string       `json:"base,omitempty"`
	Mine       string       `json:"mine,omitempty"`
	Theirs     string       `json:"theirs,omitempty"`
	Decision   string       `json:"decision"`
	Fields     []ChoiceView `json:"fields"`
}

// ChoiceView is a field in a conflict. Values are JSON, left out where there was none, and only shown where they were asked for.
type ChoiceView struct {
	Name   string          `json:"name"`
	Base   json.RawMessage `json:"base,omitempty"`
	Mine   json.RawMessage `json:"mine,omitempty"`
	Theirs json.RawMessage `json:"theirs,omitempty"`
}

// The states of a transfer.
const (
	TransferWaiting = "waiting" // planned: the owner goes on owning
	TransferOpen    = "open"    // released or taken in, and not decided
	TransferParked  = "parked"  // planned, and in need of a person
)

// TransferView is a hand-over that is not done.
type TransferView struct {
	Request    request.ID   `json:"request"`
	Collection string       `json:"collection"`
	State      string       `json:"state"`
	Role       request.Role `json:"role"` // of this site
	Version    string       `json:"version"`
	From       request.Site `json:"from"`
	PlanView
}

func standingOf(id request.ID, s request.Standing) StandingView {
	return StandingView{Request: id, Owner: s.Owner, Version: version(s.Version), Role: s.Role, Plan: planOf(s.Plan)}
}

func planOf(p *request.Plan) *PlanView {
	if p == nil {
		return nil
	}
	v := &PlanView{To: p.To, Mode: p.Mode, Return: p.Return, Archive: p.Archive, Keep: p.Keep, Route: p.Terms.Route, By: p.By, Since: p.Since,
		Cause: p.Cause, Parked: p.Parked}
	if v.Mode == "" {
		v.Mode = "ownership"
	}
	return v
}

// handOverOf is the hand-over in the middle of which a request is, at either end; nil: none.
func handOverOf(e request.Entry) *HandOverView {
	switch in := e.Intent; {
	case e.Role == request.Granting && e.Grant != nil:
		return &HandOverView{From: e.Version.Epoch.Site, To: e.Grant.To, Epoch: e.Grant.Epoch.Num, Since: e.Grant.At, Cause: e.Grant.Cause}
	case e.Role == request.Elect && in != nil && in.Accept != nil:
		v := &HandOverView{From: in.Accept.Snapshot.Owner, To: e.Fence.Site, Epoch: e.Fence.Num, Since: in.Sent}
		if e.Doubt != nil {
			v.Cause = e.Doubt.Reason
		}
		return v
	case e.Role == request.Elect:
		return &HandOverView{From: e.Owner, To: e.Fence.Site, Epoch: e.Fence.Num, Since: e.Updated}
	}
	return nil
}

func transferOf(e request.Entry) TransferView {
	v := TransferView{Request: e.ID, Collection: e.Collection, Role: e.Role, Version: version(e.Version), State: TransferWaiting, From: e.Owner}
	if p := planOf(e.Plan); p != nil {
		v.PlanView = *p
		if p.Parked {
			v.State = TransferParked
		}
	}
	h := handOverOf(e)
	if h == nil {
		return v
	}
	v.State, v.From = TransferOpen, h.From
	if e.Grant != nil {
		v.PlanView = *planOf(&e.Grant.Plan)
	} else if in := e.Intent; in != nil && in.Accept != nil {
		v.Return, v.Route = in.Accept.Return, in.Accept.Terms.Route
	}
	v.To, v.Since, v.Cause = h.To, h.Since, h.Cause
	return v
}

func forceOf(f request.Force) ForceView {
	return ForceView{Owner: f.Epoch.Site, Epoch: f.Epoch.Num, Base: f.Base.Mark(), By: f.By, Reason: f.Reason, At: f.At}
}

func termsOf(t request.Terms) TermsView {
	return TermsView{Mode: t.Mode, Route: t.Route, Pool: t.Pool, Update: t.Update, Window: t.Window, OnDelete: t.OnDelete, Writes: t.Writes,
		Match: t.Match, Duplicate: t.Duplicate}
}

func conflictOf(c request.ConflictRecord, values bool) ConflictView {
	v := ConflictView{ID: c.ID, Kind: c.Kind, Operation: c.Op, Site: c.Site, At: c.At, Base: c.Base.Mark(), Mine: c.Mine.Mark(),
		Theirs: c.Theirs.Mark(), Decision: c.Decision, Fields: make([]ChoiceView, 0, len(c.Fields))}
	for _, f := range c.Fields {
		choice := ChoiceView{Name: f.Name}
		if values {
			choice.Base, choice.Mine, choice.Theirs = valueOf(f.Base), valueOf(f.Mine), valueOf(f.Theirs)
		}
		v.Fields = append(v.Fields, choice)
	}
	return v
}

// valueOf is JSON text as it can stand in an answer; what is none is shown as a string.
func valueOf(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	b, _ := json.Marshal(text) // a string always can be
	return b
}

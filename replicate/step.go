package replicate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Event is something that happened to a request at this site. The events carry the names of the protocol's transitions.
type Event interface{ event() }

// Begun: a write is about to touch the upstream (protocol U4, C1, S3). Its intent must be durable before it does.
type Begun struct{ Intent request.Intent }

// Landed: the upstream holds what the intent says (U7, C3, S5).
type Landed struct {
	Local  string
	Fields request.Fields // the canonical fields of the record as the upstream now has it
	ETag   string
	// Child is, for a write of a child, the child as the upstream now has it; Fields are not looked at then.
	Child  *request.Child
	Status int
	// Outcome is how the write itself ended, Done when empty; NotDone when what landed is somebody else's change.
	Outcome request.Outcome
	Now     time.Time
}

// Failed: the intent certainly did not happen and will not (U6: refused, not sent, fenced, or quiet for T_q). Status is that of
// the upstream's refusal, 0 when there was none. Vanished says that the copy's record is no longer there under its id.
type Failed struct {
	Status   int
	Vanished bool
	Now      time.Time
}

// Doubted: no means of the API can tell whether the intent happened; a person must. Candidates are what was found when it was Looked for
// records that may be the one in question; after Quiet none can come any more.
type Doubted struct {
	Reason        string
	Candidates    []string
	Looked, Quiet time.Time
	Now           time.Time
}

// Overtaken: an apply whose end is unknown is given up for a newer one. Its upstream call may still land until Until.
type Overtaken struct{ Until time.Time }

// Suspected: a call that was made without an intent may still land until Until.
type Suspected struct{ Until time.Time }

// Named: a person says under which local id the copy's record is. What it holds is made right by the next delivery.
type Named struct {
	Local string
	Now   time.Time
}

// Quieted: the time in which overtaken applies could land is over and the record was found, or made, right.
type Quieted struct{ Now time.Time }

// Joined: a copy has a child, or no longer has it, while the apply that brings it goes on.
type Joined struct{ Child request.Child }

// Gathered: the owner's upstream has other children than were recorded: they were made there, or changed, without a call that tells.
type Gathered struct {
	Children []request.Child
	Owe      []request.Debt
	Now      time.Time
}

// Taken: a process takes an intent up to resolve it, never to simply write: its own when the connection died (Sent is then when),
// or that of a process that is gone.
type Taken struct {
	Replica string
	Lease   time.Time
	Sent    time.Time // zero: as it was
}

func (Begun) event()     {}
func (Landed) event()    {}
func (Failed) event()    {}
func (Doubted) event()   {}
func (Overtaken) event() {}
func (Suspected) event() {}
func (Quieted) event()   {}
func (Taken) event()     {}
func (Named) event()     {}
func (Joined) event()    {}
func (Gathered) event()  {}

// opsKept is how many outcomes an entry remembers (protocol 1.1).
const opsKept = 64

// Step is the whole state machine of one request at one site: the entry before, what happened, the change to be made durable.
// It reads no clock and does no I/O; an event that cannot happen in a state is an error and changes nothing.
func Step(e request.Entry, ev Event) (store.Tx, error) {
	switch ev := ev.(type) {
	case Begun:
		return begin(e, ev)
	case Landed:
		return land(e, ev)
	case Failed:
		return fail(e, ev)
	case Doubted:
		return doubt(e, ev)
	case Overtaken:
		return overtake(e, ev)
	case Suspected:
		e.Suspect = append(e.Suspect[:len(e.Suspect):len(e.Suspect)], request.Suspect{Until: ev.Until})
		return store.Tx{Entry: e}, nil
	case Named:
		return name(e, ev)
	case Joined:
		if e.Intent == nil || e.Intent.Snapshot == nil {
			return store.Tx{}, fmt.Errorf("%s: no copy is being made", e.ID)
		}
		tx := store.Tx{}
		relink(&tx, selfOf(e.Intent, e), e, ev.Child)
		e.Children = request.Joined(e.Children, ev.Child)
		tx.Entry = e
		return tx, nil
	case Gathered:
		return gather(e, ev)
	case Quieted:
		e.Suspect = nil
		return store.Tx{Entry: e, Now: ev.Now}, nil
	case Resent:
		return resend(e, ev)
	case Taken:
		if e.Intent == nil {
			return store.Tx{}, fmt.Errorf("%s: nothing to take over", e.ID)
		}
		in := *e.Intent
		in.Replica, in.Lease = ev.Replica, ev.Lease
		if !ev.Sent.IsZero() {
			in.Sent = ev.Sent
		}
		e.Intent = &in
		return store.Tx{Entry: e}, nil
	}
	return reign(e, ev)
}

func begin(e request.Entry, ev Begun) (store.Tx, error) {
	in := ev.Intent
	if e.Intent != nil {
		return store.Tx{}, fmt.Errorf("%s: a %s is under way", e.ID, e.Intent.Kind)
	}
	switch {
	case in.Accept != nil:
		return elect(e, in)
	case in.Kind == request.Apply && (e.Role == request.Owner || e.Role == request.Granting || e.Role == request.Elect):
		return store.Tx{}, fmt.Errorf("%s: a %s takes no copy", e.ID, e.Role)
	case in.Kind == request.Apply && !in.Version.After(e.Version) && !again(e, in):
		return store.Tx{}, fmt.Errorf("%s: %s is not newer than %s", e.ID, in.Version.Mark(), e.Version.Mark())
	case in.Kind == request.Apply && in.Version.Epoch.Compare(e.Fence) < 0:
		return store.Tx{}, fmt.Errorf("%s: %s is below the fence", e.ID, in.Version.Mark())
	case in.Kind == request.Create && e.Role != request.Creating:
		return store.Tx{}, fmt.Errorf("%s: created already", e.ID)
	case in.Kind != request.Apply && in.Kind != request.Create && e.Role != request.Owner:
		return store.Tx{}, fmt.Errorf("%s: a %s may not write", e.ID, e.Role)
	case in.Kind != request.Apply && in.Version.Epoch.Site == "":
		return store.Tx{}, fmt.Errorf("%s: a write needs a version", e.ID)
	}
	if in.Snapshot != nil {
		if c, ok := lost(e, *in.Snapshot, in.Site, in.Sent); ok { // before anything of it is overwritten
			e.Conflicts = append(e.Conflicts[:len(e.Conflicts):len(e.Conflicts)], c)
		}
	}
	e.Intent = &in
	e.Doubt = nil
	return store.Tx{Entry: e}, nil
}

// elect takes a hand-over in (B1): the fence is raised in the same commit that notes what will be written. From here only Landed
// makes this site the owner and only Refused ends it otherwise.
func elect(e request.Entry, in request.Intent) (store.Tx, error) {
	next := in.Accept.Epoch
	switch {
	case e.Role == request.Owner || e.Role == request.Granting || e.Role == request.Creating || e.Role == request.Tombstone:
		return store.Tx{}, fmt.Errorf("%s: a %s cannot take it over", e.ID, e.Role)
	case e.Role == request.Elect && e.Fence != next, e.Role != request.Elect && next.Compare(e.Fence) <= 0:
		return store.Tx{}, fmt.Errorf("%s: %s is not above the fence %s", e.ID, next, e.Fence)
	case len(e.Suspect) > 0:
		return store.Tx{}, fmt.Errorf("%s: an earlier write may still land", e.ID)
	}
	e.Role, e.Fence, e.Decision, e.Intent, e.Doubt = request.Elect, next, nil, &in, nil
	return store.Tx{Entry: e}, nil
}

func land(e request.Entry, ev Landed) (store.Tx, error) {
	in := e.Intent
	if in == nil {
		return store.Tx{}, fmt.Errorf("%s: nothing was under way", e.ID)
	}
	tx := store.Tx{Now: ev.Now}
	e.Intent, e.Doubt, e.Updated = nil, nil, ev.Now
	old := e.Local
	e.Version, e.ETag = in.Version, ev.ETag
	if e.Version.Epoch.Compare(e.Fence) > 0 {
		e.Fence = e.Version.Epoch
	}
	deleted := in.Kind == request.Delete || in.Snapshot != nil && in.Snapshot.Deleted
	removed := in.Snapshot != nil && in.Snapshot.Terms.Mode == request.Remove
	switch {
	case deleted:
		e.Role, e.Local, e.Fields, e.Suspect, e.Plan = request.Tombstone, "", nil, nil, nil
	case removed:
		e.Role, e.Local, e.Fields, e.Suspect = request.Away, "", nil, nil
	case in.Snapshot != nil && in.Snapshot.Terms.Mode == request.Independent:
		e.Role, e.Apart, e.Fields = request.Away, ev.Local, nil
	case in.Accept != nil:
		accept(&e, in, ev)
		tx.Owe = in.Owe
	case in.Kind == request.Apply:
		e.Role, e.Local, e.Fields = request.Copy, ev.Local, ev.Fields
	case in.Child != nil:
		if ev.Child == nil {
			return store.Tx{}, fmt.Errorf("%s: a child was written, and which is not said", e.ID)
		}
		kid := *ev.Child
		if kid.Version = in.Version; kid.Deleted {
			kid.Local, kid.Fields, kid.File = "", nil, nil
		}
		relink(&tx, selfOf(in, e), e, kid)
		e.Children = request.Joined(e.Children, kid)
	default:
		e.Role, e.Local, e.Fields = request.Owner, ev.Local, ev.Fields
	}
	if in.Snapshot != nil {
		learn(&e, &tx, in)
	} else {
		e.Owner = e.Version.Epoch.Site
		e.Ops = remember(e.Ops, request.Op{ID: in.Op, Kind: in.Kind, Version: in.Version, Outcome: cmp.Or(ev.Outcome, request.Done),
			Status: ev.Status, At: ev.Now, Trace: in.Trace})
		tx.Owe = in.Owe
		if cmp.Or(ev.Outcome, request.Done) == request.Done { // a client wrote: what moves it from now on is another matter
			e.Routes, e.Hops = nil, 0
			if in.Plan != nil && !deleted {
				e.Plan = in.Plan
			}
		}
	}
	if len(tx.Owe) > 0 {
		e.Holders = holding(e.Holders, tx.Owe)
	}
	self := store.Link{Site: selfOf(in, e), Local: e.Local}
	if e.Local != "" && e.Local != old {
		tx.Link = append(tx.Link, self)
	}
	if old != "" && old != e.Local {
		tx.Unlink = append(tx.Unlink, store.Link{Site: self.Site, Local: old})
	}
	tx.Entry = e
	return tx, nil
}

// learn takes over what a snapshot tells of the request besides its fields.
func learn(e *request.Entry, tx *store.Tx, in *request.Intent) {
	s := in.Snapshot
	e.Owner, e.Origin, e.EnteredBy, e.Former, e.Forces = s.Owner, s.Origin, s.EnteredBy, s.Former, histories(e.Forces, s.Forces)
	e.Locals, e.Holders = s.Locals, s.Holders
	e.Children = inherited(*e, s.Children)
	if in.Accept == nil {
		e.Terms = s.Terms
	}
	for site, local := range s.Locals {
		if local != "" && site != selfOf(in, *e) {
			tx.Link = append(tx.Link, store.Link{Site: site, Local: local})
		}
	}
	for _, op := range s.Ops {
		e.Ops = remember(e.Ops, op)
	}
}

// inherited are the children of a snapshot with what this site knows of them. One that has no record of its parent has none.
func inherited(e request.Entry, children []request.Child) []request.Child {
	if e.Local == "" || len(children) == 0 {
		return nil
	}
	out := slices.Clone(children)
	for i := range out {
		mine, ok := e.Child(out[i].ID)
		if !ok {
			continue
		}
		if out[i].Local = mine.Local; out[i].Fields == nil && !out[i].Deleted {
			out[i].Fields, out[i].File = mine.Fields, mine.File
		}
	}
	return out
}

// gather makes other children of the owner's record a version.
func gather(e request.Entry, ev Gathered) (store.Tx, error) {
	if e.Role != request.Owner || e.Intent != nil {
		return store.Tx{}, fmt.Errorf("%s: a %s gathers nothing", e.ID, e.Role)
	}
	tx := store.Tx{Owe: ev.Owe, Now: ev.Now}
	for _, c := range ev.Children {
		relink(&tx, e.Owner, e, c)
	}
	e.Version, e.Updated = e.Version.Next(), ev.Now
	e.Children = slices.Clone(ev.Children)
	for i := range e.Children {
		if e.Children[i].Version.IsZero() {
			e.Children[i].Version = e.Version
		}
	}
	e.Holders = holding(e.Holders, ev.Owe)
	tx.Entry = e
	return tx, nil
}

// childLink is how a child is found by its local id alone. No id of a record has a slash.
func childLink(site request.Site, collection, local string) store.Link {
	return store.Link{Site: site, Local: collection + "/" + local}
}

// relink lets a child be found by its local id, and no longer by the one that it had.
func relink(tx *store.Tx, site request.Site, e request.Entry, c request.Child) {
	was, _ := e.Child(c.ID)
	if was.Local == c.Local {
		return
	}
	if was.Local != "" {
		tx.Unlink = append(tx.Unlink, childLink(site, c.Collection, was.Local))
	}
	if c.Local != "" {
		tx.Link = append(tx.Link, childLink(site, c.Collection, c.Local))
	}
}

// accept makes this site the owner (B3).
func accept(e *request.Entry, in *request.Intent, ev Landed) {
	h := in.Accept
	e.Role, e.Local, e.Fields, e.Plan, e.Terms = request.Owner, ev.Local, ev.Fields, in.Plan, request.Terms{}
	e.Decision = &request.Decision{Epoch: h.Epoch, Accepted: true}
	e.Path, e.Routes, e.Hops = h.Path, h.Routes, h.Hops
}

// holding are the linked holders after some were added, reminded or told to go.
func holding(sites []request.Site, owe []request.Debt) []request.Site {
	out := slices.Clone(sites)
	for _, d := range owe {
		i := slices.Index(out, d.Site)
		switch {
		case d.Linked() && i < 0:
			out = append(out, d.Site)
		case !d.Linked() && i >= 0:
			out = slices.Delete(out, i, i+1)
		}
	}
	return out
}

// selfOf is the site at which the intent ran: the owner's for its own writes; an apply names it, since the version cannot.
func selfOf(in *request.Intent, e request.Entry) request.Site {
	if in.Site != "" {
		return in.Site
	}
	return e.Version.Epoch.Site
}

// fail clears the intent. A request that was never created is forgotten; nobody was promised anything.
func fail(e request.Entry, ev Failed) (store.Tx, error) {
	if e.Intent == nil {
		return store.Tx{}, fmt.Errorf("%s: nothing was under way", e.ID)
	}
	tx := store.Tx{Now: ev.Now}
	if ev.Vanished && e.Local != "" {
		tx.Unlink = []store.Link{{Site: selfOf(e.Intent, e), Local: e.Local}}
		e.Local = ""
		e.Children = slices.Clone(e.Children)
		for i := range e.Children { // they went with it
			e.Children[i].Local, e.Children[i].Version = "", request.Version{}
		}
	}
	tx.Forget = e.Version.IsZero() && e.Local == "" && e.Fence == (request.Epoch{})
	e.Intent, e.Doubt = nil, nil
	tx.Entry = e
	return tx, nil
}

func doubt(e request.Entry, ev Doubted) (store.Tx, error) {
	if e.Intent == nil {
		return store.Tx{}, fmt.Errorf("%s: nothing was under way", e.ID)
	}
	e.Doubt = &request.Doubt{Op: e.Intent.Op, Kind: e.Intent.Kind, Reason: ev.Reason, Since: ev.Now, Candidates: ev.Candidates,
		Looked: ev.Looked, Quiet: ev.Quiet}
	return store.Tx{Entry: e, Now: ev.Now}, nil
}

func name(e request.Entry, ev Named) (store.Tx, error) {
	if e.Intent == nil || e.Intent.Kind != request.Apply {
		return store.Tx{}, fmt.Errorf("%s: no copy is being made", e.ID)
	}
	e.Local = ev.Local
	link := []store.Link{{Site: selfOf(e.Intent, e), Local: ev.Local}}
	e.Intent, e.Doubt = nil, nil
	return store.Tx{Entry: e, Link: link, Now: ev.Now}, nil
}

func overtake(e request.Entry, ev Overtaken) (store.Tx, error) {
	if e.Intent == nil || e.Intent.Kind != request.Apply {
		return store.Tx{}, fmt.Errorf("%s: only an apply can be overtaken", e.ID)
	}
	e.Suspect = append(e.Suspect[:len(e.Suspect):len(e.Suspect)], request.Suspect{Token: e.Intent.Token, Until: ev.Until})
	e.Intent, e.Doubt = nil, nil
	return store.Tx{Entry: e}, nil
}

// remember appends an outcome, once, and keeps the newest.
func remember(ops []request.Op, op request.Op) []request.Op {
	for _, o := range ops {
		if o.ID == op.ID {
			return ops
		}
	}
	ops = append(ops[:len(ops):len(ops)], op)
	if len(ops) > opsKept {
		ops = ops[len(ops)-opsKept:]
	}
	return ops
}

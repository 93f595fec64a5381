package replicate

import (
	"fmt"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// The events that move ownership (protocol 4). The owner releases a request durably (Released) and owes the grant until the target's
// durable word (Yielded, Resumed). The target becomes Elect with a Begun whose intent holds the hand-over it accepts, and the owner
// when that intent has Landed; before that it can still decline (Refused).

// Planned: the owner wants the request to be somewhere else, or no longer does (nil).
type Planned struct {
	Plan *request.Plan
	// Owe are holders that it adds. Fresh begins a new chain of moves: by a schedule or an operator.
	Owe   []request.Debt
	Fresh bool
	Now   time.Time
}

// Seen: the record at the owner's upstream is not what was recorded: somebody changed it behind the gateway. It becomes a version.
type Seen struct {
	Fields request.Fields
	ETag   string
	Owe    []request.Debt
	Plan   *request.Plan // nil: as it was
	Now    time.Time
}

// Released: the owner gives the request up for the target of its plan (A4). From here on only the target's word ends it.
type Released struct{ Now time.Time }

// Yielded: the target owns the request, or did and another does by now.
type Yielded struct {
	Owner request.Site
	Epoch request.Epoch // the highest epoch known of; at least that of the grant
	Drop  []request.Site
	Now   time.Time
}

// Resumed: the target has refused durably, and the owner goes on in an epoch of its own.
type Resumed struct {
	Owe    []request.Debt
	Cause  string
	Parked bool
	Now    time.Time
}

// Refused: this site durably answers no to the grant of an epoch.
type Refused struct {
	Epoch request.Epoch
	Now   time.Time
}

// Deposed: an operator made another site the owner while this one owned the request, was taking it or was giving it away.
type Deposed struct {
	Owner request.Site
	Drop  []request.Site
	Now   time.Time
}

// Forced: an operator makes this site the owner without the consent of the owner before.
type Forced struct {
	Self       request.Site
	By, Reason string
	Owe        []request.Debt
	Now        time.Time
}

// Paired: a record that was at this site already is the request's from now on.
type Paired struct {
	Local string
	Site  request.Site
	Now   time.Time
}

// Noted: what is queued here for the owner, or what lost, has changed.
type Noted struct {
	Queue     []request.Queued
	Conflicts []request.ConflictRecord
}

// Undone: the record that was made to take a request over is removed again, since it was not what it should be.
type Undone struct{ Site request.Site }

func (Undone) event()   {}
func (Planned) event()  {}
func (Seen) event()     {}
func (Released) event() {}
func (Yielded) event()  {}
func (Resumed) event()  {}
func (Refused) event()  {}
func (Deposed) event()  {}
func (Forced) event()   {}
func (Noted) event()    {}
func (Paired) event()   {}

// reign is the part of Step that moves ownership.
func reign(e request.Entry, ev Event) (store.Tx, error) {
	if e.Intent != nil {
		switch ev.(type) {
		case Planned, Noted: // nothing that the intent's end would undo
		default:
			return store.Tx{}, fmt.Errorf("%s: %T while a %s is under way", e.ID, ev, e.Intent.Kind)
		}
	}
	switch ev := ev.(type) {
	case Planned:
		if e.Role != request.Owner {
			return store.Tx{}, fmt.Errorf("%s: a %s plans nothing", e.ID, e.Role)
		}
		e.Plan = ev.Plan
		if ev.Fresh {
			e.Routes, e.Hops = nil, 0
		}
		e.Holders = holding(e.Holders, ev.Owe)
		return store.Tx{Entry: e, Owe: ev.Owe, Now: ev.Now}, nil
	case Noted:
		e.Queue, e.Conflicts = ev.Queue, ev.Conflicts
		return store.Tx{Entry: e}, nil
	case Seen:
		if e.Role != request.Owner {
			return store.Tx{}, fmt.Errorf("%s: a %s publishes nothing", e.ID, e.Role)
		}
		e.Version, e.Fields, e.ETag, e.Updated = e.Version.Next(), ev.Fields, ev.ETag, ev.Now
		e.Holders = holding(e.Holders, ev.Owe)
		if ev.Plan != nil {
			e.Plan = ev.Plan
		}
		return store.Tx{Entry: e, Owe: ev.Owe, Now: ev.Now}, nil
	case Paired:
		if e.Local != "" {
			return store.Tx{}, fmt.Errorf("%s: it has a record here", e.ID)
		}
		e.Local = ev.Local
		if e.Role == request.Away {
			e.Role = request.Copy
		}
		return store.Tx{Entry: e, Link: []store.Link{{Site: ev.Site, Local: ev.Local}}, Now: ev.Now}, nil
	case Undone:
		if e.Role != request.Elect || e.Local == "" {
			return store.Tx{}, fmt.Errorf("%s: a %s has nothing to undo", e.ID, e.Role)
		}
		tx := store.Tx{Unlink: []store.Link{{Site: ev.Site, Local: e.Local}}}
		e.Local, e.Children = "", nil
		tx.Entry = e
		return tx, nil
	case Released:
		return release(e, ev)
	case Yielded:
		return yield(e, ev)
	case Resumed:
		return resume(e, ev)
	case Refused:
		return decline(e, ev)
	case Deposed:
		return depose(e, ev)
	case Forced:
		return force(e, ev)
	}
	return noticed(e, ev)
}

func release(e request.Entry, ev Released) (store.Tx, error) {
	switch {
	case e.Role != request.Owner:
		return store.Tx{}, fmt.Errorf("%s: a %s has nothing to release", e.ID, e.Role)
	case e.Plan == nil:
		return store.Tx{}, fmt.Errorf("%s: there is no plan", e.ID)
	case len(e.Suspect) > 0:
		return store.Tx{}, fmt.Errorf("%s: an earlier write may still land", e.ID)
	}
	next := request.Epoch{Num: e.Fence.Num + 1, Site: e.Plan.To}
	e.Role, e.Fence, e.Owner = request.Granting, next, e.Plan.To
	e.Grant = &request.Grant{Epoch: next, To: e.Plan.To, At: ev.Now, Plan: *e.Plan}
	e.Plan, e.Updated = nil, ev.Now
	return store.Tx{Entry: e, Now: ev.Now}, nil
}

func yield(e request.Entry, ev Yielded) (store.Tx, error) {
	if e.Role != request.Granting || ev.Epoch.Compare(e.Grant.Epoch) < 0 {
		return store.Tx{}, fmt.Errorf("%s: a %s in %s yields nothing to %s", e.ID, e.Role, e.Fence, ev.Epoch)
	}
	e.Former = kept(e.Former, request.Tenure{Epoch: e.Version.Epoch, Until: ev.Now})
	e.Role, e.Owner, e.Terms = request.Copy, ev.Owner, e.Grant.Plan.Terms
	if e.Local == "" {
		e.Role = request.Away
	}
	e.Grant, e.Path, e.Routes, e.Hops, e.Updated = nil, nil, nil, 0, ev.Now
	return store.Tx{Entry: e, Drop: ev.Drop, Now: ev.Now}, nil
}

// resume never uses the old epoch again, nor the one that was refused: the refuser's fence is above the first, and its word has
// ended the second.
func resume(e request.Entry, ev Resumed) (store.Tx, error) {
	if e.Role != request.Granting {
		return store.Tx{}, fmt.Errorf("%s: a %s has nothing to resume", e.ID, e.Role)
	}
	plan := e.Grant.Plan
	plan.Cause, plan.Parked = ev.Cause, ev.Parked
	self := e.Version.Epoch.Site
	e.Version = request.Version{Epoch: request.Epoch{Num: e.Grant.Epoch.Num + 1, Site: self}}
	e.Role, e.Owner, e.Fence, e.Plan, e.Grant, e.Updated = request.Owner, self, e.Version.Epoch, &plan, nil, ev.Now
	return store.Tx{Entry: e, Owe: ev.Owe, Now: ev.Now}, nil
}

func decline(e request.Entry, ev Refused) (store.Tx, error) {
	switch {
	case e.Role == request.Elect && e.Fence == ev.Epoch:
	case ev.Epoch.Compare(e.Fence) > 0 && e.Role != request.Owner && e.Role != request.Granting && e.Role != request.Elect:
	default:
		return store.Tx{}, fmt.Errorf("%s: a %s at %s cannot decline %s", e.ID, e.Role, e.Fence, ev.Epoch)
	}
	e.Fence, e.Decision = ev.Epoch, &request.Decision{Epoch: ev.Epoch}
	if e.Role != request.Tombstone {
		e.Role = held(e)
	}
	return store.Tx{Entry: e, Now: ev.Now}, nil
}

// held is the role of a site that does not own the request.
func held(e request.Entry) request.Role {
	if e.Local == "" {
		return request.Away
	}
	return request.Copy
}

func depose(e request.Entry, ev Deposed) (store.Tx, error) {
	switch e.Role {
	case request.Owner, request.Granting, request.Elect:
	default:
		return store.Tx{}, fmt.Errorf("%s: a %s cannot be deposed", e.ID, e.Role)
	}
	e.Role, e.Owner, e.Grant, e.Plan, e.Updated = held(e), ev.Owner, nil, nil, ev.Now
	return store.Tx{Entry: e, Drop: ev.Drop, Now: ev.Now}, nil
}

func force(e request.Entry, ev Forced) (store.Tx, error) {
	switch {
	case e.Role == request.Owner, e.Role == request.Tombstone, e.Role == request.Creating:
		return store.Tx{}, fmt.Errorf("%s: a %s cannot reclaim it", e.ID, e.Role)
	case e.Local == "":
		return store.Tx{}, fmt.Errorf("%s: there is no record of it here", e.ID)
	case len(e.Suspect) > 0:
		return store.Tx{}, fmt.Errorf("%s: an earlier write may still land", e.ID)
	}
	next := request.Epoch{Num: e.Fence.Num + 1, Site: ev.Self}
	e.Forces = kept(e.Forces, request.Force{Epoch: next, Base: e.Version, By: ev.By, Reason: ev.Reason, At: ev.Now})
	e.Former = kept(e.Former, request.Tenure{Epoch: e.Version.Epoch, Until: ev.Now})
	e.Role, e.Owner, e.Fence, e.Version, e.Updated = request.Owner, ev.Self, next, request.Version{Epoch: next}, ev.Now
	e.Grant, e.Plan, e.Terms, e.Path = nil, nil, request.Terms{}, nil
	e.Holders = holding(nil, ev.Owe)
	return store.Tx{Entry: e, Owe: ev.Owe, Now: ev.Now}, nil
}

// lost is the record of what an entry loses to a snapshot of another lineage: what was written above the state where the two part,
// here or at the owner that this site followed. ok is false when there is nothing.
func lost(e request.Entry, s request.Snapshot, site request.Site, now time.Time) (c request.ConflictRecord, ok bool) {
	for _, f := range append(unheard(s.Forces, e.Forces), unheard(e.Forces, s.Forces)...) {
		if !e.Version.After(f.Base) || e.Version.Seq == 0 && e.Version.Epoch.Num == f.Base.Epoch.Num+1 {
			continue // it had the base, or the same content under the next owner
		}
		c = request.ConflictRecord{ID: "force-" + f.Epoch.String() + "-" + e.Version.Mark(), Kind: "force", Site: site, At: now,
			Base: f.Base, Mine: e.Version, Theirs: s.Version,
			Decision: "the request was reclaimed by " + string(f.Epoch.Site) + "; the values of the reign that is higher now were kept"}
		c.Fields = append(choices(e.Fields, s.Fields), orphans(e, s)...)
		return c, len(c.Fields) > 0 || s.Deleted
	}
	return c, false
}

// unheard are the forced reigns from which one state comes and another does not.
func unheard(of, by []request.Force) []request.Force {
	var out []request.Force
	for _, f := range of {
		if !f.Lost && !slices.ContainsFunc(by, func(x request.Force) bool { return x.Epoch == f.Epoch && !x.Lost }) {
			out = append(out, f)
		}
	}
	return out
}

// parted reports whether an entry and a snapshot come from different lineages: then both may have had an owner. Only a force parts them.
func parted(e request.Entry, s request.Snapshot) bool {
	return len(unheard(s.Forces, e.Forces)) > 0 || len(unheard(e.Forces, s.Forces)) > 0
}

// histories are the forces of a snapshot, with those of an entry that it does not have: they lost.
func histories(mine, theirs []request.Force) []request.Force {
	out := theirs
	for _, f := range mine {
		if !slices.ContainsFunc(theirs, func(x request.Force) bool { return x.Epoch == f.Epoch }) {
			f.Lost = true
			out = kept(out, f)
		}
	}
	return out
}

// choices lists the fields in which two states differ.
func choices(mine, theirs request.Fields) []request.FieldChoice {
	var out []request.FieldChoice
	text := func(f request.Fields, name string) string {
		v, _ := f.Get(name)
		return string(v)
	}
	for _, name := range append(profile.Diff(mine, theirs), theirs.Missing(mine)...) {
		out = append(out, request.FieldChoice{Name: name, Mine: text(mine, name), Theirs: text(theirs, name)})
	}
	return out
}

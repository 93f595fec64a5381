package replicate

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file is the part of a comparison that is about one holder, and what findings come to.

// ownDifferences are what a finding at the owner means for its holders, who all have what was recorded: the owner's value is that of
// its record.
func ownDifferences(rec store.Record, f request.Finding, self request.Site) []request.Difference {
	e := rec.Entry
	sites := linked(rec.Holders)
	if len(sites) == 0 || f.Missing {
		sites = []request.Site{self}
	}
	var out []request.Difference
	for _, site := range sites {
		d := request.Difference{Request: e.ID, Collection: e.Collection, Site: site, Kind: request.DiffersForeign, Repaired: f.Repaired, Note: f.Note}
		if f.Missing {
			d.Kind, d.Holder = request.DiffersGone, versionJSON(e.Version)
			out = append(out, d)
			continue
		}
		for _, p := range f.Fields {
			d.Field, d.Owner, d.Holder = p.Name, valueOf(p.Record), valueOf(p.Ledger)
			out = append(out, d)
		}
	}
	return out
}

func valueOf(v json.RawMessage) json.RawMessage {
	if len(v) == 0 {
		return json.RawMessage("null")
	}
	return v
}

// site compares with one holder. An error is one of this site; one of the other is noted.
func (v *verifier) site(ctx context.Context, c *profile.Collection, x *comparing, h *heldThere, only map[request.ID]bool) error {
	var ours map[request.ID]pair
	var err error
	copies := h.copies
	if only != nil {
		if ours, err = v.g.pairsOf(ctx, c.Name(), x.site, only); err != nil {
			return err
		}
		for _, p := range ours {
			if p.row.Linked() {
				copies++
			}
		}
	}
	v.count(func(out *request.Verification) { out.Copies, out.Moving = out.Copies+copies, out.Moving+h.moving })
	if err = v.ledgers(ctx, x, h, only); err == nil && copies > 0 {
		err = v.audited(ctx, c, x.site, ours, only)
	}
	if err != nil && ctx.Err() == nil && !storeAway(err) {
		v.unreached(x.site, err)
		return nil
	}
	return err
}

// ledgers compares this ledger with that of a holder, and tells what stays different.
func (v *verifier) ledgers(ctx context.Context, x *comparing, h *heldThere, only map[request.ID]bool) error {
	var waiting []request.ID
	confirm := func() error {
		found, moving, err := v.g.confirm(ctx, x, waiting)
		waiting = waiting[:0]
		v.count(func(out *request.Verification) { out.Moving += moving })
		v.tell(ctx, x, found)
		return err
	}
	once := make(map[request.ID]bool, len(h.open))
	suspect := func(id request.ID) error {
		if once[id] {
			return nil
		}
		if waiting = append(waiting, id); len(waiting) < suspectsAtOnce {
			return nil
		}
		return confirm()
	}
	for id := range only { // few enough to be asked for one by one
		if err := suspect(id); err != nil {
			return err
		}
	}
	for _, id := range h.open {
		if err := suspect(id); err != nil {
			return err
		}
		once[id] = true
	}
	if only == nil {
		if err := v.g.differing(ctx, x, h, suspect); err != nil {
			return err
		}
	}
	return confirm()
}

// mendParallel is how many pairs of one holder are made right at a time.
const mendParallel = 16

// tell notes pairs that are different, and has them made right.
func (v *verifier) tell(ctx context.Context, x *comparing, found []compared) {
	var running sync.WaitGroup
	slots := make(chan struct{}, mendParallel)
	for _, f := range found {
		d := f.asDifference(x.collection, x.site)
		if !v.out.Repair {
			v.differ(d)
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			d.Repaired, d.Note = v.mended(ctx, f, newComparing(x.collection, x.site, x.key), d.Note)
			v.differ(d)
		})
	}
	running.Wait()
}

// mended has a pair made right and waits for it to be.
func (v *verifier) mended(ctx context.Context, x compared, with *comparing, note string) (bool, string) {
	site := with.site
	if why := v.g.mendPair(ctx, x, site); why != "" {
		return false, note + "; not repaired: " + why
	}
	wctx, cancel := context.WithTimeout(ctx, mendWait)
	defer cancel()
	for wctx.Err() == nil {
		rec, err := v.g.Ledger.Read(wctx, x.id)
		if err == nil {
			if p, ok := pairOf(rec, rec.Entry.Collection, site); ok && p.exact {
				return v.reallyMended(wctx, x.id, with, note)
			} else if ok && p.row.State == request.Parked {
				return false, note + "; its delivery is parked: " + p.row.Cause
			}
		}
		v.g.nap(wctx, 100*time.Millisecond)
	}
	return false, note + "; it is owed again, and not confirmed yet"
}

// reallyMended asks the holder. One at which a person gave the copy of a version up confirms that version without having it.
func (v *verifier) reallyMended(ctx context.Context, id request.ID, with *comparing, note string) (bool, string) {
	theirs, err := v.g.askOne(ctx, with, []request.ID{id})
	if err != nil {
		return false, note + "; it is confirmed, and cannot be looked at: " + err.Error()
	}
	now, mine, err := v.g.lookAt(ctx, with, id, theirs)
	if err == nil && mine && now.verdict != pairEqual && now.verdict != pairMoving && now.verdict != pairHeld {
		return false, note + "; the site gave up the copy of this version, and gets one with the next"
	}
	return true, note
}

// audited has a holder compare its records with its ledger.
func (v *verifier) audited(ctx context.Context, c *profile.Collection, site request.Site, ours map[request.ID]pair, only map[request.ID]bool) error {
	ask := request.AuditAsk{Session: v.out.ID + "/" + c.Name(), Collection: c.Name(), Repair: v.out.Repair}
	ask.Session = ask.Session[:min(len(ask.Session), 60)]
	ask.Requests = idsOf(ours, only)
	session, lost := ask.Session, 0
	told := make(map[string]bool)
	read, moving := 0, 0
	for {
		a, err := v.g.Peers.Audit(ctx, site, ask)
		if request.KindOf(err) == request.NotFound && err != nil && lost < auditsLost {
			// Its gateway was restarted, or another one of the site was asked: begin again, and tell nothing twice.
			lost++
			ask.Session, ask.From, ask.Requests = session+"/"+strconv.Itoa(lost), 0, idsOf(ours, only)
			continue
		}
		if err != nil {
			return err
		}
		v.count(func(out *request.Verification) {
			out.Read, out.Moving = out.Read+a.Read-read, out.Moving+a.Moving-moving
		})
		read, moving = a.Read, a.Moving
		for _, f := range a.Findings {
			for _, d := range v.holderDifferences(ctx, c, site, f) {
				if key := string(d.Request) + "/" + d.Field; !told[key] {
					told[key] = true
					v.differ(d)
				}
			}
		}
		if ask.From += len(a.Findings); ask.From > 0 { // else a gateway that was restarted begins anew
			ask.Requests = nil
		}
		switch {
		case a.Done && a.Error != "":
			return &request.Error{Op: "replicate.Verify", Kind: request.Unavailable, Detail: "comparing the records of " + string(site) + " broke off: " + a.Error}
		case a.Done:
			return nil
		case len(a.Findings) == 0: // the holder has waited for some
			v.g.nap(ctx, auditPoll)
		}
		if ctx.Err() != nil {
			sctx, cancel := detached(ctx, storeTimeout)
			defer cancel()
			ask.Stop = true
			_, _ = v.g.Peers.Audit(sctx, site, ask) // else it ends when nobody asks any more
			return ctx.Err()
		}
	}
}

// idsOf are the requests that a holder is asked about one by one; nil is all of them.
func idsOf(ours map[request.ID]pair, only map[request.ID]bool) []request.ID {
	if only == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(ours))
}

// holderDifferences are what a finding at a holder comes to.
func (v *verifier) holderDifferences(ctx context.Context, c *profile.Collection, site request.Site, f request.Finding) []request.Difference {
	d := request.Difference{Request: f.Request, Collection: c.Name(), Site: site, Kind: request.DiffersField, Repaired: f.Repaired, Note: f.Note}
	if f.Missing {
		d.Kind, d.Owner = request.DiffersMissing, versionJSON(f.Version)
		return []request.Difference{d}
	}
	rec, err := v.g.Ledger.Read(ctx, f.Request)
	var out []request.Difference
	for _, p := range f.Fields {
		d.Field, d.Owner, d.Holder = p.Name, valueOf(p.Ledger), valueOf(p.Record)
		if value, ok := rec.Entry.Fields.Get(p.Name); err == nil && ok && rec.Entry.Version == f.Version {
			d.Owner = value // as the owner has it, and not as the holder could hold it
		}
		out = append(out, d)
	}
	return out
}

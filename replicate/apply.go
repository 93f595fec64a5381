package replicate

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// taken is what came of a snapshot: the record as this site has it now, the answer of its upstream if this very call made one,
// and what is acknowledged to the owner.
type taken struct {
	rec  store.Record
	ans  *request.Answer
	kind request.Kind // what ans answers
	ack  peer.Ack
	// again says that the record exists now and that the rest is to be brought to it in another round.
	again bool
	// err is why it could not be begun, or recorded.
	err error
}

// matches reports whether the answer of the upstream can be given to a client who asked for kind.
func (t taken) matches(kind request.Kind) bool {
	return t.kind == kind || t.kind == request.Update && kind == request.Replace
}

// take brings this site's copy to a snapshot if that is newer (protocol 3.2). It is idempotent, and a copy never goes back.
func (g *Engine) take(ctx context.Context, c *profile.Collection, s request.Snapshot) taken {
	leave, err := g.lanes.enter(ctx, string(s.ID))
	if err != nil {
		return taken{ack: retry(s, err.Error())}
	}
	defer leave()
	return g.takeInLane(ctx, c, s)
}

func (g *Engine) takeInLane(ctx context.Context, c *profile.Collection, s request.Snapshot) taken {
	for tries := g.crossings(); ; {
		out := g.takeOnce(ctx, c, s)
		if !tries.more(out.err) {
			return out
		}
	}
}

func (g *Engine) takeOnce(ctx context.Context, c *profile.Collection, s request.Snapshot) taken {
	rec, err := g.settled(ctx, s.ID)
	switch request.KindOf(err) {
	case request.NotFound:
		rec = store.Record{Entry: request.Entry{ID: s.ID, Collection: s.Collection, Role: request.Copy, Owner: s.Owner,
			Origin: s.Origin, EnteredBy: s.EnteredBy, Created: g.now()}}
	default:
		if err != nil {
			if rec.Entry.Doubt != nil {
				// Not parked: what the person at this site says ends it, and the owner's delivery goes on by itself then.
				return taken{rec: rec, ack: retry(s, "a person at "+string(g.Self)+" must say (meridian doubts there): "+rec.Entry.Doubt.Reason)}
			}
			return taken{rec: rec, ack: retry(s, err.Error())}
		}
	}
	if after, err := g.yieldTo(ctx, rec, s); err != nil {
		return taken{rec: rec, ack: retry(s, err.Error())}
	} else {
		rec = after
	}
	e := rec.Entry
	switch {
	case s.Version.Epoch.Compare(e.Fence) < 0:
		return taken{rec: rec, ack: peer.Ack{Request: s.ID, Version: e.Version, Local: e.Local, State: peer.Superseded,
			Cause: "this site follows epoch " + fmt.Sprint(e.Fence.Num) + " of " + string(e.Fence.Site)}}
	case !s.Version.After(e.Version):
		return taken{rec: rec, ack: delivered(e)}
	case e.Role == request.Owner, e.Role == request.Granting, e.Role == request.Elect:
		return taken{rec: rec, ack: parked(s, "this site is "+string(e.Role)+" of the request in epoch "+e.Fence.String())}
	case s.Terms.Mode == request.Independent && (e.Local != "" || e.Apart != ""):
		return g.record(ctx, rec, s, Landed{Local: cmp.Or(e.Apart, e.Local), Fields: s.Fields, Now: g.now()}) // one is enough
	case (s.Deleted || s.Terms.Mode == request.Remove) && e.Local == "", s.Deleted && s.Keep:
		return g.record(ctx, rec, s, Landed{Now: g.now()}) // there is nothing (more) to delete
	case g.asItIs(c, e, s) && !g.childrenBehind(e, c, s):
		return g.record(ctx, rec, s, Landed{Local: e.Local, Fields: s.Fields, ETag: e.ETag, Now: g.now()})
	}
	return g.write(ctx, rec, c, s, nil)
}

// yieldTo is what a snapshot of a later epoch means to a site that takes itself for the owner, or is about to give the request
// away: its grant was accepted, or an operator made another site the owner.
func (g *Engine) yieldTo(ctx context.Context, rec store.Record, s request.Snapshot) (store.Record, error) {
	e := rec.Entry
	from := s.Version.Epoch
	switch {
	case e.Role == request.Granting && from.Compare(e.Grant.Epoch) >= 0:
		dctx, cancel := detached(ctx, storeTimeout)
		defer cancel()
		return g.step(dctx, rec, Yielded{Owner: s.Owner, Epoch: from, Drop: sitesOf(rec.Holders), Now: g.now()})
	case (e.Role == request.Owner || e.Role == request.Elect) && from.Compare(e.Fence) > 0 && parted(e, s):
		g.Log.Warn("an operator made another site the owner; this one steps down", append(logRequest(e), zap.String("destination", string(s.Owner)))...)
		return g.step(ctx, rec, Deposed{Owner: s.Owner, Drop: sitesOf(rec.Holders), Now: g.now()})
	}
	return rec, nil
}

// asItIs reports whether a copy has the snapshot's fields already, so that only the ledger must learn of it. With stamps the record
// itself tells the version.
func (g *Engine) asItIs(c *profile.Collection, e request.Entry, s request.Snapshot) bool {
	return e.Local != "" && e.Version != s.Version && !s.Deleted && s.Terms.Linked() && len(e.Suspect) == 0 && !c.Stamps() && !e.Version.IsZero() &&
		len(profile.Diff(s.Fields, e.Fields)) == 0 && len(e.Fields.Missing(s.Fields)) == 0
}

// record takes a snapshot into the ledger, in one commit, where the upstream has nothing to be told.
func (g *Engine) record(ctx context.Context, rec store.Record, s request.Snapshot, landed Landed) taken {
	in := applying(rec, s)
	in.Site, in.Sent = g.Self, g.now()
	begun, err := Step(rec.Entry, Begun{in})
	if err == nil {
		var tx store.Tx
		if tx, err = Step(begun.Entry, landed); err == nil {
			after, bad := g.commit(ctx, store.Record{Entry: begun.Entry, Rev: rec.Rev, Holders: rec.Holders}, tx)
			if err = bad; err == nil {
				rec = after
			}
		}
	}
	if err != nil {
		return taken{rec: rec, ack: retry(s, err.Error()), err: err}
	}
	return taken{rec: rec, ack: delivered(rec.Entry)}
}

func applying(rec store.Record, s request.Snapshot) request.Intent {
	in := request.Intent{Kind: request.Apply, Op: applyOp(rec.Entry, s), Version: s.Version, Fields: s.Fields,
		Token: rec.Rev + 1, Snapshot: &s}
	in.Removed = rec.Entry.Fields.Missing(s.Fields)
	return in
}

// pair finds the record that is here already for a request by its business key (spec 5). Why is why the request cannot come here.
func (g *Engine) pair(ctx context.Context, c *profile.Collection, s request.Snapshot) (local, why string, err error) {
	if s.Terms.Match == "" || s.Terms.Duplicate == "create" {
		return "", "", nil
	}
	fields := strings.Split(s.Terms.Match, ",")
	call, ok, err := c.MatchCall(s.Fields, fields)
	if err != nil {
		return "", "", nil // without a key there is nothing to be paired
	}
	if !ok {
		return "", "the API of " + string(g.Self) + " cannot be searched by " + s.Terms.Match, nil
	}
	ans, err := g.Upstream.Do(ctx, call, true)
	if err == nil {
		var hits []profile.Created
		if hits, err = c.Matched(ans, s.Fields, fields); err == nil {
			return g.mate(ctx, s, hits)
		}
	}
	return "", "", &request.Error{Op: "replicate.pair", Kind: request.Unavailable, Request: s.ID, Err: err, Retry: time.Second,
		Detail: "looking for a record with the same " + s.Terms.Match}
}

// mate chooses among the records that match: the first that is no other request's.
func (g *Engine) mate(ctx context.Context, s request.Snapshot, hits []profile.Created) (local, why string, err error) {
	for _, hit := range hits {
		other, err := g.Ledger.Lookup(ctx, s.Collection, store.Link{Site: g.Self, Local: hit.Local})
		if err == nil && other.Entry.ID == s.ID {
			return hit.Local, "", nil
		}
		if s.Terms.Duplicate != "overwrite" {
			return "", "record " + hit.Local + " at " + string(g.Self) + " has the same " + s.Terms.Match, nil
		}
		if err == nil {
			return "", "record " + hit.Local + " at " + string(g.Self) + " has the same " + s.Terms.Match + " and is request " + string(other.Entry.ID), nil
		}
		return hit.Local, "", nil
	}
	return "", "", nil
}

// paired makes the record that is here already the copy, before it is written.
func (g *Engine) paired(ctx context.Context, rec store.Record, c *profile.Collection, s request.Snapshot) (store.Record, error) {
	if rec.Entry.Local != "" || s.Deleted || s.Terms.Mode == request.Independent {
		return rec, nil
	}
	local, why, err := g.pair(ctx, c, s)
	switch {
	case err != nil:
		return rec, err
	case why != "":
		return rec, &request.Error{Op: "replicate.pair", Kind: request.Conflict, Request: s.ID, Detail: why}
	case local == "":
		return rec, nil
	}
	return g.step(ctx, rec, Paired{Local: local, Site: g.Self, Now: g.now()})
}

// write makes the upstream's record what the snapshot says: intent, call, record. A copy that vanished is made again.
// With an election it makes this site the owner.
func (g *Engine) write(ctx context.Context, rec store.Record, c *profile.Collection, s request.Snapshot, h *election) taken {
	rec, err := g.paired(ctx, rec, c, s)
	if err != nil {
		return taken{rec: rec, ack: failedBefore(s, err)}
	}
	if rec, err = g.refound(ctx, rec, c, s); err != nil {
		return taken{rec: rec, ack: failedBefore(s, err)}
	}
	if ack := g.childrenWait(rec.Entry, c, s); ack != nil {
		return taken{rec: rec, ack: *ack}
	}
	if h == nil && s.Version.After(rec.Entry.Version) && g.asItIs(c, rec.Entry, s) { // only its children are behind
		return g.writeChildren(ctx, rec, c, s)
	}
	o := g.bringing(rec.Entry, c, s)
	call, err := g.made(ctx, c, o)
	vanished := request.KindOf(err) == request.NotFound && err != nil
	if err != nil && !vanished {
		return taken{rec: rec, ack: failedBefore(s, err)}
	}
	in := applying(rec, s)
	if h != nil {
		in.Accept, in.Owe, in.Plan = &h.Handover, h.owe, h.plan
	}
	rec, err = g.begin(ctx, rec, in)
	if err != nil {
		return taken{rec: rec, ack: retry(s, err.Error()), err: err}
	}
	if o.verb == profile.Create {
		defer g.births.begin()()
	}
	ans, verdict := request.Answer{Status: http.StatusNotFound}, profile.Gone
	if !vanished {
		if ans, err = g.send(g.guard(context.WithoutCancel(ctx), rec), c, call, o); err == nil {
			verdict = c.Judge(o.verb, ans)
		}
	}
	kind := kindOf(o.verb)
	out := taken{rec: rec, ans: &ans, kind: kind}
	dctx, cancel := detached(ctx, g.set().Profile.Timeout+storeTimeout)
	defer cancel()
	if err != nil && !vanished {
		return g.applyBroke(dctx, rec, s, err)
	}
	if !vanished {
		verdict = g.believed(dctx, c, o, verdict)
	}
	switch verdict {
	case profile.Accepted:
		if out = g.applied(dctx, out, c, s); out.again {
			return g.write(ctx, out.rec, c, s, h)
		}
		return out
	case profile.Gone:
		if kind == request.Delete {
			return g.applied(dctx, out, c, s)
		}
		out.rec, err = g.step(dctx, rec, Failed{Status: ans.Status, Vanished: true, Now: g.now()})
		if err != nil {
			return taken{rec: rec, ack: retry(s, err.Error())}
		}
		return g.write(ctx, out.rec, c, s, h) // now without a local id: a create
	case profile.Refused:
		out.rec, err = g.step(dctx, rec, Failed{Status: ans.Status, Now: g.now()})
		out.ack = parked(s, said(g.Self, ans))
	case profile.Unavailable, profile.Stale:
		out.rec, err = g.step(dctx, rec, Failed{Status: ans.Status, Now: g.now()})
		out.ack = unavailable(s, said(g.Self, ans))
	default:
		// A failure that the API reports is over for a record that exists; whether a create took place is looked up (resolver).
		out.ack = retry(s, said(g.Self, ans))
		if kind != request.Create {
			out.rec, err = g.step(dctx, rec, Failed{Status: ans.Status, Now: g.now()})
		}
	}
	if err != nil {
		out.ack = retry(s, err.Error())
	}
	return out
}

// bringing is the call that makes the record what the snapshot says, given what it was.
func (g *Engine) bringing(e request.Entry, c *profile.Collection, s request.Snapshot) ownCall {
	m := profile.Marks{Request: s.ID, Version: s.Version, Owner: s.Owner, State: string(request.Copy)}
	if s.Owner == g.Self {
		m.State = string(request.Owner)
	}
	switch {
	case s.Deleted, s.Terms.Mode == request.Remove:
		return deleting(c, e.Local)
	case e.Local == "":
		return creating(c, s.Fields, m)
	}
	return replacing(c, e.Local, g.sparing(c, e, s), e.Fields.Missing(s.Fields), m)
}

// kindOf is what a call of the verb does to a copy.
func kindOf(v profile.Verb) request.Kind {
	switch v {
	case profile.Create:
		return request.Create
	case profile.Delete:
		return request.Delete
	}
	return request.Update
}

// applied records a copy that is now what the snapshot says.
func (g *Engine) applied(ctx context.Context, out taken, c *profile.Collection, s request.Snapshot) taken {
	rec := out.rec
	landed := Landed{Local: rec.Entry.Local, Fields: s.Fields, Now: g.now()}
	if out.ans != nil {
		landed.Status = out.ans.Status
	}
	if out.kind == request.Create {
		made, err := c.Created(*out.ans)
		if err != nil || !g.plausible(ctx, rec.Entry, c, made.Local) {
			return g.searched(ctx, out, c, s)
		}
		landed.Local = made.Local
		if g.childrenBehind(rec.Entry, c, s) {
			return g.halfway(ctx, out, s, made.Local)
		}
	}
	if late := c.Late(s.Fields); out.ans != nil && out.kind == request.Create && len(late) > 0 {
		if ack, ok := g.follow(ctx, c, landed.Local, s, late); !ok {
			return g.unfinished(ctx, rec, out, landed, ack, s)
		}
	}
	if out.ans != nil && out.kind != request.Delete {
		changed := s.Fields
		if out.kind == request.Update {
			changed = s.Fields.Only(profile.Diff(s.Fields, rec.Entry.Fields)...)
		}
		if ack, ok := g.setAtCopy(ctx, c, landed.Local, s, changed); !ok {
			return g.unfinished(ctx, rec, out, landed, ack, s)
		}
	}
	if c.ReadBack() && out.ans != nil && out.kind != request.Delete {
		if lost := g.insisted(ctx, c, landed.Local, s, out.kind); len(lost) > 0 {
			return g.unfinished(ctx, rec, out, landed, parked(s, "accepted, but these fields did not change: "+strings.Join(lost, ", ")), s)
		}
	}
	rec, ack := g.bringChildren(ctx, rec, c, s)
	if ack != nil {
		return g.childFailed(ctx, rec, out, s, *ack)
	}
	after, err := g.step(ctx, rec, landed)
	if err != nil {
		g.tooLate(rec, landed.Local, err)
		out.ack = retry(s, err.Error())
		return out
	}
	out.rec, out.ack = after, delivered(after.Entry)
	return out
}

// applyBroke ends an apply without an answer. The intent of one that may have happened stays for the resolver.
func (g *Engine) applyBroke(ctx context.Context, rec store.Record, s request.Snapshot, cause error) taken {
	out := taken{rec: rec, ack: retry(s, "the upstream of "+string(g.Self)+" broke off: "+cause.Error())}
	if k := request.KindOf(cause); k == request.NotSent || k == request.ClientGone {
		out.ack = unavailable(s, "the upstream of "+string(g.Self)+" cannot be reached: "+cause.Error())
		if after, err := g.step(ctx, rec, Failed{Now: g.now()}); err == nil {
			out.rec = after
		}
		return out
	}
	in := rec.Entry.Intent
	if after, err := g.step(ctx, rec, Taken{Replica: in.Replica, Lease: in.Lease, Sent: g.now()}); err == nil {
		out.rec = after
	}
	return out
}

func delivered(e request.Entry) peer.Ack {
	return peer.Ack{Request: e.ID, Version: e.Version, Local: e.Local, State: peer.Delivered}
}

func retry(s request.Snapshot, cause string) peer.Ack {
	return peer.Ack{Request: s.ID, State: peer.Retry, Cause: cause}
}

func parked(s request.Snapshot, cause string) peer.Ack {
	return peer.Ack{Request: s.ID, State: peer.Parked, Cause: cause}
}

func unavailable(s request.Snapshot, cause string) peer.Ack {
	return peer.Ack{Request: s.ID, State: peer.Unavailable, Cause: cause}
}

// failedBefore is the end of an apply of which no byte was sent.
func failedBefore(s request.Snapshot, err error) peer.Ack {
	if request.KindOf(err) == request.Unavailable {
		return unavailable(s, err.Error())
	}
	return parked(s, err.Error()) // the mapping refuses it
}

// said is an upstream's answer in a line for a person.
func said(site request.Site, a request.Answer) string {
	body := strings.Join(strings.Fields(strings.ToValidUTF8(string(a.Body[:min(len(a.Body), 300)]), "?")), " ")
	return strings.TrimSpace(fmt.Sprintf("%s answered %d %s: %s", site, a.Status, http.StatusText(a.Status), body))
}

// quietAt is when an upstream call of an intent can no longer take effect. After a restart that is counted from the start, and after the
// clock was set from then.
func (g *Engine) quietAt(in *request.Intent) time.Time {
	from, even := in.Sent, g.evenSince()
	if from.Before(even) || from.After(g.now()) && replicaOf(in.Replica) == g.Replica {
		from = even
	}
	return from.Add(g.quiet())
}

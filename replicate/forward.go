package replicate

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

type peerReply = peer.Reply

// forward sends a write of a copy to the request's owner and brings the copy up to the version that came of it, so that the
// client reads its own write here.
func (g *Engine) forward(ctx context.Context, rec store.Record, c *profile.Collection, w request.Write) (request.Result, error) {
	e := rec.Entry
	if err := forged(c, e, w); err != nil {
		return request.Result{Entry: e}, err
	}
	if len(w.Fields) == 0 && w.Kind == request.Update && w.Call != nil {
		return g.localOnly(ctx, rec, w)
	}
	policy := cmp.Or(e.Terms.Writes, g.set().Writes)
	if policy == "refuse" {
		return request.Result{Entry: e}, &request.Error{Op: "replicate.forward", Kind: request.Conflict, Request: e.ID,
			Detail: "the request is owned by " + string(e.Owner) + " and this site refuses writes of its copies; write it there"}
	}
	if err := g.tagged(ctx, c, e, w); err != nil {
		return request.Result{Entry: e}, err
	}
	fw := w
	fw.Fields = meant(c, e, w)
	fw.Call, fw.Key, fw.Digest, fw.Local = nil, "", "", ""
	fw.Via = append(w.Via[:len(w.Via):len(w.Via)], g.Self)
	if policy == "queue" && len(e.Queue) > 0 { // earlier ones go first
		return g.enqueue(ctx, e.ID, fw)
	}
	owner, reply, err := g.chase(ctx, e, fw)
	if err != nil {
		switch request.KindOf(err) {
		case request.NotSent, request.OwnerUnreachable:
			if policy == "queue" && !w.Again {
				return g.enqueue(ctx, e.ID, fw)
			}
			return request.Result{Entry: e}, unreachable(e.ID, owner, err)
		case request.Doubtful:
			return g.followLater(ctx, fw, owner, err)
		case errBecameOwner:
			return g.change(ctx, c, w)
		}
		return request.Result{Entry: deletedIn(e, err)}, err
	}
	if reply.Answer != nil {
		return request.Result{Answer: reply.Answer, Entry: e, Op: w.Op}, nil
	}
	if e.Role == request.Away { // there is no copy here to be brought up to date
		res := request.Result{Entry: entryOf(reply.Snapshot), Version: reply.Version, Copies: reply.Copies, Replayed: reply.Replayed, Op: w.Op, Routes: reply.Routes}
		res.Answer = &request.Answer{Status: c.Success(verb(w.Kind)), Header: http.Header{"Content-Type": {"application/json"}},
			Body: reply.Snapshot.Fields.AppendJSON(nil)}
		return res, nil
	}
	res := g.adoptCopy(ctx, c, reply, w.Kind, g.take)
	g.ahead.note(c.Name(), e.Local, reply.Snapshot, res.Answer.Status == http.StatusAccepted)
	if g.ownPart(ctx, c, w, &res) {
		g.ridden(ctx, c, res.Entry, w.EnteredBy)
	}
	res.Op, res.Routes = w.Op, reply.Routes
	return res, nil
}

// deletedIn is the request as an owner's refusal has it: one that says when it was deleted is ahead of the tombstone.
func deletedIn(e request.Entry, err error) request.Entry {
	if gone, ok := errors.AsType[*request.Error](err); ok && gone.Kind == request.Gone && gone.Version.After(e.Version) {
		e.Version = gone.Version
	}
	return e
}

// forged refuses a client's write of a copy that sets what belongs to the gateway, as the owner's gateway would. What a client may
// have read in the record it may write back; the record may already be ahead of the ledger.
func forged(c *profile.Collection, e request.Entry, w request.Write) error {
	if w.Call == nil || w.Kind == request.Delete {
		return nil
	}
	seen := request.Version{Epoch: request.Epoch{Num: e.Version.Epoch.Num + 1, Site: e.Owner}, Seq: 1 << 48}
	_, err := c.Splice(verb(w.Kind), *w.Call, profile.Marks{Request: e.ID, Version: seen, Owner: e.Owner, State: string(request.Copy)}, true)
	if request.KindOf(err) == request.Reserved {
		return err
	}
	return nil // another fault is the owner's to tell, or does not matter to the part that travels
}

// tagged checks a client's precondition in the tags of this site's own API, which mean nothing at the owner.
func (g *Engine) tagged(ctx context.Context, c *profile.Collection, e request.Entry, w request.Write) error {
	if w.Call == nil || e.Local == "" || w.Kind == request.Delete && !c.HasETag() {
		return nil
	}
	said := c.VersionSaid(w.Call.Body)
	if said == "" && (!c.HasETag() || len(w.Call.Header["If-Match"]) == 0) {
		return nil
	}
	_, tag, err := g.read(ctx, c, e.Local)
	if err != nil {
		return err
	}
	if said != "" {
		if tag == "" || same([]byte(said), []byte(tag)) {
			return nil
		}
		return &request.Error{Op: "replicate.Write", Kind: request.Precondition, Request: e.ID, Detail: "the record has changed: its version is " + tag}
	}
	for _, line := range w.Call.Header["If-Match"] {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == "*" || one == tag {
				return nil
			}
		}
	}
	return &request.Error{Op: "replicate.Write", Kind: request.Precondition, Request: e.ID, Detail: "the record has changed: its tag is " + tag}
}

// errBecameOwner says that this site came to own the request while it looked for the owner.
const errBecameOwner request.ErrKind = "became-owner"

// chase asks the owner as far as it is known here, and follows it when it has moved: to where the asked site says, if that is a
// later epoch, or to where this site learns meanwhile (protocol 4.5). It gives up after a while: then ownership is just moving.
func (g *Engine) chase(ctx context.Context, e request.Entry, w request.Write) (owner request.Site, reply peerReply, err error) {
	owner, w.EpochSeen = e.Owner, e.Fence
	until := g.now().Add(g.Hold)
	for {
		reply, err = g.ask(ctx, owner, w)
		k := request.KindOf(err)
		if err == nil || k != request.NotYet && k != request.HandingOver && k != request.NotFound {
			return owner, reply, err
		}
		if hint, ok := errors.AsType[*request.Error](err); ok && hint.Owner != "" && hint.Owner != g.Self && hint.Epoch.Compare(w.EpochSeen) > 0 && g.knows(hint.Owner) {
			owner, w.EpochSeen = hint.Owner, hint.Epoch
			continue
		}
		if g.now().After(until) || ctx.Err() != nil {
			if k == request.NotFound {
				return owner, reply, err
			}
			return owner, reply, handingOver(e)
		}
		select {
		case <-g.Clock.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
		rec, rerr := g.Ledger.Read(ctx, e.ID)
		if rerr != nil {
			continue
		}
		if e = rec.Entry; e.Role == request.Owner {
			return g.Self, reply, &request.Error{Op: "replicate.forward", Kind: errBecameOwner, Request: e.ID}
		}
		if e.Fence.Compare(w.EpochSeen) > 0 {
			owner, w.EpochSeen = e.Owner, e.Fence
		}
	}
}

// ownPart makes the part of a write that belongs to this site alone, after the rest was made at the owner. It goes under the
// client's own credentials, and a refusal of it is what the client is told.
func (g *Engine) ownPart(ctx context.Context, c *profile.Collection, w request.Write, res *request.Result) (made bool) {
	if w.Call == nil || w.Kind == request.Delete || res.Entry.Local == "" {
		return false
	}
	call, ok := g.ownCallOf(ctx, c, res.Entry.Local, w.Call.Body)
	if !ok {
		return false
	}
	header := w.Call.Header.Clone()
	header.Del("If-Match")
	for _, name := range []string{"If-Match", "Content-Type"} { // the tag is of this moment, the body may be of another kind
		if v := call.Header.Values(name); len(v) > 0 {
			header[name] = v
		}
	}
	call.Header = header
	ans, err := g.Upstream.Do(context.WithoutCancel(ctx), call, false)
	if err != nil {
		return false // the shared part is done; this site's own is not promised across a broken connection
	}
	if c.Judge(profile.Update, ans) != profile.Accepted {
		res.Answer = &ans
		return false
	}
	if whole, ok := c.Answered(ans, res.Entry.Local); ok && whole != nil && res.Answer != nil && res.Answer.Status != http.StatusNoContent {
		res.Answer = &request.Answer{Status: res.Answer.Status, Header: ans.Header, Body: ans.Body}
	}
	return true
}

// ownCallOf makes the call for what belongs to this site alone, with a look at the record where the API wants that.
func (g *Engine) ownCallOf(ctx context.Context, c *profile.Collection, local string, body []byte) (request.Call, bool) {
	if call, ok := c.OwnCall(local, body); ok && !c.NeedsCurrent(profile.Update) {
		return call, true
	} else if !c.NeedsCurrent(profile.Update) {
		return request.Call{}, false
	}
	record, version, err := g.read(ctx, c, local)
	if err != nil {
		return request.Call{}, false
	}
	return c.OwnCallOn(local, body, profile.Current{Record: record, Version: version})
}

// Record reads the record that a call is about, as it is at this site.
func (g *Engine) Record(ctx context.Context, m profile.Match) ([]byte, error) {
	c, err := g.collection(m.Collection.Name())
	if err != nil {
		return nil, err
	}
	local := m.ID
	if c.Parent() != "" {
		if rec, err := g.locate(ctx, c.Parent(), m.Parent); err == nil && m.Parent != "" {
			return g.readChild(ctx, c.Under(rec.Entry.Local), local)
		}
		return g.readChild(ctx, c.Under(m.Parent), local)
	}
	if rec, err := g.locate(ctx, c.Name(), local); err == nil && rec.Entry.Local != "" {
		local = rec.Entry.Local
	}
	record, _, err := g.read(ctx, c, local)
	return record, err
}

// localOnly passes on a write that touches only what belongs to this site alone: it is nobody else's business.
func (g *Engine) localOnly(ctx context.Context, rec store.Record, w request.Write) (request.Result, error) {
	ans, err := g.Upstream.Do(context.WithoutCancel(ctx), *w.Call, false)
	if err != nil {
		return request.Result{Entry: rec.Entry}, g.passError(err)
	}
	g.ridden(ctx, g.set().Profile.Collections[rec.Entry.Collection], rec.Entry, w.EnteredBy)
	return request.Result{Answer: &ans, Entry: rec.Entry, Op: w.Op}, nil
}

func (g *Engine) passError(err error) error {
	kind := request.Unavailable
	if k := request.KindOf(err); k == request.Doubtful {
		kind = k
	}
	return &request.Error{Op: "replicate.upstream", Kind: kind, Err: err, Retry: 2 * time.Second,
		Detail: "the request API of " + string(g.Self) + " gave no answer"}
}

// locate finds a request by an id as a client of this site writes it: this site's own, or another's as SITE:ID. A local record
// with exactly that id wins. NotFound means that the ledger does not know it.
func (g *Engine) locate(ctx context.Context, collection, id string) (store.Record, error) {
	rec, err := soon(func() (store.Record, error) {
		return g.Ledger.Lookup(ctx, collection, store.Link{Site: g.Self, Local: id})
	})
	if err == nil {
		return rec, nil
	}
	if err = g.before(storeError("replicate.Lookup", "", err)); request.KindOf(err) != request.NotFound {
		return rec, err
	}
	name, local, ok := strings.Cut(id, ":")
	if !ok || !g.knows(request.Site(name)) {
		return rec, err
	}
	if c := g.set().Profile.Collections[collection]; c != nil {
		if _, _, own := g.read(ctx, c, id); own == nil {
			return rec, err // the upstream has a record with exactly that id: it is not another site's
		}
	}
	site := request.Site(name)
	rec, found := g.Ledger.Lookup(ctx, collection, store.Link{Site: site, Local: local})
	if found == nil {
		return rec, nil
	}
	// A store that fails only now has not said that the request is unknown: to be told so a client would take it for gone.
	if found = storeError("replicate.Lookup", "", found); request.KindOf(found) != request.NotFound {
		return rec, found
	}
	if site == g.Self {
		return rec, err
	}
	gid, asked := g.Peers.Resolve(ctx, site, collection, site, local)
	if asked != nil {
		if k := request.KindOf(asked); k == request.NotFound {
			return rec, asked
		}
		return rec, &request.Error{Op: "replicate.locate", Kind: request.OwnerUnreachable, Err: asked, Retry: 5 * time.Second,
			Detail: "which request " + id + " is cannot be found out while site " + name + " is unreachable"}
	}
	return g.onItsWay(ctx, gid)
}

func (g *Engine) knows(s request.Site) bool {
	if s == g.Self {
		return true
	}
	return g.crew.worker(s) != nil
}

// unknownRecord runs a write of a record that the ledger does not know. It may be one that is just being made: then it is
// known in a moment, or its external id tells. One that was there before the gateway becomes a request of this site with its first
// update. A record that does not exist is the upstream's to refuse.
func (g *Engine) unknownRecord(ctx context.Context, c *profile.Collection, w request.Write) (request.Result, error) {
	leave, err := g.lanes.enter(ctx, w.Collection+"/"+w.Local)
	if err != nil {
		return request.Result{}, err
	}
	rec, err := g.recognize(ctx, c, w)
	leave()
	if request.KindOf(err) == request.NotFound && err != nil {
		if name, _, ok := strings.Cut(w.Local, ":"); ok && g.knows(request.Site(name)) && w.Kind != request.Delete {
			return request.Result{}, &request.Error{Op: "replicate.locate", Kind: request.NotFound,
				Detail: "no request " + w.Local + " is known at " + string(g.Self)}
		}
		return g.passUnknown(ctx, w)
	}
	if err != nil {
		return request.Result{}, err
	}
	w.Request = rec.Entry.ID
	return g.change(ctx, c, w)
}

// recognize finds out which request an unknown record is, or makes it one. NotFound: it is none, and its write is nobody's
// business but the upstream's.
func (g *Engine) recognize(ctx context.Context, c *profile.Collection, w request.Write) (store.Record, error) {
	wctx, cancel := context.WithTimeout(ctx, g.Hold)
	defer cancel()
	g.awaitBirths(wctx, c.Name())
	link := store.Link{Site: g.Self, Local: w.Local}
	if rec, err := g.Ledger.Lookup(ctx, w.Collection, link); err == nil {
		return rec, nil
	}
	record, etag, err := g.read(ctx, c, w.Local)
	if err != nil {
		return store.Record{}, err
	}
	if m, ok := c.Stamp(record); ok && m.Request != "" {
		if rec, err := g.Ledger.Read(ctx, m.Request); err == nil && rec.Entry.Role != request.Tombstone && rec.Entry.Apart != w.Local && (rec.Entry.Local == "" || rec.Entry.Local == w.Local) {
			return rec, nil
		}
		if old, _ := g.formerly(m.Request); old && !g.lived(ctx) { // an earlier gateway of this site may have known it
			return store.Record{}, &request.Error{Op: "replicate.recognize", Kind: request.Rejoining, Request: m.Request, Retry: time.Second,
				Detail: "the store of this site is new, and the record is marked as a request's: the other sites must be heard first"}
		}
	}
	if w.Kind == request.Delete {
		return store.Record{}, &request.Error{Op: "replicate.recognize", Kind: request.NotFound, Detail: "a record without a request"}
	}
	return g.adopt(ctx, c, w, record, etag)
}

func (g *Engine) passUnknown(ctx context.Context, w request.Write) (request.Result, error) {
	ans, err := g.Upstream.Do(context.WithoutCancel(ctx), *w.Call, false)
	if err != nil {
		return request.Result{}, g.passError(err)
	}
	return request.Result{Answer: &ans, Op: w.Op}, nil
}

// adopt makes a request of a record that was there before the gateway: owned here, with no write counted yet.
func (g *Engine) adopt(ctx context.Context, c *profile.Collection, w request.Write, record []byte, etag string) (store.Record, error) {
	fields, err := c.FromRecord(record)
	if err != nil {
		return store.Record{}, &request.Error{Op: "replicate.adopt", Kind: request.Internal, Err: err}
	}
	id, err := g.nameFor(ctx, w.Collection, w.Local)
	if err != nil {
		return store.Record{}, err
	}
	now := g.now()
	e := request.Entry{ID: id, Collection: w.Collection, Role: request.Owner, Owner: g.Self, Origin: g.Self,
		Version: request.Version{Epoch: request.Epoch{Num: 1, Site: g.Self}}, Fence: request.Epoch{Num: 1, Site: g.Self},
		Local: w.Local, Fields: fields, ETag: etag, Created: now, Updated: now}
	return g.commit(ctx, store.Record{}, store.Tx{Entry: e, Link: []store.Link{{Site: g.Self, Local: w.Local}}, Now: now})
}

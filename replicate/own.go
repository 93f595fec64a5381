package replicate

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// This file has what the gateway's own calls share: the state of a record that a call needs before it, a second try where the
// record changed in between, and the proof that a record is really gone.

// ownCall is a call of the gateway's own: what it does to which record, and how it is made of what the record is now.
type ownCall struct {
	verb  profile.Verb
	local string
	// whole says that the record must be known, whatever the API wants.
	whole bool
	make  func(now profile.Current) (request.Call, error)
}

// staleTries is how often a call is made anew when the record changed between its reading and the call.
const staleTries = 4

// made makes a call, with a look at the record where it needs one. The error has Kind NotFound when there is none.
func (g *Engine) made(ctx context.Context, c *profile.Collection, o ownCall) (request.Call, error) {
	var now profile.Current
	if o.whole || c.NeedsCurrent(o.verb) {
		record, version, err := g.read(ctx, c, o.local)
		if err != nil {
			return request.Call{}, err
		}
		now = profile.Current{Record: record, Version: version}
	}
	return o.make(now)
}

// send sends a call that was made. One that the API refuses because the record is no longer what the call said certainly did
// nothing, so it is made anew from what the record is by then, a few times.
func (g *Engine) send(ctx context.Context, c *profile.Collection, call request.Call, o ownCall) (request.Answer, error) {
	for tries := 1; ; tries++ {
		ans, err := g.Upstream.Do(ctx, call, true)
		if err != nil || tries >= staleTries || !o.whole && !c.NeedsCurrent(o.verb) || c.Judge(o.verb, ans) != profile.Stale {
			return ans, err
		}
		next, err := g.made(ctx, c, o)
		if err != nil {
			return ans, nil // what the API said is all that is known
		}
		call = next
	}
}

// updating merges fields into a record.
func updating(c *profile.Collection, local string, f request.Fields, m profile.Marks) ownCall {
	return ownCall{verb: profile.Update, local: local, make: func(now profile.Current) (request.Call, error) {
		return c.UpdateCall(local, f, m, now)
	}}
}

// replacing makes a record exactly f, keeping what belongs to the site alone. An API without a full update gets a merge in which the
// fields that go away are null.
func replacing(c *profile.Collection, local string, f request.Fields, gone []string, m profile.Marks) ownCall {
	if len(gone) > 0 && c.CanReplace() {
		return ownCall{verb: profile.Replace, local: local, whole: true, make: func(now profile.Current) (request.Call, error) {
			return c.ReplaceCall(local, f, now, m)
		}}
	}
	for _, name := range gone {
		f = f.With(name, []byte("null"))
	}
	return updating(c, local, f, m)
}

// deleting deletes a record.
func deleting(c *profile.Collection, local string) ownCall {
	return ownCall{verb: profile.Delete, local: local, make: func(now profile.Current) (request.Call, error) {
		return c.DeleteCall(local, now)
	}}
}

// creating makes a record.
func creating(c *profile.Collection, f request.Fields, m profile.Marks) ownCall {
	return ownCall{verb: profile.Create, make: func(profile.Current) (request.Call, error) { return c.CreateCall(f, m) }}
}

// setFields sets the fields of a record that have calls of their own; it stops at the first that is not accepted.
func (g *Engine) setFields(ctx context.Context, c *profile.Collection, local string, f request.Fields) (field string, err error) {
	calls, err := c.SetCalls(local, f)
	if err != nil {
		return "", err
	}
	for _, s := range calls {
		ans, err := g.Upstream.Do(context.WithoutCancel(ctx), s.Call, true)
		if err != nil {
			return s.Field, &request.Error{Op: "replicate.set", Kind: request.Unavailable, Err: err, Retry: time.Second}
		}
		if !slices.Contains(s.Status, ans.Status) {
			kind := request.Invalid
			if ans.Status >= 500 || ans.Status == 429 {
				kind = request.Unavailable
			}
			return s.Field, &request.Error{Op: "replicate.set", Kind: kind, Detail: said(g.Self, ans)}
		}
	}
	return "", nil
}

// setAtCopy is setFields for a delivery: the acknowledgement where it fails.
func (g *Engine) setAtCopy(ctx context.Context, c *profile.Collection, local string, s request.Snapshot, f request.Fields) (ack peer.Ack, ok bool) {
	field, err := g.setFields(ctx, c, local, f)
	switch {
	case err == nil:
		return ack, true
	case request.KindOf(err) == request.Unavailable:
		return unavailable(s, "setting "+field+": "+err.Error()), false
	}
	return parked(s, "setting "+field+": "+err.Error()), false
}

// credible reports whether this site's API may be believed when it says that there is no such record: some say so when they do not
// know who asks.
//
// The proof is the profile's read that needs working credentials, and that the collection itself is still shown: rights to it that were
// lost, and a collection that was switched off for a while, look like deletions.
func (g *Engine) credible(ctx context.Context, c *profile.Collection) bool {
	name := ""
	if c != nil {
		name = c.Name()
	}
	if g.proofs.fresh(name, g.now()) {
		return true
	}
	if !g.proven(ctx, c) {
		return false
	}
	g.proofs.note(name, g.now())
	return true
}

// proofLife is for how long a proof counts: a thousand deletions need no thousand lists.
const proofLife = 2 * time.Second

// proofs remembers when an API last showed a collection.
type proofs struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (p *proofs) fresh(name string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.at[name]
	return ok && now.Sub(at) < proofLife && !now.Before(at)
}

func (p *proofs) note(name string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = make(map[string]time.Time)
	}
	p.at[name] = now
}

func (g *Engine) proven(ctx context.Context, c *profile.Collection) bool {
	if call, ok := g.set().Profile.Alive(); ok {
		if ans, err := g.Upstream.Do(ctx, call, true); err != nil || !g.set().Profile.Proves(ans) {
			return false
		}
	}
	if c == nil || c.Parent() != "" || !canList(c) {
		return true
	}
	walk := c.List(g.now())
	call, ok := walk.Call()
	if !ok {
		return true
	}
	ans, err := g.Upstream.Do(ctx, call, true)
	if err != nil {
		return false
	}
	shown, _ := c.Shown(ans)
	return shown
}

// reallyGone is what an answer to a deletion means in the end. Some APIs say that there is no such record when they mean that of the
// version that was named, and some fail when the record is gone already: the record itself tells.
func (g *Engine) reallyGone(ctx context.Context, c *profile.Collection, local string, v profile.Verdict) profile.Verdict {
	switch {
	case v == profile.Gone && !c.NeedsCurrent(profile.Delete):
		if !g.credible(ctx, c) {
			return profile.Unavailable
		}
		return v
	case v != profile.Gone && v != profile.Doubtful:
		return v
	}
	_, _, err := g.read(ctx, c, local)
	switch {
	case err != nil && request.KindOf(err) == request.NotFound:
		return profile.Gone
	case v == profile.Gone:
		return profile.Unavailable
	}
	return v
}

// believed is what an answer to an own call means when it is looked at more closely.
func (g *Engine) believed(ctx context.Context, c *profile.Collection, o ownCall, v profile.Verdict) profile.Verdict {
	switch {
	case o.verb == profile.Delete:
		return g.reallyGone(ctx, c, o.local, v)
	case v == profile.Gone && !g.credible(ctx, c):
		return profile.Unavailable
	}
	return v
}

// notProven is the error for a record that is said to be gone by an API that does not show that it knows the gateway.
func notProven(local string) error {
	return &request.Error{Op: "replicate.read", Kind: request.Unavailable, Retry: 5 * time.Second,
		Detail: "the API says that there is no record " + local + ", but the gateway's credentials do not work there"}
}

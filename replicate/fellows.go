package replicate

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/upstream"
)

// This file is about the other gateways of the same site, on the same store (protocol 6).
//
// What a gateway is at (an intent, a run of a schedule, a seeding) carries its name. A gateway is alive as long as it goes on
// counting in the store; how long one call of it takes has nothing to do with that, so a long upload is nobody else's to finish. One
// that does not count any more is given up by the others, by their own monotonic clocks: no clocks are compared. That is only a
// guess. What it was at is then taken over in the store (Taken), so that it cannot commit it any more; the quiet time of its
// call begins with that; and one that wakes up asks the store before it sends anything (guard).

// The times of fellows. Taking over takes givenUp, a beat and a look of the sweep: at most some seven seconds.
const (
	beatEvery = time.Second
	beatAgain = 200 * time.Millisecond // after one that failed
	beatLimit = 3 * time.Second
	// givenUp is after how long without a beat a fellow is given up, formerUp the same for a former life of this very gateway,
	// whose address this one could not have otherwise.
	givenUp  = 4 * time.Second
	formerUp = 2 * time.Second
	// lapse is after how long without a beat of its own a gateway does not trust that what it began is still its own.
	lapse = 2 * time.Second
	// beatLife is how long a beat is kept, fellowsMost how many names: those of long ago are dropped.
	beatLife    = 24 * time.Hour
	fellowsMost = 64
)

// The keys of beats, and what a gateway says when it ends in peace.
const (
	fellowsKey = "gateways"
	beatKey    = "alive/"
	farewell   = "gone"
)

// fellows is what this gateway knows of the others.
type fellows struct {
	mu     sync.Mutex
	m      map[string]*fellow
	looked time.Time // when all were last looked at
	beaten time.Time // when this one last counted
	count  uint64
	lapses uint64
	keys   []request.Key // to be let go
	wake   chan struct{} // holds at most one wish that the sweep look at once

	leave context.CancelFunc
	left  chan struct{}
}

// fellow is one of them: what it counted last, since when it has not gone on, and whether others were told to take over.
type fellow struct {
	beat  string
	since time.Time
	gone  bool
}

// Join makes this gateway known to the others of its site, and begins to watch them. It does nothing when the store is not shared.
func (g *Engine) Join(ctx context.Context) {
	if !g.Shared {
		return
	}
	f := &g.fellows
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx, f.leave = context.WithCancel(context.WithoutCancel(ctx))
	left := make(chan struct{})
	f.left, f.wake = left, make(chan struct{}, 1)
	go func() {
		defer close(left)
		g.fellowLoop(ctx)
	}()
}

// Leave tells the other gateways of the site that this one has ended and was at nothing any more: what it left open nevertheless they
// need not wait for. It is called when no call is served any more and Stop has returned.
func (g *Engine) Leave(ctx context.Context) error {
	f := &g.fellows
	f.mu.Lock()
	leave, left := f.leave, f.left
	f.leave = nil
	f.mu.Unlock()
	if leave == nil {
		return nil
	}
	leave()
	<-left
	ctx, cancel := context.WithTimeout(ctx, beatLimit)
	defer cancel()
	return g.say(ctx, farewell)
}

// hurried holds something when the sweep is to look at once.
func (f *fellows) hurried() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wake
}

func (f *fellows) hurry() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// fellowLoop counts, and watches the others count, until ctx ends.
func (g *Engine) fellowLoop(ctx context.Context) {
	for ctx.Err() == nil {
		pause := beatEvery
		if err := g.beat(ctx); err != nil {
			pause = beatAgain
		} else if lost, err := g.watchFellows(ctx); err == nil {
			for _, name := range lost {
				g.bereave(ctx, name)
			}
			for _, k := range g.fellows.due() {
				g.letGo(ctx, k, false)
			}
		}
		g.nap(ctx, pause)
	}
}

// beat counts on.
func (g *Engine) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatLimit)
	defer cancel()
	f := &g.fellows
	f.mu.Lock()
	f.count++
	n := strconv.FormatUint(f.count, 10)
	f.mu.Unlock()
	began := g.now()
	if err := g.say(ctx, n); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.beaten.IsZero() && passed(f.beaten, g.now()) > lapse {
		f.lapses++
	}
	f.beaten = began
	return nil
}

func (g *Engine) say(ctx context.Context, what string) error {
	return g.Notes.Keep(ctx, request.Key{Hash: beatKey + g.me(), Digest: what, Expires: g.now().Add(beatLife)})
}

// keysMost bounds how many keys wait to be let go; those beyond it are given up after their time.
const keysMost = 10_000

// later notes a key that could not be let go, and due returns them.
func (f *fellows) later(k request.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k.By != "" && len(f.keys) < keysMost {
		f.keys = append(f.keys, k)
	}
}

func (f *fellows) due() []request.Key {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := f.keys
	f.keys = nil
	return keys
}

// heard is what a gateway counted last; "" is nothing.
func (g *Engine) heard(ctx context.Context, name string) (string, error) {
	k, _, err := g.Notes.Reserve(ctx, request.Key{Hash: beatKey + name, Expires: g.now().Add(beatLife)})
	return k.Digest, err
}

// watchFellows looks at the others once, and returns those that are newly given up.
func (g *Engine) watchFellows(ctx context.Context) (lost []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, beatLimit)
	defer cancel()
	names, err := g.roll(ctx)
	if err != nil {
		return nil, err
	}
	f := &g.fellows
	f.mu.Lock()
	for name := range f.m {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	f.mu.Unlock()
	// All at once: a look that takes longer than a beat, because many have been here, would never be steady.
	said, errs := make([]string, len(names)), make([]error, len(names))
	var asking sync.WaitGroup
	for i, name := range names {
		if name != g.me() {
			asking.Go(func() { said[i], errs[i] = g.heard(ctx, name) })
		}
	}
	asking.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	beats := make(map[string]string, len(names))
	for i, name := range names {
		if name != g.me() {
			beats[name] = said[i]
		}
	}
	return f.see(beats, g.now(), g.Replica), nil
}

// see takes what the others counted.
func (f *fellows) see(beats map[string]string, now time.Time, self string) (lost []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.m == nil {
		f.m = make(map[string]*fellow)
	}
	steady := !f.looked.IsZero() && now.Sub(f.looked) < lapse // else this one may have been away, or the store: who counted meanwhile?
	f.looked = now
	for name, beat := range beats {
		x := f.m[name]
		if x == nil {
			x = &fellow{since: now}
			f.m[name] = x
		}
		if beat != x.beat || !steady {
			x.since = now
		}
		x.beat = beat
		over := beat == farewell || beat != "" && now.Sub(x.since) >= patienceWith(name, self)
		if over && !x.gone {
			lost = append(lost, name)
		}
		x.gone = over
	}
	return lost
}

func patienceWith(name, self string) time.Duration {
	if replicaOf(name) == self {
		return formerUp
	}
	return givenUp
}

// roll lists the gateways of the site that are known, after seeing to it that this one is among them.
func (g *Engine) roll(ctx context.Context) ([]string, error) {
	k := request.Key{Hash: fellowsKey, Digest: g.me(), Expires: g.now().Add(timerLife)}
	is, fresh, err := g.Notes.Reserve(ctx, k)
	if err != nil || fresh {
		return nil, err
	}
	names := strings.Split(is.Digest, "\n")
	if slices.Contains(names, g.me()) {
		return names, nil
	}
	// Two that do this at once may overwrite each other; the one that is missing does it again with its next beat.
	names = append(names, g.me())
	k.Digest = strings.Join(names[max(0, len(names)-fellowsMost):], "\n")
	return names, g.Notes.Keep(ctx, k)
}

// bereave sees to what a gateway was at that does not count any more.
func (g *Engine) bereave(ctx context.Context, name string) {
	f := &g.fellows
	f.mu.Lock()
	peace := f.m[name].beat == farewell
	f.mu.Unlock()
	if !peace {
		g.Log.Warn("another gateway of this site does not answer any more; what it was at is taken over", zap.String("gateway", name))
		g.recover(ctx)
	}
	f.hurry()
}

// recover makes deliveries due at once that are in flight and not with this gateway. One that is with a third gateway is made once more,
// which does no harm.
func (g *Engine) recover(ctx context.Context) {
	for cursor := ""; ; {
		list, next, err := g.Queue.Deliveries(ctx, store.Filter{State: request.InFlight, After: cursor})
		if err != nil {
			return // the leases run out by themselves
		}
		now := g.now()
		var back []store.Settlement
		for _, d := range list {
			if w := g.crew.worker(d.Site); w == nil || w.has(d.Request) {
				continue
			}
			back = append(back, store.Settlement{Request: d.Request, Site: d.Site, Token: store.Operator, Owed: d.Owed, State: request.Pending, Due: now,
				Cause: d.Cause, Attempts: d.Attempts, Now: now})
		}
		if len(back) > 0 {
			if err := g.Queue.Settle(ctx, back); err != nil {
				return
			}
			for _, b := range back {
				g.nudge(b.Site)
			}
		}
		if cursor = next; cursor == "" {
			return
		}
	}
}

// alive reports whether another gateway may still be at something. One that never counted is judged by its lease alone.
func (g *Engine) alive(name string, lease time.Time) bool {
	f := &g.fellows
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.m[name]
	if x == nil { // from now on it is watched
		if f.m == nil {
			f.m = make(map[string]*fellow)
		}
		f.m[name] = &fellow{since: g.now()}
		return true
	}
	if x.beat == "" {
		return g.now().Sub(x.since) < givenUp || !g.now().After(lease)
	}
	return !x.gone
}

// over reports whether what a gateway was at may be gone on with by this one: it was this one, or it is given up.
func (g *Engine) over(name string, lease time.Time) bool {
	switch {
	case name == g.me():
		return true
	case !g.Shared:
		return replicaOf(name) == g.Replica || g.now().After(lease)
	}
	return !g.alive(name, lease)
}

// takeUp makes an intent that another gateway left behind this one's own, which the other can then not commit any more. The quiet time of
// its call is counted from now: until now it may have been at it.
func (g *Engine) takeUp(ctx context.Context, rec store.Record) (store.Record, error) {
	in := rec.Entry.Intent
	if !g.Shared || in == nil || in.Replica == g.me() {
		return rec, nil
	}
	beat, err := g.heard(ctx, in.Replica)
	if err != nil {
		return rec, storeError("replicate.takeUp", rec.Entry.ID, err)
	}
	if g.fellows.changed(in.Replica, beat, g.now()) {
		return rec, busy(rec.Entry, nil) // it lives after all
	}
	now := g.now()
	return g.step(ctx, rec, Taken{Replica: g.me(), Lease: now.Add(g.set().Profile.Timeout + storeTimeout), Sent: now})
}

// changed notes what was heard of a fellow just now, and reports whether it has gone on counting.
func (f *fellows) changed(name, beat string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.m[name]
	if x == nil || x.beat == beat || beat == farewell {
		return false
	}
	x.beat, x.since, x.gone = beat, now, false
	return true
}

// guard lets an upstream call of an open write go out only while the write is certainly this gateway's own. A process that was stopped
// for a while, or cut off from the store, asks first.
func (g *Engine) guard(ctx context.Context, rec store.Record) context.Context {
	if !g.Shared || rec.Entry.Intent == nil {
		return ctx
	}
	id, op, token := rec.Entry.ID, rec.Entry.Intent.Op, rec.Entry.Intent.Token
	lapses, _ := g.fellows.steady(g.now())
	return upstream.WithGuard(ctx, func(ctx context.Context) error {
		if now, ok := g.fellows.steady(g.now()); ok && now == lapses {
			return nil
		}
		if err := g.beat(ctx); err != nil {
			return notOurs(err)
		}
		is, err := g.Ledger.Read(ctx, id)
		if err != nil {
			return notOurs(err)
		}
		if in := is.Entry.Intent; in == nil || in.Op != op || in.Token != token || in.Replica != g.me() {
			return notOurs(errors.New("another gateway of this site has taken the write over"))
		}
		return nil
	})
}

func notOurs(err error) error {
	return &request.Error{Op: "replicate.guard", Kind: request.NotSent, Err: err, Retry: time.Second,
		Detail: "this gateway was held up and is no longer sure of the write"}
}

// steady is how often this gateway has been late with a beat, and whether it is not late now.
func (f *fellows) steady(now time.Time) (lapses uint64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lapses, !f.beaten.IsZero() && passed(f.beaten, now) <= lapse
}

// passed is how long ago something was, by the clock that says more: a machine that sleeps may stop the one that counts.
func passed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

package replicate

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// A verification compares all requests that this site owns with their holders, in three parts that run beside each other: this ledger with
// this API, this ledger with each holder's (see compare.go), and each holder's ledger with its API, at that holder (see audit.go).
// If all three are equal, so are the records. Nothing is locked but one request at a time while its record is read.

const (
	// verifyKept are the differences that are kept to be shown; all are counted.
	verifyKept = 10_000
	auditPoll  = 500 * time.Millisecond
	// auditsLost is how often an audit that a holder has forgotten is begun again.
	auditsLost = 3
	// mendWait is how long a repair by delivery is waited for.
	mendWait = 20 * time.Second
)

// Verify begins a comparison. It goes on in the background of this process. Errors: Invalid, no such collection; Conflict, one is under
// way.
func (g *Engine) Verify(ctx context.Context, o request.VerifyOrder) (request.Verification, error) {
	if o.Collection != "" {
		if c, err := g.collection(o.Collection); err != nil {
			return request.Verification{}, err
		} else if c.Parent() != "" {
			return request.Verification{}, &request.Error{Op: "replicate.Verify", Kind: request.Invalid,
				Detail: "records of " + o.Collection + " are compared with their parents: say " + c.Parent()}
		}
	}
	if o.Sample < 0 || o.Sample > peer.MaxAsked {
		return request.Verification{}, &request.Error{Op: "replicate.Verify", Kind: request.Invalid,
			Detail: "a sample is at most " + strconv.Itoa(peer.MaxAsked) + " requests; without one all are compared"}
	}
	now := g.now()
	vctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	v := &verifier{g: g, stop: stop, out: request.Verification{VerifyOrder: o, ID: string(request.NewID(now)), State: request.JobRunning, Started: now}}
	if !g.tasks.setVerify(v) {
		stop()
		return request.Verification{}, &request.Error{Op: "replicate.Verify", Kind: request.Conflict, Detail: "a comparison is under way at this gateway; follow it, or cancel it first"}
	}
	ended := g.tasks.ended()
	if !g.tasks.begin(func() { v.run(vctx) }) || !g.tasks.begin(func() {
		select {
		case <-ended:
		case <-vctx.Done():
		}
		stop()
	}) {
		stop()
		return request.Verification{}, &request.Error{Op: "replicate.Verify", Kind: request.Unavailable, Detail: "this gateway is stopping"}
	}
	return v.state(), nil
}

// Verifying is how the last comparison of this process stands; State is "" when there never was one.
func (g *Engine) Verifying(context.Context) (request.Verification, error) {
	if v := g.tasks.verifying(); v != nil {
		return v.state(), nil
	}
	return request.Verification{}, nil
}

// CancelVerify ends the one that is under way.
func (g *Engine) CancelVerify(ctx context.Context) (request.Verification, error) {
	if v := g.tasks.verifying(); v != nil {
		v.mu.Lock()
		if v.out.State == request.JobRunning {
			v.out.State, v.out.Finished = request.JobCancelled, g.now()
		}
		v.mu.Unlock()
		v.stop()
	}
	return g.Verifying(ctx)
}

func (t *tasks) setVerify(v *verifier) bool {
	was := t.verifying()
	if was != nil && was.state().State == request.JobRunning {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.verify != was {
		return false
	}
	t.verify = v
	return true
}

func (t *tasks) verifying() *verifier {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.verify
}

// verifier is a comparison under way.
type verifier struct {
	g    *Engine
	stop context.CancelFunc

	mu  sync.Mutex
	out request.Verification
}

func (v *verifier) state() request.Verification {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.out
	out.Differences, out.Unreached = slices.Clone(out.Differences), slices.Clone(out.Unreached)
	return out
}

func (v *verifier) count(change func(out *request.Verification)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(&v.out)
}

// differ notes a difference.
func (v *verifier) differ(d request.Difference) {
	v.g.differed(d.Kind)
	v.count(func(out *request.Verification) {
		if out.Found++; d.Repaired {
			out.Repaired++
		}
		if len(out.Differences) < verifyKept {
			out.Differences = append(out.Differences, d)
		}
	})
}

// unreached notes a site that could not be compared with, once.
func (v *verifier) unreached(site request.Site, err error) {
	v.count(func(out *request.Verification) {
		if !slices.ContainsFunc(out.Unreached, func(u request.Unreached) bool { return u.Site == site }) {
			out.Unreached = append(out.Unreached, request.Unreached{Site: site, Cause: err.Error()})
		}
	})
}

func (v *verifier) run(ctx context.Context) {
	defer v.stop()
	var err error
	for _, name := range v.g.set().Profile.Order() {
		if c := v.g.set().Profile.Collections[name]; c.Parent() == "" && (v.out.Collection == "" || v.out.Collection == name) && err == nil {
			err = v.collection(ctx, c)
		}
	}
	v.count(func(out *request.Verification) {
		slices.SortFunc(out.Differences, func(a, b request.Difference) int {
			if a.Request != b.Request {
				return cmpText(a.Request, b.Request)
			}
			if a.Site != b.Site {
				return cmpText(a.Site, b.Site)
			}
			return cmpText(a.Field, b.Field)
		})
		if out.State != request.JobRunning {
			return
		}
		if out.State, out.Finished = request.JobDone, v.g.now(); err != nil {
			out.State, out.Error = request.JobFailed, err.Error()
		}
	})
	s := v.state()
	v.g.Log.Info("requests were compared with their holders", zap.String("state", string(s.State)), zap.Int("requests", s.Requests), zap.Int("copies", s.Copies),
		zap.Int("differences", s.Found), zap.Int("repaired", s.Repaired), zap.Int("moving", s.Moving), zap.Bool("repair", s.Repair))
}

func cmpText[T ~string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// collection compares one. The error is one of this site; one of another is noted.
func (v *verifier) collection(ctx context.Context, c *profile.Collection) error {
	key := newKey()
	only, err := v.sample(ctx, c)
	if err != nil {
		return err
	}
	holders := make(map[request.Site]*heldThere)
	if v.out.Sample == 0 {
		all, err := v.g.survey(ctx, c.Name(), key)
		if err != nil {
			return err
		}
		holders = all.holders
		v.count(func(out *request.Verification) { out.Requests += all.requests })
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	beside := func(do func() error) {
		running.Go(func() {
			if err := do(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	beside(func() error { return v.own(ctx, c, only) })
	for _, site := range v.g.set().Sites {
		if site == v.g.Self {
			continue
		}
		h := holders[site]
		if h == nil {
			h = &heldThere{}
		}
		beside(func() error { return v.site(ctx, c, newComparing(c.Name(), site, key), h, only) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// sample chooses requests by chance, each with the same one; nil is all.
func (v *verifier) sample(ctx context.Context, c *profile.Collection) (map[request.ID]bool, error) {
	if v.out.Sample == 0 {
		return nil, nil
	}
	n, list := 0, []request.ID(nil)
	err := v.g.eachEntry(ctx, func(rec store.Record) error {
		if e := &rec.Entry; e.Collection != c.Name() || e.Role != request.Owner {
			return ctx.Err()
		}
		n++
		if len(list) < v.out.Sample {
			list = append(list, rec.Entry.ID)
		} else if i := rand.IntN(n); i < len(list) {
			list[i] = rec.Entry.ID
		}
		return ctx.Err()
	})
	v.count(func(out *request.Verification) { out.Requests += len(list) })
	only := make(map[request.ID]bool, len(list))
	for _, id := range list {
		only[id] = true
	}
	return only, err
}

// own compares this ledger with this API.
func (v *verifier) own(ctx context.Context, c *profile.Collection, only map[request.ID]bool) error {
	var ids []request.ID
	if only != nil {
		ids = make([]request.ID, 0, len(only))
		for id := range only {
			ids = append(ids, id)
		}
	}
	err := v.g.audit(ctx, auditOrder{c: c, only: ids, mending: v.out.Repair,
		want: func(e *request.Entry) bool {
			return e.Collection == c.Name() && e.Role == request.Owner && e.Local != ""
		},
		looked: v.looked,
		found: func(rec store.Record, f request.Finding) {
			for _, d := range ownDifferences(rec, f, v.g.Self) {
				v.differ(d)
			}
		}})
	if err != nil && ctx.Err() == nil && !storeAway(err) {
		v.unreached(v.g.Self, err)
		return nil
	}
	return err
}

func (v *verifier) looked(judged bool) {
	v.count(func(out *request.Verification) {
		if out.Read++; !judged {
			out.Moving++
		}
	})
}

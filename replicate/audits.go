package replicate

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// This file is about audits that run for peers: an owner has the holders of its requests compare their records with their ledgers.

const (
	// auditsMost is how many audits run for peers at a time, auditIdle after what time without a question one ends.
	auditsMost = 8
	auditIdle  = time.Minute
	// auditWait is how long an answer waits for something to be told.
	auditWait = 5 * time.Second
)

// audits are those that run for peers.
type audits struct {
	mu sync.Mutex
	m  map[string]*auditFor
}

// auditFor is one of them, with what it has found.
type auditFor struct {
	stop context.CancelFunc
	done chan struct{}

	// news holds at most one word that there is something to be told.
	news chan struct{}

	mu    sync.Mutex
	asked time.Time
	out   request.Audited
}

// Audit begins an audit of the copies of the asking owner's requests, or tells what it has found since.
func (f Face) Audit(ctx context.Context, from request.Site, a request.AuditAsk) (request.Audited, error) {
	g := f.Engine
	x, err := g.auditFor(ctx, from, a)
	if err != nil {
		return request.Audited{}, err
	}
	if a.Stop {
		x.stop()
	}
	x.mu.Lock()
	x.asked = g.now()
	nothing := !x.out.Done && len(x.out.Findings) <= a.From
	x.mu.Unlock()
	if nothing && !a.Stop { // else an hour of comparing would be thousands of answers that say nothing
		select {
		case <-x.news:
		case <-x.done:
		case <-g.Clock.After(auditWait):
		case <-ctx.Done():
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked = g.now()
	out := x.out
	out.Findings = slices.Clone(x.out.Findings[min(a.From, len(x.out.Findings)):])
	if n := fitting(out.Findings); n < len(out.Findings) {
		out.Findings, out.Done = out.Findings[:n], false
	}
	return out, nil
}

// auditBytes is about how much an answer holds.
const auditBytes = 1 << 20

// fitting is how many findings go into an answer; at least one.
func fitting(list []request.Finding) int {
	size := 0
	for i, f := range list {
		for _, p := range f.Fields {
			size += len(p.Name) + len(p.Ledger) + len(p.Record)
		}
		if i > 0 && size > auditBytes || i == peer.MaxFindings {
			return i
		}
	}
	return len(list)
}

// auditFor finds the audit of a session, or begins it.
func (g *Engine) auditFor(ctx context.Context, from request.Site, a request.AuditAsk) (*auditFor, error) {
	c, err := g.collection(a.Collection)
	if err != nil {
		return nil, err
	}
	key := string(from) + "/" + a.Session
	t := &g.tasks.audits
	t.mu.Lock()
	defer t.mu.Unlock()
	now := g.now()
	busy := 0
	for k, x := range t.m {
		if x.idle(now) > auditIdle {
			x.stop()
			delete(t.m, k)
			continue
		}
		select {
		case <-x.done: // its findings may be asked for again
		default:
			busy++
		}
	}
	if x := t.m[key]; x != nil {
		return x, nil
	}
	switch {
	case a.From > 0 || a.Stop: // it was forgotten: this gateway was restarted, or the asker was away for long
		return nil, &request.Error{Op: "replicate.Audit", Kind: request.NotFound, Detail: "this site does not know the audit (any more); begin another"}
	case busy >= auditsMost:
		return nil, &request.Error{Op: "replicate.Audit", Kind: request.Unavailable, Retry: 5 * time.Second, Detail: "too many audits run here already"}
	}
	actx, stop := context.WithTimeout(context.WithoutCancel(ctx), 24*time.Hour)
	x := &auditFor{stop: stop, done: make(chan struct{}), news: make(chan struct{}, 1), asked: now}
	if t.m == nil {
		t.m = make(map[string]*auditFor)
	}
	if !g.tasks.begin(func() { x.run(actx, g, from, c, a) }) {
		stop()
		return nil, &request.Error{Op: "replicate.Audit", Kind: request.Unavailable, Retry: time.Second, Detail: "this gateway is stopping"}
	}
	t.m[key] = x
	return x, nil
}

func (x *auditFor) idle(now time.Time) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	return now.Sub(x.asked)
}

// watch ends an audit with the engine, and when nobody asks any more.
func (x *auditFor) watch(g *Engine) {
	ended := g.tasks.ended()
	for {
		select {
		case <-g.Clock.After(auditIdle / 4):
			if x.idle(g.now()) > auditIdle {
				x.stop()
			}
		case <-ended:
			x.stop()
			return
		case <-x.done:
			return
		}
	}
}

func (x *auditFor) run(ctx context.Context, g *Engine, owner request.Site, c *profile.Collection, a request.AuditAsk) {
	defer close(x.done)
	defer x.stop()
	_ = g.tasks.begin(func() { x.watch(g) }) // else it is told at once
	err := g.audit(ctx, auditOrder{c: c, only: a.Requests, mending: a.Repair,
		want: func(e *request.Entry) bool { return heldFor(e, c.Name(), owner) && e.Local != "" },
		looked: func(judged bool) {
			x.mu.Lock()
			defer x.mu.Unlock()
			if x.out.Read++; !judged {
				x.out.Moving++
			}
		},
		found: func(_ store.Record, f request.Finding) {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.out.Findings = append(x.out.Findings, f)
			select {
			case x.news <- struct{}{}:
			default:
			}
		}})
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.out.Done = true; err != nil {
		x.out.Error = err.Error()
		g.Log.Info("an audit for a peer broke off", zap.String("source", string(owner)), zap.String("collection", c.Name()), logError(err))
	}
}

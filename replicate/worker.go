package replicate

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// worker brings what one site is owed to it. Each site has its own, so that one that fails holds up no other.
type worker struct {
	g    *Engine
	site request.Site
	wake chan struct{} // holds at most one wish to look again

	mu     sync.Mutex
	flying map[request.ID]int // what is on its way, by how many attempts
}

const (
	// pollEvery is how often a worker looks for deliveries that came due by time, or by another replica.
	pollEvery = time.Second
	// lease is how long a batch may take before its deliveries are due again.
	lease = 20 * time.Second
	// pauseMost bounds the pause of a lane whose destination fails.
	pauseMost = 5 * time.Second
)

func newWorker(g *Engine, site request.Site) *worker {
	return &worker{g: g, site: site, wake: make(chan struct{}, 1), flying: make(map[request.ID]int)}
}

// fly notes deliveries that are on their way from here; what it returns notes their end.
func (w *worker) fly(batch []store.Claimed) (landed func()) {
	add := func(n int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, d := range batch {
			if w.flying[d.Request] += n; w.flying[d.Request] == 0 {
				delete(w.flying, d.Request)
			}
		}
	}
	add(1)
	return func() { add(-1) }
}

// has reports whether a delivery is on its way from here.
func (w *worker) has(id request.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flying[id] > 0
}

// nudge makes the worker of a site look at once.
func (g *Engine) nudge(site request.Site) {
	if w := g.crew.worker(site); w != nil {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// Up tells the engine that a peer answers again: what it is owed need not wait for a pause to end.
func (g *Engine) Up(site request.Site) { g.nudge(site) }

// run claims and sends until ctx ends. At most Options.Deliver batches are on their way at a time.
func (w *worker) run(ctx context.Context) {
	var sent sync.WaitGroup
	defer sent.Wait()
	slots := make(chan struct{}, w.g.Deliver)
	failures := &pause{}
	for ctx.Err() == nil {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		batch := w.claim(ctx, failures)
		if len(batch) == 0 {
			<-slots
			w.wait(ctx, failures.next(w.g.now()))
			continue
		}
		landed := w.fly(batch)
		sent.Go(func() {
			defer landed()
			failures.note(w.send(ctx, batch), w.g.now())
			w.g.pools.leave(batch)
			<-slots
			w.g.nudge(w.site) // what came to be owed while it was in flight
		})
	}
}

// claim takes what is due, unless the destination's breaker is open or its lane pauses: then no attempt is spent.
func (w *worker) claim(ctx context.Context, failures *pause) []store.Claimed {
	if failures.next(w.g.now()) > 0 || !w.g.Peers.Ready(w.site) {
		return nil
	}
	g := w.g
	for _, priority := range g.pools.ranks() {
		now := g.now()
		batch, err := g.Queue.Claim(ctx, store.Claim{Site: w.site, Now: now, Limit: g.Batch, Lease: lease, Not: g.pools.shut(now, priority)})
		if err != nil && ctx.Err() == nil {
			g.Log.Warn("claiming deliveries", zap.String("destination", string(w.site)), logError(err))
		}
		in, out := g.pools.admit(batch, now)
		w.putBack(ctx, out)
		if len(in) > 0 {
			return in
		}
	}
	return nil
}

// putBack returns deliveries for which their pools have no room; they keep their place in the line.
func (w *worker) putBack(ctx context.Context, batch []store.Claimed) {
	if len(batch) == 0 {
		return
	}
	list := make([]store.Settlement, len(batch))
	for i, d := range batch {
		list[i] = unsent(d, d.Cause, w.g.now())
		list[i].Due = d.Due
	}
	if err := w.g.Queue.Settle(ctx, list); err != nil && ctx.Err() == nil {
		w.g.Log.Warn("putting deliveries back", zap.String("destination", string(w.site)), logError(err))
	}
}

// wait returns when there may be something to do.
func (w *worker) wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		d = pollEvery
	}
	select {
	case <-w.wake:
	case <-w.g.Clock.After(d):
	case <-ctx.Done():
	}
}

// send delivers a batch and settles each delivery as its acknowledgement comes. It reports whether the destination is to blame.
func (w *worker) send(ctx context.Context, batch []store.Claimed) (blame bool) {
	g := w.g
	open := make(map[request.ID]store.Claimed, len(batch))
	shots := make([]request.Snapshot, len(batch))
	for i, d := range batch {
		open[d.Request] = d
		shots[i] = d.Entry.Snapshot()
		shots[i].Terms = d.Terms
		shots[i].Ops = since(d.Entry.Ops, d.Acked)
		if d.Attempts == 0 {
			shots[i].Children = trimmed(shots[i].Children, d.Acked)
		}
		shots[i].Keep = shots[i].Deleted && cmp.Or(d.OnDelete, g.set().OnDelete) == "keep"
	}
	spans := g.delivering(ctx, w.site, batch, shots)
	settle := newSettler(ctx, g, w.site)
	down := 0
	err := g.Peers.Deliver(ctx, w.site, shots, func(a peer.Ack) {
		d, ok := open[a.Request]
		if !ok {
			return
		}
		delete(open, a.Request)
		s := Judge(d, a, g.now(), rand.Float64())
		spans.end(d.Request, s)
		if a.State == peer.Unavailable {
			down++
		}
		settle.add(d, s)
	})
	cause := "the peer did not come to it"
	if err != nil {
		cause = err.Error()
	}
	for _, d := range open {
		s := unsent(d, cause, g.now())
		spans.end(d.Request, s)
		settle.add(d, s)
	}
	settle.flush()
	if err != nil && ctx.Err() == nil {
		g.Log.Info("a batch was not delivered", zap.String("destination", string(w.site)), zap.Int("deliveries", len(open)), logError(err))
	}
	return err != nil || down == len(batch)
}

// since lists the outcomes that a copy at version v has not seen.
func since(ops []request.Op, v request.Version) []request.Op {
	for i := range ops {
		if ops[i].Version.After(v) {
			return ops[i:]
		}
	}
	return nil
}

// settler writes settlements in batches: while one is being written the next collects.
type settler struct {
	ctx  context.Context //nolint:containedctx // that of the worker: once it ends nothing is tried again
	g    *Engine
	site request.Site
	in   chan settled
	done chan struct{}
}

type settled struct {
	d store.Claimed
	s store.Settlement
}

func newSettler(ctx context.Context, g *Engine, site request.Site) *settler {
	s := &settler{ctx: ctx, g: g, site: site, in: make(chan settled, 64), done: make(chan struct{})}
	go s.loop()
	return s
}

func (s *settler) add(d store.Claimed, x store.Settlement) { s.in <- settled{d, x} }

func (s *settler) flush() { close(s.in); <-s.done }

func (s *settler) loop() {
	defer close(s.done)
	for first := range s.in {
		batch := []settled{first}
		for more := true; more && len(batch) < 64; {
			select {
			case x, ok := <-s.in:
				if more = ok; ok {
					batch = append(batch, x)
				}
			default:
				more = false
			}
		}
		s.write(batch)
	}
}

func (s *settler) write(batch []settled) {
	list := make([]store.Settlement, len(batch))
	for i := range batch {
		list[i] = batch[i].s
	}
	if err := s.settle(list); err != nil {
		s.g.Log.Warn("settling deliveries; they will be sent again", zap.String("destination", string(s.site)), logError(err))
		return
	}
	for _, x := range batch {
		s.g.Meter.Attempted(s.site, x.s.State)
		s.followed(x)
		if x.s.State == request.Delivered {
			s.g.Meter.Delivered(s.site, x.s.Now.Sub(x.d.Since))
		} else if x.s.State == request.Parked {
			s.g.Log.Warn("a delivery is parked and needs a person", append(logRequest(x.d.Entry),
				zap.String("destination", string(s.site)), logCause(x.s.Cause))...)
		}
		s.g.waiters.wake(x.d.Request)
	}
}

// settleAgain is the pause between attempts to settle while the store fails.
const settleAgain = 250 * time.Millisecond

// settle tells the store how attempts ended, again and again while the store fails and the lease lasts: what is not settled is not due
// before the end of its lease, so copies would be later than the store was away.
func (s *settler) settle(list []store.Settlement) error {
	for until := s.g.now().Add(lease); ; {
		// A settlement must survive the end of the process's own context: what was confirmed is confirmed.
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		err := s.g.Queue.Settle(ctx, list)
		cancel()
		if err == nil || s.ctx.Err() != nil || s.g.now().After(until) {
			return err
		}
		select {
		case <-s.g.Clock.After(settleAgain):
		case <-s.ctx.Done():
		}
	}
}

// pause is the backoff of a lane whose destination fails as a whole.
type pause struct {
	mu    sync.Mutex
	fails int
	until time.Time
}

func (p *pause) note(failed bool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !failed {
		p.fails, p.until = 0, time.Time{}
		return
	}
	p.fails++
	d := min(100*time.Millisecond<<min(p.fails-1, 6), pauseMost)
	p.until = now.Add(d/2 + rand.N(d/2))
}

// next is how long the lane still pauses.
func (p *pause) next(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until.IsZero() {
		return 0
	}
	return max(p.until.Sub(now), 0)
}

package replicate

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/request"
)

// sweepEvery is how often intents left behind are looked at. Those of a crash are looked at when the engine starts.
const (
	sweepEvery    = 2 * time.Second
	sweepParallel = 8
)

// sweep is the background loop that resolves what was left open, and repairs copies under suspicion.
func (g *Engine) sweep(ctx context.Context) {
	var looked time.Time
	for {
		looked = g.undue(ctx, looked)
		if err := g.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			g.Log.Warn("looking for open writes", logError(err))
		}
		select {
		case <-g.Clock.After(sweepEvery):
		case <-g.fellows.hurried():
		case <-ctx.Done():
			return
		}
	}
}

// sweepOnce tries once to resolve every open intent of which nobody is in the lane.
func (g *Engine) sweepOnce(ctx context.Context) error {
	var seen tally
	after := request.ID("")
	for {
		ids, err := g.Ledger.Intents(ctx, after, 256)
		if err != nil {
			return storeError("replicate.Intents", "", err)
		}
		var page sync.WaitGroup
		slots := make(chan struct{}, sweepParallel)
		for _, id := range ids {
			slots <- struct{}{}
			page.Go(func() {
				defer func() { <-slots }()
				g.sweepRequest(ctx, id, &seen)
			})
		}
		page.Wait()
		if len(ids) < 256 {
			n := seen.counts()
			g.counts.Store(&n)
			g.mendLate(ctx)
			return nil
		}
		after = ids[len(ids)-1]
	}
}

// Counts are the requests at this site that something is still to be done about, when the sweep last looked.
type Counts struct {
	// InDoubt wait for the resolver or a person; Conflicts have a conflict record.
	InDoubt, Conflicts int
	// Waiting are transfers that are planned, Open those released or taken in and not decided, Parked those that need a person.
	Waiting, Open, Parked int
}

// tally collects Counts.
type tally struct {
	mu sync.Mutex
	n  Counts
}

func (t *tally) counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

func (t *tally) count(n Counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n.InDoubt += n.InDoubt
	t.n.Conflicts += n.Conflicts
	t.n.Waiting += n.Waiting
	t.n.Open += n.Open
	t.n.Parked += n.Parked
}

// count says what is unsettled about a request.
func count(e *request.Entry, doubt bool) (n Counts) {
	if doubt {
		n.InDoubt = 1
	}
	if len(e.Conflicts) > 0 {
		n.Conflicts = 1
	}
	switch {
	case e.Role == request.Granting, e.Role == request.Elect:
		n.Open = 1
	case e.Plan != nil && e.Plan.Parked:
		n.Parked = 1
	case e.Plan != nil:
		n.Waiting = 1
	}
	return n
}

// Unsettled are the counts of the last sweep.
func (g *Engine) Unsettled() Counts {
	if n := g.counts.Load(); n != nil {
		return *n
	}
	return Counts{}
}

// sweepRequest tries to resolve one, and has its hand-over gone on with. One in work is none of the sweep's business.
func (g *Engine) sweepRequest(ctx context.Context, id request.ID, seen *tally) {
	if was, ok := g.idle.get(id, g.now()); ok {
		seen.count(was)
		return
	}
	rec, err := g.Ledger.Read(ctx, id)
	if err != nil {
		return
	}
	doubt := false
	if rec.Entry.Intent != nil || len(rec.Entry.Suspect) > 0 {
		doubt = g.sweepWrite(ctx, id)
	} else if moving(&rec.Entry) {
		g.moves.offer(id)
	}
	n := count(&rec.Entry, doubt)
	seen.count(n)
	if !doubt && rec.Entry.Intent == nil && len(rec.Entry.Suspect) == 0 && !moving(&rec.Entry) && rec.Entry.Role != request.Elect {
		look := idleLook
		if g.Shared { // what other gateways do to it is not seen here
			look = idleShared
		}
		g.idle.put(id, n, g.now().Add(look))
	}
}

// idleLook is how long a request that only a person can do something about is not looked at again, unless it changes.
const (
	idleLook   = 30 * time.Second
	idleShared = 5 * time.Second
)

// idle remembers such requests, so that thousands of parked transfers or conflicts cost the sweep nothing.
type idle struct {
	mu sync.Mutex
	m  map[request.ID]idling
}

type idling struct {
	n     Counts
	until time.Time
}

func (x *idle) get(id request.ID, now time.Time) (Counts, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, ok := x.m[id]
	if ok && now.After(i.until) {
		delete(x.m, id)
		ok = false
	}
	return i.n, ok
}

func (x *idle) put(id request.ID, n Counts, until time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.m == nil {
		x.m = make(map[request.ID]idling)
	}
	x.m[id] = idling{n, until}
}

// forget is for a request that has changed.
func (x *idle) forget(id request.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.m, id)
}

// moving reports whether there is something for a mover to do.
func moving(e *request.Entry) bool {
	return e.Role == request.Granting || e.Role == request.Owner && e.Plan != nil && !e.Plan.Parked || len(e.Queue) > 0
}

// sweepWrite tries to resolve the open write of a request, or ends a suspicion; it reports whether the end is still unknown.
func (g *Engine) sweepWrite(ctx context.Context, id request.ID) (open bool) {
	leave, ok := g.lanes.try(string(id))
	if !ok {
		return false
	}
	defer leave()
	rec, err := g.Ledger.Read(ctx, id)
	if err != nil {
		return false
	}
	e := rec.Entry
	c := g.set().Profile.Collections[e.Collection]
	if e.Intent == nil {
		if n := len(e.Suspect); n > 0 && c != nil && g.quieted(e.Suspect[n-1].Until) {
			if err := g.repair(ctx, rec, c); err != nil {
				g.Log.Debug("repairing a copy under suspicion", append(logRequest(e), logError(err))...)
			}
		}
		return false
	}
	if e.Doubt != nil {
		g.lookAround(ctx, rec, c)
		return true
	}
	if !g.mayResolve(e.Intent) {
		return false
	}
	after, err := g.look(ctx, rec, c, false)
	if err != nil || after.Entry.Intent != nil {
		return true
	}
	g.Log.Info("an open write was resolved", append(logRequest(after.Entry), zap.String("kind", string(e.Intent.Kind)),
		zap.Bool("done", after.Entry.Version == e.Intent.Version))...)
	return false
}

// logRequest are the fields that name a request in a log line; never its field values.
func logRequest(e request.Entry) []zap.Field {
	out := []zap.Field{zap.String("request", string(e.ID)), zap.String("collection", e.Collection),
		zap.String("version", e.Version.Mark()), zap.String("owner", string(e.Owner)), zap.String("local", e.Local)}
	if n := len(e.Ops); n > 0 && e.Ops[n-1].Trace.Bounded() != "" { // of the write that made the version
		out = append(out, zap.String("trace_id", e.Ops[n-1].Trace.ID()))
	}
	return out
}

// logCause is a cause for the log: without the words of a request API, which may repeat what was written. People who may see a request's
// values find them with the delivery.
func logCause(cause string) zap.Field { return zap.String("cause", wordless(cause)) }

// logError is an error for the log, in the same way.
func logError(err error) zap.Field {
	if err == nil {
		return zap.Skip()
	}
	return zap.String("error", wordless(err.Error()))
}

// wordless is a text up to what a request API said: see said.
func wordless(text string) string {
	if i := strings.Index(text, " answered "); i >= 0 {
		if end := strings.IndexByte(text[i:], ':'); end >= 0 {
			return text[:i+end]
		}
	}
	return text
}

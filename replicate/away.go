package replicate

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/request"
)

const (
	// storeBudget is how long a write waits for one answer of the store before its call is made. After it the store is taken to be away:
	// whether it did what it was asked to is then not known, and nothing that follows relies on it.
	storeBudget = 4 * time.Second
	// awayEvery is how often a store that is away is asked whether it is back, awayProbes how many such questions may be open.
	awayEvery  = 200 * time.Millisecond
	awayProbes = 3
)

// away is what this process knows of a store that does not answer.
type away struct {
	mu    sync.Mutex
	since time.Time // zero while it answers
	back  chan struct{}
}

// untouched is an error of this site's store that came before anything of a write was sent anywhere.
type untouched struct{ error }

func (u untouched) Unwrap() error { return u.error }

// Away is since when the store of this site has not answered, zero when it does.
func (g *Engine) Away() time.Time {
	g.away.mu.Lock()
	defer g.away.mu.Unlock()
	return g.away.since
}

// before marks an error of the store that comes before anything of a write was sent, and begins to ask whether the store is back.
func (g *Engine) before(err error) error {
	if request.KindOf(err) != request.StoreDown || err == nil {
		return err
	}
	g.lost(err)
	return untouched{err}
}

// absent is the error of a write while the store is known to be away, nil when it is not.
func (g *Engine) absent() error {
	since := g.Away()
	if since.IsZero() {
		return nil
	}
	return untouched{&request.Error{Op: "replicate.store", Kind: request.StoreDown, Retry: 2 * time.Second,
		Detail: "the store of the gateway does not answer since " + since.UTC().Format(time.RFC3339) + "; nothing was done"}}
}

// lost notes that the store does not answer. It is asked again and again, until it does.
func (g *Engine) lost(cause error) {
	g.away.mu.Lock()
	defer g.away.mu.Unlock()
	if !g.away.since.IsZero() {
		return
	}
	g.away.since, g.away.back = g.now(), make(chan struct{})
	if !g.tasks.begin(g.awaitStore) { // nobody would notice that it is back
		g.away.since = time.Time{}
		return
	}
	g.Log.Warn("the store does not answer", zap.Bool("writes_pass", g.Passes), logError(cause))
}

// awaitStore returns when the store is back, or the engine stops.
func (g *Engine) awaitStore() {
	ended := g.tasks.ended()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	answers := make(chan bool, awayProbes)
	open := 0
	for {
		select {
		case <-ended:
			return
		case <-g.Clock.After(awayEvery):
		case here := <-answers:
			if open--; here {
				g.returns()
				return
			}
			continue
		}
		if open < awayProbes {
			open++
			go func() { answers <- g.answers(ctx) }()
		}
	}
}

// answers asks the store to keep something: one that can be read and not written is as good as away.
func (g *Engine) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := g.Notes.Keep(ctx, request.Key{Hash: "here/" + g.Replica, Expires: g.now().Add(time.Minute)})
	return err == nil || request.KindOf(err) == request.Rejoining // then it answers, and says so itself
}

// returns notes that the store is back.
func (g *Engine) returns() {
	g.away.mu.Lock()
	since := g.away.since
	g.away.since = time.Time{}
	close(g.away.back)
	g.away.mu.Unlock()
	g.Log.Info("the store is back", zap.Duration("away", g.now().Sub(since)))
	g.owing.wake()
}

// returned is closed when a store that is away is back.
func (g *Engine) returned() <-chan struct{} {
	g.away.mu.Lock()
	defer g.away.mu.Unlock()
	if g.away.since.IsZero() {
		now := make(chan struct{})
		close(now)
		return now
	}
	return g.away.back
}

// answer is what an operation of the store gave.
type answer[T any] struct {
	value T
	err   error
}

// soon runs an operation of the store and waits for it no longer than the budget. One that is given up may still be done: it must be
// harmless if nobody goes on from it. It is the real time that is waited, and not the engine's, which may be set.
func soon[T any](do func() (T, error)) (T, error) {
	done := make(chan answer[T], 1)
	go func() {
		v, err := do()
		done <- answer[T]{v, err}
	}()
	late := time.NewTimer(storeBudget)
	defer late.Stop()
	select {
	case a := <-done:
		return a.value, a.err
	case <-late.C:
		var none T
		return none, &request.Error{Op: "replicate.store", Kind: request.StoreDown, Retry: 2 * time.Second,
			Detail: "the store of the gateway does not answer in time; nothing was done"}
	}
}

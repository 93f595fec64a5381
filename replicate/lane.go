package replicate

import (
	"context"
	"sync"

	"github.com/meridian-gateway/meridian/request"
)

// maxWaiting is how many may wait for one lane before further ones are told that it is busy.
const maxWaiting = 512

// lanes serialize all work on one key (a request, an idempotency key) within this process, in order of arrival. They save
// conflicts in the store and nothing else: what makes two writers impossible is the durable intent.
type lanes struct {
	mu sync.Mutex
	m  map[string]*lane
}

type lane struct {
	turn chan struct{} // holds the one turn; a channel wakes its waiters in order
	refs int
}

// enter waits for the turn and returns what ends it. The error is Busy, or ClientGone when ctx ended first.
func (l *lanes) enter(ctx context.Context, key string) (leave func(), err error) {
	n := l.ref(key)
	if n == nil {
		return nil, &request.Error{Op: "replicate.lane", Kind: request.Busy, Detail: "too many writes of this request wait already"}
	}
	select {
	case n.turn <- struct{}{}:
		return func() { <-n.turn; l.unref(key, n) }, nil
	default:
	}
	select {
	case n.turn <- struct{}{}:
		return func() { <-n.turn; l.unref(key, n) }, nil
	case <-ctx.Done():
		l.unref(key, n)
		return nil, &request.Error{Op: "replicate.lane", Kind: request.ClientGone, Err: context.Cause(ctx)}
	}
}

// try enters only if nobody is in.
func (l *lanes) try(key string) (leave func(), ok bool) {
	n := l.ref(key)
	if n == nil {
		return nil, false
	}
	select {
	case n.turn <- struct{}{}:
		return func() { <-n.turn; l.unref(key, n) }, true
	default:
		l.unref(key, n)
		return nil, false
	}
}

func (l *lanes) ref(key string) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[string]*lane)
	}
	n := l.m[key]
	if n == nil {
		n = &lane{turn: make(chan struct{}, 1)}
		l.m[key] = n
	}
	if n.refs >= maxWaiting {
		return nil
	}
	n.refs++
	return n
}

func (l *lanes) unref(key string, n *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n.refs--; n.refs == 0 {
		delete(l.m, key)
	}
}

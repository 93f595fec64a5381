package peer

import (
	"sync"
	"time"
)

// nonces remembers the calls already taken, for as long as they would still be in time. A call's own (signed) time says when
// it can be forgotten, so calls are kept in buckets by that time, and a whole bucket is dropped at once.
type nonces struct {
	max int

	mu      sync.Mutex
	count   int
	buckets map[int64]map[string]struct{}
}

const nonceBucket = 20 * time.Second

func newNonces(limit int) *nonces {
	return &nonces{max: limit, buckets: map[int64]map[string]struct{}{}}
}

type nonceVerdict int

const (
	fresh nonceVerdict = iota
	replayed
	full // too many in the window; nothing may be taken until some have passed
)

// take remembers a call with the time that it carries.
func (n *nonces) take(nonce string, at, now time.Time) nonceVerdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := at.UnixNano() / int64(nonceBucket)
	b := n.buckets[k]
	if b == nil {
		n.forget(now)
		b = map[string]struct{}{}
		n.buckets[k] = b
	}
	if _, ok := b[nonce]; ok {
		return replayed
	}
	if n.count >= n.max {
		if n.forget(now); n.count >= n.max {
			return full
		}
	}
	b[nonce] = struct{}{}
	n.count++
	return fresh
}

// forget drops the buckets in which every call is out of time, with a bucket to spare for a clock that is set back a little.
func (n *nonces) forget(now time.Time) {
	last := now.Add(-window-nonceBucket).UnixNano()/int64(nonceBucket) - 1
	for k, b := range n.buckets {
		if k < last {
			n.count -= len(b)
			delete(n.buckets, k)
		}
	}
}

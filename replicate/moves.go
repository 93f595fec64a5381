package replicate

import (
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// moves are the hand-overs that this process works on: when each is to be tried next, and why the last attempt came to nothing.
// All of it can be lost: the ledger says what is to be done.
type moves struct {
	mu      sync.Mutex
	m       map[request.ID]*move
	to      map[request.Site]*berth
	wake    chan request.ID
	running sync.WaitGroup
}

// berth is what is under way to one target, and what waits for that.
type berth struct {
	busy int
	line []request.ID
}

type move struct {
	busy  bool
	again bool // woken while busy
	lined bool // in the line of its target
	tries int
	next  time.Time
	cause string
}

func newMoves() *moves {
	return &moves{m: make(map[request.ID]*move), to: make(map[request.Site]*berth), wake: make(chan request.ID, 4096)}
}

// hurry has a request looked at at once. When too many are waiting already, the sweep will come to it.
func (m *moves) hurry(id request.ID) {
	m.mu.Lock()
	if x := m.m[id]; x != nil {
		x.next = time.Time{}
		if x.busy {
			x.again = true
			m.mu.Unlock()
			return
		}
	}
	m.mu.Unlock()
	m.offer(id)
}

// offer has a request looked at if its time has come.
func (m *moves) offer(id request.ID) {
	select {
	case m.wake <- id:
	default:
	}
}

// slot takes one of the places for a target; what it returns gives it back. When all are taken, the request is put down again and
// comes in turn.
func (m *moves) slot(site request.Site, id request.ID) (leave func(), ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.to[site]
	if b == nil {
		b = &berth{}
		m.to[site] = b
	}
	if b.busy >= moversEach {
		b.line = append(b.line, id)
		x := m.m[id]
		x.busy, x.lined, x.cause, x.next = false, true, "others go to "+string(site)+" first", time.Time{}
		return nil, false
	}
	b.busy++
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if b.busy--; len(b.line) > 0 {
			if x := m.m[b.line[0]]; x != nil {
				x.lined = false
			}
			m.offer(b.line[0])
			b.line = b.line[1:]
		}
	}, true
}

// begin takes a request if it is due and nobody is at it.
func (m *moves) begin(id request.ID, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.m[id]
	if x == nil {
		x = &move{}
		m.m[id] = x
	}
	if x.busy || x.lined || now.Before(x.next) {
		return false
	}
	x.busy, x.again = true, false
	return true
}

// end puts it down; a cause says that it is to be tried again later.
func (m *moves) end(id request.ID, cause string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.m[id]
	again := x.again
	if cause == "" {
		delete(m.m, id)
	} else {
		x.busy, x.cause = false, cause
		x.next = now.Add(min(tryFirst<<min(x.tries, 8), tryMost))
		x.tries++
	}
	if again {
		m.offer(id)
	}
}

// cause is why the last attempt came to nothing.
func (m *moves) cause(id request.ID) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if x := m.m[id]; x != nil {
		return x.cause
	}
	return ""
}

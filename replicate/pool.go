package replicate

import (
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/store"
)

// Pool bounds the deliveries of routes that name it, over all destinations. The zero value bounds nothing.
type Pool struct {
	// Parallel is how many are on their way at a time, Rate how many begin in a second; 0 is any.
	Parallel int
	Rate     float64
	// Priority is "high", "normal" (or "") or "low": what is due in a lower one waits while a higher one has work for the destination.
	Priority string
}

// pools are the named lanes of this process, with what they use just now.
type pools struct {
	mu sync.Mutex
	m  map[string]*poolUse
}

type poolUse struct {
	Pool
	busy   int
	tokens float64
	at     time.Time
}

func newPools(list map[string]Pool) *pools {
	p := &pools{m: make(map[string]*poolUse, len(list))}
	for name, x := range list {
		p.m[name] = &poolUse{Pool: x, tokens: max(x.Rate, 1)}
	}
	return p
}

// set replaces the lanes. What is on its way in one that stays still counts.
func (p *pools) set(list map[string]Pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := make(map[string]*poolUse, len(list))
	for name, x := range list {
		u := p.m[name]
		if u == nil {
			u = &poolUse{tokens: max(x.Rate, 1)}
		}
		u.Pool = x
		m[name] = u
	}
	p.m = m
}

// room is how many more may begin now; -1 is any number.
func (u *poolUse) room(now time.Time) int {
	room := -1
	if u.Parallel > 0 {
		room = max(u.Parallel-u.busy, 0)
	}
	if u.Rate > 0 {
		if u.at.IsZero() {
			u.at = now
		}
		u.tokens = min(u.tokens+now.Sub(u.at).Seconds()*u.Rate, max(u.Rate, 1)) // a second's worth may be saved up
		u.at = now
		if n := int(u.tokens); room < 0 || n < room {
			room = n
		}
	}
	return room
}

// shut lists the pools from which nothing may be taken now, and those of a priority below the one given.
func (p *pools) shut(now time.Time, priority string) (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, u := range p.m {
		if u.room(now) == 0 || rank(u.Priority) < rank(priority) {
			names = append(names, name)
		}
	}
	if rank(priority) > rank("normal") {
		names = append(names, "")
	}
	return names
}

// ranks lists the priorities that are in use, the highest first.
func (p *pools) ranks() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	high, low := false, false
	for _, u := range p.m {
		high, low = high || u.Priority == "high", low || u.Priority == "low"
	}
	out := []string{"low"}
	if low || high {
		out = append([]string{"normal"}, out...)
	}
	if high {
		out = append([]string{"high"}, out...)
	}
	return out
}

func rank(priority string) int {
	switch priority {
	case "high":
		return 2
	case "low":
		return 0
	}
	return 1
}

// admit takes as many of a batch as their pools have room for; the others are to be put back.
func (p *pools) admit(batch []store.Claimed, now time.Time) (in, out []store.Claimed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.m) == 0 {
		return batch, nil
	}
	for _, d := range batch {
		u := p.m[d.Pool]
		if u != nil && u.room(now) == 0 {
			out = append(out, d)
			continue
		}
		if u != nil {
			u.busy++
			u.tokens--
		}
		in = append(in, d)
	}
	return in, out
}

// leave gives back what admit took, but for the tokens.
func (p *pools) leave(batch []store.Claimed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range batch {
		if u := p.m[d.Pool]; u != nil {
			u.busy--
		}
	}
}

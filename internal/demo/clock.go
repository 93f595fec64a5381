package demo

import (
	"sync"
	"time"
)

// Clock runs as the wall clock does, from any time on, and can be set forward: who waits for a time that has come by that is woken.
//
// Who lies down soon after it was set may have read the time before that, and would sleep through what has come meanwhile. So they
// sleep for a second at most: who waits on this clock must look at it again when he wakes, as everything in the engine does.
type Clock struct {
	mu       sync.Mutex
	ahead    time.Duration // of the wall clock; negative when the clock shows the past
	jumped   time.Time     // when it was set last, by the wall clock
	sleepers map[*sleeper]struct{}
}

const (
	uneasy = time.Second // for so long after the clock was set ...
	light  = time.Second // ... nobody sleeps longer than this
)

type sleeper struct {
	due   time.Time
	timer *time.Timer
	ch    chan time.Time
}

// newClock makes a clock that shows a time; zero is now.
func newClock(begin time.Time) *Clock {
	c := &Clock{sleepers: make(map[*sleeper]struct{})}
	if !begin.IsZero() {
		c.ahead = time.Until(begin)
	}
	return c
}

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// After is like time.After, and may come early when the clock was just set.
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !c.jumped.IsZero() && now.Sub(c.jumped) < uneasy {
		d = min(d, light)
	}
	s := &sleeper{due: now.Add(c.ahead + d), ch: make(chan time.Time, 1)}
	s.timer = time.AfterFunc(d, func() { c.wake(s) })
	c.sleepers[s] = struct{}{}
	return s.ch
}

func (c *Clock) wake(s *sleeper) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.sleepers[s]; ok {
		delete(c.sleepers, s)
		s.ch <- time.Now().Add(c.ahead)
	}
}

// set puts the clock to a time. It is not put back.
func (c *Clock) set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if ahead := to.Sub(now); ahead > c.ahead {
		c.ahead, c.jumped = ahead, now
	}
	now = now.Add(c.ahead)
	for s := range c.sleepers {
		if left := s.due.Sub(now); left <= 0 {
			s.timer.Stop()
			delete(c.sleepers, s)
			s.ch <- now
		} else {
			s.timer.Reset(left)
		}
	}
}

// stop ends the timers; nobody is woken any more.
func (c *Clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.sleepers {
		s.timer.Stop()
	}
	clear(c.sleepers)
}

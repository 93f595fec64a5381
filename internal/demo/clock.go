package demo

import (
	"sync"
	"time"
)

// Clock is the wall clock, which can be set forward: who waits for a time that has come by that is woken.
type Clock struct {
	mu       sync.Mutex
	ahead    time.Duration
	sleepers map[*sleeper]struct{}
}

type sleeper struct {
	due   time.Time
	timer *time.Timer
	ch    chan time.Time
}

func newClock() *Clock { return &Clock{sleepers: make(map[*sleeper]struct{})} }

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// After is like time.After.
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &sleeper{due: time.Now().Add(c.ahead + d), ch: make(chan time.Time, 1)}
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
		c.ahead = ahead
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

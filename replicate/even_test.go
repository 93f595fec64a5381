package replicate

import (
	"testing"
	"time"
	"unsafe"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// wrongClock is a clock that can be set: passed is what has passed, by is how wrong the date is.
type wrongClock struct {
	start  time.Time
	passed time.Duration
	by     time.Duration
}

// Now has the monotonic reading of what has passed and another date: Add would change both, so the seconds of the date are changed where
// they are in a time with such a reading.
func (s *wrongClock) Now() time.Time {
	now := s.start.Add(s.passed)
	const nanosecondBits = 30
	*(*uint64)(unsafe.Pointer(&now)) += uint64(s.by/time.Second) << nanosecondBits
	return now
}

func (s *wrongClock) After(time.Duration) <-chan time.Time { return nil }

// However the clock is set, a quiet time lasts as long as it is to: what was sent before counts from then on.
func TestQuietTimesWhenTheClockIsSet(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{0, time.Hour, -time.Hour, 26 * time.Hour, -26 * time.Hour} {
		clock := &wrongClock{start: time.Now()}
		g := New(Options{Self: "oslo", Sites: []request.Site{"oslo"}, Profile: &profile.Profile{Quiescence: 15 * time.Second}, Clock: clock, Replica: "a", Boot: "1"})
		clock.passed = time.Minute
		in := &request.Intent{Replica: g.me(), Sent: g.now().Round(0)} // as it comes from the store
		until := g.now().Add(g.quiet()).Round(0)
		over := func() bool { return g.now().After(g.quietAt(in)) }
		clock.passed += time.Second
		clock.by = by
		for i := range 14 {
			if over() || g.quieted(until) {
				t.Fatalf("set by %v: over after %d seconds", by, i+1)
			}
			clock.passed += time.Second
		}
		clock.passed += 3 * time.Second
		if !over() || !g.quieted(until) {
			t.Errorf("set by %v: not over after 18 seconds", by)
		}
	}
}

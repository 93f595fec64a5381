package contract

import (
	"net/http"
	"strings"
	"time"
)

// fault is one misbehaviour that is yet to happen left times.
type fault struct {
	method, prefix string
	left           int
	struck
}

// struck is what a call suffers.
type struck struct {
	wait       time.Duration
	status     int           // answered with this, not done
	retryAfter time.Duration // with this header
	drop       bool          // the connection breaks in place of the answer
	lost       bool          // not done
}

// Fail makes the next n calls that match answer with a status, in the product's own error shape, and not be done. A match is a
// method and the beginning of a target, such as "POST /api/v2/tickets"; without a method it takes any.
func (s *Server) Fail(match string, n, status int) { s.inject(match, n, struck{status: status}) }

// Throttle is Fail with a Retry-After, in whole seconds.
func (s *Server) Throttle(match string, n, status int, retryAfter time.Duration) {
	s.inject(match, n, struck{status: status, retryAfter: retryAfter})
}

// DropAnswer makes the next n calls that match be done and their connection break before the answer.
func (s *Server) DropAnswer(match string, n int) { s.inject(match, n, struck{drop: true}) }

// DropCall makes the connection of the next n calls that match break without the call being done.
func (s *Server) DropCall(match string, n int) { s.inject(match, n, struck{drop: true, lost: true}) }

// Delay makes the next n calls that match wait, of real time, before they are done. A call whose client leaves meanwhile is done
// at once: products do not notice.
func (s *Server) Delay(match string, n int, wait time.Duration) {
	s.inject(match, n, struck{wait: wait})
}

// Heal ends all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) inject(match string, n int, what struck) {
	method, prefix, both := strings.Cut(match, " ")
	if !both && strings.HasPrefix(match, "/") {
		method, prefix = "", match
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault{method: method, prefix: prefix, left: n, struck: what})
}

// strike uses up one of each fault that matches and tells what they amount to.
func (s *Server) strike(r *http.Request) struck {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum struck
	for _, f := range s.faults {
		if f.left <= 0 || f.method != "" && f.method != r.Method || !strings.HasPrefix(r.URL.RequestURI(), f.prefix) {
			continue
		}
		f.left--
		sum.wait += f.wait
		sum.drop = sum.drop || f.drop
		sum.lost = sum.lost || f.lost
		if sum.status == 0 {
			sum.status, sum.retryAfter = f.status, f.retryAfter
		}
	}
	return sum
}

// hold waits as long as the fault says, or until the client is gone.
func (f struck) hold(r *http.Request) {
	if f.wait <= 0 {
		return
	}
	t := time.NewTimer(f.wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

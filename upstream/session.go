package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// session is the token of one client: had when it is first needed, kept, and renewed. One login runs at a time.
type session struct {
	login *Login
	// send makes the call.
	send func(context.Context, request.Call) (request.Answer, error)
	// life ends with the client; bound is the longest that a login takes.
	life  context.Context
	bound time.Duration
	work  *sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	now     *grant   // nil: none
	running *attempt // nil: none
	refusal pause    // between logins that failed
	futile  pause    // between logins for calls that are refused even with a new token
	trial   bool     // the next grant is had because one was refused
	why     error    // the last login failed; nil after one that did not
}

// grant is a token with its times.
type grant struct {
	headers    http.Header
	renew, end time.Time // zero: never
	trial      bool      // it was had because another was refused, and has not served yet
	blamed     bool      // it was refused all the same
}

// attempt is one login, under way until done is closed.
type attempt struct {
	done  chan struct{}
	grant *grant
	err   error
}

// pause grows with each failure in a row.
type pause struct {
	length time.Duration
	until  time.Time
}

func (p *pause) grow(first, most time.Duration) {
	p.length = min(max(2*p.length, first), most)
	p.until = time.Now().Add(p.length)
}

const (
	// Where a login was answered with a refusal the account may be at stake; where it was not answered, or by a failure, it is not.
	firstRefused, longestRefused = 5 * time.Second, time.Minute
	firstBroken, longestBroken   = time.Second, 10 * time.Second
	unsentPause                  = time.Second
)

// token is a grant to call with, one that is not spent. It waits for a login where there is none, and no longer than ctx allows.
func (s *session) token(ctx context.Context) (*grant, error) {
	s.mu.Lock()
	now := time.Now()
	g := s.now
	if g != nil && !g.end.IsZero() && !now.Before(g.end) {
		g, s.now = nil, nil
	}
	if g != nil {
		if !g.renew.IsZero() && !now.Before(g.renew) && !now.Before(s.refusal.until) {
			s.begin() // the old one is still good
		}
		s.mu.Unlock()
		return g, nil
	}
	if s.running == nil && now.Before(s.refusal.until) {
		err := s.resting(now)
		s.mu.Unlock()
		return nil, err
	}
	a := s.begin()
	s.mu.Unlock()
	select {
	case <-a.done:
		return a.grant, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the login to end: %w", ctx.Err())
	}
}

// begin begins a login, or is the one that has begun. s.mu is held.
func (s *session) begin() *attempt {
	if s.running != nil {
		return s.running
	}
	a := &attempt{done: make(chan struct{})}
	if s.closed {
		a.err = &request.Error{Op: "upstream.login", Kind: request.NotSent, Detail: "the gateway is stopping"}
		close(a.done)
		return a
	}
	s.running = a
	s.work.Go(func() {
		g, err := s.enter()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running, s.why = nil, err
		if err == nil {
			g.trial = s.trial
			s.now, s.trial, s.refusal = g, false, pause{}
		}
		a.grant, a.err = g, err
		close(a.done)
	})
	return a
}

// close begins no login any more.
func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// enter logs in.
func (s *session) enter() (*grant, error) {
	ctx, cancel := context.WithTimeout(s.life, s.bound)
	defer cancel()
	call, err := s.login.call()
	if err != nil {
		return nil, s.failed("the call cannot be made", firstRefused, longestRefused)
	}
	began := time.Now()
	a, err := s.send(ctx, call)
	switch {
	case errors.Is(err, context.Canceled) && s.life.Err() != nil:
		return nil, s.failed("the gateway is stopping", unsentPause, unsentPause)
	case err != nil && request.KindOf(err) == request.NotSent:
		return nil, s.failed("the API cannot be reached: "+plain(err), unsentPause, unsentPause)
	case err != nil:
		return nil, s.failed("it was not answered: "+plain(err), firstBroken, longestBroken)
	case a.Status >= 500 || a.Status == http.StatusTooManyRequests || a.Status == http.StatusRequestTimeout:
		return nil, s.failed(fmt.Sprintf("it answered %d %s", a.Status, http.StatusText(a.Status)), firstBroken, longestBroken)
	case !s.login.succeeded(a.Status):
		return nil, s.failed(fmt.Sprintf("it answered %d %s", a.Status, http.StatusText(a.Status)), firstRefused, longestRefused)
	}
	token, err := tokenIn(*s.login.spec.Token, a)
	if err != nil {
		return nil, s.failed(fmt.Sprintf("it answered %d, but %v", a.Status, err), firstRefused, longestRefused)
	}
	g := &grant{headers: http.Header{}}
	for name, value := range s.login.carried(token) {
		g.headers.Set(name, value)
	}
	if l := s.login.spec.Lifetime; l > 0 {
		g.end = began.Add(l)
		g.renew = g.end.Add(-margin(l))
	}
	return g, nil
}

// failed makes the error of a login that did not succeed, and the pause before the next.
func (s *session) failed(why string, first, most time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal.grow(first, most)
	return &request.Error{Op: "upstream.login", Kind: request.NotSent, Retry: s.refusal.length,
		Detail: fmt.Sprintf("logging in by %s failed: %s", s.login.where(), why)}
}

// resting is the error while no login is tried. s.mu is held.
func (s *session) resting(now time.Time) error {
	return &request.Error{Op: "upstream.login", Kind: request.NotSent, Retry: s.refusal.until.Sub(now),
		Detail: "no login is tried before " + s.refusal.until.UTC().Format(time.RFC3339), Err: s.why}
}

// judge takes the status of an answer to a call with a grant; repeat says that the call was refused before, with another. It reports
// whether another token may help. Where even a new token is refused logging in is not the cure, and is not tried for a while.
func (s *session) judge(g *grant, status int, repeat bool) (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.login.expired(status) {
		g.trial = false
		if repeat {
			s.futile = pause{}
		}
		return false
	}
	switch {
	case s.now != g:
		return true // there is a newer one, or it is being had
	case (repeat || g.trial) && !g.blamed:
		g.blamed = true
		s.futile.grow(firstBroken, longestRefused)
		return false
	case repeat, time.Now().Before(s.futile.until):
		return false
	}
	s.now, s.trial = nil, true
	return true
}

// problem is what hinders logging in, nil when nothing does.
func (s *session) problem() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

// plain is a failed login's error without anything that came from the other side.
func plain(err error) string {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "tls: " + e.Msg
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "it took too long"
	}
	return "the connection broke off, or what came over it was no whole HTTP answer"
}

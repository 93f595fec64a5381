package gateway

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// ListenOptions are what the connections of a listener are protected by.
type ListenOptions struct {
	// TLS is spoken when it is not nil; HTTP/2 is not, then: net/http wants its own connections for that, into which nobody can look.
	TLS *tls.Config
	// HandshakeTimeout is how long a client may take for the handshake of TLS (default 5s).
	HandshakeTimeout time.Duration
	// Connections is how many may be open at once (default 10,000). Beyond it the one that has been idle for longest is closed for a
	// new one, or the new one where none is idle.
	Connections int
	// Drain is told who is connected; nil is nobody.
	Drain *Drain
}

// Serve has a server that [Server] made take connections from a listener, until one of them is closed. Like [http.Server.Serve] it
// always returns an error.
func Serve(srv *http.Server, l net.Listener, o ListenOptions) error {
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = 5 * time.Second
	}
	if o.Connections == 0 {
		o.Connections = 10_000
	}
	open := &connections{most: o.Connections, states: make(map[net.Conn]time.Time), drain: o.Drain}
	srv.ConnState = open.changed
	return srv.Serve(&listener{Listener: l, ListenOptions: o, open: open})
}

type listener struct {
	net.Listener
	ListenOptions
	open *connections
}

// Accept waits for the next connection that there is room for.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !l.open.room() {
			_ = raw.Close()
			continue
		}
		var c net.Conn
		if l.TLS == nil {
			c = &watched{Conn: raw, gone: l.open.gone}
		} else {
			t := tls.Server(raw, l.TLS)
			c = &secured{watched: watched{Conn: t, gone: l.open.gone}, tls: t, time: l.HandshakeTimeout}
		}
		l.open.changed(c, http.StateNew)
		return c, nil
	}
}

// connections are those of one listener that are open.
type connections struct {
	most int
	mu   sync.Mutex
	// states has since when a connection is idle; the zero time while it is not.
	states map[net.Conn]time.Time
	drain  *Drain
}

// room makes room for a new connection; false when there is none.
func (s *connections) room() bool {
	s.mu.Lock()
	if len(s.states) < s.most {
		s.mu.Unlock()
		return true
	}
	var oldest net.Conn
	for c, since := range s.states {
		if !since.IsZero() && (oldest == nil || since.Before(s.states[oldest])) {
			oldest = c
		}
	}
	s.mu.Unlock()
	if oldest == nil {
		return false
	}
	_ = oldest.Close() // which has it forgotten
	return true
}

// changed follows a connection through its states. That it is gone it says itself: net/http does not tell of those that were taken over.
func (s *connections) changed(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch _, known := s.states[c]; {
	case state == http.StateNew, state == http.StateActive && known:
		s.states[c] = time.Time{}
		s.drain.connected(len(s.states))
	case state == http.StateIdle && known:
		s.states[c] = time.Now()
	}
}

func (s *connections) gone(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.states, c)
	s.drain.connected(len(s.states))
}

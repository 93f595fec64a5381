package demo

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/meridian-gateway/meridian/request"
)

// links are the lines between the gateways, each with a switch.
type links struct {
	mu    sync.Mutex
	names map[string]request.Site // by peer address
	cut   map[line]bool
	conns map[line]map[net.Conn]bool
}

// line is a pair of sites, in order.
type line struct{ a, b request.Site }

func between(a, b request.Site) line {
	if b < a {
		a, b = b, a
	}
	return line{a, b}
}

func newLinks() *links {
	return &links{names: map[string]request.Site{}, cut: map[line]bool{}, conns: map[line]map[net.Conn]bool{}}
}

// name tells whose peer address it is; before the first dial.
func (l *links) name(addr string, s request.Site) { l.names[addr] = s }

// dialer is how a site's gateway reaches the others.
func (l *links) dialer(from request.Site) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		to := l.names[addr]
		on := between(from, to)
		if l.isCut(on) {
			return nil, fmt.Errorf("the link to %s is cut", to)
		}
		var dialer net.Dialer
		c, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if tracked := l.track(on, c); tracked != nil {
			return tracked, nil
		}
		_ = c.Close() // it was cut meanwhile
		return nil, fmt.Errorf("the link to %s is cut", to)
	}
}

func (l *links) isCut(on line) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut[on]
}

// track notes a connection; nil when its line is cut.
func (l *links) track(on line, c net.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut[on] {
		return nil
	}
	if l.conns[on] == nil {
		l.conns[on] = map[net.Conn]bool{}
	}
	l.conns[on][c] = true
	return &linked{Conn: c, closed: func() { l.forget(on, c) }}
}

func (l *links) forget(on line, c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns[on], c)
}

// set cuts or heals the line between two sites. A cut breaks the connections that are there.
func (l *links) set(a, b request.Site, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	on := between(a, b)
	l.cut[on] = cut
	if cut {
		for c := range l.conns[on] {
			_ = c.Close()
		}
		delete(l.conns, on)
	}
}

// linked is a connection that says when it is closed.
type linked struct {
	net.Conn
	closed func()
}

func (c *linked) Close() error {
	c.closed()
	return c.Conn.Close()
}

package upstream

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// conn is a connection that knows how many bytes were given to it to write, and that can be sealed.
type conn struct {
	net.Conn
	mu      sync.Mutex
	written int64
	sealed  bool
}

var errSealed = errors.New("the call was given up")

// Write counts before it writes: a byte that may have left has left.
func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	if c.sealed {
		c.mu.Unlock()
		return 0, errSealed
	}
	c.written += int64(len(b))
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *conn) count() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written
}

// seal lets nothing more be written and says how much was. net/http may still be about to write when it has told its caller
// that a call has failed; after seal the answer is final.
func (c *conn) seal() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sealed = true
	return c.written
}

// transport makes the tuned transport of one site: many kept connections, HTTP/1.1, no proxy, no compression, no surprises.
func transport(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Transport {
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext
	}
	var http1 http.Protocols
	http1.SetHTTP1(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: c}, nil
		},
		TLSHandshakeTimeout: dialTimeout,
		DisableCompression:  true,
		MaxIdleConns:        128,
		MaxIdleConnsPerHost: 128,
		// Shorter than the five seconds after which many servers close a kept connection, perhaps under a write's feet.
		IdleConnTimeout:        3 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		Protocols:              &http1,
	}
}

const dialTimeout = 5 * time.Second

// watch sees on which connections a call was tried and whether any byte of it left.
type watch struct {
	mu     sync.Mutex
	tries  []try
	blind  bool // a connection that does not count
	reused bool
}

type try struct {
	conn  *conn
	start int64
}

func (w *watch) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.reused = info.Reused
		c := info.Conn
		if t, ok := c.(interface{ NetConn() net.Conn }); ok {
			c = t.NetConn()
		}
		if counted, ok := c.(*conn); ok {
			w.tries = append(w.tries, try{counted, counted.count()})
		} else {
			w.blind = true
		}
	}}
}

// sent seals the connections and reports whether any byte of the call may have left.
func (w *watch) sent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.blind
	for _, t := range w.tries {
		left = t.conn.seal() > t.start || left
	}
	return left
}

// stale reports whether the last connection was a kept one.
func (w *watch) stale() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reused
}

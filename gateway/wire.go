package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// net/http mends some calls before a handler sees them: it drops a Content-Length that stands beside Transfer-Encoding, ignores
// Transfer-Encoding on HTTP/1.0, and forgets the Host of a call whose target names another one. Somebody before or behind the
// gateway may have read such a call in the other way. So the bytes of a connection are looked at as they come, as far as it takes to
// know of these three.

// maxHead is how much of a line is kept; net/http refuses longer heads anyway.
const maxHead = 64 << 10

// wire follows the heads of calls on a connection of HTTP/1. It only needs to follow bodies with a length: behind a chunked one the
// connection is closed in any case.
type wire struct {
	line []byte // the beginning of a line, from earlier reads
	skip int64  // what is left of a body
	done bool   // nothing more is looked at
	// begun is true within a head.
	begun  bool
	host   string
	target string // the host within an absolute target
	old    bool   // HTTP/1.0
	length int64
	sized  bool
	coded  bool

	// ambiguous says that a head was seen which can be read in two ways, misnamed that one names two hosts.
	ambiguous, misnamed bool
}

// see takes the next bytes of the connection.
func (w *wire) see(b []byte) {
	for len(b) > 0 && !w.done {
		if w.skip > 0 {
			n := min(w.skip, int64(len(b)))
			w.skip, b = w.skip-n, b[n:]
			continue
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			if len(w.line)+len(b) > maxHead {
				// What stands in such a line is not known, so calls that could be read in two ways are taken for such.
				w.ambiguous, w.done, w.line = true, true, nil
				return
			}
			w.line = append(w.line, b...)
			return
		}
		line := b[:i]
		if len(w.line) > 0 {
			line = append(w.line, line...)
			w.line = w.line[:0]
		}
		b = b[i+1:]
		w.take(bytes.TrimSuffix(line, []byte{'\r'}))
	}
	if w.done {
		w.line = nil
	}
}

// take reads one line of a head.
func (w *wire) take(line []byte) {
	switch {
	case !w.begun && len(bytes.TrimLeft(line, "\r")) == 0: // some clients send a line too much behind a body
	case !w.begun:
		*w = wire{begun: true, ambiguous: w.ambiguous, misnamed: w.misnamed, line: w.line}
		w.first(line)
	case len(line) == 0:
		w.end()
	case line[0] == ' ' || line[0] == '\t': // the value of the line before goes on
		w.ambiguous, w.done = true, true
	default:
		w.field(line)
	}
}

// first reads the line of a call: METHOD TARGET HTTP/1.x.
func (w *wire) first(line []byte) {
	_, rest, _ := bytes.Cut(line, []byte{' '})
	target, version, _ := bytes.Cut(rest, []byte{' '})
	switch string(version) {
	case "HTTP/1.0":
		w.old = true
	case "HTTP/2.0": // the preface of HTTP/2
		w.done = true
	}
	if _, authority, absolute := bytes.Cut(target, []byte("://")); absolute && target[0] != '/' {
		if end := bytes.IndexAny(authority, "/?#"); end >= 0 {
			authority = authority[:end]
		}
		w.target = string(authority)
	}
}

func (w *wire) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte{':'})
	switch len(name) {
	case len("host"):
		if bytes.EqualFold(name, []byte("host")) && w.target != "" {
			w.host = string(bytes.TrimSpace(value))
		}
	case len("content-length"):
		if bytes.EqualFold(name, []byte("content-length")) {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			w.sized, w.length, w.done = true, n, err != nil || n < 0
		}
	case len("transfer-encoding"):
		w.coded = w.coded || bytes.EqualFold(name, []byte("transfer-encoding"))
	}
}

// end judges a whole head.
func (w *wire) end() {
	w.begun = false
	w.ambiguous = w.ambiguous || w.coded && (w.sized || w.old)
	w.misnamed = w.misnamed || w.target != "" && w.host != "" && !strings.EqualFold(w.target, w.host)
	w.skip = w.length
	w.done = w.done || w.coded
}

// watched is a connection of which the heads are followed.
type watched struct {
	net.Conn
	wire                wire // touched by reads alone
	ambiguous, misnamed atomic.Bool
	gone                func(net.Conn) // is told when it is closed
}

// Close may be called more than once.
func (c *watched) Close() error {
	c.gone(c)
	return c.Conn.Close()
}

func (c *watched) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.wire.done {
		return n, err
	}
	if c.wire.see(b[:n]); c.wire.ambiguous {
		c.ambiguous.Store(true)
	}
	if c.wire.misnamed {
		c.misnamed.Store(true)
	}
	return n, err
}

// CloseWrite is for net/http, which lets a client that is refused read why before it closes.
func (c *watched) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// secured is the same for TLS. net/http asks for the state of a connection before it reads from it, each on a goroutine of its own.
type secured struct {
	watched
	tls  *tls.Conn
	time time.Duration
}

// Close may be called more than once.
func (c *secured) Close() error {
	c.gone(c)
	return c.Conn.Close()
}

// ConnectionState is after the handshake, which is made here. When it fails the state is empty and nothing can be read.
func (c *secured) ConnectionState() tls.ConnectionState {
	_ = c.tls.SetDeadline(time.Now().Add(c.time))
	if err := c.tls.Handshake(); err != nil {
		_ = c.tls.Close()
		return tls.ConnectionState{}
	}
	_ = c.tls.SetDeadline(time.Time{})
	return c.tls.ConnectionState()
}

type wireKey struct{}

// withWire lets the handlers of a connection's calls know of it.
func withWire(ctx context.Context, c net.Conn) context.Context {
	switch c := c.(type) {
	case *watched:
		return context.WithValue(ctx, wireKey{}, c)
	case *secured:
		return context.WithValue(ctx, wireKey{}, &c.watched)
	}
	return ctx
}

// framed refuses calls that can be read in two ways. The flags are the connection's: net/http has read the head of the call, and what
// came behind it in the same packet. That is enough, since no other call follows one of these on its connection.
func framed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(wireKey{}).(*watched)
		switch {
		case !ok || r.ProtoMajor != 1:
		case c.ambiguous.Load() && (len(r.TransferEncoding) > 0 || r.ProtoMinor == 0):
			refuseFraming(w, r, problemOf(request.Invalid, "the length of the call is told in two ways"))
			return
		case c.misnamed.Load() && r.URL.Host != "":
			refuseFraming(w, r, problemOf(misdirected, "the target of the call and its Host are not the same"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refusedTimeout is how long the rest of a call may take that is refused by its head.
const refusedTimeout = 5 * time.Second

func refuseFraming(w http.ResponseWriter, r *http.Request, p Problem) {
	bound(w, refusedTimeout)
	writeProblem(w, r, *closing(p))
}

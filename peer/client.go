package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
)

// Peer is where another site's gateway is.
type Peer struct {
	// URL is the base of its peer listener, "https://rome.example:7443".
	URL string
	// ServerName is the name its certificate is checked for, when that is not the host of URL.
	ServerName string
}

// ClientOptions say who calls whom. Self, Network and Peers are needed; the rest has useful zero values.
type ClientOptions struct {
	Self    request.Site
	Network string
	// ConfigHash is that of the network file in force; nil for none.
	ConfigHash func() string
	Peers      map[request.Site]Peer
	// Key signs calls; nil leaves them unsigned, which is for loopback and mutual TLS only. Keys, when it is set, gives the keys in
	// force in place of it: the first signs, answers may be signed with any.
	Key  []byte
	Keys func() [][]byte
	// TLS is for https peers; with MutualTLS it holds this site's certificate, and the peer's must name its site.
	TLS       *tls.Config
	MutualTLS bool
	// DialContext replaces the network, Transport all of it (it gets the destination).
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	Transport   func(to request.Site) http.RoundTripper
	// Now is the clock that signs and measures skew; nil is time.Now.
	Now func() time.Time
	// OnUp is called when a destination is first seen up, or is up again. It must not block.
	OnUp func(request.Site)
	// HelloTimeout (3 s), CallTimeout (60 s, the most that a write or a question may take) and DeliverTimeout (60 s).
	HelloTimeout, CallTimeout, DeliverTimeout time.Duration
	// ProbeEvery is the longest time between two probes, 5 s.
	ProbeEvery time.Duration
	// OnCall is told of each call when it has ended: its endpoint without what all have in common, its error if any, and how long it
	// took; nil: nobody. It must not block.
	OnCall func(to request.Site, call string, err error, took time.Duration)
	// Tracer makes a span of each call that is part of a trace; nil makes none.
	Tracer *tracing.Tracer
	// MaxAnswer bounds the body of one answer, 4 MiB and a little.
	MaxAnswer int64
}

// Client calls other sites' gateways. It is safe for concurrent use and starts nothing by itself; see Probe.
type Client struct {
	o    ClientOptions
	keys keys

	mu    sync.RWMutex
	dests map[request.Site]*dest
	// changed wakes Probe when dests was replaced.
	changed chan struct{}
}

// NewClient makes a client. It fails on an address that cannot be one; it does not dial.
func NewClient(o ClientOptions) (*Client, error) {
	o.HelloTimeout = def(o.HelloTimeout, 3*time.Second)
	o.CallTimeout = def(o.CallTimeout, 60*time.Second)
	o.DeliverTimeout = def(o.DeliverTimeout, 60*time.Second)
	o.ProbeEvery = def(o.ProbeEvery, 5*time.Second)
	o.MaxAnswer = def(o.MaxAnswer, MaxBatchBytes+(64<<10))
	if o.OnCall == nil {
		o.OnCall = func(request.Site, string, error, time.Duration) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ConfigHash == nil {
		o.ConfigHash = func() string { return "" }
	}
	c := &Client{o: o, keys: keys{one: o.Key, all: o.Keys, network: o.Network}, changed: make(chan struct{}, 1)}
	return c, c.SetPeers(o.Peers)
}

func def[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// SetPeers replaces the destinations, after the network file changed. Those that stay as they are keep breaker, status and
// connections. On an error nothing changes. A running Probe follows.
func (c *Client) SetPeers(peers map[request.Site]Peer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := make(map[request.Site]*dest, len(peers))
	for site, p := range peers {
		if old := c.dests[site]; old != nil && old.peer == p {
			next[site] = old
			continue
		}
		u, err := url.Parse(p.URL)
		if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
			err = errors.New("want http(s)://HOST[:PORT][/PATH]")
		}
		if err != nil {
			return &request.Error{Op: "peer.SetPeers " + string(site), Kind: request.Invalid, Detail: fmt.Sprintf("peer URL %q", p.URL), Err: err}
		}
		next[site] = c.newDest(site, p, u)
	}
	for site, d := range c.dests {
		if next[site] != d {
			d.closeIdle()
		}
	}
	c.dests = next
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return nil
}

// Close closes idle connections. Calls under way go on.
func (c *Client) Close() {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, d := range c.dests {
		d.closeIdle()
	}
}

// Sites lists the destinations, in no order.
func (c *Client) Sites() []request.Site {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]request.Site, 0, len(c.dests))
	for s := range maps.Keys(c.dests) {
		out = append(out, s)
	}
	return out
}

// Status tells what is known of a destination; the zero Status for an unknown one.
func (c *Client) Status(to request.Site) Status {
	d := c.dest(to)
	if d == nil {
		return Status{Site: to}
	}
	return d.status(c.o.ConfigHash())
}

// Ready reports whether the breaker would let a call through now.
func (c *Client) Ready(to request.Site) bool {
	d := c.dest(to)
	return d != nil && d.gate.ready()
}

func (c *Client) dest(to request.Site) *dest {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.dests[to]
}

// dest is one destination: its connections, its breaker and what is known of it.
type dest struct {
	site request.Site
	peer Peer
	base string
	http *http.Client
	gate *gate
	// closeIdle drops the idle connections.
	closeIdle func()

	mu sync.Mutex
	st Status
	up bool // the last hello was good and the breaker has not opened since
}

func (c *Client) newDest(site request.Site, p Peer, u *url.URL) *dest {
	base := *u
	base.Path, base.RawPath = "", ""
	rt := c.transport(site, p)
	d := &dest{site: site, peer: p, base: base.String() + strings.TrimRight(u.EscapedPath(), "/"), gate: newGate(string(site))}
	d.http = &http.Client{
		Transport:     keepIdle{rt},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	d.closeIdle = (&http.Client{Transport: rt}).CloseIdleConnections
	d.st.Site = site
	return d
}

// keepIdle hides CloseIdleConnections from the retrying client, which would call it whenever a caller goes away.
type keepIdle struct{ http.RoundTripper }

func (c *Client) transport(site request.Site, p Peer) http.RoundTripper {
	if c.o.Transport != nil {
		return c.o.Transport(site)
	}
	dial := c.o.DialContext
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			return dial(ctx, network, addr)
		},
		TLSClientConfig:     clientTLS(c.o.TLS, c.o.MutualTLS, site, c.o.Network, p.ServerName),
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConns:        64,
		MaxIdleConnsPerHost: 64,
		// Shorter than servers keep idle connections, so that a call seldom meets one that is being closed.
		IdleConnTimeout: 30 * time.Second,
		// Bodies are small and latency counts; and a digest is over the bytes as sent.
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		WriteBufferSize:        16 << 10,
		ReadBufferSize:         16 << 10,
	}
}

const dialTimeout = 3 * time.Second

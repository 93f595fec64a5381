package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/replicate"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

// Targets of comparing: bytes on the wire, both ways and with headers, when all is equal, for each difference besides, and memory.
const (
	verifyEqualKiB = 300
	verifyEachKiB  = 4
	verifyMiB      = 100
)

// measureVerify compares many linked requests of two sites: a whole verify over the peers' real protocol on the loopback, with ledgers and
// request APIs that are made up while they are read, so that what is measured is the comparison and not a store.
func measureVerify(ctx context.Context, b *bench) error {
	n := b.requests
	equal := 0.0
	for _, planted := range []int{0, 1, 100, 1000} {
		if planted > n/10 {
			continue
		}
		c, err := newComparison(n, planted)
		if err != nil {
			return err
		}
		seen, err := c.run(ctx)
		c.stop()
		if err != nil {
			return err
		}
		if seen.found != planted {
			return fmt.Errorf("%d differences were planted and %d found", planted, seen.found)
		}
		system := fmt.Sprintf("%d requests, %d different", n, planted)
		add := func(name, unit string, v float64, judge func(float64) *target) {
			b.report.add(figure{Part: "verify", Name: name, System: system, Unit: unit}, []float64{v}, judge)
		}
		kib := float64(seen.bytes) / 1024
		if planted == 0 {
			equal = kib
			add("bytes between the gateways", "KiB", kib, below(verifyEqualKiB))
		} else {
			add("bytes between the gateways", "KiB", kib, nil)
			if planted > 1 { // one alone is less than what asking whether the holder is done varies by
				add("of these for each difference", "KiB", (kib-equal)/float64(planted), below(verifyEachKiB))
			}
		}
		add("calls between the gateways", "calls", float64(seen.calls), nil)
		add("time", "s", seen.took.Seconds(), nil)
		add("memory in use besides, both sites together", "MiB", float64(seen.heap)/(1<<20), below(2*verifyMiB))
	}
	return nil
}

// comparison is an owner and a holder of so many requests.
type comparison struct {
	owner, holder *replicate.Engine
	wire, calls   atomic.Int64
	stops         []func()
}

// compareSeen is what a comparison cost.
type compareSeen struct {
	bytes, calls int64
	found        int
	took         time.Duration
	heap         uint64
}

func newComparison(n, planted int) (*comparison, error) {
	c := &comparison{}
	p, err := madeProfile()
	if err != nil {
		return nil, err
	}
	engine := func(self, other request.Site, owner bool, url string) (*replicate.Engine, error) {
		key := []byte("a key of the bench, no secret")
		client, err := peer.NewClient(peer.ClientOptions{Self: self, Network: "bench", Key: key, Peers: map[request.Site]peer.Peer{other: {URL: url}}})
		if err != nil {
			return nil, err
		}
		c.stops = append(c.stops, client.Close)
		m := &made{site: self, owner: owner, n: n}
		if !owner {
			m.every = 0
			if planted > 0 {
				m.every = n / planted
			}
			m.planted = planted
		}
		table, problems := routing.Compile(nil, []request.Site{self, other})
		if len(problems) > 0 {
			return nil, fmt.Errorf("no routes: %v", problems)
		}
		return replicate.New(replicate.Options{Self: self, Sites: []request.Site{"oslo", "rome"}, Profile: p, Ledger: m, Upstream: m, Peers: client, Routes: table,
			Replica: "bench", Boot: "1"}), nil
	}
	if c.holder, err = engine("rome", "oslo", false, "http://127.0.0.1:1"); err != nil {
		return nil, err
	}
	url, err := c.listen(replicate.Face{Engine: c.holder, Greet: func() peer.Greeting { return peer.Greeting{Site: "rome"} }})
	if err != nil {
		return nil, err
	}
	c.owner, err = engine("oslo", "rome", true, url)
	return c, err
}

// listen serves the holder's peer endpoint and counts what goes over it.
func (c *comparison) listen(face replicate.Face) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	h := peer.NewServer(face, peer.ServerOptions{Self: "rome", Network: "bench", Key: []byte("a key of the bench, no secret"),
		Sites: func(request.Site) bool { return true }})
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.calls.Add(1)
		h.ServeHTTP(w, r)
	})}
	go func() { _ = srv.Serve(&countingListener{l, &c.wire}) }()
	c.stops = append(c.stops, func() { _ = srv.Close() })
	return "http://" + l.Addr().String(), nil
}

func (c *comparison) stop() {
	for _, stop := range c.stops {
		stop()
	}
}

// run compares once.
func (c *comparison) run(ctx context.Context) (out compareSeen, err error) {
	runtime.GC()
	before := liveHeap()
	began := time.Now()
	v, err := c.owner.Verify(ctx, request.VerifyOrder{})
	for err == nil && v.State == request.JobRunning {
		if err = pause(ctx, 50*time.Millisecond); err != nil {
			break
		}
		if live := liveHeap(); live > before {
			out.heap = max(out.heap, live-before)
		}
		v, err = c.owner.Verifying(ctx)
	}
	if err == nil && (v.State != request.JobDone || len(v.Unreached) > 0) {
		err = fmt.Errorf("the comparison ended as %s: %s %v", v.State, v.Error, v.Unreached)
	}
	out.took, out.found, out.bytes, out.calls = time.Since(began), v.Found, c.wire.Load(), c.calls.Load()
	return out, err
}

// liveHeap is what the last collection of garbage found in use.
func liveHeap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// countingListener counts the bytes of its connections, both ways.
type countingListener struct {
	net.Listener
	n *atomic.Int64
}

// Accept takes a connection.
func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countedConn{c, l.n}, nil
}

type countedConn struct {
	net.Conn
	n *atomic.Int64
}

// Read counts.
func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// Write counts.
func (c *countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n.Add(int64(n))
	return n, err
}

package harness

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Replica starts another gateway of the same site on the same store, which must be Redis. Its addresses are its own. The other sites
// reach the gateways of the site through a balancer from then on.
func (g *Gateway) Replica(t testing.TB) *Gateway {
	t.Helper()
	r := &Gateway{t: t, cluster: g.cluster, Name: g.Name, api: g.api, upstream: g.upstream, loose: g.loose, program: g.program,
		clientPort: FreePort(t), peerPort: FreePort(t), adminPort: FreePort(t)}
	r.overrides = []string{"--listen", Loopback(r.clientPort), "--peer-listen", Loopback(r.peerPort), "--admin-listen", Loopback(r.adminPort)}
	r.start()
	r.Ready()
	if g.balance == nil {
		g.balance = NewBalancer(t)
		g.balance.Add(g.PeerAddress(), g.Admin("/readyz"))
		for _, from := range g.cluster.names {
			if k := g.cluster.links[[2]string{from, g.Name}]; k != nil {
				k.Detour(g.balance.Address())
			}
		}
	}
	r.balance = g.balance
	g.balance.Add(r.PeerAddress(), r.Admin("/readyz"))
	return r
}

// Balancer takes connections and leads them, in turn, to those of several programs that are ready, as a load balancer does that asks each
// for its health. The connections of one that is no longer ready are broken.
type Balancer struct {
	listener net.Listener
	asking   *http.Client
	over     chan struct{}

	mu    sync.Mutex
	backs []*backend
	next  int
}

// backend is one program behind a balancer.
type backend struct {
	address, ready string
	down           bool
	open           map[net.Conn]struct{}
}

// NewBalancer starts one without any program behind it.
func NewBalancer(t testing.TB) *Balancer {
	t.Helper()
	b := &Balancer{listener: listenAnywhere(t), asking: &http.Client{Timeout: time.Second, Transport: transport()}, over: make(chan struct{})}
	go func() {
		for {
			in, err := b.listener.Accept()
			if err != nil {
				return
			}
			go b.carry(in)
		}
	}()
	t.Cleanup(func() {
		close(b.over)
		_ = b.listener.Close()
	})
	return b
}

// Address is where it listens.
func (b *Balancer) Address() string { return b.listener.Addr().String() }

// Add puts a program behind the balancer; ready is the URL that it is asked at, until the test ends.
func (b *Balancer) Add(address, ready string) {
	x := &backend{address: address, ready: ready, open: make(map[net.Conn]struct{})}
	b.mu.Lock()
	b.backs = append(b.backs, x)
	b.mu.Unlock()
	go func() {
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-b.over:
				tick.Stop()
				return
			case <-tick.C:
				b.look(x)
			}
		}
	}()
}

// look asks a program whether it is ready.
func (b *Balancer) look(x *backend) {
	res, err := b.asking.Get(x.ready)
	if err == nil {
		_ = res.Body.Close()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if x.down = err != nil || res.StatusCode != http.StatusOK; x.down {
		for c := range x.open {
			reset(c)
		}
	}
}

// pick is the next program that is ready.
func (b *Balancer) pick() *backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.backs {
		b.next++
		if x := b.backs[b.next%len(b.backs)]; !x.down {
			return x
		}
	}
	return nil
}

func (b *Balancer) carry(in net.Conn) {
	defer func() { _ = in.Close() }()
	x := b.pick()
	if x == nil {
		return
	}
	out, err := net.DialTimeout("tcp", x.address, time.Second)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	b.mu.Lock()
	x.open[in], x.open[out] = struct{}{}, struct{}{}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(x.open, in)
		delete(x.open, out)
	}()
	var both sync.WaitGroup
	pump := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		if tcp, ok := to.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}
	both.Go(func() { pump(out, in) })
	both.Go(func() { pump(in, out) })
	both.Wait()
}

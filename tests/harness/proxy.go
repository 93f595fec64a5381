package harness

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Link is a TCP connection between two programs that can fail: it listens at Address and forwards to a target.
type Link struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever the state changes
	cut     bool
	hold    [2]bool // black hole, by direction: forth (to the target) and back
	latency time.Duration
	open    map[net.Conn]struct{}
	closed  bool
	carried [2]int64
}

// The directions of a link.
const (
	forth = 0
	back  = 1
)

// NewLink makes a link to an address.
func NewLink(t testing.TB, target string) *Link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &Link{listener: l, target: target, changed: make(chan struct{}), open: make(map[net.Conn]struct{})}
	go k.accept()
	t.Cleanup(func() {
		k.set(func() { k.closed, k.cut = true, true })
		_ = l.Close()
	})
	return k
}

// Address is where the link listens.
func (k *Link) Address() string { return k.listener.Addr().String() }

// URL is the address as a URL.
func (k *Link) URL() string { return "http://" + k.Address() }

// Cut breaks all connections and refuses new ones.
func (k *Link) Cut() { k.set(func() { k.cut = true }) }

// Reset breaks all connections; new ones are taken.
func (k *Link) Reset() {
	k.set(func() { k.cut = true })
	k.set(func() { k.cut = false })
}

// Heal ends every fault. Connections that were held go on.
func (k *Link) Heal() { k.set(func() { k.cut, k.hold, k.latency = false, [2]bool{}, 0 }) }

// Hole swallows everything in both directions without breaking a connection, as a dead line does.
func (k *Link) Hole() { k.set(func() { k.hold = [2]bool{true, true} }) }

// OneWay lets calls through and holds the answers back.
func (k *Link) OneWay() { k.set(func() { k.hold = [2]bool{false, true} }) }

// Delay holds every piece of data back for a while.
func (k *Link) Delay(d time.Duration) { k.set(func() { k.latency = d }) }

// Carried is how many bytes have gone through, to the target and back.
func (k *Link) Carried() (to, from int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.carried[forth], k.carried[back]
}

// set changes the state, wakes whoever waits for a change, and breaks the connections when the link is cut.
func (k *Link) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
	close(k.changed)
	k.changed = make(chan struct{})
	if k.cut {
		for c := range k.open {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // a reset, not a polite end
			}
			_ = c.Close()
		}
	}
}

func (k *Link) accept() {
	for {
		in, err := k.listener.Accept()
		if err != nil {
			return
		}
		go k.carry(in)
	}
}

// keep remembers a connection so that a cut can break it; false when the link is cut.
func (k *Link) keep(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cut {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
		return false
	}
	k.open[c] = struct{}{}
	return true
}

func (k *Link) forget(c net.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, c)
	_ = c.Close()
}

func (k *Link) carry(in net.Conn) {
	if !k.keep(in) {
		return
	}
	defer k.forget(in)
	out, err := net.DialTimeout("tcp", k.target, 2*time.Second)
	if err != nil || !k.keep(out) {
		return
	}
	defer k.forget(out)
	var both sync.WaitGroup
	both.Go(func() { k.pump(out, in, forth) })
	both.Go(func() { k.pump(in, out, back) })
	both.Wait()
}

// pump moves data one way until either side ends.
func (k *Link) pump(to, from net.Conn, way int) {
	defer func() {
		if tcp, ok := to.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !k.pass(way, int64(n)) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = to.Close()
			}
			return
		}
	}
}

// pass waits until data may go on; false when the link was cut meanwhile.
func (k *Link) pass(way int, n int64) bool {
	var late <-chan time.Time
	waited := false
	for {
		k.mu.Lock()
		cut, hold, latency, changed := k.cut, k.hold[way], k.latency, k.changed
		if !cut && !hold && (latency == 0 || waited) {
			k.carried[way] += n
			k.mu.Unlock()
			return true
		}
		k.mu.Unlock()
		if cut {
			return false
		}
		if late == nil && !hold && latency > 0 {
			late = time.After(latency)
		}
		select {
		case <-changed:
		case <-late:
			waited = true
		}
	}
}

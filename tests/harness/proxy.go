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
	address, target string
	detour          string // where connections go instead; "" for the target

	mu       sync.Mutex
	listener net.Listener
	changed  chan struct{} // closed and replaced whenever the state changes
	cut      bool
	drop     bool
	hold     [2]bool // black hole, by direction: forth (to the target) and back
	latency  time.Duration
	open     map[net.Conn]struct{}
	carried  [2]int64
}

// The directions of a link.
const (
	forth = 0
	back  = 1
)

// NewLink makes a link to an address.
func NewLink(t testing.TB, target string) *Link {
	t.Helper()
	l := listenAnywhere(t)
	k := &Link{address: l.Addr().String(), target: target, listener: l, changed: make(chan struct{}), open: make(map[net.Conn]struct{})}
	go k.accept(l)
	t.Cleanup(k.Cut)
	return k
}

// Address is where the link listens.
func (k *Link) Address() string { return k.address }

// URL is the address as a URL.
func (k *Link) URL() string { return "http://" + k.Address() }

// Cut breaks all connections and refuses new ones.
func (k *Link) Cut() { k.set(func() { k.cut = true; k.breakAll() }) }

// Reset breaks all connections once; new ones are taken.
func (k *Link) Reset() { k.set(k.breakAll) }

// Drop takes connections and breaks them at once.
func (k *Link) Drop() { k.set(func() { k.drop = true; k.breakAll() }) }

// Heal ends every fault. Connections that were held go on.
func (k *Link) Heal() {
	k.set(func() { k.cut, k.drop, k.hold, k.latency = false, false, [2]bool{}, 0 })
}

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

// set changes the state, wakes whoever waits for a change, and listens only while the link is not cut.
func (k *Link) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
	close(k.changed)
	k.changed = make(chan struct{})
	switch {
	case k.cut && k.listener != nil:
		_ = k.listener.Close()
		k.listener = nil
	case !k.cut && k.listener == nil:
		l, err := net.Listen("tcp", k.address)
		if err != nil {
			return // the port was taken while the link was cut; the test will tell
		}
		k.listener = l
		go k.accept(l)
	}
}

// breakAll resets every connection.
func (k *Link) breakAll() {
	for c := range k.open {
		reset(c)
	}
}

// reset ends a connection as a broken line does, not politely.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (k *Link) accept(l net.Listener) {
	for {
		in, err := l.Accept()
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
	if k.cut || k.drop {
		reset(c)
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
	out, err := net.DialTimeout("tcp", k.goal(), 2*time.Second)
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

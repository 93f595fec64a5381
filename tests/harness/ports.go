package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

var ports struct {
	sync.Mutex
	next int
}

// FreePort returns a loopback port on which nobody listens, another one at each call. It lies below the range from which the
// system takes the ports of outgoing connections, so it stays free while a killed process is started again.
func FreePort(t testing.TB) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	const low, high = 12000, 32000
	if ports.next == 0 {
		ports.next = low + rand.IntN(high-low)
	}
	for range high - low {
		if ports.next++; ports.next >= high {
			ports.next = low
		}
		l, err := net.Listen("tcp", Loopback(ports.next))
		if err != nil {
			continue
		}
		_ = l.Close()
		return ports.next
	}
	t.Fatal("there is no free port")
	return 0
}

// listenAnywhere listens on such a port.
func listenAnywhere(t testing.TB) net.Listener {
	t.Helper()
	var err error
	for range 10 { // somebody else's tests may take a port between our look and our listening
		var l net.Listener
		if l, err = net.Listen("tcp", Loopback(FreePort(t))); err == nil {
			return l
		}
	}
	t.Fatal(err)
	return nil
}

// Loopback is a loopback address.
func Loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

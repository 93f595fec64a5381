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

// Loopback is a loopback address.
func Loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

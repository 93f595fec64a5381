package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sentinelMaster is the name under which the sentinels know the master.
const sentinelMaster = "ours"

// Sentinel is a Redis master with a replica, and three sentinels that watch over them.
type Sentinel struct {
	// Servers are the two Redis servers; the first is the master at first.
	Servers   []*Redis
	sentinels []*Redis
}

// NewSentinel starts them, and waits until the sentinels know each other and the replica. A master that is gone for a second is replaced.
func NewSentinel(t testing.TB) *Sentinel {
	t.Helper()
	s := &Sentinel{}
	master := NewRedis(t)
	host, port, _ := strings.Cut(master.Address(), ":")
	s.Servers = []*Redis{master, NewRedisWith(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")}
	for range 3 {
		dir := t.TempDir()
		own := FreePort(t)
		file := filepath.Join(dir, "sentinel.conf")
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\n", own, dir) +
			strings.ReplaceAll(fmt.Sprintf("sentinel monitor NAME %s %s 2\nsentinel down-after-milliseconds NAME 1000\n"+
				"sentinel failover-timeout NAME 4000\nsentinel parallel-syncs NAME 1\n", host, port), "NAME", sentinelMaster)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		x := &Redis{address: Loopback(own)}
		x.Process = startProcess(t, program{name: "sentinel", path: redisServer(t), dir: dir, args: []string{file, "--sentinel"}})
		x.Ready(t)
		s.sentinels = append(s.sentinels, x)
	}
	Eventually(t, 30*time.Second, "the sentinels know all", func() error {
		for _, x := range s.sentinels {
			text, err := x.Do("SENTINEL", "MASTER", sentinelMaster)
			if err != nil {
				return err
			}
			if !strings.Contains(text, "num-slaves\n1\n") || !strings.Contains(text, "num-other-sentinels\n2\n") {
				return fmt.Errorf("a sentinel says %s", strings.ReplaceAll(text, "\n", " "))
			}
		}
		if up, err := s.Servers[1].Do("INFO", "replication"); err != nil || !strings.Contains(up, "master_link_status:up") {
			return fmt.Errorf("the replica is not in step: %v %.100s", err, up)
		}
		return nil
	})
	return s
}

// URL is how a network file names them.
func (s *Sentinel) URL() string {
	var all []string
	for _, x := range s.sentinels {
		all = append(all, x.Address())
	}
	return "redis+sentinel://" + sentinelMaster + "@" + strings.Join(all, ",") + "/0"
}

// Master is the server that the sentinels name.
func (s *Sentinel) Master() (*Redis, error) {
	text, err := s.sentinels[0].Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinelMaster)
	if err != nil {
		return nil, err
	}
	address := strings.ReplaceAll(strings.TrimSpace(text), "\n", ":")
	for _, x := range s.Servers {
		if x.Address() == address {
			return x, nil
		}
	}
	return nil, fmt.Errorf("the sentinels name %s", address)
}

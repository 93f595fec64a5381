package harness

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// RedisCluster is a Redis Cluster of three masters.
type RedisCluster struct{ Masters []*Redis }

// NewRedisCluster starts one and waits until it serves.
func NewRedisCluster(t testing.TB) *RedisCluster {
	t.Helper()
	cli, err := exec.LookPath("redis-cli")
	if err != nil {
		missing(t, "redis-cli")
	}
	c := &RedisCluster{}
	args := []string{"--cluster", "create"}
	for range 3 {
		r := NewRedisWith(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(FreePort(t)), "--cluster-node-timeout", "3000",
			"--cluster-config-file", "nodes.conf")
		c.Masters = append(c.Masters, r)
		args = append(args, r.Address())
	}
	if out, err := exec.Command(cli, append(args, "--cluster-yes")...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli --cluster create: %v\n%s", err, out)
	}
	Eventually(t, 30*time.Second, "the cluster serves", c.Serves)
	return c
}

// Serves is nil when every master says that all slots are served.
func (c *RedisCluster) Serves() error {
	for _, r := range c.Masters {
		text, err := r.Do("CLUSTER", "INFO")
		if err != nil {
			return err
		}
		if !strings.Contains(text, "cluster_state:ok") || !strings.Contains(text, "cluster_known_nodes:3") {
			return fmt.Errorf("%s says %.200s", r.Address(), strings.ReplaceAll(text, "\r\n", " "))
		}
	}
	return nil
}

// URL is how a network file names it.
func (c *RedisCluster) URL() string {
	var all []string
	for _, r := range c.Masters {
		all = append(all, r.Address())
	}
	return "redis+cluster://" + strings.Join(all, ",")
}

// Move has a slot, with all that is in it, served by another master.
func (c *RedisCluster) Move(slot string, from, to *Redis) error {
	ids := make(map[*Redis]string)
	for _, r := range []*Redis{from, to} {
		id, err := r.Do("CLUSTER", "MYID")
		if err != nil {
			return err
		}
		ids[r] = strings.TrimSpace(id)
	}
	if _, err := to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from]); err != nil {
		return err
	}
	if _, err := from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]); err != nil {
		return err
	}
	host, port, _ := strings.Cut(to.Address(), ":")
	for {
		keys, err := from.Do("CLUSTER", "GETKEYSINSLOT", slot, "100")
		if err != nil {
			return err
		}
		list := strings.Fields(keys)
		if len(list) == 0 {
			break
		}
		if _, err := from.Do(append([]string{"MIGRATE", host, port, "", "0", "5000", "KEYS"}, list...)...); err != nil {
			return err
		}
	}
	for _, r := range append([]*Redis{to, from}, c.Masters...) {
		if _, err := r.Do("CLUSTER", "SETSLOT", slot, "NODE", ids[to]); err != nil {
			return err
		}
	}
	return nil
}

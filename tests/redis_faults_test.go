package tests

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// answerLimit is how long a client may wait for an answer while the store of its site is away.
const answerLimit = 20 * time.Second

// trouble writes through all gateways while a fault strikes, and then wants everything that was acknowledged, once.
func trouble(t *testing.T, n *harness.Cluster, doors map[string][]*harness.Gateway, strike func()) {
	t.Helper()
	c := newCrowd(t, n, doors)
	c.start(8)
	harness.Pause(700 * time.Millisecond)
	strike()
	mended := time.Now()
	for _, list := range doors {
		for _, g := range list {
			g.Ready()
			harness.Eventually(t, soon, "a create is taken", func() error {
				if a := g.Create("/tickets", ticket(subject("after the fault"), "")); !a.OK() {
					return fmt.Errorf("%d %v %.300s", a.Status, a.Err, a.Body)
				}
				return nil
			})
		}
	}
	t.Logf("all gateways took writes again after %v", time.Since(mended).Round(time.Millisecond))
	harness.Pause(500 * time.Millisecond)
	c.end()
	c.check(4 * soon)
	if c.slowest > answerLimit {
		t.Errorf("an answer took %v", c.slowest)
	}
}

// Redis is killed and restarted, stopped for a while, out of memory, and read-only under load of two gateways: clients get an answer in
// time, the gateways go on by themselves, and nothing is lost or made twice.
func TestRedisInTroubleUnderReplicas(t *testing.T) {
	t.Parallel()
	for name, strike := range map[string]func(t *testing.T, r *harness.Redis){
		"killed": func(t *testing.T, r *harness.Redis) {
			r.Kill()
			harness.Pause(1500 * time.Millisecond)
			r.Start()
			r.Ready(t)
		},
		"stopped": func(_ *testing.T, r *harness.Redis) {
			r.Signal(syscall.SIGSTOP)
			harness.Pause(3 * time.Second)
			r.Signal(syscall.SIGCONT)
		},
		"out of memory": func(t *testing.T, r *harness.Redis) {
			command(t, r, "CONFIG", "SET", "maxmemory", "1")
			harness.Pause(2 * time.Second)
			command(t, r, "CONFIG", "SET", "maxmemory", "512mb")
		},
		"read-only": func(t *testing.T, r *harness.Redis) {
			command(t, r, "CONFIG", "SET", "min-replicas-to-write", "1")
			harness.Pause(2 * time.Second)
			command(t, r, "CONFIG", "SET", "min-replicas-to-write", "0")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := harness.Fakes(t, "oslo", "rome")
			redis := harness.NewRedis(t)
			sites[0].Store = redis.URL()
			n, doors := twins(t, harness.Start(t, harness.Network{Sites: sites, Routes: everywhere}), 2, false)
			for range harness.Rounds(1, 10) {
				trouble(t, n, doors, func() { strike(t, redis) })
			}
		})
	}
}

func command(t *testing.T, r *harness.Redis, words ...string) {
	t.Helper()
	if _, err := r.Do(words...); err != nil {
		t.Errorf("%v: %v", words, err)
	}
}

// The master behind Sentinel is killed under load: the gateways go on with the one that the sentinels choose, without a restart.
func TestRedisSentinelFailover(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	watched := harness.NewSentinel(t)
	sites[0].Store = watched.URL()
	n, doors := twins(t, harness.Start(t, harness.Network{Sites: sites, Routes: everywhere}), 2, false)
	for range harness.Rounds(1, 5) {
		trouble(t, n, doors, func() {
			master, err := watched.Master()
			if err != nil {
				t.Error(err)
				return
			}
			master.Kill()
			began := time.Now()
			harness.Eventually(t, 30*time.Second, "there is another master", func() error {
				next, err := watched.Master()
				if err == nil && next == master {
					err = fmt.Errorf("it is the same still")
				}
				return err
			})
			t.Logf("another master after %v", time.Since(began).Round(time.Millisecond))
			master.Start()
			master.Ready(t)
		})
	}
}

// A Redis Cluster of three masters does all that a single server does; a master is restarted under load, and slots move.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	shards := harness.NewRedisCluster(t)
	sites[0].Store = shards.URL()
	n, doors := twins(t, harness.Start(t, harness.Network{Sites: sites, Routes: everywhere}), 2, false)
	oslo, rome, second := doors["oslo"][0], n.At("rome"), doors["oslo"][1]
	// The whole life of a request, through one gateway and the other.
	name := subject("in a cluster")
	made := oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, ""), Key: key(name)}).Want(201)
	if again := second.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, ""), Key: key(name)}).Want(201); again.ID() != made.ID() {
		t.Errorf("two records for one key: %s and %s", made.Body, again.Body)
	}
	second.Patch("/tickets/"+made.ID(), `{"note":"by the second"}`).Want(200)
	n.WantSame(name, soon, "oslo", "rome")
	second.Transfer(made.Request(), "rome", "ownership").Want(200, 202)
	n.WantOwner(made.Request(), "rome", soon)
	oslo.Patch("/tickets/"+made.ID(), `{"note":"forwarded"}`).Want(200).WantReceipt("rome")
	rome.WantCopy(name, soon, map[string]any{"note": "forwarded"})
	second.Delete("/tickets/"+made.ID()).Want(200, 204)
	rome.WantNone(name, soon)
	oslo.WantNone(name, soon)
	n.Settled(soon)

	trouble(t, n, doors, func() {
		shards.Masters[1].Kill()
		harness.Pause(time.Second)
		shards.Masters[1].Start()
		shards.Masters[1].Ready(t)
		harness.Eventually(t, 30*time.Second, "the cluster serves again", shards.Serves)
	})
	trouble(t, n, doors, func() {
		for slot := range 200 {
			if err := shards.Move(fmt.Sprint(slot), shards.Masters[0], shards.Masters[2]); err != nil {
				t.Errorf("moving slot %d: %v", slot, err)
				return
			}
		}
	})
}

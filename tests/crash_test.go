package tests

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// furniture sends chairs to Chicago, copies desks everywhere, and so leaves every request at both sites.
const furniture = chairs + `- {name: all, on: [create], when: 'category == "desk"', copy: {to: all}}
`

// Gateways are killed with kill -9 at random moments under load, one after the other, and started again. Everything acknowledged
// is there in the end, nothing is doubled at any API, and all copies are equal.
func TestKillUnderLoad(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: furniture + `
- {name: chicago-desks, on: [create], at: [chicago], when: 'category == "chair"', copy: {to: all}}
`})
	killUnderLoad(t, n, harness.Rounds(20, 200), 4*soon)
}

// The same on Redis. Deliveries that a killed gateway had in flight are leased there, and go on when the lease is over.
func TestKillUnderLoadOnRedis(t *testing.T) {
	t.Parallel()
	redis := harness.NewRedis(t)
	sites := harness.Fakes(t, "san-francisco", "chicago")
	for i := range sites {
		sites[i].Store = redis.URL()
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: furniture + `
- {name: chicago-desks, on: [create], at: [chicago], when: 'category == "chair"', copy: {to: all}}
`})
	killUnderLoad(t, n, harness.Rounds(20, 200), leased)
}

// leased is how long copies may take that were in flight when something died, with a lease of a minute and a half.
const leased = 150 * time.Second

func killUnderLoad(t *testing.T, n *harness.Cluster, rounds int, patience time.Duration) {
	t.Helper()
	l := startLoad(n, 6)
	for range rounds {
		harness.Pause(time.Duration(100+rand.IntN(400)) * time.Millisecond)
		g := n.At(n.Sites()[rand.IntN(2)])
		g.Kill()
		if rand.IntN(3) == 0 {
			harness.Pause(time.Duration(rand.IntN(300)) * time.Millisecond)
		}
		g.Restart()
	}
	harness.Pause(500 * time.Millisecond)
	count := l.end()
	if count < 2*rounds {
		t.Errorf("only %d writes were acknowledged", count)
	}
	t.Logf("%d writes acknowledged, %d creates without an answer", count, len(l.maybe))
	l.check(t, patience)
}

// Redis itself is killed and started again under load. It had written everything to disk, so nothing acknowledged is lost, and
// the gateways go on by themselves.
func TestRedisKilledUnderLoad(t *testing.T) {
	t.Parallel()
	redis := harness.NewRedis(t)
	sites := harness.Fakes(t, "san-francisco", "chicago")
	for i := range sites {
		sites[i].Store = redis.URL()
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: furniture + `
- {name: chicago-desks, on: [create], at: [chicago], when: 'category == "chair"', copy: {to: all}}
`})
	l := startLoad(n, 6)
	for range harness.Rounds(5, 40) {
		harness.Pause(time.Duration(200+rand.IntN(600)) * time.Millisecond)
		redis.Kill()
		harness.Pause(time.Duration(rand.IntN(500)) * time.Millisecond)
		redis.Start()
		redis.Ready(t)
	}
	for _, site := range n.Sites() {
		n.At(site).Ready()
	}
	harness.Pause(time.Second)
	if count := l.end(); count < 20 {
		t.Errorf("only %d writes were acknowledged", count)
	}
	l.check(t, leased)
}

// A gateway that is asked to stop finishes what it has begun: every call that was under way is answered, and nothing is in doubt.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("drained")
	slow := oslo.Fake().Inject(&harness.Fault{Method: "POST", Times: 1, Wait: 700 * time.Millisecond, Commit: true})
	answer := make(chan harness.Answer, 1)
	go func() { answer <- oslo.Create("/tickets", ticket(name, "")) }()
	harness.Eventually(t, soon, "the call is under way", func() error { return struck(oslo.Fake(), slow) })
	oslo.Process().Stop(20 * time.Second)
	if a := <-answer; a.Err != nil || a.Status != 201 {
		t.Errorf("a call that was under way got %d %v", a.Status, a.Err)
	}
	oslo.Restart()
	rome.WantCopy(name, 2*soon, nil)
	if c := len(oslo.Fake().Commits("POST")); c != 1 {
		t.Errorf("it was created %d times", c)
	}
}

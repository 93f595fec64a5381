package tests

import (
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// All gateways of a site are asked to end and started again, one after the other, under load: no call is answered with an
// error, but a client may meet a gateway that is not there, or a connection that just ends.
func TestReplicasRestartInTurn(t *testing.T) {
	t.Parallel()
	n, doors := replicated(t, 2, false, "")
	n.At("oslo").Fake().Inject(harness.Slow("", 3*time.Millisecond))
	c := newCrowd(t, n, map[string][]*harness.Gateway{"oslo": doors["oslo"]})
	c.calm = true
	c.start(6)
	for range harness.Rounds(1, 10) {
		for _, g := range doors["oslo"] {
			harness.Pause(300 * time.Millisecond)
			began := time.Now()
			g.Process().Stop(30 * time.Second)
			t.Logf("a gateway took %v to end", time.Since(began).Round(time.Millisecond))
			g.Restart()
		}
	}
	harness.Pause(300 * time.Millisecond)
	c.end()
	c.check(3 * soon)
}

// A site that comes back is asked by each gateway that has something for it with one call at first, and gets what it is owed once.
func TestReplicasDoNotStorm(t *testing.T) {
	t.Parallel()
	n, doors := replicated(t, 3, false, "")
	oslo, rome := n.At("oslo"), n.At("rome")
	n.Cut("oslo", "rome")
	var names []string
	for i := range 60 {
		names = append(names, subject("while away"))
		doors["oslo"][i%3].Create("/tickets", ticket(names[i], "")).Want(201)
	}
	oslo.WantHealth("Rome is down", 2*soon, func(h harness.Health) bool { return h.To("rome").State == "down" })
	n.Heal("oslo", "rome")
	for _, name := range names {
		n.WantSame(name, 2*soon, "oslo", "rome")
	}
	n.Settled(2 * soon)
	if c := rome.Fake().Commits("POST"); len(c) != len(names) {
		t.Errorf("Rome's request API was sent %d creates for %d requests", len(c), len(names))
	}
	if w := rome.Fake().Writes(); len(w) > len(names)+10 {
		t.Errorf("Rome's request API was sent %d writes for %d requests", len(w), len(names))
	}
}

package tests

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// agesAgo is how many commits the version before is old.
const agesAgo = 40

// The software is replaced at one site after the other while clients write, and at one of them put back again: sites of two versions work
// with each other, each reads the store of the other, and nothing is lost or there twice.
func TestRollingSoftware(t *testing.T) {
	t.Parallel()
	before := harness.Before(t, agesAgo)
	sites := harness.Fakes(t, "oslo", "rome", "paris")
	for i := range sites {
		sites[i].Program = before
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	for i, step := range []struct{ site, program string }{{"rome", ""}, {"oslo", ""}, {"rome", before}, {"paris", ""}, {"rome", ""}} {
		f := newFight(t, n, fmt.Sprintf("upgrade %d of %s", i, step.site))
		f.start()
		f.order("oslo", step.site) // it owns what it is written to when it is stopped
		n.At(step.site).Upgrade(step.program)
		f.order(step.site, "paris")
		f.end()
		f.check(t, 4*soon)
		if t.Failed() {
			t.Fatalf("step %d: %+v", i, step)
		}
	}
	n.Settled(4 * soon)
}

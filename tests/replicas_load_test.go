package tests

import (
	"fmt"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// replicated starts a network of two sites whose gateways share a Redis each: that many at Oslo, two at Rome when both is set.
func replicated(t *testing.T, oslo int, both bool, profile string) (*harness.Cluster, map[string][]*harness.Gateway) {
	t.Helper()
	sites := harness.Fakes(t, "oslo", "rome")
	for i := range sites {
		if sites[i].Profile = profile; profile != "" {
			sites[i].Extra = "quiescence: 1s\n" // the profile's own is never shorter than its timeout
		}
	}
	sites[0].Store = harness.NewRedis(t).URL()
	if both {
		sites[1].Store = harness.NewRedis(t).URL()
	}
	return twins(t, harness.Start(t, harness.Network{Sites: sites, Routes: everywhere}), oslo, both)
}

// twins adds gateways to Oslo until there are so many, and one to Rome when both is set.
func twins(t *testing.T, n *harness.Cluster, oslo int, both bool) (*harness.Cluster, map[string][]*harness.Gateway) {
	t.Helper()
	doors := map[string][]*harness.Gateway{"oslo": {n.At("oslo")}, "rome": {n.At("rome")}}
	for range oslo - 1 {
		doors["oslo"] = append(doors["oslo"], n.At("oslo").Replica(t))
	}
	if both {
		doors["rome"] = append(doors["rome"], n.At("rome").Replica(t))
	}
	return n, doors
}

// Two and three gateways of a site write the same requests at the same instant, with requests moving to and fro: no write is lost or
// made twice, every acknowledged write has a version of its own, and the copies converge.
func TestReplicasUnderLoad(t *testing.T) {
	t.Parallel()
	for _, gateways := range []int{2, 3} {
		t.Run(fmt.Sprint(gateways), func(t *testing.T) {
			t.Parallel()
			n, doors := replicated(t, gateways, true, "")
			n.At("oslo").Fake().Inject(harness.Slow("PATCH", 3*time.Millisecond))
			c := newCrowd(t, n, doors)
			c.start(12)
			for end := time.Now().Add(time.Duration(harness.Rounds(4, 40)) * time.Second); time.Now().Before(end); harness.Pause(200 * time.Millisecond) {
				if x := c.any(); x != nil {
					c.doors["oslo"][gateways-1].Transfer(x.ref, c.sites[time.Now().Nanosecond()/1000%2], "ownership")
				}
			}
			c.end()
			c.check(3 * soon)
		})
	}
}

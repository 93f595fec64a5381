package tests

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

var hellos = regexp.MustCompile(`(?m)^meridian_peer_calls_total\{.*call="hello".*destination="rome".*result="ok".*\} (\d+)`)

// A site that only receives, a knowledge base or an archive, has no clients whose calls would show that its request API is back. What was
// owed to it meanwhile comes all the same, however long the API was away: no breaker waits for a call that nobody makes.
func TestFaultIdleSiteComesBack(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	rome.Fake().Down()
	name := subject("for the idle")
	oslo.Create("/tickets", ticket(name, "")).Want(http.StatusCreated)
	oslo.WantHealth("rome is down", 2*soon, func(h harness.Health) bool { return h.To("rome").State == "down" })
	// The breaker opens for longer with each try; after some eight hellos it is open for as long as it ever is.
	said := func() int {
		if m := hellos.FindStringSubmatch(oslo.Metrics()); m != nil {
			n, _ := strconv.Atoi(m[1])
			return n
		}
		return 0
	}
	first := said()
	harness.Eventually(t, 8*soon, "eight hellos", func() error {
		if n := said() - first; n < 8 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	rome.WantHealth("its own API is away", soon, func(h harness.Health) bool { return len(h.Problems) == 1 })
	rome.Fake().Up(t)
	rome.WantCopy(name, 2*soon, nil)
	oslo.WantHealth("all is well", 2*soon, func(h harness.Health) bool { return h.State == "ok" })
	rome.WantHealth("all is well", soon, func(h harness.Health) bool { return h.State == "ok" && len(h.Problems) == 0 })
}

package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// drifting is a pair of sites of which the second one's copies are under a policy; watched looks for changes every second.
func drifting(t *testing.T, policy string, watches bool) (n *harness.Cluster, oslo, rome *harness.Gateway) {
	t.Helper()
	sites := harness.Fakes(t, "oslo", "rome")
	sites[1].Profile = harness.RestProfile + "    drift: " + policy + "\n"
	if watches {
		sites[1].Profile = watched(sites[1].Profile, "")
	}
	n = harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	return n, n.At("oslo"), n.At("rome")
}

// A copy that was changed behind the gateway: what verify, the watch and a delivery do about it is one policy.
func TestDriftOverwrite(t *testing.T) {
	t.Parallel()
	n, oslo, rome := drifting(t, "overwrite", true)
	name := subject("overwritten")
	made := oslo.Create("/tickets", ticket(name, `"n":1`)).Want(201)
	n.Settled(time.Minute)
	rome.Edit(name, `{"status":"wrong"}`)
	rome.WantCopy(name, soon, map[string]any{"status": "open"})
	rome.Edit(name, "")
	rome.WantCopy(name, soon, map[string]any{"status": "open"})
	rome.Edit(name, `{"status":"wrong"}`)
	oslo.Patch("/tickets/"+made.ID(), `{"n":2}`).Want(200)
	rome.WantCopy(name, soon, map[string]any{"status": "open", "n": 2})
	wantEqual(t, oslo)
}

func TestDriftReport(t *testing.T) {
	t.Parallel()
	n, oslo, rome := drifting(t, "report", true)
	name := subject("reported")
	made := oslo.Create("/tickets", ticket(name, `"n":1`)).Want(201)
	n.Settled(time.Minute)
	rome.Edit(name, `{"status":"by hand"}`)
	harness.Eventually(t, soon, "the watch tells of it", func() error {
		if !strings.Contains(rome.Metrics(), `what="reported"`) {
			return fmt.Errorf("nothing was reported")
		}
		return nil
	})
	for range 2 { // it stays, also when it is to be repaired and when the owner changes something else
		for _, args := range [][]string{nil, {"--repair"}} {
			list := verify(t, oslo, 1, args...)
			wantDifference(t, list, "field at rome status: open, by hand")
			if len(list) == 1 && list[0].Repaired {
				t.Errorf("it says that it was repaired")
			}
		}
		rome.WantCopy(name, soon, map[string]any{"status": "by hand"})
		oslo.Patch("/tickets/"+made.ID(), `{"n":2}`).Want(200)
		rome.WantCopy(name, soon, map[string]any{"n": 2, "status": "by hand"})
		n.Settled(time.Minute)
	}
	oslo.Patch("/tickets/"+made.ID(), `{"status":"closed"}`).Want(200) // the owner's value is newer
	rome.WantCopy(name, soon, map[string]any{"status": "closed", "n": 2})
	n.Settled(time.Minute)
	wantEqual(t, oslo)
	rome.Edit(name, "")
	wantDifference(t, verify(t, oslo, 1, "--repair"), "missing at rome : 1.4, <nil>")
	rome.WantNone(name, 0)
	oslo.Patch("/tickets/"+made.ID(), `{"n":3}`).Want(200)
	rome.WantCopy(name, soon, map[string]any{"status": "closed", "n": 3})
}

func TestDriftAdopt(t *testing.T) {
	t.Parallel()
	for _, watches := range []bool{true, false} {
		n, oslo, rome := drifting(t, "adopt", watches)
		name := subject("adopted")
		made := oslo.Create("/tickets", ticket(name, `"n":1`)).Want(201)
		n.Settled(time.Minute)
		rome.Edit(name, `{"status":"by hand"}`)
		if !watches { // then a comparison does it
			list := verify(t, oslo, 1, "--repair")
			wantDifference(t, list, "field at rome status: open, by hand")
			if len(list) != 1 || !list[0].Repaired {
				t.Errorf("%v was not repaired", list)
			}
		}
		oslo.WantCopy(name, soon, map[string]any{"status": "by hand", "n": 1})
		n.Settled(time.Minute)
		wantEqual(t, oslo)
		if watches {
			continue
		}
		// A delivery meets it: what the owner has not changed is adopted, where both have the owner's wins, and nothing is lost silently.
		rome.Edit(name, `{"status":"once more","n":77}`)
		oslo.Patch("/tickets/"+made.ID(), `{"n":2}`).Want(200)
		oslo.WantCopy(name, soon, map[string]any{"status": "once more", "n": 2})
		rome.WantCopy(name, soon, map[string]any{"status": "once more", "n": 2})
		n.Settled(time.Minute)
		if c := oslo.WantConflicts(made.Request(), 1, soon); len(c) != 1 {
			t.Errorf("conflicts: %v", c)
		}
		wantEqual(t, oslo)
		// What the owner's API refuses is undone.
		oslo.Fake().Inject(&harness.Fault{Method: "PATCH", Times: 1, Status: 422, Body: "no"})
		rome.Edit(name, `{"status":"refused"}`)
		verify(t, oslo, 1, "--repair")
		rome.WantCopy(name, soon, map[string]any{"status": "once more"})
		rome.Edit(name, "")
		verify(t, oslo, 1, "--repair")
		rome.WantCopy(name, soon, map[string]any{"status": "once more", "n": 2})
		n.Settled(time.Minute)
		wantEqual(t, oslo)
	}
}

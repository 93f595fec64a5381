package tests

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// without is a network file without a site and its profile.
func without(text, site string) string {
	return regexp.MustCompile(`(?m)^  `+site+`:\n(    .*\n)+`).ReplaceAllString(text, "")
}

// A site joins a running network, file by file, with requests moving about; nobody is restarted. It leaves again: as long as it owns or is
// owed something the others keep it, and say why; then they let it go.
func TestRollingSites(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: everywhere,
		Files: func(site, text string) string {
			if site == "paris" {
				return ""
			}
			return without(text, "paris")
		}})
	all, two := n.Text(), without(n.Text(), "paris")
	oslo, rome, paris := n.At("oslo"), n.At("rome"), n.At("paris")
	old := subject("before paris")
	ref := oslo.Create("/tickets", ticket(old, "")).Want(201).Request()
	rome.WantCopy(old, soon, nil)

	// oslo knows paris before paris runs, and before rome has heard of it.
	must(t, oslo.Give(all))
	early := subject("early")
	earlyRef := oslo.Create("/tickets", ticket(early, "")).Want(201).Request()
	if a := oslo.Transfer(earlyRef, "rome", "ownership"); a.Status != 202 && a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	n.At("rome").WantCopy(early, soon, nil)
	paris.Join(all)
	must(t, rome.Give(all))
	paris.WantCopy(early, 4*soon, nil) // whoever owes it now
	agreed(t, n, all)
	if rec := paris.Create("/tickets", ticket(subject("made in paris"), "")).Want(201); rec.Owner() != "paris" {
		t.Errorf("the owner is %s", rec.Owner())
	}
	oslo.Transfer(ref, "paris", "ownership")
	n.WantOwner(ref, "paris", 4*soon)

	// It owns something: nobody lets it go.
	for _, g := range []*harness.Gateway{oslo, rome} {
		if err := g.Give(two); err == nil || !strings.Contains(err.Error(), "it drops site paris, which owns 2 requests") {
			t.Errorf("%s lets an owner go: %v", g.Name, err)
		}
	}
	before, err := oslo.Config()
	if err != nil || before.Hash != harness.Hash(all) {
		t.Errorf("the file in force is %s (%v)", before.Hash, err)
	}
	var list struct{ Requests []harness.View }
	must(t, paris.Ask("/api/v1/requests", &list))
	for _, v := range list.Requests {
		if v.Role != "owner" {
			continue
		}
		id := v.Request
		paris.Transfer(id, "rome", "ownership")
		n.WantOwner(id, "rome", 4*soon)
	}
	n.Settled(4 * soon)
	waitGive(t, oslo, two)
	rome.Patch("/tickets/"+rome.WantCopy(old, soon, nil).ID(), `{"n":1}`).Want(200) // rome still owes it to paris, oslo does not know paris any more
	waitGive(t, rome, two)
	if err := paris.Give(two); err == nil || !strings.Contains(err.Error(), "site paris is no longer in it") {
		t.Errorf("paris takes a file without itself: %v", err)
	}
	paris.Quit()
	rome.Patch("/tickets/"+rome.WantCopy(old, soon, nil).ID(), `{"n":2}`).Want(200)
	oslo.WantCopy(old, 2*soon, map[string]any{"n": 2})
	agreed(t, n, two)
}

// waitGive gives a file until what binds the gateway to a site is delivered.
func waitGive(t *testing.T, g *harness.Gateway, text string) {
	t.Helper()
	harness.Eventually(t, 4*soon, g.Name+" takes the file", func() error { return g.Give(text) })
}

// A site that is lost for good is said to be gone: what is owed to it ends, and what it owned can be reclaimed.
func TestRollingSiteGone(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: everywhere,
		Files: func(_, text string) string { return text }})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("owned by the lost")
	ref := n.At("paris").Create("/tickets", ticket(name, "")).Want(201).Request()
	oslo.WantCopy(name, soon, nil)
	rome.WantCopy(name, soon, nil)
	n.At("paris").Quit()
	other := subject("owed to the lost")
	oslo.Create("/tickets", ticket(other, "")).Want(201)
	two := without(n.Text(), "paris")
	if err := oslo.Give(two); err == nil || !strings.Contains(err.Error(), "owns 1 requests known here and has not confirmed 1 deliveries") {
		t.Errorf("it is dropped: %v", err)
	}
	gone := strings.Replace(two, "network: test\n", "network: test\ngone: [paris]\n", 1)
	must(t, oslo.Give(gone))
	must(t, rome.Give(gone))
	n.Settled(4 * soon)
	if a := oslo.Command(ref, "reclaim", `{"reason":"paris burned down"}`); a.Status != 200 && a.Status != 202 {
		t.Fatalf("reclaim: %d %s", a.Status, a.Body)
	}
	local := rome.WantCopy(name, soon, nil).ID()
	harness.Eventually(t, soon, "rome hears of the new owner", func() error {
		if a := rome.Get("/tickets/" + local); a.Owner() != "oslo" {
			return fmt.Errorf("it holds for the owner %q", a.Owner())
		}
		return nil
	})
	rome.Patch("/tickets/"+local, `{"n":1}`).Want(200)
	oslo.WantCopy(name, 2*soon, map[string]any{"n": 1})
	n.Settled(4 * soon)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

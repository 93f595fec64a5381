package tests

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// writes: refuse answers 409 at a copy, names the owner, and changes nothing; whoever the owner is by then.
func TestOwnershipWritesRefused(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `
- {name: strict, on: [create], at: [oslo], copy: {to: rome, writes: refuse}}
`})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("read only")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	there := rome.WantCopy(name, soon, nil)
	n.Settled(soon)
	before := [2]int{len(oslo.Fake().Writes()), len(rome.Fake().Writes())}
	for _, a := range []harness.Answer{rome.Patch("/tickets/"+there.ID(), `{"n":1}`), rome.Delete("/tickets/" + there.ID()),
		rome.Put("/tickets/"+there.ID(), ticket(name, `"n":1`))} {
		a.WantProblem(409, "conflict")
		if a.Owner() != "oslo" {
			t.Errorf("Meridian-Owner is %q", a.Owner())
		}
	}
	if after := [2]int{len(oslo.Fake().Writes()), len(rome.Fake().Writes())}; after != before {
		t.Errorf("the APIs were written: %v, before it was %v", after, before)
	}
	oslo.Patch("/tickets/"+made.ID(), `{"n":2}`).Want(200)
	rome.WantCopy(name, soon, map[string]any{"n": 2})
	oslo.Transfer(made.Request(), "rome", "ownership").Want(202)
	n.WantOwner(made.Request(), "rome", soon)
	rome.Patch("/tickets/"+there.ID(), `{"n":3}`).Want(200).WantReceipt("rome")
	n.WantSame(name, soon, "oslo", "rome")
}

// queued is a network whose copies take writes for later.
func queued(t *testing.T) (n *harness.Cluster, oslo, rome *harness.Gateway) {
	t.Helper()
	n = harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `
- {name: patient, on: [create], at: [oslo], copy: {to: rome, writes: queue}}
`})
	return n, n.At("oslo"), n.At("rome")
}

// wantQueued wants a write to be taken for later.
func wantQueued(t *testing.T, a harness.Answer) harness.Answer {
	t.Helper()
	a.Want(202)
	if a.Header.Get("Meridian-State") != "queued" || a.Operation() == "" || a.Header.Get("Location") != a.Operation() || a.Header.Get("ETag") != "" {
		t.Errorf("the answer to a queued write: %v", a.Header)
	}
	return a
}

// writes: queue takes a write while the owner cannot be reached, makes it there later in order and once, also if the gateway was
// killed meanwhile, and tells how it ended.
func TestOwnershipWritesQueued(t *testing.T) {
	t.Parallel()
	n, oslo, rome := queued(t)
	name := subject("queued")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	there := rome.WantCopy(name, soon, nil)
	n.Settled(soon)
	rome.Patch("/tickets/"+there.ID(), `{"n":1}`).Want(200).WantReceipt("oslo") // as long as the owner is there it is asked
	n.Settled(soon)

	n.Cut("oslo", "rome")
	var ops []string
	for i := range 3 {
		ops = append(ops, wantQueued(t, rome.Patch("/tickets/"+there.ID(), fmt.Sprintf(`{"w%d":true}`, i))).Operation())
	}
	key := harness.Call{Method: "PATCH", Path: "/tickets/" + there.ID(), Body: `{"keyed":1}`, Key: key(name)}
	first := wantQueued(t, rome.Do(key))
	if again := wantQueued(t, rome.Do(key)); again.Operation() != first.Operation() {
		t.Errorf("the same key queued it as %s and as %s", first.Operation(), again.Operation())
	}
	rome.WantOperation(ops[0], soon, "queued")
	rome.WantCopy(name, 0, map[string]any{"n": 1})
	if got := rome.Get("/tickets/" + there.ID()).Want(200).Record(); fmt.Sprint(got["n"]) != "1" {
		t.Errorf("the copy reads n=%v before the owner has made the write", got["n"])
	}
	rome.Kill()
	rome.Restart()
	rome.WantOperation(ops[2], soon, "queued")
	oslo.Patch("/tickets/"+made.ID(), `{"other":"field"}`).Want(200)
	before := len(oslo.Fake().Commits("PATCH"))

	n.Heal("oslo", "rome")
	for _, op := range append(ops, first.Operation()) {
		if end := rome.WantOperation(op, 2*soon, "done"); end["version"] == "" {
			t.Errorf("the operation ended as %v", end)
		}
	}
	rome.WantCopy(name, soon, map[string]any{"n": 1, "w0": true, "w1": true, "w2": true, "keyed": 1, "other": "field"})
	n.WantSame(name, soon, "oslo", "rome")
	n.Settled(soon)
	if c := len(oslo.Fake().Commits("PATCH")) - before; c != 4 {
		t.Errorf("4 queued writes were %d at the owner", c)
	}
	for _, g := range []*harness.Gateway{oslo, rome} {
		g.WantConflicts(made.Request(), 0, soon)
	}
}

// Queued writes of one site follow each other: a later one of the same field is not in conflict with the one before it, and a
// deletion is not with the update that was queued before it.
func TestOwnershipQueuedInOrder(t *testing.T) {
	t.Parallel()
	n, oslo, rome := queued(t)
	name := subject("queued in order")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	there := rome.WantCopy(name, soon, nil)
	n.Settled(soon)
	n.Cut("oslo", "rome")
	var ops []string
	for i := range 3 {
		ops = append(ops, wantQueued(t, rome.Patch("/tickets/"+there.ID(), fmt.Sprintf(`{"n":%d}`, i+1))).Operation())
	}
	n.Heal("oslo", "rome")
	for _, op := range ops {
		rome.WantOperation(op, 2*soon, "done")
	}
	n.WantSame(name, soon, "oslo", "rome")
	oslo.WantCopy(name, 0, map[string]any{"n": 3})
	oslo.WantConflicts(made.Request(), 0, soon)
	n.Settled(soon)

	n.Cut("oslo", "rome")
	ops = []string{wantQueued(t, rome.Patch("/tickets/"+there.ID(), `{"n":4}`)).Operation(), wantQueued(t, rome.Delete("/tickets/"+there.ID())).Operation()}
	n.Heal("oslo", "rome")
	for _, op := range ops {
		rome.WantOperation(op, 2*soon, "done")
	}
	oslo.WantNone(name, soon)
	rome.WantNone(name, soon)
}

// A queued write whose fields the owner has changed meanwhile loses in these fields and no others. What lost is a conflict record at
// the owner, which is counted, listed and dismissed.
func TestOwnershipQueuedConflict(t *testing.T) {
	t.Parallel()
	n, oslo, rome := queued(t)
	name := subject("queued too late")
	made := oslo.Create("/tickets", ticket(name, `"note":"none"`)).Want(201)
	there := rome.WantCopy(name, soon, nil)
	n.Settled(soon)

	n.Cut("oslo", "rome")
	both := wantQueued(t, rome.Patch("/tickets/"+there.ID(), `{"status":"closed","note":"from Rome"}`))
	only := wantQueued(t, rome.Patch("/tickets/"+there.ID(), `{"status":"void"}`))
	oslo.Patch("/tickets/"+made.ID(), `{"status":"held"}`).Want(200)
	n.Heal("oslo", "rome")
	rome.WantOperation(both.Operation(), 2*soon, "done", "conflict")
	rome.WantOperation(only.Operation(), 2*soon, "conflict")
	for _, g := range []*harness.Gateway{oslo, rome} {
		g.WantCopy(name, soon, map[string]any{"status": "held", "note": "from Rome"})
	}
	list := oslo.WantConflicts(made.Request(), 2, soon)
	lost := make(map[string]bool)
	for _, c := range list {
		if c.Kind != "queue" || c.Site != "rome" || len(c.Fields) != 1 || string(c.Fields[0].Theirs) != `"held"` {
			t.Errorf("a conflict record is %+v", c)
		}
		lost[c.Lost()["status"]] = true
	}
	if !lost[`"closed"`] || !lost[`"void"`] {
		t.Errorf("the values that lost are %v", lost)
	}
	oslo.WantHealth("the conflict is counted", soon, func(h harness.Health) bool { return h.Conflicts == 1 })
	if out, code := oslo.CLI("conflicts", "show", made.Request()); code != 0 || !strings.Contains(out, "closed") || !strings.Contains(out, "held") {
		t.Errorf("conflicts show: exit %d\n%s", code, out)
	}
	for _, c := range list {
		if out, code := oslo.CLI("conflicts", "dismiss", made.Request(), c.ID); code != 0 {
			t.Errorf("dismiss %s: exit %d\n%s", url.PathEscape(c.ID), code, out)
		}
	}
	oslo.WantConflicts(made.Request(), 0, soon)
	oslo.WantHealth("no conflict is left", soon, func(h harness.Health) bool { return h.Conflicts == 0 })

	// A request that was deleted meanwhile stays deleted; what was queued is kept where it was queued.
	n.Settled(soon)
	n.Cut("oslo", "rome")
	late := wantQueued(t, rome.Patch("/tickets/"+there.ID(), `{"note":"too late"}`))
	oslo.Delete("/tickets/"+made.ID()).Want(200, 204)
	n.Heal("oslo", "rome")
	rome.WantOperation(late.Operation(), 2*soon, "conflict")
	rome.WantNone(name, soon)
	oslo.WantNone(name, soon)
	gone := rome.WantConflicts(made.Request(), 1, soon)
	if gone[0].Kind != "delete" || gone[0].Lost()["note"] != `"too late"` {
		t.Errorf("the conflict record of a deletion is %+v", gone[0])
	}
}

// A queued write is made at whoever owns the request by then.
func TestOwnershipQueuedFollowsTheOwner(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: `
- {name: patient, on: [create], at: [oslo], copy: {to: [rome, paris], writes: queue}}
`})
	oslo, rome, paris := n.At("oslo"), n.At("rome"), n.At("paris")
	name := subject("queued for another")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	there := rome.WantCopy(name, soon, nil)
	paris.WantCopy(name, soon, nil)
	n.Settled(soon)
	n.Cut("rome", "oslo")
	n.Cut("rome", "paris")
	one := wantQueued(t, rome.Patch("/tickets/"+there.ID(), `{"n":1}`))
	oslo.Transfer(made.Request(), "paris", "ownership").Want(202)
	harness.Eventually(t, soon, "Paris owns it", func() error {
		if v, err := paris.Request(made.Request()); err != nil || v.Role != "owner" {
			return fmt.Errorf("%+v %v", v, err)
		}
		return nil
	})
	n.Heal("rome", "paris") // Rome still believes in Oslo, which it cannot reach
	rome.WantOperation(one.Operation(), 2*soon, "done")
	n.Heal("rome", "oslo")
	n.WantOwner(made.Request(), "paris", soon)
	for _, site := range n.Sites() {
		n.At(site).WantCopy(name, soon, map[string]any{"n": 1})
	}
	n.Settled(soon)
}

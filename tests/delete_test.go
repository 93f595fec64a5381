package tests

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// A delete at either side takes the records of both, and they do not come back.
func TestDelete(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	for _, from := range []string{"oslo", "rome"} {
		name := subject("deleted from " + from)
		made := oslo.Create("/tickets", ticket(name, "")).Want(201)
		ids := map[string]string{"oslo": made.ID(), "rome": rome.WantCopy(name, soon, nil).ID()}
		n.At(from).Delete("/tickets/"+ids[from]).Want(200, 204).WantReceipt("oslo")
		for _, site := range []string{"oslo", "rome"} {
			n.At(site).WantNone(name, soon)
			n.At(site).Get("/tickets/"+ids[site]).Want(404, 410)
			n.At(site).Patch("/tickets/"+ids[site], `{"status":"back"}`).Want(404, 410)
		}
		n.Settled(soon)
		oslo.WantNone(name, soon)
		rome.WantNone(name, soon)
	}
	for _, g := range []*harness.Gateway{oslo, rome} {
		if p, d := len(g.Fake().Commits("POST")), len(g.Fake().Commits("DELETE")); p != 2 || d != 2 {
			t.Errorf("%s was sent %d creates and %d deletes, want 2 and 2", g.Name, p, d)
		}
	}
}

// An update and a delete while the link is cut: what arrives later is the delete, and no late message brings the record back,
// though the copy's gateway was killed meanwhile.
func TestNoResurrection(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("gone for good")
	made := oslo.Create("/tickets", ticket(name, "")).Want(201)
	rome.WantCopy(name, soon, nil)
	n.Settled(soon)

	n.Cut("oslo", "rome")
	for i := range 5 {
		oslo.Patch("/tickets/"+made.ID(), fmt.Sprintf(`{"n":%d}`, i)).Want(200)
	}
	oslo.Delete("/tickets/"+made.ID()).Want(200, 204)
	rome.Kill()
	rome.Restart()
	n.Heal("oslo", "rome")

	rome.WantNone(name, 2*soon)
	n.Settled(2 * soon)
	oslo.Kill()
	oslo.Restart()
	n.Settled(2 * soon)
	oslo.WantNone(name, soon)
	rome.WantNone(name, soon)
	if c := rome.Fake().Commits("POST"); len(c) != 1 {
		t.Errorf("Rome was sent %d creates, want 1", len(c))
	}
}

// A copy that somebody deleted at its own API is no obstacle: the record being gone already is success.
func TestDeleteOfWhatIsGone(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("gone already")
	made := oslo.Create("/tickets", ticket(name, "")).Want(201)
	rec := rome.WantCopy(name, soon, nil)
	n.Settled(soon)
	rome.Fake().Remove("tickets", rec.ID())

	oslo.Delete("/tickets/"+made.ID()).Want(200, 204)
	n.Settled(soon)
	h := oslo.WantHealth("nothing is parked", soon, func(h harness.Health) bool { return h.State == "ok" })
	if h.To("rome").Parked != 0 {
		t.Errorf("a delete of what is gone was parked: %+v", h)
	}
}

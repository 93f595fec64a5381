package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// A target that cannot be reached, be it the link, its gateway or its request API: the owner goes on owning and is written as ever,
// the transfer is shown with the reason, and happens by itself when the way is free. The target then has everything.
func TestOwnershipWaitsForTheTarget(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris", "lima")})
	oslo, rome, paris, lima := n.At("oslo"), n.At("rome"), n.At("paris"), n.At("lima")
	made := make(map[string]harness.Answer)
	for _, to := range []string{"rome", "paris", "lima"} {
		made[to] = oslo.Create("/tickets", ticket("waits for "+to, `"n":0`)).Want(201)
	}
	n.Cut("oslo", "rome")
	paris.Kill()
	lima.Fake().Down()
	for to, a := range made {
		if out, code := oslo.CLI("transfer", a.Request(), "--to", to); code != 0 {
			t.Fatalf("transfer to %s: exit %d\n%s", to, code, out)
		}
		for i := range 5 {
			oslo.Patch("/tickets/"+a.ID(), fmt.Sprintf(`{"n":%d}`, i+1)).Want(200).WantReceipt("oslo")
		}
	}
	for to, a := range made {
		harness.Eventually(t, soon, "the transfer to "+to+" waits with a reason", func() error {
			if x := oslo.WantTransfer(a.Request(), "waiting", soon); x.Cause == "" || x.To != to || x.From != "oslo" {
				return fmt.Errorf("%+v", x)
			}
			return nil
		})
	}
	oslo.WantHealth("the transfers are counted", soon, func(h harness.Health) bool {
		return h.Transfers.Waiting == 3 && h.Transfers.Open == 0 && h.Transfers.Parked == 0
	})
	if out, code := oslo.CLI("transfers"); code != 0 || strings.Count(out, "waiting") != 3 {
		t.Errorf("transfers: exit %d\n%s", code, out)
	}
	if out, code := oslo.CLI("transfer", made["rome"].Request(), "--to", "rome", "--wait", "300ms"); code != 1 {
		t.Errorf("transfer --wait: exit %d\n%s", code, out)
	}
	n.Heal("oslo", "rome")
	paris.Restart()
	lima.Fake().Up(t)
	for to, a := range made {
		n.WantOwner(a.Request(), to, 2*soon)
		n.At(to).WantCopy("waits for "+to, soon, map[string]any{"n": 5})
		n.WantSame("waits for "+to, soon, "oslo", to)
	}
	oslo.WantHealth("nothing waits", soon, func(h harness.Health) bool { return h.Transfers.Waiting == 0 && h.State == "ok" })
	rome.Patch("/tickets/oslo:"+made["rome"].ID(), `{"n":6}`).Want(200).WantReceipt("rome")
}

// unreachable: accept creates at the entry site for the time being and moves the request by itself later, with all that was written
// meanwhile; the client's id stays good.
func TestOwnershipAcceptedMovesLater(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: []harness.Site{
		{Name: "san-francisco", API: harness.NewJSONServer(t, 0)}, {Name: "chicago", API: harness.NewJSONServer(t, 1)},
	}, Routes: chairs})
	sf, chicago := n.At("san-francisco"), n.At("chicago")
	n.Cut("san-francisco", "chicago")
	name := subject("accepted")
	made := sf.Create("/tickets", ticket(name, `"category":"chair","n":0`)).Want(201).WantReceipt("san-francisco")
	if got := made.Header.Get("Meridian-Intended-Owner"); got != "chicago" {
		t.Errorf("Meridian-Intended-Owner is %q", got)
	}
	sf.Patch("/tickets/"+made.ID(), `{"n":1}`).Want(200).WantReceipt("san-francisco")
	sf.Kill()
	sf.Restart()
	n.Heal("san-francisco", "chicago")
	v := n.WantOwner(made.Request(), "chicago", 2*soon)
	if v.Version != "2.0" {
		t.Errorf("Chicago owns it in version %s", v.Version)
	}
	chicago.WantCopy(name, soon, map[string]any{"n": 1})
	sf.Patch("/tickets/"+made.ID(), `{"n":2}`).Want(200).WantReceipt("chicago")
	n.WantSame(name, soon, "san-francisco", "chicago")
}

// The owner is cut off and another site reclaims the request: both are written for a while. When the link is back the old owner steps
// down, its values become a conflict record and not a loss, and nobody else owns it.
func TestOwnershipReclaim(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago", "lima"), Routes: `
- {name: chairs, on: [create], at: [san-francisco], transfer: {to: chicago}}
- {name: watch, on: [create], copy: {to: lima}}
`})
	sf, chicago, lima := n.At("san-francisco"), n.At("chicago"), n.At("lima")
	name := subject("reclaimed")
	made := sf.Create("/tickets", ticket(name, `"category":"chair","note":"as it was"`)).Want(201).WantReceipt("chicago")
	ref := made.Request()
	there, far := chicago.WantCopy(name, soon, nil), lima.WantCopy(name, soon, nil)
	n.Settled(soon)
	n.Cut("san-francisco", "chicago")
	n.Cut("lima", "chicago")
	chicago.Patch("/tickets/"+there.ID(), `{"note":"written while cut off","inside":1}`).Want(200).WantReceipt("chicago")

	if out, code := sf.CLI("reclaim", ref, "--reason", "flood in Chicago"); code != 1 && code != 2 {
		t.Errorf("a reclaim that nobody confirmed: exit %d\n%s", code, out)
	}
	if out, code := sf.CLI("reclaim", ref, "--reason", "flood in Chicago", "--yes"); code != 0 {
		t.Fatalf("reclaim: exit %d\n%s", code, out)
	}
	sf.Patch("/tickets/"+made.ID(), `{"note":"written after the reclaim"}`).Want(200).WantReceipt("san-francisco")
	lima.WantCopy(name, soon, map[string]any{"note": "written after the reclaim"})
	lima.Patch("/tickets/"+far.ID(), `{"outside":2}`).Want(200).WantReceipt("san-francisco")
	chicago.Patch("/tickets/"+there.ID(), `{"inside":2}`).Want(200).WantReceipt("chicago") // it cannot know

	n.Heal("san-francisco", "chicago")
	n.Heal("lima", "chicago")
	v := n.WantOwner(ref, "san-francisco", 2*soon)
	if len(v.Forces) != 1 || v.Forces[0].Owner != "san-francisco" || v.Forces[0].Reason != "flood in Chicago" {
		t.Errorf("the reclaim is remembered as %+v", v.Forces)
	}
	n.WantSame(name, 2*soon, n.Sites()...)
	rec := chicago.WantCopy(name, soon, map[string]any{"note": "written after the reclaim", "outside": 2})
	if rec["inside"] != nil {
		t.Errorf("the reign that lost is still in the record: %v", rec)
	}
	conflict := chicago.WantConflicts(ref, 1, soon)[0]
	if lost := conflict.Lost(); conflict.Kind != "force" || conflict.Site != "chicago" || lost["note"] != `"written while cut off"` || lost["inside"] != "2" {
		t.Errorf("the conflict record is %+v", conflict)
	}
	chicago.WantHealth("the conflict is counted", soon, func(h harness.Health) bool { return h.Conflicts == 1 })
	if out, code := chicago.CLI("conflicts", "list"); code != 0 || !strings.Contains(out, ref) {
		t.Errorf("conflicts list: exit %d\n%s", code, out)
	}
	for _, g := range []*harness.Gateway{sf, lima} {
		g.WantConflicts(ref, 0, soon)
	}
	chicago.Kill()
	chicago.Restart()
	chicago.WantConflicts(ref, 1, soon)
	done := chicago.Patch("/tickets/"+there.ID(), `{"note":"agreed"}`).Want(200).WantReceipt("san-francisco")
	if epoch, _ := done.Version(); epoch < 2 {
		t.Errorf("the version after a reclaim is %s", done.Header.Get("Meridian-Version"))
	}
	n.WantSame(name, soon, n.Sites()...)
	if out, code := chicago.CLI("conflicts", "dismiss", ref, conflict.ID); code != 0 {
		t.Errorf("dismiss: exit %d\n%s", code, out)
	}
	chicago.WantConflicts(ref, 0, soon)
}

// midway lets a hand-over from Oslo to Rome begin and cuts the link when Rome has taken the grant and its API dawdles: both sides then
// show it as open. It returns the request and Oslo's local id.
func midway(t *testing.T, n *harness.Cluster, name string, wait time.Duration) (ref, id string) {
	t.Helper()
	oslo, rome := n.At("oslo"), n.At("rome")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	slow := rome.Fake().Inject(&harness.Fault{Method: "POST", Times: 1, Wait: wait, Commit: true})
	oslo.Transfer(made.Request(), "rome", "ownership").Want(202)
	harness.Eventually(t, soon, "Rome's API has been called", func() error { return struck(rome.Fake(), slow) })
	n.Cut("oslo", "rome")
	return made.Request(), made.ID()
}

// The link breaks in the middle of a hand-over: nobody else becomes the owner, writes are refused as handing-over and reads go on,
// both sides show it as open, and it ends by itself when the link is back.
func TestOwnershipLinkBreaksMidway(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome")})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("midway")
	ref, id := midway(t, n, name, 2500*time.Millisecond)
	oslo.WantTransfer(ref, "open", soon)
	rome.WantTransfer(ref, "open", soon)
	oslo.WantHealth("it is open", soon, func(h harness.Health) bool { return h.Transfers.Open == 1 })
	a := oslo.Patch("/tickets/"+id, `{"n":1}`).WantProblem(503, "handing-over")
	if a.Header.Get("Retry-After") == "" {
		t.Errorf("a write in the middle: %v", a.Header)
	}
	if read := oslo.Get("/tickets/" + id).Want(200); read.Header.Get("Meridian-Role") != "granting" {
		t.Errorf("a read in the middle: %v", read.Header)
	}
	if out, code := oslo.CLI("transfers"); code != 0 || !strings.Contains(out, "open") {
		t.Errorf("transfers: exit %d\n%s", code, out)
	}
	// The target has the record and owns it, which the source cannot know.
	harness.Eventually(t, soon, "Rome owns it", func() error {
		if v, err := rome.Request(ref); err != nil || v.Role != "owner" {
			return fmt.Errorf("%+v %v", v, err)
		}
		return nil
	})
	if v, err := oslo.Request(ref); err != nil || v.Role != "granting" {
		t.Errorf("at Oslo it is %+v (%v)", v, err)
	}
	n.Heal("oslo", "rome")
	n.WantOwner(ref, "rome", 2*soon)
	oslo.WantHealth("the link is up", 2*soon, func(h harness.Health) bool { return h.To("rome").Breaker == "closed" })
	oslo.Patch("/tickets/"+id, `{"n":2}`).Want(200).WantReceipt("rome")
	n.WantSame(name, soon, "oslo", "rome")
	n.Settled(soon)
	oslo.WantHealth("all is well", soon, func(h harness.Health) bool { return h.State == "ok" && h.Transfers.Open == 0 })
}

// The same, and the old owner reclaims the request instead of waiting. The target comes back as the owner that it had become, steps
// down, and what its clients wrote there is a conflict record.
func TestOwnershipReclaimMidway(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome")})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("reclaimed midway")
	ref, id := midway(t, n, name, 500*time.Millisecond)
	oslo.WantTransfer(ref, "open", soon)
	rec := rome.WantCopy(name, soon, nil)
	harness.Eventually(t, soon, "Rome takes writes", func() error {
		if a := rome.Patch("/tickets/"+rec.ID(), `{"n":5}`); !a.OK() {
			return fmt.Errorf("%d %v", a.Status, a.Err)
		}
		return nil
	})
	if out, code := oslo.CLI("reclaim", ref, "--reason", "Rome is lost", "--yes"); code != 0 {
		t.Fatalf("reclaim: exit %d\n%s", code, out)
	}
	oslo.Patch("/tickets/"+id, `{"n":6}`).Want(200).WantReceipt("oslo")
	rome.Kill()
	n.Heal("oslo", "rome")
	rome.Restart()
	n.WantOwner(ref, "oslo", 2*soon)
	n.WantSame(name, 2*soon, "oslo", "rome")
	rome.WantCopy(name, soon, map[string]any{"n": 6})
	if c := rome.WantConflicts(ref, 1, soon)[0]; c.Lost()["n"] != "5" {
		t.Errorf("the conflict record is %+v", c)
	}
	n.Settled(soon)
}

// Two rules that send a request to and fro are stopped after eight moves: the last one is parked with the reason, health is degraded,
// and clients go on.
func TestOwnershipRing(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `
- {name: there, on: [update, arrive], at: [oslo], when: status == "hot", transfer: {to: rome}}
- {name: and-back, on: [update, arrive], at: [rome], when: status == "hot", transfer: {to: oslo}}
`})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("potato")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	oslo.Patch("/tickets/"+made.ID(), `{"status":"hot"}`).Want(200)
	x := oslo.WantTransfer(made.Request(), "parked", 2*soon) // after an even number of moves it is where it was
	if x.To != "rome" || !strings.Contains(x.Cause, "there") || !strings.Contains(x.Cause, "8") {
		t.Errorf("the parked transfer is %+v", x)
	}
	v := n.WantOwner(made.Request(), "oslo", soon)
	if v.Version != "9.0" || len(v.Holders) != 1 {
		t.Errorf("after eight moves it is %+v", v)
	}
	oslo.WantHealth("it is degraded", soon, func(h harness.Health) bool {
		return h.State == "degraded" && h.Transfers.Parked == 1 && h.Status == 200
	})
	out, code := oslo.CLI("transfers", "-o", "json")
	var list struct{ Transfers []harness.Transfer }
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list.Transfers) != 1 || list.Transfers[0].State != "parked" {
		t.Errorf("transfers: exit %d, %v\n%s", code, err, out)
	}
	rec := rome.WantCopy(name, soon, nil)
	rome.Patch("/tickets/"+rec.ID(), `{"status":"cold"}`).Want(200).WantReceipt("oslo")
	n.WantSame(name, soon, "oslo", "rome")
	oslo.Transfer(made.Request(), "rome", "ownership").Want(202)
	n.WantOwner(made.Request(), "rome", soon)
	oslo.WantHealth("nothing is parked", soon, func(h harness.Health) bool { return h.State == "ok" && h.Transfers.Parked == 0 })
}

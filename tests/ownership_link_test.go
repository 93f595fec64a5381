package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The link breaks when the owner has released a request and before the target heard of it. Nobody owns it then: the target does not
// know, the old owner may not, also after a crash. When the link is back within half a minute the grant goes on; later the owner takes
// it back in an epoch of its own first, and the order, which still stands, is carried out anew.
func TestOwnershipGrantIsNotHeard(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	outages := []struct {
		lasts time.Duration
		ends  string
	}{{0, "2.0"}, {31 * time.Second, "4.0"}}
	for _, o := range outages[:harness.Rounds(1, 2)] {
		name := subject("unheard")
		made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
		ref, id := made.Request(), made.ID()
		rome.WantCopy(name, soon, nil)
		n.Settled(soon)
		oslo.Patch("/tickets/"+id, `{"n":1}`).Want(200)
		n.Settled(soon)
		// Oslo's last look at its record comes after Rome has said that it is ready, and before the grant.
		look := oslo.Fake().Inject(&harness.Fault{Method: "GET", Times: 1, Wait: 500 * time.Millisecond, Commit: true})
		oslo.Transfer(ref, "rome", "ownership").Want(202)
		harness.Eventually(t, soon, "Oslo looks at its record", func() error { return struck(oslo.Fake(), look) })
		n.Cut("oslo", "rome")
		if x := oslo.WantTransfer(ref, "open", soon); x.From != "oslo" || x.To != "rome" || x.Role != "granting" {
			t.Errorf("the open hand-over is %+v", x)
		}
		for range 2 {
			oslo.Patch("/tickets/"+id, `{"n":2}`).WantProblem(503, "handing-over")
			if read := oslo.Get("/tickets/" + id).Want(200); fmt.Sprint(read.Record()["n"]) != "1" {
				t.Errorf("a read in the middle gives %s", read.Body)
			}
			oslo.Kill()
			oslo.Restart()
		}
		harness.Eventually(t, soon, "the open hand-over says why it is", func() error {
			if x := oslo.WantTransfer(ref, "open", soon); x.Cause == "" {
				return fmt.Errorf("%+v", x)
			}
			return nil
		})
		if v, err := rome.Request(ref); err != nil || v.Role != "copy" || v.Owner != "oslo" {
			t.Errorf("at Rome it is %+v (%v)", v, err)
		}
		if list, err := rome.Transfers(); err != nil || len(list) != 0 {
			t.Errorf("Rome lists the hand-overs %+v (%v)", list, err)
		}
		oslo.WantHealth("it is open and the link is down", soon, func(h harness.Health) bool {
			return h.Transfers.Open == 1 && h.State == "down" && h.To("rome").State == "down"
		})
		harness.Pause(o.lasts)
		n.Heal("oslo", "rome")
		if v := n.WantOwner(ref, "rome", 2*soon); v.Version != o.ends {
			t.Errorf("after an outage of %v Rome owns it in version %s, want %s", o.lasts, v.Version, o.ends)
		}
		harness.Eventually(t, soon, "Oslo's clients can write it again", func() error {
			if a := oslo.Patch("/tickets/"+id, `{"n":3}`); a.Status != 200 || a.Owner() != "rome" {
				return fmt.Errorf("%d %v %s", a.Status, a.Err, a.Owner())
			}
			return nil
		})
		n.WantSame(name, soon, "oslo", "rome")
		n.Settled(soon)
	}
}

// A line that swallows everything without breaking, in the middle of a hand-over: it is open as long as that lasts, and done after.
func TestOwnershipLineIsDeadMidway(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("swallowed")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	ref := made.Request()
	there := rome.WantCopy(name, soon, nil)
	n.Settled(soon)
	slow := rome.Fake().Inject(&harness.Fault{Method: "PATCH", Times: 1, Wait: 300 * time.Millisecond, Commit: true})
	oslo.Transfer(ref, "rome", "ownership").Want(202)
	harness.Eventually(t, soon, "Rome's API has been called", func() error { return struck(rome.Fake(), slow) })
	n.Link("oslo", "rome").Hole()
	n.Link("rome", "oslo").Hole()
	harness.Eventually(t, soon, "Rome takes writes", func() error {
		if a := rome.Patch("/tickets/"+there.ID(), `{"n":1}`); !a.OK() || a.Owner() != "rome" {
			return fmt.Errorf("%d %v %s", a.Status, a.Err, a.Body)
		}
		return nil
	})
	oslo.WantTransfer(ref, "open", soon)
	oslo.Patch("/tickets/"+made.ID(), `{"n":2}`).WantProblem(503, "handing-over")
	n.Heal("oslo", "rome")
	if v := n.WantOwner(ref, "rome", 2*soon); !strings.HasPrefix(v.Version, "2.") {
		t.Errorf("Rome owns it in version %s", v.Version)
	}
	oslo.WantCopy(name, 2*soon, map[string]any{"n": 1})
	n.WantSame(name, soon, "oslo", "rome")
}

// A return whose way home is cut waits like any hand-over, visibly and across a crash, while the owner goes on. A site that cannot
// reach the owner can order nothing, and says so.
func TestOwnershipReturnWaits(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `
- {name: lend, on: [create], at: [oslo], transfer: {to: rome, forward: later}}
- {name: home, on: [update], at: [rome], when: status == "done", return: {}}
`})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("homesick")
	made := oslo.Create("/tickets", ticket(name, "")).Want(201)
	ref := made.Request()
	n.WantOwner(ref, "rome", soon)
	there := rome.WantCopy(name, soon, nil)
	n.Settled(soon)
	n.Cut("oslo", "rome")
	done := rome.Patch("/tickets/"+there.ID(), `{"status":"done"}`).Want(200).WantReceipt("rome")
	if got := done.Header.Get("Meridian-Intended-Owner"); got != "oslo" {
		t.Errorf("the update that returns it has the intended owner %q", got)
	}
	harness.Eventually(t, soon, "the return waits with a reason", func() error {
		if x := rome.WantTransfer(ref, "waiting", soon); x.Cause == "" || x.To != "oslo" || x.Route != "home" {
			return fmt.Errorf("%+v", x)
		}
		return nil
	})
	for i := range 5 {
		rome.Patch("/tickets/"+there.ID(), fmt.Sprintf(`{"n":%d}`, i+1)).Want(200).WantReceipt("rome")
	}
	for command, body := range map[string]string{"return": "", "transfer": `{"to":"oslo"}`} {
		if a := oslo.Command(ref, command, body); a.Err != nil || a.Status != 503 {
			t.Errorf("%s ordered at Oslo: %d %v %s", command, a.Status, a.Err, a.Body)
		}
	}
	rome.Kill()
	rome.Restart()
	rome.WantHealth("the return waits", soon, func(h harness.Health) bool { return h.Transfers.Waiting == 1 && h.Transfers.Open == 0 })
	n.Heal("oslo", "rome")
	if v := n.WantOwner(ref, "oslo", 2*soon); v.Version != "3.0" || len(v.Path) != 0 {
		t.Errorf("home it is %+v", v)
	}
	oslo.WantCopy(name, 0, map[string]any{"status": "done", "n": 5})
	n.WantSame(name, soon, "oslo", "rome")
	rome.WantHealth("nothing waits", soon, func(h harness.Health) bool { return h.State == "ok" && h.Transfers.Waiting == 0 })
}

// A holder that was cut off while ownership moved, and whose last known owner is down by now, hears of the new one from that one
// itself, and its clients write there.
func TestOwnershipHolderMissedTheMove(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "lima"), Routes: everywhere})
	oslo, rome, lima := n.At("oslo"), n.At("rome"), n.At("lima")
	name := subject("missed")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	ref := made.Request()
	there, far := rome.WantCopy(name, soon, nil), lima.WantCopy(name, soon, nil)
	n.Settled(soon)
	n.Cut("lima", "oslo")
	n.Cut("lima", "rome")
	oslo.Transfer(ref, "rome", "ownership").Want(202)
	harness.Eventually(t, soon, "Rome owns it", func() error {
		if v, err := oslo.Request(ref); err != nil || v.Owner != "rome" || v.Role != "copy" {
			return fmt.Errorf("%+v %v", v, err)
		}
		return nil
	})
	rome.Patch("/tickets/"+there.ID(), `{"n":1}`).Want(200).WantReceipt("rome")
	if a := lima.Patch("/tickets/"+far.ID(), `{"n":9}`).WantProblem(503, "owner-unreachable"); a.Owner() != "oslo" {
		t.Errorf("Lima believes in %s", a.Owner())
	}
	oslo.Kill()
	n.Heal("lima", "rome")
	lima.WantCopy(name, 2*soon, map[string]any{"n": 1})
	lima.Patch("/tickets/"+far.ID(), `{"m":2}`).Want(200).WantReceipt("rome")
	rome.WantCopy(name, 0, map[string]any{"n": 1, "m": 2})
	n.Heal("lima", "oslo")
	oslo.Restart()
	n.WantOwner(ref, "rome", 2*soon)
	n.WantSame(name, 2*soon, n.Sites()...)
	n.Settled(2 * soon)
}

// Every link is cut and two sites reclaim the same request: three histories. In the end one of the two owns it, and what was written
// at the other two is in conflict records.
func TestOwnershipReclaimedTwice(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "lima"), Routes: everywhere})
	name := subject("reclaimed twice")
	made := n.At("oslo").Create("/tickets", ticket(name, `"note":"as it was"`)).Want(201)
	ref, ids := made.Request(), make(map[string]string)
	for _, site := range n.Sites() {
		ids[site] = n.At(site).WantCopy(name, soon, nil).ID()
	}
	n.Settled(soon)
	pairs := [][2]string{{"oslo", "rome"}, {"oslo", "lima"}, {"rome", "lima"}}
	for _, p := range pairs {
		n.Cut(p[0], p[1])
	}
	for _, site := range []string{"rome", "lima"} {
		if a := n.At(site).Command(ref, "reclaim", fmt.Sprintf(`{"reason":"%s is alone","by":"the tests"}`, site)); a.Err != nil || a.Status/100 != 2 {
			t.Fatalf("reclaim at %s: %d %v %s", site, a.Status, a.Err, a.Body)
		}
	}
	for _, site := range n.Sites() {
		n.At(site).Patch("/tickets/"+ids[site], fmt.Sprintf(`{"note":"from %s"}`, site)).Want(200).WantReceipt(site)
	}
	for _, p := range pairs {
		n.Heal(p[0], p[1])
	}
	// Two reclaims have the same number of an epoch, and differ in the site; as long as both reign that is no fault.
	harness.Eventually(t, 2*soon, "one of them reigns", func() error {
		var owners []string
		for _, site := range n.Sites() {
			if at, err := n.At(site).Request(ref); err != nil || at.Role == "owner" {
				owners = append(owners, fmt.Sprint(site, err))
			}
		}
		if len(owners) != 1 {
			return fmt.Errorf("the owners are %v", owners)
		}
		return nil
	})
	v := n.WantOwner(ref, "", 2*soon)
	if v.Owner == "oslo" {
		t.Errorf("in the end it is %+v", v)
	}
	rec := n.WantSame(name, 2*soon, n.Sites()...)
	if got := fmt.Sprint(rec["note"]); got != "from "+v.Owner {
		t.Errorf("%s owns it, and the record says %q", v.Owner, got)
	}
	n.Settled(2 * soon)
	lost := make(map[string]bool)
	for _, site := range n.Sites() {
		list, err := n.At(site).Conflicts(ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			lost[c.Lost()["note"]] = true
		}
	}
	for _, site := range n.Sites() {
		if site != v.Owner && !lost[fmt.Sprintf(`"from %s"`, site)] {
			t.Errorf("what %s wrote is in no conflict record; those that are: %v", site, lost)
		}
	}
}

// A ring of a transfer and a return is stopped like any other.
func TestOwnershipRingThroughReturns(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `
- {name: out, on: [update, returned], at: [oslo], when: status == "hot", transfer: {to: rome}}
- {name: home, on: [arrive], at: [rome], when: status == "hot", return: {}}
`})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("yo-yo")
	made := oslo.Create("/tickets", ticket(name, "")).Want(201)
	ref := made.Request()
	oslo.Patch("/tickets/"+made.ID(), `{"status":"hot"}`).Want(200)
	x := oslo.WantTransfer(ref, "parked", 2*soon)
	if x.To != "rome" || x.Route != "out" || !strings.Contains(x.Cause, "out") || !strings.Contains(x.Cause, "home") {
		t.Errorf("the parked transfer is %+v", x)
	}
	if v := n.WantOwner(ref, "oslo", soon); v.Version != "9.0" || len(v.Path) != 0 || len(v.Holders) != 1 {
		t.Errorf("after eight moves it is %+v", v)
	}
	rec := rome.WantCopy(name, soon, nil)
	// A client's write counts anew; this one still fulfils the rule.
	rome.Patch("/tickets/"+rec.ID(), `{"n":1}`).Want(200)
	harness.Eventually(t, 2*soon, "it went round again and is parked", func() error {
		v, err := oslo.Request(ref)
		if err != nil || v.Role != "owner" || v.Version != "17.0" {
			return fmt.Errorf("%+v %v", v, err)
		}
		return nil
	})
	oslo.WantTransfer(ref, "parked", soon)
	n.WantSame(name, soon, "oslo", "rome")
}

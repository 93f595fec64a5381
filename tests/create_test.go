package tests

import (
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

const soon = 15 * time.Second

// A chair entered in San Francisco is owned by Chicago at once; each site has exactly one record of it, and the client gets the
// answer of its own site's API.
func TestCreateGoesToTheOwner(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: chairs})
	sf, chicago := n.At("san-francisco"), n.At("chicago")

	name := subject("swivel chair")
	made := sf.Create("/tickets", ticket(name, `"category":"chair","legs":5`)).Want(201).WantReceipt("chicago")
	if r := made.Routes(); len(r) != 1 || r[0] != "chairs-to-chicago" {
		t.Errorf("Meridian-Route is %v", r)
	}
	if epoch, seq := made.Version(); epoch != 1 || seq != 1 {
		t.Errorf("the version of a create is %d.%d, want 1.1", epoch, seq)
	}

	here := sf.WantCopy(name, soon, map[string]any{"legs": 5, "status": "open", "category": "chair"})
	there := chicago.WantCopy(name, soon, map[string]any{"legs": 5, "status": "open", "category": "chair"})
	if made.ID() != here.ID() {
		t.Errorf("the client got id %s; its own site has %s and Chicago %s", made.ID(), here.ID(), there.ID())
	}
	if made.Record()["subject"] != name {
		t.Errorf("the client's answer is %s", made.Body)
	}
	if there["external_id"] != made.Request() || here["external_id"] != made.Request() {
		t.Errorf("the records carry %v and %v, want the global id %s", here["external_id"], there["external_id"], made.Request())
	}
	sf.Get("/tickets/" + made.ID()).Want(200).WantReceipt("chicago")
	for _, g := range []*harness.Gateway{sf, chicago} {
		if c := g.Fake().Commits("POST"); len(c) != 1 {
			t.Errorf("%s was sent %d creates, want 1", g.Name, len(c))
		}
	}
	n.Settled(soon)
}

// What no route sends away stays where it was entered, and nobody else hears of it.
func TestCreateStaysLocal(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: chairs})
	sf, chicago := n.At("san-francisco"), n.At("chicago")

	name := subject("desk")
	made := sf.Create("/tickets", ticket(name, `"category":"desk"`)).Want(201).WantReceipt("san-francisco")
	if len(made.Routes()) != 0 || len(made.Copies()) != 0 {
		t.Errorf("routes %v, copies %v, want none", made.Routes(), made.Copies())
	}
	sf.WantCopy(name, soon, map[string]any{"category": "desk"})
	sf.Patch("/tickets/"+made.ID(), `{"status":"closed"}`).Want(200).WantReceipt("san-francisco")
	n.Settled(soon)
	if w := chicago.Fake().Writes(); len(w) != 0 {
		t.Errorf("Chicago was sent %d writes, want none: %v", len(w), w)
	}
}

// Copies go to one site, to several, or to all; the receipt names them, and nobody else gets one.
func TestCreateIsCopied(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "tokyo", "lima"), Routes: `
- {name: one, on: [create], when: kind == "one", copy: {to: rome}}
- {name: several, on: [create], when: kind == "several", copy: {to: [rome, tokyo]}}
- {name: all, on: [create], when: kind == "all", copy: {to: all}}
`})
	for kind, want := range map[string][]string{"one": {"rome"}, "several": {"rome", "tokyo"}, "all": {"rome", "tokyo", "lima"}} {
		name := subject("copied to " + kind)
		made := n.At("oslo").Create("/tickets", ticket(name, `"kind":"`+kind+`"`)).Want(201).WantReceipt("oslo")
		if got := made.Copies(); len(got) != len(want) {
			t.Errorf("%s: Meridian-Copies names %v, want %v", kind, got, want)
		}
		n.WantSame(name, soon, append([]string{"oslo"}, want...)...)
		n.At("oslo").Patch("/tickets/"+made.ID(), `{"status":"closed"}`).Want(200)
		for _, site := range want {
			n.At(site).WantCopy(name, soon, map[string]any{"status": "closed"})
		}
		n.Settled(soon)
		for _, site := range []string{"rome", "tokyo", "lima"} {
			hits, err := n.At(site).Find("subject", name)
			if wanted := contains(want, site); err != nil || (len(hits) == 1) != wanted || len(hits) > 1 {
				t.Errorf("%s: %s has %d records (%v), wanted: %v", kind, site, len(hits), err, wanted)
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// With Prefer: wait the answer is held until the copies are there, and says so; it is not held longer than asked.
func TestPreferWait(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")

	name := subject("waited for")
	made := oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, ""), Header: map[string][]string{"Prefer": {"wait=20"}}}).Want(201)
	if s := made.Copies()["rome"]; s != "delivered" {
		t.Errorf("the copy's state is %q, want delivered", s)
	}
	if _, err := rome.One(name); err != nil {
		t.Errorf("the answer came before the copy: %v", err)
	}
	if got := made.Header.Get("Preference-Applied"); got == "" {
		t.Error("there is no Preference-Applied")
	}

	n.Cut("oslo", "rome")
	late := oslo.Do(harness.Call{Method: "PATCH", Path: "/tickets/" + made.ID(), Body: `{"status":"closed"}`,
		Header: map[string][]string{"Prefer": {"wait=1"}}}).Want(200)
	if s := late.Copies()["rome"]; s == "delivered" || s == "" {
		t.Errorf("the copy's state is %q while the link is cut", s)
	}
	if late.Took < 900*time.Millisecond || late.Took > 6*time.Second {
		t.Errorf("the answer took %v, want about 1 s", late.Took)
	}
	n.Heal("oslo", "rome")
	rome.WantCopy(name, 30*time.Second, map[string]any{"status": "closed"})
}

package tests

import (
	"fmt"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The owner's API does a create and breaks the connection. It can be searched by external id, so the record is found again: the
// client is answered, or told where to look, and there is one record.
func TestCreateIsFoundAgain(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: chairs})
	sf, chicago := n.At("san-francisco"), n.At("chicago")
	for _, category := range []string{"desk", "chair"} {
		owner := map[string]*harness.Gateway{"desk": sf, "chair": chicago}[category]
		for what, fault := range map[string]*harness.Fault{
			"answer lost":     harness.CommitThenDrop("POST"),
			"done and 500":    {Method: "POST", Times: 1, Commit: true, Status: 500, Body: "database is locked"},
			"not done":        harness.DropBeforeCommit("POST"),
			"not done, 500":   {Method: "POST", Times: 1, Status: 500, Body: "oops"},
			"done late":       harness.LateCommit("POST", 700*time.Millisecond),
			"slower than all": {Method: "POST", Times: 1, Commit: true, Wait: 4 * time.Second},
		} {
			name := subject(category + " " + what)
			owner.Fake().Inject(fault)
			a := sf.Create("/tickets", ticket(name, fmt.Sprintf(`"category":%q`, category)))
			if a.Err != nil {
				t.Fatalf("%s: %v", name, a.Err)
			}
			switch a.Status {
			case 201: // by the owner, or by this site for the time being
				n.At(a.Owner()).WantCopy(name, 0, nil)
			case 504:
				a.WantProblem(504, "in-doubt")
				end := sf.WantOperation(a.Operation(), 3*soon, "done", "not-done")
				if end["state"] == "done" {
					owner.WantCopy(name, soon, nil)
				} else {
					owner.WantNone(name, soon)
				}
			case 500, 502, 503: // the API's own refusal, or the word that nothing was done
				owner.WantNone(name, soon)
			default:
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
			n.Settled(3 * soon)
			for _, g := range []*harness.Gateway{sf, chicago} {
				if hits, err := g.Find("subject", name); err != nil || len(hits) > 1 {
					t.Errorf("%s: %s has %d records (%v)", name, g.Name, len(hits), err)
				}
			}
			if a.Status == 201 {
				sf.WantCopy(name, soon, nil)
			}
		}
	}
	for _, g := range []*harness.Gateway{sf, chicago} {
		g.WantHealth("nothing is in doubt", 3*soon, func(h harness.Health) bool { return h.InDoubt == 0 })
	}
}

// Without any means to find out, the gateway never repeats a create by itself: the client gets 504, and the doubt is listed for
// a person, who ends it.
func TestCreateInDoubt(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	sites[0].Profile = harness.BlindProfile
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("in doubt")
	oslo.Fake().Inject(harness.CommitThenDrop("POST"))
	a := oslo.Create("/tickets", ticket(name, "")).WantProblem(504, "in-doubt")
	if len(a.Request()) != 26 || a.Operation() == "" {
		t.Errorf("the answer names neither request nor operation: %v", a.Header)
	}
	oslo.WantOperation(a.Operation(), soon, "in-doubt")
	h := oslo.WantHealth("the doubt is counted", soon, func(h harness.Health) bool { return h.InDoubt == 1 })
	if h.State != "degraded" {
		t.Errorf("health is %s with a create in doubt", h.State)
	}
	harness.Pause(3 * time.Second) // more than its quiet time
	if c := len(oslo.Fake().Writes()); c != 1 {
		t.Fatalf("the create was sent %d times", c)
	}
	oslo.Kill()
	oslo.Restart()
	oslo.WantHealth("the doubt is remembered", soon, func(h harness.Health) bool { return h.InDoubt == 1 })

	rec, err := oslo.One(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := harness.Post(oslo.Admin("/api/v1/requests/"+a.Request()+"/settle"), fmt.Sprintf(`{"adopt":%q}`, rec.ID())); err != nil {
		t.Fatal(err)
	}
	rome.WantCopy(name, soon, nil)
	oslo.WantHealth("the doubt is over", soon, func(h harness.Health) bool { return h.InDoubt == 0 && h.State == "ok" })
	oslo.Patch("/tickets/"+rec.ID(), `{"n":1}`).Want(200)
	rome.WantCopy(name, soon, map[string]any{"n": 1})
	if c := len(oslo.Fake().Commits("POST")); c != 1 {
		t.Errorf("Oslo's API has %d records made", c)
	}
}

// The same for updates and deletes, which can always be found out by reading.
func TestUpdateIsFoundOut(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	for _, from := range []*harness.Gateway{oslo, rome} {
		for i, fault := range []*harness.Fault{
			harness.CommitThenDrop("PATCH"),
			harness.DropBeforeCommit("PATCH"),
			harness.LateCommit("PATCH", 700*time.Millisecond),
			{Method: "PATCH", Times: 1, Commit: true, Status: 500, Body: "oops"},
			{Method: "PATCH", Times: 1, Status: 500, Body: "oops"},
		} {
			name := subject(fmt.Sprintf("update %d from %s", i, from.Name))
			made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
			ids := map[string]string{"oslo": made.ID(), "rome": rome.WantCopy(name, soon, nil).ID()}
			n.Settled(soon)
			oslo.Fake().Inject(fault)
			a := from.Patch("/tickets/"+ids[from.Name], `{"n":1}`)
			if a.Err != nil {
				t.Fatal(a.Err)
			}
			switch a.Status {
			case 200:
				oslo.WantCopy(name, 0, map[string]any{"n": 1})
			case 500, 502, 503:
				oslo.WantCopy(name, 0, map[string]any{"n": 0})
			case 504:
				a.WantProblem(504, "in-doubt")
				end := from.WantOperation(a.Operation(), 3*soon, "done", "not-done")
				want := map[any]int{"done": 1, "not-done": 0}[end["state"]]
				oslo.WantCopy(name, soon, map[string]any{"n": want})
			default:
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
			n.WantSame(name, 3*soon, "oslo", "rome")
			from.Patch("/tickets/"+ids[from.Name], `{"n":2}`).Want(200)
			n.WantSame(name, soon, "oslo", "rome")
		}
	}
}

// A copy's API that drops, errs and dawdles ends with one record and the newest state.
func TestFaultsAtTheCopy(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	for _, method := range []string{"POST", "PATCH"} {
		for i, fault := range []*harness.Fault{
			harness.CommitThenDrop(method),
			harness.DropBeforeCommit(method),
			harness.LateCommit(method, 600*time.Millisecond),
			{Method: method, Times: 2, Status: 500, Body: "locked"},
			{Method: method, Times: 2, Status: 429, Body: "slow down", Header: map[string][]string{"Retry-After": {"1"}}},
			{Method: method, Times: 1, Status: 503, Body: "later"},
			{Method: method, Times: 1, Commit: true, Wait: 500 * time.Millisecond},
		} {
			name := subject(fmt.Sprintf("%s fault %d", method, i))
			if method == "POST" {
				rome.Fake().Inject(fault)
			}
			made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
			if method == "PATCH" {
				rome.WantCopy(name, soon, nil)
				n.Settled(soon)
				rome.Fake().Inject(fault)
			}
			oslo.Patch("/tickets/"+made.ID(), `{"n":1}`).Want(200)
			rome.WantCopy(name, 3*soon, map[string]any{"n": 1})
			n.Settled(3 * soon)
			n.WantSame(name, soon, "oslo", "rome")
			rome.Fake().Clear()
		}
	}
}

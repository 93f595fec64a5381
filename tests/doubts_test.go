package tests

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// doubt is what the admin API says of a write in doubt.
type doubt struct {
	Request, Collection, Site, Doing, Operation, Reason, Route string
	Candidates                                                 []string
	Looked                                                     *time.Time
	Actions                                                    []struct{ Action, Command, Effect string }
}

// doubts asks for the list as a person does.
func doubts(t *testing.T, g *harness.Gateway) []doubt {
	t.Helper()
	out, code := g.CLI("doubts", "list", "-o", "json")
	var page struct{ Doubts []doubt }
	if err := json.Unmarshal([]byte(lastLine(out)), &page); code != 0 || err != nil {
		t.Fatalf("doubts at %s: %d %v %s", g.Name, code, err, out)
	}
	return page.Doubts
}

// wantDoubt waits for the one doubt at a site, with so many candidates after the call's time is over.
func wantDoubt(t *testing.T, g *harness.Gateway, doing string, candidates int) (d doubt) {
	t.Helper()
	harness.Eventually(t, soon, "a doubt at "+g.Name, func() error {
		list := doubts(t, g)
		if len(list) != 1 || list[0].Doing != doing || list[0].Looked == nil || len(list[0].Candidates) != candidates {
			return fmt.Errorf("%+v, want one %s with %d candidates", list, doing, candidates)
		}
		d = list[0]
		return nil
	})
	return d
}

// over wants nothing to be in doubt any more, and all to be well.
func over(t *testing.T, n *harness.Cluster, sites ...string) {
	t.Helper()
	for _, s := range sites {
		g := n.At(s)
		if list := doubts(t, g); len(list) > 0 {
			t.Errorf("%s has doubts: %+v", s, list)
		}
	}
	n.Settled(time.Minute)
	for _, s := range sites {
		n.At(s).WantHealth("all is well", time.Minute, func(h harness.Health) bool { return h.State == "ok" && h.InDoubt == 0 })
	}
}

// settle runs a command of the list and wants it to do what it says.
func settle(t *testing.T, g *harness.Gateway, want int, args ...string) string {
	t.Helper()
	out, code := g.CLI(append([]string{"doubts"}, args...)...)
	if code != want {
		t.Fatalf("doubts %v: %d %s", args, code, out)
	}
	return out
}

// A client's create in doubt, at an API that offers nothing: listed with what may be it, and settled in each way.
func TestDoubtsOfClients(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	sites[0].Profile = harness.BlindProfile
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	doubted := func(name string, fault *harness.Fault) harness.Answer {
		oslo.Fake().Inject(fault)
		return oslo.Create("/tickets", ticket(name, `"n":1`)).WantProblem(504, "in-doubt")
	}

	name := subject("adopted")
	oslo.Fill([]string{ticket(subject("somebody else's"), `"n":1`)})
	a := doubted(name, harness.CommitThenDrop("POST"))
	d := wantDoubt(t, oslo, "create", 1)
	if d.Request != a.Request() || d.Site != "oslo" || len(d.Actions) != 3 || !strings.HasSuffix(a.Operation(), d.Operation) {
		t.Errorf("%+v of %s", d, a.Operation())
	}
	rec, err := oslo.One(name)
	if err != nil || rec.ID() != d.Candidates[0] || !strings.Contains(d.Actions[0].Command, "adopt "+a.Request()+" "+rec.ID()) {
		t.Errorf("record %v (%v), %+v", rec, err, d)
	}
	// While the call may still take effect, and while there is a candidate, it is not made again.
	if out := settle(t, oslo, 1, "retry", d.Request); !strings.Contains(out, "take effect") && !strings.Contains(out, rec.ID()) {
		t.Errorf("retry: %s", out)
	}
	settle(t, oslo, 1, "adopt", d.Request, "99999")
	settle(t, oslo, 0, "adopt", d.Request, rec.ID())
	settle(t, oslo, 1, "adopt", d.Request, rec.ID())
	rome.WantCopy(name, soon, map[string]any{"n": 1})
	oslo.WantOperation(a.Operation(), soon, "done")
	over(t, n, "oslo", "rome")

	name = subject("made again")
	a = doubted(name, harness.DropBeforeCommit("POST"))
	wantDoubt(t, oslo, "create", 0)
	harness.Eventually(t, soon, "the call's time is over", func() error {
		if out, code := oslo.CLI("doubts", "retry", a.Request()); code != 0 {
			return fmt.Errorf("%d %s", code, out)
		}
		return nil
	})
	rome.WantCopy(name, soon, map[string]any{"n": 1})
	oslo.WantOperation(a.Operation(), soon, "done")
	over(t, n, "oslo", "rome")
	if hits, err := oslo.Find("subject", name); err != nil || len(hits) != 1 {
		t.Errorf("oslo has %v (%v)", hits, err)
	}

	// What the API refuses the gateway stays in doubt, and so does what is lost again.
	name = subject("given up")
	a = doubted(name, harness.DropBeforeCommit("POST"))
	wantDoubt(t, oslo, "create", 0)
	oslo.Fake().Inject(&harness.Fault{Method: "POST", Times: 1, Status: 403, Body: "not you"})
	if out := settle(t, oslo, 1, "retry", a.Request(), "--force"); !strings.Contains(out, "in doubt as before") || !strings.Contains(out, "not you") {
		t.Errorf("refused: %s", out)
	}
	oslo.Fake().Inject(harness.DropBeforeCommit("POST"))
	settle(t, oslo, 1, "retry", a.Request(), "--force")
	wantDoubt(t, oslo, "create", 0)
	oslo.Kill()
	oslo.Restart()
	wantDoubt(t, oslo, "create", 0)
	settle(t, oslo, 0, "abandon", a.Request())
	oslo.WantOperation(a.Operation(), soon, "not-done")
	over(t, n, "oslo", "rome")
	if hits, err := rome.Find("subject", name); err != nil || len(hits) != 0 {
		t.Errorf("rome has %v (%v)", hits, err)
	}
	wantEqual(t, oslo)
}

// The copy's create in doubt, at the holder.
func TestDoubtsOfCopies(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	sites[1].Profile = harness.BlindProfile
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	doubted := func(name string, fault *harness.Fault, candidates int) (harness.Answer, doubt) {
		rome.Fake().Inject(fault)
		a := oslo.Create("/tickets", ticket(name, `"n":1`)).Want(201)
		d := wantDoubt(t, rome, "copy", candidates)
		if d.Request != a.Request() || d.Route != "everywhere" {
			t.Errorf("%+v", d)
		}
		return a, d
	}
	name := subject("adopted")
	_, d := doubted(name, harness.CommitThenDrop("POST"), 1)
	settle(t, rome, 0, "adopt", d.Request, d.Candidates[0])
	over(t, n, "oslo", "rome")
	rome.WantCopy(name, soon, map[string]any{"n": 1})

	name = subject("made again")
	_, d = doubted(name, harness.DropBeforeCommit("POST"), 0)
	settle(t, rome, 0, "retry", d.Request, "--force")
	rome.WantCopy(name, soon, map[string]any{"n": 1})
	over(t, n, "oslo", "rome")

	name = subject("given up")
	a, d := doubted(name, harness.DropBeforeCommit("POST"), 0)
	settle(t, rome, 0, "abandon", d.Request)
	over(t, n, "oslo", "rome")
	rome.WantNone(name, soon)
	if list := verify(t, oslo, 1, "--repair"); len(list) != 1 || !strings.HasPrefix(list[0].String(), "missing at rome") || list[0].Repaired {
		t.Errorf("verify tells %v", list)
	}
	oslo.Patch("/tickets/"+a.ID(), `{"n":2}`).Want(200) // the next version makes it
	rome.WantCopy(name, soon, map[string]any{"n": 2})
	n.Settled(time.Minute)
	wantEqual(t, oslo)
	if hits, err := rome.Find("n", 1); err != nil || len(hits) != 2 || slices.ContainsFunc(hits, func(r harness.Record) bool { return r["subject"] == name }) {
		t.Errorf("rome has %v (%v)", hits, err)
	}
}

package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Routes that run every second archive what is closed and move what is hot, each request once, and leave the rest alone. They run
// where the request is owned, so what came to another site by itself is theirs too.
func TestOwnershipSchedule(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "vault"), Routes: `
- {name: shelve, schedule: {every: 1s}, at: [oslo, rome], when: status == "closed", archive: {to: vault}}
- {name: night, schedule: {every: 1s}, at: [oslo], when: status == "hot", transfer: {to: rome}}
`})
	oslo, rome, vault := n.At("oslo"), n.At("rome"), n.At("vault")
	type entered struct{ name, id, ref string }
	var open, closed, hot []entered
	for kind, list := range map[string]*[]entered{"open": &open, "closed": &closed, "hot": &hot} {
		for range 5 {
			name := subject("scheduled " + kind)
			made := oslo.Create("/tickets", fmt.Sprintf(`{"subject":%q,"status":%q}`, name, kind)).Want(201).WantReceipt("oslo")
			if len(made.Routes()) != 0 {
				t.Errorf("a create fired %v", made.Routes())
			}
			*list = append(*list, entered{name, made.ID(), made.Request()})
		}
	}
	for _, x := range closed {
		if v := n.WantOwner(x.ref, "vault", soon); v.Version != "2.0" {
			t.Errorf("archived by the schedule, %s is at version %s", x.name, v.Version)
		}
		oslo.WantNone(x.name, soon)
		wantGoneAfter(t, oslo, vault, x.name, x.id)
	}
	for _, x := range hot {
		if v := n.WantOwner(x.ref, "rome", soon); v.Version != "2.0" {
			t.Errorf("moved by the schedule, %s is at version %s", x.name, v.Version)
		}
		n.WantSame(x.name, soon, "oslo", "rome")
		oslo.Patch("/tickets/"+x.id, `{"status":"closed"}`).Want(200).WantReceipt("rome")
	}
	for _, x := range hot { // by Rome's run of the route by now
		n.WantOwner(x.ref, "vault", soon)
		oslo.WantNone(x.name, soon)
		rome.WantNone(x.name, soon)
	}
	for _, x := range open {
		if v := n.WantOwner(x.ref, "oslo", soon); v.Version != "1.1" {
			t.Errorf("%s is at version %s", x.name, v.Version)
		}
	}
	n.Settled(soon)
	if c := len(vault.Fake().Commits("POST")); c != len(closed)+len(hot) {
		t.Errorf("the archive was sent %d creates for %d requests", c, len(closed)+len(hot))
	}
}

// The preview says when a route runs, in whose time, and how many requests it would move now; a run that is not due moves none.
func TestOwnershipSchedulePreview(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: `
- {name: yearly, schedule: {cron: "0 0 1 1 *", in: Asia/Tokyo}, at: [oslo], when: status == "cold", transfer: {to: rome}}
`})
	oslo := n.At("oslo")
	var refs []string
	for _, status := range []string{"cold", "cold", "warm"} {
		refs = append(refs, oslo.Create("/tickets", fmt.Sprintf(`{"subject":%q,"status":%q}`, subject("previewed"), status)).Want(201).Request())
	}
	out, code := oslo.CLI("schedule", "--days", "366", "-o", "json")
	var runs []struct {
		Route, At, In, Site string
		Requests            *int
	}
	if err := json.Unmarshal([]byte(out), &runs); err != nil || code != 0 || len(runs) == 0 {
		t.Fatalf("schedule: exit %d, %v\n%.300s", code, err, out)
	}
	for _, r := range runs {
		if r.Route != "yearly" || !strings.HasSuffix(r.At, "-01-01T00:00:00+09:00") || r.In != "Asia/Tokyo" || r.Site != "oslo" || r.Requests == nil || *r.Requests != 2 {
			t.Errorf("the yearly run is %+v", r)
		}
	}
	for _, ref := range refs {
		n.WantOwner(ref, "oslo", soon)
	}
}

// Two gateways of one site share its Redis: each run of a schedule is made by one of them, and when that is killed the other goes on.
func TestOwnershipScheduleOnceAcrossReplicas(t *testing.T) {
	t.Parallel()
	redis := harness.NewRedis(t)
	sites := harness.Fakes(t, "oslo", "vault")
	sites[0].Store = redis.URL()
	n := harness.Start(t, harness.Network{Sites: sites, Routes: `
- {name: shelve, schedule: {every: 1s}, at: [oslo], when: status == "closed", archive: {to: vault}}
`})
	oslo, vault := n.At("oslo"), n.At("vault")
	second := oslo.Replica(t)
	enter := func() (names, refs []string) {
		for range 20 {
			names = append(names, subject("run once"))
			refs = append(refs, oslo.Create("/tickets", fmt.Sprintf(`{"subject":%q,"status":"closed"}`, names[len(names)-1])).Want(201).Request())
		}
		return names, refs
	}
	check := func(names, refs []string) {
		t.Helper()
		for i, name := range names {
			if v := n.WantOwner(refs[i], "vault", 2*soon); v.Version != "2.0" {
				t.Errorf("%s is at version %s", name, v.Version)
			}
			oslo.WantNone(name, soon)
		}
	}
	check(enter())
	runs := make(map[string]string)
	for _, p := range []*harness.Process{oslo.Process(), second.Process()} {
		for line := range strings.Lines(p.Log()) {
			var said struct{ Msg, Route, Due string }
			if json.Unmarshal([]byte(line), &said) != nil || said.Msg != "a schedule ran" {
				continue
			}
			if other, twice := runs[said.Due]; twice {
				t.Errorf("the run of %s was made twice: %s %s", said.Due, other, line)
			}
			runs[said.Due] = line
		}
	}
	if len(runs) == 0 {
		t.Error("no gateway tells of a run")
	}
	names, refs := enter()
	second.Kill()
	check(names, refs)
	if c := len(vault.Fake().Commits("POST")); c != 40 {
		t.Errorf("the archive was sent %d creates for 40 requests", c)
	}
}

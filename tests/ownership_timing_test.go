package tests

import (
	"fmt"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// burst writes n = 1 … count at the owner and waits until a copy that is refreshed at once has the last of them: by then the gateway
// has had all reason to refresh the others.
func burst(t *testing.T, owner, witness *harness.Gateway, id, name string, count int) {
	t.Helper()
	for i := range count {
		owner.Patch("/tickets/"+id, fmt.Sprintf(`{"n":%d}`, i+1)).Want(200)
	}
	witness.WantCopy(name, soon, map[string]any{"n": count})
}

// writesOf counts the writes of one record that a site's API has done.
func writesOf(g *harness.Gateway, method, id string) int {
	count := 0
	for _, e := range g.Fake().Commits(method) {
		if e.ID == id {
			count++
		}
	}
	return count
}

// update: never leaves a copy as it was made, on-return brings it up to date when the request changes hands, and an immediate copy
// beside them follows all along. A deletion reaches all.
func TestOwnershipUpdateNeverAndOnReturn(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris", "lima"), Routes: `
- {name: at-once, on: [create], at: [oslo], copy: {to: paris}}
- {name: never, on: [create], at: [oslo], copy: {to: rome, update: never}}
- {name: on-return, on: [create], at: [oslo], copy: {to: lima, update: on-return}}
`})
	oslo, rome, paris, lima := n.At("oslo"), n.At("rome"), n.At("paris"), n.At("lima")
	name := subject("at leisure")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	ids := make(map[string]string)
	for _, site := range n.Sites() {
		ids[site] = n.At(site).WantCopy(name, soon, map[string]any{"n": 0}).ID()
	}
	burst(t, oslo, paris, made.ID(), name, 20)
	n.Settled(soon)
	for _, g := range []*harness.Gateway{rome, lima} {
		if c := writesOf(g, "PATCH", ids[g.Name]); c != 0 {
			t.Errorf("%s was refreshed %d times", g.Name, c)
		}
	}
	// A client of such a copy still reads its own write.
	lima.Patch("/tickets/"+ids["lima"], `{"by":"lima"}`).Want(200).WantReceipt("oslo")
	lima.WantCopy(name, 0, map[string]any{"by": "lima", "n": 20})

	burst(t, oslo, paris, made.ID(), name, 25)
	oslo.Transfer(made.Request(), "paris", "ownership").Want(202)
	n.WantOwner(made.Request(), "paris", soon)
	lima.WantCopy(name, soon, map[string]any{"n": 25})
	n.Settled(soon)
	paris.Patch("/tickets/"+ids["paris"], `{"n":30}`).Want(200)
	oslo.WantCopy(name, soon, map[string]any{"n": 30})
	n.Settled(soon)
	lima.WantCopy(name, 0, map[string]any{"n": 25})

	paris.Delete("/tickets/"+ids["paris"]).Want(200, 204)
	for _, site := range n.Sites() {
		n.At(site).WantNone(name, soon)
	}
}

// The source of a transfer with update: on-return keeps the state of when it gave the request away, and has the newest when it comes
// home.
func TestOwnershipSourceOnReturn(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "paris"), Routes: `
- {name: watch, on: [create], at: [oslo], copy: {to: paris}}
- {name: lend, on: [update], at: [oslo], when: status == "lent", transfer: {to: rome, update: on-return}}
- {name: back, on: [update], at: [rome], when: status == "done", return: {}}
`})
	oslo, rome, paris := n.At("oslo"), n.At("rome"), n.At("paris")
	name := subject("lent")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	oslo.Patch("/tickets/"+made.ID(), `{"status":"lent"}`).Want(200)
	n.WantOwner(made.Request(), "rome", soon)
	n.Settled(soon)
	there := rome.WantCopy(name, soon, map[string]any{"status": "lent"})
	before := writesOf(oslo, "PATCH", made.ID())
	burst(t, rome, paris, there.ID(), name, 10)
	n.Settled(soon)
	if c := writesOf(oslo, "PATCH", made.ID()) - before; c != 0 {
		t.Errorf("Oslo was refreshed %d times", c)
	}
	rome.Patch("/tickets/"+there.ID(), `{"status":"done"}`).Want(200)
	n.WantOwner(made.Request(), "oslo", soon)
	oslo.WantCopy(name, 0, map[string]any{"n": 10, "status": "done"})
	n.WantSame(name, soon, n.Sites()...)
}

// clock is a time of day in a network file.
func clock(t time.Time) string { return t.Format("15:04") }

// Windows are in the target's own time. One that is closed there now holds even the first delivery, and says until when; one that is
// open there now does not, though it is closed in the zone of the owner. What waited is one delivery of the newest state.
func TestOwnershipWindows(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	tokyo := time.FixedZone("Asia/Tokyo", 9*3600) // which has no other time in summer
	here, there := clock(now.Add(-2*time.Hour))+"-"+clock(now.Add(2*time.Hour)), now.In(tokyo)
	sites := harness.Fakes(t, "oslo", "tokyo", "lima")
	sites[1].Extra = "timezone: Asia/Tokyo\n"
	n := harness.Start(t, harness.Network{Sites: sites, Routes: fmt.Sprintf(`
- {name: at-once, on: [create], at: [oslo], copy: {to: lima}}
- {name: closed, on: [create], at: [oslo], when: kind == "closed", copy: {to: tokyo, window: %q}}
- {name: open, on: [create], at: [oslo], when: kind == "open", copy: {to: tokyo, window: "%s-%s"}}
`, here, clock(there.Add(-2*time.Hour)), clock(there.Add(2*time.Hour)))})
	oslo, east, lima := n.At("oslo"), n.At("tokyo"), n.At("lima")

	name := subject("through an open window")
	oslo.Create("/tickets", ticket(name, `"kind":"open"`)).Want(201)
	east.WantCopy(name, soon, nil)

	name = subject("behind a closed window")
	made := oslo.Create("/tickets", ticket(name, `"kind":"closed","n":0`)).Want(201)
	burst(t, oslo, lima, made.ID(), name, 20)
	if hits, err := east.Find("subject", name); err != nil || len(hits) != 0 {
		t.Errorf("Tokyo has %v (%v) while its window is closed", hits, err)
	}
	opens := time.Date(now.Year(), now.Month(), now.Day(), now.Hour(), now.Minute(), 0, 0, time.UTC).Add(-2 * time.Hour) // on Tokyo's wall clock
	local, err := time.ParseInLocation("2006-01-02 15:04", opens.Format("2006-01-02 15:04"), tokyo)
	if err != nil {
		t.Fatal(err)
	}
	for !local.After(now) {
		local = local.AddDate(0, 0, 1)
	}
	v, err := oslo.Request(made.Request())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range v.Holders {
		if d.Site == "tokyo" && (!d.Due.Equal(local) || d.State == "parked" || d.State == "delivered") {
			t.Errorf("the delivery to Tokyo is %s and due at %v, want %v", d.State, d.Due.In(tokyo), local)
		}
	}
	if h, err := oslo.Health(); err != nil || h.State != "ok" {
		t.Errorf("what waits for its window makes health %s (%v)", h.State, err)
	}
	// By hand it goes at once, as one create in the newest state.
	if out, code := oslo.CLI("deliveries", "retry", made.Request()); code != 0 {
		t.Fatalf("retry: exit %d\n%s", code, out)
	}
	rec := east.WantCopy(name, soon, map[string]any{"n": 20})
	if c := writesOf(east, "", rec.ID()); c != 1 {
		t.Errorf("20 updates behind a window were %d writes", c)
	}
}

// A cron time, hourly and daily: the first delivery is made at once, updates at the next such time in the holder's zone, and then as one.
func TestOwnershipRefreshTimes(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "delhi", "lima", "rome")
	sites[1].Extra = "timezone: Asia/Kolkata\n" // where full hours are half hours elsewhere
	n := harness.Start(t, harness.Network{Sites: sites, Routes: `
- {name: at-once, on: [create], at: [oslo], copy: {to: lima}}
- {name: hourly, on: [create], at: [oslo], copy: {to: delhi, update: hourly}}
- {name: yearly, on: [create], at: [oslo], copy: {to: rome, update: "0 0 1 1 *"}}
`})
	oslo, delhi, lima, rome := n.At("oslo"), n.At("delhi"), n.At("lima"), n.At("rome")
	name := subject("now and then")
	made := oslo.Create("/tickets", ticket(name, `"n":0`)).Want(201)
	delhi.WantCopy(name, soon, map[string]any{"n": 0})
	rec := rome.WantCopy(name, soon, map[string]any{"n": 0})
	n.Settled(soon)
	before := time.Now()
	burst(t, oslo, lima, made.ID(), name, 20)
	after := time.Now()
	if c := writesOf(rome, "PATCH", rec.ID()); c != 0 {
		t.Errorf("Rome was refreshed %d times before New Year", c)
	}
	v, err := oslo.Request(made.Request())
	if err != nil {
		t.Fatal(err)
	}
	half := func(at time.Time) time.Time { // the next full hour in Delhi
		return at.Add(30 * time.Minute).Truncate(time.Hour).Add(30 * time.Minute)
	}
	due := make(map[string]time.Time)
	for _, d := range v.Holders {
		due[d.Site] = d.Due
	}
	if at := due["delhi"]; at.Before(half(before)) || at.After(half(after)) {
		t.Errorf("Delhi's refresh is due at %v, want %v", at.UTC(), half(after).UTC())
	}
	if at := due["rome"].UTC(); at.YearDay() != 1 || at.Hour() != 0 || at.Year() != after.UTC().Year()+1 {
		t.Errorf("Rome's refresh is due at %v", at)
	}
	if out, code := oslo.CLI("deliveries", "retry", made.Request()); code != 0 {
		t.Fatalf("retry: exit %d\n%s", code, out)
	}
	for _, g := range []*harness.Gateway{rome, delhi} {
		g.WantCopy(name, soon, map[string]any{"n": 20})
	}
	if c := writesOf(rome, "PATCH", rec.ID()); c != 1 {
		t.Errorf("20 updates were %d refreshes", c)
	}
}

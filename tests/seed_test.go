package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// shared copies what two sites have of one number, and pairs it.
const shared = `- {name: shared, on: [create], copy: {to: all, match: [number], duplicate: overwrite}}
`

// pagedProfile is RestProfile for an API with pages, as json-server has them.
const pagedProfile = harness.RestProfile + `    list: {path: "{path}?_page={page}&_limit={size}", size: 100}
`

// old are records of numbers, as a site had them before the gateway.
func old(from, until int, site string) []string {
	var out []string
	for i := from; i < until; i++ {
		out = append(out, fmt.Sprintf(`{"subject":"old %d","number":"N-%d","status":"open","from":%q}`, i, i, site))
	}
	return out
}

// seed runs meridian seed and wants an exit code.
func seed(t *testing.T, g *harness.Gateway, want int, args ...string) harness.Seeding {
	t.Helper()
	out, code := g.CLI(append([]string{"seed", "-o", "json"}, args...)...)
	var s harness.Seeding
	if err := json.Unmarshal([]byte(lastLine(out)), &s); code != want || err != nil {
		t.Fatalf("seed at %s: exit %d, want %d: %v\n%s", g.Name, code, want, err, out)
	}
	return s
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// A thousand records at two sites, half of them of the same matter, and a gateway that dies in the middle, twice: in the end each matter is
// one request with one record at each site.
func TestSeedTwoSites(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Routes: shared, Sites: []harness.Site{
		{Name: "oslo", API: harness.NewJSONServer(t, 0), Profile: pagedProfile}, {Name: "rome", API: harness.NewFake(t, "rome")}}})
	oslo, rome := n.At("oslo"), n.At("rome")
	const count = 1000
	oslo.Fill(old(0, count, "oslo"))
	rome.Fill(old(count/2, count+count/2, "rome"))

	dry := seed(t, oslo, 0, "--dry-run")
	if p := dry.Collections[0]; p.Seeded != count || p.Routes["shared"] != count {
		t.Fatalf("a dry run says %+v", dry)
	}
	if hits, err := oslo.Find("external_id", nil); err != nil || len(hits) != count {
		t.Fatalf("a dry run has changed something: %d of %d records carry no id (%v)", len(hits), count, err)
	}

	if s := seed(t, oslo, 0, "--rate", "200/s", "--detach"); s.State != "running" {
		t.Fatalf("%+v", s)
	}
	for _, until := range []int{count / 5, count / 2} {
		harness.Eventually(t, time.Minute, "some are entered", func() error {
			hits, err := oslo.Find("external_id", nil)
			if err == nil && count-len(hits) < until {
				err = fmt.Errorf("%d are", count-len(hits))
			}
			return err
		})
		oslo.Kill()
		oslo.Restart()
	}
	s := seed(t, oslo, 0)
	if p := s.Collections[0]; s.State != "done" || p.Listed != count || p.Failed != 0 || p.Skipped != 0 || s.Pass < 3 {
		t.Fatalf("%+v", s)
	}
	n.Settled(2 * time.Minute)
	s = seed(t, rome, 0, "--rate", "0")
	if p := s.Collections[0]; p.Linked != count || p.Seeded != count/2 || p.Failed != 0 || p.Skipped != 0 {
		t.Fatalf("%+v", s)
	}
	n.Settled(2 * time.Minute)

	here, there := byNumber(t, oslo), byNumber(t, rome)
	ids := make(map[string]bool)
	for i := range count + count/2 {
		number := fmt.Sprintf("N-%d", i)
		a, b := here[number], there[number]
		if err := harness.Same(a, b); a == nil || b == nil || err != nil {
			t.Fatalf("%s is %v at oslo and %v at rome: %v", number, a, b, err)
		}
		id := fmt.Sprint(a["external_id"])
		if ids[id] || len(id) != 26 {
			t.Fatalf("%s is request %s: %v", number, id, a)
		}
		ids[id] = true
	}
	if again := seed(t, oslo, 0, "--collection", "tickets"); again.Collections[0].Seeded != 0 || again.Collections[0].Linked != count+count/2 {
		t.Errorf("seeded again: %+v", again)
	}
	for _, g := range []*harness.Gateway{oslo, rome} {
		wantEqual(t, g)
	}
}

// byNumber are a site's records, each number once.
func byNumber(t *testing.T, g *harness.Gateway) map[string]harness.Record {
	t.Helper()
	all, err := g.API().Records()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]harness.Record, len(all))
	for _, r := range all {
		number := fmt.Sprint(r["number"])
		if out[number] != nil {
			t.Fatalf("%s has %s twice: %v and %v", g.Name, number, out[number], r)
		}
		out[number] = r
	}
	return out
}

// What cannot be entered is said, with an exit code; live traffic goes on beside a seeding; a seeding can be ended.
func TestSeedByHand(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo := n.At("oslo")
	if out, code := oslo.CLI("seed", "--collection", "articles"); code != 1 || !strings.Contains(out, "articles") {
		t.Errorf("no such collection: %d %s", code, out)
	}
	if out, code := oslo.CLI("seed", "--rate", "many"); code != 2 {
		t.Errorf("no rate: %d %s", code, out)
	}
	if out, code := oslo.CLI("seed", "--status"); code != 0 || !strings.Contains(out, "Nothing was ever seeded here") {
		t.Errorf("before the first: %d %s", code, out)
	}
	made := oslo.Create("/tickets", ticket(subject("a request"), "")).Want(201)
	clone := subject("a clone")
	oslo.Fill(append(old(0, 400, "oslo"), fmt.Sprintf(`{"subject":%q,"external_id":%q}`, clone, made.Request())))
	seed(t, oslo, 0, "--rate", "20/s", "--detach")
	for i := range 20 {
		if a := oslo.Create("/tickets", ticket(subject("beside it"), "")); !a.OK() || a.Took > 3*time.Second {
			t.Errorf("create %d beside the seeding: %d after %v", i, a.Status, a.Took)
		}
	}
	if out, code := oslo.CLI("seed", "--cancel"); code != 0 || !strings.Contains(out, "cancelled") {
		t.Errorf("ending it: %d %s", code, out)
	}
	if hits, err := oslo.Find("external_id", nil); err != nil || len(hits) < 100 {
		t.Errorf("the rate was not kept: %d are left (%v)", len(hits), err)
	}
	s := seed(t, oslo, 0, "--rate", "0")
	if p := s.Collections[0]; p.Skipped != 1 || len(s.Notes) != 1 || !strings.Contains(s.Notes[0].Reason, made.Request()) {
		t.Errorf("%+v", s)
	}
	n.Settled(time.Minute)
	if hits, err := n.At("rome").Find("status", "open"); err != nil || len(hits) != 421 {
		t.Errorf("rome has %d (%v)", len(hits), err)
	}
	oslo.Fake().Inject(harness.Refuse("GET", 403))
	oslo.Fill([]string{`{"subject":"late"}`})
	if out, code := oslo.CLI("seed", "--detach"); code != 0 {
		t.Errorf("%d %s", code, out)
	}
	harness.Eventually(t, time.Minute, "it says why it waits", func() error {
		s, err := oslo.Seeding()
		if err == nil && (s.State != "running" || !strings.Contains(s.Error, "403")) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	oslo.Fake().Clear()
	if s := seed(t, oslo, 0); s.Collections[0].Seeded != 1 {
		t.Errorf("%+v", s)
	}
}

// Two gateways of a site share a Redis: the one goes on with the seeding of the other when that is killed for good.
func TestSeedOnRedis(t *testing.T) {
	t.Parallel()
	sites := harness.Fakes(t, "oslo", "rome")
	sites[0].Store = harness.NewRedis(t).URL()
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere})
	oslo := n.At("oslo")
	oslo.Replica(t)
	oslo.Fill(old(0, 300, "oslo"))
	seed(t, oslo, 0, "--rate", "20/s", "--detach")
	harness.Eventually(t, time.Minute, "some are entered", func() error {
		hits, err := n.At("rome").Find("status", "open")
		if err == nil && len(hits) < 40 {
			err = fmt.Errorf("%d are", len(hits))
		}
		return err
	})
	oslo.Kill()
	harness.Eventually(t, 3*time.Minute, "the other gateway has entered all", func() error {
		hits, err := n.At("rome").Find("status", "open")
		if err == nil && len(hits) != 300 {
			err = fmt.Errorf("%d are", len(hits))
		}
		return err
	})
	here, there := byNumber(t, oslo), byNumber(t, n.At("rome"))
	for number, rec := range here {
		if err := harness.Same(rec, there[number]); err != nil || rec["external_id"] != there[number]["external_id"] {
			t.Errorf("%s: %v and %v", number, rec, there[number])
		}
	}
}

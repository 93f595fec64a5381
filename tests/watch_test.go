package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// watched looks for changes every second.
func watched(profile, more string) string {
	return strings.ReplaceAll(profile, "quiescence: 2s", "quiescence: 1s") + "    watch: {every: 1s" + more + "}\n"
}

// Changes that people make in the request APIs themselves: published from the owner, undone at the copies, new ones brought in.
func TestWatch(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Routes: everywhere, Sites: []harness.Site{
		{Name: "oslo", API: harness.NewJSONServer(t, 0), Profile: watched(pagedProfile, ", new: seed")},
		{Name: "rome", API: harness.NewFake(t, "rome"), Profile: watched(harness.RestProfile, "")}}})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("watched")
	made := oslo.Create("/tickets", ticket(name, "")).Want(201)
	n.Settled(time.Minute)

	oslo.Edit(name, `{"status":"by hand","room":"7"}`)
	rome.WantCopy(name, soon, map[string]any{"status": "by hand", "room": "7"})
	rome.Edit(name, `{"status":"wrong"}`)
	rome.WantCopy(name, soon, map[string]any{"status": "by hand"})
	rome.Edit(name, "")
	rome.WantCopy(name, soon, map[string]any{"status": "by hand"})
	if v, err := oslo.Request(made.Request()); err != nil || v.Version != "1.2" {
		t.Errorf("%+v %v", v, err)
	}

	entered := subject("entered by hand")
	oslo.Fill([]string{ticket(entered, "")})
	rome.WantCopy(entered, soon, map[string]any{"status": "open"})
	if rec, err := oslo.One(entered); err != nil || len(fmt.Sprint(rec["external_id"])) != 26 {
		t.Errorf("%v %v", rec, err)
	}
	alone := subject("rome's own")
	rome.Fill([]string{ticket(alone, "")})

	oslo.Edit(entered, "")
	rome.WantNone(entered, soon)
	if hits, err := oslo.Find("subject", alone); err != nil || len(hits) > 0 {
		t.Errorf("rome seeds nothing, and oslo has %v (%v)", hits, err)
	}
	for _, g := range []*harness.Gateway{oslo, rome} {
		wantEqual(t, g)
	}
	metrics := oslo.Metrics()
	for _, what := range []string{`what="published"`, `what="seeded"`, `what="deleted"`, "meridian_watch_failing"} {
		if !strings.Contains(metrics, what) {
			t.Errorf("metrics do not tell of %s", what)
		}
	}
}

// An API that is emptied is not believed, and health says so; one that cannot be asked shows in health too.
func TestWatchIsCareful(t *testing.T) {
	t.Parallel()
	fake := harness.NewFake(t, "oslo")
	n := harness.Start(t, harness.Network{Routes: everywhere, Sites: []harness.Site{
		{Name: "oslo", API: fake, Profile: watched(harness.RestProfile, "")}, {Name: "rome", API: harness.NewFake(t, "rome")}}})
	oslo, rome := n.At("oslo"), n.At("rome")
	for range 30 {
		oslo.Create("/tickets", ticket(subject("kept"), `"kind":"kept"`)).Want(201)
	}
	n.Settled(time.Minute)
	all, err := fake.Records()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if _, err := oslo.Behind("DELETE", "/tickets/"+r.ID(), ""); err != nil {
			t.Fatal(err)
		}
	}
	oslo.WantHealth("it is said that records went away", time.Minute, func(h harness.Health) bool {
		return h.State == "degraded" && strings.Contains(strings.Join(h.Problems, " "), "went away")
	})
	if hits, err := rome.Find("kind", "kept"); err != nil || len(hits) != 30 {
		t.Errorf("rome has %d (%v)", len(hits), err)
	}
}

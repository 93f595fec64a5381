package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

func lost() request.Entry {
	return request.Entry{ID: gid, Collection: "tickets", Role: request.Owner, Owner: "chicago", Version: at(1, 4, "chicago"),
		Conflicts: []request.ConflictRecord{{ID: "force-2@tokyo-1@chicago.9", Kind: "force", Op: "OP1", Site: "tokyo", At: nine(), Base: at(1, 2, "chicago"),
			Mine: at(1, 9, "chicago"), Theirs: at(2, 1, "tokyo"), Decision: "the values of its reign were kept",
			Fields: []request.FieldChoice{{Name: "title", Base: `"old"`, Mine: `"mi\u0007ne"`, Theirs: `"theirs"`}, {Name: "state", Mine: `"open"`}}}}}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	e := &engine{look: always(lost()), list: []store.Record{{Entry: lost()}}}
	run := serve(t, e)
	code, out, _ := run("", "conflicts", "list")
	want := string(gid) + " force-2@tokyo-1@chicago.9 force 2026-03-01 09:00:00Z tokyo title, state the values of its reign were kept"
	if code != Done || !strings.Contains(squeezed(out), want) || strings.Contains(out, "theirs") {
		t.Errorf("%d %s", code, out)
	}
	code, out, _ = run("", "conflicts", "show", "tokyo:a/1")
	for _, want := range []string{"both from 1@chicago.2", "lost 1@chicago.9", "kept 2@tokyo.1", `title "old" "mi\u0007ne" "theirs"`, `state - "open" -`,
		"meridian conflicts dismiss " + string(gid) + " force-2@tokyo-1@chicago.9"} {
		if code != Done || !strings.Contains(squeezed(out), want) {
			t.Errorf("%d: %q is missing in\n%s", code, want, out)
		}
	}
	if code, out, _ := run("", "conflicts", "dismiss", "tokyo:a/1", "force-2@tokyo/x y"); code != Done || e.dismissed != string(gid)+" force-2@tokyo/x y" ||
		!strings.Contains(out, "is dismissed") {
		t.Errorf("%d %q, dismissed %q", code, out, e.dismissed)
	}
	e.look, e.list = always(request.Entry{}), nil
	for _, args := range [][]string{{"conflicts", "list"}, {"conflicts", "show", "17"}} {
		if code, out, _ := run("", args...); code != Done || !strings.Contains(out, "o conflicts") {
			t.Errorf("%v: %d %q", args, code, out)
		}
	}
}

func TestQuoted(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"queue-01JD": "queue-01JD", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "": "''"} {
		if got := quoted(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestShowOwnership(t *testing.T) {
	t.Parallel()
	entry := lost()
	entry.Plan = &request.Plan{To: "paris", Since: nine(), Terms: request.Terms{Route: "sun"}, Parked: true, Cause: "a ring", Keep: []request.Site{"oslo"}}
	entry.Path = []request.Site{"tokyo", "paris"}
	entry.Former = []request.Tenure{{Epoch: request.Epoch{Num: 1, Site: "tokyo"}, Until: nine()}}
	entry.Forces = []request.Force{{Epoch: request.Epoch{Num: 2, Site: "chicago"}, Base: at(1, 2, "tokyo"), By: "ann", Reason: "fire", At: nine()}}
	entry.Queue = []request.Queued{{Op: "OP9", Kind: request.Update, At: nine()}}
	holder := request.Delivery{Site: "tokyo", State: request.Waiting, Owed: at(1, 4, "chicago"), Terms: request.Terms{Route: "kb", Pool: "bulk", Window: "20:00-06:00", Update: "daily"}}
	e := &engine{look: always(entry, holder), list: []store.Record{{Entry: entry}}}
	run := serve(t, e)
	code, out, _ := run("", "requests", "show", "17")
	for _, want := range []string{
		"planned ownership to paris since 2026-03-01 09:00:00Z, wanted by route sun, parked (a ring)", "kept at oslo", "returns to tokyo, then paris",
		"owned before tokyo in epoch 1, until 2026-03-01 09:00:00Z", "reclaimed by chicago at 2026-03-01 09:00:00Z, in epoch 2 from version 1@tokyo.2, by ann: fire",
		"route kb, pool bulk, update daily, window 20:00-06:00", "update 2026-03-01 09:00:00Z OP9",
		"force-2@tokyo-1@chicago.9 force 2026-03-01 09:00:00Z tokyo 1@chicago.9 2@tokyo.1 title, state",
	} {
		if code != Done || !strings.Contains(squeezed(out), want) {
			t.Errorf("%d: %q is missing in\n%s", code, want, out)
		}
	}
	if strings.Contains(out, "theirs") {
		t.Errorf("values are shown:\n%s", out)
	}
	if _, out, _ := run("", "requests", "list"); !strings.Contains(out, "transfer to paris is parked") {
		t.Error(out)
	}
	e.look = always(request.Entry{Role: request.Elect, Owner: "tokyo", Fence: request.Epoch{Num: 2, Site: "chicago"}, Updated: nine(),
		Terms: request.Terms{Mode: request.Independent, Writes: "queue"}, Holders: []request.Site{"paris", "oslo"}, Apart: "9"})
	_, out, _ = run("", "requests", "show", "17")
	for _, want := range []string{"role here elect", "hand-over from tokyo to chicago since 2026-03-01 09:00:00Z", "held here independent, writes queue", "copies at paris, oslo",
		"unlinked copy 9"} {
		if !strings.Contains(squeezed(out), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

func TestStatusOfTransfers(t *testing.T) {
	t.Parallel()
	e := &engine{}
	run := serve(t, e)
	if _, out, _ := run("", "status"); strings.Contains(out, "transfers") || strings.Contains(out, "conflicts") {
		t.Error(out)
	}
	e.health.Count(gateway.Counts{Conflicts: 2, Waiting: 3, Open: 1, Parked: 4})
	_, out, _ := run("", "status")
	for _, want := range []string{"2 requests have conflict records", "4 transfers are parked", "1 hand-over is under way", "3 transfers are planned"} {
		if !strings.Contains(squeezed(out), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// Shells are told the modes and the sites; a group of commands tells which there are.
func TestHelpers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"__complete", "transfer", "17", "--mode", "m"}, Done, "move"},
		{[]string{"__complete", "transfer", "17", "--config", "../../configs/furniture/network.yaml", "--to", ""}, Done, "chicago"},
		{[]string{"conflicts"}, Misused, "meridian conflicts list: List"},
		{[]string{"conflicts", "lst"}, Misused, "did you mean list"},
	} {
		var out bytes.Buffer
		if code := Run(t.Context(), c.args, nil, &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: %d %s", c.args, code, out.String())
		}
	}
}

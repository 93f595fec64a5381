package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const explainNetwork = `
network: furniture
profiles:
  helpdesk: {preset: rest, collections: {tickets: {path: /tickets, fields: {skill: /craft}}}}
sites:
  chicago: {profile: helpdesk, upstream: "http://127.0.0.1:9001", listen: "127.0.0.1:8001", peer: {listen: "127.0.0.1:8101", url: "http://127.0.0.1:8101"}, admin: {listen: "127.0.0.1:8201"}, timezone: America/Chicago, hours: {mon-fri: "09:00-17:00"}}
  paris: {profile: helpdesk, upstream: "http://127.0.0.1:9002", listen: "127.0.0.1:8002", peer: {listen: "127.0.0.1:8102", url: "http://127.0.0.1:8102"}, admin: {listen: "127.0.0.1:8202"}, timezone: Europe/Paris, hours: {mon-fri: "09:00-17:00"}}
routes:
  - {name: craft, on: [update, arrive, returned], when: 'skill == "wood" && changed("skill")', transfer: {to: paris}}
  - {name: refuse, on: [arrive], when: 'skill != "wood"', return: {}}
  - {name: old, on: [update, returned], when: 'status == "closed"', archive: {to: paris}}
  - {name: void, on: [update, arrive, returned], when: 'status == "void"', delete: {copies: all}}
  - {name: gone, on: [update], when: 'status == "canceled"', delete: {}}
  - {name: away, on: [update], when: 'status == "moved"', transfer: {to: paris, mode: move}}
  - {name: local, on: [update], when: 'status == "local"', copy: {to: all, mode: independent}}
  - {name: sun, schedule: {at: close, of: chicago}, at: [chicago], when: 'status == "open"', transfer: {to: paris}}
  - {name: clean, schedule: {every: 90m}, when: 'status == "closed"', delete: {}}
  - {name: entered, on: [update], when: 'origin == "paris" && status == "x"', copy: {to: [paris]}}
`

// explain runs the command with a record and returns what it prints.
func explain(t *testing.T, record string, args ...string) (code int, out, errs string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "network.yaml")
	if err := os.WriteFile(path, []byte(explainNetwork), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), append([]string{"explain", "--config", path, "--site", "chicago", "--file", "-"}, args...), strings.NewReader(record), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestExplainOutcome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		record, args, want string
	}{
		{`{"craft":"wood"}`, "--on arrive", "The request goes to paris by craft (a copy stays here)."},
		{`{"craft":"wood"}`, "--on arrive --by craft", "The request stays at chicago."},
		{`{"craft":"wood"}`, "--on returned", "The request goes to paris by craft (a copy stays here)."},
		{`{"craft":"metal"}`, "--on arrive", "The request goes back to the site that it came from, if it came from one, by refuse."},
		{`{"status":"closed"}`, "--on returned", "The request is archived at paris by old (the records of the other sites go when paris has confirmed it)."},
		{`{"status":"void","craft":"wood"}`, "--on arrive --by craft", "The request stays at chicago, loses its copies at other sites by void."},
		{`{"status":"canceled"}`, "--on update", "The request is deleted by gone."},
		{`{"status":"moved"}`, "--on update", "The request moves to paris by away (the record here goes when paris has confirmed it)."},
		{`{"status":"local"}`, "--on update", "The request stays at chicago, is copied, without a link, to paris by local."},
		{`{"status":"x"}`, "--on update --origin paris", "The request stays at chicago, is copied to paris by entered."},
		{`{"status":"x"}`, "--on update", "The request stays at chicago."},
		{`{"status":"x"}`, "--on delete", "The request is deleted."},
	} {
		code, out, errs := explain(t, c.record, strings.Fields(c.args)...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if got := lines[len(lines)-1]; code != Done || got != c.want {
			t.Errorf("%s %s: exit %d\ngot  %s\nwant %s\n%s", c.record, c.args, code, got, c.want, errs)
		}
	}
}

func TestExplainRoutes(t *testing.T) {
	t.Parallel()
	code, out, errs := explain(t, `{"status":"open","craft":"wood"}`, "--on", "arrive", "--by", "craft", "-o", "json")
	var list []struct {
		Route, Cause, Why, Does, Schedule string
		Fired, Would                      bool
	}
	if err := json.Unmarshal([]byte(out), &list); code != Done || err != nil || len(list) != 10 {
		t.Fatal(code, err, out, errs)
	}
	got := map[string]string{}
	for _, r := range list {
		if r.Fired {
			t.Error(r)
		}
		got[r.Route] = r.Does + ": " + r.Cause + ": " + r.Why
		if r.Would != (r.Route == "sun") || (r.Schedule != "") != (r.Cause == "schedule") {
			t.Error(r)
		}
	}
	for route, want := range map[string]string{
		"craft":  "transfer to paris: itself: it moved the request here itself, and no route fires on an arrival that it caused",
		"refuse": "return: condition: its condition is false",
		"old":    "archive to paris: event: it is for update, returned, not for arrive",
		"void":   "delete copies: condition: its condition is false",
		"gone":   "delete: event: it is for update, not for arrive",
		"away":   "transfer to paris (move): event: it is for update, not for arrive",
		"local":  "copy to all (independent): event: it is for update, not for arrive",
		"sun":    "transfer to paris: schedule: it runs at close of chicago; it would take this request",
		"clean":  "delete: schedule: it runs every 1h30m; it would not take this request: its condition is false",
	} {
		if got[route] != want {
			t.Errorf("%s:\ngot  %s\nwant %s", route, got[route], want)
		}
	}
	_, out, _ = explain(t, `{"status":"open"}`, "--on", "update")
	for _, want := range []string{"ROUTE", "DOES", `it runs every 1h30m; it would not take this request: its condition is false: status == "closed" (status is "open")`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

func TestExplainMisuse(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--on leave":                   "want one of create, update, delete, arrive, returned",
		"--on arrive --old x.json":     "nothing was written on arrive",
		"--on returned --old x.json":   "nothing was written on returned",
		"--on create --old x.json":     "on create there is no record before",
		"--on delete --old x.json":     "a deletion changes no fields",
		"--on update --by craft":       "it goes with --on arrive or returned",
		"--on arrive --by nobody":      "there is no such route",
		"--on arrive --origin nowhere": "it has chicago, paris",
	} {
		if code, _, errs := explain(t, `{}`, strings.Fields(args)...); code != Misused || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, %s; want %s", args, code, errs, want)
		}
	}
	if code, _, errs := explain(t, `{}`, "--on", "update"); code != Done || !strings.Contains(errs, "every field counts as changed") {
		t.Error(code, errs)
	}
	if _, _, errs := explain(t, `{}`, "--on", "delete"); strings.Contains(errs, "changed") {
		t.Error(errs)
	}
}

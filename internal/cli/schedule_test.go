package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const sunFile = `network: sun
profiles: {p: {preset: rest, collections: {tickets: {path: /tickets}}}}
sites:
  san-francisco: {profile: p, upstream: "http://127.0.0.1:9001", listen: ":8001", peer: {listen: "127.0.0.1:8101", url: "http://127.0.0.1:8101"}, admin: {listen: "127.0.0.1:1"},
    timezone: America/Los_Angeles, hours: {mon-fri: "09:00-17:00"}, holidays: [2026-03-10]}
  tokyo: {profile: p, upstream: "http://127.0.0.1:9002", listen: ":8002", peer: {listen: "127.0.0.1:8102", url: "http://127.0.0.1:8102"}, admin: {listen: "127.0.0.1:2"},
    timezone: Asia/Tokyo, hours: {mon-fri: "09:00-17:00"}}
  paris: {profile: p, upstream: "http://127.0.0.1:9003", listen: ":8003", peer: {listen: "127.0.0.1:8103", url: "http://127.0.0.1:8103"}, admin: {listen: "127.0.0.1:3"},
    timezone: Europe/Paris, hours: {mon-fri: "09:00-17:00"}, holidays: [2026-03-30]}
routes:
  - {name: sf-closes, at: [san-francisco], schedule: {at: close, of: san-francisco}, when: status == "open", transfer: {to: tokyo}}
  - {name: paris-opens, at: [paris], schedule: {at: open, of: paris}, copy: {to: tokyo}}
  - {name: nightly, schedule: {cron: "30 2 * * *", in: Europe/Paris}, when: status == "closed", copy: {to: all}}
  - {name: often, at: [tokyo], schedule: {every: 15m}, when: status == "closed", copy: {to: all}}
`

func runSchedule(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "network.yaml")
	if err := os.WriteFile(path, []byte(sunFile), 0o600); err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	code = Run(t.Context(), append([]string{"schedule", "--config", path}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// The expected times are counted from the days by hand: 17:00 on working days that are no holidays, at the offset of the day.
func TestScheduleAcrossChangesOfTheClock(t *testing.T) {
	t.Parallel()
	code, out, errs := runSchedule(t, "--from", "2026-03-05", "--days", "27", "-o", "json")
	var got []scheduled
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil {
		t.Fatal(code, err, errs)
	}
	var want []string
	for d := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC); d.Day() >= 5 || d.Month() == 3; d = d.AddDate(0, 0, 1) {
		if d.Month() != 3 {
			break
		}
		date, work := d.Format(time.DateOnly), d.Weekday() != time.Saturday && d.Weekday() != time.Sunday
		la, eu := "-08:00", "+01:00"
		if d.Day() >= 8 {
			la = "-07:00"
		}
		if d.Day() >= 29 {
			eu = "+02:00"
		}
		night := "02:30:00"
		if d.Day() == 29 {
			night = "03:00:00"
		}
		want = append(want, "nightly "+date+"T"+night+eu+" Europe/Paris ")
		if work && date != "2026-03-30" {
			want = append(want, "paris-opens "+date+"T09:00:00"+eu+" Europe/Paris paris")
		}
		if work && date != "2026-03-10" {
			want = append(want, "sf-closes "+date+"T17:00:00"+la+" America/Los_Angeles san-francisco")
		}
	}
	var seen []string
	often := 0
	for _, r := range got {
		if r.Route == "often" {
			often++
			continue
		}
		seen = append(seen, fmt.Sprintf("%s %s %s %s", r.Route, r.At.Format(time.RFC3339), r.In, r.Site))
	}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
	if often != 27*96 {
		t.Errorf("every 15m runs %d times", often)
	}
}

func TestScheduleForPeople(t *testing.T) {
	t.Parallel()
	code, out, errs := runSchedule(t, "--from", "2026-03-06", "--days", "1", "--site", "paris")
	if code != 0 || !strings.Contains(out, "Fri 2026-03-06 17:00:00 -08:00  America/Los_Angeles  sf-closes") || !strings.Contains(out, "and 76 more of often") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	if !strings.Contains(errs, "note: no gateway answers at 127.0.0.1:3") {
		t.Errorf("said %q", errs)
	}
	for _, args := range [][]string{{"--from", "tomorrow"}, {"--days", "0"}, {"--site", "atlantis"}} {
		if code, _, _ := runSchedule(t, args...); code != Misused {
			t.Errorf("%v ends with %d", args, code)
		}
	}
}

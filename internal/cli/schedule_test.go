package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	if !strings.Contains(errs, "nothing listens at 127.0.0.1:3") {
		t.Errorf("said %q", errs)
	}
	for _, args := range [][]string{{"--from", "tomorrow"}, {"--days", "0"}, {"--site", "atlantis"}} {
		if code, _, _ := runSchedule(t, args...); code != Misused {
			t.Errorf("%v ends with %d", args, code)
		}
	}
}

// The golden file was checked by hand: Paris changes its clocks on 25 October and Los Angeles on 1 November, Tokyo never; the 27th is off in San
// Francisco, the 29th in Paris, 3 November in Tokyo. What Paris shows twice at night runs once.
func TestScheduleGolden(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/sun.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := Run(t.Context(), []string{"schedule", "--config", "testdata/sun.yaml", "--from", "2026-10-23", "--days", "12"}, nil, &out, &errs)
	if diff := cmp.Diff(string(want), out.String()); code != 0 || errs.Len() > 0 || diff != "" {
		t.Errorf("%d %s\n%s", code, errs.String(), diff)
	}
}

// planned is a gateway that answers a question for schedules, and remembers it.
func planned(t *testing.T, answer string) (address string, asked func() url.Values) {
	t.Helper()
	var mu sync.Mutex
	var got url.Values
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if got = r.URL.Query(); r.URL.Path != "/api/v1/schedule" {
			t.Errorf("asked for %s", r.URL)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	return s.URL, func() url.Values { mu.Lock(); defer mu.Unlock(); return got }
}

// The gateway is asked for no more than what holds one run of each route; what it does not know stays open.
func TestScheduleWithCounts(t *testing.T) {
	t.Parallel()
	admin, asked := planned(t, `[{"route":"sf-closes","at":"2026-03-05T17:00:00-08:00","in":"America/Los_Angeles","site":"san-francisco","requests":7},
		{"route":"nightly","at":"2026-03-05T02:30:00+01:00","in":"Europe/Paris","site":"","requests":0},
		{"route":"paris-opens","at":"2026-03-05T09:00:00+01:00","in":"Europe/Paris","site":"paris","requests":null}]`)
	code, out, errs := runSchedule(t, "--from", "2026-03-05", "--days", "27", "--admin", admin, "-o", "json")
	var got []scheduled
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || len(got) < 100 {
		t.Fatal(code, err, errs)
	}
	for _, r := range got {
		want := map[string]string{"sf-closes": "7", "nightly": "0"}[r.Route]
		if n, _ := json.Marshal(r.Requests); string(n) != want && (want != "" || r.Requests != nil) {
			t.Errorf("%s at %s: %s requests, want %q", r.Route, r.At, n, want)
		}
	}
	// From a second before the first run of all, at 00:00 UTC, to beyond San Francisco's first.
	if q := asked(); q.Get("from") != "2026-03-04T23:59:59Z" || q.Get("days") != "3" {
		t.Errorf("asked %v", q)
	}
}

// With the address of a gateway alone it is its network file that counts. The days are those of each place: the gateway is asked for
// more, and what is on other days is left out.
func TestScheduleOfAGateway(t *testing.T) {
	t.Parallel()
	admin, asked := planned(t, `[{"route":"a","at":"2026-03-05T23:59:00+14:00","in":"Pacific/Kiritimati","site":"x","requests":null},
		{"route":"a","at":"2026-03-06T00:00:00+14:00","in":"Pacific/Kiritimati","site":"x","requests":3},
		{"route":"b","at":"2026-03-07T23:59:00-11:00","in":"Pacific/Niue","site":"y","requests":null},
		{"route":"b","at":"2026-03-08T00:00:00-11:00","in":"Pacific/Niue","site":"y","requests":null}]`)
	var out, errs bytes.Buffer
	if code := Run(t.Context(), []string{"schedule", "--admin", admin, "--from", "2026-03-06", "--days", "2"}, nil, &out, &errs); code != 0 {
		t.Fatal(code, errs.String())
	}
	want := "AT IN ROUTE SITE REQUESTS Fri 2026-03-06 00:00:00 +14:00 Pacific/Kiritimati a x 3 Sat 2026-03-07 23:59:00 -11:00 Pacific/Niue b y -"
	if got := squeezed(out.String()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if q := asked(); q.Get("from") != "2026-03-05T00:00:00Z" || q.Get("days") != "4" {
		t.Errorf("asked %v", q)
	}
	for want, args := range map[int][]string{Misused: {"--admin", admin, "--days", "367"}, Unreachable: {"--admin", "127.0.0.1:1"}} {
		if code := Run(t.Context(), append([]string{"schedule"}, args...), nil, &out, &errs); code != want {
			t.Errorf("%v ends with %d", args, code)
		}
	}
}

// When things run needs no passwords; and what runs all the time hides nothing else.
func TestScheduleOfABusyNetwork(t *testing.T) {
	t.Parallel()
	file := strings.Replace(sunFile, "schedule: {every: 15m}", "schedule: {every: 1s}", 1)
	file = strings.Replace(file, "admin: {listen: \"127.0.0.1:1\"}", "admin: {listen: \"127.0.0.1:1\", token: \"${MERIDIAN_TEST_UNSET}\"}", 1)
	path := filepath.Join(t.TempDir(), "network.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := Run(t.Context(), []string{"schedule", "--config", path, "--from", "2026-03-05", "--days", "14", "-o", "json"}, nil, &out, &errs); code != 0 {
		t.Fatal(code, errs.String())
	}
	var got []scheduled
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range got {
		count[r.Route]++
	}
	if len(got) != 10_000 || count["nightly"] != 14 || count["paris-opens"] != 10 || count["sf-closes"] != 9 {
		t.Errorf("%d runs: %v", len(got), count)
	}
	if !strings.Contains(errs.String(), "note: often goes on behind 2026-03-05T") {
		t.Errorf("said %q", errs.String())
	}
}

package configs

import (
	"fmt"
	"testing"
	"time"
)

const timed = `network: n
security: {peer_key: "0123456789012345678901234567890123456789"}
profiles: {p: {preset: rest, collections: {tickets: {path: /tickets, fields: {status: /status}}}}}
sites:
  azores:
    profile: p
    upstream: http://127.0.0.1:9001
    listen: :8001
    peer: {listen: ":8101", url: http://a.example:8101}
    admin: {listen: 127.0.0.1:8201}
    timezone: Atlantic/Azores
  tokyo:
    profile: p
    upstream: http://127.0.0.1:9002
    listen: :8002
    peer: {listen: ":8101", url: http://b.example:8101}
    admin: {listen: 127.0.0.1:8202}
    timezone: Asia/Tokyo
    holidays: [2026-03-27]
routes:
`

func parsed(t *testing.T, routes string) *Network {
	t.Helper()
	n, err := Parse("f", []byte(timed+routes), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A day of a preview is the day of the place, also where the clock leaves midnight out or shows it twice.
func TestRunsOnDaysWithoutMidnight(t *testing.T) {
	t.Parallel()
	n := parsed(t, `  - {name: first, at: [azores], schedule: {cron: "0 0 * * *"}, copy: {to: tokyo}}
  - {name: last, at: [azores], schedule: {cron: "30 23 * * *"}, copy: {to: tokyo}}
`)
	for _, c := range []struct {
		date        string
		first, last string
	}{
		{"2026-03-28", "2026-03-28T00:00:00-01:00", "2026-03-28T23:30:00-01:00"},
		{"2026-03-29", "2026-03-29T01:00:00Z", "2026-03-29T23:30:00Z"},
		{"2026-10-25", "2026-10-25T00:00:00Z", "2026-10-25T23:30:00-01:00"},
		{"2026-10-26", "2026-10-26T00:00:00-01:00", "2026-10-26T23:30:00-01:00"},
	} {
		date, err := time.Parse(time.DateOnly, c.date)
		if err != nil {
			t.Fatal(err)
		}
		runs := n.RunsOn(date, 1)
		if len(runs) != 2 || runs[0].Route != "first" || runs[1].Route != "last" ||
			runs[0].At.Format(time.RFC3339) != c.first || runs[1].At.Format(time.RFC3339) != c.last {
			t.Errorf("%s: %+v", c.date, runs)
		}
	}
}

// What runs all the time leaves room for what runs seldom, and says that it goes on.
func TestRunsAreShared(t *testing.T) {
	t.Parallel()
	n := parsed(t, `  - {name: seconds, schedule: {every: 1s}, copy: {to: all}}
  - {name: minutes, schedule: {cron: "* * * * *"}, copy: {to: all}}
  - {name: nights, at: [azores], schedule: {cron: "0 1 * * *"}, copy: {to: all}}
`)
	from := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	count, more := map[string]int{}, map[string]int{}
	var before time.Time
	for _, r := range n.Runs(from, from.AddDate(0, 0, 14)) {
		if r.At.Before(before) {
			t.Fatalf("%s is behind %s", r.At, before)
		}
		before = r.At
		count[r.Route]++
		if r.More {
			more[r.Route] = count[r.Route]
		}
	}
	if got, want := fmt.Sprint(count), "map[minutes:4993 nights:14 seconds:4993]"; got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(more), "map[minutes:4993 seconds:4993]"; got != want {
		t.Errorf("go on %s, want %s", got, want)
	}
}

// Where nothing is left out nothing says so, at the very bound.
func TestRunsUpToTheBound(t *testing.T) {
	t.Parallel()
	n := parsed(t, "  - {name: seconds, schedule: {every: 1s}, copy: {to: all}}\n")
	from := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for seconds, more := range map[int]bool{mostRuns: false, mostRuns + 1: true} {
		runs := n.Runs(from, from.Add(time.Duration(seconds)*time.Second))
		if len(runs) != mostRuns || runs[mostRuns-1].More != more {
			t.Errorf("%d seconds: %d runs, more is %t", seconds, len(runs), runs[len(runs)-1].More)
		}
	}
}

// Cron is on the wall clock of each site that runs it, unless the route says whose; holidays are the site's, or those of the one it names.
func TestWhoseClockAndHolidays(t *testing.T) {
	t.Parallel()
	n := parsed(t, `  - {name: own, schedule: {cron: "0 9 * * *", skip_holidays: true}, copy: {to: all}}
  - {name: theirs, at: [azores], schedule: {cron: "0 9 * * *", in: Europe/Paris, skip_holidays: true, of: tokyo}, copy: {to: all}}
  - {name: off, schedule: {cron: "0 9 * * *", in: Asia/Tokyo, skip_holidays: true, of: tokyo}, copy: {to: all}}
  - {name: all, at: [azores, tokyo], schedule: {cron: "0 9 * * *", in: Europe/Paris}, copy: {to: all}}
`)
	date := time.Date(2026, 3, 26, 0, 0, 0, 0, time.UTC)
	var got string
	for _, r := range n.RunsOn(date, 2) {
		got += fmt.Sprintf("%s %s %s %s\n", r.At.Format(time.RFC3339), r.In, r.Route, r.Site)
	}
	want := `2026-03-26T09:00:00+09:00 Asia/Tokyo own tokyo
2026-03-26T09:00:00+09:00 Asia/Tokyo off 
2026-03-26T09:00:00+01:00 Europe/Paris theirs azores
2026-03-26T09:00:00+01:00 Europe/Paris all 
2026-03-26T09:00:00-01:00 Atlantic/Azores own azores
2026-03-27T09:00:00+01:00 Europe/Paris all 
2026-03-27T09:00:00-01:00 Atlantic/Azores own azores
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

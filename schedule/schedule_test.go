package schedule

import (
	"archive/zip"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func mustCron(t testing.TB, s string) *Cron {
	t.Helper()
	c, err := ParseCron(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return c
}

// zones are all that the Go distribution's time-zone database has, each by one of its names.
func zones(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Skip("no list of time zones: ", err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	seen := map[uint32]bool{}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") && f.Name != "Factory" && !seen[f.CRC32] {
			seen[f.CRC32] = true
			out = append(out, f.Name)
		}
	}
	return out
}

func TestWallTimesThatAreLeftOutOrShownTwice(t *testing.T) {
	for _, c := range []struct{ zone, cron, after, want string }{
		{"America/Los_Angeles", "30 2 * * *", "2026-03-08T00:00:00-08:00", "2026-03-08T03:00:00-07:00"},
		{"America/Los_Angeles", "30 2 * * *", "2026-03-08T03:00:00-07:00", "2026-03-09T02:30:00-07:00"},
		{"America/Los_Angeles", "30 1 * * *", "2026-11-01T00:00:00-07:00", "2026-11-01T01:30:00-07:00"},
		{"America/Los_Angeles", "30 1 * * *", "2026-11-01T01:30:00-07:00", "2026-11-02T01:30:00-08:00"},
		{"Europe/Paris", "0 18 * * MON-FRI", "2026-03-27T18:00:00+01:00", "2026-03-30T18:00:00+02:00"},
		{"Australia/Lord_Howe", "15 2 * * *", "2026-10-04T00:00:00+10:30", "2026-10-04T02:30:00+11:00"},
		{"Pacific/Apia", "0 12 30 12 *", "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00"},
		{"America/Sao_Paulo", "0 0 * * *", "2018-11-03T12:00:00-03:00", "2018-11-04T01:00:00-02:00"},
		{"Antarctica/Troll", "30 2 * * *", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00+02:00"},
		{"UTC", "0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"UTC", "0 0 13 * FRI", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
		{"UTC", "0 0 */2 * FRI", "2026-01-01T00:00:00Z", "2026-01-09T00:00:00Z"},
		{"UTC", "0 0 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"},
		{"UTC", "0 0 * * SAT-SUN", "2026-01-04T00:00:00Z", "2026-01-10T00:00:00Z"},
		{"UTC", "0 0 * * FRI-SUN", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"},
		{"UTC", "0 0 29 2 */7", "2032-03-01T00:00:00Z", "2060-02-29T00:00:00Z"},           // a Sunday
		{"Africa/Monrovia", "30 0 7 1 *", "1972-01-07T00:44:30Z", "1972-01-07T00:45:00Z"}, // left out until 00:44:30
		{"UTC", "@monthly", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"},
	} {
		got, ok := mustCron(t, c.cron).Next(at(t, c.after), zone(t, c.zone), nil)
		if !ok || !got.Equal(at(t, c.want)) {
			t.Errorf("%s in %s after %s: %s, want %s", c.cron, c.zone, c.after, got.Format(time.RFC3339), c.want)
		}
	}
}

func TestWrongExpressions(t *testing.T) {
	for _, s := range []string{"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *",
		"*/0 * * * *", "*/x * * * *", "a * * * *", "+1 * * * *", "0 0 31 2 *", "0 0 30 FEB *", ", * * * *", "1- * * * *", "@never"} {
		if c, err := ParseCron(s); err == nil {
			t.Errorf("%q is taken: %+v", s, c)
		}
	}
	for _, s := range []string{"", "9:00-17:00", "09:00", "09:00-09:00", "25:00-26:00", "24:00-06:00", "09:00-24:30", "09:00–17:00"} {
		if _, err := parseSpan(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

// brute counts the minutes of a wall clock one after the other and gives each that it has not shown before; a minute that it leaves out
// counts as the one it jumps to.
func brute(c *Cron, from, to time.Time, loc *time.Location) []time.Time {
	var out []time.Time
	seen := map[wall]bool{}
	warm := from.Add(-4 * time.Hour)
	next := shown(warm, loc)
	for t := warm; !t.After(to); t = t.Add(time.Minute) {
		w := shown(t, loc)
		hit := false
		for ; !next.After(w); next = next.Add(time.Minute) { // all that the clock came to, or jumped over
			if !seen[next] && c.days(next) && c.hour&(1<<next.Hour()) != 0 && c.minute&(1<<next.Minute()) != 0 {
				hit = true
			}
			seen[next] = true
		}
		if hit && t.After(from) {
			out = append(out, t)
		}
	}
	return out
}

// Over all time zones, around every change of the clock in four years, cron does what counting minutes does.
func TestCronAgainstCounting(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	exprs := []string{"0 0 * * *", "30 2 * * *", "30 1 * * *", "*/15 0-3 * * *", "59 23 * * SUN", "0 12 * * *", "5 0 * * *"}
	names := zones(t)
	if testing.Short() {
		names = names[:60]
	}
	changes := 0
	for _, name := range names {
		loc := zone(t, name)
		for x := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC); ; {
			_, end := x.In(loc).ZoneBounds()
			if end.IsZero() || end.Year() > 2028 {
				break
			}
			x = end
			changes++
			c := mustCron(t, exprs[rnd.IntN(len(exprs))])
			from, to := end.Add(-7*time.Hour).Truncate(time.Minute), end.Add(7*time.Hour)
			want := brute(c, from, to, loc)
			var got []time.Time
			for at, ok := c.Next(from, loc, nil); ok && !at.After(to); at, ok = c.Next(at, loc, nil) {
				got = append(got, at)
			}
			if !slices.EqualFunc(got, want, time.Time.Equal) {
				t.Errorf("%s, %s around %s:\ngot  %v\nwant %v", name, c, end, got, want)
			}
		}
	}
	t.Logf("%d zones, %d changes of the clock", len(names), changes)
}

func TestCalendarAgainstCounting(t *testing.T) {
	hours := []map[string]string{
		{"mon-fri": "09:00-17:00"},
		{"mon-fri": "08:00-12:00, 13:00-17:00", "sat": "09:00-12:00"},
		{"mon-sun": "22:00-06:00"},
		{"mon-sun": "00:00-24:00"},
		{"fri-mon": "01:30-02:30"},
		{"sun": "02:15-02:45", "mon": "00:00-24:00"},
	}
	for _, name := range []string{"America/Los_Angeles", "Asia/Tokyo", "Europe/Paris", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca", "Europe/Dublin", "America/Asuncion"} {
		loc, known := zone(t, name), map[wall]time.Time{}
		for i, h := range hours {
			c, err := NewCalendar(h, []string{"2026-03-09", "2026-03-30", "2026-10-26", "2026-11-02"}, loc)
			if err != nil {
				t.Fatal(err)
			}
			for _, start := range []string{"2026-03-05T00:00:00Z", "2026-03-26T00:00:00Z", "2026-10-22T00:00:00Z", "2026-10-30T00:00:00Z", "2026-04-02T00:00:00Z"} {
				from := at(t, start)
				var opens, closes []time.Time
				was := c.Open(from)
				for x := from.Add(time.Minute); x.Before(from.Add(6 * 24 * time.Hour)); x = x.Add(time.Minute) {
					if is := slowlyOpen(c, x, known); is != was {
						was = is
						if is {
							opens = append(opens, x)
						} else {
							closes = append(closes, x)
						}
					}
				}
				if got := edges(c.NextOpen, from, from.Add(6*24*time.Hour)); !slices.EqualFunc(got, opens, time.Time.Equal) {
					t.Errorf("%s, hours %d from %s opens\n%v\nwant\n%v", name, i, start, got, opens)
				}
				if got := edges(c.NextClose, from, from.Add(6*24*time.Hour)); !slices.EqualFunc(got, closes, time.Time.Equal) {
					t.Errorf("%s, hours %d from %s closes\n%v\nwant\n%v", name, i, start, got, closes)
				}
			}
		}
	}
}

// slowlyOpen looks at the wall clock and nothing else: a minute that it shows for the second time belongs to what was begun and not ended
// the first time.
func slowlyOpen(c *Calendar, x time.Time, known map[wall]time.Time) bool {
	for back := range 3 {
		d := day(shown(x, c.loc), -back)
		if c.holidays[d.Format(time.DateOnly)] {
			continue
		}
		for _, s := range c.week[d.Weekday()] {
			from, to := firstShown(d.Add(time.Duration(s.from)*time.Minute), x, c.loc, known), firstShown(d.Add(time.Duration(s.to)*time.Minute), x, c.loc, known)
			if !x.Before(from) && x.Before(to) {
				return true
			}
		}
	}
	return false
}

// firstShown is the first minute around x at which the wall clock shows w or, having left it out, more.
func firstShown(w wall, x time.Time, loc *time.Location, known map[wall]time.Time) time.Time {
	if t, ok := known[w]; ok {
		return t
	}
	guess := x.Add(w.Sub(shown(x, loc))).Add(-3 * time.Hour).Truncate(time.Minute)
	for ; shown(guess, loc).Before(w); guess = guess.Add(time.Minute) {
	}
	known[w] = guess
	return guess
}

func edges(next func(time.Time) (time.Time, bool), from, to time.Time) (out []time.Time) {
	for x, ok := next(from); ok && x.Before(to); x, ok = next(x) {
		out = append(out, x)
	}
	return out
}

func TestNeverOpenNeverClosed(t *testing.T) {
	for _, h := range []map[string]string{{}, {"mon-sun": "00:00-24:00"}} {
		c, err := NewCalendar(h, nil, zone(t, "Asia/Tokyo"))
		if err != nil {
			t.Fatal(err)
		}
		now := at(t, "2026-05-05T05:05:05Z")
		if x, ok := c.NextOpen(now); ok {
			t.Errorf("%v opens at %s", h, x)
		}
		if x, ok := c.NextClose(now); ok {
			t.Errorf("%v closes at %s", h, x)
		}
	}
}

// Over all zones, every step leads forward, and everything comes once a day.
func TestAlwaysForward(t *testing.T) {
	cal := map[string]string{"mon-fri": "09:00-17:00"}
	for _, name := range zones(t) {
		loc := zone(t, name)
		c, err := NewCalendar(cal, nil, loc)
		if err != nil {
			t.Fatal(err)
		}
		var all []*Schedule
		for _, spec := range []Spec{{Cron: "30 2 * * *", In: loc}, {At: "close", Of: c}, {At: "open", Of: c}, {Every: 7 * time.Hour}} {
			s, err := New(spec)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		from := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		for i, s := range all {
			runs := s.Between(from, from.AddDate(0, 2, 28), 10_000)
			for k := 1; k < len(runs); k++ {
				if !runs[k].After(runs[k-1]) {
					t.Fatalf("%s: %s after %s", name, runs[k], runs[k-1])
				}
			}
			if i == 0 && (len(runs) < 86 || len(runs) > 88) {
				t.Errorf("%s: %d runs of a daily schedule in 87 days", name, len(runs))
			}
		}
	}
}

func TestSkippingHolidays(t *testing.T) {
	loc := zone(t, "Europe/Paris")
	c, err := NewCalendar(nil, []string{"2026-12-25"}, loc)
	if err != nil {
		t.Fatal(err)
	}
	for skip, want := range map[bool]string{false: "2026-12-25T18:00:00+01:00", true: "2026-12-28T18:00:00+01:00"} {
		s, err := New(Spec{Cron: "0 18 * * MON-FRI", In: loc, SkipHolidays: skip, Holidays: c})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := s.Next(at(t, "2026-12-24T18:00:00+01:00")); !got.Equal(at(t, want)) {
			t.Errorf("skip %v: %s", skip, got)
		}
	}
}

func TestRefresh(t *testing.T) {
	la := zone(t, "America/Los_Angeles")
	for _, c := range []struct {
		update, window, now, want string
		first                     bool
	}{
		{"", "", "2026-05-05T10:20:00-07:00", "2026-05-05T10:20:00-07:00", false},
		{"hourly", "", "2026-05-05T10:20:00-07:00", "2026-05-05T11:00:00-07:00", false},
		{"hourly", "", "2026-05-05T10:20:00-07:00", "2026-05-05T10:20:00-07:00", true},
		{"hourly", "", "2026-11-01T01:20:00-08:00", "2026-11-01T02:00:00-08:00", false},
		{"daily", "", "2026-05-05T10:20:00-07:00", "2026-05-06T00:00:00-07:00", false},
		{"30 12 * * *", "", "2026-05-05T10:20:00-07:00", "2026-05-05T12:30:00-07:00", false},
		{"", "20:00-06:00", "2026-05-05T10:20:00-07:00", "2026-05-05T20:00:00-07:00", true},
		{"", "20:00-06:00", "2026-05-05T05:59:00-07:00", "2026-05-05T05:59:00-07:00", true},
		{"", "20:00-06:00", "2026-05-05T06:00:00-07:00", "2026-05-05T20:00:00-07:00", false},
		{"hourly", "20:00-06:00", "2026-05-05T19:30:00-07:00", "2026-05-05T20:00:00-07:00", false},
		{"daily", "20:00-23:00", "2026-05-05T21:00:00-07:00", "2026-05-06T20:00:00-07:00", false},
		{"", "02:00-02:30", "2026-03-08T01:00:00-08:00", "2026-03-09T02:00:00-07:00", false},
		{"daily", "", "2026-11-01T00:30:00-07:00", "2026-11-02T00:00:00-08:00", false},
	} {
		r, err := ParseRefresh(c.update, c.window)
		if err != nil {
			t.Fatal(err)
		}
		due, ever := r.Due(at(t, c.now), la, c.first)
		if !ever || !due.Equal(at(t, c.want)) {
			t.Errorf("%+v: %s", c, due.In(la).Format(time.RFC3339))
		}
	}
	// In St. John's the clock went back from 00:01 to 23:01 of the day before: midnight had been.
	daily := Refresh{update: "daily"}
	if due, _ := daily.Due(at(t, "2010-11-06T23:30:00-03:30"), zone(t, "America/St_Johns"), false); !due.Equal(at(t, "2010-11-08T00:00:00-03:30")) {
		t.Errorf("a midnight shown twice: %s", due)
	}
	for _, u := range []string{"never", "on-return"} {
		r, _ := ParseRefresh(u, "")
		if _, ever := r.Due(time.Now(), la, false); ever {
			t.Errorf("%s is refreshed by time", u)
		}
		if _, ever := r.Due(time.Now(), la, true); !ever {
			t.Errorf("%s gets no first copy", u)
		}
	}
	if _, err := ParseRefresh("sometimes", ""); err == nil || !strings.Contains(err.Error(), "immediate, hourly") {
		t.Errorf("a wrong word: %v", err)
	}
}

func BenchmarkNext(b *testing.B) {
	loc := zone(b, "America/Los_Angeles")
	c := mustCron(b, "0 18 * * MON-FRI")
	cal, err := NewCalendar(map[string]string{"mon-fri": "09:00-17:00"}, nil, loc)
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 3, 6, 18, 0, 0, 0, loc)
	b.Run("cron", func(b *testing.B) {
		for b.Loop() {
			c.Next(now, loc, nil)
		}
	})
	b.Run("close", func(b *testing.B) {
		for b.Loop() {
			cal.NextClose(now)
		}
	})
}

func ExampleSchedule() {
	paris, _ := time.LoadLocation("Europe/Paris")
	hours, _ := NewCalendar(map[string]string{"mon-fri": "09:00-17:00"}, []string{"2026-03-30"}, paris)
	s, _ := New(Spec{At: "close", Of: hours})
	for _, at := range s.Between(time.Date(2026, 3, 26, 0, 0, 0, 0, paris), time.Date(2026, 4, 1, 0, 0, 0, 0, paris), 10) {
		fmt.Println(at.Format(time.RFC3339))
	}
	// Output:
	// 2026-03-26T17:00:00+01:00
	// 2026-03-27T17:00:00+01:00
	// 2026-03-31T17:00:00+02:00
}

package schedule

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// changes lists the moments at which the clocks of a place are set, in some years.
func changes(loc *time.Location, from, to int) (out []time.Time) {
	for x := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC); ; {
		_, end := x.In(loc).ZoneBounds()
		if end.IsZero() || end.Year() > to {
			return out
		}
		x = end
		out = append(out, end)
	}
}

// A day begins at its first moment, in every zone, however the clock was ever set.
func TestMidnightIsTheFirstMomentOfTheDay(t *testing.T) {
	for _, name := range zones(t) {
		loc := zone(t, name)
		for _, c := range changes(loc, 1971, 2037) {
			if c.Unix()%60 != 0 {
				continue
			}
			for n := -1; n <= 1; n++ {
				date := c.In(loc).AddDate(0, 0, n)
				m := Midnight(date, loc)
				want := date.Format(time.DateOnly)
				if is, was := m.Format(time.DateOnly), m.Add(-1).In(loc).Format(time.DateOnly); was >= want || is < want {
					t.Errorf("%s: %s begins at %s, and a moment before it is %s", name, want, m, was)
				}
				// Only a day that the place left out altogether begins on another one.
				if is := m.Format(time.DateOnly); is != want && !slices.Contains([]string{"2011-12-30", "1993-08-21", "1995-01-01", "1994-12-31"}, want) {
					t.Errorf("%s: %s begins on %s", name, want, is)
				}
			}
		}
	}
}

// Opening and closing alternate, over all zones and every change of the clock of four years; Open agrees with both.
func TestOpeningsAlternate(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	week := []map[string]string{
		{"mon-fri": "09:00-17:00"},
		{"mon-sun": "22:00-06:00"},
		{"mon-sun": "00:00-02:30, 02:45-24:00"},
		{"sat-mon": "00:00-24:00", "wed": "01:15-01:45, 23:00-01:00"},
	}
	for _, name := range zones(t) {
		loc := zone(t, name)
		for _, change := range changes(loc, 2025, 2028) {
			from := change.Add(-time.Duration(rnd.Int64N(int64(72 * time.Hour))))
			c, err := NewCalendar(week[rnd.IntN(len(week))], []string{change.In(loc).AddDate(0, 0, rnd.IntN(5)-2).Format(time.DateOnly)}, loc)
			if err != nil {
				t.Fatal(err)
			}
			for range 8 {
				next, other, open := c.NextOpen, c.NextClose, c.Open(from)
				if open {
					next, other = other, next
				}
				at, ok := next(from)
				if !ok || !at.After(from) || c.Open(at) == open || c.Open(at.Add(-1)) != open {
					t.Fatalf("%s: open %t at %s, then not from %s (%t)", name, open, from, at, ok)
				}
				if late, ok := other(from); ok && !late.After(at) {
					t.Fatalf("%s: open %t at %s, and %s before %s", name, open, from, late, at)
				}
				from = at
			}
		}
	}
}

// A delivery is never due before it is owed, in a window if there is one, and all that is owed before a tick is due at that tick: over all
// zones, around every change of the clock.
func TestDueTogether(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, name := range zones(t) {
		loc := zone(t, name)
		around := append(changes(loc, 2005, 2012), changes(loc, 2025, 2028)...)
		for _, change := range around {
			update := []string{"immediate", "hourly", "daily", "*/20 1-3 * * *", "0 0 * * SUN"}[rnd.IntN(5)]
			window := []string{"", "20:00-06:00", "01:00-02:30", "00:00-24:00"}[rnd.IntN(4)]
			r, err := ParseRefresh(update, window)
			if err != nil {
				t.Fatal(err)
			}
			now := change.Add(time.Duration(rnd.Int64N(int64(8*time.Hour))) - 4*time.Hour)
			first, _ := r.Due(now, loc, true)
			due, ever := r.Due(now, loc, false)
			if !ever || due.Before(now) || first.Before(now) || due.Before(first) && window == "" {
				t.Fatalf("%s, %s in %q: due %s, first %s, now %s", name, update, window, due, first, now)
			}
			if r.window != nil {
				for _, at := range []time.Time{due, first} {
					if again := r.window.Next(at, loc); !again.Equal(at) {
						t.Fatalf("%s: %s is outside of %s, which opens at %s", name, at, window, again)
					}
				}
			}
			if update == "immediate" {
				continue
			}
			// What is owed at any time from now to the tick is due with it.
			if bare, _ := (Refresh{update: r.update, cron: r.cron}).Due(now, loc, false); bare.After(now.Add(1)) {
				mid := now.Add(time.Duration(rnd.Int64N(int64(bare.Sub(now)))))
				if with, _ := r.Due(mid, loc, false); !with.Equal(due) {
					t.Fatalf("%s, %s in %q: owed at %s due %s, owed at %s due %s", name, update, window, now, due, mid, with)
				}
			}
		}
	}
}

// told reads an expression of numbers, lists, ranges and steps by trying it on one wall time: nothing of ParseCron is used.
func told(expr string, w wall) bool {
	parts := strings.Fields(expr)
	fits := func(text string, v, lowest, highest int) bool {
		for _, one := range strings.Split(text, ",") {
			body, step, stepped := strings.Cut(one, "/")
			lo, hi, isRange := strings.Cut(body, "-")
			a, b := lowest, highest
			if body != "*" {
				a, _ = strconv.Atoi(lo)
				if b = a; isRange {
					b, _ = strconv.Atoi(hi)
				} else if stepped {
					b = highest
				}
			}
			by := 1
			if stepped {
				by, _ = strconv.Atoi(step)
			}
			if v >= a && v <= b && (v-a)%by == 0 {
				return true
			}
		}
		return false
	}
	if !fits(parts[0], w.Minute(), 0, 59) || !fits(parts[1], w.Hour(), 0, 23) || !fits(parts[3], int(w.Month()), 1, 12) {
		return false
	}
	dom, dow := fits(parts[2], w.Day(), 1, 31), fits(parts[4], int(w.Weekday()), 0, 6)
	if parts[2][0] == '*' || parts[4][0] == '*' {
		return dom && dow
	}
	return dom || dow
}

// Expressions of all shapes, in zones whose clocks do odd things, against a walk over all minutes.
func TestCronAgainstTelling(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	pick := func(l ...string) string { return l[rnd.IntN(len(l))] }
	places := []struct{ zone, from string }{
		{"Australia/Lord_Howe", "2026-04-04T00:00:00Z"}, {"Australia/Lord_Howe", "2026-10-03T00:00:00Z"},
		{"Antarctica/Troll", "2026-03-28T12:00:00Z"}, {"Antarctica/Troll", "2026-10-24T12:00:00Z"},
		{"Africa/Casablanca", "2026-02-14T00:00:00Z"}, {"Africa/Casablanca", "2026-03-21T00:00:00Z"},
		{"Pacific/Apia", "2011-12-29T00:00:00Z"}, {"America/Sao_Paulo", "2018-11-03T12:00:00Z"}, {"America/Sao_Paulo", "2018-02-17T12:00:00Z"},
		{"America/Asuncion", "2023-10-01T00:00:00Z"}, {"America/Asuncion", "2024-03-23T12:00:00Z"},
		{"Europe/Dublin", "2026-03-28T12:00:00Z"}, {"Europe/Dublin", "2026-10-24T12:00:00Z"},
		{"America/St_Johns", "2010-11-06T12:00:00Z"}, {"Asia/Kathmandu", "1985-12-31T00:00:00Z"}, {"Asia/Pyongyang", "2018-05-04T00:00:00Z"},
	}
	for range 400 {
		p := places[rnd.IntN(len(places))]
		expr := strings.Join([]string{pick("0", "*/15", "7,37", "*", "30-45/5", "59"), pick("*", "0", "1-3", "2", "23", "*/6", "0,23"),
			pick("*", "*", "1", "*/2", "4-30", "31"), pick("*", "*", "1-12/2", "*/2", "10-12"), pick("*", "*", "0", "6", "1-5", "*/2", "0,6")}, " ")
		c, err := ParseCron(expr)
		if err != nil {
			continue // never comes
		}
		loc, from := zone(t, p.zone), at(t, p.from)
		to := from.Add(54 * time.Hour)
		var want []time.Time
		next := shown(from, loc).Add(time.Minute)
		for x := from.Add(time.Minute); !x.After(to); x = x.Add(time.Minute) {
			hit := false
			for w := shown(x, loc); !next.After(w); next = next.Add(time.Minute) {
				hit = hit || told(expr, next)
			}
			if hit {
				want = append(want, x)
			}
		}
		var got []time.Time
		for x, ok := c.Next(from, loc, nil); ok && !x.After(to); x, ok = c.Next(x, loc, nil) {
			got = append(got, x)
		}
		if !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Fatalf("%s in %s from %s:\ngot  %v\nwant %v", expr, p.zone, p.from, got, want)
		}
		for range 5 { // and from any moment between
			x := from.Add(time.Duration(rnd.Int64N(int64(48 * time.Hour))))
			i, _ := slices.BinarySearchFunc(want, x, func(w, x time.Time) int {
				if w.After(x) {
					return 1
				}
				return -1
			})
			if n, ok := c.Next(x, loc, nil); i < len(want) && (!ok || !n.Equal(want[i])) {
				t.Fatalf("%s in %s after %s: %s, want %s", expr, p.zone, x, n, want[i])
			}
		}
	}
}

package schedule

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// span is a time of the day, in minutes since midnight; one that ends at or before its start ends the next day.
type span struct{ from, to int }

var spanText = regexp.MustCompile(`^([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])$`)

// parseSpan reads "09:00-17:00", "22:00-06:00" or "00:00-24:00".
func parseSpan(s string) (span, error) {
	if !spanText.MatchString(s) {
		return span{}, fmt.Errorf("%.40q is not a span of time, as in 09:00-17:00", s)
	}
	n := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	x := span{n(0)*60 + n(3), n(6)*60 + n(9)}
	switch {
	case x.from >= 24*60 || x.to > 24*60:
		return span{}, fmt.Errorf("%q is later than the day", s)
	case x.from == x.to:
		return span{}, fmt.Errorf("%q is empty; all day is 00:00-24:00", s)
	}
	if x.to < x.from {
		x.to += 24 * 60
	}
	return x, nil
}

// Calendar is when a site is open.
type Calendar struct {
	loc      *time.Location
	week     [7][]span // by time.Weekday
	holidays map[string]bool
}

// NewCalendar makes one of hours ("mon-fri": "09:00-12:00, 13:00-17:00"), dates that are off (2026-12-25) and the place.
func NewCalendar(hours map[string]string, holidays []string, loc *time.Location) (*Calendar, error) {
	c := &Calendar{loc: loc, holidays: make(map[string]bool, len(holidays))}
	for days, text := range hours {
		list, err := ParseDays(days)
		if err != nil {
			return nil, err
		}
		for s := range strings.SplitSeq(text, ",") {
			x, err := parseSpan(strings.TrimSpace(s))
			if err != nil {
				return nil, err
			}
			for _, d := range list {
				c.week[d] = append(c.week[d], x)
			}
		}
	}
	for _, h := range holidays {
		if _, err := time.Parse(time.DateOnly, h); err != nil {
			return nil, fmt.Errorf("%.40q is not a date, as in 2026-12-25", h)
		}
		c.holidays[h] = true
	}
	return c, nil
}

// ParseDays lists the weekdays of mon, mon-fri or sat-mon.
func ParseDays(s string) ([]time.Weekday, error) {
	week := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	from, to, isRange := strings.Cut(strings.ToLower(s), "-")
	if !isRange {
		to = from
	}
	i, j := slices.Index(week, from), slices.Index(week, to)
	if i < 0 || j < 0 {
		return nil, fmt.Errorf("%.40q is not a day or a range of days, as in mon-fri", s)
	}
	out := []time.Weekday{time.Weekday(i)}
	for ; i != j; i = (i + 1) % 7 {
		out = append(out, time.Weekday((i+1)%7))
	}
	return out, nil
}

// Location is the place's.
func (c *Calendar) Location() *time.Location { return c.loc }

// Holiday reports whether a date (2026-12-25) is off.
func (c *Calendar) Holiday(date string) bool { return c.holidays[date] }

// opening is an uninterrupted time of being open.
type opening struct{ from, to time.Time }

// openings are those of some days around a time, joined where they adjoin. A span that begins on a holiday is off; one that reaches
// into a holiday is not.
func (c *Calendar) openings(from time.Time, before, days int) []opening {
	var all []opening
	w := shown(from, c.loc)
	for n := -before; n < days; n++ {
		d := day(w, n)
		if c.holidays[d.Format(time.DateOnly)] {
			continue
		}
		for _, x := range c.week[d.Weekday()] {
			o := opening{instant(d.Add(time.Duration(x.from)*time.Minute), c.loc), instant(d.Add(time.Duration(x.to)*time.Minute), c.loc)}
			if o.from.Before(o.to) {
				all = append(all, o)
			}
		}
	}
	slices.SortFunc(all, func(a, b opening) int { return cmp.Or(a.from.Compare(b.from), a.to.Compare(b.to)) })
	joined := all[:0]
	for _, o := range all {
		if n := len(joined); n > 0 && !o.from.After(joined[n-1].to) {
			if o.to.After(joined[n-1].to) {
				joined[n-1].to = o.to
			}
			continue
		}
		joined = append(joined, o)
	}
	return joined
}

// Spans are the times from one moment to another in which the site is open, cut off at both.
func (c *Calendar) Spans(from, to time.Time) [][2]time.Time {
	var out [][2]time.Time
	for _, o := range c.openings(from, 2, int(to.Sub(from).Hours()/24)+3) {
		if o.from.Before(from) {
			o.from = from
		}
		if o.to.After(to) {
			o.to = to
		}
		if o.from.Before(o.to) {
			out = append(out, [2]time.Time{o.from, o.to})
		}
	}
	return out
}

// Open reports whether the site is open.
func (c *Calendar) Open(at time.Time) bool {
	for _, o := range c.openings(at, 2, 2) {
		if !at.Before(o.from) && at.Before(o.to) {
			return true
		}
	}
	return false
}

// The farthest that is looked ahead, a week and then some months at a time.
const (
	lookWeek = 9
	lookMost = 800
)

// NextOpen is the first time after the one given at which the site opens, having been closed. ok is false when it never does.
func (c *Calendar) NextOpen(after time.Time) (time.Time, bool) {
	return c.next(after, func(o opening) time.Time { return o.from })
}

// NextClose is the same for closing.
func (c *Calendar) NextClose(after time.Time) (time.Time, bool) {
	return c.next(after, func(o opening) time.Time { return o.to })
}

func (c *Calendar) next(after time.Time, edge func(opening) time.Time) (time.Time, bool) {
	for days := lookWeek; ; days = lookMost {
		// What touches the end of the days that were looked at may go on behind it: that is no edge.
		end := instant(day(shown(after, c.loc), days), c.loc)
		for _, o := range c.openings(after, 2, days) {
			if t := edge(o); t.After(after) && t.Before(end) {
				return t, true
			}
		}
		if days == lookMost {
			return time.Time{}, false
		}
	}
}

package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Cron is a cron expression: minute, hour, day of the month, month and weekday.
type Cron struct {
	minute, hour, dom, month, dow uint64 // sets of bits
	anyDay, anyWeekday            bool
	text                          string
}

// String is the expression as it was written.
func (c *Cron) String() string { return c.text }

type field struct {
	name     string
	min, max int
	words    []string // for min, min+1, ...
}

func fields() [5]field {
	return [5]field{
		{"minute", 0, 59, nil}, {"hour", 0, 23, nil}, {"day of the month", 1, 31, nil},
		{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
		{"weekday", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
	}
}

// ParseCron reads an expression of five fields, with names, ranges, lists and steps ("0 18 * * MON-FRI", "*/15 8-17 1,15 * *"), or
// one of @hourly, @daily, @weekly, @monthly and @yearly. Weekday 0 and 7 are Sunday. When both days are restricted, either will do.
func ParseCron(text string) (*Cron, error) {
	long := map[string]string{"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
		"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *"}
	s := strings.TrimSpace(text)
	if l, ok := long[strings.ToLower(s)]; ok {
		s = l
	}
	parts := strings.Fields(s)
	if len(parts) != 5 || len(text) > 1000 {
		return nil, errors.New("a cron expression has five fields: minute, hour, day of the month, month, weekday")
	}
	var sets [5]uint64
	for i, f := range fields() {
		set, err := f.parse(parts[i])
		if err != nil {
			return nil, err
		}
		sets[i] = set
	}
	c := &Cron{minute: sets[0], hour: sets[1], dom: sets[2], month: sets[3], dow: sets[4], text: text,
		anyDay: strings.HasPrefix(parts[2], "*"), anyWeekday: strings.HasPrefix(parts[4], "*")}
	if c.dow&(1<<7) != 0 {
		c.dow |= 1
	}
	if !c.possible() {
		return nil, errors.New("it never comes: none of its months has such a day")
	}
	return c, nil
}

// possible reports whether some year has such a day.
func (c *Cron) possible() bool {
	if !c.anyWeekday {
		return true
	}
	for m, days := range [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31} {
		if c.month&(1<<(m+1)) != 0 && c.dom&(1<<(days+1)-1) != 0 {
			return true
		}
	}
	return false
}

func (f field) parse(text string) (set uint64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		body, step, stepped := strings.Cut(part, "/")
		from, to := f.min, f.max
		if f.name == "weekday" {
			to = 6
		}
		if body != "*" {
			lo, hi, isRange := strings.Cut(body, "-")
			if from, err = f.value(lo); err != nil {
				return 0, err
			}
			switch {
			case isRange:
				if to, err = f.value(hi); err != nil {
					return 0, err
				}
				if f.name == "weekday" && to == 0 && from > 0 {
					to = 7 // SAT-SUN
				}
			case !stepped:
				to = from
			}
		}
		by := 1
		if stepped {
			if by, err = strconv.Atoi(step); err != nil || by < 1 || by > f.max {
				return 0, fmt.Errorf("%s: %.40q is not a step", f.name, step)
			}
		}
		if from > to {
			return 0, fmt.Errorf("%s: %.40q goes backwards", f.name, part)
		}
		for v := from; v <= to; v += by {
			set |= 1 << v
		}
	}
	return set, nil
}

func (f field) value(s string) (int, error) {
	for i, w := range f.words {
		if strings.EqualFold(s, w) {
			return f.min + i, nil
		}
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < f.min || v > f.max || strings.HasPrefix(s, "+") {
		return 0, fmt.Errorf("%s: %.40q is not between %d and %d", f.name, s, f.min, f.max)
	}
	return v, nil
}

// days reports whether the day of a wall time is one of the expression's.
func (c *Cron) days(w wall) bool {
	if c.month&(1<<int(w.Month())) == 0 {
		return false
	}
	dom, dow := c.dom&(1<<w.Day()) != 0, c.dow&(1<<int(w.Weekday())) != 0
	if c.anyDay || c.anyWeekday {
		return dom && dow
	}
	return dom || dow
}

// yearsAhead is how far is looked for the next time: a 29 February can be eight years away, and one that must be a Sunday too, forty.
const yearsAhead = 41

// Next is the first time after the one given at which the wall clock of a place shows what the expression says; off, if given, leaves out
// days. ok is false when there is none.
func (c *Cron) Next(after time.Time, loc *time.Location, off func(date string) bool) (at time.Time, ok bool) {
	from := begun(after, loc)
	d := day(from, 0)
	for last := day(d, 366*yearsAhead); d.Before(last); d = day(d, 1) {
		if !c.days(d) || off != nil && off(d.Format(time.DateOnly)) {
			continue
		}
		for w, more := c.onDay(d, from); more; w, more = c.onDay(d, w.Add(time.Minute)) {
			if t := instant(w, loc); t.After(after) { // else it was shown already, and is shown again
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// onDay is the expression's first wall time of a day that is not before from.
func (c *Cron) onDay(d, from wall) (w wall, ok bool) {
	first := max(0, int(from.Sub(d)/time.Minute))
	for h := first / 60; h < 24; h++ {
		if c.hour&(1<<h) == 0 {
			continue
		}
		start := max(0, first-h*60)
		if left := c.minute >> start; left != 0 {
			return d.Add(time.Duration(h*60+start+bits.TrailingZeros64(left)) * time.Minute), true
		}
	}
	return w, false
}

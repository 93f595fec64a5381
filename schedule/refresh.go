package schedule

import (
	"fmt"
	"time"
)

// Window is a time of the day in which something may be done.
type Window struct{ span span }

// ParseWindow reads "20:00-06:00".
func ParseWindow(s string) (Window, error) {
	x, err := parseSpan(s)
	return Window{x}, err
}

// Next is at itself when the window is open in a place, else when it opens.
func (x Window) Next(at time.Time, loc *time.Location) time.Time {
	w := shown(at, loc)
	for n := -2; n < 4; n++ {
		d := day(w, n)
		from, to := instant(d.Add(time.Duration(x.span.from)*time.Minute), loc), instant(d.Add(time.Duration(x.span.to)*time.Minute), loc)
		switch {
		case !from.Before(to): // left out by the wall clock
		case from.After(at):
			return from
		case at.Before(to):
			return at
		}
	}
	return at
}

// Refresh is when the holder of a copy is brought up to date.
type Refresh struct {
	update string
	cron   *Cron
	window *Window
}

// ParseRefresh reads what a route says: update is "" or "immediate", "hourly", "daily", "on-return", "never" or a cron expression; window
// a span of the day, or "".
func ParseRefresh(update, window string) (r Refresh, err error) {
	r.update = update
	switch update {
	case "", "immediate", "hourly", "daily", "on-return", "never":
	default:
		if r.cron, err = ParseCron(update); err != nil {
			return r, fmt.Errorf("update is immediate, hourly, daily, on-return, never or a cron expression: %w", err)
		}
	}
	if window != "" {
		w, err := ParseWindow(window)
		if err != nil {
			return r, err
		}
		r.window = &w
	}
	return r, nil
}

// Due is when what came to be owed now may be delivered at a place. The first delivery waits for the window alone. Whatever comes to be owed
// before the time is due at the same time. ever is false for a holder that no time refreshes.
func (r Refresh) Due(now time.Time, loc *time.Location, first bool) (due time.Time, ever bool) {
	due, ever = now, true
	if !first {
		switch {
		case r.update == "hourly":
			due = instant(shown(now, loc).Truncate(time.Hour).Add(time.Hour), loc)
			if !due.After(now) { // the hour that the clock shows for the second time
				due = now.Truncate(time.Hour).Add(time.Hour)
			}
		case r.update == "daily":
			today := shown(now, loc)
			due = instant(day(today, 1), loc)
			if !due.After(now) { // the clock was set back over midnight: that one has been
				due = instant(day(today, 2), loc)
			}
		case r.update == "on-return" || r.update == "never":
			return now, false
		case r.cron != nil:
			if due, ever = r.cron.Next(now, loc, nil); !ever {
				return now, false
			}
		}
	}
	if r.window != nil {
		due = r.window.Next(due, loc)
	}
	return due, true
}

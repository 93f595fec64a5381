package schedule

import "time"

// wall is what a clock on the wall shows, to the minute, as if it were UTC: so that it can be compared and counted with.
type wall = time.Time

// shown is what the wall clock of a place shows at a time.
func shown(t time.Time, loc *time.Location) wall {
	l := t.In(loc)
	_, off := l.Zone()
	return t.UTC().Add(time.Duration(off) * time.Second)
}

// reach is how far from UTC a wall clock can be: offsets are below 16 hours.
const reach = 16 * time.Hour

// instant is when the wall clock of a place shows w for the first time; when it leaves w out, the next whole minute that it shows.
func instant(w wall, loc *time.Location) time.Time {
	t := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), 0, 0, loc)
	if start, end := t.ZoneBounds(); (start.IsZero() || t.Sub(start) > 2*reach) && (end.IsZero() || end.Sub(t) > 2*reach) {
		return t
	}
	last := w.Add(reach)
	for at := w.Add(-reach); ; {
		l := at.In(loc)
		_, off := l.Zone()
		start, end := l.ZoneBounds()
		hit := w.Add(-time.Duration(off) * time.Second)
		if (start.IsZero() || !hit.Before(start)) && (end.IsZero() || hit.Before(end)) {
			return hit.In(loc)
		}
		if end.IsZero() || end.After(last) {
			return t // cannot be: some zone shows it, or a change leaves it out
		}
		if _, after := end.Zone(); !w.Before(end.UTC().Add(time.Duration(off)*time.Second)) && w.Before(end.UTC().Add(time.Duration(after)*time.Second)) {
			return ceilMinute(end).In(loc)
		}
		at = end
	}
}

func ceilMinute(t time.Time) time.Time {
	if m := t.Truncate(time.Minute); m.Before(t) {
		return m.Add(time.Minute)
	}
	return t
}

// begun is a wall time before which everything has been shown, or left out, by t: no run of those is still to come.
func begun(t time.Time, loc *time.Location) wall {
	w := shown(t, loc).Truncate(time.Minute)
	if start, _ := t.In(loc).ZoneBounds(); !start.IsZero() && t.Sub(start) < time.Minute {
		return w.Add(-2 * reach) // a clock set at no whole minute: what it left out runs at the end of this one
	}
	return w
}

// Midnight is when a day begins in a place: the date is that of its own fields. Where the clock leaves midnight out it is the first minute
// of the day, where it shows it twice the first of the two. (time.Date may give an hour of the day before.)
func Midnight(date time.Time, loc *time.Location) time.Time {
	return instant(time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, time.UTC), loc)
}

// day is the midnight of a wall time, days later.
func day(w wall, days int) wall {
	return time.Date(w.Year(), w.Month(), w.Day()+days, 0, 0, 0, 0, time.UTC)
}

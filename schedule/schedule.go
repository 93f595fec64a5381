package schedule

import (
	"errors"
	"time"
)

// Spec is what a route says of when it runs: exactly one of Cron, At and Every.
type Spec struct {
	Cron string
	// In is the place whose wall clock counts for Cron.
	In *time.Location
	// SkipHolidays leaves out, for Cron, the days that are off in Holidays.
	SkipHolidays bool
	Holidays     *Calendar
	// At is "open" or "close", of the site with the calendar Of.
	At string
	Of *Calendar
	// Every is from a second.
	Every time.Duration
}

// Schedule is a Spec, checked.
type Schedule struct {
	spec Spec
	cron *Cron
}

// New checks a spec. The error is a sentence for the person who wrote it.
func New(s Spec) (*Schedule, error) {
	out := &Schedule{spec: s}
	var err error
	switch {
	case s.Cron != "":
		if s.In == nil {
			return nil, errors.New("a cron schedule needs a time zone")
		}
		out.cron, err = ParseCron(s.Cron)
	case s.At == "open" || s.At == "close":
		if s.Of == nil {
			return nil, errors.New("the site has no hours")
		}
	case s.Every >= time.Second:
	default:
		err = errors.New("a schedule has a cron expression, an opening or closing, or an every of at least a second")
	}
	return out, err
}

// Next is the first run after a time; ok is false when there is none.
func (s *Schedule) Next(after time.Time) (at time.Time, ok bool) {
	switch {
	case s.cron != nil:
		var off func(string) bool
		if s.spec.SkipHolidays && s.spec.Holidays != nil {
			off = s.spec.Holidays.Holiday
		}
		return s.cron.Next(after, s.spec.In, off)
	case s.spec.At == "open":
		return s.spec.Of.NextOpen(after)
	case s.spec.At == "close":
		return s.spec.Of.NextClose(after)
	}
	// Counted from 1970, so that restarts and replicas agree.
	every := s.spec.Every
	n := after.UnixNano() / int64(every)
	if after.UnixNano() < 0 && after.UnixNano()%int64(every) != 0 {
		n--
	}
	return time.Unix(0, (n+1)*int64(every)).UTC(), true
}

// Location is the place in whose time the schedule is written; UTC for an every.
func (s *Schedule) Location() *time.Location {
	switch {
	case s.cron != nil:
		return s.spec.In
	case s.spec.At != "":
		return s.spec.Of.Location()
	}
	return time.UTC
}

// Between lists the runs after from, up to and with to, at most limit.
func (s *Schedule) Between(from, to time.Time, limit int) []time.Time {
	var out []time.Time
	for at, ok := s.Next(from); ok && !at.After(to) && len(out) < limit; at, ok = s.Next(at) {
		out = append(out, at)
	}
	return out
}

package routing

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// String is when the schedule runs, for a person: "at close of paris", "every 15m", "by cron 0 18 * * MON-FRI in Europe/Paris".
func (s *Schedule) String() string {
	var out string
	switch {
	case s.Every > 0:
		out = "every " + short(s.Every)
	case s.Cron != "":
		out = "by cron " + s.Cron
		if s.In != "" {
			out += " in " + s.In
		}
	case s.At != "":
		out = fmt.Sprintf("at %s of %s", s.At, s.Of)
	default:
		return "by a schedule"
	}
	if s.SkipHolidays {
		out += ", not on holidays"
	}
	return out
}

// short is a duration without the zeros at its end.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// Scheduled are the routes with a schedule, in the order of the file. They are the table's own: read only.
func (t *Table) Scheduled() []*Route {
	var out []*Route
	for i := range t.routes {
		if r := &t.routes[i].Route; r.Schedule != nil {
			out = append(out, r)
		}
	}
	return out
}

// DecideRoute says what one route with a schedule does with one request when its time has come. in.Site is where the request is
// owned; in.Event and in.Old do not count, for nothing was written: old is empty in its condition. The decision is empty when no
// route of that name has a schedule, or when it is for another collection or for other sites.
func (t *Table) DecideRoute(name string, in Input) Decision {
	i, ok := t.timed[name]
	if !ok || t.routes[i].elsewhere(&in) {
		return Decision{}
	}
	in.Event = ""
	e, _ := t.pool.Get().(*evaluation)
	defer func() { e.end(); t.pool.Put(e) }()
	e.begin(&in)
	return t.decide(e, []int32{i})
}

// elsewhere reports whether a route is for another collection or for other sites.
func (r *Route) elsewhere(in *Input) bool {
	return r.Collection != "" && r.Collection != in.Collection || len(r.At) > 0 && !slices.Contains(r.At, in.Site)
}

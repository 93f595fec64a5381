package configs

import (
	"cmp"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/schedule"
)

// Schedule is when a route with a schedule runs at a site. Cron is on the site's own wall clock unless the route says whose; holidays are
// those of the site that the route names, else of the site itself. It is nil for a route without one.
func (n *Network) Schedule(r *routing.Route, at request.Site) *schedule.Schedule {
	if r.Schedule == nil {
		return nil
	}
	s := r.Schedule
	zone := n.Sites[at].Timezone
	if s.In != "" {
		if loc, err := time.LoadLocation(s.In); err == nil { // else the file is refused
			zone = loc
		}
	}
	if zone == nil {
		zone = time.UTC
	}
	of := n.Sites[cmp.Or(request.Site(s.Of), at)].Calendar
	out, err := schedule.New(schedule.Spec{Cron: s.Cron, In: zone, SkipHolidays: s.SkipHolidays, Holidays: of, At: s.At, Of: of, Every: s.Every})
	if err != nil {
		return nil
	}
	return out
}

// RunsAt lists the sites at which a route with a schedule runs: those that it names, else all.
func (n *Network) RunsAt(r *routing.Route) []request.Site {
	if len(r.At) > 0 {
		return r.At
	}
	return n.Order
}

// Timing says when a holder may be served under its terms; see replicate.Timing.
func (n *Network) Timing(site request.Site, t request.Terms, first bool, now time.Time) (due time.Time, ever bool) {
	r, err := schedule.ParseRefresh(t.Update, t.Window)
	if err != nil { // of a file of before: better at once than never
		return now, true
	}
	loc := n.Sites[site].Timezone
	if loc == nil {
		loc = time.UTC
	}
	return r.Due(now, loc, first)
}

// Run is one run of a route with a schedule.
type Run struct {
	Route string
	At    time.Time // in the place in whose time the schedule is written
	In    string    // that place
	// Site is where it runs, "" for several.
	Site request.Site
}

// mostRuns bounds a preview.
const mostRuns = 10_000

// Runs lists what runs after from, up to and with to, in order of time. What several sites run at one time is one run.
func (n *Network) Runs(from, to time.Time) []Run {
	return n.runs(func(*time.Location) (time.Time, time.Time) { return from, to })
}

// RunsOn lists what runs on some days, each schedule's by its own calendar.
func (n *Network) RunsOn(date time.Time, days int) []Run {
	return n.runs(func(loc *time.Location) (from, to time.Time) {
		midnight := func(later int) time.Time {
			return time.Date(date.Year(), date.Month(), date.Day()+later, 0, 0, 0, 0, loc).Add(-1)
		}
		return midnight(0), midnight(days)
	})
}

func (n *Network) runs(span func(*time.Location) (from, to time.Time)) []Run {
	var out []Run
	for i := range n.Routes {
		r := &n.Routes[i]
		if r.Schedule == nil {
			continue
		}
		first := len(out)
		for _, site := range n.RunsAt(r) {
			s := n.Schedule(r, site)
			if s == nil {
				continue
			}
			from, to := span(s.Location())
			for _, at := range s.Between(from, to, mostRuns) {
				run := Run{r.Name, at.In(s.Location()), s.Location().String(), site}
				if k := slices.IndexFunc(out[first:], func(x Run) bool { return x.At.Equal(at) && x.In == run.In }); k >= 0 {
					out[first+k].Site = ""
					continue
				}
				out = append(out, run)
			}
		}
		if s := request.Site(r.Schedule.Of); s != "" && len(r.At) == 0 { // whose opening or closing it is says more than nothing
			for k := first; k < len(out); k++ {
				out[k].Site = s
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Run) int { return a.At.Compare(b.At) })
	return out[:min(len(out), mostRuns)]
}

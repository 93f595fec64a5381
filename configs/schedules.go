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
	// More says that the route goes on behind this run within the time that was asked for, and is not listed any further.
	More bool
}

// mostRuns bounds a preview.
const mostRuns = 10_000

// Runs lists what runs after from, up to and with to, in order of time. What several sites run at one time is one run. At most 10,000 are
// listed; the routes that run most often are cut short first, see Run.More.
func (n *Network) Runs(from, to time.Time) []Run {
	return n.runs(func(*time.Location) (time.Time, time.Time) { return from, to })
}

// RunsOn lists what runs on some days, each schedule's by its own calendar: of date only the year, the month and the day count.
func (n *Network) RunsOn(date time.Time, days int) []Run {
	return n.runs(func(loc *time.Location) (from, to time.Time) {
		return schedule.Midnight(date, loc).Add(-1), schedule.Midnight(date.AddDate(0, 0, days), loc).Add(-1)
	})
}

// within is the time that is asked for, in some place.
type within func(*time.Location) (from, to time.Time)

func (n *Network) runs(span within) []Run {
	var lists [][]Run
	for i := range n.Routes {
		if r := &n.Routes[i]; r.Schedule != nil {
			lists = append(lists, n.runsOf(r, span))
		}
	}
	out := slices.Concat(share(lists, mostRuns)...)
	slices.SortStableFunc(out, func(a, b Run) int { return a.At.Compare(b.At) })
	return out
}

// runsOf lists the runs of one route, and one more than may be shown.
func (n *Network) runsOf(r *routing.Route, span within) []Run {
	type moment struct {
		at int64
		in string
	}
	var out []Run
	known := map[moment]int{}
	for _, site := range n.RunsAt(r) {
		s := n.Schedule(r, site)
		if s == nil {
			continue
		}
		from, to := span(s.Location())
		for _, at := range s.Between(from, to, mostRuns+1) {
			m := moment{at.UnixNano(), s.Location().String()}
			if k, twice := known[m]; twice {
				out[k].Site = ""
				continue
			}
			known[m] = len(out)
			out = append(out, Run{Route: r.Name, At: at.In(s.Location()), In: m.in, Site: site})
		}
	}
	if s := request.Site(r.Schedule.Of); r.Schedule.At != "" && len(r.At) == 0 { // whose opening or closing it is says more than nothing
		for k := range out {
			out[k].Site = s
		}
	}
	slices.SortStableFunc(out, func(a, b Run) int { return a.At.Compare(b.At) })
	return out
}

// share cuts lists so that all together have no more than most runs: what runs every second does not push out what runs once a night. A list
// keeps its first run in any case.
func share(lists [][]Run, most int) [][]Run {
	order := make([]int, len(lists))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(lists[a]), len(lists[b])) })
	for k, i := range order {
		part := max(1, most/(len(order)-k)) // what the shorter ones left is for the longer ones
		if len(lists[i]) > part {
			lists[i] = lists[i][:part]
			lists[i][part-1].More = true
		}
		most -= len(lists[i])
	}
	return lists
}

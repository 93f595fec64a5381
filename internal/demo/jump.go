package demo

import (
	"encoding/json"
	"net/url"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// jump sets the clock to a time of the wall clock somewhere, says so, and waits until all that was to run by then has run.
func (t *walk) jump(zone, when string) {
	to, ok := t.at(zone, when)
	if !ok {
		return
	}
	t.say("\n  the clock is set to %s", t.paint("1", to.Format("Monday 2006-01-02 15:04:05 -07:00")+" in "+zone))
	t.set(to)
}

func (t *walk) at(zone, when string) (time.Time, bool) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.check(false, err.Error())
		return time.Time{}, false
	}
	to, err := time.ParseInLocation("2006-01-02 15:04:05", when, loc)
	if err != nil {
		t.check(false, err.Error())
	}
	return to, err == nil
}

// set sets the clock and waits for the runs that have come due by that: at each site the latest of each route, since several that
// were missed are made up once.
func (t *walk) set(to time.Time) {
	from := t.clock.Now()
	due := map[timed]time.Time{}
	for i := range t.net.Routes {
		r := &t.net.Routes[i]
		for _, site := range t.net.RunsAt(r) {
			s := t.net.Schedule(r, site)
			if s == nil {
				continue
			}
			for at, ok := s.Next(from); ok && !at.After(to); at, ok = s.Next(at) {
				due[timed{site, r.Name}] = at
			}
		}
	}
	t.clock.set(to)
	for x, at := range due {
		if !t.heard(x, at) {
			t.check(false, x.route+" runs at "+string(x.site)+" at "+at.Format(time.RFC3339))
		}
	}
}

// heard waits for a run.
func (t *walk) heard(x timed, due time.Time) bool {
	give := time.NewTimer(patience)
	defer give.Stop()
	for t.runs.missing(x, due) {
		select {
		case <-t.runs.news:
		case <-give.C:
			return false
		case <-t.ctx.Done():
			return false
		}
	}
	return true
}

// holding says which site owns a request, if that site says so itself and all others with a record of it are copies and say the same;
// else "". While ownership moves the one who gives it already names the one who takes it.
func (t *walk) holding(paths map[request.Site]string) request.Site {
	var owner request.Site
	for at, path := range paths {
		a := t.ask(at, "GET", path, "")
		says := request.Site(a.receipt("Owner"))
		role := "copy"
		if says == at {
			role = "owner"
		}
		if says == "" || owner != "" && says != owner || a.receipt("Role") != role {
			return ""
		}
		owner = says
	}
	if paths[owner] == "" {
		return ""
	}
	return owner
}

// owned waits until a site owns a request and all that have a record know it.
func (t *walk) owned(what string, owner request.Site, paths map[request.Site]string) {
	t.wait(what, func() bool { return t.holding(paths) == owner })
}

// stays checks that a site owns a request and is not about to give it away. What was to run has run: it would be planned by now.
func (t *walk) stays(what string, owner request.Site, path string) {
	a := t.ask(owner, "GET", path, "")
	leaves := slices.ContainsFunc(t.transfers(owner), func(x gateway.TransferView) bool { return string(x.Request) == a.receipt("Request") })
	t.check(a.receipt("Role") == "owner" && !leaves, what)
}

// preview shows what is going to run at all sites, as a site's gateway tells it.
func (t *walk) preview(site request.Site, from string, days string) []gateway.ScheduledRun {
	path := "/api/v1/schedule?from=" + url.QueryEscape(from) + "&days=" + days
	t.say("\n  %-14s %s", site, t.paint("1", "GET "+path))
	var list []gateway.ScheduledRun
	a := t.do("GET", "http://"+t.apps[site].Addresses().Admin+path, "")
	if a.status != 200 || json.Unmarshal(a.text, &list) != nil {
		t.check(false, "the gateway tells what is going to run")
	}
	return list
}

func (t *walk) showRuns(list []gateway.ScheduledRun) {
	for _, x := range list {
		t.say("  %14s %s  %s UTC  %s", "", x.At.Format("Mon 2006-01-02 15:04 -07:00"), x.At.UTC().Format("15:04"), x.Route)
	}
	if len(list) == 0 {
		t.say("  %14s nothing", "")
	}
}

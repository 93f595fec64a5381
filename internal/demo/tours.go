package demo

import (
	"fmt"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// jump sets the gateways' clock to a time of the wall clock somewhere and says so.
func (t *walk) jump(zone, when string) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.check(false, err.Error())
		return
	}
	to, err := time.ParseInLocation("2006-01-02 15:04:05", when, loc)
	if err != nil {
		t.check(false, err.Error())
		return
	}
	t.clock.set(to)
	t.say("\n  the clock is set to %s", t.paint("1", to.Format("Monday 2006-01-02 15:04:05 -07:00")+" in "+zone))
}

// owner is who owns a request, as a site's gateway knows it.
func (t *walk) owner(at request.Site, path string) request.Site {
	return request.Site(t.ask(at, "GET", path, "").receipt("Owner"))
}

// owned waits until a site owns a request, and all three know it.
func (t *walk) owned(what string, owner request.Site, paths map[request.Site]string) {
	t.wait(what, func() bool {
		for at, path := range paths {
			if path != "" && t.owner(at, path) != owner {
				return false
			}
		}
		return true
	})
}

// stays checks that a site still owns a request after a schedule had its time to run.
func (t *walk) stays(what string, owner request.Site, at request.Site, path string) {
	look := time.NewTimer(1500 * time.Millisecond)
	defer look.Stop()
	select {
	case <-look.C:
	case <-t.ctx.Done():
	}
	t.check(t.owner(at, path) == owner, what)
}

// sunTour is two weeks of three support centres.
type sunTour struct {
	*walk
	here  string // the open request's path in San Francisco
	done  string // that of the closed one
	paths map[request.Site]string
}

// sunRises is a working day in San Francisco, five minutes before its end.
func sunRises() time.Time { return time.Date(2027, 3, 5, 0, 55, 0, 0, time.UTC) }

func (t *sunTour) steps() []step {
	return []step{
		{"It is Thursday, 16:55 in San Francisco. Two requests are there, one of them closed.", t.evening},
		{"San Francisco's day ends: Tokyo takes over.", t.toTokyo},
		{"Tokyo's day ends: Paris takes over. Paris's day ends: San Francisco has it again.", t.around},
		{"The weekend.", t.weekend},
		{"San Francisco has changed to summer time, the others have not.", t.summer},
		{"Tokyo has a holiday.", t.holiday},
	}
}

func (t *sunTour) evening() {
	t.say("\n  the clock shows %s", t.paint("1", t.clock.Now().UTC().Format("Monday 2006-01-02 15:04 -07:00")))
	open := t.call(sanFrancisco, "POST", "/tickets", `{"title":"printer on fire","status":"open"}`)
	shut := t.call(sanFrancisco, "POST", "/tickets", `{"title":"lost password","status":"closed"}`)
	t.here, t.done = "/tickets/"+open.id(), "/tickets/"+shut.id()
	t.check(open.receipt("Owner") == string(sanFrancisco) && shut.receipt("Owner") == string(sanFrancisco), "San Francisco owns both")
}

func (t *sunTour) toTokyo() {
	t.jump("America/Los_Angeles", "2027-03-04 17:00:05")
	t.owned("Tokyo owns the open one", tokyo, map[request.Site]string{sanFrancisco: t.here})
	t.check(t.owner(sanFrancisco, t.done) == sanFrancisco, "the closed one stays")
	there := t.ask(tokyo, "GET", "/tickets/san-francisco:"+t.here[len("/tickets/"):], "")
	t.paths = map[request.Site]string{sanFrancisco: t.here, tokyo: "/tickets/" + there.id()}
	worked := t.call(tokyo, "PATCH", t.paths[tokyo], `{"status":"open","note":"sent a fire extinguisher"}`)
	t.check(worked.status == 200 && worked.body["owned_by"] == string(tokyo), "Tokyo works on it; the record itself says who owns it")
	t.wait("San Francisco sees the progress", func() bool {
		return t.direct(sanFrancisco, t.here).body["note"] == "sent a fire extinguisher"
	})
}

func (t *sunTour) around() {
	t.jump("Asia/Tokyo", "2027-03-05 17:00:05")
	t.owned("Paris owns it", paris, t.paths)
	there := t.ask(paris, "GET", "/tickets/san-francisco:"+t.here[len("/tickets/"):], "")
	t.paths[paris] = "/tickets/" + there.id()
	t.jump("Europe/Paris", "2027-03-05 17:00:05")
	t.owned("San Francisco owns it, all three know it", sanFrancisco, t.paths)
	now := t.call(sanFrancisco, "GET", t.here, "")
	t.check(now.receipt("Version") == "4.0", "ownership has moved three times, and the version says so")
}

func (t *sunTour) weekend() {
	t.jump("America/Los_Angeles", "2027-03-05 17:00:05")
	t.owned("on Friday evening it goes to Tokyo, which will be the first to be back", tokyo, t.paths)
	t.jump("Europe/Paris", "2027-03-07 17:30:05")
	t.stays("on Sunday it is still there", tokyo, tokyo, t.paths[tokyo])
	t.jump("Asia/Tokyo", "2027-03-08 17:00:05")
	t.owned("on Monday evening Paris has it", paris, t.paths)
	t.jump("Europe/Paris", "2027-03-08 17:00:05")
	t.owned("and then San Francisco", sanFrancisco, t.paths)
}

// days lets the clock go from one end of a working day to the next, up to a time: whoever has the request at the end of its day gives it on.
func (t *sunTour) days(zone, until string) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.check(false, err.Error())
		return
	}
	to, err := time.ParseInLocation("2006-01-02 15:04:05", until, loc)
	if err != nil {
		t.check(false, err.Error())
		return
	}
	for _, run := range t.net.Runs(t.clock.Now(), to) {
		t.clock.set(run.At.Add(time.Second))
		t.quietly(func() bool { return t.owner(run.Site, t.paths[run.Site]) != run.Site })
	}
}

// quietly waits for what the next check depends on.
func (t *walk) quietly(ok func() bool) {
	give := time.NewTimer(patience)
	defer give.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-give.C:
			return
		case <-t.ctx.Done():
			return
		}
	}
}

func (t *sunTour) summer() {
	t.days("America/Los_Angeles", "2027-03-15 16:59:00")
	t.jump("America/Los_Angeles", "2027-03-15 16:59:40")
	t.owned("a week later, on Monday, it is 16:59 in San Francisco; it was round the world five times, so San Francisco has it", sanFrancisco, t.paths)
	t.jump("America/Los_Angeles", "2027-03-15 17:00:05")
	t.say("  %s", t.clock.Now().UTC().Format("(that is 15:04")+" UTC; before the change of the clock it was 01:00)")
	t.owned("at 17:00, which has come an hour earlier for the others, Tokyo has it", tokyo, t.paths)
}

func (t *sunTour) holiday() {
	t.days("America/Los_Angeles", "2027-03-19 16:59:00")
	t.jump("America/Los_Angeles", "2027-03-19 17:00:05")
	t.owned("on Friday evening Tokyo has it again", tokyo, t.paths)
	t.jump("Asia/Tokyo", "2027-03-22 17:00:05")
	t.stays("on Monday Tokyo has a holiday: it does not open and does not close", tokyo, tokyo, t.paths[tokyo])
	t.jump("Asia/Tokyo", "2027-03-22 17:30:05")
	t.owned("so half an hour later a schedule of its own sends on to Paris what lies there", paris, t.paths)
}

// baseTour is the knowledge base.
type baseTour struct {
	*walk
	id, home string
	path     map[request.Site]string
}

func (t *baseTour) steps() []step {
	return []step{
		{"A request is worked on in Paris. It is nobody else's business.", t.open},
		{"It is closed. Now everybody has the solution.", t.close},
		{"The solution is improved, in Tokyo.", t.improve},
		{"It is opened again.", t.reopen},
	}
}

func (t *baseTour) open() {
	made := t.call(paris, "POST", "/tickets", `{"title":"VPN drops every hour","status":"open"}`)
	t.id, t.home = made.receipt("Request"), "/tickets/"+made.id()
	t.check(made.receipt("Owner") == string(paris) && made.receipt("Copies") == "", "Paris owns it, there are no copies")
	t.check(t.count(tokyo) == 0 && t.count(sanFrancisco) == 0, "the other request APIs have no record of it")
}

func (t *baseTour) close() {
	t.call(paris, "PATCH", t.home, `{"status":"closed","solution":"raise the rekey interval"}`)
	t.path = map[request.Site]string{}
	for _, s := range []request.Site{tokyo, sanFrancisco} {
		t.wait(fmt.Sprintf("the request API of %s has it", s), func() bool { return t.find(s, t.id) == 1 })
		t.path[s] = "/tickets/" + t.ask(s, "GET", "/tickets/paris:"+t.home[len("/tickets/"):], "").id()
		t.check(t.direct(s, t.path[s]).body["solution"] == "raise the rekey interval", "with the solution")
	}
}

func (t *baseTour) improve() {
	up := t.call(tokyo, "PATCH", t.path[tokyo], `{"solution":"raise the rekey interval to 8 h"}`)
	t.check(up.status == 200 && up.receipt("Owner") == string(paris) && up.receipt("Role") == "copy", "Tokyo's is a copy: the write went to Paris first")
	t.check(t.direct(paris, t.home).body["solution"] == "raise the rekey interval to 8 h", "Paris has it")
	t.wait("and San Francisco, too", func() bool {
		return t.direct(sanFrancisco, t.path[sanFrancisco]).body["solution"] == "raise the rekey interval to 8 h"
	})
}

func (t *baseTour) reopen() {
	t.call(paris, "PATCH", t.home, `{"status":"open"}`)
	t.wait("the copies go, Paris keeps its record", func() bool {
		return t.find(tokyo, t.id) == 0 && t.find(sanFrancisco, t.id) == 0 && t.find(paris, t.id) == 1
	})
	t.call(paris, "PATCH", t.home, `{"status":"closed"}`)
	t.wait("closed again, they are made again", func() bool { return t.find(tokyo, t.id) == 1 && t.find(sanFrancisco, t.id) == 1 })
}

// archiveTour is thirty days and a little.
type archiveTour struct {
	*walk
	id, home string
}

func (t *archiveTour) steps() []step {
	return []step{
		{"A request of San Francisco; Chicago has a copy.", t.open},
		{"It is closed, and stays for thirty days.", t.wait30},
		{"Then it moves to the archive.", t.move},
		{"Spam goes at once, also while the link to the archive is cut.", t.spam},
		{"The archived request comes back.", t.back},
	}
}

func (t *archiveTour) open() {
	made := t.call(sanFrancisco, "POST", "/tickets", `{"title":"desk wobbles","status":"open"}`)
	t.id, t.home = made.receipt("Request"), "/tickets/"+made.id()
	t.wait("Chicago has a copy", func() bool { return t.find(chicago, t.id) == 1 })
}

func (t *archiveTour) wait30() {
	closed := t.clock.Now().UTC().Format(time.RFC3339)
	t.call(sanFrancisco, "PATCH", t.home, `{"status":"closed","closed_at":"`+closed+`"}`)
	t.jump("UTC", "2027-03-02 09:00:00")
	t.stays("after 29 days San Francisco still owns it", sanFrancisco, sanFrancisco, t.home)
	t.check(t.find(archive, t.id) == 0, "and the archive has no record of it")
}

func (t *archiveTour) move() {
	t.jump("UTC", "2027-03-03 10:00:05")
	t.wait("the archive has it", func() bool { return t.find(archive, t.id) == 1 })
	t.wait("the records of San Francisco and Chicago are gone", func() bool { return t.find(sanFrancisco, t.id) == 0 && t.find(chicago, t.id) == 0 })
	t.check(t.ask(archive, "GET", "/tickets/san-francisco:"+t.home[len("/tickets/"):], "").receipt("Owner") == string(archive),
		"the archive owns it, and still finds it by San Francisco's id")
}

func (t *archiveTour) spam() {
	made := t.call(chicago, "POST", "/tickets", `{"title":"cheap desks","status":"open"}`)
	id, path := made.receipt("Request"), "/tickets/"+made.id()
	t.links.set(chicago, archive, true)
	t.call(chicago, "PATCH", path, `{"status":"spam"}`)
	t.stays("while the link to the archive is cut Chicago goes on owning it", chicago, chicago, path)
	t.check(t.find(chicago, id) == 1, "and keeps its record")
	t.links.set(chicago, archive, false)
	t.wait("then the archive has it, and the offices no longer do", func() bool {
		return t.find(archive, id) == 1 && t.find(chicago, id) == 0 && t.find(sanFrancisco, id) == 0
	})
}

func (t *archiveTour) back() {
	a := t.do("POST", "http://"+t.apps[archive].Addresses().Admin+"/api/v1/requests/"+t.id+"/return", "{}")
	t.say("\n  %-14s %s", archive, t.paint("1", "POST /api/v1/requests/"+t.id+"/return"))
	t.check(a.status == 202, fmt.Sprintf("an operator has it returned: %d", a.status))
	t.wait("San Francisco has a record of it again, and owns it", func() bool {
		return t.find(sanFrancisco, t.id) == 1 && t.owner(archive, "/tickets/san-francisco:"+t.home[len("/tickets/"):]) == sanFrancisco
	})
}

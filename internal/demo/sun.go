package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

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
		{"The clocks change: in San Francisco on 14 March, in Paris on 28 March, in Tokyo never.", t.clocks},
		{"San Francisco has changed to summer time, the others have not.", t.summer},
		{"Tokyo has a holiday.", t.holiday},
		{"A request is entered in the evening, after San Francisco has closed.", t.late},
	}
}

func (t *sunTour) evening() {
	t.say("\n  the clock shows %s", t.paint("1", t.clock.Now().UTC().Format("Monday 2006-01-02 15:04 -07:00")))
	open := t.call(sanFrancisco, "POST", "/tickets", `{"title":"printer on fire","status":"open"}`)
	shut := t.call(sanFrancisco, "POST", "/tickets", `{"title":"lost password","status":"closed"}`)
	t.here, t.done = "/tickets/"+open.id(), "/tickets/"+shut.id()
	t.check(open.receipt("Owner") == string(sanFrancisco) && shut.receipt("Owner") == string(sanFrancisco), "San Francisco owns both")
}

// abroad is a request's path at the other sites: San Francisco's id will do.
func abroad(path string) string {
	return strings.Replace(path, "/tickets/", "/tickets/san-francisco:", 1)
}

func (t *sunTour) toTokyo() {
	t.jump("America/Los_Angeles", "2027-03-04 17:00:05")
	t.paths = map[request.Site]string{sanFrancisco: t.here, tokyo: abroad(t.here)}
	t.owned("Tokyo owns the open one", tokyo, t.paths)
	t.stays("the closed one stays", sanFrancisco, t.done)
	worked := t.call(tokyo, "PATCH", t.paths[tokyo], `{"note":"sent a fire extinguisher"}`)
	t.check(worked.status == 200 && worked.body["owned_by"] == string(tokyo), "Tokyo works on it; the record itself says who owns it")
	t.wait("San Francisco sees the progress", func() bool {
		return t.direct(sanFrancisco, t.here).body["note"] == "sent a fire extinguisher"
	})
}

func (t *sunTour) around() {
	t.jump("Asia/Tokyo", "2027-03-05 17:00:05")
	t.paths[paris] = abroad(t.here)
	t.owned("Paris owns it", paris, t.paths)
	t.jump("Europe/Paris", "2027-03-05 17:00:05")
	t.owned("San Francisco owns it, all three know it", sanFrancisco, t.paths)
	now := t.call(sanFrancisco, "GET", t.here, "")
	t.check(now.receipt("Version") == "4.0", "ownership has moved three times, and the version says so")
}

func (t *sunTour) weekend() {
	t.jump("America/Los_Angeles", "2027-03-05 17:00:05")
	t.owned("on Friday evening it goes to Tokyo, where it is Saturday: Tokyo will be the first to be back", tokyo, t.paths)
	t.jump("Asia/Tokyo", "2027-03-08 08:59:00")
	t.stays("on Monday morning it is still there, when Tokyo begins", tokyo, t.paths[tokyo])
	t.jump("Asia/Tokyo", "2027-03-08 17:00:05")
	t.owned("on Monday evening Paris has it", paris, t.paths)
	t.jump("Europe/Paris", "2027-03-08 17:00:05")
	t.owned("and then San Francisco", sanFrancisco, t.paths)
}

// closings are the ends of the days in a preview, by site.
func closings(list []gateway.ScheduledRun) (out []gateway.ScheduledRun) {
	for _, x := range list {
		if strings.HasSuffix(x.Route, "-closes") {
			out = append(out, x)
		}
	}
	return out
}

func (t *sunTour) clocks() {
	for _, day := range []struct{ from, want, what string }{
		{"2027-03-12", "08:00 16:00 01:00", "on Friday 12 March Tokyo ends at 08:00 UTC, Paris at 16:00, San Francisco at 01:00"},
		{"2027-03-15", "08:00 16:00 00:00", "on Monday 15 March San Francisco's 17:00 has become 00:00 UTC"},
		{"2027-03-29", "08:00 00:00", "on Monday 29 March Paris has a holiday and does not close"},
		{"2027-03-30", "08:00 15:00 00:00", "on Tuesday 30 March Paris's 17:00 has become 15:00 UTC"},
	} {
		list := closings(t.preview(sanFrancisco, day.from+"T06:00:00Z", "1"))
		t.showRuns(list)
		var at []string
		for _, x := range list {
			at = append(at, x.At.UTC().Format("15:04"))
		}
		t.check(strings.Join(at, " ") == day.want, day.what)
	}
}

// days lets the clock go from run to run, up to a time: whoever has the request at the end of its day gives it on.
func (t *sunTour) days(zone, until string) (rounds int) {
	to, ok := t.at(zone, until)
	if !ok {
		return 0
	}
	owner := t.holding(t.paths)
	for _, run := range t.net.Runs(t.clock.Now(), to) {
		t.set(run.At.Add(time.Second))
		if run.Site != owner {
			continue
		}
		if !t.until(func() bool { next := t.holding(t.paths); return next != "" && next != owner }) {
			t.check(false, run.Route+" moves it")
			return rounds
		}
		if owner = t.holding(t.paths); owner == sanFrancisco {
			rounds++
		}
	}
	t.set(to)
	return rounds
}

func (t *sunTour) summer() {
	n := t.days("America/Los_Angeles", "2027-03-15 16:59:40")
	t.owned(fmt.Sprint("a week later, on Monday, it is 16:59 in San Francisco; it came round ", n, " times more, and San Francisco has it"), sanFrancisco, t.paths)
	t.check(n == 5, "once for each working day")
	t.jump("America/Los_Angeles", "2027-03-15 17:00:05")
	t.say("  %s", t.clock.Now().UTC().Format("(that is 15:04")+" UTC; before the change of the clock it was 01:00)")
	t.owned("at 17:00, which has come an hour earlier for the others, Tokyo has it", tokyo, t.paths)
}

func (t *sunTour) holiday() {
	t.days("America/Los_Angeles", "2027-03-19 16:59:40")
	t.jump("America/Los_Angeles", "2027-03-19 17:00:05")
	t.owned("on Friday evening Tokyo has it again", tokyo, t.paths)
	t.jump("Asia/Tokyo", "2027-03-22 17:00:05")
	t.stays("on Monday Tokyo has a holiday: it does not open and does not close", tokyo, t.paths[tokyo])
	t.jump("Asia/Tokyo", "2027-03-22 17:30:05")
	t.owned("so half an hour later a schedule of its own sends on to Paris what lies there", paris, t.paths)
}

func (t *sunTour) late() {
	t.jump("America/Los_Angeles", "2027-03-22 20:10:00")
	made := t.call(sanFrancisco, "POST", "/tickets", `{"title":"the door is locked","status":"new"}`)
	path := "/tickets/" + made.id()
	t.check(made.receipt("Owner") == string(sanFrancisco), "San Francisco owns it, and is asleep")
	t.jump("America/Los_Angeles", "2027-03-22 20:30:05")
	t.owned("at the next half hour it goes to Tokyo, where it is noon", tokyo, map[request.Site]string{sanFrancisco: path, tokyo: abroad(path)})
}

package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// step is one part of a tour.
type step struct {
	title string
	walk  func()
}

// Tour walks through the network by itself, shows each call and answer on w and checks what it shows. It reports whether everything was
// as it should be. The network must be as Start made it, without requests, and begun at TourBegins.
func Tour(ctx context.Context, d *Demo, w io.Writer, colour bool) bool {
	t := &walk{Demo: d, ctx: ctx, w: w, colour: colour, http: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	defer t.http.CloseIdleConnections()
	var steps []step
	switch d.network {
	case "follow-the-sun":
		steps = (&sunTour{walk: t}).steps()
	case "knowledge-base":
		steps = (&baseTour{walk: t}).steps()
	case "archive":
		steps = (&archiveTour{walk: t}).steps()
	default:
		steps = (&tour{walk: t}).steps()
	}
	for i, s := range steps {
		t.title(i+1, s.title)
		if s.walk(); ctx.Err() != nil {
			t.say("\nInterrupted.")
			return false
		}
	}
	return t.sum()
}

// TourBegins is the time at which the tour through a network begins; zero is now.
func TourBegins(network string) time.Time {
	switch network {
	case "follow-the-sun":
		return sunRises()
	case "archive":
		return archiveBegins()
	}
	return time.Time{}
}

func (t *tour) steps() []step {
	return []step{
		{"A chair is entered in San Francisco. Chairs are repaired in Chicago.", t.create},
		{"Each site has one record of it, under its own id.", t.read},
		{"It is updated at both sites.", t.update},
		{"A chair that needs an upholsterer goes on to the upholstery's own server.", t.skill},
		{"Repaired, it goes home the way it came.", t.home},
		{"A desk turns out to be a chair, and the chair to need an upholsterer.", t.desk},
		{"The link between San Francisco and Chicago is cut. Chicago goes on working.", t.cut},
		{"The link is there again.", t.heal},
		{"A closed request is copied to all sites, so that everyone finds the solution.", t.solve},
		{"It is deleted in San Francisco.", t.remove},
	}
}

// tour remembers what later steps go on with.
type tour struct {
	*walk
	id   string // the global id of the chair
	here string // its path in San Francisco
	away string // its path in Chicago
	far  string // its path at the upholstery, once it has a copy
	seat string // the path in San Francisco of the chair that needs an upholsterer
	arm  string // the global id of the chair that is entered while the link is cut
	armc string // its path in San Francisco
}

func (t *tour) create() {
	made := t.call(sanFrancisco, "POST", "/tickets", `{"title":"broken leg","category":"chair","status":"open"}`)
	t.id, t.here = made.receipt("Request"), "/tickets/"+made.id()
	t.check(made.status == 201 && made.id() == "1", "the client has its own API's answer, 201 with an id of San Francisco")
	t.check(made.receipt("Owner") == string(chicago), "Chicago owns it")
	t.check(made.receipt("Route") == "chairs-to-chicago", "the receipt names the route")
	t.check(made.receipt("Version") == "1.1", "it is version 1.1")
}

func (t *tour) read() {
	there := t.call(chicago, "GET", "/tickets/san-francisco:"+strings.TrimPrefix(t.here, "/tickets/"), "")
	t.away = "/tickets/" + there.id()
	t.check(there.status == 200 && there.receipt("Request") == t.id, "Chicago finds it by San Francisco's id")
	t.check(there.id() == "17" && there.body["title"] == "broken leg", "there its id is 17")
	near := t.call(sanFrancisco, "GET", t.here, "")
	t.check(near.status == 200 && near.id() == "1" && near.receipt("Request") == t.id, "in San Francisco it is 1")
	t.check(t.count(sanFrancisco) == 1 && t.count(chicago) == 1 && t.count(upholstery) == 0,
		"the request APIs hold one record in San Francisco, one in Chicago, none at the upholstery")
}

func (t *tour) update() {
	t.check(t.call(chicago, "PATCH", t.away, `{"status":"in progress"}`).receipt("Version") == "1.2", "Chicago's update is version 1.2")
	up := t.call(sanFrancisco, "PATCH", t.here, `{"phone":"555-0100"}`)
	t.check(up.status == 200 && up.receipt("Version") == "1.3", "San Francisco's went to Chicago first and is version 1.3")
	t.check(up.body["status"] == "in progress", "Chicago's update is in it, too")
	t.check(t.ask(sanFrancisco, "GET", t.here, "").body["phone"] == "555-0100", "San Francisco reads what it wrote")
	t.wait("the records in both request APIs are equal", t.equal)
}

func (t *tour) skill() {
	made := t.call(sanFrancisco, "POST", "/tickets", `{"title":"torn seat","category":"chair","skill":"upholsterer","status":"open"}`)
	t.seat = "/tickets/" + made.id()
	t.check(made.status == 201 && made.receipt("Owner") == string(chicago), "Chicago owns it")
	t.check(made.receipt("Route") == "chairs-to-chicago, upholstery", "and a second route has fired there")
	t.wait("in a moment the upholstery owns it", func() bool {
		return t.ask(sanFrancisco, "GET", t.seat, "").receipt("Owner") == string(upholstery)
	})
	t.call(sanFrancisco, "GET", t.seat, "")
	t.check(t.count(upholstery) == 1 && t.count(chicago) == 2, "Chicago keeps a copy, San Francisco too")
}

func (t *tour) home() {
	done := t.call(sanFrancisco, "PATCH", t.seat, `{"status":"repaired"}`)
	t.check(done.status == 200 && done.receipt("Route") == "repaired-goes-home", "the upholstery makes the update and the route fires")
	t.wait("Chicago owns it again, in its third reign", func() bool {
		now := t.ask(sanFrancisco, "GET", t.seat, "")
		return now.receipt("Owner") == string(chicago) && now.receipt("Version") == "3.0"
	})
	t.check(t.ask(chicago, "PATCH", "/tickets/san-francisco:"+strings.TrimPrefix(t.seat, "/tickets/"), `{"status":"shipping"}`).status == 200, "Chicago packs it")
	t.ask(chicago, "PATCH", "/tickets/san-francisco:"+strings.TrimPrefix(t.seat, "/tickets/"), `{"status":"repaired"}`)
	t.wait("and the next step is San Francisco, where it came from", func() bool {
		now := t.ask(sanFrancisco, "GET", t.seat, "")
		return now.receipt("Owner") == string(sanFrancisco) && now.receipt("Role") == "owner"
	})
	t.check(t.ask(sanFrancisco, "PATCH", t.seat, `{"status":"collected"}`).status == 200, "the customer has it")
	t.stays("it is still a chair, but nothing has changed about that: it stays", sanFrancisco, t.seat)
}

func (t *tour) desk() {
	made := t.call(sanFrancisco, "POST", "/tickets", `{"title":"cracked edge","category":"desk","status":"open"}`)
	path := "/tickets/" + made.id()
	t.check(made.receipt("Owner") == string(sanFrancisco) && t.find(chicago, made.receipt("Request")) == 0, "desks are repaired in San Francisco: it stays, and Chicago has no record")
	t.check(t.call(sanFrancisco, "PATCH", path, `{"category":"chair"}`).receipt("Route") == "chairs-to-chicago", "it is a chair: the route fires for an update, too")
	paths := map[request.Site]string{sanFrancisco: path, chicago: abroad(path)}
	t.owned("Chicago owns it", chicago, paths)
	t.check(t.call(chicago, "PATCH", abroad(path), `{"skill":"upholsterer"}`).receipt("Route") == "upholstery", "Chicago finds what it needs")
	paths[upholstery] = abroad(path)
	t.owned("the upholstery owns it, Chicago and San Francisco have copies", upholstery, paths)
}

func (t *tour) cut() {
	t.links.set(sanFrancisco, chicago, true)
	fine := true
	for i := range 4 {
		fine = t.ask(chicago, "PATCH", t.away, fmt.Sprintf(`{"hours":%d}`, i+1)).status == 200 && fine
	}
	last := t.call(chicago, "PATCH", t.away, `{"hours":5}`)
	t.check(fine && last.status == 200 && last.receipt("Version") == "1.8", "Chicago takes five updates; the last one is version 1.8")
	var d gateway.Destination
	t.wait("its health says that San Francisco is down, and that one delivery is owed", func() bool {
		d = t.health(chicago, sanFrancisco)
		return d.State == gateway.Down && d.Pending+d.Waiting+d.InFlight == 1
	})
	t.showHealth(chicago, d)
	refused := t.call(sanFrancisco, "PATCH", t.here, `{"phone":"555-0199"}`)
	t.check(refused.status == 503 && strings.HasSuffix(fmt.Sprint(refused.body["type"]), "/owner-unreachable"),
		"San Francisco's update is refused with a problem that says why: 503")
	t.check(refused.header.Get("Retry-After") != "", "and when to try again: after "+refused.header.Get("Retry-After")+" s")
	t.check(t.ask(sanFrancisco, "GET", t.here, "").body["phone"] == "555-0100", "nothing was changed by it")
	made := t.call(sanFrancisco, "POST", "/tickets", `{"title":"loose arm","category":"chair","status":"open"}`)
	t.arm, t.armc = made.receipt("Request"), "/tickets/"+made.id()
	t.check(made.status == 201 && made.receipt("Owner") == string(sanFrancisco) && made.receipt("Intended-Owner") == string(chicago),
		"a new chair is taken all the same: San Francisco owns it, and the receipt says that Chicago should")
}

func (t *tour) heal() {
	t.links.set(sanFrancisco, chicago, false)
	t.wait("San Francisco has the state after all five updates", func() bool {
		return fmt.Sprint(t.direct(sanFrancisco, t.here).body["hours"]) == "5" && t.equal()
	})
	t.wait("the chair that was entered meanwhile has moved to Chicago", func() bool {
		return t.find(chicago, t.arm) == 1 && t.ask(sanFrancisco, "GET", t.armc, "").receipt("Owner") == string(chicago)
	})
	var d gateway.Destination
	t.wait("health is good again, and nothing is owed", func() bool {
		d = t.health(chicago, sanFrancisco)
		return d.State == gateway.OK && d.Pending+d.Waiting+d.InFlight+d.Parked == 0
	})
	t.showHealth(chicago, d)
	again := t.call(sanFrancisco, "PATCH", t.here, `{"phone":"555-0199"}`)
	t.check(again.status == 200 && again.receipt("Version") == "1.9", "San Francisco's update, sent again, is version 1.9")
}

func (t *tour) solve() {
	closed := t.call(chicago, "PATCH", t.away, `{"status":"closed","solution":"new leg glued in"}`)
	t.check(closed.status == 200 && closed.receipt("Route") == "solutions-to-all", "the receipt names the route")
	var copied answered
	t.wait("the upholstery has it, too", func() bool {
		copied = t.ask(upholstery, "GET", "/tickets/chicago:"+strings.TrimPrefix(t.away, "/tickets/"), "")
		return copied.status == 200 && copied.body["solution"] == "new leg glued in"
	})
	t.far = "/tickets/" + copied.id()
	far := t.call(upholstery, "GET", t.far, "")
	t.check(far.status == 200 && far.receipt("Role") == "copy" && far.receipt("Owner") == string(chicago), "as a copy; Chicago still owns it")
}

func (t *tour) remove() {
	t.check(t.call(sanFrancisco, "DELETE", t.here, "").status == 204, "the client has its own API's answer: 204")
	for _, at := range []struct {
		site request.Site
		path string
	}{{sanFrancisco, t.here}, {chicago, t.away}, {upholstery, t.far}} {
		t.wait("it is gone in "+string(at.site), func() bool {
			return t.direct(at.site, at.path).status == 404 && t.find(at.site, t.id) == 0
		})
	}
	t.wait("nothing is owed to anybody", func() bool {
		for _, p := range t.places {
			for _, q := range t.places {
				if d := t.health(p.site, q.site); p != q && (d.State != gateway.OK || d.Pending+d.Waiting+d.InFlight+d.Parked > 0) {
					return false
				}
			}
		}
		return true
	})
}

// equal compares the chair's records in the request APIs of its two sites, but for what belongs to each.
func (t *tour) equal() bool {
	return same(t.direct(sanFrancisco, t.here).body, t.direct(chicago, t.away).body)
}

package demo

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// archiveTour is thirty days and a little.
type archiveTour struct {
	*walk
	id, home     string // of San Francisco's request
	young, youth string // of Chicago's, which is closed later
}

// archiveBegins is a Monday morning.
func archiveBegins() time.Time { return time.Date(2027, 2, 1, 9, 0, 0, 0, time.UTC) }

func (t *archiveTour) steps() []step {
	return []step{
		{"A request of San Francisco and one of Chicago; each office has a copy of the other's.", t.open},
		{"San Francisco's is closed on 1 February, Chicago's two weeks later.", t.close},
		{"For thirty days they stay where they are.", t.wait30},
		{"Then San Francisco's moves to the archive.", t.move},
		{"The archive has the record now, and nobody else; it still answers to its old name.", t.look},
		{"Spam goes at once, or as soon as the archive can be reached.", t.spam},
		{"The archived request comes back.", t.back},
	}
}

func (t *archiveTour) open() {
	made := t.call(sanFrancisco, "POST", "/tickets", `{"title":"desk wobbles","status":"open"}`)
	t.id, t.home = made.receipt("Request"), "/tickets/"+made.id()
	made = t.call(chicago, "POST", "/tickets", `{"title":"chair squeaks","status":"open"}`)
	t.young, t.youth = made.receipt("Request"), "/tickets/"+made.id()
	t.wait("both offices have a record of both", func() bool { return t.lie(t.id, 1, 1, 0) && t.lie(t.young, 1, 1, 0) })
}

// lie reports whether a request has so many records in San Francisco, in Chicago and in the archive.
func (t *archiveTour) lie(id string, sf, ch, ar int) bool {
	return t.find(sanFrancisco, id) == sf && t.find(chicago, id) == ch && t.find(archive, id) == ar
}

func (t *archiveTour) close() {
	t.shut(sanFrancisco, t.home)
	t.jump("UTC", "2027-02-15 09:00:00")
	t.shut(chicago, t.youth)
}

// shut closes a request, as a help desk does: with the time.
func (t *archiveTour) shut(site request.Site, path string) {
	a := t.call(site, "PATCH", path, `{"status":"closed","closed_at":"`+t.clock.Now().UTC().Format(time.RFC3339)+`"}`)
	t.check(a.status == 200 && a.receipt("Owner") == string(site), string(site)+" has closed it")
}

func (t *archiveTour) wait30() {
	t.jump("UTC", "2027-03-02 09:00:00")
	t.stays("after 29 days San Francisco still owns its own", sanFrancisco, t.home)
	t.stays("and Chicago its own", chicago, t.youth)
	t.check(t.count(archive) == 0, "the archive is empty")
}

func (t *archiveTour) move() {
	t.jump("UTC", "2027-03-03 10:00:05")
	t.wait("the archive has it, the records of San Francisco and Chicago are gone", func() bool { return t.lie(t.id, 0, 0, 1) })
	t.stays("Chicago's is too young: it stays", chicago, t.youth)
	t.check(t.lie(t.young, 1, 1, 0), "in both offices")
}

func (t *archiveTour) look() {
	there := t.call(archive, "GET", abroad(t.home), "")
	t.check(there.status == 200 && there.receipt("Owner") == string(archive) && there.receipt("Role") == "owner", "the archive owns it")
	t.check(t.call(sanFrancisco, "GET", t.home, "").status == 404, "in San Francisco it is gone: that is the request API's own answer")
	t.say("\n  %-14s %s", sanFrancisco, t.paint("1", "GET /api/v1/requests/"+t.id))
	known := t.do("GET", "http://"+t.apps[sanFrancisco].Addresses().Admin+"/api/v1/requests/"+t.id, "")
	t.check(known.status == 200 && known.body["owner"] == string(archive), "but the gateway's operators still see who has it: "+fmt.Sprint(known.body["owner"]))
}

func (t *archiveTour) spam() {
	made := t.call(chicago, "POST", "/tickets", `{"title":"cheap desks","status":"open"}`)
	id, path := made.receipt("Request"), "/tickets/"+made.id()
	t.wait("it is in both offices", func() bool { return t.lie(id, 1, 1, 0) })
	t.links.set(chicago, archive, true)
	t.check(t.call(chicago, "PATCH", path, `{"status":"spam"}`).receipt("Intended-Owner") == string(archive), "the link to the archive is cut, but the answer says where it is to go")
	t.say("\n  %-14s %s", chicago, t.paint("1", "GET /api/v1/transfers"))
	var waits []gateway.TransferView
	t.wait("it waits, and says for what", func() bool {
		waits = t.transfers(chicago)
		return len(waits) == 1 && strings.Contains(waits[0].Cause, string(archive))
	})
	for _, x := range waits {
		t.say("  %14s to %s, by %s: %s", "", x.To, x.Route, x.Cause)
	}
	t.check(t.ask(chicago, "GET", path, "").receipt("Role") == "owner" && t.lie(id, 1, 1, 0), "meanwhile Chicago owns it, and no record goes before the archive has one")
	t.links.set(chicago, archive, false)
	t.wait("the link is there again: the archive has it, and the offices no longer do", func() bool { return t.lie(id, 0, 0, 1) })
}

// transfers are the hand-overs that a site's gateway has before it.
func (t *walk) transfers(site request.Site) []gateway.TransferView {
	var list struct {
		Transfers []gateway.TransferView `json:"transfers"`
	}
	_ = json.Unmarshal(t.do("GET", "http://"+t.apps[site].Addresses().Admin+"/api/v1/transfers", "").text, &list) // else there are none to be seen
	return list.Transfers
}

func (t *archiveTour) back() {
	a := t.do("POST", "http://"+t.apps[archive].Addresses().Admin+"/api/v1/requests/"+t.id+"/return", "{}")
	t.say("\n  %-14s %s", archive, t.paint("1", "POST /api/v1/requests/"+t.id+"/return"))
	t.check(a.status == 202, fmt.Sprintf("an operator has it returned: %d", a.status))
	t.wait("San Francisco has a record of it again, and owns it", func() bool {
		var list []struct {
			ID json.Number `json:"id"`
		}
		a := t.direct(sanFrancisco, "/tickets?external_id="+t.id)
		return json.Unmarshal(a.text, &list) == nil && len(list) == 1 &&
			t.ask(sanFrancisco, "GET", "/tickets/"+list[0].ID.String(), "").receipt("Role") == "owner"
	})
}

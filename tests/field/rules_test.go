package field

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// What is closed goes to the other site's archive by a route: gone here, whole there.
func TestArchive(t *testing.T) {
	inPairs(t, func(t *testing.T, a, b string) {
		n := open(t, a, b, `- {name: shelve, on: [update], at: [oslo], when: status == "resolved", archive: {to: rome}}`+"\n")
		name := subject("shelved")
		w := words{"subject": name, "status": "new", "place": "desk", "description": "two\nlines", "due": "2027-03-04"}
		ref := n.create("oslo", w).WantReceipt("oslo").Request()
		id := n.shows("oslo", name, w)
		n.update("oslo", id, words{"status": "resolved"})
		n.WantOwner(ref, "rome", soon)
		n.At("oslo").WantNone(name, soon)
		w["status"] = "resolved"
		n.shows("rome", name, w)
		n.Settled(soon)
	})
}

// A route by a field moves a request at its creation, and the client goes on with its own id.
func TestMovedByRule(t *testing.T) {
	inPairs(t, func(t *testing.T, a, b string) {
		n := open(t, a, b, `- {name: desks, on: [create, update], at: [oslo], when: place == "desk", transfer: {to: rome}}`+"\n")
		name := subject("ruled")
		ref := n.create("oslo", words{"subject": name, "status": "new", "place": "desk"}).Request()
		n.WantOwner(ref, "rome", soon)
		id := n.shows("oslo", name, words{"place": "desk"})
		n.update("oslo", id, words{"status": "open"}).WantReceipt("rome")
		n.shows("rome", name, words{"status": "open", "place": "desk"})
		n.shows("oslo", name, words{"status": "open", "place": "desk"})
		stay := subject("stays")
		ref = n.create("oslo", words{"subject": stay, "status": "new", "place": "chair"}).Request()
		n.WantOwner(ref, "oslo", soon)
		n.At("rome").WantNone(stay, soon)
	})
}

// A state in which a server makes no new request, although an update leads to it: RT refuses to make a ticket that is stalled.
func TestStateThatCannotBeMade(t *testing.T) {
	n := open(t, "redmine", "rt", "")
	name := subject("stalled")
	ref := n.create("oslo", words{"subject": name, "status": "stalled", "place": "desk"}).Request()
	n.At("oslo").Transfer(ref, "rome", "ownership").Want(202)
	n.WantOwner(ref, "rome", soon)
	n.shows("rome", name, words{"status": "stalled", "place": "desk"})
}

// enter makes requests past the gateways, as they were before there were any.
func (d desk) enter(site string, count int, more words) []string {
	d.t.Helper()
	return enter(d.t, d.apis[site], count, more)
}

func enter(t testing.TB, a *API, count int, more words) []string {
	t.Helper()
	var names []string
	say := speeches()[a.Kind]
	for range count {
		w := words{"subject": subject("from before")}
		for k, v := range more {
			w[k] = v
		}
		if _, err := a.Call("POST", say.create, say.body(w, true)); err != nil {
			t.Fatal(err)
		}
		names = append(names, w["subject"].(string))
	}
	return names
}

// What both sites had before the gateways is brought in by seed, closed ones too, and verify finds nothing; what is then changed behind
// the gateways is found and mended.
func TestSeedAndVerify(t *testing.T) {
	inPairs(t, func(t *testing.T, a, b string) {
		n := open(t, a, b, everywhere)
		open := n.enter("oslo", 5, words{"status": "open", "place": "desk", "cost": 2.5})
		closed := n.enter("oslo", 3, words{"status": "resolved", "description": "done\nlong ago"})
		theirs := n.enter("rome", 4, words{"status": "new", "priority": "high"})
		for _, site := range n.Sites() {
			if out, code := n.At(site).CLI("seed"); code != 0 {
				t.Fatalf("seed at %s: %d\n%s", site, code, out)
			}
		}
		for _, at := range n.Sites() {
			for _, name := range open {
				n.shows(at, name, words{"status": "open", "place": "desk", "cost": 2.5})
			}
			for _, name := range closed {
				n.shows(at, name, words{"status": "resolved", "description": "done\nlong ago"})
			}
			for _, name := range theirs {
				n.shows(at, name, words{"status": "new", "priority": "high"})
			}
		}
		n.Settled(soon)
		for _, at := range n.Sites() {
			if all, err := n.apis[at].Records(); err != nil || len(all) != 12 {
				t.Errorf("%s has %d records (%v), want 12", at, len(all), err)
			}
			if out, code := n.At(at).CLI("seed"); code != 0 {
				t.Errorf("a second seed at %s: %d\n%s", at, code, out)
			}
		}
		if out, code := n.At("oslo").CLI("verify"); code != 0 {
			t.Errorf("verify: %d\n%s", code, out)
		}
		id := n.shows("rome", open[0], nil)
		say := n.say("rome")
		if _, err := n.apis["rome"].Call("PUT", fmt.Sprintf(say.item, id), say.body(words{"place": "stolen"}, false)); err != nil {
			t.Fatal(err)
		}
		if out, code := n.At("oslo").CLI("verify"); code != 1 {
			t.Errorf("verify after a change behind the gateway: %d\n%s", code, out)
		}
		if out, code := n.At("oslo").CLI("verify", "--repair"); code != 0 && code != 1 {
			t.Errorf("verify --repair: %d\n%s", code, out)
		}
		n.shows("rome", open[0], words{"place": "desk"})
	})
}

// watching lays a watch over a profile.
type watching struct{ *API }

func (w watching) Profile() string {
	return addToTickets(w.API.Profile(), "watch: {every: 1s, owned: publish, copies: revert, new: seed}")
}

// Clients who do not use the gateway: their changes at the owner are published, those at a copy undone, and new requests come in.
func TestBehindTheGateway(t *testing.T) {
	inPairs(t, func(t *testing.T, a, b string) {
		apis := map[string]*API{"oslo": starts()[a](t), "rome": starts()[b](t)}
		sites := []harness.Site{apis["oslo"].Site("oslo"), apis["rome"].Site("rome")}
		for i := range sites {
			sites[i].API = watching{apis[sites[i].Name]}
		}
		n := desk{harness.Start(t, harness.Network{Sites: sites, Routes: everywhere}), t, apis}
		name := subject("watched")
		n.create("oslo", words{"subject": name, "status": "new", "place": "desk"})
		ids := map[string]string{"oslo": n.shows("oslo", name, nil), "rome": n.shows("rome", name, nil)}
		behind := func(site string, w words) {
			t.Helper()
			say := n.say(site)
			if _, err := apis[site].Call("PUT", fmt.Sprintf(say.item, ids[site]), say.body(w, false)); err != nil {
				t.Fatal(err)
			}
		}
		behind("oslo", words{"status": "open", "place": "chair"})
		n.shows("rome", name, words{"status": "open", "place": "chair"})
		n.Settled(soon) // who writes between a delivery's write and its look at what came of it has written something else
		behind("rome", words{"place": "stolen"})
		n.shows("rome", name, words{"place": "chair"})
		fresh := enter(t, apis["rome"], 1, words{"status": "new"})[0]
		n.shows("oslo", fresh, words{"status": "new"})
	})
}

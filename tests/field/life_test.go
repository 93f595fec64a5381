package field

import (
	"fmt"
	"sync"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// A request is made at each site, changed at both, and deleted; the other site has it in its own words all the time.
func TestLifeOfARequest(t *testing.T) {
	inPairs(t, func(t *testing.T, a, b string) {
		n := open(t, a, b, everywhere)
		for _, from := range n.Sites() {
			to := other(from)
			name := subject("lamp from " + from)
			w := words{"subject": name, "status": "new", "description": "broken\nsince æøå", "place": "desk \"4\" & co", "cost": 12.5, "rush": true, "priority": "high"}
			made := n.create(from, w).WantReceipt(from)
			ids := map[string]string{from: n.shows(from, name, w), to: n.shows(to, name, w)}
			if made.ID() != "" && made.Record()["id"] != nil && made.ID() != ids[from] {
				t.Errorf("the client at %s got id %s, its API has %s", from, made.ID(), ids[from])
			}
			for by, change := range map[string]words{from: {"status": "open", "place": "chair"}, to: {"status": "stalled", "description": "one line", "cost": 3.0}} {
				n.update(by, ids[by], change).WantReceipt(from)
				n.shows(from, name, change)
				n.shows(to, name, change)
			}
			// What nobody spoke of is still there.
			n.shows(to, name, words{"place": "chair", "rush": true, "priority": "high", "description": "one line", "cost": 3})
			n.update(to, ids[to], words{"place": ""})
			for _, at := range n.Sites() {
				harness.Eventually(t, soon, "the place is cleared at "+at, func() error {
					rec, err := n.At(at).One(name)
					if err == nil && rec["place"] != nil && rec["place"] != "" {
						err = fmt.Errorf("it is %v", rec["place"])
					}
					return err
				})
			}
			n.At(to).Delete(fmt.Sprintf(n.say(to).item, ids[to])).Want(204)
			n.At(from).WantNone(name, soon)
			n.At(to).WantNone(name, soon)
		}
		n.Settled(soon)
	})
}

// Two words that are one at the other site: what is closed at Redmine is resolved at RT, and stays closed when RT's clients change something
// else.
func TestWordsThatAreOneElsewhere(t *testing.T) {
	n := open(t, "redmine", "rt", everywhere)
	name := subject("closed")
	n.create("oslo", words{"subject": name, "status": "open"})
	ids := map[string]string{"oslo": n.shows("oslo", name, nil), "rome": n.shows("rome", name, words{"status": "open"})}
	n.update("oslo", ids["oslo"], words{"status": "closed"})
	n.shows("rome", name, words{"status": "resolved"})
	n.update("rome", ids["rome"], words{"place": "attic"})
	n.shows("oslo", name, words{"status": "closed", "place": "attic"})
	n.update("rome", ids["rome"], words{"status": "open"})
	n.shows("oslo", name, words{"status": "open", "place": "attic"})
	n.Settled(soon)
}

// Two clients write at once, one at each site, to fields of their own: both are kept.
func TestWritesFromBothSides(t *testing.T) {
	inPairs(t, func(t *testing.T, a, b string) {
		n := open(t, a, b, everywhere)
		name := subject("written twice")
		n.create("oslo", words{"subject": name, "status": "new"})
		ids := map[string]string{"oslo": n.shows("oslo", name, nil), "rome": n.shows("rome", name, nil)}
		var both sync.WaitGroup
		for site, change := range map[string]words{"oslo": {"place": "attic"}, "rome": {"priority": "high"}} {
			both.Go(func() {
				say := n.say(site)
				if a := n.At(site).Put(fmt.Sprintf(say.item, ids[site]), say.body(change, false)); a.Err != nil || a.Status >= 300 {
					t.Errorf("%s: %d %v %s", site, a.Status, a.Err, a.Body)
				}
			})
		}
		both.Wait()
		for _, at := range n.Sites() {
			n.shows(at, name, words{"place": "attic", "priority": "high"})
		}
		n.Settled(soon)
	})
}

// What the server itself refuses comes through in its own words, and nothing is sent anywhere.
func TestRefusals(t *testing.T) {
	inPairs(t, func(t *testing.T, a, b string) {
		n := open(t, a, b, everywhere)
		for _, from := range n.Sites() {
			if a := n.At(from).Create(n.say(from).create, n.say(from).body(words{"status": "new"}, false)); a.Status/100 != 4 {
				t.Errorf("%s took a request without a project: %d %s", from, a.Status, a.Body)
			}
		}
		n.Settled(soon)
		for _, at := range n.Sites() {
			if all, err := n.apis[at].Records(); err != nil || len(all) != 0 {
				t.Errorf("%s has %v %v", at, all, err)
			}
		}
	})
}

// A request is handed over, changed by clients of both sites, given back, and moved for good.
func TestHandOvers(t *testing.T) {
	inPairs(t, func(t *testing.T, a, b string) {
		n := open(t, a, b, "")
		for _, from := range n.Sites() {
			to := other(from)
			name := subject("handed over from " + from)
			w := words{"subject": name, "status": "new", "place": "desk"}
			ref := n.create(from, w).WantReceipt(from).Request()
			ids := map[string]string{from: n.shows(from, name, w)}
			n.At(from).Transfer(ref, to, "ownership").Want(202)
			n.WantOwner(ref, to, soon)
			ids[to] = n.shows(to, name, w)
			for i, by := range []string{from, to} {
				change := words{"status": []string{"open", "stalled"}[i], "place": "seen by " + by}
				n.update(by, ids[by], change).WantReceipt(to)
				n.shows(from, name, change)
				n.shows(to, name, change)
			}
			n.At(to).Command(ref, "return", "").Want(202)
			n.WantOwner(ref, from, soon)
			n.update(to, ids[to], words{"status": "resolved"}).WantReceipt(from)
			if id := n.shows(from, name, words{"status": "resolved"}); id != ids[from] {
				t.Errorf("back home it is %s, it was %s", id, ids[from])
			}
			n.shows(to, name, words{"status": "resolved"})

			n.At(from).Transfer(ref, to, "move").Want(202)
			n.WantOwner(ref, to, soon)
			n.At(from).WantNone(name, soon)
			n.shows(to, name, words{"status": "resolved"})
			n.Settled(soon)
		}
	})
}

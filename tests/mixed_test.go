package tests

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Three real request APIs of different kinds in one network: json-server with integer ids, json-server with string ids, and
// PocketBase with other field names, other words for the status, and credentials. A request entered at any of them is kept in
// step at all three, each in its own words.
func TestMixedSites(t *testing.T) {
	t.Parallel()
	pb := harness.NewPocketBase(t)
	n := harness.Start(t, harness.Network{Sites: []harness.Site{
		{Name: "oslo", API: harness.NewJSONServer(t, 0)},
		{Name: "rome", API: harness.NewJSONServer(t, 1)},
		{Name: "paris", API: pb, Extra: fmt.Sprintf("credentials: {bearer: %q}\n", pb.Token())},
	}, Routes: everywhere})
	bodies := map[string]string{
		"oslo":  `{"subject":%q,"status":"open","category":"desk","description":"a leg is loose"}`,
		"rome":  `{"subject":%q,"status":"open","category":"desk","description":"a leg is loose"}`,
		"paris": `{"title":%q,"state":"opened","sort":"desk","notes":"a leg is loose"}`,
	}
	path := map[string]string{"oslo": "/tickets", "rome": "/tickets", "paris": "/api/collections/tickets/records"}
	// words is what a site calls a canonical state.
	words := func(site, status, description string) map[string]any {
		if site == "paris" {
			return map[string]any{"state": map[string]string{"open": "opened", "in progress": "in_work", "closed": "closed"}[status], "notes": description, "sort": "desk"}
		}
		return map[string]any{"status": status, "description": description, "category": "desk"}
	}
	patch := func(site, status, description string) string {
		if site == "paris" {
			return fmt.Sprintf(`{"state":%q,"notes":%q}`, words(site, status, "")["state"], description)
		}
		return fmt.Sprintf(`{"status":%q,"description":%q}`, status, description)
	}
	for _, from := range n.Sites() {
		name := subject("mixed from " + from)
		made := n.At(from).Create(path[from], fmt.Sprintf(bodies[from], name)).Want(200, 201).WantReceipt(from)
		if (from == "paris") != (made.Status == 200) {
			t.Errorf("%s answers a create with %d, which is not its API's own status", from, made.Status)
		}
		ids := make(map[string]string)
		for _, at := range n.Sites() {
			ids[at] = wantMixed(t, n.At(at), name, words(at, "open", "a leg is loose")).ID()
		}
		if ids[from] != made.ID() {
			t.Errorf("the client at %s got id %s, its API has %s", from, made.ID(), ids[from])
		}
		status := "in progress"
		for i, by := range n.Sites() {
			note := fmt.Sprintf("seen by %s", by)
			done := n.At(by).Patch(path[by]+"/"+ids[by], patch(by, status, note)).Want(200).WantReceipt(from)
			if err := done.Record().Fields(words(by, status, note)); err != nil || done.ID() != ids[by] {
				t.Errorf("an update by %s was answered with %s (%v)", by, done.Body, err)
			}
			for _, at := range n.Sites() {
				wantMixed(t, n.At(at), name, words(at, status, note))
			}
			if i == 1 {
				status = "closed"
			}
		}
		other := n.Sites()[0]
		if other == from {
			other = n.Sites()[2]
		}
		n.At(other).Delete(path[other]+"/"+from+":"+ids[from]).Want(200, 204)
		for _, at := range n.Sites() {
			harness.Eventually(t, soon, name+" is gone at "+at, func() error {
				hits, err := findMixed(n.At(at), name)
				if err == nil && len(hits) > 0 {
					err = fmt.Errorf("there is %v", hits)
				}
				return err
			})
		}
	}
	n.Settled(soon)
	// What PocketBase itself refuses comes through in its own words.
	a := n.At("paris").Create(path["paris"], `{"state":"opened"}`).Want(400)
	if a.Record()["data"] == nil {
		t.Errorf("PocketBase's refusal was changed: %s", a.Body)
	}
	// A client without credentials is refused by PocketBase: the gateway does not lend its own.
	none := n.At("paris").Do(harness.Call{Method: "POST", Path: path["paris"], Body: `{"title":"stolen"}`, Header: http.Header{"Authorization": {""}}})
	if none.Err != nil || none.Status < 400 || none.Status > 404 {
		t.Errorf("a client without credentials got %d %v: %s", none.Status, none.Err, none.Body)
	}
}

func findMixed(g *harness.Gateway, name string) ([]harness.Record, error) {
	field := "subject"
	if g.Name == "paris" {
		field = "title"
	}
	return g.Find(field, name)
}

func wantMixed(t *testing.T, g *harness.Gateway, name string, want map[string]any) harness.Record {
	t.Helper()
	var rec harness.Record
	harness.Eventually(t, 2*soon, fmt.Sprintf("%q at %s", name, g.Name), func() error {
		hits, err := findMixed(g, name)
		if err != nil {
			return err
		}
		if len(hits) > 1 {
			return harness.GiveUp(fmt.Errorf("there are %d: %v", len(hits), hits))
		}
		if len(hits) == 0 {
			return fmt.Errorf("there is none")
		}
		rec = hits[0]
		return rec.Fields(want)
	})
	return rec
}

// The furniture company on real servers: chairs go from one json-server to the other, and the gateway that owns them is killed
// on the way.
func TestFurnitureOnRealServers(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: []harness.Site{
		{Name: "san-francisco", API: harness.NewJSONServer(t, 1)},
		{Name: "chicago", API: harness.NewJSONServer(t, 0)},
	}, Routes: chairs})
	sf, chicago := n.At("san-francisco"), n.At("chicago")
	var names []string
	for i := range 10 {
		name := subject("real chair")
		names = append(names, name)
		made := sf.Create("/tickets", ticket(name, `"category":"chair"`)).Want(201).WantReceipt("chicago")
		if i == 4 {
			chicago.Kill()
			chicago.Restart()
		}
		harness.Eventually(t, 2*soon, "an update is taken", func() error {
			if a := sf.Patch("/tickets/"+made.ID(), fmt.Sprintf(`{"n":%d}`, i)); !a.OK() {
				return fmt.Errorf("%d %v", a.Status, a.Err)
			}
			return nil
		})
	}
	n.Settled(2 * soon)
	for i, name := range names {
		if rec := n.WantSame(name, soon, "chicago", "san-francisco"); fmt.Sprint(rec["n"]) != fmt.Sprint(i) {
			t.Errorf("%s has n=%v, want %d", name, rec["n"], i)
		}
	}
}

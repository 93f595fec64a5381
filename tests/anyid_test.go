package tests

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// A request is found by any site's id of it, with every verb; the client's answer has its own site's shape and id.
func TestAnySitesID(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago", "paris"), Routes: chairs +
		"- {name: to-paris, on: [create], when: 'category == \"chair\"', copy: {to: paris}}\n"})
	sf, chicago, paris := n.At("san-francisco"), n.At("chicago"), n.At("paris")
	name := subject("armchair")
	made := sf.Create("/tickets", ticket(name, `"category":"chair"`)).Want(201).WantReceipt("chicago")
	ids := map[string]string{"san-francisco": made.ID(), "chicago": chicago.WantCopy(name, soon, nil).ID(), "paris": paris.WantCopy(name, soon, nil).ID()}
	n.Settled(soon)

	count := 0
	for _, at := range n.Sites() {
		for of, id := range ids {
			for _, path := range []string{"/tickets/" + of + ":" + id, "/tickets/" + of + "%3A" + id} {
				got := n.At(at).Get(path).Want(200).WantReceipt("chicago")
				if got.ID() != ids[at] || got.Record()["subject"] != name {
					t.Errorf("GET %s at %s gave %s, want the record %s", path, at, got.Body, ids[at])
				}
				count++
				done := n.At(at).Patch(path, fmt.Sprintf(`{"count":%d}`, count)).Want(200).WantReceipt("chicago")
				if done.ID() != ids[at] || fmt.Sprint(done.Record()["count"]) != fmt.Sprint(count) {
					t.Errorf("PATCH %s at %s gave %s", path, at, done.Body)
				}
			}
		}
	}
	n.WantSame(name, soon, "chicago", "san-francisco", "paris")
	put := paris.Put("/tickets/san-francisco:"+ids["san-francisco"], fmt.Sprintf(`{"subject":%q,"whole":true}`, name)).Want(200)
	if put.ID() != ids["paris"] || put.Record()["count"] != nil {
		t.Errorf("PUT gave %s", put.Body)
	}
	n.WantSame(name, soon, "chicago", "san-francisco", "paris")

	for _, path := range []string{"/tickets/chicago:999999999", "/tickets/nowhere:1"} {
		if a := sf.Get(path); a.Err != nil || a.Status != 404 {
			t.Errorf("GET %s gave %d %v, want 404", path, a.Status, a.Err)
		}
		if a := sf.Patch(path, `{"a":1}`); a.Err != nil || a.Status != 404 {
			t.Errorf("PATCH %s gave %d %v, want 404", path, a.Status, a.Err)
		}
	}

	sf.Delete("/tickets/paris:"+ids["paris"]).Want(200, 204)
	for _, site := range n.Sites() {
		n.At(site).WantNone(name, soon)
	}
}

// A record of the site's own API whose id reads like another site's wins over it, whether it came through the gateway or was
// there before.
func TestOwnIDWithColonWins(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	for _, how := range []string{"through the gateway", "before it"} {
		name := subject("the other one")
		rome.Create("/tickets", ticket(name, "")).Want(201)
		oslo.WantCopy(name, soon, nil)
		id := "rome:" + rome.WantCopy(name, soon, nil).ID()
		own := subject("own " + how)
		if how == "before it" {
			oslo.Fake().Put("tickets", map[string]any{"id": id, "subject": own})
		} else if a := oslo.Create("/tickets", fmt.Sprintf(`{"id":%q,"subject":%q}`, id, own)).Want(201); a.ID() != id {
			t.Fatalf("the API did not take the id: %s", a.Body)
		}
		if got := oslo.Get("/tickets/" + id).Want(200).Record(); got["subject"] != own {
			t.Errorf("%s: GET /tickets/%s gave %v, want the site's own record", how, id, got)
		}
		oslo.Patch("/tickets/"+id, `{"n":1}`).Want(200)
		if rec, err := oslo.One(own); err != nil || rec.Fields(map[string]any{"n": 1}) != nil {
			t.Errorf("%s: an update of %s did not reach the site's own record: %v %v", how, id, rec, err)
		}
	}
}

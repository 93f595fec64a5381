package tests

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Requests change hands between PocketBase and json-server in both ways, with ids, field names and words of each its own: there and
// back with a copy left behind, and moved for good. Clients at both sites go on with their own ids.
func TestOwnershipBetweenPocketBaseAndJSONServer(t *testing.T) {
	t.Parallel()
	pb := harness.NewPocketBase(t)
	n := harness.Start(t, harness.Network{Sites: []harness.Site{
		{Name: "oslo", API: harness.NewJSONServer(t, 0)},
		{Name: "paris", API: pb, Extra: fmt.Sprintf("credentials: {bearer: %q}\n", pb.Token())},
	}})
	path := map[string]string{"oslo": "/tickets", "paris": "/api/collections/tickets/records"}
	body := map[string]string{"oslo": `{"subject":%q,"status":"open","category":"desk"}`, "paris": `{"title":%q,"state":"opened","sort":"desk"}`}
	patch := func(site, status, note string) string {
		if site == "paris" {
			return fmt.Sprintf(`{"state":%q,"notes":%q}`, map[string]string{"open": "opened", "in progress": "in_work", "closed": "closed"}[status], note)
		}
		return fmt.Sprintf(`{"status":%q,"description":%q}`, status, note)
	}
	words := func(site, status, note string) map[string]any {
		if site == "paris" {
			return map[string]any{"state": map[string]string{"open": "opened", "in progress": "in_work", "closed": "closed"}[status], "notes": note, "sort": "desk"}
		}
		return map[string]any{"status": status, "description": note, "category": "desk"}
	}
	for _, from := range n.Sites() {
		to := map[string]string{"oslo": "paris", "paris": "oslo"}[from]
		name := subject("handed over from " + from)
		made := n.At(from).Create(path[from], fmt.Sprintf(body[from], name)).Want(200, 201).WantReceipt(from)
		ref := made.Request()
		n.At(from).Transfer(ref, to, "ownership").Want(202)
		n.WantOwner(ref, to, soon)
		ids := map[string]string{from: made.ID(), to: wantMixed(t, n.At(to), name, nil).ID()}
		for i, by := range []string{from, to} {
			status, note := []string{"in progress", "closed"}[i], "seen by "+by
			n.At(by).Patch(path[by]+"/"+ids[by], patch(by, status, note)).Want(200).WantReceipt(to)
			for _, at := range n.Sites() {
				if rec := wantMixed(t, n.At(at), name, words(at, status, note)); rec.ID() != ids[at] {
					t.Errorf("%s has it as %s now, it was %s", at, rec.ID(), ids[at])
				}
			}
		}
		n.At(to).Command(ref, "return", "").Want(202)
		if v := n.WantOwner(ref, from, soon); v.Version != "3.0" || v.Local != ids[from] {
			t.Errorf("back home it is %+v", v)
		}
		n.At(to).Patch(path[to]+"/"+ids[to], patch(to, "open", "home again")).Want(200).WantReceipt(from)

		n.At(from).Transfer(ref, to, "move").Want(202)
		n.WantOwner(ref, to, soon)
		harness.Eventually(t, soon, name+" is gone at "+from, func() error {
			hits, err := findMixed(n.At(from), name)
			if err == nil && len(hits) > 0 {
				err = fmt.Errorf("there is %v", hits)
			}
			return err
		})
		wantMixed(t, n.At(to), name, words(to, "open", "home again"))
		n.At(to).Patch(path[to]+"/"+ids[to], patch(to, "closed", "moved")).Want(200).WantReceipt(to)
		n.Settled(soon)
	}
}

package fieldnpm

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

const everywhere = `- {name: everywhere, on: [create], copy: {to: all}}
`

// pair is two sites that run the same server.
func pair(t *testing.T, kind, routes string) *world {
	t.Helper()
	start := starts()[kind]
	return network(t, map[string]*API{"oslo": start(t), "rome": start(t)}, routes)
}

func other(site string) string { return map[string]string{"oslo": "rome", "rome": "oslo"}[site] }

// each runs a test for every kind of server.
func each(t *testing.T, test func(t *testing.T, kind string)) {
	t.Helper()
	field(t)
	for _, kind := range slices.Sorted(maps.Keys(starts())) {
		t.Run(kind, func(t *testing.T) { test(t, kind) })
	}
}

// first are the words of a new request.
func first(name string) Words {
	return Words{"subject": name, "description": "a leg is loose", "status": "open", "priority": 3,
		"due": time.Date(2027, 3, 28, 1, 30, 0, 0, time.UTC)}
}

// A request made at either site is copied to the other; both sites change it; a deletion takes the copy along.
func TestCopies(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		w := pair(t, kind, everywhere)
		for _, from := range w.Sites() {
			name, words := subject("copied from "+from), Words{}
			maps.Copy(words, first(name))
			w.create(from, words)
			w.everywhere(name, words)
			for i, by := range []string{other(from), from, other(from)} {
				change := []Words{
					{"description": "seen by the other", "priority": 1},
					{"status": "closed"},
					{"status": "open", "description": "open again", "due": time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC)},
				}[i]
				maps.Copy(words, change)
				w.change(by, name, change).WantReceipt(from)
				w.everywhere(name, words)
			}
			w.dialect(from).Remove(w.At(from), w.id(from, name)).Want(w.dialect(from).Removed)
			w.none(from, name)
			w.none(other(from), name)
			w.Settled(soon)
		}
	})
}

// A copy's own client deletes it: the owner's record goes, too.
func TestDeleteAtTheCopy(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		w := pair(t, kind, everywhere)
		name := subject("deleted at the copy")
		w.create("oslo", first(name))
		w.everywhere(name, nil)
		w.dialect("rome").Remove(w.At("rome"), w.id("rome", name)).Want(w.dialect("rome").Removed)
		w.none("oslo", name)
		w.none("rome", name)
	})
}

// A field that is emptied is empty at the other site.
func TestNoValue(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		if kind == "gitea" {
			t.Skip("Gitea keeps no field of ours that may be null")
		}
		w := pair(t, kind, everywhere)
		name := subject("emptied")
		w.create("oslo", first(name))
		w.everywhere(name, nil)
		w.change("rome", name, Words{"due": nil, "priority": nil, "description": nil})
		harness.Eventually(t, soon, "the fields are empty", func() error {
			for _, site := range w.Sites() {
				d := w.dialect(site)
				hits, err := w.find(site, name)
				if err == nil && len(hits) == 1 {
					err = hits[0].Fields(map[string]any{d.Names["due"]: nil, d.Names["priority"]: nil, d.Names["description"]: nil})
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Ownership goes to the other site and comes back; then the request moves there for good, and its record here is gone.
func TestOwnershipMoves(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		w := pair(t, kind, "")
		for _, from := range w.Sites() {
			to := other(from)
			name := subject("handed over from " + from)
			words := first(name)
			ref := w.create(from, words)
			w.At(from).Transfer(ref, to, "ownership").Want(202)
			w.WantOwner(ref, to, soon)
			w.everywhere(name, words)
			for i, by := range w.Sites() {
				change := Words{"description": "seen by " + by, "status": []string{"closed", "open"}[i]}
				maps.Copy(words, change)
				w.change(by, name, change).WantReceipt(to)
				w.everywhere(name, words)
			}
			w.At(to).Command(ref, "return", "").Want(202)
			w.WantOwner(ref, from, soon)
			w.change(to, name, Words{"description": "home again"}).WantReceipt(from)
			words["description"] = "home again"
			w.everywhere(name, words)
			w.At(from).Transfer(ref, to, "move").Want(202)
			w.WantOwner(ref, to, soon)
			w.none(from, name)
			w.want(to, name, words)
			w.change(to, name, Words{"description": "moved"}).WantReceipt(to)
			w.Settled(soon)
		}
	})
}

// A route archives what is closed: it lives on at the archive alone.
func TestArchive(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		w := pair(t, kind, "- {name: old, on: [update], at: [oslo], when: status == \"closed\", archive: {to: rome}}\n")
		name := subject("archived")
		words := first(name)
		ref := w.create("oslo", words)
		w.change("oslo", name, Words{"status": "closed"})
		words["status"] = "closed"
		w.WantOwner(ref, "rome", soon)
		w.want("rome", name, words)
		w.none("oslo", name)
	})
}

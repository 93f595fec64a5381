package fieldnpm

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Three servers of three kinds in one network, with names, words and times each its own.
func mixed(t *testing.T, routes string) *world {
	t.Helper()
	field(t)
	return network(t, map[string]*API{"oslo": NewCAP(t), "rome": NewPouchDB(t), "paris": NewStrapi(t)}, routes)
}

// A request made at any of them is kept in step at all three: each site changes it in turn, and the owner's deletion takes all away.
func TestMixedCopies(t *testing.T) {
	w := mixed(t, everywhere)
	for _, from := range w.Sites() {
		name, words := subject("mixed from "+from), Words{}
		maps.Copy(words, first(name))
		w.create(from, words)
		w.everywhere(name, words)
		for i, by := range w.Sites() {
			change := Words{"status": []string{"in progress", "closed", "open"}[i], "description": "seen by " + by, "priority": i,
				"due": time.Date(2027, 10, 31, i, 30, 0, 0, time.UTC)}
			maps.Copy(words, change)
			w.change(by, name, change).WantReceipt(from)
			w.everywhere(name, words)
		}
		w.dialect(from).Remove(w.At(from), w.id(from, name)).Want(w.dialect(from).Removed)
		for _, at := range w.Sites() {
			w.none(at, name)
		}
	}
	w.Settled(soon)
}

// Ownership goes once around, from each to the next, and home again; then a route archives the request at the third.
func TestMixedOwnership(t *testing.T) {
	w := mixed(t, "- {name: old, on: [update], at: [oslo, rome], when: status == \"closed\", archive: {to: paris}}\n")
	name := subject("goes round")
	words := first(name)
	ref := w.create("oslo", words)
	for i, to := range []string{"rome", "paris", "oslo"} {
		from := []string{"oslo", "rome", "paris"}[i]
		w.At(from).Transfer(ref, to, "ownership").Want(202)
		w.WantOwner(ref, to, soon)
		for _, by := range []string{to, from} {
			change := Words{"description": fmt.Sprintf("%s wrote while %s owned it", by, to), "status": "in progress", "priority": i}
			maps.Copy(words, change)
			w.change(by, name, change).WantReceipt(to)
			w.want(from, name, words)
			w.want(to, name, words)
		}
	}
	w.At("oslo").Transfer(ref, "rome", "ownership").Want(202)
	w.WantOwner(ref, "rome", soon)
	w.At("rome").Command(ref, "return", "").Want(202)
	w.WantOwner(ref, "oslo", soon)
	w.change("oslo", name, Words{"status": "closed"})
	words["status"] = "closed"
	w.WantOwner(ref, "paris", soon)
	w.want("paris", name, words)
	w.none("oslo", name)
	w.none("rome", name)
	w.Settled(soon)
}

// Gitea knows two states, no external id and no priority: what it does not keep is not lost at the others.
func TestMixedWithGitea(t *testing.T) {
	field(t)
	w := network(t, map[string]*API{"oslo": NewCAP(t), "rome": NewGitea(t), "paris": NewJSONAPI(t)}, everywhere)
	for _, from := range w.Sites() {
		name, words := subject("with an issue, from "+from), Words{}
		maps.Copy(words, first(name))
		w.create(from, words)
		if from == "rome" {
			delete(words, "priority")
			delete(words, "due")
		}
		w.everywhere(name, words)
		for i, by := range w.Sites() {
			change := Words{"status": []string{"closed", "open", "closed"}[i], "description": "seen by " + by}
			maps.Copy(words, change)
			w.change(by, name, change).WantReceipt(from)
			w.everywhere(name, words)
		}
	}
	w.Settled(soon)
}

// What Gitea sets by calls of its own, ignores on create, and says in words of its own, is right there all the same.
func TestMixedManners(t *testing.T) {
	field(t)
	w := network(t, map[string]*API{"oslo": NewCAP(t), "rome": NewGitea(t)}, everywhere)
	cap, issues := w.At("oslo"), "/api/v1/repos/gateway/desk/issues/"
	name := subject("with manners")
	made := cap.Create("/odata/v4/desk/Requests", fmt.Sprintf(`{"title":%q,"state":"done","category":"desk","dueBy":"2027-03-28T10:00:00Z"}`, name)).
		Want(201).Record()
	shows := func(state, label, due string) harness.Record {
		t.Helper()
		var rec harness.Record
		harness.Eventually(t, soon, "the issue is "+state+" "+label+" "+due, func() error {
			hits, err := w.find("rome", name)
			if err == nil && len(hits) != 1 {
				err = fmt.Errorf("there are %v", hits)
			}
			if err != nil {
				return err
			}
			rec = hits[0]
			var labels []string
			list, _ := rec["labels"].([]any)
			for _, l := range list {
				labels = append(labels, fmt.Sprint(l.(map[string]any)["name"]))
			}
			got := fmt.Sprintf("%v %v %v", rec["state"], strings.Join(labels, ","), rec["due_date"])
			if want := state + " " + label + " " + due; got != want {
				return fmt.Errorf("it is %q, want %q", got, want)
			}
			return nil
		})
		return rec
	}
	rec := shows("closed", "desk", "2027-03-28T10:00:00Z")
	w.change("oslo", name, Words{"category": "field", "due": nil, "status": "open"})
	shows("open", "field", "<nil>")

	// A client of Gitea changes the label with Gitea's own call, which no profile describes.
	w.At("rome").Put(issues+rec.ID()+"/labels", `{"labels":[1]}`).Want(200)
	harness.Eventually(t, soon, "the category is desk at oslo", func() error {
		hits, err := w.find("oslo", name)
		if err == nil {
			err = hits[0].Fields(map[string]any{"category": "desk", "ID": made["ID"]})
		}
		return err
	})
	w.Settled(soon)
}

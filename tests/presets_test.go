package tests

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/contract"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// marks are what the gateway adds to texts that are the only place for the id of a request.
var marks = regexp.MustCompile(`\s*\[(?:ref|meridian):[0-9A-Z]{26}\]`)

func unmarked(s string) string { return marks.ReplaceAllString(s, "") }

// products runs a test for each preset of a hosted product, one after the other beside the tests of other names.
func products(t *testing.T, test func(t *testing.T, kind string)) {
	t.Parallel()
	for _, kind := range slices.Sorted(maps.Keys(speeches())) {
		t.Run(kind, func(t *testing.T) { test(t, kind) })
	}
}

// beside is a network of a json-server at oslo and a product at rome.
func beside(t *testing.T, kind string, o contract.Options, routes string) (*harness.Cluster, map[string]voice, *product) {
	t.Helper()
	p := newProduct(t, kind, o)
	n := harness.Start(t, harness.Network{Sites: []harness.Site{{Name: "oslo", API: newWithComments(t)}, p.site("rome")}, Routes: routes})
	return n, voices(n), p
}

// first are the words of a new request.
func first(subject string) words {
	return words{"subject": subject, "description": "a leg is loose", "status": "open", "priority": "normal"}
}

// A request that is made at either site is kept in step at both; comments follow it; it is deleted at both.
func TestPresetCopies(t *testing.T) {
	products(t, func(t *testing.T, kind string) {
		n, all, p := beside(t, kind, contract.Options{}, everywhere)
		for _, from := range n.Sites() {
			w, ids := copied(t, n, all, from)
			want := []string{}
			for _, by := range []string{"oslo", "rome", "oslo"} {
				text := "said at " + by + " as number " + strings.Repeat("i", len(want)+1)
				want = append(want, text)
				all[by].Do(all[by].comment(ids[by], text)).Want(200, 201)
				wantTexts(t, all, ids, "the comment "+text, want...)
			}
			n.Settled(soon)
			wantEqual(t, n.At(from))
			by := "rome"
			if p.closes {
				by = "oslo"
			}
			all[by].Do(all[by].remove(ids[by])).Want(200, 204)
			wantGone(t, all, w["subject"], n.Sites()...)
		}
		n.Settled(soon)
		p.wantClean()
	})
}

// copied makes a request at a site and changes it at both, and wants it the same everywhere all the time. It returns what the request is in
// the end, and its ids.
func copied(t *testing.T, n *harness.Cluster, all map[string]voice, from string) (words, map[string]string) {
	t.Helper()
	w := first(subject("copied from " + from))
	for _, k := range all[from].narrow {
		delete(w, k)
	}
	made := all[from].make(w).Want(200, 201).WantReceipt(from)
	ids := wantWords(t, all, w, n.Sites()...)
	for _, by := range []string{"rome", "oslo", "rome"} {
		changes := map[string]words{
			"rome": {"status": "closed", "priority": "high"}, "oslo": {"status": "open", "subject": w["subject"] + ", opened again"},
		}[by]
		for _, k := range all[by].narrow {
			delete(changes, k)
		}
		maps.Copy(w, changes)
		if all[by].whole {
			changes = w
		}
		all[by].tell(ids[by], changes)
		if got := wantWords(t, all, w, n.Sites()...); !maps.Equal(got, ids) {
			t.Fatalf("the ids were %v and are %v", ids, got)
		}
	}
	if v, err := n.At(from).Request(made.Request()); err != nil || v.Owner != from {
		t.Errorf("%+v %v", v, err)
	}
	return w, ids
}

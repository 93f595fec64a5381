package fieldnpm

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// texts waits until a request's comments at a site's own server are these, whatever their order, and returns their ids by text.
func (w *world) texts(site, name string, want ...string) map[string]string {
	w.t.Helper()
	c, parent := comments()[w.apis[site].Name], w.id(site, name)
	slices.Sort(want)
	ids := make(map[string]string)
	harness.Eventually(w.t, soon, fmt.Sprintf("the comments of %q at %s", name, site), func() error {
		list, err := c.Of(w.apis[site], parent)
		clear(ids)
		var have []string
		for _, x := range list {
			have = append(have, x.Text)
			ids[x.Text] = x.ID
		}
		slices.Sort(have)
		if err == nil && !slices.Equal(have, want) {
			err = fmt.Errorf("they are %q, want %q", have, want)
		}
		return err
	})
	return ids
}

// Comments are made, changed and deleted at either site, and follow the request when its owner changes.
func TestComments(t *testing.T) {
	field(t)
	for _, kind := range slices.Sorted(maps.Keys(comments())) {
		t.Run(kind, func(t *testing.T) {
			w := pair(t, kind, everywhere)
			talk(w, comments()[kind], comments()[kind])
		})
	}
}

// The same between servers of two kinds, each with its own manner of having comments.
func TestMixedComments(t *testing.T) {
	field(t)
	for _, kinds := range [][2]string{{"cap", "strapi"}, {"gitea", "jsonapi"}, {"directus", "cap"}} {
		t.Run(kinds[0]+" and "+kinds[1], func(t *testing.T) {
			w := network(t, map[string]*API{"oslo": starts()[kinds[0]](t), "rome": starts()[kinds[1]](t)}, everywhere)
			talk(w, comments()[kinds[0]], comments()[kinds[1]])
		})
	}
}

// talk has both sites of a network comment on a request of oslo's.
func talk(w *world, oslo, rome Comments) {
	t := w.t
	t.Helper()
	name := subject("talked about")
	words := first(name).without("priority").without("due")
	ref := w.create("oslo", words)
	w.everywhere(name, words)
	at := map[string]string{"oslo": w.id("oslo", name), "rome": w.id("rome", name)}
	both := func(want ...string) {
		t.Helper()
		w.texts("oslo", name, want...)
		w.texts("rome", name, want...)
	}
	oslo.Create(w.At("oslo"), at["oslo"], "made at oslo").Want(oslo.Made)
	both("made at oslo")
	rome.Create(w.At("rome"), at["rome"], "made at rome").Want(rome.Made)
	both("made at oslo", "made at rome")
	rome.Change(w.At("rome"), at["rome"], w.texts("rome", name, "made at oslo", "made at rome")["made at oslo"], "changed at rome").Want(rome.Changed)
	both("changed at rome", "made at rome")
	oslo.Remove(w.At("oslo"), at["oslo"], w.texts("oslo", name, "changed at rome", "made at rome")["changed at rome"]).Want(oslo.Removed)
	both("made at rome")
	w.At("oslo").Transfer(ref, "rome", "ownership").Want(202)
	w.WantOwner(ref, "rome", soon)
	oslo.Create(w.At("oslo"), at["oslo"], "rome owns it").Want(oslo.Made)
	both("made at rome", "rome owns it")
	w.At("rome").Transfer(ref, "oslo", "move").Want(202)
	w.WantOwner(ref, "oslo", soon)
	w.none("rome", name)
	w.texts("oslo", name, "made at rome", "rome owns it")
	w.Settled(soon)
}

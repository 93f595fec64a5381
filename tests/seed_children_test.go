package tests

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Comments that were there before the gateway come in with their tickets; comments that are changed, removed or added by hand are found
// and made right.
func TestSeedAndVerifyComments(t *testing.T) {
	t.Parallel()
	apis := map[string]withComments{"oslo": newWithComments(t), "rome": newWithComments(t)}
	n := harness.Start(t, harness.Network{Routes: everywhere, Sites: []harness.Site{{Name: "oslo", API: apis["oslo"]}, {Name: "rome", API: apis["rome"]}}})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("old, with comments")
	oslo.Fill([]string{ticket(name, ""), ticket(subject("without"), "")})
	rec, err := oslo.One(name)
	if err != nil {
		t.Fatal(err)
	}
	call := func(g *harness.Gateway, method, path, body string) map[string]any {
		t.Helper()
		b, err := g.Behind(method, path, body)
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		_ = json.Unmarshal(b, &out) // a deletion answers nothing
		return out
	}
	for _, text := range []string{"one", "two"} {
		call(oslo, "POST", "/tickets/"+rec.ID()+"/comments", comment(text))
	}
	s := seed(t, oslo, 0)
	if p := s.Collections[0]; len(s.Collections) != 1 || p.Seeded != 2 || len(s.Notes) != 0 {
		t.Fatalf("%+v", s)
	}
	n.Settled(time.Minute)
	wantComments := func(g *harness.Gateway, want ...string) {
		t.Helper()
		harness.Eventually(t, soon, fmt.Sprintf("the comments at %s are %v", g.Name, want), func() error {
			rec, err := g.One(name)
			if err != nil {
				return err
			}
			got, err := apis[g.Name].comments(t, rec.ID())
			if err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("they are %v", got)
			}
			return err
		})
	}
	wantComments(rome, "one", "two")
	wantEqual(t, oslo)

	call(rome, "PATCH", "/comments/1", comment("wrong"))
	list := verify(t, oslo, 1)
	if len(list) != 1 || list[0].Site != "rome" || !strings.HasPrefix(list[0].Field, "comments/") {
		t.Errorf("a changed comment: %v", list)
	}
	verify(t, oslo, 1, "--repair")
	wantComments(rome, "one", "two")
	wantEqual(t, oslo)

	call(rome, "DELETE", "/comments/2", "")
	verify(t, oslo, 1, "--repair")
	wantComments(rome, "one", "two")
	wantEqual(t, oslo)

	call(oslo, "POST", "/tickets/"+rec.ID()+"/comments", comment("three"))
	if list := verify(t, oslo, 1); len(list) != 1 || list[0].Kind != "changed-at-owner" {
		t.Errorf("a comment by hand: %v", list)
	}
	verify(t, oslo, 1, "--repair")
	wantComments(rome, "one", "two", "three")
	n.Settled(time.Minute)
	wantEqual(t, oslo)

	rome.Edit(name, "")
	verify(t, oslo, 1, "--repair")
	wantComments(rome, "one", "two", "three")
	wantEqual(t, oslo)
}

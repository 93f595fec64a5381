package fieldnpm

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// A server that shows nothing for a while, with 404 for each record and credentials that work elsewhere, has not deleted anything: no
// copy goes, and when it shows its records again all is as before.
func TestNotShownIsNotDeleted(t *testing.T) {
	field(t)
	w := pair(t, "gitea", everywhere)
	name := subject("hidden")
	ref := w.create("oslo", first(name))
	w.everywhere(name, first(name))
	w.Settled(soon)
	const repository = "/api/v1/repos/gateway/desk"
	show := func(site string, on bool) {
		t.Helper()
		if _, err := w.apis[site].call(http.MethodPatch, repository, fmt.Sprintf(`{"has_issues":%t}`, on)); err != nil {
			t.Fatal(err)
		}
	}
	id := w.id("rome", name)
	show("oslo", false)
	if _, err := w.apis["oslo"].Records(); err == nil {
		t.Fatal("the issues are still shown")
	}
	for range 3 {
		if a := w.dialect("rome").Change(w.At("rome"), id, Words{"description": "while it is hidden"}); a.OK() {
			t.Errorf("an update was acknowledged: %d %s", a.Status, a.Body)
		}
	}
	w.At("oslo").CLI("verify", "--repair")
	if rec := w.want("rome", name, nil); rec.ID() != id {
		t.Errorf("the copy is %v now, it was %s", rec, id)
	}
	show("oslo", true)
	if v := w.WantOwner(ref, "oslo", soon); v.Owner != "oslo" {
		t.Errorf("it is %+v", v)
	}
	harness.Eventually(t, soon, "an update is taken again", func() error {
		if a := w.dialect("rome").Change(w.At("rome"), id, Words{"description": "shown again"}); !a.OK() {
			return fmt.Errorf("%d %s", a.Status, a.Body)
		}
		return nil
	})
	w.everywhere(name, Words{"description": "shown again"})

	// The same at the copy: nothing is made again that is still there.
	show("rome", false)
	w.change("oslo", name, Words{"status": "closed"}).WantReceipt("oslo")
	w.At("oslo").CLI("verify", "--repair")
	show("rome", true)
	w.change("oslo", name, Words{"description": "both shown"}).WantReceipt("oslo")
	w.At("oslo").CLI("verify", "--repair")
	w.everywhere(name, Words{"status": "closed", "description": "both shown"})
	if rec := w.want("rome", name, nil); rec.ID() != id {
		t.Errorf("the copy is %v now, it was %s", rec, id)
	}
}

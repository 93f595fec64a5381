package tests

import (
	"fmt"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// A call that no profile describes changes a record all the same: a transition, say. It is published from the owner, and from a copy
// it is written at the owner first.
func TestCallsBelowARecord(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"oslo", "rome"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			shelves := map[string]*shelf{"oslo": newShelf(t, "raw", 10), "rome": newShelf(t, "raw", 2000)}
			n := harness.Start(t, harness.Network{Sites: []harness.Site{{Name: "oslo", API: shelves["oslo"]}, {Name: "rome", API: shelves["rome"]}},
				Routes: everywhere})
			n.At("oslo").Create("/tickets", `{"subject":"lamp","status":"open"}`).Want(201)
			ids := map[string]string{}
			for at, s := range shelves {
				harness.Eventually(t, soon, "it is at "+at, func() error {
					id, status := s.status()
					if ids[at] = id; status != "open" {
						return fmt.Errorf("its status is %q", status)
					}
					return nil
				})
			}
			n.At(by).Do(harness.Call{Method: "POST", Path: "/tickets/" + ids[by] + "/close", Body: "{}"}).Want(200)
			for at, s := range shelves {
				harness.Eventually(t, soon, "it is closed at "+at, func() error {
					if _, status := s.status(); status != "closed" {
						return fmt.Errorf("its status is %q", status)
					}
					return nil
				})
			}
			if v := n.At("oslo").Get("/tickets/" + ids["oslo"]).Want(200).Header.Get("Meridian-Version"); v != "1.2" {
				t.Errorf("the version is %s, want 1.2", v)
			}
		})
	}
}

package fieldnpm

import (
	"net/http"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// A client of CouchDB may choose the id of what it makes, in the body of a POST, or by a PUT to an address that nobody has yet: that is
// no call that a profile describes, and the watcher finds what it made.
func TestChosenIDs(t *testing.T) {
	field(t)
	w := watched(t, "pouchdb")
	for i, call := range []harness.Call{
		{Method: http.MethodPost, Path: "/desk", Body: `{"_id":"chosen-1","title":"chosen 0"}`},
		{Method: http.MethodPut, Path: "/desk/chosen-2", Body: `{"title":"chosen 1"}`},
	} {
		name := []string{"chosen 0", "chosen 1"}[i]
		w.At("oslo").Do(call).Want(201)
		if id := w.id("oslo", name); id != []string{"chosen-1", "chosen-2"}[i] {
			t.Errorf("%s has the id %s", name, id)
		}
		w.want("rome", name, nil)
		w.change("rome", name, Words{"description": "seen"})
		w.everywhere(name, Words{"description": "seen"})
	}
}

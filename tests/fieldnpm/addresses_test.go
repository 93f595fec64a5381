package fieldnpm

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// OData has several addresses for one record, and CAP two verbs that change it: a write by any of them goes its way.
func TestOtherAddresses(t *testing.T) {
	field(t)
	w := pair(t, "cap", everywhere)
	name := subject("by many names")
	w.create("oslo", first(name))
	w.everywhere(name, first(name))
	const path = "/odata/v4/desk/Requests"
	for _, site := range w.Sites() {
		id := w.id(site, name)
		for i, address := range []string{"(" + id + ")", "(ID=" + id + ")", "/" + id} {
			for _, method := range []string{http.MethodPatch, http.MethodPut} {
				text := fmt.Sprintf("%s of %d at %s", method, i, site)
				was := w.At(site).Get(path + address).Want(200)
				w.At(site).Do(harness.Call{Method: method, Path: path + address, Body: fmt.Sprintf(`{"details":%q}`, text),
					Header: http.Header{"If-Match": {was.Header.Get("Etag")}}}).Want(200).WantReceipt("oslo")
				words := first(name)
				words["description"] = text
				w.everywhere(name, words)
			}
		}
	}
	c, parent := comments()["cap"], w.id("rome", name)
	c.Create(w.At("rome"), parent, "said").Want(201)
	w.texts("oslo", name, "said")
	note := w.texts("rome", name, "said")["said"]
	w.At("rome").Patch("/odata/v4/desk/Notes("+note+")", `{"text":"said elsewhere"}`).Want(200)
	w.texts("oslo", name, "said elsewhere")
	w.At("rome").Delete("/odata/v4/desk/Notes(" + note + ")").Want(204)
	w.texts("oslo", name)
	rec := w.id("oslo", name)
	w.At("oslo").Do(harness.Call{Method: http.MethodDelete, Path: path + "/" + rec, Header: http.Header{"If-Match": {"*"}}}).Want(204)
	w.none("oslo", name)
	w.none("rome", name)
}

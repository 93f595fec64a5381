package fieldnpm

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Where the server knows versions, a client's write over a state that it has not seen is refused at both sites, in the server's own
// manner, and changes nothing.
func TestStaleWrites(t *testing.T) {
	field(t)
	// write changes the description over the state that a read showed.
	writes := map[string]func(was harness.Answer, path string) harness.Call{
		"cap": func(was harness.Answer, path string) harness.Call {
			return harness.Call{Method: http.MethodPatch, Path: path, Body: `{"details":"too late"}`, Header: http.Header{"If-Match": {was.Header.Get("Etag")}}}
		},
		"pouchdb": func(was harness.Answer, path string) harness.Call {
			rec := was.Record()
			rec["details"] = "too late"
			b, err := json.Marshal(rec)
			if err != nil {
				t.Error(err)
			}
			return harness.Call{Method: http.MethodPut, Path: path, Body: string(b)}
		},
		"gitea": func(was harness.Answer, path string) harness.Call {
			b, err := json.Marshal(map[string]any{"body": "too late", "content_version": was.Record()["content_version"]})
			if err != nil {
				t.Error(err)
			}
			return harness.Call{Method: http.MethodPatch, Path: path, Body: string(b)}
		},
	}
	for kind, write := range writes {
		t.Run(kind, func(t *testing.T) {
			w := pair(t, kind, everywhere)
			name := subject("seen before")
			w.create("oslo", first(name))
			w.everywhere(name, first(name))
			w.Settled(soon)
			for _, site := range w.Sites() {
				path := w.dialect(site).Address(w.id(site, name))
				was := w.At(site).Get(path).Want(200)
				text := Words{"description": "newer than what " + site + " saw"}
				w.change(other(site), name, text)
				w.everywhere(name, text)
				w.Settled(soon)
				if a := w.At(site).Do(write(was, path)); a.Status != 409 && a.Status != 412 {
					t.Fatalf("at %s: the write over a state that is gone got %d %s", site, a.Status, a.Body)
				}
				w.everywhere(name, text)
				w.At(site).Do(write(w.At(site).Get(path).Want(200), path)).Want(w.dialect(site).Changed)
				w.everywhere(name, Words{"description": "too late"})
				w.Settled(soon)
			}
		})
	}
}

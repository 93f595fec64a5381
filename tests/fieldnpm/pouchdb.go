package fieldnpm

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// NewPouchDB starts a pouchdb-server, which speaks CouchDB's API, with a database named desk that only its users may read and write.
func NewPouchDB(t testing.TB) *API {
	t.Helper()
	bin := installed(t, "pouchdb/node_modules/pouchdb-server/bin/pouchdb-server")
	dir := t.TempDir()
	config := filepath.Join(dir, "config.json")
	if err := os.WriteFile(config, []byte(`{"admins":{"gateway":"secret","clerk":"desk"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	port := harness.FreePort(t)
	a := &API{
		Name: "pouchdb", Field: "title", address: harness.Loopback(port), header: basic("clerk", "desk"),
		Credentials: "credentials: {login: {username: gateway, password: secret}}\n",
		records: func(a *API) ([]harness.Record, error) {
			var page struct {
				Rows []struct{ Doc harness.Record }
			}
			err := a.ask("/desk/_all_docs?include_docs=true", &page)
			var out []harness.Record
			for _, r := range page.Rows {
				if id := fmt.Sprint(r.Doc["_id"]); !strings.HasPrefix(id, "_design/") {
					out = append(out, r.Doc)
				}
			}
			return withID(out, "_id"), err
		},
	}
	run(t, program{name: "pouchdb-server", path: "node", dir: dir,
		args: []string{bin, "--host", "127.0.0.1", "--port", fmt.Sprint(port), "--dir", dir, "--config", config}}, func() error {
		_, err := a.call(http.MethodGet, "/", "")
		return err
	})
	for _, set := range [][3]string{
		{http.MethodPut, "/desk", ""},
		{http.MethodPost, "/desk/_index", `{"index":{"fields":["extRef"]},"name":"by-ext-ref"}`},
		{http.MethodPut, "/desk/_security", `{"members":{"names":["gateway","clerk"],"roles":["_admin"]},"admins":{"names":[],"roles":["_admin"]}}`},
	} {
		if _, err := a.call(set[0], set[1], set[2]); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

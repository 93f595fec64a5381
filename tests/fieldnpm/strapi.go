package fieldnpm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// NewStrapi starts a Strapi with requests and their notes. Its users log in with JSON and get a token; ten logins a minute are all
// it allows.
func NewStrapi(t testing.TB) *API {
	t.Helper()
	dir, port := app(t, "strapi"), harness.FreePort(t)
	if err := os.MkdirAll(filepath.Join(dir, "public", "uploads"), 0o700); err != nil {
		t.Fatal(err)
	}
	a := &API{
		Name: "strapi", Field: "title", address: harness.Loopback(port),
		Credentials: "credentials: {login: {username: gateway, password: secret}}\n",
		records:     strapiRequests,
	}
	run(t, program{name: "Strapi", path: "node", args: []string{"node_modules/@strapi/strapi/bin/strapi.js", "start"}, dir: dir,
		env: []string{fmt.Sprintf("PORT=%d", port), "NODE_ENV=production", "STRAPI_TELEMETRY_DISABLED=true"}}, func() error {
		_, err := a.call(http.MethodGet, "/_health", "")
		return err
	})
	b, err := a.call(http.MethodPost, "/api/auth/local", `{"identifier":"clerk","password":"desk desk"}`)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ JWT string }
	if err := json.Unmarshal(b, &got); err != nil || got.JWT == "" {
		t.Fatalf("no token in %s", b)
	}
	a.header = http.Header{"Authorization": {"Bearer " + got.JWT}}
	return a
}

func strapiRequests(a *API) ([]harness.Record, error) {
	var all []harness.Record
	for n := 1; ; n++ {
		var page struct{ Data []harness.Record }
		err := a.ask(fmt.Sprintf("/api/requests?sort=id&pagination[pageSize]=100&pagination[page]=%d", n), &page)
		if err != nil || len(page.Data) == 0 {
			return all, err
		}
		all = append(all, withID(page.Data, "documentId")...)
	}
}

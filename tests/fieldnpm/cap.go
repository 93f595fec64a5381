package fieldnpm

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// NewCAP starts an OData service made with SAP CAP on SQLite: a desk with requests, their notes and their files. Its writes demand
// If-Match.
func NewCAP(t testing.TB) *API {
	t.Helper()
	dir := app(t, "cap")
	deploy := exec.CommandContext(t.Context(), "node", "node_modules/@sap/cds/bin/deploy.js")
	deploy.Dir = dir
	if out, err := deploy.CombinedOutput(); err != nil {
		t.Fatalf("lay out the tables of CAP: %v\n%s", err, out)
	}
	port := harness.FreePort(t)
	a := &API{
		Name: "cap", Field: "title", address: harness.Loopback(port), header: basic("clerk", "desk"),
		Credentials: "credentials: {basic: {username: gateway, password: secret}}\n",
		records: func(a *API) ([]harness.Record, error) {
			var page struct{ Value []harness.Record }
			err := a.ask("/odata/v4/desk/Requests?$top=1000", &page)
			return withID(page.Value, "ID"), err
		},
	}
	run(t, program{name: "CAP", path: "node", args: []string{"node_modules/@sap/cds/bin/serve.js"}, dir: dir,
		env: []string{fmt.Sprintf("PORT=%d", port), "NODE_ENV=production"}}, func() error {
		_, err := a.Records()
		return err
	})
	return a
}

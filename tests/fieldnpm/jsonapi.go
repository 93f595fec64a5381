package fieldnpm

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// NewJSONAPI starts a jsonapi-server with tickets and their comments in memory. Records lie in data/attributes, their ids beside
// them, and a key in a header lets callers in.
func NewJSONAPI(t testing.TB) *API {
	t.Helper()
	dir, port := app(t, "jsonapi"), harness.FreePort(t)
	a := &API{
		Name: "jsonapi", Field: "title", address: harness.Loopback(port), header: http.Header{"X-Api-Key": {"desk"}},
		Credentials: "credentials: {headers: {X-Api-Key: secret}}\n",
		records: func(a *API) ([]harness.Record, error) {
			var page struct {
				Data []struct {
					ID         string
					Attributes harness.Record
				}
			}
			err := a.ask("/rest/tickets?page[limit]=1000", &page)
			var out []harness.Record
			for _, d := range page.Data {
				d.Attributes["id"] = d.ID
				out = append(out, d.Attributes)
			}
			return out, err
		},
	}
	run(t, program{name: "jsonapi-server", path: "node", args: []string{"server.js"}, dir: dir, env: []string{fmt.Sprintf("PORT=%d", port)}},
		func() error {
			_, err := a.Records()
			return err
		})
	return a
}

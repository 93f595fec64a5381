package field

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// StartRT starts a Request Tracker with an empty queue "Support". Its tickets have the custom fields ExternalID, Place, Cost, Kept
// and Detail, which may have several lines.
func StartRT(t testing.TB) *API {
	t.Helper()
	made := filepath.Dir(prepared(t, "rt/made"))
	dir := t.TempDir()
	write(t, dir, map[string]string{"mason/": "", "session/": "", "empty/": ""})
	a := &API{Kind: "rt", db: filepath.Join(dir, "rt.sqlite3"), Credentials: fmt.Sprintf("credentials: {headers: {Authorization: token %s}}\n", token(t, made, "gateway")),
		header: http.Header{"Authorization": {"token " + token(t, made, "clerk")}}}
	copyFile(t, filepath.Join(made, "rt.sqlite3"), a.db)
	port := harness.FreePort(t)
	a.address = harness.Loopback(port)
	a.records = a.tickets
	a.process = run(t, program{name: "Request Tracker", path: "/usr/share/request-tracker5/libexec/rt-server", dir: dir,
		args: []string{"--host", "127.0.0.1", "--port", fmt.Sprint(port), "--max-workers", "3"},
		env: []string{"RT_SITE_CONFIG=" + filepath.Join(harness.Root(), "tests/field/setup/RT_SiteConfig.pm"),
			"RT_SITE_CONFIG_DIR=" + filepath.Join(dir, "empty"), "FIELD_DIR=" + dir, "FIELD_PORT=" + fmt.Sprint(port)}},
		func() error { return a.ask("/REST/2.0/rt", &struct{}{}) })
	return a
}

// token is a user's, as setup/rt.pl wrote it down.
func token(t testing.TB, dir, user string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "token-"+user))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// rtTicket is a ticket as RT gives it, as far as the tests look at it.
type rtTicket struct {
	ID       string `json:"id"`
	Subject  string `json:"Subject"`
	Status   string `json:"Status"`
	Priority any    `json:"Priority"`
	Due      string `json:"Due"`
	Fields   []struct {
		Name   string `json:"name"`
		Values []any  `json:"values"`
	} `json:"CustomFields"`
}

func (a *API) tickets() ([]harness.Record, error) {
	var out []harness.Record
	for page := 1; ; page++ {
		var got struct {
			Items []rtTicket `json:"items"`
			Total int        `json:"total"`
		}
		path := fmt.Sprintf("/REST/2.0/tickets?query=Queue='Support'&fields=Subject,Status,Priority,Due,CustomFields&orderby=id&per_page=100&page=%d", page)
		if err := a.ask(path, &got); err != nil {
			return nil, err
		}
		for _, i := range got.Items {
			r := harness.Record{"id": i.ID, "subject": i.Subject, "status": i.Status, "priority": i.Priority, "due": i.Due}
			for _, f := range i.Fields {
				if len(f.Values) > 0 {
					if text, ok := f.Values[0].(string); ok {
						f.Values[0] = strings.ReplaceAll(text, "\r\n", "\n")
					}
					r[map[string]string{"ExternalID": "external_id", "Place": "place", "Cost": "cost", "Detail": "detail", "Kept": "state"}[f.Name]] = f.Values[0]
				}
			}
			out = append(out, r)
		}
		if len(out) >= got.Total || len(got.Items) == 0 {
			return out, nil
		}
	}
}

package field

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// The keys that setup/redmine.rb gives to its users.
var (
	redmineGateway = strings.Repeat("a", 40)
	redmineClerk   = strings.Repeat("b", 40)
)

// StartRedmine starts a Redmine with an empty project "support". Its issues have the custom fields External ID (1), Place (2), Cost
// (3, a number), Owner (4), State (5) and Rush (6, yes or no).
func StartRedmine(t testing.TB) *API {
	t.Helper()
	prepared(t, "redmine/made")
	app, err := filepath.EvalSymlinks(prepared(t, "redmine/app"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	db := filepath.Join(dir, "db.sqlite3")
	write(t, dir, map[string]string{
		// Redmine waits for other writers to its database as long as it says here, in milliseconds.
		"config/database.yml":   "production:\n  adapter: sqlite3\n  timeout: 20000\n  database: " + db + "\n",
		"config/secret_key.txt": strings.Repeat("5d9e1ab0", 4),
		"log/":                  "", "files/": "", "tmp/": "", "public/plugin_assets/": "",
	})
	copyFile(t, filepath.Join(app, "instances/seed/db.sqlite3"), db)
	// An instance is named by its way from the folder of instances.
	instance, err := filepath.Rel(filepath.Join(app, "instances"), dir)
	if err != nil {
		t.Fatal(err)
	}
	bundler, err := filepath.Glob("/usr/share/rubygems-integration/all/gems/bundler-*/lib")
	if err != nil {
		t.Fatal(err)
	}
	a := &API{Kind: "redmine", address: harness.Loopback(harness.FreePort(t)), db: db,
		Credentials: fmt.Sprintf("credentials: {headers: {X-Redmine-API-Key: %s}}\n", redmineGateway),
		header:      http.Header{"X-Redmine-Api-Key": {redmineClerk}}}
	a.records = a.issues
	// One thread: a writer that waits for SQLite keeps all of Ruby waiting, the one that it waits for too, until its time is over.
	a.process = run(t, program{name: "Redmine", path: "puma", dir: app,
		args: []string{"-b", "tcp://" + a.address, "-t", "1:1", "-e", "production", "config.ru"},
		env: []string{"REDMINE_INSTANCE=" + instance, "RAILS_ENV=production", "BUNDLE_GEMFILE=" + filepath.Join(app, "Gemfile"),
			"RUBYLIB=" + strings.Join(bundler, ":")}}, func() error { return a.ask("/users/current.json", &struct{}{}) })
	return a
}

// redmineIssue is an issue as Redmine gives it, as far as the tests look at it.
type redmineIssue struct {
	ID          int    `json:"id"`
	Subject     string `json:"subject"`
	Description string `json:"description"`
	Due         any    `json:"due_date"`
	Status      struct {
		Name string `json:"name"`
	} `json:"status"`
	Priority struct {
		Name string `json:"name"`
	} `json:"priority"`
	CustomFields []struct {
		ID    int `json:"id"`
		Value any `json:"value"`
	} `json:"custom_fields"`
}

func (a *API) issues() ([]harness.Record, error) {
	var out []harness.Record
	for {
		var page struct {
			Issues []redmineIssue `json:"issues"`
			Total  int            `json:"total_count"`
		}
		if err := a.ask(fmt.Sprintf("/issues.json?status_id=*&sort=id&limit=100&offset=%d", len(out)), &page); err != nil {
			return nil, err
		}
		for _, i := range page.Issues {
			r := harness.Record{"id": i.ID, "subject": i.Subject, "detail": strings.ReplaceAll(i.Description, "\r\n", "\n"), "status": i.Status.Name,
				"priority": i.Priority.Name, "due": i.Due}
			for _, f := range i.CustomFields {
				if name := map[int]string{1: "external_id", 2: "place", 3: "cost", 4: "owner", 5: "state", 6: "rush"}[f.ID]; name != "" {
					r[name] = f.Value
				}
			}
			out = append(out, r)
		}
		if len(out) >= page.Total || len(page.Issues) == 0 {
			return out, nil
		}
	}
}

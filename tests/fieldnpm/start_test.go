package fieldnpm

import (
	"os"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.Tidy()
	os.Exit(code)
}

// starts are the servers by name.
func starts() map[string]func(testing.TB) *API {
	return map[string]func(testing.TB) *API{"cap": NewCAP, "pouchdb": NewPouchDB, "gitea": NewGitea, "strapi": NewStrapi,
		"jsonapi": NewJSONAPI, "directus": NewDirectus}
}

// Each server starts twice at once, empty.
func TestServersStart(t *testing.T) {
	field(t)
	for name, start := range starts() {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				if all, err := start(t).Records(); err != nil || len(all) != 0 {
					t.Errorf("%v %v", all, err)
				}
			}
		})
	}
}

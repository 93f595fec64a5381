package gateway

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// configurer is a network file in force.
type configurer struct{ ConfigView }

func (c configurer) Config(context.Context) ConfigView { return c.ConfigView }

// The view token may look at the file, and nobody without a token may.
func TestConfig(t *testing.T) {
	t.Parallel()
	o := newOperator()
	same := true
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	v := ConfigView{Path: "network.yaml", Hash: "a1", Taken: at, Text: "network: n\n", Warnings: []string{},
		Pending: &ConfigPending{At: at, Hash: "b2", Diff: []ConfigDiff{{What: "sites.chicago.store", Kind: "changed", Was: "file:a", Is: "file:b"}}, NeedsRestart: []string{"sites.chicago.store"}},
		Sites:   []ConfigAtSite{{Site: "oslo", Hash: "a1", Same: &same, Heard: &at, Since: &at}, {Site: "rome"}}}
	h := NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o, Configurer: configurer{v}, Token: "all", ViewToken: "look"})
	for token, want := range map[string]int{"look": 200, "all": 200, "": 401} {
		req := httptest.NewRequest("GET", "http://127.0.0.1/api/v1/config", nil)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		body := w.Body.String()
		if w.Code != want {
			t.Errorf("%q: %d %s", token, w.Code, body)
		}
		if want != 200 {
			continue
		}
		for _, part := range []string{`"needs_restart":["sites.chicago.store"]`,
			`"sites":[{"site":"oslo","hash":"a1","same":true,"heard":"2026-03-01T00:00:00Z","since":"2026-03-01T00:00:00Z"},{"site":"rome","same":null}]`} {
			if !strings.Contains(body, part) {
				t.Errorf("%s is missing in %s", part, body)
			}
		}
		if strings.Contains(body, "refused") || strings.Contains(body, "last_change") {
			t.Errorf("%s", body)
		}
	}
}

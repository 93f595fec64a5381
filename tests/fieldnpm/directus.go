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

// directusTables are what the desk is made of, as calls that make it.
func directusTables() [][2]string {
	return [][2]string{
		{"/collections", `{"collection":"tickets","schema":{},"meta":{},"fields":[
			{"field":"id","type":"uuid","schema":{"is_primary_key":true,"length":36},"meta":{"special":["uuid"]}},
			{"field":"title","type":"string","schema":{"is_nullable":false,"max_length":80}},
			{"field":"details","type":"text"},
			{"field":"state","type":"string","schema":{"default_value":"fresh"}},
			{"field":"severity","type":"integer"},
			{"field":"due_by","type":"dateTime"},
			{"field":"ext_ref","type":"string","schema":{"is_unique":true}},
			{"field":"date_updated","type":"timestamp","meta":{"special":["date-created","date-updated"]}}]}`},
		{"/collections", `{"collection":"remarks","schema":{},"meta":{},"fields":[
			{"field":"id","type":"integer","schema":{"is_primary_key":true,"has_auto_increment":true}},
			{"field":"text","type":"text"},{"field":"ticket","type":"uuid"}]}`},
		{"/relations", `{"collection":"remarks","field":"ticket","related_collection":"tickets","schema":{"on_delete":"CASCADE"}}`},
	}
}

// NewDirectus starts a Directus with tickets and remarks about them. What is not there is forbidden (403) to read, and may be changed
// and deleted with 204.
func NewDirectus(t testing.TB) *API {
	t.Helper()
	cli, laid := installed(t, "directus/node_modules/directus/cli.js"), installed(t, "directus/desk.db")
	dir, port := t.TempDir(), harness.FreePort(t)
	db := filepath.Join(dir, "desk.db")
	b, err := os.ReadFile(laid)
	if err == nil {
		err = os.WriteFile(db, b, 0o600)
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "uploads"), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := &API{
		Name: "directus", Field: "title", address: harness.Loopback(port),
		Credentials: "credentials: {login: {username: gateway@example.org, password: secret}}\n",
		records: func(a *API) ([]harness.Record, error) {
			var page struct{ Data []harness.Record }
			err := a.ask("/items/tickets?limit=-1", &page)
			return page.Data, err
		},
	}
	run(t, program{name: "Directus", path: "node", args: []string{cli, "start"}, dir: dir, env: []string{
		"KEY=desk", "SECRET=of no use outside of tests", "DB_CLIENT=sqlite3", "DB_FILENAME=" + db, "HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port),
		"TELEMETRY=false", "CACHE_ENABLED=false", "RATE_LIMITER_ENABLED=false", "SERVE_APP=false", "LOG_LEVEL=warn", "ACCESS_TOKEN_TTL=1h",
		"STORAGE_LOCATIONS=local", "STORAGE_LOCAL_ROOT=" + filepath.Join(dir, "uploads")}}, func() error {
		_, err := a.call(http.MethodGet, "/server/ping", "")
		return err
	})
	if b, err = a.call(http.MethodPost, "/auth/login", `{"email":"gateway@example.org","password":"secret"}`); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Data struct {
			Token string `json:"access_token"`
		}
	}
	if err := json.Unmarshal(b, &got); err != nil || got.Data.Token == "" {
		t.Fatalf("no token in %s", b)
	}
	a.header = http.Header{"Authorization": {"Bearer " + got.Data.Token}}
	for _, made := range directusTables() {
		if _, err := a.call(http.MethodPost, made[0], made[1]); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

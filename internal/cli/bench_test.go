package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Both sides get the same calls in turn, and what cannot be measured is refused with what to do.
func TestBench(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var calls []string
	serve := func(name string, status int) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, name+" "+r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			if r.URL.Path == "/tickets" {
				fmt.Fprint(w, `[{"id":17,"title":"broken leg"}]`)
				return
			}
			fmt.Fprint(w, `{"id":17,"title":"broken leg"}`)
		}))
		t.Cleanup(s.Close)
		return s
	}
	api, gateway, broken := serve("api", 200), serve("gateway", 200), serve("broken", 500)
	path := filepath.Join(t.TempDir(), "network.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, `network: one
profiles: {desk: {preset: rest, collections: {tickets: {path: /tickets, list: {path: "{path}"}}}}}
sites:
  rome: {profile: desk, upstream: %q, listen: %q, credentials: {bearer: hush}, peer: {listen: "127.0.0.1:8101", url: "http://127.0.0.1:8101"}, admin: {listen: "127.0.0.1:8201"}}
`, api.URL, strings.TrimPrefix(gateway.URL, "http://")), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(more ...string) (int, string, string) {
		return runArgs(t, append([]string{"bench", "--config", path, "--site", "rome", "--duration", "200ms", "--rate", "0"}, more...)...)
	}
	code, out, errs := run("-o", "json")
	var v benched
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != Done || len(v.Sides) != 2 || v.Path != "/tickets/17" {
		t.Fatalf("%d %v\n%s%s", code, err, out, errs)
	}
	if v.Sides[0].Calls == 0 || v.Sides[0].Calls-v.Sides[1].Calls > 1 || v.Sides[1].Calls-v.Sides[0].Calls > 1 || v.Sides[0].Failed+v.Sides[1].Failed > 0 || v.Ratio <= 0 {
		t.Errorf("%+v", v)
	}
	mu.Lock()
	for _, call := range calls {
		if !strings.HasSuffix(call, " Bearer hush") || !strings.Contains(call, " GET ") {
			t.Error(call)
		}
	}
	mu.Unlock()
	if code, out, errs = run("--path", "/tickets/17"); code != Done || !strings.Contains(out, "through the gateway") || !strings.Contains(out, "GET /tickets/17: the gateway adds") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"a gateway that answers 500": {[]string{"--gateway", broken.URL}, Failed},
		"no gateway":                 {[]string{"--gateway", "http://127.0.0.1:1"}, Unreachable},
		"no address":                 {[]string{"--gateway", "rome"}, Misused},
		"no path":                    {[]string{"--path", "tickets"}, Misused},
		"no time":                    {[]string{"--duration", "0s"}, Misused},
	} {
		if code, out, errs := run(c.args...); code != c.code || errs == "" || strings.Contains(out+errs, "hush") {
			t.Errorf("%s: %d\n%s%s", name, code, out, errs)
		}
	}
}

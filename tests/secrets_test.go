package tests

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// No secret is in anything that a gateway answers, prints or keeps: neither its own nor those of its clients.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	secrets := []string{hostileKey, "c4n4ry-password", "c4n4ry-bearer", "c4n4ry-cookie", "c4n4ry-query", "YzRuNHJ5"}
	dir := t.TempDir()
	sites := harness.Fakes(t, "oslo", "rome")
	for i := range sites {
		sites[i].Store = "file:" + filepath.Join(dir, sites[i].Name)
		sites[i].Extra = "credentials: {basic: {username: gateway, password: c4n4ry-password}}\n"
	}
	n := harness.Start(t, harness.Network{Sites: sites, Routes: everywhere, Extra: peerKey})
	oslo, rome := n.At("oslo"), n.At("rome")
	header := http.Header{"Authorization": {"Bearer c4n4ry-bearer"}, "Cookie": {"session=c4n4ry-cookie"}, "Idempotency-Key": {"a-key"}}
	name := subject("with secrets")
	made := oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, ""), Header: header}).Want(201)
	rome.WantCopy(name, soon, nil)
	n.Settled(soon)
	found := func(where string, text []byte) {
		t.Helper()
		for _, s := range secrets {
			if bytes.Contains(text, []byte(s)) {
				t.Errorf("%q is in %s", s, where)
			}
		}
	}
	// Refusals of all kinds.
	for _, c := range []harness.Call{{Method: "POST", Path: "/tickets", Body: `{"subject":`}, {Method: "PATCH", Path: "/tickets/" + made.ID(), Body: `{"external_id":"x"}`},
		{Method: "POST", Path: "/tickets", Body: ticket("another body", "")}, {Method: "DELETE", Path: "/tickets/a%2fb"}, {Method: "GET", Path: "/tickets/rome:9?token=c4n4ry-query"},
		{Method: "PATCH", Path: "/tickets/999?token=c4n4ry-query", Body: `{"status":"x"}`}} {
		c.Header = header
		a := oslo.Do(c)
		if a.Status < 400 {
			t.Errorf("%s %s: %d", c.Method, c.Path, a.Status)
		}
		found(c.Method+" "+c.Path, a.Body)
	}
	for _, site := range []*harness.Gateway{oslo, rome} {
		for _, path := range []string{"/metrics", "/healthz", "/readyz", "/health/forwarding", "/api/v1/requests", "/api/v1/requests/" + made.Request(), "/api/v1/requests/" + made.Request() + "/journey",
			"/api/v1/deliveries", "/api/v1/transfers", "/api/v1/conflicts", "/api/v1/doubts", "/api/v1/routes", "/api/v1/network", "/api/v1/config"} {
			text, err := harness.GetRaw(site.Admin(path))
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			found(site.Name+path, text)
		}
	}
	kept := 0
	oslo.Kill()
	rome.Kill()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kept++
		text, err := os.ReadFile(path)
		found(strings.TrimPrefix(path, dir), text)
		return err
	})
	if err != nil || kept == 0 {
		t.Errorf("%d files of the stores (%v)", kept, err)
	}
}

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A gateway needs the secrets of its own site, and so does the check of what it needs.
func TestCheckOfOneSite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "network.yaml")
	text := `network: n
profiles: {p: {preset: rest, collections: {tickets: {path: /tickets}}}}
sites:
  oslo: {profile: p, upstream: "http://127.0.0.1:9001", listen: "127.0.0.1:8001", credentials: {bearer: "${OSLO_TOKEN}"}, admin: {listen: "127.0.0.1:8201"}, peer: {listen: "127.0.0.1:8101", url: "http://127.0.0.1:8101"}}
  rome: {profile: p, upstream: "http://127.0.0.1:9002", listen: "127.0.0.1:8002", credentials: {bearer: "${ROME_TOKEN}"}, admin: {listen: "127.0.0.1:8202"}, peer: {listen: "127.0.0.1:8102", url: "http://127.0.0.1:8102"}}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ROME_TOKEN", "of rome")
	if code, out, errs := runArgs(t, "check", path, "--site", "rome"); code != Done {
		t.Errorf("rome: %d %s%s", code, out, errs)
	}
	if code, _, errs := runArgs(t, "check", path, "--site", "oslo"); code != Misused || !strings.Contains(errs, "OSLO_TOKEN is not set") || strings.Contains(errs, "--site NAME") {
		t.Errorf("oslo: %d %s", code, errs)
	}
	const note = "Nothing else is wrong. With --site NAME"
	if code, _, errs := runArgs(t, "check", path); code != Misused || !strings.Contains(errs, "OSLO_TOKEN is not set") || !strings.Contains(errs, note) {
		t.Errorf("all: %d %s", code, errs)
	}
	if err := os.WriteFile(path, []byte(text+"rutes: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runArgs(t, "check", path); code != Misused || strings.Contains(errs, note) {
		t.Errorf("with another fault: %d %s", code, errs)
	}
}

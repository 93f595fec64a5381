package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/configs"
)

// What two files differ in is told, with the sites that must be restarted for it, and secrets are not shown.
func TestDiff(t *testing.T) {
	text, err := configs.Example("furniture")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old := file("old.yaml", string(text)+"security: {peer_key: \"${HUSH}\"}\n")
	same := file("same.yaml", "# only a comment\n"+string(text)+"security: {peer_key: \"${HUSH}\"}\n")
	changed := file("new.yaml", strings.Replace(strings.Replace(string(text), `"chair"`, `"stool"`, 1), "127.0.0.1:8001", "127.0.0.1:8009", 1)+
		"security: {peer_key: hush-hush-hush-hush-hush-hush-hush}\n")
	bad := file("bad.yaml", strings.Replace(string(text), "routes:", "rutes:", 1))

	code, out, errs := runArgs(t, "diff", old, same)
	if code != Done || !strings.Contains(out, "no difference") {
		t.Errorf("the same: %d %s%s", code, out, errs)
	}
	code, out, _ = runArgs(t, "diff", old, changed)
	for _, want := range []string{"~ routes.chairs-to-chicago.when: ", "~ security.peer_key: changed (secret)", "restart the gateway of san-francisco: sites.san-francisco.listen;"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if code != Failed || strings.Contains(out, "hush-") {
		t.Errorf("different: %d\n%s", code, out)
	}
	code, out, _ = runArgs(t, "diff", old, changed, "-o", "json")
	var d difference
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != Failed || len(d.Changes) != 3 || len(d.Restart) != 1 {
		t.Errorf("for programs: %d %v\n%s", code, err, out)
	}
	if code, _, errs = runArgs(t, "diff", old, bad); code != Misused || !strings.Contains(errs, "rutes") {
		t.Errorf("a bad one: %d %s", code, errs)
	}
}

// runArgs runs a command line.
func runArgs(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Run(t.Context(), args, nil, &o, &e)
	return code, o.String(), e.String()
}

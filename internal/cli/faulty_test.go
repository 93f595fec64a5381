package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/gateway"
)

// A gateway can be asked while the network file on disk has a fault: that is when somebody needs to.
func TestAskingWithAFaultyFile(t *testing.T) {
	t.Parallel()
	url := address(t, &engine{health: gateway.Forwarding{State: gateway.OK}})
	text, err := os.ReadFile(furniture)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "network.yaml")
	for change, want := range map[string]struct {
		code int
		says string
	}{
		"rutes:":                  {Done, "asked all the same"},
		"routes: [":               {Misused, "fault"}, // what is no YAML names no address
		"routes: []\nsites: {a: ": {Misused, "fault"},
	} {
		bad := strings.Replace(strings.Replace(string(text), "127.0.0.1:8202", strings.TrimPrefix(url, "http://"), 1), "routes:", change, 1)
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, errs := line(t, "status --config "+file+" --site chicago"); code != want.code || !strings.Contains(errs, want.says) {
			t.Errorf("%s: %d %q %q", change, code, out, errs)
		}
	}
}

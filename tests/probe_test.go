package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/contract"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// probed is what check --probe says to programs.
type probed struct {
	Findings []struct {
		Collection, What, Profile, API, State, Write string
	}
	Removed     int
	Left        []map[string]string
	Differences int
}

// String is the report for a log.
func (p probed) String() string {
	var b strings.Builder
	for _, f := range p.Findings {
		fmt.Fprintf(&b, "%-8s %s %s | %s | %s | %s\n", f.State, f.Collection, f.What, f.Profile, f.API, f.Write)
	}
	fmt.Fprintf(&b, "removed %d, left %v, differences %d\n", p.Removed, p.Left, p.Differences)
	return b.String()
}

// about is the state of the finding about something in a collection, and what it says to write.
func (p probed) about(collection, what string) (state, write string) {
	for _, f := range p.Findings {
		if f.Collection == collection && f.What == what {
			return f.State, f.Write
		}
	}
	return "none", ""
}

// alone is a network file of one site, rome, before a request API.
func alone(t *testing.T, api harness.Upstream, profile, extra string) string {
	t.Helper()
	in := func(text string, by int) string {
		return strings.TrimRight(strings.Repeat(" ", by)+strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+strings.Repeat(" ", by)), " ") + "\n"
	}
	text := "network: alone\nprofiles:\n  p:\n" + in(profile, 4) + "sites:\n  rome:\n    profile: p\n    upstream: http://" + api.Address() + `
    listen: 127.0.0.1:1
    peer: {listen: "127.0.0.1:2", url: "http://127.0.0.1:2"}
    admin: {listen: "127.0.0.1:3"}
` + in(extra, 4)
	path := filepath.Join(t.TempDir(), "network.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// probe runs check --probe on the one site of a network file.
func probe(t *testing.T, path string, args ...string) (probed, int) {
	t.Helper()
	out, code := harness.CLI(t, nil, append([]string{"check", path, "--probe", "rome", "-o", "json"}, args...)...)
	var p probed
	if i := strings.Index(out, "{"); i < 0 || json.Unmarshal([]byte(out[i:]), &p) != nil {
		t.Fatalf("check --probe ended with %d and said %s", code, out)
	}
	return p, code
}

// Each preset is as the contract of its product says: nothing differs, and nothing is left in the product.
func TestProbePresets(t *testing.T) {
	products(t, func(t *testing.T, kind string) {
		p := newProduct(t, kind, contract.Options{})
		profile := p.Profile()
		if kind == "servicenow" { // the stand-in has no table of users
			profile += "alive: {path: \"/api/now/table/incident?sysparm_limit=1\", at: /result}\n"
		}
		path := alone(t, p, profile, p.credentials(p.Credentials())+"rate: 1000/s\n")
		read, code := probe(t, path)
		if code != 0 || read.Differences != 0 {
			t.Errorf("reading: %d\n%s", code, read)
		}
		for _, c := range p.Calls() {
			if c.Method != "GET" && !strings.HasSuffix(c.Path, "/login") {
				t.Errorf("it was to read, and made the call %s %s", c.Method, c.Path)
			}
		}
		written, code := probe(t, path, "--write")
		if state, _ := written.about("tickets", "second delete"); kind == "freshdesk" && state == "differs" {
			written.Differences, code = written.Differences-1, 0 // what a second deletion is answered is not confirmed
		}
		if code != 0 || written.Differences != 0 || written.Removed == 0 || len(written.Left) != 0 {
			t.Errorf("writing: %d\n%s", code, written)
		}
		if left, err := p.Records(); err != nil || len(left) != 0 && kind != "github" {
			t.Errorf("there is still %v %v", left, err)
		}
	})
}

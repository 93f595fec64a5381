package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

const furniture = "../../configs/furniture/network.yaml"

// line runs a command line as a shell would split it.
func line(t *testing.T, words string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Run(t.Context(), strings.Fields(words), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// Each refusal says what is wrong and what would be right, on the side of errors.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line string
		code int
		says []string
	}{
		{"statsu", Misused, []string{`there is no command "meridian statsu"`, "did you mean status?"}},
		{"nonsense", Misused, []string{"there are", "status", "verify"}},
		{"requests lst", Misused, []string{"did you mean list?", "meridian requests --help"}},
		{"requests", Misused, []string{"meridian requests show REF: Show"}},
		{"status --confg x", Misused, []string{"has no flag --confg; did you mean --config?"}},
		{"status -x", Misused, []string{"has no flag -x"}},
		{"status --site", Misused, []string{"--site wants a value: the site whose gateway is asked"}},
		{"status now", Misused, []string{"takes no arguments", `"now"`, "Use: meridian status"}},
		{"status -o xml", Misused, []string{"want table, json or yaml"}},
		{"status --every 1ms", Misused, []string{"want 100ms or more"}},
		{"status", Misused, []string{"--config FILE --site NAME", "MERIDIAN_CONFIG", "--admin URL"}},
		{"status --config nowhere.yaml --site chicago", Misused, []string{"there is no network file nowhere.yaml in "}},
		{"status --config " + furniture, Misused, []string{"--site NAME", "MERIDIAN_SITE", "chicago, san-francisco, upholstery"}},
		{"status --config " + furniture + " --site chigaco", Misused, []string{`no site "chigaco"`, "did you mean chicago?", "upholstery"}},
		{"status --config " + furniture + " --admin 127.0.0.1:1", Misused, []string{"not both"}},
		{"status --admin http://", Misused, []string{"want HOST:PORT"}},
		{"status --admin 127.0.0.1:1", Unreachable, []string{"nothing listens at 127.0.0.1:1 (connection refused)", "its admin address"}},
		{"requests list --limit 0", Misused, []string{"want a number from 1 to 1000"}},
		{"requests list --limit many", Misused, []string{"want a number from 1 to 1000"}},
		{"requests show", Misused, []string{"REF is missing", "Use: meridian requests show REF"}},
		{"requests show a b", Misused, []string{`"b" is one argument too many`}},
		{"doubts adopt 17", Misused, []string{"LOCALID is missing"}},
		{"transfer 17 --to tokio --config " + furniture + " --site chicago", Misused, []string{`no site "tokio"`, "known are chicago"}},
		{"transfer 17 --to chicago --wait 5", Misused, []string{"want a time with its unit"}},
		{"deliveries list --to tokio --config " + furniture + " --site chicago", Misused, []string{`no site "tokio"`}},
		{"deliveries list --state stuck", Misused, []string{"want one of pending"}},
		{"deliveries retry 17 --request 17", Misused, []string{"say the request once"}},
		{"verify --sample few", Misused, []string{"want a whole number"}},
	} {
		code, out, errs := line(t, c.line)
		for _, want := range c.says {
			if code != c.code || out != "" || !strings.Contains(errs, want) {
				t.Errorf("%s: %d, %q is missing in %q %q", c.line, code, want, errs, out)
			}
		}
	}
}

// An address of something else is told from the admin address, by the network file where there is one.
func TestMixedAddresses(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>"))
	}))
	t.Cleanup(api.Close)
	host := strings.TrimPrefix(api.URL, "http://")
	if code, _, errs := line(t, "status --admin "+host); code != Unreachable || !strings.Contains(errs, "no admin API") || !strings.Contains(errs, "three addresses") {
		t.Errorf("%d %q", code, errs)
	}
	text, err := os.ReadFile(furniture)
	if err != nil {
		t.Fatal(err)
	}
	for was, says := range map[string]string{"admin: {listen: 127.0.0.1:8202}": "no admin API", "listen: 127.0.0.1:8002": "is where clients of chicago call"} {
		file := filepath.Join(t.TempDir(), "network.yaml")
		changed := strings.Replace(string(text), was, strings.Replace(was, was[strings.Index(was, "127"):strings.Index(was, "127")+14], host, 1), 1)
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := (&command{config: file, site: "chicago"}).client()
		if err != nil {
			t.Fatal(err)
		}
		k.base = api.URL
		if _, err := k.call(t.Context(), "GET", "/api/v1/status", nil); exitCode(err) != Unreachable || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

func TestTokensThatAreNotTaken(t *testing.T) {
	e := &engine{}
	s := httptest.NewServer(gateway.NewAdmin(gateway.AdminOptions{Network: "furniture", Site: "chicago", Operator: e, Watcher: e, Token: "right", ViewToken: "look"}))
	t.Cleanup(s.Close)
	e.look = always(request.Entry{Role: request.Copy, Owner: "tokyo", Version: at(1, 2, "tokyo")})
	for token, want := range map[string]string{"": "there is none: set MERIDIAN_ADMIN_TOKEN", "wrong": "does not take the token in MERIDIAN_ADMIN_TOKEN", "look": "not the one to look with"} {
		t.Setenv(envToken, token)
		if code, _, errs := line(t, "reclaim 17 --reason x --yes --admin "+s.URL); code != Failed || !strings.Contains(errs, want) {
			t.Errorf("%q: %d %q", token, code, errs)
		}
	}
	for says, h := range map[string]reach{"token of chicago in n.yaml": {site: "chicago", file: "n.yaml", fromFile: true}, "goes before the one in the network file": {site: "chicago", file: "n.yaml"}} {
		if got := h.refusedToken("h"); !strings.Contains(got, says) {
			t.Error(got)
		}
	}
}

func TestEnvironment(t *testing.T) {
	e := &engine{health: gateway.Forwarding{State: gateway.OK}}
	url := address(t, e)
	text, err := os.ReadFile(furniture)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "network.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "127.0.0.1:8202", strings.TrimPrefix(url, "http://"), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(envConfig, file)
	t.Setenv(envSite, "chicago")
	for words, want := range map[string]int{"status": Done, "status --site oslo": Misused, "status --config nowhere.yaml": Misused, "check": Done, "check nowhere.yaml": Misused,
		"check --config nowhere.yaml": Misused, "status --admin 127.0.0.1:1": Unreachable, "status --admin " + url: Done} {
		if code, out, errs := line(t, words); code != want {
			t.Errorf("%s: %d %q %q", words, code, out, errs)
		}
	}
	if _, out, _ := line(t, "__complete status --site c"); !strings.Contains(out, "chicago") {
		t.Error(out)
	}
	e.health.InDoubt = 1
	if _, out, _ := line(t, "status"); !strings.Contains(out, "\n    meridian doubts list\n") {
		t.Errorf("what the environment says is said again: %s", out)
	}
}

// Each command refuses a flag that there is not with 2, and ends with 3 where nobody answers.
func TestExitCodesOfEachCommand(t *testing.T) {
	t.Parallel()
	asks := map[string]string{"requests show": "17", "requests journey": "17", "requests find": "17", "requests settle": "17 --retry", "deliveries show": "17", "deliveries cancel": "17 --to tokyo",
		"transfer": "17 --to tokyo", "return": "17", "reclaim": "17 --reason x --yes", "conflicts show": "17", "conflicts dismiss": "17 x", "doubts show": "17",
		"doubts adopt": "17 9", "doubts retry": "17", "doubts abandon": "17"}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if cmd.HasSubCommands() || cmd.Name() == "help" || strings.HasPrefix(cmd.CommandPath(), "meridian completion") {
			return
		}
		name := strings.TrimPrefix(cmd.CommandPath(), "meridian ")
		if code, out, errs := line(t, name+" --no-such-flag"); code != Misused || out != "" || !strings.Contains(errs, "has no flag --no-such-flag") {
			t.Errorf("%s: %d %q %q", name, code, out, errs)
		}
		if cmd.Flags().Lookup("admin") == nil {
			return
		}
		words := fmt.Sprintf("%s %s --admin 127.0.0.1:1", name, asks[name])
		if code, out, errs := line(t, words); code != Unreachable || out != "" || !strings.Contains(errs, "nothing listens at 127.0.0.1:1") {
			t.Errorf("%s: %d %q %q", words, code, out, errs)
		}
	}
	walk((&command{}).root())
}

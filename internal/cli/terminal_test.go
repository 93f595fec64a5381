package cli

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// On a real terminal there are colours, tables keep to its width, and a status that is watched is shown in place; in a pipe, with NO_COLOR
// and with TERM=dumb there are no colours.
func TestOnATerminal(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("script is not installed")
	}
	e := &engine{health: gateway.Forwarding{State: gateway.Down, Destinations: []gateway.Destination{{Site: "tokyo", State: gateway.Down, Breaker: "open", Waiting: 3,
		OldestAge: 90, LastError: "dial tcp 10.0.0.7:8101: connect: connection refused"}}},
		owed: []request.Delivery{{Request: gid, Site: "tokyo", State: request.Parked, Owed: at(1, 2, "chicago"), Since: nine(),
			Cause: strings.Repeat("the request API of 東京 refused it, ", 12)}}}
	url, env := address(t, e), installed(t)
	codes := regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)
	type sight struct{ name, line, env, want, not string }
	for _, c := range []sight{
		{"terminal", "meridian status", "TERM=xterm", "\x1b[1;31mdown\x1b[0m", "\x1b[1mDRAINED"},
		{"no colour", "meridian status", "NO_COLOR=1", "tokyo", "\x1b["},
		{"dumb", "meridian status", "TERM=dumb", "tokyo", "\x1b["},
		{"wanted all the same", "meridian status --color always", "NO_COLOR=1", "\x1b[1;31mdown", "\x1b[1mDRAINED"},
		{"pipe", "meridian status | cat", "TERM=xterm", "DRAINED IN", "\x1b["},
		{"long causes", "meridian deliveries list", "TERM=xterm", "(what ends in … is cut; in whole: meridian deliveries show REQUEST", "refused it, the request API of 東京 refused it, the request API of 東京 refused it"},
		{"json", "meridian status -o json", "TERM=xterm", `{"network":"furniture"`, "\x1b["},
		{"watched", "timeout -s INT 2 meridian status --watch --every 200ms", "TERM=xterm", "\x1b[H", "meridian: "},
	} {
		line := c.line
		if before, pipe, ok := strings.Cut(line, " | "); ok {
			line = before + " --admin " + url + " | " + pipe
		} else {
			line += " --admin " + url
		}
		cmd := exec.CommandContext(t.Context(), script, "-qec", "stty cols 76; "+line, "/dev/null")
		cmd.Env = append(append([]string{}, env...), "TERM=xterm", c.env)
		cmd.Stdin, _ = os.Open(os.DevNull)
		out, err := cmd.Output()
		text := strings.ReplaceAll(string(out), "\r", "")
		if !strings.Contains(text, c.want) || strings.Contains(text, c.not) {
			t.Errorf("%s: want %q and not %q (%v)\n%s", c.name, c.want, c.not, err, text)
			continue
		}
		for l := range strings.Lines(text) {
			l = codes.ReplaceAllString(l, "")
			command := strings.Contains(l, "--admin") && !strings.Contains(l, "(") // commands are not broken: they are copied
			if n := cells(strings.TrimRight(l, "\n")); n > 76 && c.name != "pipe" && c.name != "json" && !command {
				t.Errorf("%s: %d columns: %q", c.name, n, l)
			}
		}
	}
}

package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// mostExposed is what systemd-analyze may say of the unit at most, of 10.
const mostExposed = 1.5

// file is the text of a file of the project.
func file(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// laid writes the unit of a site, with a program that is there, and perhaps a drop-in.
func laid(t *testing.T, dropIn string) string {
	t.Helper()
	dir := t.TempDir()
	unit := filepath.Join(dir, "meridian@chicago.service")
	text := strings.ReplaceAll(file(t, "deploy/systemd/meridian@.service"), "/usr/bin/meridian", "/bin/true")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if dropIn != "" {
		if err := os.Mkdir(unit+".d", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(unit+".d", "override.conf"), []byte(dropIn), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return unit
}

// verified lets systemd read a unit; what it says of units of others is not ours.
func verified(t *testing.T, unit string) {
	t.Helper()
	out := run(t, filepath.Dir(unit), "systemd-analyze", "verify", "--man=no", unit)
	for line := range strings.SplitSeq(out, "\n") {
		if strings.Contains(line, "meridian") {
			t.Error(line)
		}
	}
}

// The unit is understood by systemd, and shuts the gateway in.
func TestUnit(t *testing.T) {
	needs(t, "systemd-analyze")
	unit := laid(t, "")
	verified(t, unit)
	out := run(t, filepath.Dir(unit), "systemd-analyze", "security", "--offline=true", "--no-pager", unit)
	m := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatal(out)
	}
	if level, err := strconv.ParseFloat(m[1], 64); err != nil || level > mostExposed {
		t.Errorf("the exposure is %s, more than %g:\n%s", m[1], mostExposed, out)
	}
}

// The drop-ins that the documentation shows are understood as well.
func TestDropIns(t *testing.T) {
	needs(t, "systemd-analyze")
	_, after, found := strings.Cut(file(t, "docs/install.md"), "```ini\n")
	dropIn, _, ended := strings.Cut(after, "```")
	if !found || !ended || !strings.Contains(dropIn, "LoadCredential=") {
		t.Fatal("there is no drop-in in docs/install.md")
	}
	verified(t, laid(t, dropIn))
}

// What the unit starts is a command line that the program takes.
func TestUnitStartsWhatIsThere(t *testing.T) {
	t.Parallel()
	m := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/meridian (.*)$`).FindStringSubmatch(file(t, "deploy/systemd/meridian@.service"))
	if m == nil {
		t.Fatal("the unit starts nothing")
	}
	taken(t, strings.Fields(m[1]))
}

// taken holds a command line against the help of its command.
func taken(t *testing.T, words []string) {
	t.Helper()
	var names []string
	for _, w := range words {
		if strings.HasPrefix(w, "-") {
			break
		}
		names = append(names, w)
	}
	help, code := harness.CLI(t, nil, append(names, "--help")...)
	if code != 0 {
		t.Errorf("meridian %s: %s", strings.Join(words, " "), help)
	}
	for _, w := range words {
		if flag, is := strings.CutPrefix(w, "--"); is {
			flag, _, _ = strings.Cut(flag, "=")
			if !regexp.MustCompile("--" + regexp.QuoteMeta(flag) + `\b`).MatchString(help) {
				t.Errorf("meridian %s has no --%s", strings.Join(names, " "), flag)
			}
		}
	}
}

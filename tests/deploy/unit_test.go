package deploy

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
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

// A gateway that crashes, or that the watchdog ends with SIGABRT, is started again: only a network file that is not taken is waited for.
func TestUnitRestartsWhatCrashes(t *testing.T) {
	t.Parallel()
	unit := file(t, "deploy/systemd/meridian@.service")
	all := func(key string) (out []string) {
		for _, m := range regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(unit, -1) {
			out = append(out, strings.Fields(m[1])...)
		}
		return out
	}
	restarted := func(s *os.ProcessState) bool {
		status, ok := s.Sys().(syscall.WaitStatus)
		return ok && s.ExitCode() != 0 && (status.Signaled() || !slices.Contains(all("RestartPreventExitStatus"), strconv.Itoa(s.ExitCode())))
	}
	network := filepath.Join(t.TempDir(), "network.yaml")
	at := func() string { return "127.0.0.1:" + strconv.Itoa(harness.FreePort(t)) }
	write := func(key string) {
		t.Helper()
		text := "network: n\nprofiles: {p: {preset: rest, collections: {tickets: {path: /tickets}}}}\nsites: {chicago: {profile: p, upstream: \"http://127.0.0.1:9\", " + key + ": \"" + at() +
			"\", peer: {listen: \"" + at() + "\", url: \"http://127.0.0.1:8\"}, admin: {listen: \"" + at() + "\"}}}\n"
		if err := os.WriteFile(network, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start := func() (*exec.Cmd, *bufio.Scanner) {
		t.Helper()
		cmd := exec.Command(harness.Binary(t), "run", "--config", network, "--site", "chicago")
		cmd.Dir, cmd.Env = filepath.Dir(network), append(os.Environ(), all("Environment")...)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd, bufio.NewScanner(out)
	}
	write("listen")
	cmd, lines := start()
	began := false
	for !began && lines.Scan() {
		began = strings.Contains(lines.Text(), "admin")
	}
	if !began {
		t.Fatal("it does not start")
	}
	if err := cmd.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	if _ = cmd.Wait(); !restarted(cmd.ProcessState) {
		t.Errorf("after a crash: %v, which is not started again", cmd.ProcessState)
	}
	write("lissen")
	cmd, _ = start()
	if _ = cmd.Wait(); restarted(cmd.ProcessState) {
		t.Errorf("with a bad network file: %v, which is started again and again", cmd.ProcessState)
	}
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

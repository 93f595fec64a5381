package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// What the documentation tells to type on Windows are commands that are there.
func TestWindowsCommands(t *testing.T) {
	_, after, _ := strings.Cut(file(t, "docs/install.md"), "```bat\n")
	block, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("there is no block for Windows in docs/install.md")
	}
	seen := 0
	for line := range strings.Lines(block) {
		if args, is := strings.CutPrefix(strings.TrimSpace(line), "meridian "); is {
			seen++
			f := strings.Fields(args)
			if f[0] == "check" {
				f = f[:1]
			}
			taken(t, f)
		}
	}
	if seen < 3 {
		t.Errorf("%d commands", seen)
	}
}

// On other systems the service command says what to use instead.
func TestServiceElsewhere(t *testing.T) {
	out, code := harness.CLI(t, nil, "service", "install", "--config", filepath.Join(harness.Root(), "deploy/example/network.yaml"), "--site", "chicago")
	if code != 2 || !strings.Contains(out, "systemctl enable --now meridian@chicago") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// The program for Windows does under Wine what it does here, also as a service. For those who ask: make wine.
func TestWine(t *testing.T) {
	if os.Getenv("MERIDIAN_WINE") != "1" {
		t.Skip("MERIDIAN_WINE=1 runs the program for Windows under Wine")
	}
	w := newWine(t)
	if out, err := w.run("version"); err != nil || !strings.Contains(out, "windows/amd64") {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := w.run("check", "network.yaml"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := w.run("service", "run", "--config", "network.yaml", "--site", "chicago"); err == nil || !strings.Contains(out, "meridian run --config") {
		t.Errorf("a service that is run by hand: %v: %s", err, out)
	}
	// Wine 8 cannot remove files in the way that Go asks for, so the demo's last word may be about that, and nothing else.
	out, err := w.run("demo", "--tour")
	if !strings.Contains(out, "Everything was as it should be") || err != nil && !strings.HasSuffix(strings.TrimSpace(out), "Invalid function.") {
		t.Errorf("%v: %s", err, out)
	}
	w.service()
}

// wine is a Windows of its own with the program in it.
type wine struct {
	t   *testing.T
	dir string
	env []string
}

func newWine(t *testing.T) *wine {
	t.Helper()
	needs(t, "wine")
	needs(t, "x86_64-w64-mingw32-gcc")
	dir := t.TempDir()
	w := &wine{t: t, dir: dir, env: append(os.Environ(), "WINEPREFIX="+filepath.Join(dir, "prefix"), "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=")}
	w.must(harness.Root(), append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"),
		"go", "build", "-trimpath", "-o", filepath.Join(dir, "meridian.exe"), "./cmd/meridian")
	t.Cleanup(func() {
		kill := exec.Command("wineserver", "-k")
		kill.Env = w.env
		_ = kill.Run() // fails when nothing runs any more
	})
	w.must(dir, w.env, "wineboot", "--init")
	missing := filepath.Join(dir, "prefix/drive_c/windows/system32/bcryptprimitives.dll")
	if _, err := os.Stat(missing); err != nil {
		w.must(harness.Root(), w.env, "x86_64-w64-mingw32-gcc", "-shared", "-O1", "-o", missing, "tests/deploy/testdata/bcryptprimitives.c", "-ladvapi32")
	}
	if err := os.WriteFile(filepath.Join(dir, "network.yaml"), []byte(file(t, "deploy/example/network.yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *wine) must(dir string, env []string, name string, args ...string) {
	w.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func (w *wine) run(args ...string) (string, error) {
	cmd := exec.Command("wine", append([]string{filepath.Join(w.dir, "meridian.exe")}, args...)...)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// service installs the service of a site, starts it, asks it, stops it and takes it away.
func (w *wine) service() {
	w.t.Helper()
	of := func(verb string, more ...string) {
		w.t.Helper()
		if out, err := w.run(append([]string{"service", verb, "--site", "chicago"}, more...)...); err != nil {
			w.t.Fatalf("service %s: %v: %s", verb, err, out)
		}
	}
	of("install", "--config", "network.yaml")
	of("start")
	if out, _ := w.run("status", "--config", "network.yaml", "--site", "chicago"); !strings.Contains(out, "chicago of network example") {
		w.t.Errorf("the service does not answer: %s", out)
	}
	of("stop")
	if out, err := w.run("status", "--config", "network.yaml", "--site", "tokyo"); err == nil || !strings.Contains(out, "sc query meridian-tokyo") {
		w.t.Errorf("a site without a gateway answers: %v: %s", err, out) // chicago may be up again: each start of Wine starts its services
	}
	of("uninstall")
}

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

// The program for Windows does under Wine what it does here. For those who ask: make wine.
func TestWine(t *testing.T) {
	if os.Getenv("MERIDIAN_WINE") != "1" {
		t.Skip("MERIDIAN_WINE=1 runs the program for Windows under Wine")
	}
	needs(t, "wine")
	dir := t.TempDir()
	exe := filepath.Join(dir, "meridian.exe")
	build := exec.Command("go", "build", "-trimpath", "-o", exe, "./cmd/meridian")
	build.Dir = harness.Root()
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wine := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("wine", append([]string{exe}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "WINEPREFIX="+filepath.Join(dir, "prefix"), "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("meridian.exe %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	t.Cleanup(func() {
		kill := exec.Command("wineserver", "-k")
		kill.Env = append(os.Environ(), "WINEPREFIX="+filepath.Join(dir, "prefix"))
		_ = kill.Run()
	})
	if out := wine("version"); !strings.Contains(out, "windows/amd64") {
		t.Error(out)
	}
	if err := os.WriteFile(filepath.Join(dir, "network.yaml"), []byte(file(t, "deploy/example/network.yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	wine("check", "network.yaml")
	t.Log(wine("demo", "--tour"))
}

package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// There is a page for each command, with what all commands share; where man is installed it finds nothing to say against it.
func TestManual(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "man1")
	var out, errs bytes.Buffer
	if code := Run(t.Context(), []string{"man", dir}, nil, &out, &errs); code != Done || !strings.Contains(out.String(), "pages in "+dir) {
		t.Fatalf("%d %q %q", code, out.String(), errs.String())
	}
	lint, missing := exec.LookPath("man")
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if cmd.Name() == "help" {
			return
		}
		path := filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
		page, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			return
		}
		for _, want := range []string{".SH EXIT STATUS", ".SH ENVIRONMENT", "MERIDIAN_ADMIN_TOKEN", ".SH FILES", "The gateway cannot be reached"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s: no %s", path, want)
			}
		}
		if missing != nil || cmd.HasSubCommands() {
			return
		}
		c := exec.CommandContext(t.Context(), lint, "--warnings", path)
		c.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8")
		var said bytes.Buffer
		c.Stderr = &said
		if text, err := c.Output(); err != nil || said.Len() > 0 || !strings.Contains(string(text), cmd.Name()) {
			t.Errorf("man %s: %v %s", path, err, said.String())
		}
	}
	walk((&command{}).root())
	if code := Run(t.Context(), []string{"man", "/dev/null/x"}, nil, &out, &errs); code != Failed {
		t.Errorf("into what is no folder: %d", code)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if code := Run(t.Context(), []string{"version"}, nil, &out, &errs); code != Done || !strings.Contains(out.String(), "meridian  "+unreleased) {
		t.Errorf("%d %q %q", code, out.String(), errs.String())
	}
	out.Reset()
	if code := Run(t.Context(), []string{"version", "-o", "json"}, nil, &out, &errs); code != Done || !strings.Contains(out.String(), `"platform":"`) {
		t.Errorf("%d %q", code, out.String())
	}
}

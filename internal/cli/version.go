package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// The build sets these with -ldflags '-X github.com/meridian-gateway/meridian/internal/cli.version=1.2.3 -X ….commit=… -X ….built=…'.
// What is left out comes from what the Go tool wrote into the program.
var version, commit, built string

// unreleased is the version of a program that no release was made of.
const unreleased = "0.1.0-dev"

// build is what is known of how this program was made.
type build struct {
	Version string `json:"version"`
	// Commit is the revision of the sources; Changed says that there were changes that are in no commit.
	Commit  string `json:"commit,omitempty"`
	Changed bool   `json:"changed,omitempty"`
	// Built is when, in RFC 3339; of a build without that knowledge, when the commit was made.
	Built    string `json:"built,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// builtAs is how this program was made.
func builtAs() build {
	b := build{Version: cmp.Or(version, unreleased), Commit: commit, Built: built, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = cmp.Or(b.Commit, s.Value)
		case "vcs.time":
			b.Built = cmp.Or(b.Built, s.Value)
		case "vcs.modified":
			b.Changed = commit == "" && s.Value == "true"
		}
	}
	return b
}

func (c *command) version() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version, and how this program was built", Args: exactly(0),
		Long:    "Print the version, the commit of the sources, when it was built, and for which platform with which Go. Name these when you report a fault.",
		Example: "  meridian version\n  meridian version -o json",
		RunE: func(*cobra.Command, []string) error {
			b := builtAs()
			if c.output == "json" {
				return c.json(b)
			}
			if b.Commit != "" && b.Changed {
				b.Commit += ", with changes that are in no commit"
			}
			t := newTable(c.out)
			t.row("meridian", b.Version)
			t.row("commit", cmp.Or(b.Commit, "not known"))
			t.row("built", cmp.Or(b.Built, "not known"))
			t.row("go", b.Go)
			t.row("platform", b.Platform)
			if err := t.flush(); err != nil {
				return fmt.Errorf("the version cannot be printed: %w", err)
			}
			return nil
		}}
}

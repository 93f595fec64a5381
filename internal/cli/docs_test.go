package cli

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// docs/cli.md names every command and every flag of its own.
func TestDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	shared := []string{"help", "config", "site", "admin", "output", "color", "limit", "after"} // said once for all
	flag := regexp.MustCompile(`(?m)^ +(?:-., )?--([a-z-]+)`)
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if cmd.HasAvailableSubCommands() || !cmd.IsAvailableCommand() || cmd.Name() == "help" {
			return
		}
		if !strings.Contains(doc, "`"+cmd.CommandPath()) {
			t.Errorf("%s is not described", cmd.CommandPath())
		}
		for _, m := range flag.FindAllStringSubmatch(cmd.LocalFlags().FlagUsages(), -1) {
			if !slices.Contains(shared, m[1]) && !regexp.MustCompile("--"+m[1]+"[^a-z-]").MatchString(doc) {
				t.Errorf("--%s of %s is not described", m[1], cmd.CommandPath())
			}
		}
	}
	walk((&command{}).root())
}

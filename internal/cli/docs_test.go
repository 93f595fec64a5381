package cli

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// docs/cli.md names every command, and each flag of its own in the section of the command.
func TestDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	shared := []string{"help", "config", "site", "admin", "admin-ca", "output", "color", "limit", "after"} // said once for all
	flag := regexp.MustCompile(`(?m)^ +(?:-., )?--([a-z-]+)`)
	eachCommand((&command{}).root(), func(cmd *cobra.Command) {
		if !strings.Contains(doc, "`"+cmd.CommandPath()) {
			t.Errorf("%s is not described", cmd.CommandPath())
		}
		for _, m := range flag.FindAllStringSubmatch(cmd.LocalFlags().FlagUsages(), -1) {
			if !slices.Contains(shared, m[1]) && !regexp.MustCompile("--"+m[1]+"[^a-z-]").MatchString(doc) {
				t.Errorf("--%s of %s is not described", m[1], cmd.CommandPath())
			}
		}
	})
}

// What docs/cli.md shows of commands and flags is there: nothing that was taken away, or is called otherwise.
func TestDocsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)`(meridian [^`\n|]+)`|^\\$? ?(meridian .+)$").FindAllStringSubmatch(string(text), -1) {
		words := strings.Fields(strings.NewReplacer("[", "", "]", "", "(", "", ")", "", "|", "").Replace(m[1] + m[2]))
		cmd, _, err := (&command{}).root().Find(words[1:])
		if words[1] == "completion" { // which is made when the program runs
			continue
		}
		if err != nil || !cmd.HasParent() && words[1] != "COMMAND" {
			t.Errorf("there is no %s", strings.Join(words, " "))
			continue
		}
		for _, w := range words {
			if name, ok := strings.CutPrefix(w, "--"); ok && words[1] != "COMMAND" && cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
				t.Errorf("%s has no flag --%s", cmd.CommandPath(), name)
			}
		}
	}
}

// eachCommand calls f for each command that does something.
func eachCommand(cmd *cobra.Command, f func(cmd *cobra.Command)) {
	for _, sub := range cmd.Commands() {
		eachCommand(sub, f)
	}
	if !cmd.HasAvailableSubCommands() && cmd.IsAvailableCommand() && cmd.Name() != "help" {
		f(cmd)
	}
}

// Each command has an example, and each example is a command line that parses and whose arguments are as many as it takes.
func TestExamples(t *testing.T) {
	t.Parallel()
	words := regexp.MustCompile(`'[^']*'|[^ ']+`)
	eachCommand((&command{}).root(), func(cmd *cobra.Command) {
		if cmd.Parent().Name() == "completion" { // cobra's own
			return
		}
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			var args []string
			for _, w := range words.FindAllString(strings.TrimSpace(line), -1) {
				args = append(args, strings.Trim(w, "'"))
			}
			if len(args) == 0 {
				continue
			}
			root := (&command{}).root()
			of, rest, err := root.Find(args[1:])
			if err != nil || args[0] != "meridian" || of.CommandPath() != cmd.CommandPath() {
				t.Errorf("%q is not of %s: %v", line, cmd.CommandPath(), err)
				continue
			}
			if err := of.ParseFlags(rest); err != nil {
				t.Errorf("%q: %v", line, err)
				continue
			}
			if err := of.ValidateArgs(of.Flags().Args()); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	})
}

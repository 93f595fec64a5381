package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/meridian-gateway/meridian/configs"
)

// flagRefused says what is wrong with a flag, and what would be right.
func flagRefused(cmd *cobra.Command, err error) error {
	see := "\nSee all: " + cmd.CommandPath() + " --help"
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name, dashes := e.GetSpecifiedName(), "--"
		if e.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		hint := ""
		if near := configs.Nearest(name, known); dashes == "--" && strings.HasPrefix(near, "did you mean") {
			hint = "; " + strings.Replace(strings.ReplaceAll(near, `"`, ""), "mean ", "mean --", 1)
		}
		return misuse("%s has no flag %s%s%s%s", cmd.CommandPath(), dashes, name, hint, see)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		f := e.GetFlag()
		return misuse("--%s wants a value: %s%s", f.Name, f.Usage, see)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		f := e.GetFlag()
		want := map[string]string{"int": "a whole number, as in 20", "duration": "a time with its unit, as in 30s, 5m or 2h", "bool": "true or false, or nothing behind it", "number": "a number from 1 to 1000"}[f.Value.Type()]
		if want == "" {
			want = f.Usage
		}
		return misuse("--%s %s: want %s%s", f.Name, e.GetValue(), want, see)
	}
	return misuse("%w%s", err, see)
}

// instead is what somebody may have meant who typed a command that there is not.
func instead(cmd *cobra.Command, word string) string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if cmd.SuggestionsMinimumDistance = 2; len(cmd.SuggestionsFor(word)) > 0 {
		return "did you mean " + strings.Join(cmd.SuggestionsFor(word), " or ") + "?"
	}
	return "there are " + strings.Join(names, ", ")
}

// which is what a group says when no command of it is named.
func which(cmd *cobra.Command) error {
	var lines []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			lines = append(lines, fmt.Sprintf("  %s: %s", sub.UseLine(), sub.Short))
		}
	}
	return misuse("say what to do:\n%s", strings.ReplaceAll(strings.Join(lines, "\n"), " [flags]", ""))
}

// exactly and atMost say how many arguments a command takes, with the exit code of wrong use.
func exactly(n int) cobra.PositionalArgs { return counted(n, n) }
func atMost(n int) cobra.PositionalArgs  { return counted(0, n) }

func counted(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		use := "\nUse: " + strings.TrimSuffix(cmd.UseLine(), " [flags]")
		switch n := len(args); {
		case n < least:
			return misuse("%s is missing%s", missing(cmd, n), use)
		case n > most && most == 0:
			return misuse("%s takes no arguments, and %q is one%s", cmd.CommandPath(), args[0], use)
		case n > most:
			return misuse("%q is one argument too many%s", args[most], use)
		}
		for _, a := range args {
			if a == "" {
				return misuse("an argument is empty; is a variable of the shell not set?%s", use)
			}
		}
		return nil
	}
}

// missing is the name of the n-th argument in the use line of a command.
func missing(cmd *cobra.Command, n int) string {
	for _, word := range strings.Fields(cmd.Use)[1:] {
		if strings.ToUpper(word) != word || strings.HasPrefix(word, "-") {
			break
		}
		if n--; n < 0 {
			return strings.Trim(word, "[]")
		}
	}
	return "an argument"
}

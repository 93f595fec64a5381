package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// man writes the manual pages: one for each command, which says what its help says, and what all commands share.
func (c *command) man() *cobra.Command {
	return &cobra.Command{Use: "man DIR", Short: "Write the manual pages, one for each command, into a folder", Args: exactly(1),
		Long: "Write the manual pages into a folder, which is made where it is missing: meridian(1) and one page for each command. They say\n" +
			"what --help says, and the exit codes, the variables of the environment and the files.",
		Example: "  meridian man /usr/local/share/man/man1",
		RunE: func(cmd *cobra.Command, args []string) error {
			err := os.MkdirAll(args[0], 0o755) // #nosec G301 -- everyone on the machine may read its manual
			if err != nil {
				return coded{Failed, fmt.Errorf("the folder for the pages cannot be made: %w", err)}
			}
			n := 0
			if err := writeManual(cmd.Root(), args[0], builtOn(), &n); err != nil {
				return coded{Failed, fmt.Errorf("the manual cannot be written: %w", err)}
			}
			if c.output == "json" {
				return c.json(map[string]any{"folder": args[0], "pages": n})
			}
			_, err = fmt.Fprintf(c.out, "%s in %s. Read one: man %s\n", plural(n, "page"), printable(args[0], false),
				printable(quoted(filepath.Join(args[0], "meridian.1")), false))
			return err
		}}
}

// builtOn is the date of the pages: the same for the same build, so that packages can be built again to the byte. Where the build does
// not know it, it is nil, and the generator takes SOURCE_DATE_EPOCH or today.
func builtOn() *time.Time {
	at, err := time.Parse(time.RFC3339, builtAs().Built)
	if err != nil {
		return nil
	}
	at = at.UTC()
	return &at
}

// writeManual writes the page of a command and those of the commands below it, and counts them.
func writeManual(cmd *cobra.Command, dir string, at *time.Time, n *int) error {
	if !cmd.IsAvailableCommand() && cmd.HasParent() || cmd.Name() == "help" {
		return nil
	}
	for _, sub := range cmd.Commands() {
		if err := writeManual(sub, dir, at, n); err != nil {
			return err
		}
	}
	page, err := manPage(cmd, at)
	if err != nil {
		return err
	}
	*n++
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
	return os.WriteFile(filepath.Join(dir, name), page, 0o644) // #nosec G306 -- everyone on the machine may read its manual
}

// manPage is the page of one command. The sections that all commands share go before the one that names other pages.
func manPage(cmd *cobra.Command, at *time.Time) ([]byte, error) {
	cmd.DisableAutoGenTag = true
	long := cmd.Long
	defer func() { cmd.Long = long }()
	cmd.Long = forManual(long)
	var b bytes.Buffer
	head := &doc.GenManHeader{Section: "1", Date: at, Source: "meridian " + builtAs().Version, Manual: "Meridian"}
	if err := doc.GenMan(cmd, head, &b); err != nil {
		return nil, err
	}
	before, after, found := strings.Cut(b.String(), ".SH SEE ALSO")
	page := before + sharedSections()
	if found {
		page += ".SH SEE ALSO" + after
	}
	return []byte(page), nil
}

// forManual keeps the lines of lists apart, which the generator would otherwise run together, and what stands between angle brackets.
func forManual(text string) string {
	lines := strings.Split(strings.NewReplacer("<", `\<`, "*", `\*`, "_", `\_`).Replace(text), "\n")
	for i, l := range lines {
		if name, _, ok := strings.Cut(l, ":"); ok && i > 0 && !strings.Contains(strings.TrimSpace(name), " ") && len(name) < 20 {
			lines[i-1] += "  "
		}
	}
	return strings.Join(lines, "\n")
}

// sharedSections are the exit codes, the variables and the files, in the language of man pages.
func sharedSections() string {
	var b strings.Builder
	section := func(title string, rows [][2]string) {
		fmt.Fprintf(&b, ".SH %s\n", title)
		for _, r := range rows {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fP\n%s\n", roff(r[0]), roff(r[1]))
		}
	}
	section("EXIT STATUS", exitCodes())
	section("ENVIRONMENT", variables())
	section("FILES", files())
	return b.String()
}

// exitCodes are what commands end with.
func exitCodes() [][2]string {
	return [][2]string{
		{"0", "Done."},
		{"1", "It failed, or something was found; a refusal by the gateway; the time of --wait was over."},
		{"2", "Wrong use, or a bad network file."},
		{"3", "The gateway cannot be reached, or what answers is no admin API."},
	}
}

// variables are those of the environment that commands look at.
func variables() [][2]string {
	return [][2]string{
		{"MERIDIAN_CONFIG", "The network file, where --config does not say it."},
		{"MERIDIAN_SITE", "The site, where --site does not say it."},
		{"MERIDIAN_ADMIN_TOKEN", "The token of the admin API. It goes before the one in the network file."},
		{"NO_COLOR", "Set to anything, it takes the colours away, as TERM=dumb does. --color goes before it."},
	}
}

// files are those that an operator meets.
func files() [][2]string {
	return [][2]string{
		{"/etc/meridian/network.yaml", "The network file of an installed gateway. Commands read it where it is named: --config, or MERIDIAN_CONFIG."},
	}
}

// roff protects a text from being taken for the language of man pages.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

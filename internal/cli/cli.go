// Package cli is the command line of meridian: it parses, calls, prints and says with its exit code what came of it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	Done        = 0
	Failed      = 1 // it failed, or something was found
	Misused     = 2 // wrong use, or a bad network file
	Unreachable = 3 // the gateway cannot be reached
)

// coded is an error with the exit code that it ends in.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string { return c.err.Error() }
func (c coded) Unwrap() error { return c.err }

func misuse(format string, args ...any) error { return coded{Misused, fmt.Errorf(format, args...)} }

// errSaid ends a command that has said itself what is wrong.
var errSaid = errors.New("said already")

// command is what all commands share.
type command struct {
	in       io.Reader
	out, err io.Writer
	// output is asTable or asJSON; with yaml what is JSON is written as YAML.
	output string
	yaml   bool
	// several has each value be a document of its own: there will be more than one.
	several bool
	mode    string // --color
	config  string
	site    string
	admin   string
	adminCA string
	// saidConfig and saidSite tell that these come from the command line and not from the environment.
	saidConfig, saidSite bool
}

// Run runs one command line and returns its exit code. It ends early, and in an orderly way, when ctx does.
func Run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	c := &command{in: in, out: out, err: errs}
	root := c.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return Done
	}
	if !errors.Is(err, errSaid) {
		fmt.Fprintln(errs, "meridian:", printable(err.Error(), true))
	}
	if e, ok := errors.AsType[coded](err); ok {
		return e.code
	}
	return Failed
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "meridian",
		Short: "A synchronizing gateway before the request APIs of several sites",
		Long: "meridian stands before the request API of each site, brings requests to the site that owns them and keeps\n" +
			"copies at other sites in step.\n\n" +
			"MERIDIAN_CONFIG and MERIDIAN_SITE stand for --config and --site where these are left out.\n\n" +
			"Exit codes: 0 done, 1 it failed or something was found, 2 wrong use or a bad network file,\n" +
			"3 the gateway cannot be reached.",
		Example: "  meridian demo\n  meridian check network.yaml\n  meridian run --config network.yaml --site chicago\n" +
			"  meridian status --config network.yaml --site chicago",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVarP(&c.output, "output", "o", asTable, "table for people; json or yaml, the same value, for programs")
	choose(root, "output", asTable, asJSON, asYAML)
	c.colourFlag(root)
	root.AddCommand(c.run(), c.check(), c.explain(), c.rehearse(), c.status(), c.requests(), c.deliveries(), c.transfer(), c.giveBack(),
		c.reclaim(), c.transfers(), c.conflicts(), c.doubts(), c.routes(), c.schedule(), c.rejoin(), c.seed(), c.verify(), c.profile(), c.diff(), c.bench(),
		c.demo(), c.man(), c.version(), c.healthcheck(), c.service())
	c.completions(root)
	root.SetFlagErrorFunc(flagRefused)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return c.prepare(cmd) }
	return group(root, func(cmd *cobra.Command) error { return cmd.Help() })
}

// prepare takes what all commands share, before one of them runs.
func (c *command) prepare(cmd *cobra.Command) error {
	switch c.output {
	case asTable, asJSON:
	case asYAML:
		c.output, c.yaml = asJSON, true
	default:
		return misuse("-o %s: want table, json or yaml", c.output)
	}
	if !slices.Contains([]string{colourAuto, colourAlways, colourNever}, c.mode) {
		return misuse("--color %s: want auto, always or never", c.mode)
	}
	c.out = screenOf(c.out, c.mode)
	c.fromEnvironment(cmd)
	return nil
}

// The variables that stand for flags which are left out.
const (
	envConfig  = "MERIDIAN_CONFIG"
	envSite    = "MERIDIAN_SITE"
	envToken   = "MERIDIAN_ADMIN_TOKEN"
	envAdminCA = "MERIDIAN_ADMIN_CA"
)

// fromEnvironment takes the network file and the site from the environment, for commands that want them and were not told otherwise.
func (c *command) fromEnvironment(cmd *cobra.Command) {
	f := cmd.Flags()
	c.saidConfig, c.saidSite = f.Changed("config"), f.Changed("site")
	if f.Changed("admin") || f.Changed("upstream") {
		return
	}
	if f.Lookup("config") != nil && !f.Changed("config") {
		c.config = os.Getenv(envConfig)
	}
	// check is for any file, and with --all a site is one too many.
	if f.Lookup("site") != nil && !f.Changed("site") && !f.Changed("all") && cmd.Name() != "check" {
		c.site = os.Getenv(envSite)
	}
}

// group makes a command that only has commands below it refuse words that are none of them; bare says what it does without any.
func group(cmd *cobra.Command, bare func(*cobra.Command) error) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return bare(cmd)
		}
		return misuse("there is no command %q; %s\nSee all: %s --help", cmd.CommandPath()+" "+args[0], instead(cmd, args[0]), cmd.CommandPath())
	}
	return cmd
}

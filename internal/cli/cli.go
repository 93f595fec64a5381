// Package cli is the command line of meridian: it parses, calls, prints and says with its exit code what came of it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
)

// The exit codes.
const (
	Done        = 0
	Failed      = 1 // it failed, or something was found
	Misused     = 2 // wrong use, or a bad network file
	Unreachable = 3 // the gateway does not answer
)

// Version is that of the software; the build sets it.
var Version = "0.1.0-dev"

// coded is an error with the exit code that it ends in.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string { return c.err.Error() }
func (c coded) Unwrap() error { return c.err }

func misuse(format string, args ...any) error { return coded{Misused, fmt.Errorf(format, args...)} }

// command is what all commands share.
type command struct {
	in       io.Reader
	out, err io.Writer
	output   string // table | json
	config   string
	site     string
	admin    string
}

// Run runs one command line and returns its exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	c := &command{in: in, out: out, err: errs}
	root := &cobra.Command{
		Use:           "meridian",
		Short:         "A synchronizing gateway before the request APIs of several sites",
		Long:          "meridian forwards requests to the site that owns them and keeps copies at other sites in step.\n\nExit codes: 0 done, 1 it failed or something was found, 2 wrong use or a bad network file,\n3 the gateway cannot be reached.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVarP(&c.output, "output", "o", "table", "table, or json for programs")
	root.AddCommand(c.run(), c.check(), c.explain(), c.status(), c.requests(), c.deliveries(), c.demo(), c.version())
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return coded{Misused, fmt.Errorf("%w\nSee: %s --help", err, cmd.CommandPath())}
	})
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if c.output != "table" && c.output != "json" {
			return misuse("-o %s: want table or json", c.output)
		}
		return nil
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		return Done
	}
	if err.Error() != "" {
		fmt.Fprintln(errs, "meridian:", err)
	}
	if e, ok := errors.AsType[coded](err); ok {
		return e.code
	}
	return Misused
}

// exactly and atMost are cobra's own rules, with the exit code of wrong use.
func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(cmd, args); err != nil {
			return misuse("%v\nUse: %s", err, cmd.UseLine())
		}
		return nil
	}
}

func (c *command) version() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: exactly(0), RunE: func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(c.out, "meridian", Version)
		return err
	}}
}

// load reads a network file and prints all its faults where they are.
func (c *command) load(path string) (*configs.Network, error) {
	if path == "" {
		return nil, misuse("--config FILE is required")
	}
	n, err := configs.Load(path)
	if faults, ok := errors.AsType[configs.Faults](err); ok {
		source, _ := os.ReadFile(path)
		fmt.Fprint(c.err, faults.Render(source))
		s := "s"
		if len(faults) == 1 {
			s = ""
		}
		return nil, misuse("%s: %d fault%s", path, len(faults), s)
	}
	if err != nil {
		return nil, coded{Misused, err}
	}
	return n, nil
}

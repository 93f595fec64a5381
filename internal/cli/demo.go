package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/term"

	"github.com/meridian-gateway/meridian/internal/demo"
)

func (c *command) demo() *cobra.Command {
	var tour bool
	var dir string
	cmd := &cobra.Command{Use: "demo", Short: "Run the furniture company: three sites with their request APIs, in this process", Args: exactly(0)}
	cmd.Flags().BoolVar(&tour, "tour", false, "walk through by itself, check everything, and end with 0 or 1")
	cmd.Flags().StringVar(&dir, "data", "", "keep the stores in this folder")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		d, err := demo.Start(ctx, demo.Options{Dir: dir, Version: Version, Log: zap.NewNop()})
		if err != nil {
			return coded{Failed, err}
		}
		defer func() {
			sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer cancel()
			_ = d.Stop(sctx)
		}()
		if !tour {
			d.Greet(c.out)
			<-ctx.Done()
			return nil
		}
		if !demo.Tour(ctx, d, c.out, c.colour()) {
			return coded{Failed, errSaid}
		}
		return nil
	}
	return cmd
}

// errSaid ends a command that has said itself what is wrong.
var errSaid = quiet{}

type quiet struct{}

func (quiet) Error() string { return "" }

// colour reports whether the output is a terminal that wants colours.
func (c *command) colour() bool {
	f, ok := c.out.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd()))
}

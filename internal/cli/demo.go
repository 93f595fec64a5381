package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/internal/demo"
)

func (c *command) demo() *cobra.Command {
	var tour bool
	var dir, network string
	cmd := &cobra.Command{Use: "demo", Short: "Run an example network: three sites with their request APIs, in this process", Args: exactly(0),
		Long: "Run an example network, by default the furniture company: San Francisco, Chicago and its upholstery, each with a small\n" +
			"request API and a gateway, in this process. It needs no other program and leaves nothing behind, unless --data says\n" +
			"where. Ctrl-C ends it. With --tour, schedules run on a simulated clock.",
		Example: "  meridian demo\n  meridian demo --network follow-the-sun\n  meridian demo --tour"}
	cmd.Flags().StringVar(&network, "network", "furniture", strings.Join(configs.Examples(), ", "))
	choose(cmd, "network", configs.Examples()...)
	cmd.Flags().BoolVar(&tour, "tour", false, "walk through by itself, check everything that is shown, and end with 0 or 1")
	cmd.Flags().StringVar(&dir, "data", "", "keep stores and records in this folder, for the next time")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if tour && dir != "" {
			return misuse("--tour begins with nothing, so it takes no --data")
		}
		if !slices.Contains(configs.Examples(), network) {
			return misuse("--network %s: want %s", network, strings.Join(configs.Examples(), ", "))
		}
		ctx := cmd.Context()
		o := demo.Options{Network: network, Dir: dir, Version: builtAs().Version}
		if tour {
			o.Begin = demo.TourBegins(network)
		}
		d, err := demo.Start(ctx, o)
		if err != nil {
			return coded{Failed, err}
		}
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer cancel()
			err = errors.Join(err, d.Stop(ctx))
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

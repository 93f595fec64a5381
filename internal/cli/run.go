package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/internal/app"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
)

// stopTimeout bounds the drain; a second signal ends at once.
const stopTimeout = 25 * time.Second

func (c *command) run() *cobra.Command {
	var all bool
	var level, format string
	var at app.Addresses
	cmd := &cobra.Command{Use: "run --config FILE (--site NAME | --all)", Short: "Run a site's gateway, or all of them in one process", Args: exactly(0)}
	f := cmd.Flags()
	f.StringVar(&c.config, "config", "", "the network file")
	f.StringVar(&c.site, "site", "", "which site of it this gateway stands at")
	f.BoolVar(&all, "all", false, "run the gateways of all sites in this process")
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&format, "log-format", "json", "json or console")
	f.StringVar(&at.Client, "listen", "", "client address of this replica instead of the file's")
	f.StringVar(&at.Peer, "peer-listen", "", "peer address of this replica instead of the file's")
	f.StringVar(&at.Admin, "admin-listen", "", "admin address of this replica instead of the file's")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		n, err := c.load(c.config)
		if err != nil {
			return err
		}
		sites, err := chosen(n, c.site, all)
		if err != nil {
			return err
		}
		log, err := logger(level, format)
		if err != nil {
			return err
		}
		c.warn(n)
		return c.serve(cmd.Context(), n, sites, log, at)
	}
	return cmd
}

func chosen(n *configs.Network, site string, all bool) ([]request.Site, error) {
	var names []request.Site
	for s := range n.Sites {
		names = append(names, s)
	}
	slices.Sort(names)
	switch {
	case all == (site != ""):
		return nil, misuse("run needs --site NAME or --all; the file has %v", names)
	case all:
		return names, nil
	case !slices.Contains(names, request.Site(site)):
		return nil, misuse("there is no site %q in the network file; it has %v", site, names)
	}
	return []request.Site{request.Site(site)}, nil
}

func logger(level, format string) (*zap.Logger, error) {
	cfg := zap.NewProductionConfig()
	cfg.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, misuse("--log-level %s: want debug, info, warn or error", level)
	}
	cfg.Level = zap.NewAtomicLevelAt(l)
	switch format {
	case "json":
	case "console":
		cfg.Encoding = "console"
	default:
		return nil, misuse("--log-format %s: want json or console", format)
	}
	return cfg.Build()
}

func (c *command) warn(n *configs.Network) {
	for _, w := range n.Warnings {
		fmt.Fprintln(c.err, "warning:", w)
	}
}

// serve runs the gateways until a signal ends them.
func (c *command) serve(ctx context.Context, n *configs.Network, sites []request.Site, log *zap.Logger, at app.Addresses) error {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer cancel()
	var apps []*app.App
	stop := func() error {
		sctx, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer done()
		var errs []error
		for _, a := range slices.Backward(apps) {
			errs = append(errs, a.Stop(sctx))
		}
		return errors.Join(errs...)
	}
	for _, s := range sites {
		a, err := app.Start(ctx, app.Options{Network: n, Site: s, ConfigPath: n.Path, Logger: log, Overrides: at, Version: Version})
		if err != nil {
			_ = stop()
			return coded{Failed, fmt.Errorf("site %s cannot start: %w", s, err)}
		}
		apps = append(apps, a)
		got := a.Addresses()
		fmt.Fprintf(c.out, "%s ready: clients http://%s  peers http://%s  admin http://%s\n", s, got.Client, got.Peer, got.Admin)
	}
	notifyReady()
	wctx, unwatch := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { defer close(watched); watch(wctx, n.Path, apps) }()
	<-ctx.Done()
	cancel() // a second signal is the default: it ends the process
	unwatch()
	<-watched
	fmt.Fprintln(c.out, "stopping: letting calls finish")
	if err := stop(); err != nil {
		return coded{Failed, err}
	}
	return nil
}

// watch takes a changed network file, on SIGHUP and when the file changes.
func watch(ctx context.Context, path string, apps []*app.App) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	take := func(n *configs.Network, err error) {
		for _, a := range apps {
			if err != nil {
				a.Refused(err)
			} else {
				_ = a.Reload(n) // which tells health, metrics and the log itself
			}
		}
	}
	changed := configs.Watch(ctx, path)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			take(configs.Load(path))
		case <-changed:
			take(configs.Load(path))
		}
	}
}

// notifyReady tells a service manager that asked for it (sd_notify).
func notifyReady() {
	addr := os.Getenv("NOTIFY_SOCKET")
	if addr == "" {
		return
	}
	if conn, err := net.Dial("unixgram", addr); err == nil {
		_, _ = conn.Write([]byte("READY=1"))
		_ = conn.Close()
	}
}

func (c *command) check() *cobra.Command {
	cmd := &cobra.Command{Use: "check [FILE]", Short: "Check a network file: every fault with its line and column", Args: cobra.MaximumNArgs(1)}
	cmd.Flags().StringVar(&c.config, "config", "", "the network file")
	cmd.Flags().StringVar(&c.site, "site", "", "a site that must be in it")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 1 {
			c.config = args[0]
		}
		n, err := c.load(c.config)
		if err != nil {
			return err
		}
		if c.site != "" {
			if _, err := chosen(n, c.site, false); err != nil {
				return err
			}
		}
		c.warn(n)
		if c.output == "json" {
			return json.NewEncoder(c.out).Encode(map[string]any{"network": n.Name, "hash": n.Hash, "sites": len(n.Sites),
				"routes": len(n.Routes), "unindexed": len(n.Table.Unindexed()), "warnings": len(n.Warnings)})
		}
		_, err = fmt.Fprintf(c.out, "%s: network %s, %d sites, %d routes (%d of them without an equality, looked at on every write), hash %s\n",
			n.Path, n.Name, len(n.Sites), len(n.Routes), len(n.Table.Unindexed()), n.Hash)
		return err
	}
	return cmd
}

func (c *command) explain() *cobra.Command {
	var file, old, on, collection string
	cmd := &cobra.Command{Use: "explain --config FILE --site NAME --file RECORD.json", Args: exactly(0),
		Short: "Tell which routes would fire for a record, and why the others do not"}
	f := cmd.Flags()
	f.StringVar(&c.config, "config", "", "the network file")
	f.StringVar(&c.site, "site", "", "the site where the routes are evaluated")
	f.StringVar(&file, "file", "", "the record as this site's API has it; - for standard input")
	f.StringVar(&old, "old", "", "the record before the write")
	f.StringVar(&on, "on", "create", "create, update, delete or arrive")
	f.StringVar(&collection, "collection", "", "the collection, when the profile has several")
	cmd.RunE = func(*cobra.Command, []string) error {
		n, err := c.load(c.config)
		if err != nil {
			return err
		}
		if _, err := chosen(n, c.site, false); err != nil {
			return err
		}
		in := routing.Input{Event: routing.Event(on), Site: request.Site(c.site), Owner: request.Site(c.site), Origin: request.Site(c.site), Now: time.Now()}
		if in.Collection, err = only(n.Sites[in.Site], collection); err != nil {
			return err
		}
		if in.New, err = c.record(n.Sites[in.Site], in.Collection, file); err != nil {
			return err
		}
		if old != "" {
			if in.Old, err = c.record(n.Sites[in.Site], in.Collection, old); err != nil {
				return err
			}
		}
		return c.reasons(n.Table.Explain(in))
	}
	return cmd
}

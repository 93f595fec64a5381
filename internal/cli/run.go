package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/internal/app"
	"github.com/meridian-gateway/meridian/request"
)

// stopTimeout bounds how long calls under way may take when the gateway stops; a second signal ends at once.
const stopTimeout = 25 * time.Second

// drainTime is how long clients are told to go before connections are closed, when nothing else is said: longer than a call is on its way.
const drainTime = time.Second

// mostDrain is the longest drain: who waits for more has forgotten a unit.
const mostDrain = 10 * time.Minute

// gcPercent lets the heap of a gateway grow to five times what lives before it is collected. What lives is a few MiB, so this is
// a little memory for a good part of the processor time of a busy gateway. GOGC in the environment overrides it.
const gcPercent = 400

func (c *command) run() *cobra.Command {
	var all, moved bool
	var level, format string
	var at app.Addresses
	var drain time.Duration
	cmd := &cobra.Command{Use: "run --config FILE (--site NAME | --all)", Short: "Run a site's gateway, or all of them in one process", Args: exactly(0),
		Long: "Run the gateway of a site, or those of all sites in one process, until SIGTERM or SIGINT. On SIGTERM /readyz is\n" +
			"503 at once and answers tell clients that their connections end, for --drain or until no client is connected; then, and on\n" +
			"SIGINT at once, calls under way are finished. A second signal ends the process. SIGHUP, and a change of the file, take the network file again; a bad one changes nothing.",
		Example: "  meridian run --config network.yaml --site chicago\n  meridian run --config network.yaml --all --log-format console"}
	c.configFlag(cmd, "the network file")
	c.siteFlag(cmd, "the site at which this gateway stands")
	f := cmd.Flags()
	f.BoolVar(&all, "all", false, "run the gateways of all sites in this process")
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&format, "log-format", "json", "json or console")
	f.StringVar(&at.Client, "listen", "", "address for clients, in place of the file's: for replicas of a site's gateway")
	f.StringVar(&at.Peer, "peer-listen", "", "address for other gateways, in place of the file's")
	f.StringVar(&at.Admin, "admin-listen", "", "address of the admin API, in place of the file's")
	f.BoolVar(&moved, "upstream-moved", false, "the site's request API is the same one as before at another address: take it over")
	f.DurationVar(&drain, "drain", drainTime, "on SIGTERM, how long clients are told to go elsewhere before the gateway closes")
	choose(cmd, "log-level", "debug", "info", "warn", "error")
	choose(cmd, "log-format", "json", "console")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log, err := logger(c.err, level, format)
		if err != nil {
			return err
		}
		if all && at != (app.Addresses{}) {
			return misuse("--listen, --peer-listen and --admin-listen are for one gateway: say --site in place of --all")
		}
		if drain < 0 || drain > mostDrain {
			return misuse("--drain %s: want 0s to %s", drain, mostDrain)
		}
		n, err := c.load(c.config, forSite(c.site)...)
		if err != nil {
			return err
		}
		if c.site == "" && !all {
			return misuse("say which gateway to run: --site NAME (the network file has %s), or --all", join(siteList(n)))
		}
		sites, err := chosen(n, c.site, all)
		if err != nil {
			return err
		}
		c.warn(n)
		if os.Getenv("GOGC") == "" {
			debug.SetGCPercent(gcPercent)
		}
		return c.serve(cmd.Context(), serving{network: n, sites: sites, log: log, at: at, moved: moved, drain: drain})
	}
	return cmd
}

func logger(w io.Writer, level, format string) (*zap.Logger, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil || l < zapcore.DebugLevel || l > zapcore.ErrorLevel {
		return nil, misuse("--log-level %s: want debug, info, warn or error", level)
	}
	cfg := zap.NewProductionEncoderConfig()
	cfg.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	var enc zapcore.Encoder
	switch format {
	case "json":
		enc = zapcore.NewJSONEncoder(cfg)
	case "console":
		enc = zapcore.NewConsoleEncoder(cfg)
	default:
		return nil, misuse("--log-format %s: want json or console", format)
	}
	// Of the same message no more than a hundred a second, then every hundredth: a log must not be what stops a gateway.
	core := zapcore.NewSamplerWithOptions(zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(w)), l), time.Second, 100, 100)
	return zap.New(core), nil
}

func (c *command) warn(n *configs.Network) {
	for _, w := range n.Warnings {
		fmt.Fprintln(c.err, "warning:", printable(w.String(), false))
	}
}

// serving is what run serves.
type serving struct {
	network *configs.Network
	sites   []request.Site
	log     *zap.Logger
	at      app.Addresses
	moved   bool
	// drain is how long clients are told to go before the gateways stop.
	drain time.Duration
	apps  []*app.App
	// started is called when all gateways serve; nil is nothing.
	started func()
}

// serve runs the gateways until ctx ends.
func (c *command) serve(ctx context.Context, s serving) error {
	for _, site := range s.sites {
		a, err := app.Start(ctx, app.Options{Network: s.network, Site: site, ConfigPath: s.network.Path, Logger: s.log, Overrides: s.at, UpstreamMoved: s.moved,
			Version: builtAs().Version})
		if err != nil {
			_ = s.stop(ctx)
			return coded{Failed, fmt.Errorf("the gateway of %s cannot start: %w%s", site, err, remedy(err))}
		}
		s.apps = append(s.apps, a)
		c.ready(s.network.Sites[site], a.Addresses())
	}
	stopped := s.supervised(ctx)
	if s.started != nil {
		s.started()
	}
	s.watch(ctx)
	<-stopped
	s.lead(ctx)
	notify("STOPPING=1\nSTATUS=stopping: calls under way are finished")
	fmt.Fprintln(c.out, "stopping: calls under way are finished; a second signal ends at once")
	if err := s.stop(ctx); err != nil {
		return coded{Failed, err}
	}
	return nil
}

// ready says where a gateway serves whom.
func (c *command) ready(site configs.Site, at app.Addresses) {
	scheme := func(t configs.TLS) string {
		if t == (configs.TLS{}) {
			return "http"
		}
		return "https"
	}
	fmt.Fprintf(c.out, "%s: clients at %s://%s (in place of %s)\n", site.Name, scheme(site.TLS), at.Client, site.Upstream.Redacted())
	fmt.Fprintf(c.out, "%s: peers   at %s://%s\n", site.Name, site.Peer.URL.Scheme, at.Peer)
	fmt.Fprintf(c.out, "%s: admin   at %s://%s\n", site.Name, scheme(site.Admin.TLS), at.Admin)
}

// remedy says what to do about what often keeps a gateway from starting.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "\nIs another gateway running there? A replica takes its own addresses: --listen, --peer-listen, --admin-listen."
	case errors.Is(err, os.ErrPermission):
		return "\nMay this user write to the folder of the store, and use this port?"
	case request.KindOf(err) == request.StoreDown:
		return "\nIf it is in use, a gateway of this site is running already, or the one before has not ended yet: ask it with meridian status.\n" +
			"Several gateways of one site share a store in Redis, not a folder. If the store is Redis, see that it answers."
	}
	return ""
}

// stop ends the gateways, the last one first. What ended ctx does not end the drain.
func (s *serving) stop(ctx context.Context) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer done()
	var errs []error
	for _, a := range slices.Backward(s.apps) {
		errs = append(errs, a.Stop(ctx))
	}
	_ = s.log.Sync() // a terminal cannot be synced, and there is nobody left to tell
	return errors.Join(errs...)
}

// lead lets clients go elsewhere, unless the gateways are stopped at a terminal (the cause of ctx names the signal): who sits there waits
// for the end.
func (s *serving) lead(ctx context.Context) {
	if s.drain == 0 || context.Cause(ctx).Error() == os.Interrupt.String()+" signal received" {
		return
	}
	notify("STATUS=stopping: clients are told to go elsewhere")
	ctx = context.WithoutCancel(ctx)
	var all sync.WaitGroup
	for _, a := range s.apps {
		all.Go(func() { a.Drain(ctx, s.drain) })
	}
	all.Wait()
}

// watch takes a changed network file, on SIGHUP and when the file changes, until ctx ends.
func (s *serving) watch(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	changed := configs.Watch(ctx, s.network.Path)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		case <-changed:
		}
		reloading()
		n, err := configs.Load(s.network.Path, s.sites...)
		for _, a := range s.apps {
			if err != nil {
				a.Refused(err)
			} else {
				_ = a.Reload(n) // which tells health, metrics and the log itself
			}
		}
		notify("READY=1\nSTATUS=" + s.standing(ctx))
	}
}

// Package app wires a site's gateway together and starts and stops it in order. It is the only package that knows all others,
// and it is importable so that tests and the demo can run many gateways in one process.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/debts"
	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/replicate"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/spool"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/tracing"
	"github.com/meridian-gateway/meridian/web"
)

type action = routing.Action

// Addresses are where a gateway listens.
type Addresses struct{ Client, Peer, Admin string }

// Options say which site's gateway to start. Network and Site are required.
type Options struct {
	Network *configs.Network
	Site    request.Site
	// ConfigPath is the network file, watched for changes; "" for none.
	ConfigPath string
	Logger     *zap.Logger
	// Listen makes listeners, DialPeer connections to other gateways, OpenStore the store; nil is the real thing.
	Listen    func(network, addr string) (net.Listener, error)
	DialPeer  func(ctx context.Context, network, addr string) (net.Conn, error)
	OpenStore func(ctx context.Context, url string, id store.Identity, now func() time.Time) (store.Store, error)
	// Overrides are addresses of a replica that differ from the network file's.
	Overrides Addresses
	// UpstreamMoved takes over a store that was made in front of the same request API at another address.
	UpstreamMoved bool
	// Clock is the engine's; nil is the real one.
	Clock replicate.Clock
	// Version is that of the software, for peers and people.
	Version string
}

// App is one running gateway.
type App struct {
	site     request.Site
	options  Options
	log      *zap.Logger
	network  atomic.Pointer[configs.Network]
	file     file
	stopping atomic.Bool
	// drains are those of the listeners, in the order of starting: the clients' is the last one.
	drains []*gateway.Drain
	// ended is a listener that serves no longer although nobody stopped it.
	ended atomic.Pointer[string]
	// reloading is held while a network file is taken.
	reloading sync.Mutex

	store     store.Store
	files     *spool.Spool
	certs     certificates
	peers     *peer.Client
	engine    *replicate.Engine
	debts     *debts.Spool
	metrics   *gateway.Metrics
	tracer    *tracing.Tracer
	lags      lags
	feed      gateway.Feed
	reach     reach
	clients   clientFace
	timers    timers
	hits      hits
	forecasts forecasts
	addresses Addresses

	mu    sync.Mutex
	stops []stop
}

// stop is one step of stopping, by name.
type stop struct {
	name string
	do   func(context.Context) error
}

// Start starts a gateway. When it returns all its listeners serve; an error means that nothing is left running.
func Start(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{site: o.Site, options: o, log: o.Logger}
	if a.log == nil {
		a.log = zap.NewNop()
	}
	a.log = a.log.With(zap.String("site", string(o.Site)))
	if a.options.Listen == nil {
		a.options.Listen = net.Listen
	}
	site, ok := o.Network.Sites[o.Site]
	if !ok {
		return nil, fmt.Errorf("site %q is not in the network file; it has %s", o.Site, names(o.Network))
	}
	a.network.Store(o.Network)
	a.file.took(a.now(), nil)
	a.metrics = gateway.NewMetrics(o.Network.Name, o.Site)
	a.metrics.Built(o.Version)
	a.metrics.Configured(o.Network.Hash)
	a.lags = lags{Metrics: a.metrics, hits: &a.hits, feed: &a.feed, self: a.site}
	a.hits.since = time.Now()
	defer func() {
		if err != nil {
			_ = a.Stop(context.WithoutCancel(ctx))
		}
	}()
	// The order: what others stand on comes first; clients come last, when everything they need is there.
	for _, step := range []struct {
		name  string
		start func(context.Context, configs.Site) error
	}{
		{"tracing", a.startTracing},
		{"store", a.startStore},
		{"engine", a.startEngine},
		{"peer listener", a.startPeers},
		{"background work", a.startWork},
		{"admin listener", a.startAdmin},
		{"client listener", a.startClients},
	} {
		if err := step.start(ctx, site); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return a, nil
}

func names(n *configs.Network) string {
	var out []string
	for s := range n.Sites {
		out = append(out, string(s))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func (a *App) onStop(name string, do func(context.Context) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stops = append(a.stops, stop{name, do})
}

// Drain comes before Stop where others can take over: the gateway is not ready any more, goes on serving, and tells whoever calls that the
// connection ends. It returns when no client is connected, after most, or when ctx ends.
func (a *App) Drain(ctx context.Context, most time.Duration) {
	a.stopping.Store(true)
	for _, d := range a.drains {
		d.Begin()
	}
	if len(a.drains) > 0 {
		a.drains[len(a.drains)-1].Wait(ctx, most)
	}
}

// Stop stops in the reverse order of starting: clients are drained before the work that serves them stops, and the store closes
// last. It is bounded by ctx, and safe to call twice.
func (a *App) Stop(ctx context.Context) error {
	a.stopping.Store(true)
	a.mu.Lock()
	stops := a.stops
	a.stops = nil
	a.mu.Unlock()
	var errs []error
	for _, s := range slices.Backward(stops) {
		if err := s.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

// Addresses are where the gateway listens, with the ports that were chosen.
func (a *App) Addresses() Addresses { return a.addresses }

func (a *App) startStore(ctx context.Context, site configs.Site) error {
	s, err := a.openStore(ctx, site, store.Identity{Network: a.network.Load().Name, Site: a.site,
		Upstream: site.Upstream.String(), Moved: a.options.UpstreamMoved}, a.now)
	if err != nil {
		return err
	}
	a.store = metered{s, a.metrics}
	a.onStop("store", func(context.Context) error { return s.Close() })
	for _, w := range s.Warnings() {
		a.log.Warn("the store is not as safe as it should be", zap.String("warning", w))
	}
	a.metrics.StoreWarnings(len(s.Warnings()))
	return nil
}

func (a *App) startEngine(ctx context.Context, site configs.Site) error {
	n := a.network.Load()
	a.reach.tracer, a.reach.metrics, a.reach.fell = a.tracer, a.metrics, make(chan struct{}, 1)
	a.reach.set(site)
	a.onStop("upstream", func(context.Context) error { a.reach.close(); return nil })
	var err error
	if err = a.openCerts(n, site); err != nil {
		return err
	}
	a.peers, err = peer.NewClient(peer.ClientOptions{Self: a.site, Network: n.Name, ConfigHash: a.configHash, Peers: peersOf(n, a.site),
		TLS: a.certs.calls, MutualTLS: a.certs.calls != nil,
		Keys: a.keys, DialContext: a.options.DialPeer, Tracer: a.tracer, OnCall: a.metrics.Peer,
		OnUp: func(s request.Site) { a.engine.Up(s) }})
	if err != nil {
		return err
	}
	a.onStop("peers", func(context.Context) error { a.peers.Close(); return nil })
	if a.files, err = a.openFiles(n, site); err != nil {
		return err
	}
	if err := a.openDebts(site); err != nil {
		return err
	}
	set := settingsOf(n, a.site)
	a.engine = replicate.New(replicate.Options{Self: a.site, Sites: set.Sites, Profile: set.Profile, Ledger: a.store, Queue: a.store,
		Files: a.files, Streams: &a.reach,
		Notes: a.store, Lives: a.store, Debts: a.debts, Passes: a.passes(site), Upstream: &a.reach, Peers: a.peers, Routes: set.Routes, Clock: a.options.Clock, Meter: &a.lags, Log: a.log, Tracer: a.tracer,
		Replica: a.replica(site), Boot: string(request.NewID(time.Now())), Writes: set.Writes, OnDelete: set.OnDelete, Drift: set.Drift,
		Shared: strings.HasPrefix(site.Store, "redis"), Pools: set.Pools, Timing: func(s request.Site, t request.Terms, first bool, now time.Time) (time.Time, bool) {
			return a.network.Load().Timing(s, t, first, now)
		}})
	a.engine.Set(set)
	a.engine.Join(ctx)
	a.onStop("fellow gateways", a.engine.Leave)
	return nil
}

// replica names this process among the gateways of its site: the same again after a restart, since nobody else can listen there.
func (a *App) replica(site configs.Site) string {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	return strings.ReplaceAll(host+"|"+pick(a.options.Overrides.Client, site.Listen), "/", "_")
}

func (a *App) configHash() string { return a.network.Load().Hash }

func (a *App) startPeers(_ context.Context, site configs.Site) error {
	n := a.network.Load()
	face := replicate.Face{Engine: a.engine, Greet: func() peer.Greeting {
		return peer.Greeting{Software: a.options.Version, Upstream: a.reach.up()}
	}}
	h := peer.NewServer(face, peer.ServerOptions{Self: a.site, Network: n.Name, MutualTLS: a.certs.peers != nil, Keys: a.keys, ConfigHash: a.configHash, Tracer: a.tracer,
		Sites: func(s request.Site) bool { _, ok := a.network.Load().Sites[s]; return ok }})
	addr, err := a.serve("peer listener", pick(a.options.Overrides.Peer, site.Peer.Listen), h, a.certs.peers)
	a.addresses.Peer = addr
	return err
}

func (a *App) startWork(ctx context.Context, _ configs.Site) error {
	a.engine.Start(ctx)
	a.onStop("engine", a.engine.Stop)
	pctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var probes sync.WaitGroup
	probes.Go(func() { a.peers.Probe(pctx) })
	probes.Go(func() {
		a.reach.watch(pctx, func() (request.Call, bool) { return a.network.Load().Sites[a.site].Profile.Probe() })
	})
	a.onStop("probes", func(context.Context) error { cancel(); probes.Wait(); return nil })
	a.startTimers()
	a.onStop("schedules", func(context.Context) error { a.stopTimers(); return nil })
	a.startObserving()
	return nil
}

func (a *App) startClients(_ context.Context, site configs.Site) error {
	a.clients.transport = gateway.Transport()
	a.clients.set(a.clientFace(a.network.Load()))
	addr, err := a.serve("client listener", pick(a.options.Overrides.Client, site.Listen), &a.clients, a.certs.clients)
	a.addresses.Client = addr
	return err
}

func (a *App) startAdmin(_ context.Context, site configs.Site) error {
	h := gateway.NewAdmin(gateway.AdminOptions{Network: a.network.Load().Name, Site: a.site, Operator: operator{a.engine}, Watcher: a, Planner: a, Seeder: a.engine,
		Verifier: a.engine, Watches: a.engine, Rebuilder: a.engine, Routes: a, Configurer: a, Guide: guide{a}, Feed: &a.feed,
		Metrics: a.metrics, Version: a.options.Version, Tokens: a.tokens, Log: a.log,
		Dashboard: web.Handler()})
	addr, err := a.serve("admin listener", pick(a.options.Overrides.Admin, site.Admin.Listen), h, a.certs.admin)
	a.addresses.Admin = addr
	a.onStop("event streams", func(context.Context) error { a.feed.Close(); return nil }) // a server that stops waits for them
	return err
}

// serve listens and serves until the app stops; then it lets calls finish for a while, and cuts what is left.
func (a *App) serve(name, addr string, h http.Handler, secure *tls.Config) (string, error) {
	l, err := a.options.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	n := a.network.Load()
	drain := new(gateway.Drain)
	a.drains = append(a.drains, drain)
	srv := gateway.Server(gateway.ServerOptions{Handler: drain.Handler(h), HeaderTimeout: n.Limits.HeaderTimeout, MaxHeader: int(n.Limits.Header), Log: a.log})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := gateway.Serve(srv, l, gateway.ListenOptions{TLS: secure, HandshakeTimeout: n.Limits.HeaderTimeout, Connections: n.Limits.Connections, Drain: drain}); !errors.Is(err, http.ErrServerClosed) {
			a.ended.Store(&name)
			a.log.Error("a listener ended", zap.String("listener", name), zap.Error(err))
		}
	}()
	a.onStop(name, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close() // long downloads and open sockets end here
		}
		<-done
		return nil
	})
	return l.Addr().String(), nil
}

func pick(override, address string) string {
	if override != "" {
		return override
	}
	return address
}

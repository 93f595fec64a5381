// Package demo runs the example networks in one process: three sites, each with a small request API and a gateway, embedded stores,
// nothing else needed. The first is the furniture company of the documentation.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/internal/app"
	"github.com/meridian-gateway/meridian/request"
)

// The sites of the examples.
const (
	sanFrancisco request.Site = "san-francisco"
	chicago      request.Site = "chicago"
	upholstery   request.Site = "upholstery"
	tokyo        request.Site = "tokyo"
	paris        request.Site = "paris"
	archive      request.Site = "archive"
)

// place is one site: the id that its API gives first, and the last digit of its ports.
type place struct {
	site        request.Site
	first, port int
}

// places are the sites of a network, in the order of its file.
func places(n *configs.Network) []place {
	first := []int{1, 17, 40}
	out := make([]place, len(n.Order))
	for i, s := range n.Order {
		out[i] = place{s, first[i%len(first)], i + 1}
	}
	return out
}

// Options say what to run and where to put things.
type Options struct {
	// Network is the name of one of configs.Examples; "" is furniture.
	Network string
	// Begin is the time on everybody's clock when they start; zero is now. It then goes on as time does.
	Begin time.Time
	// Dir is the folder of stores and records; "" for one that is removed at the end.
	Dir     string
	Version string
	// Log is the gateways' log; nil for none.
	Log *zap.Logger
}

// Demo is a network, running.
type Demo struct {
	network string
	places  []place
	net     *configs.Network
	clock   *Clock
	runs    *runs
	apis    map[request.Site]*API
	servers []*http.Server
	serving sync.WaitGroup
	apiAddr map[request.Site]string
	apps    map[request.Site]*app.App
	links   *links
	held    map[string]net.Listener // listeners for the gateways, by address, until they take them
	dir     string
	own     bool
}

// Start starts the request APIs and gateways of a network, on the ports of the documentation where they are free. An error means
// that nothing is left running.
func Start(ctx context.Context, o Options) (d *Demo, err error) {
	d = &Demo{network: cmp.Or(o.Network, "furniture"), apis: map[request.Site]*API{}, apiAddr: map[request.Site]string{}, apps: map[request.Site]*app.App{},
		links: newLinks(), held: map[string]net.Listener{}, dir: o.Dir, clock: newClock(o.Begin), runs: newRuns()}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Stop(context.WithoutCancel(ctx)))
			d = nil
		}
	}()
	if err := d.folder(); err != nil {
		return d, err
	}
	n, err := d.prepare(o.Dir != "")
	if err != nil {
		return d, err
	}
	for _, p := range d.places {
		d.links.name(n.Sites[p.site].Peer.Listen, p.site)
	}
	for _, p := range d.places {
		log := zap.New(ears{zap.DebugLevel, d.runs, p.site})
		if o.Log != nil {
			log = zap.New(zapcore.NewTee(o.Log.Core(), log.Core()))
		}
		a, err := app.Start(ctx, app.Options{Network: n, Site: p.site, Logger: log, Version: o.Version, Listen: d.take, Clock: d.clock,
			UpstreamMoved: true, // its port may be another one each time
			DialPeer:      d.links.dialer(p.site)})
		if err != nil {
			return d, fmt.Errorf("the gateway of %s: %w", p.site, err)
		}
		d.apps[p.site] = a
	}
	return d, nil
}

// prepare starts the request APIs, takes the ports of the gateways, and reads the example's network file with these addresses.
func (d *Demo) prepare(keep bool) (*configs.Network, error) {
	text, err := configs.Example(d.network)
	if err != nil {
		return nil, fmt.Errorf("there is no example %q: the examples are %s", d.network, strings.Join(configs.Examples(), ", "))
	}
	noEnv := func(string) (string, bool) { return "", false }
	n, err := configs.Parse("the example's network file", text, noEnv)
	if err != nil {
		return nil, err
	}
	d.places = places(n)
	var moved []string
	for _, p := range d.places {
		addresses, err := d.open(p, keep)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.site, err)
		}
		moved = append(moved, addresses...)
	}
	n, err = configs.Parse("the example's network file", []byte(strings.NewReplacer(moved...).Replace(string(text))), noEnv)
	if err != nil {
		return nil, err
	}
	for _, p := range d.places {
		s := n.Sites[p.site]
		s.Store = "file:" + filepath.Join(d.dir, string(p.site))
		n.Sites[p.site] = s
	}
	d.net = n
	return n, nil
}

func (d *Demo) folder() (err error) {
	if d.dir != "" {
		return os.MkdirAll(d.dir, 0o700)
	}
	d.dir, err = os.MkdirTemp("", "meridian-demo-")
	d.own = err == nil
	return err
}

// open starts a site's request API and takes the ports of its gateway. What it returns are pairs of addresses: those of the example, and
// what they are here.
func (d *Demo) open(p place, keep bool) (moved []string, err error) {
	file := ""
	if keep {
		file = filepath.Join(d.dir, string(p.site)+".json")
	}
	api, err := OpenAPI(file, p.first)
	if err != nil {
		return nil, err
	}
	api.now = d.clock.Now
	l, err := listen(9000 + p.port)
	if err != nil {
		return nil, err
	}
	d.apis[p.site], d.apiAddr[p.site] = api, l.Addr().String()
	srv := &http.Server{Handler: api, ReadHeaderTimeout: 5 * time.Second}
	d.servers = append(d.servers, srv)
	d.serving.Go(func() { _ = srv.Serve(l) }) // until Close
	moved = append(moved, fmt.Sprint("127.0.0.1:", 9000+p.port), d.apiAddr[p.site])
	for _, base := range []int{8000, 8100, 8200} {
		l, err := listen(base + p.port)
		if err != nil {
			return nil, err
		}
		addr := l.Addr().String()
		d.held[addr] = l
		moved = append(moved, fmt.Sprint("127.0.0.1:", base+p.port), addr)
	}
	return moved, nil
}

// listen takes a port, or any when it is not free.
func listen(port int) (net.Listener, error) {
	if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
		return l, nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// take hands a gateway the listener that has been there since the addresses were chosen.
func (d *Demo) take(network, addr string) (net.Listener, error) {
	if l, ok := d.held[addr]; ok {
		delete(d.held, addr)
		return l, nil
	}
	return net.Listen(network, addr)
}

// Stop ends everything, and removes what Start made.
func (d *Demo) Stop(ctx context.Context) error {
	var errs []error
	for _, p := range slices.Backward(d.places) {
		if a := d.apps[p.site]; a != nil {
			errs = append(errs, a.Stop(ctx))
		}
	}
	for _, l := range d.held {
		errs = append(errs, l.Close())
	}
	for _, srv := range d.servers {
		errs = append(errs, srv.Close())
	}
	d.serving.Wait()
	d.clock.stop()
	if d.own {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

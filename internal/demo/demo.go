// Package demo is the furniture company of the documentation in one process: three sites, each with a small request API and a
// gateway, embedded stores, nothing else needed.
package demo

import (
	"context"
	_ "embed" // for the network file
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/internal/app"
	"github.com/meridian-gateway/meridian/request"
)

//go:embed network.yaml
var networkFile []byte

// sites in the order in which they are shown, with the first id that each one's API gives and the last digits of its ports.
var sites = []struct {
	name  request.Site
	first int
	port  int
}{{"san-francisco", 1, 1}, {"chicago", 17, 2}, {"upholstery", 40, 3}}

// Options say where to put things. Dir is the folder of the stores: "" for one that is removed at the end.
type Options struct {
	Dir     string
	Version string
	Log     *zap.Logger
}

// Demo is the running company.
type Demo struct {
	apis    map[request.Site]*http.Server
	apiAddr map[request.Site]string
	apps    map[request.Site]*app.App
	links   *links
	dir     string
	own     bool
}

// Start starts three request APIs and three gateways. The fixed ports of the documentation are used where they are free.
func Start(ctx context.Context, o Options) (d *Demo, err error) {
	d = &Demo{apis: map[request.Site]*http.Server{}, apiAddr: map[request.Site]string{}, apps: map[request.Site]*app.App{},
		links: &links{cut: map[string]bool{}}, dir: o.Dir}
	defer func() {
		if err != nil {
			_ = d.Stop(context.WithoutCancel(ctx))
		}
	}()
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "meridian-demo-"); err != nil {
			return nil, err
		}
		d.own = true
	}
	env := map[string]string{"DATA": d.dir}
	for _, s := range sites {
		l, err := listen(9000 + s.port)
		if err != nil {
			return nil, err
		}
		d.apiAddr[s.name] = l.Addr().String()
		srv := &http.Server{Handler: NewAPI(s.first), ReadHeaderTimeout: 5 * time.Second}
		d.apis[s.name] = srv
		go func() { _ = srv.Serve(l) }()
		key := strings.ToUpper(strings.ReplaceAll(string(s.name), "-", "_"))
		env[key+"_API"] = d.apiAddr[s.name]
		for what, base := range map[string]int{"_CLIENTS": 8000, "_PEERS": 8100, "_ADMIN": 8200} {
			if env[key+what], err = free(base + s.port); err != nil {
				return nil, err
			}
		}
	}
	n, err := configs.Parse("demo.yaml", networkFile, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		return nil, err
	}
	for _, s := range sites {
		d.links.name(n.Sites[s.name].Peer.Listen, s.name)
		a, err := app.Start(ctx, app.Options{Network: n, Site: s.name, Logger: o.Log, Version: o.Version, DialPeer: d.links.dialer(s.name)})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		d.apps[s.name] = a
	}
	return d, nil
}

// listen takes a port, or any when it is taken.
func listen(port int) (net.Listener, error) {
	if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
		return l, nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

func free(port int) (string, error) {
	l, err := listen(port)
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Stop ends everything and removes what Start made.
func (d *Demo) Stop(ctx context.Context) error {
	var errs []error
	for _, s := range slices.Backward(sites) {
		if a := d.apps[s.name]; a != nil {
			errs = append(errs, a.Stop(ctx))
		}
	}
	for _, srv := range d.apis {
		errs = append(errs, srv.Close())
	}
	if d.own {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

// Greet says what runs where and what to try.
func (d *Demo) Greet(w io.Writer) {
	fmt.Fprintln(w, "The furniture company runs. Point clients at the gateways; the request APIs behind them know nothing of each other.")
	fmt.Fprintln(w)
	fmt.Fprintf(w, "  %-14s %-24s %-24s %s\n", "site", "gateway (clients)", "its request API", "admin, health")
	for _, s := range sites {
		at := d.apps[s.name].Addresses()
		fmt.Fprintf(w, "  %-14s %-24s %-24s %s\n", s.name, "http://"+at.Client, "http://"+d.apiAddr[s.name], "http://"+at.Admin+"/health/forwarding")
	}
	sf, ch := d.apps["san-francisco"].Addresses().Client, d.apps["chicago"].Addresses().Client
	fmt.Fprintf(w, `
Try, in another terminal:

  curl -i http://%s/tickets -H 'Content-Type: application/json' -d '{"title":"broken leg","category":"chair","status":"open"}'
  curl -i http://%s/tickets/17
  curl -i -X PATCH http://%s/tickets/1 -H 'Content-Type: application/json' -d '{"status":"in progress"}'

The first creates a chair request in San Francisco: Chicago owns it (Meridian-Owner), San Francisco has a copy. The second reads it
in Chicago. The third updates it in San Francisco; Chicago gets it first. Ctrl-C ends the demo.
`, sf, ch, sf)
}

// links are the lines between the gateways, with a switch for each.
type links struct {
	mu    sync.Mutex
	names map[string]request.Site
	cut   map[string]bool
	conns map[string][]net.Conn
}

func (l *links) name(addr string, s request.Site) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names == nil {
		l.names, l.conns = map[string]request.Site{}, map[string][]net.Conn{}
	}
	l.names[addr] = s
}

func pair(a, b request.Site) string {
	if b < a {
		a, b = b, a
	}
	return string(a + "|" + b)
}

func (l *links) dialer(from request.Site) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		l.mu.Lock()
		line := pair(from, l.names[addr])
		down := l.cut[line]
		l.mu.Unlock()
		if down {
			return nil, fmt.Errorf("the link to %s is cut", l.names[addr])
		}
		var dialer net.Dialer
		c, err := dialer.DialContext(ctx, network, addr)
		if err == nil {
			l.mu.Lock()
			l.conns[line] = append(l.conns[line], c)
			l.mu.Unlock()
		}
		return c, err
	}
}

// set cuts or heals the line between two sites.
func (l *links) set(a, b request.Site, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := pair(a, b)
	l.cut[line] = cut
	if cut {
		for _, c := range l.conns[line] {
			_ = c.Close()
		}
		l.conns[line] = nil
	}
}

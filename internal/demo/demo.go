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
	"path/filepath"
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

const (
	sanFrancisco request.Site = "san-francisco"
	chicago      request.Site = "chicago"
	upholstery   request.Site = "upholstery"
)

// place is one site of the company: the id that its API gives first, and the last digit of its ports.
type place struct {
	site        request.Site
	first, port int
}

func places() []place {
	return []place{{sanFrancisco, 1, 1}, {chicago, 17, 2}, {upholstery, 40, 3}}
}

// Options say where to put things.
type Options struct {
	// Dir is the folder of stores and records; "" for one that is removed at the end.
	Dir     string
	Version string
	// Log is the gateways' log; nil for none.
	Log *zap.Logger
}

// Demo is the running company.
type Demo struct {
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

// Start starts three request APIs and three gateways, on the ports of the documentation where they are free. An error means that
// nothing is left running.
func Start(ctx context.Context, o Options) (d *Demo, err error) {
	d = &Demo{apis: map[request.Site]*API{}, apiAddr: map[request.Site]string{}, apps: map[request.Site]*app.App{},
		links: newLinks(), held: map[string]net.Listener{}, dir: o.Dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Stop(context.WithoutCancel(ctx)))
			d = nil
		}
	}()
	if err := d.folder(); err != nil {
		return d, err
	}
	env := map[string]string{"DATA": d.dir}
	for _, p := range places() {
		if err := d.open(p, env, o.Dir != ""); err != nil {
			return d, fmt.Errorf("%s: %w", p.site, err)
		}
	}
	n, err := configs.Parse("the demo's network file", networkFile, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		return d, err
	}
	for _, p := range places() {
		d.links.name(n.Sites[p.site].Peer.Listen, p.site)
	}
	for _, p := range places() {
		a, err := app.Start(ctx, app.Options{Network: n, Site: p.site, Logger: o.Log, Version: o.Version, Listen: d.take, UpstreamMoved: true, // its port may be another one each time
			DialPeer: d.links.dialer(p.site)})
		if err != nil {
			return d, fmt.Errorf("the gateway of %s: %w", p.site, err)
		}
		d.apps[p.site] = a
	}
	return d, nil
}

func (d *Demo) folder() (err error) {
	if d.dir != "" {
		return os.MkdirAll(d.dir, 0o700)
	}
	d.dir, err = os.MkdirTemp("", "meridian-demo-")
	d.own = err == nil
	return err
}

// open starts a site's request API and takes the ports of its gateway; env gets their addresses.
func (d *Demo) open(p place, env map[string]string, keep bool) error {
	file := ""
	if keep {
		file = filepath.Join(d.dir, string(p.site)+".json")
	}
	api, err := OpenAPI(file, p.first)
	if err != nil {
		return err
	}
	l, err := listen(9000 + p.port)
	if err != nil {
		return err
	}
	d.apis[p.site], d.apiAddr[p.site] = api, l.Addr().String()
	srv := &http.Server{Handler: api, ReadHeaderTimeout: 5 * time.Second}
	d.servers = append(d.servers, srv)
	d.serving.Go(func() { _ = srv.Serve(l) }) // until Close
	key := strings.ToUpper(strings.ReplaceAll(string(p.site), "-", "_"))
	env[key+"_API"] = d.apiAddr[p.site]
	for what, base := range map[string]int{"_CLIENTS": 8000, "_PEERS": 8100, "_ADMIN": 8200} {
		l, err := listen(base + p.port)
		if err != nil {
			return err
		}
		addr := l.Addr().String()
		env[key+what], d.held[addr] = addr, l
	}
	return nil
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
	for _, p := range slices.Backward(places()) {
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
	if d.own {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

// Greet says what runs where and what to try.
func (d *Demo) Greet(w io.Writer) {
	fmt.Fprint(w, "The furniture company is open. Desks are repaired in San Francisco, chairs in Chicago, upholstery has a server of its own.\n"+
		"Clients talk to the gateways; the request APIs behind them know nothing of each other.\n\n")
	row := func(cells ...any) { fmt.Fprintf(w, "  %-14s %-23s %-23s %s\n", cells...) }
	row("site", "gateway, for clients", "its request API", "health")
	for _, p := range places() {
		at := d.apps[p.site].Addresses()
		row(p.site, "http://"+at.Client, "http://"+d.apiAddr[p.site], "http://"+at.Admin+"/health/forwarding")
	}
	sf, ch := d.apps[sanFrancisco].Addresses().Client, d.apps[chicago].Addresses().Client
	fmt.Fprintf(w, `
Three lines to try in another terminal, in this order:

  curl -i http://%s/tickets -H 'Content-Type: application/json' -d '{"title":"broken leg","category":"chair","status":"open"}'
  curl -i http://%s/tickets/%d
  curl -i -X PATCH http://%s/tickets/%d -H 'Content-Type: application/json' -d '{"status":"in progress"}'

The first enters a chair in San Francisco: Chicago owns it (see Meridian-Owner), San Francisco has a copy. The second reads it in
Chicago, where it has another id. The third updates it in San Francisco: Chicago gets it first. To see the rest, with the link cut
and healed: meridian demo --tour. Ctrl-C ends the demo.
`, sf, ch, d.apis[chicago].Next(), sf, d.apis[sanFrancisco].Next())
}

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// site is one gateway of a network that the bench sets up.
type site struct {
	Name, Upstream, Listen, Peer, Admin, Store string

	gateway *process
}

// network is a network of Meridian gateways, all described by one file that is generated for this run.
type network struct {
	Name   string
	Copies bool // a route copies what is created at the first site to all others
	Sites  []*site

	file string
	shop *workshop
	path string // of the program
}

// networkFile is written as an operator would: external ids so that a lost answer makes no second record, a key that signs peer
// calls, one route with a condition.
var networkFile = template.Must(template.New("network").Funcs(template.FuncMap{"names": holderNames}).Parse(`network: {{.Name}}
security:
  peer_key: 8c1f0d6be2a94b7798a35cbb10f2e6d4a7c9315e
profiles:
  desk:
    preset: rest
    collections:
      tickets:
        path: /tickets
        external_id: {field: /external_id, find: "/tickets?external_id={value}"}
sites:
{{- range .Sites}}
  {{.Name}}:
    profile: desk
    upstream: http://{{.Upstream}}
    listen: {{.Listen}}
    peer: {listen: {{.Peer}}, url: "http://{{.Peer}}"}
    admin: {listen: {{.Admin}}}
    store: {{.Store}}
{{- end}}
{{- if .Copies}}
routes:
  - name: desks
    collection: tickets
    on: [create]
    at: [{{(index .Sites 0).Name}}]
    when: category == "desk"
    copy: {to: [{{names .Sites}}]}
{{- end}}
`))

func holderNames(sites []*site) string {
	var names []string
	for _, s := range sites[1:] {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// embeddedStore and redisStore say where the sites of a network keep what must survive.
func embeddedStore(dir string) func(site string) string {
	return func(site string) string { return "file:" + filepath.Join(dir, site) }
}

func redisStore(addr string) func(site string) string {
	return func(string) string { return "redis://" + addr + "/0" }
}

// network writes the file of a network with a site for each upstream and starts nothing.
func (b *bench) network(name string, upstreams []string, store func(site string) string) (*network, error) {
	n := &network{Name: name, Copies: len(upstreams) > 1, shop: b.shop, path: b.meridian}
	ports, err := freePorts(3 * len(upstreams))
	if err != nil {
		return nil, err
	}
	for i, upstream := range upstreams {
		s := &site{Name: "site-" + string(rune('a'+i)), Upstream: upstream, Listen: ports[3*i], Peer: ports[3*i+1], Admin: ports[3*i+2]}
		s.Store = store(s.Name)
		n.Sites = append(n.Sites, s)
	}
	n.file = filepath.Join(b.shop.dir, name+".yaml")
	f, err := os.Create(n.file)
	if err != nil {
		return nil, err
	}
	if err := networkFile.Execute(f, n); err != nil {
		_ = f.Close()
		return nil, err
	}
	return n, f.Close()
}

// start starts the gateways of all sites and waits until each serves and hears the others.
func (n *network) start(ctx context.Context) error {
	if err := n.launchAll(); err != nil {
		return err
	}
	return n.awaitAll(ctx)
}

func (n *network) launchAll() error {
	for _, s := range n.Sites {
		if err := n.launch(s); err != nil {
			return err
		}
	}
	return nil
}

// awaitAll waits until every gateway serves and hears the others, which takes as long as their probes are apart.
func (n *network) awaitAll(ctx context.Context) error {
	for _, s := range n.Sites {
		if err := n.await(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (n *network) launch(s *site) (err error) {
	s.gateway, err = n.shop.start(n.Name+"-"+s.Name, n.path, "run", "--config", n.file, "--site", s.Name)
	return err
}

func (n *network) await(ctx context.Context, s *site) error {
	for _, path := range []string{"/readyz", "/health/forwarding"} {
		if err := s.gateway.until(ctx, 20*time.Second, func() error { return answers("http://" + s.Admin + path) }); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
	}
	return nil
}

// stop ends all gateways.
func (n *network) stop() {
	for _, s := range n.Sites {
		if s.gateway != nil {
			s.gateway.stop()
		}
	}
}

func (n *network) gateways() []*process {
	var all []*process
	for _, s := range n.Sites {
		all = append(all, s.gateway)
	}
	return all
}

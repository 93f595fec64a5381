package harness

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Network describes what Start starts. Only Sites is required.
type Network struct {
	Sites []Site
	// Routes is the list under routes: in the network file.
	Routes string
	// Extra are further top-level lines of the network file.
	Extra string
	// TLS has gateways talk HTTPS to each other; Extra says with which certificates.
	TLS bool
	// Files, when it is set, gives each site a network file of its own: what text says there at the start. A site for which it is "" is
	// not started.
	Files func(site, text string) string
	// Arguments are further ones of every gateway, such as --log-level debug.
	Arguments []string
}

// Site is one place of a network.
type Site struct {
	Name string
	API  Upstream
	// Profile replaces the API's own description.
	Profile string
	// Store is a URL; left out, the embedded store in a directory of the test.
	Store string
	// Extra are further lines of the site in the network file, such as credentials.
	Extra string
	// Admin are further members of the admin address, such as `token: secret`.
	Admin string
	// Loose puts a link that can fail between the gateway and its request API.
	Loose bool
	// Program is run in place of the gateway's own, with the same arguments.
	Program string
}

// Cluster is a running network.
type Cluster struct {
	t     testing.TB
	path  string
	sites map[string]*Gateway
	names []string
	// started are the sites whose gateways were started, where not all were.
	started []string
	links   map[[2]string]*Link
	peers   string // the scheme of peers' addresses
}

// Fakes makes sites that each have a Fake as their request API.
func Fakes(t testing.TB, names ...string) []Site {
	t.Helper()
	sites := make([]Site, 0, len(names))
	for _, n := range names {
		sites = append(sites, Site{Name: n, API: NewFake(t, n)})
	}
	return sites
}

// Start writes the network file, starts a gateway for every site and waits until all are ready and know each other.
func Start(t testing.TB, n Network) *Cluster {
	t.Helper()
	c := &Cluster{t: t, sites: make(map[string]*Gateway), links: make(map[[2]string]*Link), peers: "http"}
	if n.TLS {
		c.peers = "https"
	}
	dir := t.TempDir()
	c.path = filepath.Join(dir, "network.yaml")
	for _, s := range n.Sites {
		g := &Gateway{t: t, cluster: c, Name: s.Name, api: s.API, clientPort: FreePort(t), peerPort: FreePort(t), adminPort: FreePort(t), program: s.Program, overrides: n.Arguments}
		g.upstream = "http://" + s.API.Address()
		if s.Loose {
			g.loose = NewLink(t, s.API.Address())
			g.upstream = g.loose.URL()
		}
		c.sites[s.Name] = g
		c.names = append(c.names, s.Name)
	}
	for _, from := range c.names {
		for _, to := range c.names {
			if from != to {
				c.links[[2]string{from, to}] = NewLink(t, Loopback(c.sites[to].peerPort))
			}
		}
	}
	if err := os.WriteFile(c.path, []byte(c.file(n, dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(c.path)
			t.Logf("--- the network file ---\n%s", text)
		}
	})
	c.apart(n)
	for _, name := range c.running() {
		c.sites[name].start()
	}
	for _, name := range c.running() {
		c.sites[name].Ready()
	}
	for _, name := range c.running() {
		c.sites[name].WantHealth("every peer is reachable", 20*time.Second, func(h Health) bool { return h.State != "down" })
	}
	return c
}

// variable is the name of the environment variable that holds a site's peer address as the process sees it: every process reaches
// its peers through links of its own, with one and the same network file.
func variable(site string) string {
	return "PEER_" + strings.ToUpper(strings.ReplaceAll(site, "-", "_"))
}

// file is the network file.
func (c *Cluster) file(n Network, dir string) string {
	var b strings.Builder
	b.WriteString("network: test\n" + n.Extra)
	b.WriteString("profiles:\n")
	for _, s := range n.Sites {
		p := s.Profile
		if p == "" {
			p = s.API.Profile()
		}
		fmt.Fprintf(&b, "  %s:\n%s", s.Name, indent(p, 4))
	}
	b.WriteString("sites:\n")
	for _, s := range n.Sites {
		g := c.sites[s.Name]
		store := s.Store
		if store == "" {
			store = "file:" + filepath.Join(dir, "store-"+s.Name)
		}
		fmt.Fprintf(&b, "  %s:\n    profile: %s\n    upstream: %s\n    listen: %s\n", s.Name, s.Name, g.upstream, Loopback(g.clientPort))
		fmt.Fprintf(&b, "    peer: {listen: \"%s\", url: \"${%s}\"}\n", Loopback(g.peerPort), variable(s.Name))
		admin := fmt.Sprintf("listen: %q", Loopback(g.adminPort))
		if s.Admin != "" {
			admin += ", " + s.Admin
		}
		fmt.Fprintf(&b, "    admin: {%s}\n    store: %q\n%s", admin, store, indent(s.Extra, 4))
	}
	if n.Routes != "" {
		b.WriteString("routes:\n" + indent(n.Routes, 2))
	}
	return b.String()
}

func indent(text string, by int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(strings.Repeat(" ", by) + strings.TrimRight(line, "\n") + "\n")
		}
	}
	return b.String()
}

// env is what one site's process is told of the others' addresses.
func (c *Cluster) env(site string) []string {
	var out []string
	for _, to := range c.names {
		address := Loopback(c.sites[to].peerPort)
		if to != site {
			address = c.links[[2]string{site, to}].Address()
		}
		out = append(out, variable(to)+"="+c.peers+"://"+address)
	}
	return out
}

// At is a site's gateway.
func (c *Cluster) At(site string) *Gateway {
	g := c.sites[site]
	if g == nil {
		c.t.Fatalf("there is no site %q", site)
	}
	return g
}

// Sites are the names, in the order given.
func (c *Cluster) Sites() []string { return c.names }

// Path is where the network file is.
func (c *Cluster) Path() string { return c.path }

// Link is the link over which one site's gateway reaches another's.
func (c *Cluster) Link(from, to string) *Link { return c.links[[2]string{from, to}] }

// Cut breaks the links between two sites, both ways; Heal mends them. It returns when the gateways have had time to see that
// their kept connections are gone: a call that is sent in that very moment may rightly be in doubt.
func (c *Cluster) Cut(a, b string) {
	c.Link(a, b).Cut()
	c.Link(b, a).Cut()
	Pause(100 * time.Millisecond)
}

// Heal mends the links between two sites.
func (c *Cluster) Heal(a, b string) {
	c.Link(a, b).Heal()
	c.Link(b, a).Heal()
}

var (
	direct  = &http.Client{Timeout: 30 * time.Second, Transport: transport()}
	clients = &http.Client{Timeout: 90 * time.Second, Transport: transport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
)

func transport() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true, IdleConnTimeout: 5 * time.Second}
}

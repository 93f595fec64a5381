package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Gateway is one site's gateway process.
type Gateway struct {
	t                               testing.TB
	cluster                         *Cluster
	Name                            string
	api                             Upstream
	upstream                        string
	loose                           *Link
	clientPort, peerPort, adminPort int
	program                         string
	overrides                       []string
	process                         *Process
	config                          string    // its own network file; "": that of all
	balance                         *Balancer // in front of the peer face, when there are replicas
}

func (g *Gateway) start() {
	g.t.Helper()
	path := g.program
	if path == "" {
		path = Binary(g.t)
	}
	g.process = startProcess(g.t, program{name: "gateway of " + g.Name, path: path,
		args: append([]string{"run", "--config", g.File(), "--site", g.Name}, g.overrides...), env: g.cluster.env(g.Name)})
}

// Ready waits until the gateway serves clients.
func (g *Gateway) Ready() {
	g.t.Helper()
	Eventually(g.t, 30*time.Second, "the gateway of "+g.Name+" is ready", g.ready)
}

func (g *Gateway) ready() error {
	if err := g.process.Running(); err != nil {
		return err
	}
	_, err := get(g.Admin("/readyz"), nil)
	return err
}

// Kill is kill -9.
func (g *Gateway) Kill() { g.process.Kill() }

// Restart starts the gateway again and waits until it is ready.
func (g *Gateway) Restart() {
	g.t.Helper()
	g.process.Start()
	g.Ready()
}

// Process is the gateway's process.
func (g *Gateway) Process() *Process { return g.process }

// API is the site's request API; Fake is the same when it is one.
func (g *Gateway) API() Upstream { return g.api }

// Fake is the site's request API with its fault switches.
func (g *Gateway) Fake() *Fake {
	f, ok := g.api.(*Fake)
	if !ok {
		g.t.Fatalf("the request API of %s is no Fake", g.Name)
	}
	return f
}

// Loose is the link between the gateway and its request API, for a site that was made with one.
func (g *Gateway) Loose() *Link { return g.loose }

// URL is an address of the client face, Admin one of the admin face.
func (g *Gateway) URL(path string) string { return "http://" + g.Address() + path }

// Address is host and port of the client face.
func (g *Gateway) Address() string { return Loopback(g.clientPort) }

// PeerAddress is host and port of the peer face.
func (g *Gateway) PeerAddress() string { return Loopback(g.peerPort) }

// Admin is an address of the admin face.
func (g *Gateway) Admin(path string) string { return "http://" + Loopback(g.adminPort) + path }

// Health is the answer of /health/forwarding.
type Health struct {
	Network      string        `json:"network"`
	Site         string        `json:"site"`
	State        string        `json:"state"`
	ConfigHash   string        `json:"config_hash"`
	Destinations []Destination `json:"destinations"`
	InDoubt      int           `json:"in_doubt"`
	Conflicts    int           `json:"conflicts"`
	Transfers    struct {
		Waiting int `json:"waiting"`
		Open    int `json:"open"`
		Parked  int `json:"parked"`
	} `json:"transfers"`
	Problems []string `json:"problems"`
	// Status is that of the answer.
	Status int `json:"-"`
}

// Destination is the health of deliveries to one site.
type Destination struct {
	Site        string  `json:"site"`
	State       string  `json:"state"`
	Breaker     string  `json:"breaker"`
	Pending     int     `json:"pending"`
	InFlight    int     `json:"in_flight"`
	Waiting     int     `json:"waiting"`
	Parked      int     `json:"parked"`
	OldestAge   float64 `json:"oldest_age_seconds"`
	ConfigDrift bool    `json:"config_drift"`
	LastError   string  `json:"last_error"`
	Lag         struct {
		P50 float64 `json:"p50"`
		P99 float64 `json:"p99"`
	} `json:"lag_seconds"`
	LastSuccess  *time.Time `json:"last_success"`
	DrainSeconds *float64   `json:"drain_seconds"`
	Routes       []string   `json:"routes"`
}

// Owed is how many deliveries are under way or wait to be.
func (d Destination) Owed() int { return d.Pending + d.InFlight + d.Waiting }

// To is the destination of that name, empty when there is none.
func (h Health) To(site string) Destination {
	for _, d := range h.Destinations {
		if d.Site == site {
			return d
		}
	}
	return Destination{}
}

// Owed is what is owed to all sites together.
func (h Health) Owed() int {
	n := 0
	for _, d := range h.Destinations {
		n += d.Owed()
	}
	return n
}

// Health asks for /health/forwarding.
func (g *Gateway) Health() (Health, error) {
	res, err := direct.Get(g.Admin("/health/forwarding"))
	if err != nil {
		return Health{}, err
	}
	defer func() { _ = res.Body.Close() }()
	h := Health{Status: res.StatusCode}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusServiceUnavailable {
		return h, fmt.Errorf("/health/forwarding: %d", res.StatusCode)
	}
	return h, json.NewDecoder(res.Body).Decode(&h)
}

// WantHealth waits until health is as wanted.
func (g *Gateway) WantHealth(what string, within time.Duration, ok func(Health) bool) Health {
	g.t.Helper()
	var h Health
	Eventually(g.t, within, "health of "+g.Name+": "+what, func() (err error) {
		if err = g.process.Running(); err != nil {
			return err
		}
		if h, err = g.Health(); err == nil && !ok(h) {
			err = fmt.Errorf("health is %+v", h)
		}
		return err
	})
	return h
}

// Metrics is the text of /metrics.
func (g *Gateway) Metrics() string {
	g.t.Helper()
	b, err := get(g.Admin("/metrics"), nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(b)
}

// Env is what the environment of the gateway's process has beside that of the tests.
func (g *Gateway) Env() []string { return g.cluster.env(g.Name) }

// CLI runs a command against this gateway: its words, then --config and --site.
func (g *Gateway) CLI(args ...string) (string, int) {
	g.t.Helper()
	return CLI(g.t, g.Env(), append(args, "--config", g.cluster.path, "--site", g.Name)...)
}

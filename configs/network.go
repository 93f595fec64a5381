// Package configs reads the network file: the one YAML file that describes all sites, profiles and routes, and is the same
// everywhere. Reading is strict: every fault is found at once and named with its line and column, and a file with a fault
// gives nothing. The package also holds the schema of the file for editors, and the example networks.
package configs

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/schedule"
	"github.com/meridian-gateway/meridian/upstream"
)

// Network is a network file, checked and compiled. It is not to be changed.
type Network struct {
	Name string
	// Hash is over the file as it is on disk, before ${VAR} is expanded: gateways with the same file have the same hash.
	Hash string
	Path string

	Security Security
	Limits   Limits
	Tracing  Tracing
	Defaults Defaults
	// LagLimit is how old a delivery may become before health calls its destination degraded.
	LagLimit time.Duration
	Sites    map[request.Site]Site
	// Order are the sites as the file has them.
	Order []request.Site
	// Gone are sites that were of the network and will not come back.
	Gone   []request.Site
	Pools  map[string]Pool
	Routes []routing.Route
	Table  *routing.Table
	// Warnings are what the file may say but should be looked at.
	Warnings Faults
	// source is the text; nil for a network that was not read from one.
	source *source
}

// Secret is a value that never shows when it is printed, logged or encoded.
type Secret string

// String hides it.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString hides it.
func (s Secret) GoString() string { return s.String() }

// Format hides it under every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText hides it, in JSON and YAML too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal is the value itself.
func (s Secret) Reveal() string { return string(s) }

// Security is how gateways know each other.
type Security struct {
	// PeerKeys are the shared keys: the first signs, all verify. None: calls are not signed.
	PeerKeys []Secret
	// TLS is that of the peers among each other; its zero value is none.
	TLS TLS
}

// TLS are files in PEM: a certificate and its key and, for peers, the authorities that they trust. Paths are relative to the working
// directory. In those for peers {site} stands for the name of the site.
type TLS struct {
	CA, Cert, Key string
}

// Of are the files of one site.
func (t TLS) Of(site request.Site) TLS {
	name := strings.NewReplacer("{site}", string(site))
	return TLS{name.Replace(t.CA), name.Replace(t.Cert), name.Replace(t.Key)}
}

// Tracing says where spans of traces are sent.
type Tracing struct {
	// Endpoint is an OpenTelemetry collector that takes OTLP over HTTP; "" for none.
	Endpoint string
	// Sample is which part of the traces that begin at a gateway is recorded, 0 to 1; nil where the file does not say.
	Sample  *float64
	Headers map[string]Secret
}

// Limits bound what clients may send.
type Limits struct {
	Body, Header               int64
	Depth                      int
	HeaderTimeout, BodyTimeout time.Duration
	// ClientRate is how many writes of one client may begin in a second, 0 for any number; ClientWrites how many may be under way.
	ClientRate   float64
	ClientWrites int
	// Connections is how many may be open at each address of a gateway.
	Connections int
}

// Defaults are what routes do where they do not say.
type Defaults struct {
	Unreachable, Writes, Update, OnDelete, Drift, StoreDown string
}

// Site is one site.
type Site struct {
	Name        request.Site
	Profile     *profile.Profile
	Upstream    *url.URL
	Credentials upstream.Credentials
	Listen      string
	// Hosts are the names by which clients call the site, with or without a port; none for any name.
	Hosts []string
	// TLS is that of the listener for clients; its zero value is none.
	TLS   TLS
	Peer  Peer
	Admin Admin
	// Store is file:PATH, or the URL of a Redis; it may hold a password.
	Store string
	// Journal is where a gateway with its store in Redis keeps its own copy, "" for a place beside the network file, "none" for nowhere.
	Journal string
	// StoreDown is what becomes of clients' writes while the store does not answer: "refuse" or "pass". Debts is the folder in which those
	// that are passed on are remembered, "" for a place beside the store or the network file.
	StoreDown, Debts string

	Timezone *time.Location
	// Hours are when the site is open, in its time zone, as the file has them: days to spans of time.
	Hours    map[string]string
	Holidays []string
	// Calendar is both, nil for a site that has neither.
	Calendar *schedule.Calendar
}

// Peer is where a site's gateway listens for others, and how they reach it.
type Peer struct {
	Listen string
	URL    *url.URL
}

// Admin is where a site's admin API is.
type Admin struct {
	Listen string
	// Token is for those who may do everything, ViewToken for those who may only look; "" for none.
	Token, ViewToken Secret
	// TLS is that of the admin address; its zero value is none.
	TLS TLS
}

// Pool is a lane of deliveries with bounds of its own.
type Pool struct {
	Parallel int     // 0: no bound of its own
	Rate     float64 // per second; 0: any
	Priority string  // low, normal, high
}

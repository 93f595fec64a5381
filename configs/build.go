package configs

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

// siteName is what networks and sites may be called: it goes into header values, URLs, keys of stores and names of files.
var siteName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// build gives the file its meaning. It goes on behind faults, so that all are found at once.
func (p *parser) build(root *yaml.Node, s *fileSpec) *Network {
	n := &Network{Name: s.Network, Sites: map[request.Site]Site{}, Pools: map[string]Pool{}}
	switch {
	case s.Network == "":
		p.fault(child(root, "network"), "network, the name of the network, is required", "network: furniture")
	case !siteName.MatchString(s.Network):
		p.fault(child(root, "network"), fmt.Sprintf("network: %q is not a name", clip(s.Network)), "lower-case letters, digits and hyphens, as in furniture")
	}
	n.Security.TLS = p.peerTLS(child(root, "security", "tls"), s.Security.TLS)
	n.Security.PeerKeys = p.peerKeys(child(root, "security", "peer_key"), s.Security.PeerKey)
	n.Limits = p.limits(child(root, "limits"), s.Limits)
	n.Tracing = p.tracing(child(root, "tracing"), s.Tracing)
	n.Defaults, n.LagLimit = p.defaults(child(root, "defaults"), s.Defaults)
	p.pools(child(root, "pools"), s.Pools, n)
	profiles := p.profiles(root, s.Profiles)
	p.sites(root, s, n, profiles)
	n.Gone = p.gone(child(root, "gone"), s.Gone, n)
	used := make(map[string]bool, len(s.Sites))
	for _, site := range s.Sites {
		used[site.Profile] = true
	}
	p.losses(root, used, profiles)
	p.addresses(child(root, "sites"), n)
	p.routes(root, s, n, profiles)
	return n
}

// gone reads the sites that are no more.
func (p *parser) gone(at *yaml.Node, names []string, n *Network) []request.Site {
	var out []request.Site
	for i, name := range names {
		switch _, there := n.Sites[request.Site(name)]; {
		case !siteName.MatchString(name):
			p.fault(item(at, i), fmt.Sprintf("gone: %q is not the name of a site", clip(name)), "")
		case there:
			p.fault(item(at, i), fmt.Sprintf("gone: %s is one of the sites", name), "a site is there or gone")
		}
		out = append(out, request.Site(name))
	}
	return out
}

func (p *parser) limits(at *yaml.Node, s limitsSpec) Limits {
	l := Limits{Body: p.size(child(at, "body"), "limits.body", s.Body, 1<<20), Depth: 64,
		Header:        p.size(child(at, "header"), "limits.header", s.Header, 32<<10),
		HeaderTimeout: p.duration(child(at, "header_timeout"), "limits.header_timeout", s.HeaderTimeout, 5*time.Second),
		BodyTimeout:   p.duration(child(at, "body_timeout"), "limits.body_timeout", s.BodyTimeout, 30*time.Second)}
	if d := child(at, "depth"); d != at && s.Depth != 0 {
		if l.Depth = s.Depth; s.Depth < 1 || s.Depth > 1000 {
			p.fault(d, fmt.Sprintf("limits.depth: %d is not from 1 to 1000", s.Depth), "")
		}
	}
	l.ClientRate = p.rate(child(at, "client_rate"), "limits.client_rate", s.ClientRate)
	l.ClientWrites = p.count(child(at, "client_writes"), at, "limits.client_writes", s.ClientWrites, 256)
	l.Connections = p.count(child(at, "connections"), at, "limits.connections", s.Connections, 10_000)
	return l
}

// tracing reads where spans go.
func (p *parser) tracing(at *yaml.Node, s tracingSpec) Tracing {
	out := Tracing{Endpoint: s.Endpoint, Sample: s.Sample, Headers: make(map[string]Secret, len(s.Headers))}
	if u, err := url.Parse(s.Endpoint); s.Endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil) {
		p.fault(child(at, "endpoint"), fmt.Sprintf("tracing.endpoint: %q is not the address of a collector", clip(s.Endpoint)), "endpoint: http://127.0.0.1:4318")
	}
	if s.Sample != nil && !(*s.Sample >= 0 && *s.Sample <= 1) {
		p.fault(child(at, "sample"), "tracing.sample is not from 0 to 1", "sample: 0.1")
	}
	for name, v := range s.Headers {
		if !headerName(name) || !headerValue(v) {
			p.fault(child(at, "headers"), fmt.Sprintf("tracing.headers: %q or its value is not that of a header", clip(name)), "")
		}
		out.Headers[name] = Secret(v)
	}
	return out
}

// count reads a number of 1 or more, which is otherwise where the file does not say.
func (p *parser) count(at, parent *yaml.Node, key string, n, otherwise int) int {
	if at == parent || n == 0 {
		return otherwise
	}
	if n < 1 {
		p.fault(at, fmt.Sprintf("%s: %d is not 1 or more", key, n), "")
	}
	return n
}

// hostName is what clients may call a site, with or without a port.
var hostName = regexp.MustCompile(`^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$`)

// hosts reads the names of a site.
func (p *parser) hosts(at *yaml.Node, site string, names []string) []string {
	for i, name := range names {
		if !hostName.MatchString(name) {
			p.fault(item(at, i), fmt.Sprintf("%s.hosts: %q is not the name of a host", site, clip(name)), "as in desk.example.org or desk.example.org:8443")
		}
	}
	return names
}

func (p *parser) defaults(at *yaml.Node, s defaultsSpec) (Defaults, time.Duration) {
	d := Defaults{
		Unreachable: p.oneOf(child(at, "unreachable"), "defaults.unreachable", s.Unreachable, "accept", "accept", "refuse"),
		Writes:      p.oneOf(child(at, "writes"), "defaults.writes", s.Writes, "forward", "forward", "refuse", "queue"),
		Update:      p.update(child(at, "update"), "defaults.update", s.Update, "immediate"),
		OnDelete:    p.oneOf(child(at, "on_delete"), "defaults.on_delete", s.OnDelete, "cascade", "cascade", "keep"),
		Drift:       p.oneOf(child(at, "drift"), "defaults.drift", s.Drift, "overwrite", "overwrite", "report", "adopt"),
		StoreDown:   p.oneOf(child(at, "store_down"), "defaults.store_down", s.StoreDown, "refuse", "refuse", "pass"),
	}
	return d, p.duration(child(at, "lag_limit"), "defaults.lag_limit", s.LagLimit, time.Minute)
}

func (p *parser) pools(at *yaml.Node, specs map[string]poolSpec, n *Network) {
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		s, node := specs[name], child(at, name)
		if s.Parallel < 0 {
			p.fault(child(node, "parallel"), fmt.Sprintf("pools.%s.parallel: %d is negative", name, s.Parallel), "")
		}
		n.Pools[name] = Pool{Parallel: s.Parallel, Rate: p.rate(child(node, "rate"), "pools."+name+".rate", s.Rate),
			Priority: p.oneOf(child(node, "priority"), "pools."+name+".priority", s.Priority, "normal", "low", "normal", "high")}
	}
}

// size reads a number of bytes.
func (p *parser) size(at *yaml.Node, key, s string, otherwise int64) int64 {
	if s == "" {
		return otherwise
	}
	units := []struct {
		suffix string
		n      int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}
	for _, u := range units {
		num, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(num), 10, 64)
		if err == nil && v > 0 && v <= (1<<40)/u.n {
			return v * u.n
		}
		break
	}
	p.fault(at, fmt.Sprintf("%s: %q is not a size", key, clip(s)), "as in 1MiB, 64KiB or 1000")
	return otherwise
}

func (p *parser) duration(at *yaml.Node, key, s string, otherwise time.Duration) time.Duration {
	if s == "" {
		return otherwise
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		p.fault(at, fmt.Sprintf("%s: %q is not a duration", key, clip(s)), "as in 500ms, 5s, 2m or 1h30m")
		return otherwise
	}
	return d
}

// rate reads a number per second, as in 50/s, 100/m, 1000/h.
func (p *parser) rate(at *yaml.Node, key, s string) float64 {
	if s == "" {
		return 0
	}
	number, unit, _ := strings.Cut(s, "/")
	per, known := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[strings.TrimSpace(unit)]
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !known || !(v > 0 && v < 1e9) {
		p.fault(at, fmt.Sprintf("%s: %q is not a rate", key, clip(s)), "as in 50/s, 100/m or 1000/h")
		return 0
	}
	return v / per
}

// oneOf is s if it is allowed, otherwise if it is not given.
func (p *parser) oneOf(at *yaml.Node, key, s, otherwise string, allowed ...string) string {
	if s == "" {
		return otherwise
	}
	if !slices.Contains(allowed, s) {
		p.fault(at, fmt.Sprintf("%s: %q is none of %s", key, clip(s), strings.Join(allowed, ", ")), didYouMean(s, allowed))
		return otherwise
	}
	return s
}

// didYouMean is nearest without a list of all names.
func didYouMean(s string, known []string) string {
	if hint := Nearest(s, known); strings.HasPrefix(hint, "did") {
		return hint
	}
	return ""
}

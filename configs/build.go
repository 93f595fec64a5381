package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/upstream"
)

// child is the value of a key of a mapping; the mapping itself when the key is not there, so that every fault has a position.
func child(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		if n.Kind != yaml.MappingNode {
			return n
		}
		found := false
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == k {
				n, found = n.Content[i+1], true
				break
			}
		}
		if !found {
			return n
		}
	}
	return n
}

func item(n *yaml.Node, i int) *yaml.Node {
	if n.Kind == yaml.SequenceNode && i < len(n.Content) {
		return n.Content[i]
	}
	return n
}

var siteName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func (p *parser) build(root *yaml.Node, s *fileSpec) *Network {
	n := &Network{Name: s.Network, Sites: map[request.Site]Site{}, Security: Security{PeerKey: Secret(s.Security.PeerKey)}}
	if !siteName.MatchString(s.Network) {
		p.fault(child(root, "network"), "network: a name of lower-case letters, digits and hyphens is required", "network: furniture")
	}
	if s.Security.TLS != (tlsSpec{}) {
		p.fault(child(root, "security", "tls"), "security.tls is not supported by this version", "use security.peer_key")
	}
	n.Limits = p.limits(child(root, "limits"), s.Limits)
	n.Defaults, n.LagLimit = p.defaults(child(root, "defaults"), s.Defaults)
	profiles := p.profiles(child(root, "profiles"), s.Profiles)
	p.sites(child(root, "sites"), s, n, profiles)
	p.addresses(child(root, "sites"), n)
	p.routes(child(root, "routes"), s, n)
	n.Warnings = p.warnings
	return n
}

func (p *parser) limits(at *yaml.Node, s limitsSpec) Limits {
	l := Limits{Body: p.size(child(at, "body"), s.Body, 1<<20), Header: p.size(child(at, "header"), s.Header, 32<<10), Depth: 64,
		HeaderTimeout: p.duration(child(at, "header_timeout"), s.HeaderTimeout, 5*time.Second),
		BodyTimeout:   p.duration(child(at, "body_timeout"), s.BodyTimeout, 30*time.Second)}
	if s.Depth != 0 {
		l.Depth = s.Depth
	}
	return l
}

func (p *parser) size(at *yaml.Node, s string, otherwise int64) int64 {
	if s == "" {
		return otherwise
	}
	units := []struct {
		suffix string
		n      int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"B", 1}, {"", 1}}
	for _, u := range units {
		if num, ok := strings.CutSuffix(s, u.suffix); ok {
			if v, err := strconv.ParseInt(strings.TrimSpace(num), 10, 32); err == nil && v > 0 {
				return v * u.n
			}
			break
		}
	}
	p.fault(at, fmt.Sprintf("%q is not a size", s), "1MiB, 64KiB, 1000")
	return otherwise
}

func (p *parser) duration(at *yaml.Node, s string, otherwise time.Duration) time.Duration {
	if s == "" {
		return otherwise
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		p.fault(at, fmt.Sprintf("%q is not a duration", s), "5s, 2m, 1h30m")
		return otherwise
	}
	return d
}

func (p *parser) oneOf(at *yaml.Node, key, s, otherwise string, allowed ...string) string {
	if s == "" {
		return otherwise
	}
	if !slices.Contains(allowed, s) {
		p.fault(at, fmt.Sprintf("%s: %q is none of %s", key, s, strings.Join(allowed, ", ")), "")
	}
	return s
}

func (p *parser) defaults(at *yaml.Node, s defaultsSpec) (Defaults, time.Duration) {
	d := Defaults{
		Unreachable: p.oneOf(child(at, "unreachable"), "unreachable", s.Unreachable, "accept", "accept", "refuse"),
		Writes:      p.oneOf(child(at, "writes"), "writes", s.Writes, "forward", "forward", "refuse", "queue"),
		Update:      s.Update,
		OnDelete:    p.oneOf(child(at, "on_delete"), "on_delete", s.OnDelete, "cascade", "cascade", "keep"),
	}
	if d.Writes == "queue" {
		p.warn(child(at, "writes"), "writes: queue is not acted on by this version; writes are forwarded")
		d.Writes = "forward"
	}
	return d, p.duration(child(at, "lag_limit"), s.LagLimit, time.Minute)
}

func (p *parser) profiles(at *yaml.Node, specs map[string]yaml.Node) map[string]*profile.Profile {
	out := map[string]*profile.Profile{}
	for name := range specs {
		node := child(at, name)
		var spec profile.Spec
		if err := node.Decode(&spec); err != nil {
			p.yamlError(err)
			continue
		}
		compiled, problems := profile.Compile(name, spec)
		for _, pr := range problems {
			p.fault(child(node, pr.Path...), "profile "+name+": "+pr.Message, pr.Hint)
		}
		out[name] = compiled
	}
	return out
}

func (p *parser) sites(at *yaml.Node, s *fileSpec, n *Network, profiles map[string]*profile.Profile) {
	if len(s.Sites) == 0 {
		p.fault(at, "sites: at least one site is required", "")
	}
	for name, spec := range s.Sites {
		node := child(at, name)
		if !siteName.MatchString(name) {
			p.fault(node, fmt.Sprintf("site %q: a name has lower-case letters, digits and hyphens", name), "")
		}
		prof, ok := profiles[spec.Profile]
		if !ok && spec.Profile == "" {
			p.fault(node, "site "+name+": profile is required", "")
		} else if !ok && len(s.Profiles) > 0 {
			if _, known := s.Profiles[spec.Profile]; !known {
				p.fault(child(node, "profile"), fmt.Sprintf("site %s: there is no profile %q", name, spec.Profile), nearest(spec.Profile, s.Profiles))
			}
		}
		site := Site{Name: request.Site(name), Profile: prof, Listen: p.listen(child(node, "listen"), name+".listen", spec.Listen),
			Hours: spec.Hours, Holidays: spec.Holidays,
			Store: spec.Store, Credentials: upstream.Credentials{Bearer: spec.Credentials.Bearer, Headers: spec.Credentials.Headers}}
		if b := spec.Credentials.Basic; b.Username != "" {
			site.Credentials.Basic = &upstream.Basic{Username: b.Username, Password: b.Password}
		}
		if spec.Credentials.Login != nil {
			p.fault(child(node, "credentials", "login"), "credentials.login is not supported by this version", "use basic, bearer or headers")
		}
		if spec.TLS != (tlsSpec{}) {
			p.fault(child(node, "tls"), "tls on the client side is not supported by this version", "put a TLS proxy before the gateway")
		}
		site.Upstream = p.url(child(node, "upstream"), name+".upstream", spec.Upstream)
		site.Peer.Listen = p.listen(child(node, "peer", "listen"), name+".peer.listen", spec.Peer.Listen)
		site.Peer.URL = p.url(child(node, "peer", "url"), name+".peer.url", spec.Peer.URL)
		site.Admin.Listen = p.listen(child(node, "admin", "listen"), name+".admin.listen", spec.Admin.Listen)
		site.Admin.Token = Secret(spec.Admin.Token)
		if site.Admin.Token == "" && !loopback(spec.Admin.Listen) && spec.Admin.Listen != "" {
			p.fault(child(node, "admin"), "site "+name+": an admin address that is not loopback needs a token", "admin: {listen: …, token: ${ADMIN_TOKEN}}")
		}
		if site.Store == "" {
			site.Store = "file:data/" + name
		}
		if !strings.HasPrefix(site.Store, "file:") && !strings.HasPrefix(site.Store, "redis") {
			p.fault(child(node, "store"), fmt.Sprintf("store %q is none that is known", site.Store), "file:PATH, redis://HOST:PORT/DB, rediss://, redis+sentinel://, redis+cluster://")
		}
		site.Timezone = time.UTC
		if spec.Timezone != "" {
			loc, err := time.LoadLocation(spec.Timezone)
			if err != nil {
				p.fault(child(node, "timezone"), fmt.Sprintf("there is no time zone %q", spec.Timezone), "names are like Europe/Paris")
			} else {
				site.Timezone = loc
			}
		}
		for i, day := range spec.Holidays {
			if _, err := time.Parse(time.DateOnly, day); err != nil {
				p.fault(item(child(node, "holidays"), i), fmt.Sprintf("%q is not a date", day), "2026-12-25")
			}
		}
		n.Sites[site.Name] = site
	}
}

func (p *parser) listen(at *yaml.Node, key, s string) string {
	if s == "" {
		p.fault(at, key+" is required", "an address such as 127.0.0.1:8001")
		return s
	}
	if _, port, err := net.SplitHostPort(s); err != nil || port == "" {
		p.fault(at, fmt.Sprintf("%s: %q is not an address", key, s), "HOST:PORT, such as 127.0.0.1:8001")
	}
	return s
}

func (p *parser) url(at *yaml.Node, key, s string) *url.URL {
	if s == "" {
		p.fault(at, key+" is required", "http://HOST:PORT")
		return &url.URL{}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		p.fault(at, fmt.Sprintf("%s: %q is not a URL of http or https", key, s), "http://HOST:PORT")
		return &url.URL{}
	case u.User != nil:
		p.fault(at, key+": a URL holds no user name or password", "use credentials:")
	case u.RawQuery != "" || u.Fragment != "":
		p.fault(at, key+": a URL with a query or fragment makes no sense here", "")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsLinkLocalUnicast() {
		p.fault(at, key+": link-local addresses are refused", "")
	}
	return u
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	return loopbackHost(host)
}

func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// addresses finds what two sites must not share, gateways that would call themselves, and peers without protection.
func (p *parser) addresses(at *yaml.Node, n *Network) {
	taken := map[string]string{}
	stores := map[string]string{}
	for _, name := range sorted(n.Sites) {
		s := n.Sites[name]
		node := child(at, string(name))
		for _, a := range []struct{ key, addr string }{{"listen", s.Listen}, {"peer.listen", s.Peer.Listen}, {"admin.listen", s.Admin.Listen}} {
			if a.addr == "" || strings.HasSuffix(a.addr, ":0") {
				continue
			}
			if other, twice := taken[a.addr]; twice {
				p.fault(child(node, strings.Split(a.key, ".")...), fmt.Sprintf("%s.%s: %s is already %s", name, a.key, a.addr, other), "")
			}
			taken[a.addr] = string(name) + "." + a.key
		}
		if strings.HasPrefix(s.Store, "file:") {
			if other, twice := stores[s.Store]; twice {
				p.fault(child(node, "store"), fmt.Sprintf("%s: store %s is already that of %s", name, s.Store, other), "")
			}
			stores[s.Store] = string(name)
		}
		if n.Security.PeerKey == "" && s.Peer.URL.Host != "" && !loopbackHost(s.Peer.URL.Hostname()) {
			p.fault(child(node, "peer", "url"), fmt.Sprintf("%s: a peer that is not on this machine needs protection", name), "security: {peer_key: ${MERIDIAN_PEER_KEY}}")
		}
	}
	for _, name := range sorted(n.Sites) {
		if other, ok := taken[n.Sites[name].Upstream.Host]; ok {
			p.fault(child(at, string(name), "upstream"), fmt.Sprintf("%s.upstream is %s, an address of a gateway: calls would go in a circle", name, other), "")
		}
	}
}

func sorted[V any](m map[request.Site]V) []request.Site {
	var out []request.Site
	for k := range m {
		out = append(out, k)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

func (p *parser) routes(at *yaml.Node, s *fileSpec, n *Network) {
	names := map[string]bool{}
	for i, r := range s.Routes {
		node := item(at, i)
		if r.Name == "" {
			p.fault(node, fmt.Sprintf("route %d: name is required", i+1), "")
		} else if names[r.Name] {
			p.fault(child(node, "name"), fmt.Sprintf("route %q is there twice", r.Name), "")
		}
		names[r.Name] = true
		n.Routes = append(n.Routes, p.route(node, r, s, n))
	}
	if len(p.faults) > 0 {
		return
	}
	table, problems := routing.Compile(n.Routes, sorted(n.Sites))
	for _, pr := range problems {
		when := child(item(at, pr.Route), "when")
		pos := *when
		if when.Style == 0 {
			pos.Column += pr.Offset
		} else if when.Style == yaml.DoubleQuotedStyle || when.Style == yaml.SingleQuotedStyle {
			pos.Column += pr.Offset + 1
		}
		p.fault(&pos, fmt.Sprintf("route %s: %s", n.Routes[pr.Route].Name, pr.Message), pr.Hint)
	}
	n.Table = table
}

func (p *parser) route(at *yaml.Node, r routeSpec, s *fileSpec, n *Network) routing.Route {
	out := routing.Route{Name: r.Name, Collection: r.Collection, When: r.When}
	if r.Collection != "" && !p.hasCollection(n, r.Collection) {
		p.fault(child(at, "collection"), fmt.Sprintf("route %s: no profile has a collection %q", r.Name, r.Collection), "")
	}
	for i, ev := range r.On {
		p.oneOf(item(child(at, "on"), i), "on", ev, "", "create", "update", "delete", "arrive", "returned")
		out.On = append(out.On, routing.Event(ev))
	}
	out.At = p.siteList(child(at, "at"), r.At, n)
	actions := 0
	for _, a := range []struct {
		key  string
		spec *actionSpec
		out  **routing.Action
	}{{"transfer", r.Transfer, &out.Transfer}, {"copy", r.Copy, &out.Copy}, {"return", r.Return, &out.Return}, {"archive", r.Archive, &out.Archive}, {"delete", r.Delete, &out.Delete}} {
		node := child(at, a.key)
		if a.spec == nil {
			continue
		}
		actions++
		*a.out = p.action(node, a.key, *a.spec, r, s, n)
	}
	if actions == 0 {
		p.fault(at, "route "+r.Name+": it has no action", "transfer, copy, return, archive or delete")
	}
	if r.Schedule == nil && len(r.On) == 0 {
		p.fault(at, "route "+r.Name+": on (or a schedule) is required", "on: [create, update]")
	}
	if sc := r.Schedule; sc != nil {
		out.Schedule = &routing.Schedule{Cron: sc.Cron, In: sc.In, At: sc.At, Of: sc.Of, CatchUp: sc.CatchUp, SkipHolidays: sc.SkipHolidays,
			Every: p.duration(child(at, "schedule", "every"), sc.Every, 0)}
		p.warn(child(at, "schedule"), "route "+r.Name+": schedules are not acted on by this version")
	}
	if out.Return != nil || out.Archive != nil || out.Delete != nil {
		p.warn(at, "route "+r.Name+": return, archive and delete are not acted on by this version")
	}
	if out.Transfer != nil && slices.ContainsFunc(out.On, func(e routing.Event) bool { return e != routing.Create }) {
		p.warn(child(at, "on"), "route "+r.Name+": this version transfers a request when it is created; later events do not move it yet")
	}
	return out
}

func (p *parser) hasCollection(n *Network, name string) bool {
	for _, s := range n.Sites {
		if s.Profile != nil && s.Profile.Collections[name] != nil {
			return true
		}
	}
	return len(n.Sites) == 0
}

func (p *parser) siteList(at *yaml.Node, names []string, n *Network) []request.Site {
	var out []request.Site
	for i, s := range names {
		if _, ok := n.Sites[request.Site(s)]; !ok {
			p.fault(item(at, i), fmt.Sprintf("there is no site %q", s), nearest(s, plainNames(n)))
		}
		out = append(out, request.Site(s))
	}
	return out
}

func plainNames(n *Network) map[string]bool {
	out := map[string]bool{}
	for s := range n.Sites {
		out[string(s)] = true
	}
	return out
}

func (p *parser) action(at *yaml.Node, key string, a actionSpec, r routeSpec, s *fileSpec, n *Network) *routing.Action {
	out := &routing.Action{Window: a.Window, Match: a.Match, Duplicate: a.Duplicate, Copies: a.Copies,
		Mode:        p.oneOf(child(at, "mode"), "mode", a.Mode, "", "ownership", "data", "independent", "move"),
		Forward:     p.oneOf(child(at, "forward"), "forward", a.Forward, "now", "now", "later"),
		Unreachable: p.oneOf(child(at, "unreachable"), "unreachable", a.Unreachable, n.Defaults.Unreachable, "accept", "refuse"),
		Writes:      p.oneOf(child(at, "writes"), "writes", a.Writes, n.Defaults.Writes, "forward", "refuse", "queue"),
		OnDelete:    p.oneOf(child(at, "on_delete"), "on_delete", a.OnDelete, n.Defaults.OnDelete, "cascade", "keep"),
		Update:      a.Update, Pool: a.Pool, Keep: p.siteList(child(at, "keep"), a.Keep, n)}
	if _, ok := s.Pools[a.Pool]; a.Pool != "" && !ok {
		p.fault(child(at, "pool"), fmt.Sprintf("there is no pool %q", a.Pool), nearest(a.Pool, s.Pools))
	}
	if a.Update != "" && a.Update != "immediate" || a.Window != "" {
		p.warn(at, "route "+r.Name+": update timing other than immediate is not acted on by this version")
	}
	if len(a.Match) > 0 || a.Duplicate != "" {
		p.warn(at, "route "+r.Name+": match and duplicate are not acted on by this version")
	}
	if a.Mode == "independent" || a.Mode == "move" {
		p.warn(at, "route "+r.Name+": mode "+a.Mode+" is not acted on by this version; the copy stays linked")
	}
	switch to := child(at, "to"); {
	case slices.Equal(a.To, []string{"all"}) && key == "copy":
		out.All = true
	case len(a.To) == 0 && (key == "transfer" || key == "copy" || key == "archive"):
		p.fault(at, fmt.Sprintf("route %s: %s needs a site", r.Name, key), "to: SITE")
	case len(a.To) > 1 && key != "copy":
		p.fault(to, fmt.Sprintf("route %s: %s goes to one site", r.Name, key), "")
	default:
		if len(a.To) == 1 && to.Kind == yaml.ScalarNode {
			to = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{to}}
		}
		out.To = p.siteList(to, a.To, n)
	}
	return out
}

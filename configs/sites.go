package configs

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/schedule"
)

func (p *parser) sites(root *yaml.Node, s *fileSpec, n *Network, d profiled) {
	at := child(root, "sites")
	if len(s.Sites) == 0 {
		p.fault(keyed(root, "sites"), "sites: at least one site is required", "sites: {chicago: {profile: …, upstream: …, listen: …}}")
	}
	if len(s.Profiles) == 0 {
		p.fault(keyed(root, "profiles"), "profiles: at least one profile is required", "profiles: {helpdesk: {preset: rest, collections: {tickets: {path: /tickets}}}}")
	}
	for _, kv := range pairs(at) {
		name := kv.key.Value
		spec, ok := s.Sites[name]
		if !ok || n.Sites[request.Site(name)].Name != "" {
			continue // a fault is there already
		}
		if !siteName.MatchString(name) {
			p.fault(kv.key, fmt.Sprintf("site %q: a name has lower-case letters, digits and hyphens", clip(name)), "as in san-francisco")
		}
		if name == "all" {
			p.fault(kv.key, `site "all": the name means all sites in routes`, "give it another name")
		}
		n.Order = append(n.Order, request.Site(name))
		one := p.site(kv.value, kv.key, spec, d)
		one.StoreDown = cmp.Or(one.StoreDown, n.Defaults.StoreDown)
		n.Sites[request.Site(name)] = one
		if spec.Profile != "" && s.Profiles != nil {
			if _, known := s.Profiles[spec.Profile]; !known {
				p.fault(child(kv.value, "profile"), fmt.Sprintf("site %s: there is no profile %q", name, clip(spec.Profile)),
					Nearest(spec.Profile, slices.Collect(maps.Keys(s.Profiles))))
			}
		}
	}
}

// site checks what a site says by itself; key is where its name is.
func (p *parser) site(node, key *yaml.Node, spec siteSpec, d profiled) Site {
	name := key.Value
	if deref(node).Kind != yaml.MappingNode {
		node = key
	}
	if spec.Profile == "" {
		p.fault(key, "site "+name+": profile is required", "profile: NAME, one of those under profiles")
	}
	r := required{p, node, key, name}
	tuned := p.tuned(node, name, spec, d.compiled[spec.Profile])
	out := Site{Name: request.Site(name), Profile: tuned,
		Upstream: r.url(spec.Upstream, "http://127.0.0.1:9001", "upstream"),
		Listen:   r.listen(spec.Listen, "127.0.0.1:8001", "listen"),
		Hosts:    p.hosts(child(node, "hosts"), name, spec.Hosts),
		Peer: Peer{Listen: r.listen(spec.Peer.Listen, "127.0.0.1:8101", "peer", "listen"),
			URL: r.url(spec.Peer.URL, "http://127.0.0.1:8101", "peer", "url")},
		Admin:       Admin{Listen: r.listen(spec.Admin.Listen, "127.0.0.1:8201", "admin", "listen"), Token: Secret(spec.Admin.Token), ViewToken: Secret(spec.Admin.ViewToken)},
		Credentials: p.credentials(node, key, spec, d),
		Store:       p.store(child(node, "store"), name, spec.Store),
		Journal:     spec.Journal,
		StoreDown:   p.oneOf(child(node, "store_down"), name+".store_down", spec.StoreDown, "", "refuse", "pass"),
		Debts:       spec.Debts,
		Timezone:    p.zone(child(node, "timezone"), name+".timezone", spec.Timezone),
		Hours:       p.hours(child(node, "hours"), name+".hours", spec.Hours),
		Holidays:    p.holidays(child(node, "holidays"), name+".holidays", spec.Holidays)}
	if len(out.Hours) > 0 || len(out.Holidays) > 0 {
		if c, err := schedule.NewCalendar(out.Hours, out.Holidays, out.Timezone); err == nil { // else it is a fault already
			out.Calendar = c
		}
	}
	if path := out.Peer.URL.Path; path != "" && path != "/" {
		p.fault(child(node, "peer", "url"), name+".peer.url: a path makes no sense here", "http://HOST:PORT")
	}
	out.TLS = p.pair(child(node, "tls"), name+".tls", spec.TLS)
	out.Admin.TLS = p.pair(child(node, "admin", "tls"), name+".admin.tls", spec.Admin.TLS)
	if spec.Admin.Token == "" && !p.broken[child(node, "admin", "token")] && spec.Admin.Listen != "" && !loopback(spec.Admin.Listen) {
		p.fault(child(node, "admin", "listen"), name+".admin: an address that is not loopback needs a token", `admin: {listen: …, token: "${ADMIN_TOKEN}"}`)
	}
	switch {
	case spec.Admin.ViewToken != "" && spec.Admin.Token == "":
		p.fault(child(node, "admin", "view_token"), name+".admin: without a token everybody may do everything, and view_token means nothing", `admin: {token: "${ADMIN_TOKEN}", view_token: "${VIEW_TOKEN}"}`)
	case spec.Admin.ViewToken != "" && spec.Admin.ViewToken == spec.Admin.Token && spec.Admin.Token != Unknown:
		p.fault(child(node, "admin", "view_token"), name+".admin: token and view_token are the same", "two different texts")
	}
	return out
}

// pair reads the certificate of a listener.
func (p *parser) pair(at *yaml.Node, key string, s siteTLSSpec) TLS {
	if (s.Cert == "") != (s.Key == "") {
		p.fault(at, key+" needs a certificate and its key", "tls: {cert: chicago.pem, key: chicago.key}")
	}
	return TLS{Cert: s.Cert, Key: s.Key}
}

// tuned is the site's profile with what the site says of its own API.
func (p *parser) tuned(node *yaml.Node, name string, s siteSpec, of *profile.Profile) *profile.Profile {
	var own profile.Profile
	if of != nil {
		own = *of
	}
	own.Timeout = p.duration(child(node, "timeout"), name+".timeout", s.Timeout, own.Timeout)
	// A call that may take longer may also take effect later.
	own.Quiescence = p.duration(child(node, "quiescence"), name+".quiescence", s.Quiescence, max(own.Quiescence, own.Timeout))
	if r := p.rate(child(node, "rate"), name+".rate", s.Rate); r > 0 {
		own.Rate = r
	}
	if value(node, "parallel") != nil {
		if own.Parallel = s.Parallel; s.Parallel < 1 {
			p.fault(child(node, "parallel"), fmt.Sprintf("%s.parallel: %d is not 1 or more", name, s.Parallel), "")
		}
	}
	if of == nil {
		return nil
	}
	return &own
}

// store is where a site keeps what must survive. A Redis may have its password in the URL: there is no other place for it.
func (p *parser) store(at *yaml.Node, name, s string) string {
	const hint = "file:PATH, redis://HOST:PORT/DB, rediss://…, redis+sentinel://… or redis+cluster://…"
	if s == "" {
		return "file:data/" + name
	}
	if path, ok := strings.CutPrefix(s, "file:"); ok {
		if path == "" {
			p.fault(at, name+".store: file: needs a path", "file:data/"+name)
		}
		return s
	}
	u, err := url.Parse(s)
	switch {
	case err != nil: // whose text may hold a password
		p.fault(at, name+".store is not a URL", hint)
	case !slices.Contains([]string{"redis", "rediss", "redis+sentinel", "redis+cluster"}, u.Scheme):
		p.fault(at, fmt.Sprintf("%s.store: %q is none of the kinds of store", name, clip(u.Scheme)), hint)
	case u.Host == "":
		p.fault(at, name+".store: the URL has no host", hint)
	}
	return s
}

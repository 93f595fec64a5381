package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

// required reads addresses that a site must have.
type required struct {
	p         *parser
	node, key *yaml.Node // the site and its name
	site      string
}

// missing faults an address that is not there, at the innermost mapping that is.
func (r required) missing(path []string, example string) {
	at := r.key
	if r.p.broken[deref(child(r.node, path...))] {
		return
	}
	if len(path) > 1 && value(r.node, path[0]) != nil {
		at = keyed(r.node, path[0])
	}
	r.p.fault(at, fmt.Sprintf("site %s: %s is required", r.site, strings.Join(path, ".")), "such as "+example)
}

func (r required) listen(s, example string, path ...string) string {
	if s == "" {
		r.missing(path, example)
		return ""
	}
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || n < 0 || n > 65535 || strings.ContainsAny(host, "/ ") {
		r.p.fault(child(r.node, path...), fmt.Sprintf("%s.%s: %q is not an address", r.site, strings.Join(path, "."), clip(s)), "HOST:PORT, such as "+example)
	}
	return s
}

// url is never nil; with a fault it is empty.
func (r required) url(s, example string, path ...string) *url.URL {
	none := &url.URL{}
	if s == "" {
		r.missing(path, example)
		return none
	}
	key := r.site + "." + strings.Join(path, ".")
	u, err := url.Parse(s)
	var message, hint string
	switch {
	case err != nil: // whose text may hold a password
		message, hint = "this is not a URL", "http://HOST:PORT"
	case u.User != nil:
		message, hint = "a URL holds no user name or password", "write them under credentials"
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		message, hint = fmt.Sprintf("%q is not a URL of http or https", clip(s)), "such as "+example
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		message = "a URL with a query or a fragment makes no sense here"
	case badPort(u.Port()):
		message = "the port is not from 1 to 65535"
	default:
		message, hint = badHost(u.Hostname())
	}
	if message != "" {
		r.p.fault(child(r.node, path...), key+": "+message, hint)
		return none
	}
	return u
}

func badPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port != "" && (err != nil || n < 1 || n > 65535)
}

// badHost refuses hosts behind which clouds keep their secrets, and ways of writing addresses that could hide them.
func badHost(host string) (message, hint string) {
	lower := strings.TrimSuffix(strings.ToLower(host), ".")
	if lower == "metadata.google.internal" || lower == "metadata" || lower == "instance-data" {
		return "the metadata service of a cloud is refused", ""
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		last := lower[strings.LastIndexByte(lower, '.')+1:]
		if _, err := strconv.ParseUint(last, 0, 64); err == nil || lower == "" {
			return fmt.Sprintf("%q is not an address", clip(host)), "write it as four decimal numbers, as in 192.0.2.1"
		}
		return "", ""
	}
	switch ip = ip.Unmap().WithZone(""); {
	case ip.IsLinkLocalUnicast(), ip == netip.MustParseAddr("fd00:ec2::254"), ip == netip.MustParseAddr("100.100.100.200"):
		return "link-local addresses and the metadata services of clouds are refused", ""
	case ip.IsMulticast(), ip.IsUnspecified():
		return fmt.Sprintf("%s is not the address of one host", host), "127.0.0.1 is this host"
	}
	return "", ""
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && loopbackHost(host)
}

func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// endpoint is an address in one form: localhost is 127.0.0.1, and a listener on all interfaces has no host.
func endpoint(host, port string) string {
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "localhost":
		host = "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		host = ""
	}
	return net.JoinHostPort(strings.ToLower(host), port)
}

func listener(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "0" {
		return ""
	}
	return endpoint(host, port)
}

// target is the endpoint that a URL leads to.
func target(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return endpoint(u.Hostname(), port)
}

// addresses finds what two sites must not share, gateways that would call themselves, and peers without protection.
func (p *parser) addresses(at *yaml.Node, n *Network) {
	w := &addresses{p: p, at: at, listening: map[string]string{}, stores: map[string]string{}, peers: map[string]string{}, upstreams: map[string]string{}}
	for _, name := range n.Order {
		w.own(n.Sites[name])
	}
	for _, name := range n.Order {
		w.protected(n, n.Sites[name])
		w.loop(n, n.Sites[name])
	}
}

// addresses are those seen so far, with the keys they were under.
type addresses struct {
	p                                   *parser
	at                                  *yaml.Node
	listening, stores, peers, upstreams map[string]string
}

// own notes what belongs to one site alone, and faults what another has already.
func (w *addresses) own(s Site) {
	node := child(w.at, string(s.Name))
	take := func(taken map[string]string, what, value string, path ...string) {
		if value == "" || strings.HasPrefix(value, ":") && path[len(path)-1] == "listen" && taken[value] != "" && !strings.HasPrefix(taken[value], string(s.Name)+".") {
			return // every machine has its own :8001
		}
		key := string(s.Name) + "." + strings.Join(path, ".")
		if other, twice := taken[value]; twice {
			hint := ""
			if what == "address" {
				hint = "each gateway on a machine has ports of its own"
			}
			w.p.fault(child(node, path...), fmt.Sprintf("%s: the %s is that of %s too", key, what, other), hint)
			return
		}
		taken[value] = key
	}
	take(w.listening, "address", listener(s.Listen), "listen")
	take(w.listening, "address", listener(s.Peer.Listen), "peer", "listen")
	take(w.listening, "address", listener(s.Admin.Listen), "admin", "listen")
	if strings.HasPrefix(s.Store, "file:") {
		take(w.stores, "store", s.Store, "store")
	}
	if s.Peer.URL.Host != "" {
		take(w.peers, "URL", target(s.Peer.URL), "peer", "url")
	}
	if s.Upstream.Host == "" {
		return
	}
	to := target(s.Upstream) + strings.TrimSuffix(s.Upstream.Path, "/")
	if other, twice := w.upstreams[to]; twice {
		w.p.warn(child(node, "upstream"), fmt.Sprintf("%s.upstream is that of %s too: copies will stand beside the originals", s.Name, other), "")
	}
	w.upstreams[to] = string(s.Name)
}

// protected wants a key where anybody else could reach the gateways.
func (w *addresses) protected(n *Network, s Site) {
	node := child(w.at, string(s.Name))
	if mutual := n.Security.TLS != (TLS{}); s.Peer.URL.Host != "" && mutual != (s.Peer.URL.Scheme == "https") && (mutual || len(n.Security.PeerKeys) == 0) {
		w.p.fault(child(node, "peer", "url"), fmt.Sprintf("%s.peer.url: with security.tls peers are reached by https, without it by http", s.Name), "https://HOST:PORT")
	}
	if len(n.Security.PeerKeys) > 0 || n.Security.TLS != (TLS{}) {
		return
	}
	const hint = `security: {peer_key: "${MERIDIAN_PEER_KEY}"}`
	if s.Peer.Listen != "" && !loopback(s.Peer.Listen) {
		w.p.fault(child(node, "peer", "listen"), fmt.Sprintf("%s.peer.listen: without a key only loopback addresses are accepted", s.Name), hint)
	}
	if s.Peer.URL.Host != "" && !loopbackHost(s.Peer.URL.Hostname()) {
		w.p.fault(child(node, "peer", "url"), fmt.Sprintf("%s.peer.url: without a key only loopback addresses are accepted", s.Name), hint)
	}
}

// loop faults an upstream that is a gateway.
func (w *addresses) loop(n *Network, s Site) {
	if s.Upstream.Host == "" {
		return
	}
	to := target(s.Upstream)
	other := w.listening[to]
	if other == "" {
		other = w.peers[to]
	}
	if _, port, err := net.SplitHostPort(to); err == nil && other == "" && loopbackHost(s.Upstream.Hostname()) {
		other = ownOnAll(s, port)
	}
	if other != "" {
		w.p.fault(child(w.at, string(s.Name), "upstream"), fmt.Sprintf("%s.upstream is %s, the address of a gateway: calls would go in a circle", s.Name, other),
			"the upstream is the site's own request API")
	}
}

// ownOnAll is the listener of a site that listens on all interfaces, this port among them.
func ownOnAll(s Site, port string) string {
	for _, l := range []struct{ key, addr string }{{"listen", s.Listen}, {"peer.listen", s.Peer.Listen}, {"admin.listen", s.Admin.Listen}} {
		if listener(l.addr) == ":"+port {
			return string(s.Name) + "." + l.key
		}
	}
	return ""
}

// sorted lists the sites by name.
func sorted(n *Network) []request.Site {
	return slices.Sorted(slices.Values(n.Order))
}

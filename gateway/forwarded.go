package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// value is the first value of a header whose name is in canonical form.
func value(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// stripInternal removes the headers that only gateways may say to each other, and forwarding headers in the spellings that
// ReverseProxy does not know. CGI-like servers read "_" as "-", so both count.
func stripInternal(h http.Header) {
	for k := range h {
		if internal(k) {
			delete(h, k)
		}
	}
}

// internal reports whether a header name belongs to the gateways: Meridian-*, X-Meridian-* and X-Dso-*, with "-" or "_".
func internal(name string) bool {
	if name == "" {
		return false
	}
	switch name[0] {
	case 'm', 'M':
		return hasPrefix(name, "meridian-")
	case 'x', 'X':
		return hasPrefix(name, "x-meridian-") || hasPrefix(name, "x-dso-")
	}
	return false
}

// hasPrefix ignores case and takes "_" for "-". prefix is in lower case.
func hasPrefix(name, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '_':
			c = '-'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

// forwarded writes the standard proxy headers of a call: Forwarded (RFC 7239), X-Forwarded-For, -Host and -Proto, Via (RFC
// 9110). Via is always added to, since it is how circles are found. The others are added to when the call came from a trusted
// proxy; from anyone else they are replaced, and other X-Forwarded-* headers are removed, so that nobody can claim to be
// somewhere else than they are.
func (f *face) forwarded(h http.Header, in *http.Request) {
	ip := remoteIP(in.RemoteAddr)
	proto := "http"
	if in.TLS != nil {
		proto = "https"
	}
	host := in.Host
	elem := forwardedElement(ip, host, proto)
	via := strconv.Itoa(in.ProtoMajor) + "." + strconv.Itoa(in.ProtoMinor) + " " + f.pseudonym
	if old := h["Via"]; len(old) > 0 {
		via = strings.Join(old, ", ") + ", " + via
	}
	for k := range h {
		if k[0] == 'X' && hasPrefix(k, "x-forwarded-") {
			delete(h, k)
		}
	}
	if len(f.Trusted) > 0 && f.trusts(ip) {
		if old := in.Header["Forwarded"]; len(old) > 0 {
			elem = strings.Join(old, ", ") + ", " + elem
		}
		if old := in.Header["X-Forwarded-For"]; len(old) > 0 {
			ip = strings.Join(old, ", ") + ", " + ip
		}
		for k, v := range in.Header {
			if k[0] == 'X' && hasPrefix(k, "x-forwarded-") && !strings.Contains(k, "_") {
				h[k] = v
			}
		}
		if old := value(in.Header, "X-Forwarded-Host"); old != "" {
			host = old
		}
		if old := value(in.Header, "X-Forwarded-Proto"); old != "" {
			proto = old
		}
	}
	// One allocation for five values.
	v := [...]string{elem, ip, host, proto, via}
	s := v[:]
	h["Forwarded"], h["X-Forwarded-For"], h["X-Forwarded-Host"] = s[0:1:1], s[1:2:2], s[2:3:3]
	h["X-Forwarded-Proto"], h["Via"] = s[3:4:4], s[4:5:5]
}

func (f *face) trusts(ip string) bool {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	a = a.Unmap()
	for _, p := range f.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// remoteIP is the address of a connection's other end without its port and zone, or "unknown".
func remoteIP(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return "unknown"
	}
	host, _, _ = strings.Cut(host, "%")
	return host
}

// forwardedElement is one element of Forwarded. IPv6 addresses and hosts with a port need quotes.
func forwardedElement(ip, host, proto string) string {
	var b strings.Builder
	b.Grow(len(ip) + len(host) + 32)
	b.WriteString("for=")
	if strings.Contains(ip, ":") {
		b.WriteString(`"[` + ip + `]"`)
	} else {
		b.WriteString(ip)
	}
	if host != "" {
		b.WriteString(`;host="`)
		for i := range len(host) {
			if c := host[i]; c == '"' || c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(host[i])
		}
		b.WriteByte('"')
	}
	b.WriteString(";proto=" + proto)
	return b.String()
}

// circular reports whether a gateway is already in the Via headers of a call.
func circular(via []string, pseudonym string) bool {
	for _, line := range via {
		if !strings.Contains(line, pseudonym) {
			continue
		}
		for elem := range strings.SplitSeq(line, ",") {
			_, by, _ := strings.Cut(strings.TrimSpace(elem), " ")
			by, _, _ = strings.Cut(strings.TrimSpace(by), " ") // a comment may follow
			if by == pseudonym {
				return true
			}
		}
	}
	return false
}

// relocate turns a Location that names the upstream into one that names the gateway at scheme and host. Others stay as they are.
func (u *upstream) relocate(loc, scheme, host string) string {
	rest, ours := u.local(loc)
	switch {
	case !ours:
		return loc
	case strings.HasPrefix(loc, "/") && !strings.HasPrefix(loc, "//"):
		return rest
	case host == "":
		return loc
	}
	return scheme + "://" + host + rest
}

// local is the path, query and fragment of a Location at the upstream, below its prefix. It is false for what lies elsewhere
// and for relative ones.
func (u *upstream) local(loc string) (rest string, ok bool) {
	rest = loc
	if i := strings.Index(loc, "//"); i == 0 || i > 0 && loc[i-1] == ':' {
		scheme := strings.ToLower(strings.TrimSuffix(loc[:i], ":"))
		authority := loc[i+2:]
		end := strings.IndexAny(authority, "/?#\\")
		if end < 0 {
			end = len(authority)
		}
		authority, rest = authority[:end], authority[end:]
		if scheme == "" {
			scheme = u.scheme
		}
		if !sameHost(scheme, authority, u.scheme, u.host) {
			return "", false
		}
	} else if !strings.HasPrefix(loc, "/") {
		return "", false
	}
	if u.prefix == "" {
		return rest, true
	}
	below, ok := strings.CutPrefix(rest, u.prefix)
	if !ok || below != "" && !strings.ContainsAny(below[:1], "/?#") {
		return "", false
	}
	return below, true
}

func sameHost(scheme1, host1, scheme2, host2 string) bool {
	return scheme1 == scheme2 && strings.EqualFold(withPort(scheme1, host1), withPort(scheme2, host2))
}

func withPort(scheme, host string) string {
	u := url.URL{Host: host}
	if u.Port() != "" {
		return host
	}
	host = strings.TrimSuffix(host, ":")
	switch scheme {
	case "http":
		return host + ":80"
	case "https":
		return host + ":443"
	}
	return host
}

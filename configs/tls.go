package configs

import (
	"go.yaml.in/yaml/v3"
)

// peerTLS is what gateways show each other and whom they trust.
func (p *parser) peerTLS(at *yaml.Node, s tlsSpec) TLS {
	if s != (tlsSpec{}) && (s.CA == "" || s.Cert == "" || s.Key == "") {
		p.fault(at, "security.tls needs the authorities, a certificate and its key", "tls: {ca: ca.pem, cert: \"{site}.pem\", key: \"{site}.key\"}")
	}
	return TLS{CA: s.CA, Cert: s.Cert, Key: s.Key}
}

// peerKeys reads the keys that gateways share. One that is empty alone is none.
func (p *parser) peerKeys(at *yaml.Node, keys []string) []Secret {
	if len(keys) == 1 && keys[0] == "" {
		if p.broken[deref(at)] || p.broken[deref(item(at, 0))] {
			return []Secret{Unknown} // that it is not known is said already; that there is none need not be
		}
		return nil
	}
	var out []Secret
	for i, k := range keys {
		switch {
		case k == "" && !p.broken[deref(item(at, i))]:
			p.fault(item(at, i), "security.peer_key: one of the keys is empty", "leave it out")
		case len(k) < 32 && k != "":
			p.warn(item(at, i), "security.peer_key is shorter than 32 characters and could be guessed", "openssl rand -hex 32")
		}
		out = append(out, Secret(k))
	}
	return out
}

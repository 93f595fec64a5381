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

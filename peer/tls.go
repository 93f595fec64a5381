package peer

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"

	"github.com/meridian-gateway/meridian/request"
)

// NamesSite reports whether a certificate is that of a site: a DNS name that is the site's name or SITE.NETWORK, or a URI
// meridian://NETWORK/SITE or spiffe://NETWORK/SITE.
func NamesSite(cert *x509.Certificate, site request.Site, network string) bool {
	if site == "" {
		return false
	}
	for _, n := range cert.DNSNames {
		if n == string(site) || network != "" && n == string(site)+"."+network {
			return true
		}
	}
	for _, u := range cert.URIs {
		if (u.Scheme == "meridian" || u.Scheme == "spiffe") && u.Host == network && u.Path == "/"+string(site) {
			return true
		}
	}
	return false
}

// ServerTLS is base for a peer listener with mutual TLS: every caller must show a certificate that roots vouch for. Which site
// it names is checked with each call, by the server with MutualTLS set.
func ServerTLS(base *tls.Config, roots *x509.CertPool) *tls.Config {
	c := base.Clone()
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, roots
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	return c
}

// clientTLS is base for calls to one site. The usual check of host names stays; with mutual it is not enough, since any
// gateway of the network has a good certificate: it must be that of the site that is called.
func clientTLS(base *tls.Config, mutual bool, site request.Site, network, serverName string) *tls.Config {
	if base == nil {
		if !mutual && serverName == "" {
			return nil
		}
		base = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c := base.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	if serverName != "" {
		c.ServerName = serverName
	}
	if !mutual {
		return c
	}
	next := c.VerifyConnection
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.VerifiedChains) == 0 || !NamesSite(s.PeerCertificates[0], site, network) {
			return fmt.Errorf("the certificate is not that of site %s", site)
		}
		if next != nil {
			return next(s)
		}
		return nil
	}
	return c
}

// showsSite checks the certificate of a caller.
func showsSite(r *http.Request, site request.Site, network string) bool {
	return r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && NamesSite(r.TLS.PeerCertificates[0], site, network)
}

package app

import (
	"crypto/tls"

	"github.com/meridian-gateway/meridian/certs"
	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/peer"
)

// certificates are the TLS of this gateway's listeners and of its calls to peers; nil where there is none. The certificates are read
// again when their files change.
type certificates struct {
	clients, admin, peers, calls *tls.Config
	pairs                        []*certs.Pair
}

// openCerts reads the certificates that the network file names for a site.
func (a *App) openCerts(n *configs.Network, site configs.Site) error {
	var err error
	if a.certs.clients, err = a.openDoor(site.TLS); err != nil {
		return err
	}
	if a.certs.admin, err = a.openDoor(site.Admin.TLS); err != nil {
		return err
	}
	t := n.Security.TLS.Of(site.Name)
	if t == (configs.TLS{}) {
		return nil
	}
	pair, err := certs.Open(t.Cert, t.Key)
	if err != nil {
		return err
	}
	roots, err := certs.Roots(t.CA)
	if err != nil {
		return err
	}
	a.certs.peers, a.certs.calls = peer.ServerTLS(pair.Server(), roots), pair.Client(roots)
	a.certs.pairs = append(a.certs.pairs, pair)
	return nil
}

// openDoor is the TLS of a listener that shows a certificate and asks for none; nil without one.
func (a *App) openDoor(t configs.TLS) (*tls.Config, error) {
	if t == (configs.TLS{}) {
		return nil, nil
	}
	pair, err := certs.Open(t.Cert, t.Key)
	if err != nil {
		return nil, err
	}
	a.certs.pairs = append(a.certs.pairs, pair)
	door := pair.Server()
	door.NextProtos = []string{"http/1.1"} // a connection that is looked into cannot be one of HTTP/2
	return door, nil
}

// certProblems say which certificates cannot be renewed, or have expired.
func (a *App) certProblems() (out []string) {
	for _, p := range a.certs.pairs {
		if err := p.Err(); err != nil {
			out = append(out, err.Error())
		}
	}
	return out
}

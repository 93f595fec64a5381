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
	clients, peers, calls *tls.Config
	pairs                 []*certs.Pair
}

// openCerts reads the certificates that the network file names for a site.
func (a *App) openCerts(n *configs.Network, site configs.Site) error {
	if t := site.TLS; t != (configs.TLS{}) {
		pair, err := certs.Open(t.Cert, t.Key)
		if err != nil {
			return err
		}
		a.certs.clients = pair.Server()
		a.certs.clients.NextProtos = []string{"http/1.1"}
		a.certs.pairs = append(a.certs.pairs, pair)
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

// certProblems say which certificates cannot be renewed, or have expired.
func (a *App) certProblems() (out []string) {
	for _, p := range a.certs.pairs {
		if err := p.Err(); err != nil {
			out = append(out, err.Error())
		}
	}
	return out
}

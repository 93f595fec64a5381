package app

import (
	"net/http"
	"sync/atomic"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/replicate"
	"github.com/meridian-gateway/meridian/request"
)

// This file has what of a gateway follows the network file while it runs.

// keys are the keys between gateways, the one that signs first.
func (a *App) keys() [][]byte {
	list := a.network.Load().Security.PeerKeys
	out := make([][]byte, len(list))
	for i, k := range list {
		out[i] = []byte(k.Reveal())
	}
	return out
}

// tokens are those of the admin API.
func (a *App) tokens() gateway.Tokens {
	admin := a.network.Load().Sites[a.site].Admin
	return gateway.Tokens{All: admin.Token.Reveal(), View: admin.ViewToken.Reveal()}
}

// settingsOf is what the engine of a site takes from a network file.
func settingsOf(n *configs.Network, site request.Site) replicate.Settings {
	return replicate.Settings{Sites: n.Order, Profile: n.Sites[site].Profile, Routes: n.Table, Pools: poolsOf(n),
		Writes: n.Defaults.Writes, OnDelete: n.Defaults.OnDelete, Drift: n.Defaults.Drift, Gone: n.Gone}
}

// peersOf is where the other sites' gateways are.
func peersOf(n *configs.Network, self request.Site) map[request.Site]peer.Peer {
	out := make(map[request.Site]peer.Peer, len(n.Sites))
	for name, s := range n.Sites {
		if name != self {
			out[name] = peer.Peer{URL: s.Peer.URL.String()}
		}
	}
	return out
}

// clientFace serves clients by the network file in force; calls that have begun end by the one they began with.
type clientFace struct {
	transport http.RoundTripper
	now       atomic.Pointer[http.Handler]
}

func (f *clientFace) set(h http.Handler) { f.now.Store(&h) }

// ServeHTTP serves one call.
func (f *clientFace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*f.now.Load()).ServeHTTP(w, r)
}

// clientFace is the face for clients by a network file.
func (a *App) clientFace(n *configs.Network) http.Handler {
	site := n.Sites[a.site]
	return gateway.New(gateway.Options{Network: n.Name, Site: a.site, Upstream: site.Upstream, Engine: a.engine, Log: a.log, Transport: a.clients.transport,
		Profile: func() gateway.Matcher { return site.Profile }, Metrics: a.metrics, Tracer: a.tracer, Body: n.Limits.Body, Depth: n.Limits.Depth,
		BodyTimeout: n.Limits.BodyTimeout, Client: gateway.ClientLimit{Parallel: n.Limits.ClientWrites, Rate: n.Limits.ClientRate}, Hosts: site.Hosts, Files: a.files})
}

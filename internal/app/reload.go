package app

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/configs"
)

// Reload takes a changed network file: routes, limits of lag and the hash at once. What a running gateway cannot change (its own
// addresses, profile, upstream, store, the set of sites) refuses the file, and the one in force stays.
func (a *App) Reload(n *configs.Network) error {
	err := a.compatible(n)
	if err != nil {
		a.Refused(err)
		return err
	}
	a.network.Store(n)
	a.engine.SetRoutes(n.Table)
	a.startTimers()
	a.refused.Store(nil)
	a.metrics.Reloaded(true)
	a.log.Info("the network file was taken", zap.String("hash", n.Hash))
	return nil
}

// Refused notes that the network file on disk was not taken; health and metrics show it until one is.
func (a *App) Refused(err error) {
	a.refused.Store(&err)
	a.metrics.Reloaded(false)
	a.log.Error("the network file was not taken; the one in force stays", zap.Error(err))
}

func (a *App) compatible(n *configs.Network) error {
	old := a.network.Load()
	was, now := old.Sites[a.site], n.Sites[a.site]
	switch {
	case n.Name != old.Name:
		return fmt.Errorf("the network is now called %q: restart the gateways", n.Name)
	case len(n.Sites) != len(old.Sites):
		return fmt.Errorf("the set of sites has changed: restart the gateways")
	case now.Upstream == nil || now.Upstream.String() != was.Upstream.String() || now.Store != was.Store || now.Listen != was.Listen ||
		now.Peer.Listen != was.Peer.Listen || now.Admin.Listen != was.Admin.Listen:
		return fmt.Errorf("upstream, store or an address of site %s has changed: restart its gateway", a.site)
	}
	for s := range n.Sites {
		if _, ok := old.Sites[s]; !ok {
			return fmt.Errorf("site %s is new: restart the gateways", s)
		}
	}
	return nil
}

package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// Reload takes a changed network file, all of it or nothing: where something in it cannot change under way the file waits for a restart,
// where a site would be dropped that this one is still bound to it is refused, and in both cases the one in force stays. The error says
// why it was not taken.
func (a *App) Reload(n *configs.Network) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	old := a.network.Load()
	changes := configs.Diff(old, n)
	if why := a.unchangeable(n, changes); len(why) > 0 {
		return a.waits(n, changes, why)
	}
	if err := a.dropped(old, n); err != nil {
		a.Refused(err)
		return err
	}
	if len(changes) == 0 && old.Hash == n.Hash {
		a.file.same()
		a.metrics.Reloaded(true)
		a.log.Info("the network file says what is in force already", zap.String("hash", n.Hash))
		return nil
	}
	if err := a.take(old, n, changes); err != nil {
		a.Refused(err)
		return err
	}
	a.file.took(a.now(), &gateway.ConfigChange{At: a.now(), From: old.Hash, To: n.Hash, Diff: shown(changes)})
	a.feed.Taken(gateway.Taking{Hash: n.Hash, At: a.now()})
	a.metrics.Reloaded(true)
	a.log.Info("the network file was taken", zap.String("hash", n.Hash), zap.String("before", old.Hash), zap.Strings("changes", words(changes)))
	return nil
}

// take puts a file into force. Only the first step can fail. What has begun ends by the file before; sites that are new can be called
// before anything is owed to them.
func (a *App) take(old, n *configs.Network, changes []configs.Change) error {
	if err := a.peers.SetPeers(peersOf(n, a.site)); err != nil {
		return err
	}
	if speaks(changes, a.site) {
		a.reach.set(n.Sites[a.site])
	}
	a.network.Store(n)
	a.metrics.Configured(n.Hash)
	a.engine.Set(settingsOf(n, a.site))
	a.clients.set(a.clientFace(n))
	a.startTimers()
	if gone := slices.DeleteFunc(slices.Clone(n.Gone), func(s request.Site) bool { return slices.Contains(old.Gone, s) }); len(gone) > 0 {
		a.forget(gone)
	}
	return nil
}

// speaks reports whether changes concern how the site's own request API is spoken to.
func speaks(changes []configs.Change, site request.Site) bool {
	return slices.ContainsFunc(changes, func(c configs.Change) bool {
		return strings.HasPrefix(c.What, "profiles") || strings.HasPrefix(c.What, "sites."+string(site)+".")
	})
}

// mostLogged is how many changes go into one line of the log.
const mostLogged = 50

func words(changes []configs.Change) []string {
	var out []string
	for i, c := range changes {
		if i == mostLogged {
			return append(out, fmt.Sprintf("and %d more", len(changes)-i))
		}
		out = append(out, c.String())
	}
	return out
}

// Refused notes that the network file on disk has faults; health and metrics show it until one is taken.
func (a *App) Refused(err error) {
	a.file.refuse(a.now(), err)
	a.feed.Taken(gateway.Taking{Hash: a.network.Load().Hash, At: a.now(), Refused: err.Error()})
	a.metrics.Reloaded(false)
	a.log.Error("the network file was not taken; the one in force stays", zap.Error(err))
}

// unchangeable lists what of a good file cannot change under way.
func (a *App) unchangeable(n *configs.Network, changes []configs.Change) []string {
	now, there := n.Sites[a.site]
	if !there && n.Name == a.network.Load().Name {
		return []string{fmt.Sprintf("site %s is no longer in it: stop this gateway when nothing waits here any more", a.site)}
	}
	var why []string
	for _, c := range configs.NeedsRestart(changes, a.site) {
		why = append(why, c.What)
	}
	if there && a.files == nil && takesFiles(now.Profile) {
		why = append(why, "profiles: the first collection of files")
	}
	return why
}

// waits notes that a good file waits for a restart.
func (a *App) waits(n *configs.Network, changes []configs.Change, why []string) error {
	a.file.wait(&gateway.ConfigPending{At: a.now(), Hash: n.Hash, Diff: shown(changes), NeedsRestart: why})
	err := fmt.Errorf("the network file needs a restart: %s", strings.Join(why, "; "))
	a.feed.Taken(gateway.Taking{Hash: a.network.Load().Hash, At: a.now(), Refused: err.Error()})
	a.metrics.Reloaded(false)
	a.log.Warn("the network file waits for a restart; nothing of it is taken", zap.String("hash", n.Hash), zap.Strings("needs_restart", why),
		zap.Strings("changes", words(changes)))
	return err
}

// tiesTimeout bounds the look through the ledger when a site is dropped from the file.
const tiesTimeout = 2 * time.Minute

// dropped refuses a file that drops a site to which this one is still bound, unless the file says that the site is gone.
func (a *App) dropped(old, n *configs.Network) error {
	var lost []request.Site
	for _, site := range old.Order {
		if _, there := n.Sites[site]; !there && !slices.Contains(n.Gone, site) {
			lost = append(lost, site)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), tiesTimeout)
	defer cancel()
	ties, err := a.engine.TiesTo(ctx, lost)
	if err != nil {
		return fmt.Errorf("it drops %s, and what binds this site to it cannot be looked up: %w", lost[0], err)
	}
	for _, site := range lost {
		if t := ties[site]; !t.None() {
			return fmt.Errorf("it drops site %s, which owns %d requests known here and has not confirmed %d deliveries, with %d hand-overs planned, the first is of request %s: "+
				"bring them to an end first (meridian transfer, meridian deliveries --to %s), or, when the site will not come back, say gone: [%s]",
				site, t.Owned, t.Owed, t.Moving, t.First, site, site)
		}
	}
	return nil
}

// forget cancels what is owed to sites that are gone.
func (a *App) forget(gone []request.Site) {
	ctx, cancel := context.WithTimeout(context.Background(), tiesTimeout)
	defer cancel()
	n, err := a.engine.Forget(ctx, gone)
	if err != nil {
		a.log.Warn("cancelling what is owed to sites that are gone", zap.Error(err))
		return
	}
	a.log.Info("what was owed to sites that are gone is cancelled", zap.Int("deliveries", n))
}

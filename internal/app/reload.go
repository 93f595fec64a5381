package app

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/gateway"
)

// Reload takes a changed network file, all of it or nothing: where something in it cannot change under way the file waits for a restart,
// and the one in force stays. The error says why it was not taken.
func (a *App) Reload(n *configs.Network) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	old := a.network.Load()
	changes := configs.Diff(old, n)
	if err := a.compatible(n, changes); err != nil {
		return err
	}
	if len(changes) == 0 && old.Hash == n.Hash {
		a.file.same()
		a.metrics.Reloaded(true)
		a.log.Info("the network file says what is in force already", zap.String("hash", n.Hash))
		return nil
	}
	a.network.Store(n)
	a.engine.SetRoutes(n.Table)
	a.startTimers()
	a.file.took(a.now(), &gateway.ConfigChange{At: a.now(), From: old.Hash, To: n.Hash, Diff: shown(changes)})
	a.metrics.Reloaded(true)
	a.log.Info("the network file was taken", zap.String("hash", n.Hash), zap.String("before", old.Hash), zap.Strings("changes", words(changes)))
	return nil
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
	a.metrics.Reloaded(false)
	a.log.Error("the network file was not taken; the one in force stays", zap.Error(err))
}

// compatible finds what keeps a good file from being taken, and notes it.
func (a *App) compatible(n *configs.Network, changes []configs.Change) error {
	var why []string
	if _, there := n.Sites[a.site]; !there && n.Name == a.network.Load().Name {
		why = append(why, fmt.Sprintf("site %s is no longer in it: stop this gateway when nothing waits here any more", a.site))
	} else {
		for _, c := range configs.NeedsRestart(changes, a.site) {
			why = append(why, c.What)
		}
		if len(n.Sites) != len(a.network.Load().Sites) {
			why = append(why, "sites")
		}
	}
	if len(why) == 0 {
		return nil
	}
	p := &gateway.ConfigPending{At: a.now(), Hash: n.Hash, Diff: shown(changes), NeedsRestart: why}
	a.file.wait(p)
	a.metrics.Reloaded(false)
	a.log.Warn("the network file waits for a restart; nothing of it is taken", zap.String("hash", n.Hash), zap.Strings("needs_restart", why),
		zap.Strings("changes", words(changes)))
	return fmt.Errorf("the network file needs a restart: %s", strings.Join(why, "; "))
}

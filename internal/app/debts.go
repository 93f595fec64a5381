package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/debts"
)

// openDebts opens the place where writes are remembered that are passed on while the store is away; nil where they are refused and none is
// left from a time when they were passed on.
func (a *App) openDebts(site configs.Site) error {
	path := site.Debts
	if file, ok := strings.CutPrefix(site.Store, "file:"); path == "" && ok {
		path = file + ".debts"
	} else if path == "" {
		path = filepath.Join(filepath.Dir(a.options.ConfigPath), "data", string(site.Name)+".debts")
	}
	if !a.passes(site) && !debts.Left(path) {
		return nil
	}
	s, err := debts.Open(path, debts.Options{Now: a.now})
	if err != nil {
		return fmt.Errorf("store_down: pass needs a folder that the gateway may write to, %s: %w", path, err)
	}
	a.debts = s
	a.onStop("debts", func(context.Context) error { return s.Close() })
	return nil
}

// passes reports whether clients' writes are passed on while the store is away.
func (a *App) passes(site configs.Site) bool { return site.StoreDown == "pass" }

// owing says what of such writes the ledger does not know of yet, for health.
func (a *App) owing() []string {
	n, oldest, trouble := a.engine.Owing()
	a.metrics.Debts(n, sinceOr(oldest))
	var out []string
	if since := a.engine.Away(); !since.IsZero() {
		what := "writes are refused"
		if a.passes(a.network.Load().Sites[a.site]) {
			what = "writes are passed on and remembered"
		}
		out = append(out, "the store does not answer since "+since.UTC().Format(time.RFC3339)+"; "+what)
	}
	if n > 0 {
		out = append(out, fmt.Sprintf("%d writes that were passed on while the store was away are not in the ledger yet; the oldest is of %s", n,
			oldest.UTC().Format(time.RFC3339)))
	}
	if trouble != "" {
		out = append(out, trouble)
	}
	return out
}

// canPass tells whether a site that passes writes on can do so: it is ready also without its store.
func (a *App) canPass() error {
	if why := a.debts.Failing(); why != "" && !a.engine.Away().IsZero() {
		return errors.New(why)
	}
	return nil
}

func sinceOr(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return time.Since(t)
}

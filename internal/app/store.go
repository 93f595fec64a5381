package app

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/embedded"
	"github.com/meridian-gateway/meridian/store/journal"
	"github.com/meridian-gateway/meridian/store/redis"
)

// openStore opens what a store address of the network file names: "file:PATH", or one of the redis forms, with a journal beside it.
func (a *App) openStore(ctx context.Context, site configs.Site, id store.Identity, now func() time.Time) (store.Store, error) {
	scheme, rest, _ := strings.Cut(site.Store, ":")
	switch {
	case a.options.OpenStore != nil:
		return a.options.OpenStore(ctx, site.Store, id, now)
	case scheme == "file":
		return embedded.Open(ctx, rest, id, embedded.Options{Now: now})
	case strings.HasPrefix(scheme, "redis"):
		redis.Silence() // what it would log comes back as errors
		o := redis.Options{Now: now}
		if j := a.openJournal(ctx, site, id); j != nil {
			o.Journal = j
		}
		s, err := redis.Open(ctx, site.Store, id, o)
		if err != nil && o.Journal != nil {
			_ = o.Journal.Close() // nothing was written to it
		}
		return s, err
	}
	return nil, fmt.Errorf("store %q: want file:PATH, redis://, rediss://, redis+sentinel:// or redis+cluster://", site.Store)
}

// openJournal opens this gateway's own copy of what it writes to a Redis. Without it the gateway runs, and says so.
func (a *App) openJournal(ctx context.Context, site configs.Site, id store.Identity) *journal.Journal {
	path := site.Journal
	switch path {
	case "none":
		return nil
	case "":
		path = filepath.Join(filepath.Dir(a.options.ConfigPath), "data", string(site.Name)+".journal")
	}
	j, err := journal.Open(ctx, path, id)
	if err != nil {
		a.log.Warn("no journal: what this gateway writes is in Redis alone, and when Redis loses it, it can only be learned from the other sites and the request API; "+
			"say journal: FOLDER in the network file, a folder that the gateway may write to, or journal: none", zap.String("folder", path), zap.Error(err))
		return nil
	}
	return j
}

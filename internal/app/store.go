package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/embedded"
	"github.com/meridian-gateway/meridian/store/redis"
)

// openStore opens what a store address of the network file names: "file:PATH", or one of the redis forms.
// Now is its clock.
func openStore(ctx context.Context, url string, id store.Identity, now func() time.Time) (store.Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch {
	case scheme == "file":
		return embedded.Open(ctx, rest, id, embedded.Options{Now: now})
	case strings.HasPrefix(scheme, "redis"):
		redis.Silence() // what it would log comes back as errors
		return redis.Open(ctx, url, id, redis.Options{Now: now})
	}
	return nil, fmt.Errorf("store %q: want file:PATH, redis://, rediss://, redis+sentinel:// or redis+cluster://", url)
}

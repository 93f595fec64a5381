package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/embedded"
	"github.com/meridian-gateway/meridian/store/redis"
)

// openStore opens what a store address of the network file names: "file:PATH", or one of the redis forms.
func openStore(ctx context.Context, url string, id store.Identity) (store.Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch {
	case scheme == "file":
		return embedded.Open(ctx, rest, id, embedded.Options{})
	case strings.HasPrefix(scheme, "redis"):
		return redis.Open(ctx, url, id, redis.Options{})
	}
	return nil, fmt.Errorf("store %q: want file:PATH, redis://, rediss://, redis+sentinel:// or redis+cluster://", url)
}

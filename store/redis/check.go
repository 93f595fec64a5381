package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	goredis "github.com/redis/go-redis/v9"
)

// setup is what a server says of itself.
type setup struct {
	info map[string]string // INFO
	conf map[string]string // CONFIG GET; nil where that is forbidden
}

// judge says what is unsafe about a server: warnings to be shown, and reasons not to start.
func (s setup) judge() (warnings, refusals []string) {
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	if s.info["role"] == "slave" {
		refusals = append(refusals, "the Redis server is a replica: it takes no writes; name its master, or use redis+sentinel://")
	}
	version := s.info["redis_version"]
	if major, _ := strconv.Atoi(strings.SplitN(version, ".", 2)[0]); major < 7 {
		refusals = append(refusals, "Redis "+version+" is too old: 7.0 or later is needed")
	}
	if s.info["aof_enabled"] == "0" {
		warn("Redis keeps no append-only file (appendonly no): when it stops, all since the last snapshot is lost; set appendonly yes")
	} else if s.info["aof_last_write_status"] == "err" {
		warn("Redis could not write its append-only file: what it acknowledges now may be lost")
	}
	if s.conf == nil {
		warn("Redis does not show its configuration (CONFIG is forbidden): appendfsync and maxmemory-policy were not verified")
		return warnings, refusals
	}
	switch fsync := s.conf["appendfsync"]; {
	case s.info["aof_enabled"] == "0" || fsync == "always":
	case fsync == "everysec":
		warn("Redis flushes its append-only file once a second (appendfsync everysec): a crash of its machine loses up to 2 seconds of " +
			"acknowledged writes; set appendfsync always where that is too much")
	default:
		warn("Redis leaves flushing to the system (appendfsync %s): a crash of its machine loses up to 30 seconds of acknowledged writes; "+
			"set appendfsync always", fsync)
	}
	if s.conf["no-appendfsync-on-rewrite"] == "yes" {
		warn("Redis does not flush while it rewrites its append-only file (no-appendfsync-on-rewrite yes): set it to no")
	}
	if policy := s.conf["maxmemory-policy"]; policy != "" && policy != "noeviction" {
		refusals = append(refusals, evictionText+policy+"): set noeviction")
	}
	return warnings, refusals
}

// evictionText begins the one refusal that can be allowed.
const evictionText = "Redis deletes keys by itself when its memory is full (maxmemory-policy "

// evictions are the refusals that AllowUnsafe overrides.
func evictions(refusals []string) []string {
	var out []string
	for _, r := range refusals {
		if strings.HasPrefix(r, evictionText) {
			out = append(out, r)
		}
	}
	return out
}

// checkAll asks every master.
func checkAll(ctx context.Context, client goredis.UniversalClient) (warnings, refusals []string, err error) {
	var mu sync.Mutex
	one := func(ctx context.Context, c goredis.Cmdable) error {
		s, err := ask(ctx, c)
		if err != nil {
			return err
		}
		w, r := s.judge()
		mu.Lock()
		defer mu.Unlock()
		warnings, refusals = append(warnings, w...), append(refusals, r...)
		return nil
	}
	if cluster, is := client.(*goredis.ClusterClient); is {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, c *goredis.Client) error { return one(ctx, c) })
	} else {
		err = one(ctx, client)
	}
	slices.Sort(warnings)
	slices.Sort(refusals)
	return slices.Compact(warnings), slices.Compact(refusals), err
}

func ask(ctx context.Context, c goredis.Cmdable) (setup, error) {
	text, err := c.Info(ctx).Result()
	if err != nil {
		return setup{}, err
	}
	s := setup{info: make(map[string]string)}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			s.info[k] = v
		}
	}
	for _, name := range []string{"appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy"} {
		got, err := c.ConfigGet(ctx, name).Result()
		if err != nil {
			if isAnswer(err) {
				return setup{info: s.info}, nil // forbidden
			}
			return setup{}, err
		}
		if s.conf == nil {
			s.conf = make(map[string]string)
		}
		s.conf[name] = got[name]
	}
	return s, nil
}

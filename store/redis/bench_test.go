package redis

import (
	"testing"

	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/redis/redistest"
	"github.com/meridian-gateway/meridian/store/storetest"
)

func BenchmarkStore(b *testing.B) {
	for _, fsync := range []string{"always", "everysec"} {
		b.Run("appendfsync="+fsync, func(b *testing.B) {
			url := redistest.Start(b, "--appendonly", "yes", "--appendfsync", fsync)
			storetest.Benchmark(b, func(b *testing.B) store.Store {
				s := mustOpen(b, url, mine)
				if err := s.client.FlushAll(b.Context()).Err(); err != nil {
					b.Fatal(err)
				}
				return s
			})
		})
	}
}

func BenchmarkClaim(b *testing.B) {
	storetest.BenchmarkClaim(b, func(b *testing.B) store.Store {
		return mustOpen(b, redistest.Start(b, "--appendonly", "yes", "--appendfsync", "everysec"), mine)
	})
}

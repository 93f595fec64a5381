package embedded

import (
	"testing"

	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) store.Store { return mustOpen(b, b.TempDir()) })
}

func BenchmarkClaim(b *testing.B) {
	storetest.BenchmarkClaim(b, func(b *testing.B) store.Store { return mustOpen(b, b.TempDir()) })
}

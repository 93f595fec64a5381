package memory_test

import (
	"testing"

	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/memory"
	"github.com/meridian-gateway/meridian/store/storetest"
)

// TestContract runs the suite. There is nothing to open again: what is "reopened" is the same store, with its leases.
func TestContract(t *testing.T) {
	storetest.Exercise(t, func(*testing.T) (store.Store, func() store.Store) {
		s := &memory.Store{}
		return s, func() store.Store { return s }
	})
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(*testing.B) store.Store { return &memory.Store{} })
}

func BenchmarkClaim(b *testing.B) {
	storetest.BenchmarkClaim(b, func(*testing.B) store.Store { return &memory.Store{} })
}

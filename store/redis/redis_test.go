package redis

import (
	"testing"

	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/redis/redistest"
	"github.com/meridian-gateway/meridian/store/storetest"
)

var mine = store.Identity{Network: "net", Site: "rome", Upstream: "http://rome.example"}

func mustOpen(t testing.TB, url string, id store.Identity) *Store {
	t.Helper()
	return mustOpenWith(t, url, id, Options{})
}

func mustOpenWith(t testing.TB, url string, id store.Identity, o Options) *Store {
	t.Helper()
	s, err := openStore(t.Context(), url, id, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestContract(t *testing.T) { contract(t, true) }

// TestContractByPartition runs the suite in the way of a cluster, where no script may touch two partitions.
func TestContractByPartition(t *testing.T) {
	if testing.Short() {
		t.Skip("the contract once more: skipped by -short")
	}
	contract(t, false)
}

func contract(t *testing.T, single bool) {
	storetest.Exercise(t, func(t *testing.T) (store.Store, func() store.Store) {
		url := redistest.Start(t)
		s := mustOpenWith(t, url, mine, Options{apart: !single})
		return s, func() store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = mustOpenWith(t, url, mine, Options{apart: !single})
			return s
		}
	})
}

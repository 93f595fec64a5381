package embedded

import (
	"testing"

	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/storetest"
)

var mine = store.Identity{Network: "net", Site: "rome", Upstream: "http://rome.example"}

func mustOpen(t testing.TB, path string) *Store {
	t.Helper()
	s, err := openStore(t.Context(), path, mine, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestContract(t *testing.T) {
	storetest.Exercise(t, func(t *testing.T) (store.Store, func() store.Store) {
		path := t.TempDir()
		s := mustOpen(t, path)
		return s, func() store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = mustOpen(t, path)
			return s
		}
	})
}

package replicate

import (
	"context"
	"errors"

	"github.com/meridian-gateway/meridian/store"
)

// Commit stores nothing once the process is dead.
func (s *crashing) Commit(ctx context.Context, tx store.Tx) (uint64, error) {
	if !s.commitAllowed() {
		return 0, errors.New("the process is dead")
	}
	return s.Store.Commit(ctx, tx)
}

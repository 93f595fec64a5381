package replicate

import (
	"context"
	"testing"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// failing is a ledger that answers the first look-up and fails from then on, as one does whose server dies in between.
type failing struct {
	Ledger
	asked int
}

func (f *failing) Lookup(context.Context, string, store.Link) (store.Record, error) {
	if f.asked++; f.asked == 1 {
		return store.Record{}, store.ErrNotFound
	}
	return store.Record{}, &request.Error{Op: "store.Lookup", Kind: request.StoreDown}
}

// A store that fails in the middle of finding out which request is meant does not make it unknown.
func TestLocateWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"oslo:17", "rome:17"} {
		ledger := &failing{}
		g := New(Options{Self: "oslo", Sites: []request.Site{"oslo", "rome"}, Profile: &profile.Profile{}, Ledger: ledger})
		if _, err := g.locate(t.Context(), "tickets", id); request.KindOf(err) != request.StoreDown || ledger.asked != 2 {
			t.Errorf("%s: %v after %d look-ups, want the store's error", id, err, ledger.asked)
		}
	}
}

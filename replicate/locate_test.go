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

// unknown is a ledger that knows nothing.
type unknown struct{ Ledger }

func (unknown) Lookup(context.Context, string, store.Link) (store.Record, error) {
	return store.Record{}, store.ErrNotFound
}

func (unknown) Read(context.Context, request.ID) (store.Record, error) {
	return store.Record{}, store.ErrNotFound
}

// named are peers of which one knows the request; how they answer who its holders are is given.
type named struct {
	Peers
	holders map[request.Site]error
}

func (named) Resolve(context.Context, request.Site, string, request.Site, string) (request.ID, error) {
	return "01M85Q1QH10FBQKYNTEWVX3J5Z", nil
}

func (n named) Holders(_ context.Context, to request.Site, _ request.ID, _ request.Version) ([]request.Delivery, error) {
	return nil, n.holders[to]
}

// A request of another site is unknown here when its owner says that it is not to come, or no site has it: not when nobody can say.
func TestLocateWhileTheOwnerCannotSay(t *testing.T) {
	t.Parallel()
	no, not := &request.Error{Kind: request.NotFound}, &request.Error{Kind: request.NotYet}
	for _, x := range []struct {
		oslo, lima error
		want       request.ErrKind
	}{
		{nil, no, request.NotFound},
		{not, nil, request.NotFound},
		{no, not, request.NotFound},
		{nil, &request.Error{Kind: request.OwnerUnreachable}, request.NotFound},
		{&request.Error{Kind: request.OwnerUnreachable}, nil, request.NotFound},
		{&request.Error{Kind: request.StoreDown}, no, request.OwnerUnreachable},
		{&request.Error{Kind: request.OwnerUnreachable}, not, request.OwnerUnreachable},
		{not, &request.Error{Kind: request.Doubtful}, request.OwnerUnreachable},
	} {
		g := New(Options{Self: "rome", Sites: []request.Site{"lima", "oslo", "rome"}, Profile: &profile.Profile{}, Ledger: unknown{},
			Peers: named{holders: map[request.Site]error{"oslo": x.oslo, "lima": x.lima}}})
		if _, err := g.locate(t.Context(), "tickets", "oslo:17"); request.KindOf(err) != x.want {
			t.Errorf("oslo says %v, lima %v: %v, want %s", x.oslo, x.lima, err, x.want)
		}
	}
}

package peer

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

// What a site knows travels whole, in order, and with its refusals.
func TestViewsTravelWhole(t *testing.T) {
	t.Parallel()
	a, b := gid, request.ID("01ZZZZZZZZZZZZZZZZZZZZZZZZ")
	v := request.Version{Epoch: request.Epoch{Num: 2, Site: "oslo"}, Seq: 7}
	views := request.Views{Life: "l2", After: b, List: []request.View{
		{Snapshot: request.Snapshot{ID: a, Collection: "tickets", Version: v, Owner: "oslo", Locals: map[request.Site]string{"rome": "3"}}, Site: "rome", Role: request.Copy,
			Fence: v.Epoch, Holds: true, Local: "17"},
		{Snapshot: request.Snapshot{ID: b, Collection: "tickets", Deleted: true}, Site: "rome", Role: request.Granting, Grant: request.Epoch{Num: 3, Site: "oslo"}},
	}}
	var asked request.RejoinAsk
	f := &fake{rejoin: func(from request.Site, in request.RejoinAsk) (request.Views, error) {
		if asked = in; from != "oslo" {
			t.Errorf("from %s", from)
		}
		return views, nil
	}}
	srv := httptest.NewServer(NewServer(f, romeOptions()))
	defer srv.Close()
	c := client(t, osloOptions(srv.URL))
	ask := request.RejoinAsk{Life: "l1", After: a, Limit: 5}
	got, err := c.Rejoin(t.Context(), "rome", ask)
	if err != nil || cmp.Diff(views, got) != "" || cmp.Diff(ask, asked) != "" {
		t.Errorf("%v\n%s\n%s", err, cmp.Diff(views, got), cmp.Diff(ask, asked))
	}
	views.List[0], views.List[1] = views.List[1], views.List[0]
	if _, err := c.Rejoin(t.Context(), "rome", ask); err == nil || !strings.Contains(err.Error(), "order") {
		t.Errorf("views out of order: %v", err)
	}
	f.rejoin = func(request.Site, request.RejoinAsk) (request.Views, error) {
		return request.Views{}, &request.Error{Op: "x", Kind: request.Rejoining, Detail: "rome is rebuilding its own store"}
	}
	if _, err := c.Rejoin(t.Context(), "rome", ask); request.KindOf(err) != request.Rejoining {
		t.Errorf("a refusal came as %v", err)
	}
	for _, bad := range []request.RejoinAsk{{}, {Life: strings.Repeat("l", 200)}, {Life: "l", After: "nonsense"}, {Life: "l", Limit: -1}} {
		if _, err := c.Rejoin(context.Background(), "rome", bad); request.KindOf(err) != request.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// No page of views brings the reader down, and what is taken is in order.
func FuzzViews(f *testing.F) {
	f.Add(`{"life":"l","list":[{"snapshot":{"id":"` + string(gid) + `","collection":"t","version":"1@oslo.1"},"role":"owner","fence":"1@oslo"}]}`)
	f.Add(`{"life":"l","after":"` + string(gid) + `"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var w viewsWire
		if unmarshal([]byte(text), &w) != nil {
			return
		}
		v, err := w.in("rome")
		if err != nil {
			return
		}
		last := request.ID("")
		for _, x := range v.List {
			if x.Snapshot.ID <= last || x.Site != "rome" {
				t.Errorf("%q after %q from %q", x.Snapshot.ID, last, x.Site)
			}
			last = x.Snapshot.ID
		}
	})
}

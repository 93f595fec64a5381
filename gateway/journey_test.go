package gateway

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// noGuide has nothing to tell.
type noGuide struct{}

func (noGuide) Sites(context.Context) []SiteView                         { return nil }
func (noGuide) Search(context.Context, string, int) ([]Found, error)     { return nil, nil }
func (noGuide) Preview(store.Record, request.Site) (PreviewView, error)  { return PreviewView{}, nil }
func (noGuide) Trails(context.Context, store.Record) []request.SiteTrail { return nil }

// The way of a request: entered at one site, made at another, copied to a third that is behind, with a fourth that cannot be asked.
func TestJourney(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(s float64) time.Time { return now.Add(-time.Duration(s * float64(time.Second))) }
	first, second := request.First("oslo"), request.First("oslo").Next()
	rec := store.Record{Entry: request.Entry{ID: gid, Collection: "tickets", Role: request.Copy, Owner: "oslo", Origin: "rome", Version: first,
		Ops: []request.Op{{ID: "o1", Kind: request.Create, Version: first, Outcome: request.Done, At: ago(60)},
			{ID: "o0", Kind: request.Update, Version: request.Version{Epoch: request.Epoch{Num: 1, Site: "lima"}, Seq: 3}, Outcome: request.Done, At: ago(90)}}}}
	trails := []request.SiteTrail{
		{Site: "rome", Trail: request.Trail{Role: request.Copy, Version: first, Owner: "oslo", Marks: []request.Mark{{At: ago(59), What: request.MarkApplied, Version: first, From: "oslo", Took: 1}}}},
		{Site: "lima", Err: errors.New("the link is down")},
		{Site: "oslo", Trail: request.Trail{Role: request.Owner, Version: second, Owner: "oslo",
			Marks: []request.Mark{{At: ago(60), What: request.MarkCreated, Version: first, From: "rome", Op: "o1", Took: 0.5}, {At: ago(30), What: request.MarkUpdated, Version: second, Op: "o2"}},
			Owes:  []request.Delivery{{Request: gid, Site: "rome", State: request.Waiting, Owed: second, Since: ago(30), Cause: "connection refused"}}}},
	}
	v := journeyOf(rec, trails, now)
	if v.Complete || v.Owner != "oslo" || v.Version != "1.2" {
		t.Errorf("complete %v, owner %s, version %s", v.Complete, v.Owner, v.Version)
	}
	want := []struct {
		site request.Site
		kind request.What
	}{{"lima", "updated"}, {"rome", "forwarded"}, {"oslo", "created"}, {"rome", "applied"}, {"oslo", "updated"}, {"rome", "owed"}}
	if len(v.Events) != len(want) {
		t.Fatalf("%+v", v.Events)
	}
	for i, w := range want {
		if v.Events[i].Site != w.site || v.Events[i].Kind != w.kind {
			t.Errorf("event %d is %s at %s, want %s at %s", i, v.Events[i].Kind, v.Events[i].Site, w.kind, w.site)
		}
	}
	if !v.Events[0].Told || v.Events[5].Seconds != 30 || v.Events[5].Note != "connection refused" {
		t.Errorf("%+v, %+v", v.Events[0], v.Events[5])
	}
	if s := v.Sites[0]; s.Behind != "waiting" || s.Why != "connection refused" {
		t.Errorf("%+v", s)
	}
	if s := v.Sites[1]; s.Reached || s.Cause != "the link is down" {
		t.Errorf("%+v", s)
	}
}

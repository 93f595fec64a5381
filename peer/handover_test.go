package peer

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

// release is a hand-over from oslo to rome with everything in it.
func release() request.Handover {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	s := kilobyte()
	s.Version = request.Version{Epoch: request.Epoch{Num: 4, Site: "oslo"}, Seq: 7}
	s.Owner = "oslo"
	s.Fields = request.Fields{{Name: "n", Value: []byte(`12345678901234567890`)}, {Name: "t", Value: []byte(`"<a & b>"`)}}
	s.Forces = []request.Force{{Epoch: request.Epoch{Num: 3, Site: "paris"}, Base: request.First("rome"), By: "mary", Reason: "fire", At: at}}
	s.Former = []request.Tenure{{Epoch: request.Epoch{Num: 3, Site: "paris"}, Until: at}}
	return request.Handover{Stage: request.GrantIt, Epoch: request.Epoch{Num: 5, Site: "rome"}, Snapshot: s,
		Holders: []request.Debt{{Site: "paris", Terms: request.Terms{Update: "hourly", Window: "20:00-06:00", Match: "a,b"}}, {Site: "oslo", Terms: request.Terms{Mode: request.Remove}}},
		Path:    []request.Site{"oslo", "paris"}, Routes: []string{"sun"}, Hops: 1, Terms: request.Terms{Route: "sun", Duplicate: "overwrite"}}
}

func TestHandoverTravelsWhole(t *testing.T) {
	var got request.Handover
	f := &fake{hand: func(h request.Handover) (request.Verdict, error) {
		got = h
		return request.Verdict{State: request.Declined, Epoch: h.Epoch, Owner: "oslo", Cause: "no room", Final: true}, nil
	}}
	c, _ := pair(t, f, nil)
	h := release()
	v, err := c.Handover(t.Context(), "rome", h)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h, got); diff != "" {
		t.Error(diff)
	}
	if v != (request.Verdict{State: request.Declined, Epoch: h.Epoch, Owner: "oslo", Cause: "no room", Final: true}) {
		t.Errorf("verdict %+v", v)
	}
	f.hand = func(request.Handover) (request.Verdict, error) { return request.Verdict{State: "maybe"}, nil }
	if _, err := c.Handover(t.Context(), "rome", h); request.KindOf(err) != request.Doubtful {
		t.Errorf("an answer that is not known: %v", err)
	}
}

func TestForgedHandoverIsRefused(t *testing.T) {
	f := &fake{hand: func(h request.Handover) (request.Verdict, error) {
		return request.Verdict{}, &request.Error{Kind: request.Internal, Detail: "it came through"}
	}}
	c, _ := pair(t, f, nil)
	for name, spoil := range map[string]func(*request.Handover){
		"of another's reign":   func(h *request.Handover) { h.Snapshot.Version.Epoch.Site = "paris" },
		"to another":           func(h *request.Handover) { h.Epoch.Site = "paris" },
		"a jump":               func(h *request.Handover) { h.Epoch.Num = 99 },
		"a stage":              func(h *request.Handover) { h.Stage = "seize" },
		"deleted":              func(h *request.Handover) { h.Snapshot.Deleted = true },
		"an id":                func(h *request.Handover) { h.Snapshot.ID = "x" },
		"a stranger holds":     func(h *request.Handover) { h.Holders[0].Site = "atlantis" },
		"a stranger on path":   func(h *request.Handover) { h.Path[0] = "atlantis" },
		"too many hops":        func(h *request.Handover) { h.Hops = 65 },
		"negative hops":        func(h *request.Handover) { h.Hops = -1 },
		"too many holders":     func(h *request.Handover) { h.Holders = make([]request.Debt, 257) },
		"too many forces":      func(h *request.Handover) { h.Snapshot.Forces = make([]request.Force, 65) },
		"too many routes":      func(h *request.Handover) { h.Routes = make([]string, 17) },
		"no collection at all": func(h *request.Handover) { h.Snapshot.Collection = "" },
	} {
		h := release()
		spoil(&h)
		_, err := c.Handover(t.Context(), "rome", h)
		if k := request.KindOf(err); k != request.Invalid && k != request.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOrderAndItsHint(t *testing.T) {
	hint := request.Error{Op: "x", Kind: request.NotYet, Owner: "paris", Epoch: request.Epoch{Num: 9, Site: "paris"}, Detail: "not here"}
	f := &fake{order: func(o request.Order) (request.Standing, error) {
		if o.Return {
			return request.Standing{}, &hint
		}
		return request.Standing{Owner: "rome", Role: request.Owner, Version: request.First("rome"), Plan: &request.Plan{To: o.To, By: o.By}}, nil
	}}
	c, _ := pair(t, f, nil)
	st, err := c.Order(t.Context(), "rome", request.Order{Request: gid, To: "paris", By: "mary"})
	if err != nil || st.Plan == nil || st.Plan.To != "paris" || st.Plan.By != "mary" {
		t.Errorf("%+v, %v", st, err)
	}
	_, err = c.Order(t.Context(), "rome", request.Order{Request: gid, Return: true})
	e, ok := err.(*request.Error)
	if !ok || e.Kind != request.NotYet || e.Owner != "paris" || e.Epoch != hint.Epoch {
		t.Errorf("the hint came as %+v", err)
	}
	hint.Kind = request.HandingOver
	if _, err = c.Order(t.Context(), "rome", request.Order{Request: gid, Return: true}); request.KindOf(err) != request.HandingOver {
		t.Errorf("handing over came as %v", err)
	}
	for _, o := range []request.Order{{Request: gid}, {Request: gid, Return: true, To: "paris"}, {Request: "x", To: "paris"}, {Request: gid, To: "atlantis"},
		{Request: gid, To: "paris", Mode: "steal"}} {
		if _, err := c.Order(t.Context(), "rome", o); request.KindOf(err) != request.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestQueuedWriteTravels(t *testing.T) {
	f := &fake{}
	c, _ := pair(t, f, nil)
	w := request.Write{Op: "o", Kind: request.Update, Collection: "tickets", Request: gid, Entry: "oslo", Queued: true, Base: request.First("rome"),
		Fields: request.Fields{{Name: "a", Value: []byte("2")}}, Pre: request.Fields{{Name: "a", Value: []byte("1.0")}}}
	if _, err := c.Write(t.Context(), "rome", w); err != nil {
		t.Fatal(err)
	}
	got := f.writes[0]
	if !got.Queued || got.Base != w.Base || string(got.Pre[0].Value) != "1.0" {
		t.Errorf("came as %+v", got)
	}
	w.Kind, w.Request = request.Create, gid
	if _, err := c.Write(t.Context(), "rome", w); err == nil || !strings.Contains(err.Error(), "queued") {
		t.Errorf("a queued create: %v", err)
	}
}

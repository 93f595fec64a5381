package peer

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

func TestOrderAndStandingTravelWhole(t *testing.T) {
	standing := request.Standing{Owner: "rome", Version: request.Version{Epoch: request.Epoch{Num: 4, Site: "rome"}, Seq: 2}, Role: request.Owner,
		Plan: &request.Plan{To: "paris", Mode: "move", Return: true, Archive: true, Keep: []request.Site{"oslo"}, Terms: request.Terms{Update: "daily"},
			By: "mary", Since: time.Unix(1_700_000_000, 5).UTC(), Cause: "paris cannot be reached", Parked: true}}
	var got request.Order
	f := &fake{order: func(o request.Order) (request.Standing, error) { got = o; return standing, nil }}
	c, _ := pair(t, f, nil)
	for _, o := range []request.Order{
		{Request: gid, To: "paris", By: "mary"}, {Request: gid, To: "rome", Mode: "move"}, {Request: gid, To: "oslo", Mode: "ownership"},
		{Request: gid, Return: true, By: "jürgen <x>"}, {Request: gid, Return: true, Mode: "move"},
	} {
		st, err := c.Order(t.Context(), "rome", o)
		if err != nil || got != o {
			t.Errorf("%+v came as %+v, %v", o, got, err)
		}
		if d := cmp.Diff(standing, st); d != "" {
			t.Errorf("(-sent +received):\n%s", d)
		}
	}
	standing.Plan = nil
	if st, err := c.Order(t.Context(), "rome", request.Order{Request: gid, Return: true}); err != nil || st.Plan != nil {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestOrdersThatAreNone(t *testing.T) {
	f := &fake{order: func(request.Order) (request.Standing, error) {
		return request.Standing{}, &request.Error{Kind: request.Internal, Detail: "it came through"}
	}}
	c, _ := pair(t, f, nil)
	for _, o := range []request.Order{{Request: gid}, {Request: gid, Return: true, To: "paris"}, {Request: "x", To: "paris"}, {To: "paris"},
		{Request: gid, To: "atlantis"}, {Request: gid, To: "paris", Mode: "steal"}, {Request: gid, Return: true, Mode: "copy"}} {
		_, err := c.Order(t.Context(), "rome", o)
		wantKind(t, err, request.Invalid)
	}
}

func TestTheHintToTheOwner(t *testing.T) {
	reign := func(num uint64, site request.Site) request.Epoch { return request.Epoch{Num: num, Site: site} }
	said := &request.Error{}
	f := &fake{order: func(request.Order) (request.Standing, error) { return request.Standing{}, said }}
	_, srv := pair(t, f, nil)
	o := osloOptions(srv.URL)
	o.Peers["paris"] = Peer{URL: "http://paris.test"}
	c := client(t, o)
	for name, test := range map[string]struct {
		kind  request.ErrKind
		owner request.Site
		epoch request.Epoch
		kept  bool
	}{
		"a third site":               {request.NotYet, "paris", reign(9, "paris"), true},
		"the asker":                  {request.NotYet, "oslo", reign(9, "oslo"), true},
		"the asked":                  {request.NotYet, "rome", reign(9, "rome"), true},
		"no site of the network":     {request.NotYet, "atlantis", reign(9, "atlantis"), false},
		"the epoch of another":       {request.NotYet, "paris", reign(9, "rome"), false},
		"no epoch":                   {request.NotYet, "paris", request.Epoch{}, false},
		"no owner":                   {request.NotYet, "", reign(9, "paris"), false},
		"a number that is too large": {request.NotYet, "paris", reign(1<<60, "paris"), false},
		"another kind":               {request.Conflict, "paris", reign(9, "paris"), false},
		"another kind to wait for":   {request.HandingOver, "paris", reign(9, "paris"), false},
	} {
		said = &request.Error{Op: "x", Kind: test.kind, Owner: test.owner, Epoch: test.epoch, Detail: "not here"}
		_, err := c.Order(t.Context(), "rome", request.Order{Request: gid, Return: true})
		e, ok := errors.AsType[*request.Error](err)
		if !ok || e.Kind != test.kind || e.Detail != "not here" {
			t.Fatalf("%s: %v", name, err)
		}
		if kept := e.Owner == test.owner && e.Epoch == test.epoch; kept != test.kept || !kept && (e.Owner != "" || e.Epoch != request.Epoch{}) {
			t.Errorf("%s: the hint came as %q in %q", name, e.Owner, e.Epoch)
		}
	}
}

func TestTheHintOnTheWire(t *testing.T) {
	text, err := marshal(problemOf(&request.Error{Op: "x", Kind: request.NotYet, Owner: "rome", Epoch: request.Epoch{Num: 3, Site: "rome"}}))
	if err != nil || !strings.Contains(string(text), `"owner":"rome","epoch":"3@rome"`) {
		t.Errorf("%s, %v", text, err)
	}
	deleted := request.Version{Epoch: request.Epoch{Num: 3, Site: "rome"}, Seq: 9}
	if text, err = marshal(problemOf(&request.Error{Op: "x", Kind: request.Gone, Version: deleted})); err != nil {
		t.Fatal(err)
	}
	if e, ok := problemError("y", 410, text); !ok || e.Version != deleted {
		t.Errorf("%s: %+v", text, e)
	}
	if e, ok := problemError("y", 410, bytes.Replace(text, []byte("3@rome.9"), []byte("3@rome.-9"), 1)); !ok || e.Kind != request.Gone || !e.Version.IsZero() {
		t.Errorf("a version that is none: %+v", e)
	}
	text, err = marshal(problemOf(&request.Error{Op: "x", Kind: request.Gone, Owner: "rome", Epoch: request.Epoch{Num: 3, Site: "rome"}}))
	if err != nil || strings.Contains(string(text), "rome") {
		t.Errorf("a hint where none belongs: %s, %v", text, err)
	}
	for name, text := range map[string]string{
		"not an epoch":        `{"kind":"not-yet","owner":"rome","epoch":"three"}`,
		"of nobody":           `{"kind":"not-yet","owner":"rome","epoch":"3@"}`,
		"none":                `{"kind":"not-yet","owner":"rome"}`,
		"of another":          `{"kind":"not-yet","owner":"rome","epoch":"3@paris"}`,
		"no owner":            `{"kind":"not-yet","epoch":"3@rome"}`,
		"over 2^48":           `{"kind":"not-yet","owner":"rome","epoch":"281474976710656@rome"}`,
		"in another's status": `{"kind":"from-a-later-version","owner":"rome","epoch":"4@paris"}`,
	} {
		e, ok := problemError("y", 425, []byte(text))
		if !ok || e.Kind != request.NotYet || e.Owner != "" || e.Epoch != (request.Epoch{}) {
			t.Errorf("%s: %+v", name, e)
		}
	}
	for _, kind := range allKinds {
		e, ok := problemError("y", statusOf(kind), []byte(`{"kind":"`+string(kind)+`","owner":"rome","epoch":"3@rome"}`))
		if hinted := ok && e.Owner == "rome" && e.Epoch.Num == 3; hinted != (kind == request.NotYet) {
			t.Errorf("%s: %+v", kind, e)
		}
	}
}

func TestQueuedWriteTravels(t *testing.T) {
	f := &fake{}
	c, _ := pair(t, f, nil)
	w := update()
	w.Queued, w.Base = true, request.First("rome")
	w.Fields, w.Pre = request.Fields{{Name: "a", Value: []byte("2")}}, request.Fields{{Name: "a", Value: []byte("1.0")}}
	for _, kind := range []request.Kind{request.Update, request.Replace, request.Delete} {
		w.Kind = kind
		if _, err := c.Write(t.Context(), "rome", w); err != nil {
			t.Fatal(err)
		}
		if got := f.writes[len(f.writes)-1]; !got.Queued || got.Base != w.Base || got.Kind != kind || !cmp.Equal(got.Pre, w.Pre) {
			t.Errorf("came as %+v", got)
		}
	}
	done := len(f.writes)
	for name, bend := range map[string]func(*request.Write){
		"a create":           func(w *request.Write) { w.Kind = request.Create },
		"an apply":           func(w *request.Write) { w.Kind = request.Apply },
		"values, not queued": func(w *request.Write) { w.Queued, w.Base = false, request.Version{} },
		"base, not queued":   func(w *request.Write) { w.Queued, w.Pre = false, nil },
	} {
		bad := w
		bad.Kind = request.Update
		bend(&bad)
		_, err := c.Write(t.Context(), "rome", bad)
		if wantKind(t, err, request.Invalid); len(f.writes) != done {
			t.Errorf("%s: it was done", name)
		}
	}
	for name, pre := range map[string]string{"an array": `[1]`, "text": `"x"`, "a name twice": `{"a":1,"a":2}`, "too deep": `{"a":` + deepText(maxDepth+1) + `}`} {
		var back writeWire
		if err := unmarshal([]byte(`{"op":"o","kind":"update","queued":true,"pre":`+pre+`}`), &back); err == nil {
			if _, err = back.in(); err == nil {
				t.Errorf("former values: %s passed", name)
			}
		}
	}
}

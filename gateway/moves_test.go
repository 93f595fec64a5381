package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// since is when things began.
func since() time.Time { return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC) }

// conflicting is a request of which a queued write lost.
func conflicting() store.Record {
	return store.Record{Entry: request.Entry{ID: gid, Collection: "tickets", Role: request.Owner, Owner: "chicago", Version: at(4),
		Conflicts: []request.ConflictRecord{{ID: "queue-OP/1", Kind: "queue", Op: "OP/1", Site: "tokyo", At: since(), Base: at(2), Theirs: at(4),
			Decision: "the owner's values were kept", Fields: []request.FieldChoice{{Name: "title", Base: `"old"`, Mine: `"s3cr3t"`, Theirs: "not json"}}}}}}
}

func TestMoves(t *testing.T) {
	t.Parallel()
	o := newOperator()
	h := NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o, Planner: o})
	const ref = "/api/v1/requests/tokyo:a%2F1"
	for _, c := range []struct {
		path, body string
		status     int
		has        string
	}{
		{ref + "/transfer", `{"to":"tokyo"}`, 202, `{"request":"` + string(gid) + `","owner":"chicago","version":"1.2","role":"owner","plan":{"to":"tokyo","mode":"ownership"`},
		{ref + "/transfer", `{"to":"tokyo","mode":"move","by":" ann "}`, 202, `"by":"ann from 127.0.0.1"`},
		{ref + "/transfer", `{"mode":"move"}`, 400, "to which site"},
		{ref + "/transfer", `{"to":"tokyo","mode":"data"}`, 400, "ownership or move"},
		{ref + "/transfer", `{"to":"tokyo","by":"` + strings.Repeat("x", 101) + `"}`, 400, "by is longer than 100"},
		{ref + "/transfer", `{"to":"tokyo","by":"\u001b[0m"}`, 400, "control characters"},
		{"/api/v1/requests/none/transfer", `{"to":"tokyo"}`, 404, "nothing is known as none"},
		{ref + "/return", ``, 202, `"role":"owner"`},
		{ref + "/return", `{"by":"ann"}`, 202, `"by":"ann from 127.0.0.1"`},
		{ref + "/return", `{"to":"tokyo"}`, 400, "unknown object member name"},
		{ref + "/reclaim", `{}`, 400, "say why"},
		{ref + "/reclaim", `{"reason":" \t"}`, 400, "say why"},
		{ref + "/reclaim", `{"reason":"` + strings.Repeat("ü", 1001) + `"}`, 400, "longer than 1000"},
		{ref + "/reclaim", `{"reason":"the building burnt down","by":"ann"}`, 200, `"version":"2.0"`},
		{"/api/v1/conflicts/tokyo:a%2F1/queue-OP%2F1/dismiss", "", 200, `"id":"queue-OP/1","request":"` + string(gid) + `"`},
		{"/api/v1/conflicts/none/x/dismiss", "", 404, "none"},
	} {
		o.ordered = request.Order{}
		code, body := ask(h, "POST", c.path, c.body)
		if code != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s %s: %d %s", c.path, c.body, code, body)
		}
		if asked := o.ordered != (request.Order{}); asked != (code == 202) {
			t.Errorf("%s %s: %d and the order was %+v", c.path, c.body, code, o.ordered)
		}
		if o.ordered.Return != (strings.HasSuffix(c.path, "/return") && code == 202) {
			t.Errorf("%s: %+v", c.path, o.ordered)
		}
	}
	if o.reclaimed != string(gid)+" ann from 127.0.0.1: the building burnt down" || o.dismissed != string(gid)+" queue-OP/1" {
		t.Errorf("reclaimed %q, dismissed %q", o.reclaimed, o.dismissed)
	}
}

// What an operator is told does not advise on writes of clients.
func TestMovesRefused(t *testing.T) {
	t.Parallel()
	o := newOperator()
	refusing := refuser{operator: o}
	h := NewAdmin(AdminOptions{Site: "chicago", Operator: &refusing, Watcher: o})
	for _, c := range []struct {
		err    error
		status int
		has    string
	}{
		{&request.Error{Kind: request.Conflict, Detail: "it is just being handed over to paris"}, 409, `"detail":"it is just being handed over to paris","inst`},
		{&request.Error{Kind: request.Conflict, Detail: "not here", Err: errors.New("an owner reclaims nothing")}, 409, "not here: an owner reclaims nothing"},
		{&request.Error{Kind: request.OwnerUnreachable, Detail: "tokyo does not answer"}, 503, "tokyo does not answer"},
		{&request.Error{Kind: request.Invalid, Detail: "there is no site oslo"}, 422, "there is no site oslo"},
		{&request.Error{Kind: request.Gone}, 410, "deleted"},
	} {
		refusing.err = c.err
		if code, body := ask(h, "POST", "/api/v1/requests/tokyo:a%2F1/transfer", `{"to":"oslo"}`); code != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%v: %d %s", c.err, code, body)
		}
	}
}

// refuser refuses orders.
type refuser struct {
	*operator
	err error
}

func (r *refuser) Order(context.Context, request.Order) (request.Standing, error) {
	return request.Standing{}, r.err
}

func TestTransfers(t *testing.T) {
	t.Parallel()
	plan := request.Plan{To: "tokyo", Since: since(), Terms: request.Terms{Route: "sun"}, Cause: "the link to tokyo is down"}
	parked := plan
	parked.Parked, parked.Mode = true, "move"
	o := newOperator()
	o.moving = []store.Record{
		{Entry: request.Entry{ID: gid, Role: request.Owner, Owner: "chicago", Version: at(2), Plan: &plan}},
		{Entry: request.Entry{ID: gid, Role: request.Owner, Owner: "chicago", Version: at(2), Plan: &parked}},
		{Entry: request.Entry{ID: gid, Role: request.Granting, Owner: "tokyo", Version: at(2), Grant: &request.Grant{To: "tokyo", At: since(),
			Epoch: request.Epoch{Num: 2, Site: "tokyo"}, Plan: plan, Cause: "waiting for the word of tokyo"}}},
		{Entry: request.Entry{ID: gid, Role: request.Elect, Owner: "paris", Version: at(1), Fence: request.Epoch{Num: 2, Site: "chicago"},
			Doubt: &request.Doubt{Reason: "no answer"}, Intent: &request.Intent{Kind: request.Apply, Sent: since(),
				Accept: &request.Handover{Snapshot: request.Snapshot{Owner: "paris"}, Return: true}}}},
	}
	h := NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o})
	code, body := ask(h, "GET", "/api/v1/transfers?limit=4", "")
	var v transferList
	if err := json.Unmarshal([]byte(body), &v); err != nil || code != 200 || len(v.Transfers) != 4 || v.After != string(gid) {
		t.Fatalf("%d %s %v", code, body, err)
	}
	for i, want := range []TransferView{
		{State: "waiting", Role: "owner", From: "chicago", Version: "1.2", PlanView: PlanView{To: "tokyo", Mode: "ownership", Route: "sun", Cause: plan.Cause}},
		{State: "parked", Role: "owner", From: "chicago", Version: "1.2", PlanView: PlanView{To: "tokyo", Mode: "move", Route: "sun", Cause: plan.Cause, Parked: true}},
		{State: "open", Role: "granting", From: "chicago", Version: "1.2", PlanView: PlanView{To: "tokyo", Mode: "ownership", Route: "sun", Cause: "waiting for the word of tokyo"}},
		{State: "open", Role: "elect", From: "paris", Version: "1.1", PlanView: PlanView{To: "chicago", Return: true, Cause: "no answer"}},
	} {
		want.Request, want.Since = gid, since()
		if !reflect.DeepEqual(v.Transfers[i], want) {
			t.Errorf("%d: %+v, want %+v", i, v.Transfers[i], want)
		}
	}
	for _, query := range []string{"?limit=0", "?after=odd"} {
		if code, body := ask(h, "GET", "/api/v1/transfers"+query, ""); code != 400 {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
}

// Values of fields are on the page of conflicts and on no other.
func TestConflicts(t *testing.T) {
	t.Parallel()
	o := newOperator()
	o.record, o.moving = conflicting(), []store.Record{conflicting()}
	h := NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o})
	for path, status := range map[string]int{"/api/v1/conflicts": 200, "/api/v1/conflicts?request=tokyo:a/1": 200, "/api/v1/conflicts?request=none": 404,
		"/api/v1/conflicts?limit=x": 400} {
		code, body := ask(h, "GET", path, "")
		if code != status {
			t.Errorf("%s: %d %s", path, code, body)
		}
		want := `{"conflicts":[{"request":"` + string(gid) + `","collection":"tickets","owner":"chicago","id":"queue-OP/1","kind":"queue","operation":"OP/1",` +
			`"site":"tokyo","at":"2026-03-01T09:00:00Z","base":"1@chicago.2","theirs":"1@chicago.4","decision":"the owner's values were kept",` +
			`"fields":[{"name":"title","base":"old","mine":"s3cr3t","theirs":"not json"}]}],"after":""}` + "\n"
		if status == 200 && body != want {
			t.Errorf("%s: %s, want %s", path, body, want)
		}
	}
	code, body := ask(h, "GET", "/api/v1/requests/tokyo:a%2F1", "")
	if code != 200 || strings.Contains(body, "s3cr3t") || !strings.Contains(body, `"fields":[{"name":"title"}]`) {
		t.Errorf("%d %s", code, body)
	}
	o.moving = nil
	if _, body := ask(h, "GET", "/api/v1/conflicts", ""); body != `{"conflicts":[],"after":""}`+"\n" {
		t.Error(body)
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	o := newOperator()
	h := NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o, Planner: o})
	code, body := ask(h, "GET", "/api/v1/schedule?from=2026-03-06&days=3", "")
	want := `[{"route":"sun","at":"2026-03-06T17:00:00-08:00","in":"America/Los_Angeles","site":"chicago","requests":4},` +
		`{"route":"old","at":"0001-01-01T00:00:00Z","in":"","site":"tokyo","requests":null}]` + "\n"
	if code != 200 || body != want || !o.from.Equal(time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)) || o.days != 3 {
		t.Errorf("%d %s from %v, %d days", code, body, o.from, o.days)
	}
	for _, query := range []string{"?from=soon", "?days=0", "?days=367", "?days=x"} {
		if code, body := ask(h, "GET", "/api/v1/schedule"+query, ""); code != 400 {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
	if code, _ := ask(h, "GET", "/api/v1/schedule?from=2026-03-06T01:00:00%2B01:00", ""); code != 200 || o.days != 14 || o.from.Hour() != 1 {
		t.Errorf("%d from %v, %d days", code, o.from, o.days)
	}
	without := NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o})
	if code, _ := ask(without, "GET", "/api/v1/schedule", ""); code != 404 {
		t.Errorf("without a planner: %d", code)
	}
}

// All that a request's entry says of its ownership is to be seen.
func TestViewOfOwnership(t *testing.T) {
	t.Parallel()
	tokyo := request.Epoch{Num: 3, Site: "tokyo"}
	v := viewOf(store.Record{Entry: request.Entry{ID: gid, Role: request.Granting, Owner: "tokyo", Version: at(2), Path: []request.Site{"paris", "oslo"},
		Former: []request.Tenure{{Epoch: request.Epoch{Num: 1, Site: "paris"}, Until: since()}}, Holders: []request.Site{"paris"},
		Forces: []request.Force{{Epoch: request.Epoch{Num: 2, Site: "chicago"}, Base: at(1), By: "ann", Reason: "fire", At: since()}},
		Terms:  request.Terms{Route: "sun", Update: "daily"}, Apart: "9",
		Grant: &request.Grant{Epoch: tokyo, To: "tokyo", At: since(), Cause: "silence"},
		Queue: []request.Queued{{Op: "OP1", Kind: request.Update, At: since(), Fields: request.Fields{{Name: "title", Value: json.RawMessage(`"s3cr3t"`)}}}}},
		Holders: []request.Delivery{{Request: gid, Site: "paris", Terms: request.Terms{Mode: request.Independent, Pool: "bulk", Window: "20:00-06:00", Writes: "queue"}}}}, false)
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"role":"granting"`, `"owner":"tokyo"`, `"apart":"9"`, `"hand_over":{"from":"chicago","to":"tokyo","epoch":3,"since":"2026-03-01T09:00:00Z","cause":"silence"}`,
		`"path":["paris","oslo"]`, `"terms":{"route":"sun","update":"daily"}`, `"held_by":["paris"]`,
		`"former":[{"owner":"paris","epoch":1,"until":"2026-03-01T09:00:00Z"}]`,
		`"forces":[{"owner":"chicago","epoch":2,"base":"1@chicago.1","by":"ann","reason":"fire","at":"2026-03-01T09:00:00Z"}]`,
		`"queued":[{"operation":"OP1","kind":"update","since":"2026-03-01T09:00:00Z"}]`,
		`"mode":"independent","pool":"bulk","window":"20:00-06:00","writes":"queue"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	if strings.Contains(string(text), "s3cr3t") {
		t.Errorf("a value is shown: %s", text)
	}
}

// The description of the API names the members that the answers have, and no others.
func TestOpenAPIShapes(t *testing.T) {
	t.Parallel()
	type schema struct {
		Properties map[string]any `yaml:"properties"`
		AllOf      []struct {
			Properties map[string]any `yaml:"properties"`
		} `yaml:"allOf"`
	}
	var doc struct {
		Components struct {
			Schemas map[string]schema `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal([]byte(openAPI), &doc); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{"Request": RequestView{}, "Delivery": DeliveryView{}, "Terms": TermsView{}, "Standing": StandingView{},
		"Plan": PlanView{}, "Conflict": ConflictView{}, "Forwarding": Forwarding{}, "Destination": Destination{}, "Transfer": TransferView{},
		"Problem": Problem{}, "Status": statusView{}} {
		s := doc.Components.Schemas[name]
		var described []string
		for p := range s.Properties {
			described = append(described, p)
		}
		for _, part := range s.AllOf {
			for p := range part.Properties {
				described = append(described, p)
			}
		}
		if name == "Transfer" { // of which a part is the Plan
			for p := range doc.Components.Schemas["Plan"].Properties {
				described = append(described, p)
			}
		}
		there := members(reflect.TypeOf(v))
		slices.Sort(described)
		slices.Sort(there)
		if !slices.Equal(described, there) {
			t.Errorf("%s: described %v, there are %v", name, described, there)
		}
	}
}

// members are the JSON names of a struct.
func members(typ reflect.Type) []string {
	var out []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			out = append(out, members(f.Type)...)
		case f.IsExported():
			out = append(out, name)
		}
	}
	return out
}

func TestReceiptOfMoves(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	b.engine.write = func(context.Context, request.Write) (request.Result, error) {
		res := made(200, "{}")
		res.Copies = []request.Delivery{{Site: "oslo", State: request.Pending, Terms: request.Terms{Mode: request.Remove}},
			{Site: "tokyo", State: request.Pending}, {Site: "rome", Terms: request.Terms{Mode: request.Independent}}}
		return res, nil
	}
	if res, _ := b.do(t, "PATCH", "/tickets/17", "{}"); res.Header.Get("Meridian-Copies") != "tokyo;state=pending" {
		t.Errorf("copies %q", res.Header["Meridian-Copies"])
	}
	b.engine.write = func(context.Context, request.Write) (request.Result, error) {
		res := made(200, "{}")
		res.Copies = []request.Delivery{{Site: "oslo", Terms: request.Terms{Mode: request.Remove}}}
		return res, nil
	}
	if res, _ := b.do(t, "PATCH", "/tickets/17", "{}"); res.Header["Meridian-Copies"] != nil {
		t.Errorf("copies %q", res.Header["Meridian-Copies"])
	}
}

// A write that waits for the owner is told where it can be followed; an API's own 202 is no such thing.
func TestQueuedWrite(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	queued := request.Result{Op: "OP 1", Entry: request.Entry{ID: gid, Role: request.Copy, Owner: "tokyo", Version: at(2)},
		Answer: &request.Answer{Status: 202, Header: http.Header{"Meridian-State": {"queued"}, "Location": {"/elsewhere"}}, Body: []byte("{}")}}
	b.engine.write = func(context.Context, request.Write) (request.Result, error) { return queued, nil }
	res, body := b.do(t, "PATCH", "/tickets/17", "{}")
	for k, want := range map[string]string{"Meridian-State": "queued", "Meridian-Operation": "/.meridian/operations/OP%201",
		"Location": "/.meridian/operations/OP%201", "Meridian-Request": string(gid), "Meridian-Owner": "tokyo", "Meridian-Role": "copy",
		"Meridian-Version": "", "Etag": "", "Content-Type": "application/json"} {
		if res.Header.Get(k) != want {
			t.Errorf("%s: %q, want %q", k, res.Header[k], want)
		}
	}
	if want := `{"operation":"OP 1","request":"` + string(gid) + `","state":"queued","owner":"tokyo"}` + "\n"; res.StatusCode != 202 || body != want {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	b.engine.write = func(context.Context, request.Write) (request.Result, error) {
		res := made(202, `{"id":17}`)
		res.Op = "OP2"
		res.Answer.Header.Set("Meridian-State", "queued")
		return res, nil
	}
	if res, body := b.do(t, "PATCH", "/tickets/17", "{}"); res.Header["Meridian-State"] != nil || res.Header["Meridian-Operation"] != nil || body != `{"id":17}` {
		t.Errorf("the API's own: %v %s", res.Header, body)
	}
}

func TestOperationStates(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	for _, c := range []struct {
		state request.Outcome
		retry string
	}{{request.Kept, "5"}, {request.Done, ""}, {request.Clashed, ""}, {request.Refused, ""}, {request.InDoubt, "1"}, {"some-later-word", ""}} {
		b.engine.operation = func(context.Context, string) (request.Operation, error) {
			return request.Operation{ID: "OP1", Request: gid, Outcome: c.state}, nil
		}
		res, body := b.do(t, "GET", "/.meridian/operations/OP1", "")
		if res.Header.Get("Retry-After") != c.retry || !strings.Contains(body, `"state":"`+string(c.state)+`"`) {
			t.Errorf("%s: %v %s", c.state, res.Header, body)
		}
	}
}

// In the middle of a hand-over a site says so, and that its record may be behind.
func TestReadDuringHandover(t *testing.T) {
	t.Parallel()
	b := setup(t, echo, func(o *Options) { o.Stale = func(s request.Site) bool { return s == "tokyo" } })
	for role, stale := range map[request.Role]string{request.Granting: "true", request.Elect: "true", request.Owner: ""} {
		b.engine.find = finds(request.Entry{ID: gid, Role: role, Owner: "tokyo", Local: "17", Version: at(7), Updated: since()})
		res, _ := b.do(t, "GET", "/tickets/17", "")
		asOf := "2026-03-01T09:00:00Z"
		if role == request.Owner {
			asOf = ""
		}
		for k, want := range map[string]string{"Meridian-Role": string(role), "Meridian-Owner": "tokyo", "Meridian-Version": "1.7",
			"Meridian-As-Of": asOf, "Meridian-Stale": stale} {
			if res.Header.Get(k) != want {
				t.Errorf("%s: %s is %q, want %q", role, k, res.Header[k], want)
			}
		}
	}
}

// A site that gave a request away altogether has no record of it; a copy that is not linked is a record like any other.
func TestReadWhereItIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t, echo)
	b.engine.find = finds(request.Entry{ID: gid, Role: request.Away, Owner: "tokyo", Version: at(7), Apart: "9"})
	if res, body := b.do(t, "GET", "/tickets/tokyo:17", ""); res.StatusCode != 404 || !strings.Contains(body, "tokyo owns it") || res.Header.Get("Meridian-Owner") != "tokyo" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	if res, body := b.do(t, "GET", "/tickets/9", ""); res.StatusCode != 200 || res.Header["Meridian-Request"] != nil || !strings.HasPrefix(body, "GET /tickets/9\n") {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}

func TestTransferMetrics(t *testing.T) {
	t.Parallel()
	m := NewMetrics("furniture", "chicago")
	var f Forwarding
	f.Count(Counts{Conflicts: 2, Waiting: 3, Open: 4, Parked: 5})
	if f.State != Degraded {
		t.Errorf("with parked transfers the site is %q", f.State)
	}
	m.Observe(f)
	o := newOperator()
	_, page := ask(NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o, Metrics: m}), "GET", "/metrics", "")
	for _, want := range []string{
		`meridian_transfers{network="furniture",site="chicago",state="waiting"} 3`,
		`meridian_transfers{network="furniture",site="chicago",state="open"} 4`,
		`meridian_transfers{network="furniture",site="chicago",state="parked"} 5`,
		`meridian_conflicts{network="furniture",site="chicago"} 2`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("missing %s", want)
		}
	}
	for state, want := range map[string]string{OK: OK, Degraded: Degraded, Down: Down} {
		f := Forwarding{State: state}
		if f.Count(Counts{Conflicts: 1, Waiting: 1, Open: 1}); f.State != want {
			t.Errorf("%s became %s without anything that needs a person", state, f.State)
		}
	}
	down := Forwarding{State: Down}
	if down.Count(Counts{Parked: 1}); down.State != Down {
		t.Errorf("down became %s", down.State)
	}
}

package profile

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

func line(call request.Call) string {
	return strings.TrimSpace(call.Method + " " + call.Target + " " + call.Header.Get("Content-Type") + " " + string(call.Body))
}

// An API that only replaces gets the whole record: what the update does not speak of as it is, byte by byte.
func TestFullUpdate(t *testing.T) {
	c := ticketsOf(t, `update: {method: PUT, body: full}, read_only: [/id, /created_at], local: [mine], external_id: {field: /ref},
    fields: {subject: /title, status: {at: /state, values: {open: o}, strict: true}, impact: {read: /impact/id, write: /impact_id}, source: {const: web}, long: {max_length: 2}}`)
	if !c.NeedsCurrent(Update) || !c.CanReplace() || c.NeedsCurrent(Delete) || c.NeedsCurrent(Create) {
		t.Error("needs")
	}
	now := Current{Record: []byte(`{"id":7,"created_at":"then","mine":1,"ref":"x","title":"t","state":"odd","impact":{"id":4},"n":12345678901234567890,"source":"mail","long":"abc"}`)}
	call, err := c.UpdateCall("7", fieldsOf(t, `{"subject":"new"}`), marks, now)
	want := `PUT /tickets/7 application/json {"title":"new","long":"abc"`
	if err != nil || !strings.HasPrefix(line(call), `PUT /tickets/7 application/json {"title":"new",`) {
		t.Fatal(line(call), err, want)
	}
	got := fieldsOf(t, string(call.Body))
	for name, value := range map[string]string{"title": `"new"`, "state": `"odd"`, "impact_id": "4", "n": "12345678901234567890", "source": `"mail"`, "long": `"abc"`,
		"created_at": `"then"`, "mine": "1", "ref": `"` + string(gid) + `"`} {
		if v, _ := got.Get(name); string(v) != value {
			t.Errorf("%s: %s, want %s in %s", name, v, value, call.Body)
		}
	}
	if _, ok := got.Get("id"); ok || len(got) != 9 {
		t.Errorf("%s", call.Body)
	}
	if _, err := c.UpdateCall("7", fieldsOf(t, `{"status":"strange"}`), marks, now); request.KindOf(err) != request.Invalid || err == nil {
		t.Error("what the update says is checked:", err)
	}
	if _, err := c.UpdateCall("7", fieldsOf(t, `{}`), marks, Current{}); request.KindOf(err) != request.Invalid || err == nil {
		t.Error("without the record there is no such call:", err)
	}
	m, ok, err := profileOf(t, "preset: rest\ncollections: {tickets: {path: /t, update: {method: POST, body: full}, replace: false}}").Match("POST", "/t/7")
	if err != nil || !ok || m.Verb != Replace {
		t.Error("a client that makes that call replaces the record:", m, ok, err)
	}
}

func TestJSONPatch(t *testing.T) {
	c := ticketsOf(t, `update: {body: json-patch}, create: {body: json-patch}, etag: {field: /rev}, read_only: [/id, /meta/by], envelope: {call: /fields, answer: /fields},
    fields: {subject: /Title, rank: /order/rank, odd: "/a~1b"}`)
	now := Current{Record: []byte(`{"id":7,"Title":"t","order":{"rank":1,"of":2},"gone":1,"meta":{"by":"x","k":1}}`), Version: "3"}
	for _, k := range []struct{ fields, want string }{
		{`{"subject":"new"}`, `[{"op":"test","path":"/rev","value":3},{"op":"replace","path":"/fields/Title","value":"new"}]`},
		{`{"subject":"t"}`, `[{"op":"test","path":"/rev","value":3}]`},
		{`{"gone":null,"never":null,"rank":2,"odd":1}`, `[{"op":"test","path":"/rev","value":3},{"op":"remove","path":"/fields/gone"},{"op":"replace","path":"/fields/order/rank","value":2},{"op":"add","path":"/fields/a~1b","value":1}]`},
		{`{"rank":null}`, `[{"op":"test","path":"/rev","value":3},{"op":"remove","path":"/fields/order/rank"}]`},
		{`{"meta":{"k":2}}`, `[{"op":"test","path":"/rev","value":3},{"op":"replace","path":"/fields/meta/k","value":2}]`},
		{`{"meta":{"l":2}}`, `[{"op":"test","path":"/rev","value":3},{"op":"add","path":"/fields/meta/l","value":2},{"op":"remove","path":"/fields/meta/k"}]`},
	} {
		call, err := c.UpdateCall("7", fieldsOf(t, k.fields), Marks{}, now)
		if err != nil || string(call.Body) != k.want || call.Header.Get("Content-Type") != "application/json-patch+json" || call.Method != "PATCH" {
			t.Errorf("%s:\n got %s %v\nwant %s", k.fields, line(call), err, k.want)
		}
	}
	call, err := c.CreateCall(fieldsOf(t, `{"subject":"s","rank":1,"x":{"y":1},"none":null}`), Marks{})
	if want := `[{"op":"add","path":"/fields/Title","value":"s"},{"op":"add","path":"/fields/order/rank","value":1},{"op":"add","path":"/fields/x","value":{"y":1}}]`; err != nil || string(call.Body) != want {
		t.Errorf("%s %v", line(call), err)
	}
	inside := ticketsOf(t, `update: {body: json-patch}, etag: {field: /rev}, stamp: {version: /s/v}`)
	call, err = inside.UpdateCall("7", nil, marks, Current{Record: []byte(`{"rev":"a","s":{}}`)})
	if want := `[{"op":"test","path":"/rev","value":"a"},{"op":"add","path":"/s/v","value":"1@chicago.3"}]`; err != nil || string(call.Body) != want {
		t.Errorf("%s %v", line(call), err)
	}
	if call, ok := inside.StampCall("7", marks); !ok || string(call.Body) != `[{"op":"add","path":"/s/v","value":"1@chicago.3"}]` {
		t.Error(line(call), ok)
	}
}

func TestVersions(t *testing.T) {
	c := ticketsOf(t, `etag: {field: /lock, stale: [409, 422]}, update: {path: "{path}/{id}?rev={version}"}, delete: {path: "{path}/{id}?rev={version}", stale: 412}, envelope: {call: /t, answer: /t}, read_only: [/id, /lock]`)
	for _, v := range []Verb{Update, Delete, Replace} {
		if !c.NeedsCurrent(v) {
			t.Error(v)
		}
	}
	a := answer(200, `{"t":{"id":7,"lock":3,"a":1}}`)
	record, ok := c.Answered(a, "7")
	now := Current{Record: record, Version: c.ETag(a, record)}
	if !ok || now.Version != "3" {
		t.Fatal(now)
	}
	if f, err := c.FromRecord(record); err != nil || string(f.AppendJSON(nil)) != `{"a":1}` {
		t.Error("the version is no field:", f, err)
	}
	call, err := c.UpdateCall("7", fieldsOf(t, `{"a":2}`), Marks{}, now)
	if got := line(call); err != nil || got != `PATCH /tickets/7?rev=3 application/json {"t":{"a":2,"lock":3}}` {
		t.Error(got, err)
	}
	call, err = c.ReplaceCall("7", fieldsOf(t, `{"a":2}`), now, Marks{})
	if got := line(call); err != nil || got != `PUT /tickets/7 application/json {"t":{"a":2,"lock":3}}` {
		t.Error(got, err)
	}
	call, err = c.DeleteCall("7", Current{Version: `"1-a b"`})
	if got := line(call); err != nil || got != `DELETE /tickets/7?rev=1-a%20b` {
		t.Error(got, err)
	}
	odata := ticketsOf(t, `etag: {field: "@odata.etag"}, update: {headers: {If-Match: "{version}"}}, delete: {headers: {If-Match: "{version}"}}`)
	call, err = odata.DeleteCall("7", Current{Version: `"W/\"x\""`})
	if err != nil || call.Header.Get("If-Match") != `W/"x"` || !odata.NeedsCurrent(Delete) {
		t.Error("a version in a header:", call.Header, err)
	}
	if call, _ := odata.DeleteCall("7", Current{}); call.Header["If-Match"] != nil {
		t.Error("no version, no header")
	}
	outer := answer(200, `{"lock":"x","t":{"id":7,"a":1}}`)
	record, _ = c.Answered(outer, "7")
	now = Current{Record: record, Version: c.ETag(outer, record)}
	call, err = c.UpdateCall("7", fieldsOf(t, `{"a":2}`), Marks{}, now)
	if got := line(call); err != nil || got != `PATCH /tickets/7?rev=x application/json {"t":{"a":2},"lock":"x"}` {
		t.Error("a version beside the record goes back there:", got, err)
	}
	for status, want := range map[int]Verdict{409: Stale, 422: Stale, 412: Refused, 404: Gone} {
		if got := c.Judge(Update, answer(status, "{}")); got != want {
			t.Error(status, got)
		}
	}
	if c.Judge(Delete, answer(412, "")) != Stale || c.Judge(Delete, answer(409, "")) != Refused || c.Judge(Create, answer(409, "")) != Refused {
		t.Error("stale of one call")
	}
	tagged := ticketsOf(t, "etag: true")
	if tagged.Judge(Update, answer(412, "")) != Stale || tagged.Judge(Create, answer(412, "")) != Refused || !tagged.NeedsCurrent(Delete) {
		t.Error("an API with tags")
	}
	if call, _ := tagged.DeleteCall("7", Current{Version: `"v"`}); call.Header.Get("If-Match") != `"v"` {
		t.Error(call.Header)
	}
}

func TestDelete(t *testing.T) {
	never := ticketsOf(t, "delete: false")
	if _, err := never.DeleteCall("7", Current{}); request.KindOf(err) != request.Invalid || !strings.Contains(err.Error(), "this API cannot delete") {
		t.Error(err)
	}
	if never.Can(Delete) || never.Judge(Delete, answer(200, "")) != Doubtful || never.Target(Delete, "7") != "" {
		t.Error("there is no such call")
	}
	soft := profileOf(t, `
preset: rest
collections:
  tickets:
    path: /tickets
    etag: {field: /v}
    delete: {method: PATCH, path: "{path}/{id}", send: {state: closed, ref: "no {id}", n: 1, v: "{version}", list: ["{id}", "{id:number}", {}]}}
    deleted: {at: /status, values: [deleted, 7]}
`)
	c := soft.Collections["tickets"]
	call, err := c.DeleteCall("7", Current{Version: "4"})
	if got := line(call); err != nil || got != `PATCH /tickets/7 application/json {"state":"closed","ref":"no 7","n":1,"v":4,"list":["7",7,{}]}` {
		t.Error(got, err)
	}
	if m, ok, err := soft.Match("PATCH", "/tickets/7"); !ok || err != nil || m.Verb != Update {
		t.Error("what a client sends there is an update:", m, err)
	}
	for record, want := range map[string]bool{`{"status":"deleted"}`: true, `{"status":7.0}`: true, `{"status":"7"}`: false, `{"status":null}`: false, `{}`: false, `[`: false} {
		if c.Deleted([]byte(record)) != want {
			t.Error(record)
		}
	}
	if ticketsOf(t, "read_only: [/id]").Deleted([]byte(`{"status":"deleted"}`)) {
		t.Error("not described")
	}
}

func TestStyle(t *testing.T) {
	p := profileOf(t, `
preset: rest
encoding: form
headers: {x-requested-by: gateway, X-Api: "1"}
alive: {path: /api/me, at: /id}
collections:
  tickets:
    path: /tickets
    envelope: {call: /ticket, answer: /ticket}
    create: {headers: {X-Api: "2"}}
    update: {method: POST, path: "{path}/{id}/edit", content_type: application/vnd.x+json}
    replace: false
`)
	c := p.Collections["tickets"]
	call, err := c.CreateCall(fieldsOf(t, `{"subject":"a b&c","tags":["x","y"],"none":null,"deep":{"n":1.50,"t":true,"l":[{"a":1}]},"empty":[]}`), Marks{})
	want := `POST /tickets application/x-www-form-urlencoded ticket%5Bsubject%5D=a+b%26c&ticket%5Btags%5D%5B%5D=x&ticket%5Btags%5D%5B%5D=y&ticket%5Bnone%5D=` +
		`&ticket%5Bdeep%5D%5Bn%5D=1.50&ticket%5Bdeep%5D%5Bt%5D=true&ticket%5Bdeep%5D%5Bl%5D%5B%5D%5Ba%5D=1&ticket%5Bempty%5D%5B%5D=`
	if got := line(call); err != nil || got != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
	if call.Header.Get("X-Requested-By") != "gateway" || call.Header.Get("X-Api") != "2" || c.ReadCall("7").Header.Get("X-Api") != "1" {
		t.Error(call.Header)
	}
	call, err = c.UpdateCall("7", fieldsOf(t, `{"subject":"x"}`), Marks{}, Current{})
	if got := line(call); err != nil || got != `POST /tickets/7/edit application/vnd.x+json {"ticket":{"subject":"x"}}` {
		t.Error("a call with a media type of its own:", got, err)
	}
	alive, ok := p.Alive()
	if !ok || line(alive) != "GET /api/me" || alive.Header.Get("X-Requested-By") != "gateway" {
		t.Error(alive)
	}
	for text, want := range map[string]bool{`{"id":1}`: true, `{"id":null}`: false, `{}`: false, `<html>`: false, `{"id":""}`: false} {
		if p.Proves(answer(200, text)) != want {
			t.Error(text)
		}
	}
	if p.Proves(answer(401, `{"id":1}`)) {
		t.Error("401")
	}
	if _, ok := profileOf(t, "preset: rest\ncollections: {a: {path: /a}}").Alive(); ok {
		t.Error("not described")
	}
	if p.ContentType != "application/x-www-form-urlencoded" || p.Headers.Get("X-Api") != "1" {
		t.Error(p.ContentType, p.Headers)
	}
}

func TestEnvelopeWith(t *testing.T) {
	c := ticketsOf(t, `envelope: {call: /data/attributes, answer: /data, item: /attributes, items: /data, with: {/data/type: tickets, /data/id: "{id}", /n: "{id:number}"}}, external_id: {field: /ref}, read: {path: "/t({id})/x"}`)
	call, err := c.CreateCall(fieldsOf(t, `{"a":1}`), Marks{})
	if got := line(call); err != nil || got != `POST /tickets application/json {"data":{"attributes":{"a":1},"type":"tickets"}}` {
		t.Error(got, err)
	}
	call, err = c.UpdateCall("7", fieldsOf(t, `{"a":1}`), Marks{}, Current{})
	if got := line(call); err != nil || got != `PATCH /tickets/7 application/json {"data":{"attributes":{"a":1},"id":"7","type":"tickets"},"n":7}` {
		t.Error(got, err)
	}
	hits, err := c.Found(answer(200, `{"data":[{"id":"9","attributes":{"ref":"`+string(gid)+`"}}]}`), gid)
	if err != nil || len(hits) != 1 || hits[0].Local != "9" || string(hits[0].Record) != `{"ref":"`+string(gid)+`"}` {
		t.Error(hits, err)
	}
	if c.ReadCall("7").Target != "/t(7)/x" {
		t.Error(c.ReadCall("7"))
	}
	jsonAPI := ticketsOf(t, `envelope: {answer: /data/attributes}, id: {at: /data/id}`)
	if made, err := jsonAPI.Created(answer(201, `{"data":{"id":"5","attributes":{"a":1}}}`)); err != nil || made.Local != "5" || string(made.Record) != `{"a":1}` {
		t.Error("an id beside the record:", made, err)
	}
}

func TestIDs(t *testing.T) {
	href := ticketsOf(t, `id: {from: body, at: /_links/self/0/href, match: "/(\\d+)$"}`)
	if made, err := href.Created(answer(201, `{"a":1,"_links":{"self":[{"href":"http://h/api/17"}]}}`)); err != nil || made.Local != "17" || made.Record == nil {
		t.Error(made, err)
	}
	// An answer to a create that has the id elsewhere than records have it.
	couch := ticketsOf(t, `id: {from: body, at: /_id, created: /id}, etag: {field: /_rev}, update: {method: PUT, body: full}, delete: {path: "{path}/{id}?rev={version}"}, read_back: true`)
	if made, err := couch.Created(answer(201, `{"ok":true,"id":"5f","rev":"1-a"}`)); err != nil || made.Local != "5f" || made.Record != nil {
		t.Error(made, err)
	}
	a := answer(200, `{"_id":"5f","_rev":"1-a","title":"t"}`)
	record, ok := couch.Answered(a, "5f")
	now := Current{Record: record, Version: couch.ETag(a, record)}
	if call, err := couch.UpdateCall("5f", fieldsOf(t, `{"title":"u"}`), Marks{}, now); !ok || err != nil || string(call.Body) != `{"title":"u","_rev":"1-a"}` {
		t.Errorf("%s %v", call.Body, err)
	}
	if call, err := couch.DeleteCall("5f", now); err != nil || call.Target != "/tickets/5f?rev=1-a" {
		t.Error(call.Target, err)
	}
	search := ticketsOf(t, `id: {from: search, at: /id}, external_id: {field: /ref}`)
	if _, err := search.Created(answer(201, `{"id":7}`, "Location", "/tickets/7")); request.KindOf(err) != request.Doubtful {
		t.Error(err)
	}
	within := ticketsOf(t, `read: {path: "/records/{id}/fields"}, id: {from: location}`)
	for location, want := range map[string]string{"http://h/base/records/7/fields": "7", "/records/8": "8", "9": "9", "/records/a%20b/fields/": "a b", "/tickets": ""} {
		if made, _ := within.Created(answer(201, "", "Location", location)); made.Local != want {
			t.Errorf("%s: %q", location, made.Local)
		}
	}
}

func TestPresetFile(t *testing.T) {
	var s Spec
	text := "headers: {X-B: mine}\nlogin: {path: /l}\ncollections: {tickets: {path: /t, envelope: {call: /own}}, other: {path: /o}}"
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	f, err := parsePreset([]byte(`
headers: {X-A: a, X-B: b}
login: {path: /login, status: 201}
encoding: form
timeout: 3s
collection: {create: {status: 200}, envelope: {call: /base, answer: /base}}
collections: {tickets: {path: /never, envelope: {answer: /named}, id: {at: /key}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := f.over(s)
	if got.Headers["X-A"] != "a" || got.Headers["X-B"] != "mine" || got.Login.Path != "/l" || got.Login.Status[0] != 201 || got.Encoding != "form" || got.Timeout != 3e9 ||
		len(got.Collections) != 2 || s.Headers["X-A"] != "" || len(s.Login.Status) != 0 {
		t.Errorf("%+v", got)
	}
	tickets, other := f.collection("tickets", s.Collections["tickets"]), f.collection("other", s.Collections["other"])
	if tickets.Path != "/t" || tickets.Envelope.Answer != "/named" || tickets.Envelope.Call != "/own" || tickets.ID.At[0] != "/key" || tickets.Create.Status[0] != 200 {
		t.Errorf("%+v", tickets)
	}
	if other.Envelope.Answer != "/base" || other.ID != nil {
		t.Errorf("%+v", other)
	}
}

// A field that is taken when a record is made, and never after: a later call with its member means something else by it.
func TestTakenOnce(t *testing.T) {
	c := ticketsOf(t, `envelope: {call: /ticket}, others: drop, fields: {subject: /subject, description: {read: /description, write: /comment/body, update: false}}`)
	f := fieldsOf(t, `{"subject":"s","description":"d"}`)
	create, err1 := c.CreateCall(f, Marks{})
	update, err2 := c.UpdateCall("1", f, Marks{}, Current{})
	if got := string(create.Body) + string(update.Body); got != `{"ticket":{"subject":"s","comment":{"body":"d"}}}{"ticket":{"subject":"s"}}` || err1 != nil || err2 != nil {
		t.Error(got, err1, err2)
	}
	for v, want := range map[Verb]string{Create: `{"description":"d"}`, Update: `{}`} {
		if got, err := c.Decode(v, "application/json", []byte(`{"ticket":{"comment":{"body":"d"}}}`), nil); err != nil || string(got.AppendJSON(nil)) != want {
			t.Error(v, got, err)
		}
	}
	if got, err := c.FromRecord([]byte(`{"subject":"s","description":"d"}`)); err != nil || string(got.AppendJSON(nil)) != string(f.AppendJSON(nil)) {
		t.Error(got, err)
	}
	if got := c.Expect(f); string(got.AppendJSON(nil)) != `{"subject":"s"}` || !c.Once("description") || c.Once("subject") || c.Once("x") {
		t.Error(got)
	}
	own, ok := c.OwnCall("1", []byte(`{"ticket":{"subject":"s","comment":{"body":"d"},"group":1}}`))
	if !ok || string(own.Body) != `{"ticket":{"comment":{"body":"d"},"group":1}}` {
		t.Error(ok, string(own.Body))
	}
}

// An API that refuses what it sets itself gets whole records without it.
func TestWholeRecordsWithoutReadOnly(t *testing.T) {
	c := ticketsOf(t, `update: {method: PUT, body: full, read_only: omit}, read_only: [/id, /made/at], local: [mine], fields: {subject: /title}`)
	now := Current{Record: []byte(`{"id":1,"title":"s","made":{"at":"now","by":"me"},"mine":1,"more":2}`)}
	update, err1 := c.UpdateCall("1", fieldsOf(t, `{"subject":"t"}`), Marks{}, now)
	replace, err2 := c.ReplaceCall("1", fieldsOf(t, `{"subject":"t","more":3}`), now, Marks{})
	if got := string(update.Body) + string(replace.Body); got != `{"title":"t","made":{"by":"me"},"more":2,"mine":1}{"title":"t","more":3,"mine":1}` || err1 != nil || err2 != nil {
		t.Error(got, err1, err2)
	}
	for call, want := range map[string]string{"update: {read_only: omit}": "update/read_only", "update: {body: full, read_only: keep}": "update/read_only", "create: {read_only: omit}": "create/read_only"} {
		var s Spec
		if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {tickets: {path: /tickets, "+call+"}}"), &s); err != nil {
			t.Fatal(err)
		}
		if _, problems := Compile("x", s); len(problems) != 1 || strings.Join(problems[0].Path[2:], "/") != want {
			t.Errorf("%s: %+v", call, problems)
		}
	}
}

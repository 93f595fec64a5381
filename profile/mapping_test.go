package profile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"

	"pgregory.net/rapid"
)

func TestMapping(t *testing.T) {
	c := ticketsOf(t, `read_only: [/id, /created_at, /meta/etag], local: [assignee], drop: [/noise],
    external_id: {field: /external_id}, stamp: {version: /sync/version, owner: /sync_owner},
    fields: {subject: /title, status: {at: /state/name, values: {open: opened, closed: 3}}, source: {const: web},
      impact: {read: /impact/id, write: /impact_id}, body: {write: /Content}, made: {read: /created_at}, text: {at: /text, max_length: 3, too_long: truncate}}`)
	record := `{ "id":7, "title" : "t", "state":{"name":"opened","rank":2}, "z":12345678901234567890, "created_at":"now", "assignee":"me",
	  "noise":1, "external_id":"x", "sync":{"version":"1@a.1"}, "sync_owner":"a", "impact":{"id":4,"name":"high"}, "Content":"c", "meta":{"etag":1,"k":2},
	  "subject":"not the title", "source":"mail", "text":null }`
	f, err := c.FromRecord([]byte(record))
	want := `{"subject":"t","status":"open","z":12345678901234567890,"made":"now","impact":4,"meta":{"k":2},"text":null}`
	if got := string(f.AppendJSON(nil)); err != nil || got != want {
		t.Errorf("FromRecord: %s %v\nwant %s", got, err, want)
	}
	f, err = c.FromCall([]byte(`{"title":"t","state":{"name":3},"impact_id":4,"impact":{"id":5},"Content":"c","id":9,"created_at":1,"text":"abcdef"}`))
	if got := string(f.AppendJSON(nil)); err != nil || got != `{"subject":"t","status":"closed","impact":4,"body":"c","text":"abcdef"}` {
		t.Errorf("FromCall: %s %v", got, err)
	}
	call, err := c.CreateCall(fieldsOf(t, `{"subject":"t","status":"closed","new":1,"impact":4,"body":"c","assignee":"you","title":"x","made":1,"text":"äöüß","created_at":5}`), marks)
	want = `{"title":"t","state":{"name":3},"new":1,"impact_id":4,"Content":"c","text":"äöü","source":"web","external_id":"` + string(gid) +
		`","sync_owner":"chicago","sync":{"version":"1@chicago.3"}}`
	if got := string(call.Body); err != nil || got != want {
		t.Errorf("CreateCall: %s %v\nwant %s", got, err, want)
	}
	expect := string(c.Expect(fieldsOf(t, `{"subject":"t","assignee":"x","body":"c","text":"äöüß","status":"open"}`)).AppendJSON(nil))
	if expect != `{"subject":"t","text":"äöü","status":"open"}` {
		t.Errorf("Expect: %s", expect)
	}
	call, err = c.ReplaceCall("7", fieldsOf(t, `{"subject":"n","status":"open"}`), Current{Record: []byte(record)}, marks)
	want = `{"title":"n","state":{"name":"opened","rank":2},"source":"web","created_at":"now","meta":{"etag":1},"assignee":"me","noise":1,"external_id":"` + string(gid) +
		`","sync_owner":"chicago","sync":{"version":"1@chicago.3"}}`
	if got := string(call.Body); err != nil || got != want || call.Method != "PUT" || call.Target != "/tickets/7" {
		t.Errorf("ReplaceCall: %s %v\nwant %s", got, err, want)
	}
	call, err = c.UpdateCall("a/b c", nil, Marks{}, Current{})
	if got := string(call.Body); err != nil || got != `{}` || call.Target != "/tickets/a%2Fb%20c" {
		t.Errorf("UpdateCall: %s %s %v", call.Target, got, err)
	}
}

func TestRefusedFields(t *testing.T) {
	c := ticketsOf(t, `required: [subject], fields: {status: {at: /state, values: {open: opened}, strict: true}, summary: {max_length: 2}}`)
	for body, want := range map[string]string{
		`{"subject":"s","status":"odd"}`:               "field status",
		`{"status":"open"}`:                            "field subject",
		`{"subject":null}`:                             "field subject",
		`{"subject":"s","summary":"abc"}`:              "field summary",
		`{"subject":"s","summary":"äö","status":null}`: "",
	} {
		_, err := c.CreateCall(fieldsOf(t, body), marks)
		if (want == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), want) || request.KindOf(err) != request.Invalid) {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, err := c.UpdateCall("7", fieldsOf(t, `{"status":"open"}`), marks, Current{}); err != nil {
		t.Error("a merge need not have what is required:", err)
	}
}

func TestETagAndEnvelope(t *testing.T) {
	c := ticketsOf(t, `etag: true, envelope: {call: /ticket/data, answer: /ticket}`)
	call, err := c.UpdateCall("7", fieldsOf(t, `{"a":1}`), marks, Current{Version: `"x"`})
	if err != nil || string(call.Body) != `{"ticket":{"data":{"a":1}}}` || call.Header.Get("If-Match") != `"x"` || call.Header.Get("Content-Type") != "application/json" {
		t.Fatal(call, err)
	}
	if c.ETag(answer(200, "", "ETag", `W/"1"`), nil) != `W/"1"` || !c.HasETag() {
		t.Fatal("etag")
	}
	if _, err := c.FromCall([]byte(`{"a":1}`)); request.KindOf(err) != request.Invalid {
		t.Fatal(err)
	}
}

// A canonical record goes into any record and comes back as it was, and a site's record keeps its bytes.
func TestRoundTrip(t *testing.T) {
	c := ticketsOf(t, `read_only: [/id, /at], local: [mine], external_id: {field: /x/ref, find: '?q={value}'},
    fields: {subject: /title, status: {at: /state/name, values: {open: 1, closed: "2", done: true}}, rank: /state/rank, deep: /a/b/c}`)
	scalars := rapid.SampledFrom([]string{`1`, `null`, `"x"`, `12345678901234567890`, `1.10`, `1E2`, `[1, 2]`, `{"k": {}}`, `"\u00e4\n"`, `true`, `""`})
	rapid.Check(t, func(t *rapid.T) {
		var f request.Fields
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"subject", "status", "rank", "deep", "other", "é", "q\"~/", ""}), rapid.ID).Draw(t, "names") {
			v := scalars.Draw(t, "value")
			if name == "status" {
				v = rapid.SampledFrom([]string{`"open"`, `"closed"`, `"done"`, `null`, `"else"`}).Draw(t, "status")
			}
			f = append(f, request.Field{Name: name, Value: []byte(v)})
		}
		call, err := c.CreateCall(f, marks)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckJSON(call.Body, 64); err != nil {
			t.Fatal(err)
		}
		for _, from := range []func([]byte) (request.Fields, error){c.FromCall, c.FromRecord} {
			got, err := from(call.Body)
			if err != nil || got.Hash() != f.Hash() {
				t.Fatalf("%s became %s and came back as %s (%v)", f.AppendJSON(nil), call.Body, got.AppendJSON(nil), err)
			}
		}
		if m, ok := c.Stamp(call.Body); !ok || m.Request != gid {
			t.Fatal(m)
		}
	})
}

func TestDiff(t *testing.T) {
	want := `{"a":1,"b":{"x":[1,2.0]},"c":null,"d":"é","e":12345678901234567890,"f":1e400}`
	got := `{"a":1.0,"b":{ "x" : [1,2] },"d":"\u00e9","e":1.2345678901234567890e19,"f":10E399,"z":1}`
	if d := Diff(fieldsOf(t, want), fieldsOf(t, got)); len(d) != 0 {
		t.Error(d)
	}
	got = `{"a":"1","b":{"x":[2,1]},"c":0,"d":"e","e":12345678901234567891,"f":null}`
	if d := Diff(fieldsOf(t, want), fieldsOf(t, got)); fmt.Sprint(d) != "[a b c d e f]" {
		t.Error(d)
	}
	if n, ok := number("-0.00"); !ok || n != "0" {
		t.Error(n)
	}
}

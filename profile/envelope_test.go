package profile

import (
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

const jsonAPI = `envelope: {call: /data/attributes, answer: /data/attributes, items: /data, item: /attributes, with: {/data/type: tickets, /data/id: "{id}"}},
	id: {from: body, at: /id}, etag: {field: /meta/rev}, list: {next: /links/next, total: /meta/total}`

// What is beside a record is found at every level around it, the innermost first, in answers and in lists.
func TestAroundTheRecord(t *testing.T) {
	c := ticketsOf(t, jsonAPI)
	a := answer(200, `{"id":"no","meta":{"rev":"no"},"data":{"type":"tickets","id":"7","meta":{"rev":3},"attributes":{"a":1}}}`)
	record, ok := c.Answered(a, "7")
	if !ok || string(record) != `{"a":1}` || c.ETag(a, record) != "3" {
		t.Fatalf("%s %v %q", record, ok, c.ETag(a, record))
	}
	if made, err := c.Created(answer(201, string(a.Body))); err != nil || made.Local != "7" || made.Record == nil {
		t.Error(made, err)
	}
	pages := c.List(time.Time{})
	if _, ok := pages.Call(); !ok {
		t.Fatal("no list")
	}
	got, err := pages.Take(answer(200, `{"data":[{"type":"tickets","id":"7","attributes":{"a":1}}],"meta":{"total":9}}`))
	if err != nil || len(got) != 1 || got[0].Local != "7" || got[0].Record == nil {
		t.Error(got, err)
	}
	call, err := c.UpdateCall("7", fieldsOf(t, `{"a":2}`), Marks{}, Current{Record: record, Version: "3"})
	if want := `{"data":{"attributes":{"a":2},"meta":{"rev":3},"id":"7","type":"tickets"}}`; err != nil || string(call.Body) != want {
		t.Errorf("%s %v", call.Body, err)
	}
	// Seen from the whole body, or where the profile says what stands there.
	for collection, want := range map[string]string{
		`envelope: {call: /data/attributes, answer: /data/attributes}, id: {at: [/id, /data/id]}, etag: {field: /data/meta/rev}`:                           `{"data":{"attributes":{"a":2},"meta":{"rev":3}}}`,
		`envelope: {call: /data/attributes, answer: /data/attributes, with: {/lock: "{version}"}}, id: {at: /data/id}, etag: {field: [/none, /meta/rev]}`:  `{"data":{"attributes":{"a":2}},"lock":3}`,
		`envelope: {call: /attributes, answer: /data/attributes}, etag: {field: /meta/rev}`:                                                                `{"attributes":{"a":2},"meta":{"rev":3}}`,
		`envelope: {answer: /data/attributes}, etag: {field: [/meta/rev, /data/meta/rev]}, update: {body: json-patch}`:                                     `[{"op":"test","path":"/meta/rev","value":3},{"op":"replace","path":"/a","value":2}]`,
		`envelope: {call: /data/attributes, answer: /data/attributes}, etag: {field: /meta/rev}, update: {body: json-patch}`:                               `[{"op":"test","path":"/data/meta/rev","value":3},{"op":"replace","path":"/data/attributes/a","value":2}]`,
		`envelope: {call: /data, answer: /data}, id: {at: /id}, etag: {field: /meta/rev}, update: {body: full}, read_only: [/type, /id], local: [/meta/x]`: `{"data":{"a":2,"attributes":{"a":1},"type":"tickets","meta":{"rev":3}}}`,
	} {
		c := ticketsOf(t, collection)
		record, ok := c.Answered(a, "7")
		if !ok || c.ETag(a, record) != "3" {
			t.Errorf("%s: %s %v", collection, record, ok)
		}
		call, err := c.UpdateCall("7", fieldsOf(t, `{"a":2}`), Marks{}, Current{Record: record, Version: c.ETag(a, record)})
		if err != nil || string(call.Body) != want {
			t.Errorf("%s: %s %v", collection, call.Body, err)
		}
	}
}

// A server that names ids and versions in its records otherwise than in its other answers.
func TestTheFirstOfSomePlaces(t *testing.T) {
	c := ticketsOf(t, `id: {from: body, at: [/_id, /id]}, etag: {field: [/_rev, /rev]}, update: {method: PUT, body: full}, delete: {path: "{path}/{id}?rev={version}"}, envelope: {items: /rows, item: /doc}`)
	made, err := c.Created(answer(201, `{"ok":true,"id":"x1","rev":"1-a"}`))
	if err != nil || made.Local != "x1" {
		t.Error(made, err)
	}
	if got := c.ETag(answer(201, `{"ok":true,"id":"x1","rev":"1-a"}`), nil); got != `"1-a"` {
		t.Error(got)
	}
	a := answer(200, `{"_id":"x1","id":"y","_rev":"2-b","rev":"no","a":1}`)
	record, ok := c.Answered(a, "x1")
	if !ok || c.ETag(a, record) != `"2-b"` {
		t.Error(ok, c.ETag(a, record))
	}
	got, err := c.FromRecord(record)
	if err != nil || string(got.AppendJSON(nil)) != `{"a":1}` {
		t.Errorf("%s %v", got, err)
	}
	call, err := c.UpdateCall("x1", fieldsOf(t, `{"a":2}`), Marks{}, Current{Record: []byte(`{"_id":"x1","a":1}`), Version: `"1-a"`})
	if want := `{"a":2,"_rev":"1-a"}`; err != nil || string(call.Body) != want {
		t.Errorf("%s %v", call.Body, err)
	}
	if call, _ := c.DeleteCall("x1", Current{Record: []byte(`{"_id":"x1","rev":"2-b"}`)}); call.Target != "/tickets/x1?rev=2-b" {
		t.Error(call.Target)
	}
	pages := c.List(time.Time{})
	pages.Call()
	if all, err := pages.Take(answer(200, `{"rows":[{"id":"x1","key":"x1","doc":{"_id":"x1","a":1}},{"id":"x2","doc":{"a":2}}]}`)); err != nil || len(all) != 2 || all[0].Local != "x1" || all[1].Local != "x2" {
		t.Error(all, err)
	}
}

func TestUnshown(t *testing.T) {
	c := ticketsOf(t, `envelope: {answer: /data/attributes}, id: {at: [/key, /no]}`)
	for body, want := range map[string]string{
		`<html>`: "the answer is not JSON", `[]`: "the answer holds no record",
		`{"data":{"id":7,"attributes":{"a":1}}}`:          `the answer does not show the id "7" at /key or /no`,
		`{"data":{"key":8,"attributes":{"a":1}}}`:         `the answer shows the id "8" at /key or /no, and not "7"`,
		`{"data":{"key":7,"attributes":{}}}`:              "the answer shows no more of the record than its id",
		`{"data":{"key":7,"attributes":{"key":9,"a":1}}}`: `the answer shows the id "9" at /key or /no, and not "7"`,
		`{"data":{"key":7,"attributes":{"a":1}}}`:         "",
	} {
		if got := c.Unshown(answer(200, body), "7"); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	for collection, want := range map[string]string{
		`id: {at: [/key, /no]}`: "at /key or /no", `id: {from: header, name: X-Id}`: "in its header X-Id", `id: {from: location}`: "in its Location",
		`id: {at: /key, created: /new/id}`: "at /new/id or /key",
	} {
		_, err := ticketsOf(t, collection).Created(answer(201, `{"id":7}`))
		if want = "profile.Created: the answer to the create holds no usable id " + want; request.KindOf(err) != request.Doubtful || err.Error() != want {
			t.Errorf("%s: %v", collection, err)
		}
	}
}

// An answer to a create that is a link is not the record, whatever it says besides the id.
func TestLinksAreNoRecords(t *testing.T) {
	for more, want := range map[string]bool{", others: drop": false, "": true} {
		c := ticketsOf(t, `envelope: {call: /fields, answer: /fields}, id: {from: body, at: /key}, fields: {subject: /summary}`+more)
		made, err := c.Created(request.Answer{Status: 201, Body: []byte(`{"id":"1","key":"A-1","self":"x"}`)})
		if err != nil || made.Local != "A-1" || (made.Record != nil) != want {
			t.Errorf("%s: %+v %v", more, made, err)
		}
		made, err = c.Created(request.Answer{Status: 201, Body: []byte(`{"id":"1","key":"A-1","fields":{"summary":"s"}}`)})
		if err != nil || string(made.Record) != `{"summary":"s"}` {
			t.Errorf("%s: %+v %v", more, made, err)
		}
	}
}

// Where the profile says how the version is written beside the record, it is not written into it too; a create has none.
func TestVersionsBeside(t *testing.T) {
	c := ticketsOf(t, `envelope: {call: /ticket, answer: /ticket, with: {/ticket/safe: true, /ticket/stamp: "{version}"}}, etag: {field: /updated_at}, read_only: [/updated_at]`)
	f := fieldsOf(t, `{"subject":"s"}`)
	create, err1 := c.CreateCall(f, Marks{})
	update, err2 := c.UpdateCall("1", f, Marks{}, Current{Record: []byte(`{"id":1,"updated_at":"now"}`), Version: `"now"`})
	if got := string(create.Body) + string(update.Body); got != `{"ticket":{"subject":"s","safe":true}}{"ticket":{"subject":"s","safe":true,"stamp":"now"}}` || err1 != nil || err2 != nil {
		t.Error(got, err1, err2)
	}
}

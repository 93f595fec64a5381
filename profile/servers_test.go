package profile

import (
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

// What the servers really answer, as measured.
func TestServers(t *testing.T) {
	js := ticketsOf(t, "external_id: {field: /external_id}")
	pb := profileOf(t, pocketBase).Collections["tickets"]

	t.Run("json-server 0.17", func(t *testing.T) {
		a := answer(201, "{\n  \"title\": \"x\",\n  \"n\": 9007199254740993,\n  \"id\": 7\n}", "Location", "http://127.0.0.1:9001/tickets/7")
		made, err := js.Created(a)
		if err != nil || made.Local != "7" || made.Record == nil || js.Judge(Create, a) != Accepted {
			t.Fatal(made, err)
		}
		f, err := js.FromRecord(made.Record)
		if got := string(f.AppendJSON(nil)); err != nil || got != `{"title":"x","n":9007199254740993}` {
			t.Fatal(got, err)
		}
		if c := js.ReadCall("7"); c.Method != "GET" || c.Target != "/tickets/7" {
			t.Fatal(c)
		}
		find, ok := js.FindCall(gid)
		if !ok || find.Target != "/tickets?external_id="+string(gid) {
			t.Fatal(find.Target)
		}
		// A filter on a field that no record has gives all records.
		hits, err := js.Found(answer(200, `[{"id":1,"title":"a"},{"id":2,"external_id":"other"}]`), gid)
		if err != nil || len(hits) != 0 {
			t.Fatal(hits, err)
		}
		hits, err = js.Found(answer(200, `[{"id":12,"external_id":"`+string(gid)+`"},{"id":9,"external_id":"`+string(gid)+`"},{"id":1}]`), gid)
		if err != nil || len(hits) != 2 || hits[0].Local != "9" {
			t.Fatal(hits, err)
		}
	})
	t.Run("json-server 1", func(t *testing.T) {
		made, err := js.Created(answer(201, `{"title":"x","id":"1f3a"}`))
		if err != nil || made.Local != "1f3a" || made.Record == nil {
			t.Fatal(made, err)
		}
	})
	t.Run("PocketBase", func(t *testing.T) {
		body := `{"collectionId":"pbc_1","collectionName":"tickets","created":"2026-11-01 10:00:00.123Z","external_id":"` + string(gid) +
			`","id":"abcdefghijklmno","title":"x","updated":"2026-11-01 10:00:00.123Z"}`
		a := answer(200, body)
		made, err := pb.Created(a)
		if err != nil || made.Local != "abcdefghijklmno" || pb.Judge(Create, a) != Accepted {
			t.Fatal(made, err)
		}
		f, err := pb.FromRecord(made.Record)
		if got := string(f.AppendJSON(nil)); err != nil || got != `{"title":"x"}` {
			t.Fatal(got, err)
		}
		if pb.CanReplace() || pb.Judge(Delete, answer(204, "")) != Accepted || pb.Judge(Delete, answer(404, "{}")) != Gone || pb.Success(Create) != 200 {
			t.Fatal("statuses")
		}
		find, _ := pb.FindCall(gid)
		if find.Target != "/api/collections/tickets/records?filter=(external_id='"+string(gid)+"')" {
			t.Fatal(find.Target)
		}
		list := `{"items":[` + body + `],"page":1,"perPage":30,"totalItems":1,"totalPages":1}`
		hits, err := pb.Found(answer(200, list), gid)
		if err != nil || len(hits) != 1 || hits[0].Local != "abcdefghijklmno" {
			t.Fatal(hits, err)
		}
		if hits, err = pb.Found(answer(200, `{"items":[],"totalItems":0}`), gid); err != nil || len(hits) != 0 {
			t.Fatal(hits, err)
		}
		if _, err = pb.Found(answer(200, `{"items":[`+strings.Repeat(`{"id":"a"},`, 29)+`{"id":"a"}],"totalItems":90}`), gid); request.KindOf(err) != request.Doubtful {
			t.Fatal("a part of all records is no proof that there is none")
		}
		if m, ok, _ := mustMatch(t, pb, "PUT", "/api/collections/tickets/records/abc"); ok {
			t.Fatal(m)
		}
	})
}

func mustMatch(t *testing.T, _ *Collection, method, path string) (Match, bool, error) {
	t.Helper()
	return profileOf(t, pocketBase).Match(method, path)
}

func TestCreated(t *testing.T) {
	rest := ticketsOf(t, "read_only: [/id]")
	odata := ticketsOf(t, `read: {path: "/Requests({id})"}, id: {from: location}`)
	suffix := ticketsOf(t, `read: {path: "/tickets/{id}.json"}, id: {from: location}`)
	matched := ticketsOf(t, `id: {from: location, match: "/t/(\\d+)$"}`)
	header := ticketsOf(t, "id: {from: header, name: X-Id}")
	wrapped := ticketsOf(t, "envelope: {call: /ticket, answer: /ticket}")
	for name, k := range map[string]struct {
		c      *Collection
		a      request.Answer
		want   string
		record bool
	}{
		"body":                 {rest, answer(201, `{"id":7,"t":1}`), "7", true},
		"only the id":          {rest, answer(201, `{"id":7}`), "7", false},
		"id of 0":              {rest, answer(201, `{"id":0}`), "", false},
		"id is a fraction":     {rest, answer(201, `{"id":1.5}`), "", false},
		"id is null":           {rest, answer(201, `{"id":null}`), "", false},
		"id with newline":      {rest, answer(201, `{"id":"a\nb"}`), "", false},
		"id of dots":           {rest, answer(201, `{"id":".."}`), "", false},
		"html":                 {rest, answer(200, `<html>`), "", false},
		"half a body":          {rest, answer(200, `{"id":7,`), "", false},
		"empty":                {rest, answer(201, ``), "", false},
		"absolute location":    {rest, answer(201, ``, "Location", "http://h/x/tickets/7"), "7", false},
		"path location":        {rest, answer(201, ``, "Location", "/tickets/7/"), "7", false},
		"relative location":    {rest, answer(201, ``, "Location", "7"), "7", false},
		"javascript":           {rest, answer(201, ``, "Location", "javascript:alert(1)"), "", false},
		"the collection's own": {rest, answer(201, ``, "Location", "/tickets"), "", false},
		"escaped":              {rest, answer(201, ``, "Location", "/tickets/a%20b"), "a b", false},
		"parentheses":          {odata, answer(201, ``, "Location", "Requests(0f-1)"), "0f-1", false},
		"suffix lacking":       {suffix, answer(201, ``, "Location", "/tickets/7"), "7", false},
		"suffix there":         {suffix, answer(201, ``, "Location", "/tickets/7.json"), "7", false},
		"match":                {matched, answer(201, ``, "Location", "/v2/t/88"), "88", false},
		"no match":             {matched, answer(201, ``, "Location", "/v2/u/88"), "", false},
		"header":               {header, answer(201, `{}`, "X-Id", "k9"), "k9", false},
		"envelope":             {wrapped, answer(201, `{"ticket":{"id":"7","t":1}}`), "7", true},
		"flat for once":        {wrapped, answer(201, `{"id":7,"t":1}`), "7", true},
	} {
		got, err := k.c.Created(k.a)
		if got.Local != k.want || (err == nil) != (k.want != "") || (got.Record != nil) != k.record {
			t.Errorf("%s: %q %s %v", name, got.Local, got.Record, err)
		}
		if err != nil && request.KindOf(err) != request.Doubtful {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnswered(t *testing.T) {
	c := ticketsOf(t, "envelope: {call: /ticket, answer: /ticket}")
	for body, want := range map[string]bool{
		`{"ticket":{"id":7,"a":1}}`: true, `{"ticket":{"id":"7","a":1}}`: true, `{"id":7,"a":1}`: true,
		`{"ticket":{"id":8,"a":1}}`: false, `{"ticket":{"a":1}}`: false, `[{"id":7}]`: false, ``: false, `{"ok":true}`: false,
	} {
		if _, ok := c.Answered(answer(200, body), "7"); ok != want {
			t.Errorf("%s: %v", body, ok)
		}
	}
	if _, ok := c.Answered(answer(404, `{"id":7,"a":1}`), "7"); ok {
		t.Error("an error is no record")
	}
}

func TestJudge(t *testing.T) {
	c := ticketsOf(t, "read_only: [/id]")
	for _, k := range []struct {
		verb   Verb
		status int
		body   string
		want   Verdict
	}{
		{Create, 201, `{}`, Accepted}, {Create, 200, `{}`, Accepted}, {Create, 202, `{}`, Doubtful}, {Create, 404, ``, Refused},
		{Create, 422, `{}`, Refused}, {Create, 429, ``, Unavailable}, {Create, 503, ``, Unavailable}, {Create, 500, ``, Doubtful},
		{Create, 502, ``, Doubtful}, {Create, 504, ``, Doubtful}, {Create, 302, ``, Doubtful}, {Create, 200, `<html>login`, Doubtful},
		{Create, 408, ``, Doubtful}, {Create, 501, ``, Refused},
		{Update, 201, `{}`, Accepted}, {Update, 204, ``, Accepted}, {Update, 404, ``, Gone}, {Update, 412, ``, Refused},
		{Delete, 204, ``, Accepted}, {Delete, 200, `{}`, Accepted}, {Delete, 410, ``, Gone}, {Delete, 200, ` <!doctype`, Doubtful},
		{Read, 200, `{}`, Accepted}, {Read, 200, `{"a`, Doubtful}, {Read, 200, ``, Doubtful}, {Read, 404, ``, Gone}, {Read, 401, ``, Refused},
	} {
		if got := c.Judge(k.verb, answer(k.status, k.body)); got != k.want {
			t.Errorf("%s %d %q: %s, want %s", k.verb, k.status, k.body, got, k.want)
		}
	}
}

package profile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

func first(t *testing.T, list string, since time.Time) request.Call {
	t.Helper()
	call, ok := ticketsOf(t, list).List(since).Call()
	if !ok {
		t.Fatal(list)
	}
	return call
}

func TestSince(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 11, 12, 345e6, time.UTC)
	for list, want := range map[string]string{
		`list: {path: "?s={since}&n={size}"}`:                                                     "/tickets?s=2026-11-22T10%3A11%3A11Z&n=100",
		`list: {path: "?s={since}", grain: 1m}`:                                                   "/tickets?s=2026-11-22T10%3A10%3A00Z",
		`list: {path: "?s={since}", grain: 1ms}`:                                                  "/tickets?s=2026-11-22T10%3A11%3A12.344Z",
		`list: {path: "?s={since}", format: unix}`:                                                "/tickets?s=1795342271",
		`list: {path: "?s={since}", format: unix-ms, grain: 10ms}`:                                "/tickets?s=1795342272330",
		`list: {path: "?q=at>='{since}'", format: "2006-01-02 15:04:05", zone: America/New_York}`: "/tickets?q=at%3E='2026-11-22%2005%3A11%3A11'",
		`list: {path: "?s={since}&page={page}", zone: Europe/Oslo, first: 0}`:                     "/tickets?s=2026-11-22T11%3A11%3A11%2B01%3A00&page=0",
		`list: {path: "?o={offset}&c=x"}`:                                                         "/tickets?o=0&c=x",
		`list: {path: "?c={cursor}&c=x", next: /n}`:                                               "/tickets?c=x",
		`list: {path: "{path}.json"}`:                                                             "/tickets.json",
	} {
		if got := first(t, list, at); got.Target != want || got.Method != "GET" {
			t.Errorf("%s: %s, want %s", list, got.Target, want)
		}
	}
	if got := first(t, `list: {path: "?s={since}"}`, time.Time{}).Target; got != "/tickets?s=1970-01-01T00%3A00%3A00Z" {
		t.Error(got)
	}
	if got := first(t, `list: {path: "?s={since}", earliest: 2020-01-01}`, time.Time{}).Target; got != "/tickets?s=2020-01-01T00%3A00%3A00Z" {
		t.Error(got)
	}
	post := first(t, `list: {method: POST, path: "{path}/search", send: {since: "{since}", paging: {limit: "{size}", after: "{cursor}"}, q: "a > {since}"}, format: unix, next: /n}`, at)
	if got := line(post); got != `POST /tickets/search application/json {"since":1795342271,"paging":{"limit":100},"q":"a > 1795342271"}` {
		t.Error(got)
	}
	c := ticketsOf(t, `list: {path: "?s={since}", lag: 1m, grain: 1s}`)
	if ok, since := c.CanList(); !ok || !since {
		t.Error("it can")
	}
	if lag, grain := c.Lag(); lag != time.Minute || grain != time.Second {
		t.Error(lag, grain)
	}
	if ok, _ := ticketsOf(t, "list: false").CanList(); ok {
		t.Error("it cannot")
	}
	if _, ok := ticketsOf(t, "list: false").List(time.Time{}).Call(); ok {
		t.Error("there is nothing to call")
	}
}

func TestListed(t *testing.T) {
	const at = "2026-11-22T10:00:00Z"
	for _, k := range []struct{ collection, body, want string }{
		{`list: {since: /at}`, `[{"id":7,"a":1,"at":"2026-11-22T10:00:00.000+0000"},{"id":"x","a":1,"at":1795341600},{"id":3,"a":1,"at":"never"}]`, "7 full " + at + ", x full " + at + ", 3 full -"},
		{`list: {since: /at, zone: Europe/Oslo}`, `[{"id":7,"a":1,"at":"2026-11-22 11:00:00"},{"id":8,"a":1,"at":1795341600000},{"id":9,"a":1,"at":"1795341600"}]`, "7 full " + at + ", 8 full " + at + ", 9 full " + at},
		{`list: {since: /at, format: "02.01.2006 15:04"}`, `[{"id":7,"a":1,"at":"22.11.2026 10:00"}]`, "7 full " + at},
		{`list: {ids_only: true}`, `[{"id":7,"a":1},"x",9]`, "7 - -, x - -, 9 - -"},
		{`list: {since: /at}`, `["a",3]`, "a - -, 3 - -"},
		{`read_only: [/id, /self]`, `[{"id":7,"self":"x"}]`, "7 - -"},
		{`envelope: {items: /data, item: /attributes}, list: {since: /meta/at}`, `{"data":[{"id":"5","attributes":{"a":1},"meta":{"at":"` + at + `"}}]}`, "5 full " + at},
		{`envelope: {items: /entries, answer: /values}, id: {at: /_links/self, match: "/(\\w+)$"}`, `{"entries":[{"values":{"a":1},"_links":{"self":"http://h/e/5f"}}]}`, "5f full -"},
		{`id: {at: /self, match: "/(\\d+)$"}`, `["/tickets/17"]`, "17 - -"},
		{`deleted: {at: /s, values: [gone]}`, `[{"id":7,"s":"gone"}]`, "7 full -"},
		{`list: {gone: 404}`, ``, ""},
		{`list: {only: {at: /k, values: [a, null]}, skip: {at: /s, values: ["", false]}}`, `[{"id":1,"k":"a","x":1},{"id":2,"k":"b"},{"id":3,"x":1,"s":""},{"id":4,"x":1,"s":true},{"k":"b"},{"id":5,"x":1,"k":null,"s":null}]`, "1 full -, 4 full -, 5 full -"},
		{`list: {only: [{at: /f, values: ["", null]}, {at: /t, values: [text/plain]}], skip: [{at: /by/id, values: [robot]}, {at: /pr}]}`,
			`[{"id":1,"f":"","t":"text/plain"},{"id":2,"t":"text/plain","pr":null},{"id":3,"f":"x","t":"text/plain"},{"id":4,"t":"text/html"},{"id":5,"t":"text/plain","by":{"id":"robot"}},{"id":6,"t":"text/plain","pr":{}}]`, "1 full -, 2 full -"},
		{`id: {at: /id, pattern: "[a-z0-9]+"}`, `[{"id":"_design/x","a":1},{"id":"a1","a":1}]`, "a1 full -"},
		{`id: {at: /id, pattern: "[a-z0-9]+"}`, `[{"a":1}]`, "!an element shows no usable id"},
		{`list: {path: "{path}"}`, `{"oops":1}`, "!the answer holds no list"},
		{`list: {path: "{path}"}`, `[{"a":1}]`, "!an element shows no usable id"},
		{`list: {path: "{path}"}`, `[{"id":".."}]`, "!an element shows no usable id"},
		{`list: {path: "{path}"}`, `[null]`, "!an element is \"null\""},
		{`list: {path: "{path}"}`, `<html>`, "!the answer is not JSON"},
		{`envelope: {item: /x}`, `[{"id":1}]`, "!an element holds no record"},
		{`envelope: {items: /i}`, `{"i":[{"id":1}],"totalItems":40}`, "!there are more pages"},
		{`envelope: {items: /i}`, `{"i":[{"id":1,"a":1}],"totalItems":1,"next":null}`, "1 full -"},
		{`envelope: {items: /i}`, `{"i":[{"id":1}],"has_more":true}`, "!there are more pages"},
		{`envelope: {items: /i}`, `{"i":[{"id":1}],"isLast":false}`, "!there are more pages"},
	} {
		c := ticketsOf(t, k.collection)
		status := 200
		if k.body == "" {
			status = 404
		}
		p := c.List(time.Time{})
		page, err := p.Take(answer(status, k.body))
		var got []string
		for _, x := range page {
			record, changed := "-", "-"
			if x.Record != nil {
				record = "full"
			}
			if !x.Changed.IsZero() {
				changed = x.Changed.Format(time.RFC3339)
			}
			got = append(got, fmt.Sprint(x.Local, " ", record, " ", changed))
		}
		_, on := p.Call()
		switch want, wrong := strings.CutPrefix(k.want, "!"); {
		case wrong:
			if request.KindOf(err) != request.Doubtful || err == nil || !strings.Contains(err.Error(), want) || on {
				t.Errorf("%s %s: %v, want %s", k.collection, k.body, err, want)
			}
		case err != nil || strings.Join(got, ", ") != want || on:
			t.Errorf("%s %s: %v %v (goes on: %v), want %s", k.collection, k.body, got, err, on, want)
		}
	}
	if _, err := ticketsOf(t, "read_only: [/id]").List(time.Time{}).Take(answer(401, "[]")); request.KindOf(err) != request.Doubtful {
		t.Error(err)
	}
	counted := ticketsOf(t, "list: {total: /t, path: '?p={page}'}, envelope: {items: /i}").List(time.Time{})
	if _, known := counted.Total(); known {
		t.Error("not yet")
	}
	if _, err := counted.Take(answer(200, `{"i":[{"id":1}],"t":"2"}`)); err != nil {
		t.Error(err)
	}
	if n, known := counted.Total(); n != 2 || !known {
		t.Error(n)
	}
	if got, err := counted.Take(answer(200, `{"i":[{"id":1},{"id":2}],"t":2}`)); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
	if _, ok := counted.Call(); ok {
		t.Error("all are here")
	}
}

// The address of a next page is taken for what it says of this API, and for nothing else.
func TestNextAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"http://h/base/api/tickets?page=2":     "/api/tickets?page=2",
		"https://other/api/tickets/next?x={y}": "/api/tickets/next?x=%7By%7D",
		"/base/api/tickets?page=2":             "/api/tickets?page=2",
		"/api/more?page=2":                     "/api/more?page=2",
		"?page=2":                              "/api/tickets?page=2",
		"tickets?page=2":                       "/api/tickets?page=2",
		"http://evil/other?page=2":             "!", "//evil/api?x": "!", "http://u:p@h/api/tickets": "!", "ftp://h/api/tickets": "!", "javascript:x": "!",
		"/api/tickets/../../admin": "!", "/api/tickets%2F..%2Fadmin": "!", "http://h/api/ticketsx": "!", "/a\\b": "!", "http://h/api//tickets": "/api/tickets?", "%zz": "!",
	} {
		c := profileOf(t, "preset: rest\ncollections: {tickets: {path: /api/tickets, envelope: {items: /i}, list: {next: /n}}}").Collections["tickets"]
		p := c.List(time.Time{})
		_, err := p.Take(answer(200, `{"i":[{"id":1}],"n":`+string(request.Quote(address))+`}`))
		call, _ := p.Call()
		got := call.Target
		if err != nil {
			got = "!"
		}
		if address == "http://h/api//tickets" {
			want = "!"
		}
		if got != want {
			t.Errorf("%s: %s %v, want %s", address, got, err, want)
		}
	}
	for link, want := range map[string]string{
		`<a>; rel=next`: "a", `<a>; rel="prev", <b>; rel="next"`: "b", `<a>;title="x; rel=next";rel=prev,<b,c>;REL="first NEXT"`: "b,c", `<a>; rel="nextish"`: "", `a; rel=next`: "", `<a`: "", ``: "",
	} {
		if got := linkNext([]string{link}); got != want {
			t.Errorf("%s: %q", link, got)
		}
	}
}

func TestPageGuards(t *testing.T) {
	same := `{"i":[{"id":1},{"id":2}],"n":"c"}`
	circle := ticketsOf(t, "envelope: {items: /i}, list: {path: '?c={cursor}', next: /n}").List(time.Time{})
	if _, err := circle.Take(answer(200, same)); err != nil {
		t.Fatal(err)
	}
	if call, _ := circle.Call(); call.Target != "/tickets?c=c" {
		t.Fatal(call.Target)
	}
	if _, err := circle.Take(answer(200, same)); request.KindOf(err) != request.Doubtful || !strings.Contains(err.Error(), "the same page again") {
		t.Error(err)
	}
	// A cursor that stays where it is at the end of the list.
	tail := ticketsOf(t, "envelope: {items: /i}, list: {path: '?c={cursor}', next: /n}").List(time.Time{})
	for i, body := range []string{same, `{"i":[{"id":3}],"n":"d"}`, `{"i":[],"n":"d"}`} {
		if _, err := tail.Take(answer(200, body)); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, ok := tail.Call(); ok {
		t.Error("it has an end")
	}
	round := ticketsOf(t, "envelope: {items: /i}, list: {next: /n}").List(time.Time{})
	for i := 1; ; i++ {
		_, err := round.Take(answer(200, fmt.Sprintf(`{"i":[{"id":%d}],"n":"?p=%d"}`, i, i%3)))
		if err != nil {
			if i != 4 || !strings.Contains(err.Error(), "circles") {
				t.Error(i, err)
			}
			break
		}
	}
	endless := ticketsOf(t, "envelope: {items: /i}, list: {next: /n}").List(time.Time{})
	for i := 1; ; i++ {
		if _, err := endless.Take(answer(200, fmt.Sprintf(`{"i":[],"n":"?p=%d"}`, i))); err != nil {
			if i != mostIdle+1 || !strings.Contains(err.Error(), "does not end") {
				t.Error(i, err)
			}
			break
		}
	}
	missing := ticketsOf(t, "list: {path: '?p={page}'}").List(time.Time{})
	for i, a := range []request.Answer{answer(200, `[{"id":1}]`), answer(404, `{"detail":"Invalid page."}`)} {
		if _, err := missing.Take(a); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, ok := missing.Call(); ok {
		t.Error("there is no page behind the last one")
	}
	if _, err := ticketsOf(t, "list: {path: '?p={page}'}").List(time.Time{}).Take(answer(404, `[]`)); request.KindOf(err) != request.Doubtful {
		t.Error("no first page is no list:", err)
	}
	flag := ticketsOf(t, "envelope: {items: /i}, list: {path: '?p={page}', next: /more}").List(time.Time{})
	for _, body := range []string{`{"i":[{"id":1}],"more":true}`, `{"i":[{"id":2}],"more":4}`} {
		if _, err := flag.Take(answer(200, body)); err != nil {
			t.Fatal(err)
		}
	}
	if call, _ := flag.Call(); call.Target != "/tickets?p=4" {
		t.Error("a number is that of the page:", call.Target)
	}
	if _, err := flag.Take(answer(200, `{"i":[{"id":3}],"more":false}`)); err != nil {
		t.Fatal(err)
	}
	if _, ok := flag.Call(); ok {
		t.Error("it said that there is no more")
	}
}

func TestListProblems(t *testing.T) {
	for text, want := range map[string]string{
		`list: {path: "?p={page}&o={offset}"}`:                               "list/path: the pages are asked for by",
		`list: {path: "?c={cursor}"}`:                                        "list/next: it is not said where the next {cursor} is",
		`list: {path: "?c={id}"}`:                                            "list/path: {id} means nothing",
		`list: {format: iso}`:                                                "list/format: format is rfc3339",
		`list: {zone: Oslo}`:                                                 "list/zone: \"Oslo\" is not a time zone",
		`list: {zone: Local}`:                                                "list/zone: \"Local\" is not a time zone",
		`list: {earliest: yesterday}`:                                        "list/earliest: earliest is a time",
		`list: {size: -1}`:                                                   "list/size",
		`list: {grain: -1s}`:                                                 "list/grain",
		`list: {method: PUT}`:                                                "list/method: to list by PUT is not a read",
		`list: {send: {a: 1}}`:                                               "list/send: a GET has no body",
		`list: {method: POST, send: {a: "{x}"}}`:                             "list/send: {x} means nothing",
		`list: {method: POST, send: x}`:                                      "list/send: what is sent is a mapping or a list",
		`create: {size: 3}`:                                                  "create: since, format, zone",
		`create: {send: {a: 1}}`:                                             "create/send: the body of this call is the record",
		`create: {headers: {Content-Type: x}}`:                               "create/headers/Content-Type: the media type",
		`create: {headers: {Host: x}}`:                                       "create/headers/Host: the header Host is the gateway's own",
		`create: {headers: {"a b": x}}`:                                      "create/headers/a b: \"a b\" is not the name",
		`create: {headers: {a: "x\ny"}}`:                                     "create/headers/a: the value of a header is one line",
		`create: {headers: {a: "{page}"}}`:                                   "create/headers/A: {page} means nothing",
		`update: {headers: {a: "{version}"}}`:                                "update/path: the call holds {version}",
		`id: {from: location, created: /id}`:                                 "id/created: the id of a new record",
		`create: {content_type: json}`:                                       "create/content_type: \"json\" is not a media type",
		`create: {body: xml}`:                                                "create/body: body is merge, full or json-patch",
		`replace: {body: json-patch}`:                                        "replace/body: a replacement has a full body",
		`delete: {body: full}`:                                               "delete/body: the call to delete has no record",
		`update: {path: "{path}/{id}?v={version}"}`:                          "update/path: the call holds {version}",
		`etag: {field: /v}, create: {path: "{path}?v={version}"}`:            "create/path: there is no version yet",
		`envelope: {with: {/v: "{version}"}}`:                                "envelope/with//v: it is not said where {version} is",
		`id: {pattern: "("}`:                                                 "id/pattern: the expression does not compile",
		`id: {at: /id, pattern: ".*"}`:                                       "id/pattern: the pattern matches nothing",
		`id: {from: search, at: /id}`:                                        "id/from: a new record is to be searched for",
		`deleted: {values: [x]}`:                                             "deleted/at: it is not said",
		`list: {skip: {values: [1]}}`:                                        "list/skip/at: it is not said",
		`list: {only: [{at: /a}, {values: [1]}]}`:                            "list/only/1/at: it is not said",
		`id: {at: [/id, ""]}`:                                                "id/at: a pointer is empty",
		`etag: {field: [/a, "/b~"]}`:                                         "etag/field: in a pointer ~",
		`envelope: {with: {/a: "{x}"}}`:                                      "envelope/with//a: {x} means nothing",
		`envelope: {call: /a/b, with: {/a: x}}`:                              "envelope/with//a: the record is there",
		`etag: {field: /v}, fields: {a: /v}`:                                 "fields/a: the field is where the gateway keeps",
		`external_id: {field: /r, find: {method: PUT, path: "?q={value}"}}`:  "external_id/find: a search is by GET",
		`external_id: {field: /r, find: {path: "?q={value}", send: {a: 1}}}`: "external_id/find: a GET has no body",
		`external_id: {field: /r, find: {method: POST, path: "/s", send: {a: "{x}"}}}`: "external_id/find: {x} means nothing",
		`external_id: {field: /r, find: "?q={value}&p={parent}"}`:                      "external_id/find: the call that finds a record holds {parent}",
	} {
		var s Spec
		if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {t: {path: /t, "+text+"}}"), &s); err != nil {
			t.Fatal(text, err)
		}
		_, problems := Compile("x", s)
		got := ""
		for _, q := range problems {
			got += strings.TrimPrefix(strings.Join(q.Path, "/"), "collections/t/") + ": " + q.Message + "\n"
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		`encoding: xml`: "encoding: encoding is json or form", `content_type: x`: "content_type", `headers: {Connection: x}`: "headers/Connection", `alive: {path: me}`: "alive/path", `alive: {path: "/{id}"}`: "alive/path",
	} {
		var s Spec
		if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {t: {path: /t}}\n"+text), &s); err != nil {
			t.Fatal(text, err)
		}
		_, problems := Compile("x", s)
		if len(problems) != 1 || !strings.Contains(strings.Join(problems[0].Path, "/")+": "+problems[0].Message, want) {
			t.Errorf("%s: %+v", text, problems)
		}
	}
}

func FuzzPages(f *testing.F) {
	for _, s := range []string{`[]`, `[{"id":1}]`, `{"i":[{"id":1,"a":2}],"n":"/x","t":3}`, `{"i":[1,"b"],"n":2}`, `{"i":[],"n":"http://h/tickets?p"}`, `{"id":3}`, `[[1]]`, `{"i":[{}]}`} {
		f.Add([]byte(s), "", uint8(0))
		f.Add([]byte(s), `<http://h/tickets?p=2>; rel="next"`, uint8(2))
	}
	var all []*Collection
	for _, list := range []string{`{path: "?p={page}", total: /t}`, `{path: "?o={offset}", next: /n}`, `{path: "?c={cursor}", next: /n, since: /a}`, `{next: /n}`, `{ids_only: true}`} {
		all = append(all, ticketsOf(f, "envelope: {items: /i, answer: /r}, list: "+list))
	}
	f.Fuzz(func(t *testing.T, body []byte, link string, which uint8) {
		p := all[int(which)%len(all)].List(time.Time{})
		for range 4 {
			call, ok := p.Call()
			if !ok {
				return
			}
			if !strings.HasPrefix(call.Target, "/") || strings.HasPrefix(call.Target, "//") || strings.ContainsAny(call.Target, " \r\n\t\\") {
				t.Fatalf("%q %q leads to %q", body, link, call.Target)
			}
			page, err := p.Take(answer(200, string(body), "Link", link))
			if err != nil {
				if _, on := p.Call(); on || request.KindOf(err) != request.Doubtful {
					t.Fatal(err)
				}
				return
			}
			for _, l := range page {
				if !usable(l.Local) || l.Record != nil && !valid(l.Record) {
					t.Fatalf("%q", l.Local)
				}
			}
		}
	})
}

// A total may be that of all records, however few were asked for: it neither makes a search doubtful nor goes on behind an empty page.
func TestTotalsOfAll(t *testing.T) {
	c := profileOf(t, `{preset: rest, collections: {tickets: {path: /tickets}, notes: {parent: tickets, path: /notes, create: {path: "/tickets/{parent}/notes"},
		list: {path: "{path}?t={parent}&o={offset}&n={size}", size: 2, total: /total}, envelope: {items: /items}}}}`).Collections["notes"].Under("1")
	calls := 0
	got, _, err := walked(c, func(call request.Call) request.Answer {
		if calls++; strings.Contains(call.Target, "o=0") {
			return answer(200, `{"items":[{"id":1,"a":1},{"id":2,"a":1}],"total":1000}`)
		}
		return answer(200, `{"items":[],"total":1000}`)
	}, time.Time{})
	if err != nil || len(got) != 2 || calls != 2 {
		t.Error(got, calls, err)
	}
	since := ticketsOf(t, `list: {path: "?s={since}"}, envelope: {items: /items}`)
	at := time.Date(2026, 11, 22, 10, 11, 12, 0, time.UTC)
	if got, _, err := walked(since, func(request.Call) request.Answer { return answer(200, `{"items":[{"id":1}],"total":1000}`) }, at); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
	if _, _, err := walked(since, func(request.Call) request.Answer { return answer(200, `{"items":[{"id":1}],"total":1000}`) }, time.Time{}); err == nil {
		t.Error("of everything, the total says that there is more")
	}
	if _, _, err := walked(since, func(request.Call) request.Answer {
		return answer(200, `{"items":[`+strings.Repeat(`{"id":1},`, 9)+`{"id":1}],"total":1000}`)
	}, at); err == nil {
		t.Error("a page of ten may have been cut")
	}
	all := ticketsOf(t, `list: {path: "?o={offset}&n={size}", total: /total}, envelope: {items: /items}`)
	if got, calls, err := walked(all, func(call request.Call) request.Answer {
		if strings.Contains(call.Target, "o=0&") {
			return answer(200, `{"items":[{"id":1}],"total":1000000}`)
		}
		return answer(200, `{"items":[],"total":1000000}`)
	}, time.Time{}); err != nil || len(got) != 1 || calls > 2*mostIdle {
		t.Error(len(got), calls, err)
	}
	search := ticketsOf(t, `external_id: {field: /ref, find: "?q={value}&n=3"}, envelope: {items: /items}`)
	for body, doubt := range map[string]bool{
		`{"items":[{"id":1,"ref":"x"}],"total":4}`: false, `{"items":[],"total":4}`: false, `{"items":[{"id":1},{"id":2},{"id":3}],"total":4}`: true,
		`{"items":[{"id":1},{"id":2},{"id":3}],"total":3}`: false, `{"items":[{"id":1}],"total":4,"next":"/x"}`: true,
	} {
		if hits, err := search.Found(answer(200, body), gid); (err != nil) != doubt || len(hits) != 0 {
			t.Errorf("%s: %v %v", body, hits, err)
		}
	}
	prs := ticketsOf(t, `list: {skip: {at: /pr}, only: {at: /kind, values: [a]}}, id: {at: /id, pattern: "[0-9]+"}, find: {path: "?{terms}"}`)
	hits, err := prs.Matched(answer(200, `[{"id":1,"x":1,"pr":{}},{"id":2,"x":1},{"id":"a","x":1},{"id":3,"x":1,"kind":"b"},{"id":4,"x":1,"kind":"a","pr":null}]`), fieldsOf(t, `{"x":1}`), []string{"x"})
	if err != nil || len(hits) != 2 || hits[0].Local != "2" || hits[1].Local != "4" {
		t.Error(hits, err)
	}
	if soft := ticketsOf(t, `deleted: {at: /deleted_at}`); soft.Deleted([]byte(`{"deleted_at":null}`)) || soft.Deleted([]byte(`{"a":1}`)) || !soft.Deleted([]byte(`{"deleted_at":"now"}`)) {
		t.Error("there and not null is deleted")
	}
}

// A Link may name the collection by another address. It says that there is a page; how to ask for it the profile says.
func TestLinksElsewhere(t *testing.T) {
	pages := []string{`[{"id":1},{"id":2}]`, `[]`, `[{"id":3}]`}
	serve := func(call request.Call) request.Answer {
		var n int
		if _, err := fmt.Sscanf(call.Target, "/tickets?page=%d", &n); err != nil || n > len(pages) {
			t.Fatal(call.Target)
		}
		a := answer(200, pages[n-1])
		if n < len(pages) {
			a.Header.Set("Link", fmt.Sprintf(`<http://elsewhere/collections/7/items?page=%d>; rel="next"`, n+1))
		}
		return a
	}
	got, calls, err := walked(ticketsOf(t, `list: {path: "?page={page}", size: 2}`), func(c request.Call) request.Answer {
		if c.Target == "/tickets?page=4" { // nothing said that there is none
			return answer(200, `[]`)
		}
		return serve(c)
	}, time.Time{})
	if len(got) != 3 || calls != 4 || err != nil {
		t.Error(got, calls, err)
	}
	if _, _, err := walked(ticketsOf(t, `list: {path: "?c={cursor}", next: /n}`), func(request.Call) request.Answer {
		return answer(200, `{"n":"http://elsewhere/collections/7","items":[]}`)
	}, time.Time{}); err == nil {
		t.Error("another address was followed")
	}
}

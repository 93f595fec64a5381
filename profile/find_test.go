package profile

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/meridian-gateway/meridian/request"
)

// The ways in which APIs are searched.
const (
	filtered = `find: {path: "?filter=({terms})&perPage=50", term: "{field}='{value}'", join: "&&"}`
	doubled  = `find: {path: "?$filter={terms}", term: "{field} eq '{value}'", join: " and ", escape: double}`
	slashed  = `find: {path: "/search?q={terms}", term: '"{field}":"{value}"', join: " ", escape: backslash}`
	bare     = `find: {path: "{path}?active=1&sysparm_query={terms}", term: "{field}={value}", join: "^"}`
	spelled  = `find: {path: "/q?x=1&{terms}&y=2", term: "f.{field}={value}", join: "&"}`
)

func TestMatchCall(t *testing.T) {
	const fields = `, local: [mine], drop: [/noise], external_id: {field: /ref}, fields: {number: /no, status: {at: /state/name, values: {open: "o&o", closed: 3}, strict: true},
      short: {max_length: 3, too_long: truncate}, tight: {max_length: 3}, source: {const: web}, sent: {write: /Sent}, seen: {read: /seen_at}}`
	for _, k := range []struct{ find, record, by, want string }{
		{`path: /tickets`, `{"a":"x y&z=1#+%/?'\"\\é"}`, "a", "/tickets?a=x%20y%26z%3D1%23%2B%25%2F%3F%27%22%5C%C3%A9"},
		{`path: /tickets`, `{"a":"{value}{terms}","b":true,"number":12345678901234567890}`, "a number b", "/tickets?a=%7Bvalue%7D%7Bterms%7D&no=12345678901234567890&b=true"},
		{`path: /tickets`, `{"status":"open","f":1.10,"e":1E2,"n":-3}`, "status f e n", "/tickets?state.name=o%26o&f=1.1&e=100&n=-3"},
		{`path: /tickets`, `{"status":"closed","short":"abcd","seen":"now"}`, "status short seen", "/tickets?state.name=3&short=abc&seen_at=now"},
		{`path: /tickets`, `{"id&x":"1"}`, "id&x", "/tickets?id%26x=1"},
		{filtered, `{"number":"C-1","b":"x&y","n":7,"t":true}`, "number b n t", "/tickets?filter=(no%3D%27C-1%27%26%26b%3D%27x%26y%27%26%26n%3D7%26%26t%3Dtrue)&perPage=50"},
		{filtered, `{"a":"x') || (1=1"}`, "a", ""},
		{filtered, `{"a":"x\\"}`, "a", ""},
		{filtered, `{"a":"x\"y"}`, "a", ""},
		{filtered, `{"a":"x\u0000y"}`, "a", ""},
		{doubled, `{"a":"O'Brien & \"sons\"","n":1}`, "a n", "/tickets?$filter=a%20eq%20%27O%27%27Brien%20%26%20%22sons%22%27%20and%20n%20eq%201"},
		{doubled, `{"a":"x\\' or 1 eq 1 or '"}`, "a", ""},
		{slashed, `{"a":"x\"y","n":1}`, "a n", "/search?q=%22a%22%3A%22x%5C%22y%22%20%22n%22%3A1"},
		{slashed, `{"a":"x\\"}`, "a", ""},
		{bare, `{"a":"INC-1.x_y@é","n":-1}`, "a n", "/tickets?active=1&sysparm_query=a%3DINC-1.x_y%40%C3%A9%5En%3D-1"},
		{bare, `{"a":"x^y"}`, "a", ""},
		{bare, `{"a":"javascript:gs.x()"}`, "a", ""},
		{bare, `{"a":"-x"}`, "a", ""},
		{bare, `{"a":"x y"}`, "a", ""},
		{spelled, `{"a":"1&y=3","b":2}`, "a b", "/q?x=1&f.a=1%26y%3D3&f.b=2&y=2"},
		// What cannot be searched for.
		{`find: false`, `{"a":"x"}`, "a", ""},
		{`path: /tickets`, `{"a":{"b":1}}`, "a", ""},
		{`path: /tickets`, `{"a":[1]}`, "a", ""},
		{`path: /tickets`, `{"a":"x\ny"}`, "a", ""},
		{`path: /tickets`, `{"a":"x\u0085y"}`, "a", ""},
		{`path: /tickets`, `{"a":"` + strings.Repeat("x", 1025) + `"}`, "a", ""},
		{`path: /tickets`, `{"source":"web"}`, "source", ""},
		{`path: /tickets`, `{"sent":"x"}`, "sent", ""},
		{`path: /tickets`, `{"mine":"x"}`, "mine", ""},
		{`path: /tickets`, `{"noise":"x"}`, "noise", ""},
		{`path: /tickets`, `{"ref":"x"}`, "ref", ""},
		{`path: /tickets`, `{"id":"7"}`, "id", ""},
		{`path: /tickets`, `{"no":"7"}`, "no", ""},
		{`path: /tickets`, `{"a":"7"}`, "", ""},
		// What is no business key.
		{`path: /tickets`, `{"a":"x"}`, "a b", "field b: it has no value"},
		{`path: /tickets`, `{"a":null}`, "a", "field a: it has no value"},
		{`path: /tickets`, `{"a":""}`, "a", "field a: it has no value"},
		{`find: false`, `{"a":"x"}`, "b", "field b: it has no value"},
		{`path: /tickets`, `{"status":"odd"}`, "status", "field status: its value"},
		{`path: /tickets`, `{"tight":"abcd"}`, "tight", "field tight: it is longer"},
	} {
		c := ticketsOf(t, strings.Replace(k.find, "path: /tickets", "read_only: [/id]", 1)+fields)
		f, by := fieldsOf(t, k.record), strings.Fields(k.by)
		call, ok, err := c.MatchCall(f, by)
		switch {
		case strings.HasPrefix(k.want, "field"):
			if request.KindOf(err) != request.Invalid || err == nil || !strings.Contains(err.Error(), k.want) || ok {
				t.Errorf("%.80s: %v %v, want %s", k.record, ok, err, k.want)
			}
		case err != nil || ok != (k.want != "") || call.Target != k.want || ok && call.Method != "GET":
			t.Errorf("%s: %.80s:\n got %v %s %v\nwant %s", k.find, k.record, ok, call.Target, err, k.want)
		}
	}
}

func TestMatched(t *testing.T) {
	c := ticketsOf(t, `envelope: {items: /items}, fields: {number: /no, status: {at: /state/name, values: {open: o, new: o}}}`)
	f := fieldsOf(t, `{"number":1.0,"status":"new","x":{"a":1,"b":[2]}}`)
	by := []string{"number", "status"}
	body := `{"items":[{"id":3,"no":1,"state":{"name":"o"}},{"id":1,"no":"1","state":{"name":"o"}},{"id":9,"state":{"name":"o"}},{"id":2,"no":1e0,"state":{"name":"o"},"k":1},{"id":4,"no":1,"state":"o"}]}`
	hits, err := c.Matched(answer(200, body), f, by)
	if err != nil || len(hits) != 2 || hits[0].Local != "3" || hits[1].Local != "2" || string(hits[1].Record) != `{"id":2,"no":1e0,"state":{"name":"o"},"k":1}` {
		t.Fatal(hits, err)
	}
	if hits, err := c.Matched(answer(200, `[{"id":1,"x":{"b":[2.0],"a":1}}]`), f, []string{"x"}); err != nil || len(hits) != 1 {
		t.Error("values are compared as Diff does:", hits, err)
	}
	if hits, err := c.Matched(answer(200, `{"items":[]}`), f, by); err != nil || len(hits) != 0 {
		t.Error(hits, err)
	}
	for _, a := range []request.Answer{answer(500, ""), answer(404, "{}"), answer(200, "<html>"), answer(200, `{"items":{}}`),
		answer(200, `{"items":[{"no":1,"state":{"name":"o"}}]}`), answer(200, `{"items":[`+strings.Repeat(`{"id":1,"no":2},`, 9)+`{"id":1,"no":2}],"total":40}`),
		answer(200, `{"items":[{"id":1,"no":2}]}`, "Link", `</tickets?page=2>; rel="next"`)} {
		if hits, err := c.Matched(a, f, by); request.KindOf(err) != request.Doubtful || err == nil || hits != nil {
			t.Errorf("%d %s: %v %v", a.Status, a.Body, hits, err)
		}
	}
	if _, err := c.Matched(answer(200, body), f, []string{"number", "absent"}); request.KindOf(err) != request.Invalid {
		t.Error(err)
	}
	if _, err := c.Matched(answer(200, body), f, nil); request.KindOf(err) != request.Doubtful {
		t.Error("by nothing at all, everything would match:", err)
	}
}

// However a value is written, it is one value to the API: the address has the parameters that it should, and a text in quotes ends
// where it should.
func FuzzMatchCall(f *testing.F) {
	for _, s := range []string{"x", "'", `\`, `\'`, `"`, "''", `x') || (1=1) || ('`, "a&b=c", "%27", "a%26b", "+", "\x00", "é ", "{value}", "`"} {
		f.Add(s, "y")
		f.Add("y", s)
	}
	plainly := ticketsOf(f, "read_only: [/id]")
	languages := map[string]*Collection{`\`: ticketsOf(f, slashed), `'`: ticketsOf(f, doubled), "": ticketsOf(f, filtered)}
	f.Fuzz(func(t *testing.T, a, b string) {
		fields := request.Fields{{Name: "a", Value: request.Quote(a)}, {Name: "b", Value: request.Quote(b)}}
		by := []string{"a", "b"}
		if call, ok, _ := plainly.MatchCall(fields, by); ok {
			_, query, _ := strings.Cut(call.Target, "?")
			got, err := url.ParseQuery(query)
			if err != nil || len(got) != 2 || len(got["a"]) != 1 || got.Get("a") != a || got.Get("b") != b || strings.ContainsFunc(call.Target, unicode.IsControl) {
				t.Fatalf("%q %q became %s", a, b, call.Target)
			}
		}
		for escape, c := range languages {
			call, ok, _ := c.MatchCall(fields, by)
			if !ok {
				continue
			}
			_, query, _ := strings.Cut(call.Target, "?")
			values, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(call.Target, err)
			}
			text := strings.Join(append(values["filter"], append(values["$filter"], values["q"]...)...), "")
			if got := quotedIn(text, escape); !slices.Contains(got, a) || !slices.Contains(got, b) || len(got) > 4 {
				t.Fatalf("%q %q became %s, in which a reader finds %q", a, b, text, got)
			}
		}
	})
}

// quotedIn reads the texts in quotes as an API would that has a quote within quotes by a quote, by a backslash, or not at all.
func quotedIn(text, escape string) (out []string) {
	var open byte
	var now []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case open == 0 && (c == '\'' || c == '"'):
			open, now = c, nil
		case open == 0:
		case escape == `\` && c == '\\' && i+1 < len(text):
			i++
			now = append(now, text[i])
		case escape == `'` && c == open && i+1 < len(text) && text[i+1] == open:
			i++
			now = append(now, c)
		case c == open:
			out, open = append(out, string(now)), 0
		default:
			now = append(now, c)
		}
	}
	if open != 0 {
		return nil
	}
	return out
}

func TestProbe(t *testing.T) {
	for text, want := range map[string]string{
		"external_id: {field: /ref}":                         "/tickets?ref=00000000000000000000000000",
		"read_only: [/id]":                                   "/tickets",
		`list: {path: "/all?since={since}&page={page}"}`:     "/all",
		`list: {path: "/all?size=1"}`:                        "/all?size=1",
		`list: false, create: {path: "/new"}`:                "/new",
		`list: {path: "/{since}/x"}`:                         "/tickets",
		`external_id: {field: /r, find: "?q=(r='{value}')"}`: "/tickets?q=(r='00000000000000000000000000')",
	} {
		if call := ticketsOf(t, text).Probe(); call.Method != "GET" || call.Target != want || call.Body != nil {
			t.Errorf("%s: %s %s, want %s", text, call.Method, call.Target, want)
		}
	}
	if _, err := request.ParseID(string(nobody)); err != nil {
		t.Error("an API may check what it is asked for:", err)
	}
}

// Searches may have names of their own for fields, also for those in lists.
func TestNamesInSearches(t *testing.T) {
	c := ticketsOf(t, `find: {path: "{path}.json?x=1&{terms}"}, external_id: {field: "/cf[id=1]/value", search: "cf[1]", find: "?{field}={value}"},
		fields: {place: {at: "/cf[id=2]/value", search: cf_2}, status: {read: /status/id, write: /status_id, search: status_id, values: {open: 2}}, other: "/cf[id=3]/value",
		due: {read: /due, write: /due, search: due_on, type: time, as: "2006-01-02 15:04"}}`)
	f := fieldsOf(t, `{"place":"a b","status":"open","other":"x","title":"t","due":"2026-11-22T10:00:00Z"}`)
	call, ok, err := c.MatchCall(f, []string{"place", "status", "title", "due"})
	if want := "/tickets.json?x=1&cf_2=a%20b&status_id=2&title=t&due_on=2026-11-22%2010%3A00"; err != nil || !ok || call.Target != want {
		t.Error(call.Target, ok, err)
	}
	if _, ok, err := c.MatchCall(f, []string{"other"}); ok || err != nil {
		t.Error("nothing says which element of the list", ok, err)
	}
	hits, err := c.Matched(answer(200, `[{"id":1,"status":{"id":2},"cf":[{"id":2,"value":"a b"}],"due":"2026-11-22 10:00"},{"id":2,"status":{"id":2},"cf":[{"id":2,"value":"a b"}],"due":"2026-11-22T11:00:00+01:00"},
		{"id":3,"status":{"id":3},"cf":[{"id":2,"value":"a b"}],"due":"2026-11-22 10:00"},{"id":4,"status":{"id":2},"cf":[{"id":2,"value":"a"}],"due":"2026-11-22 10:00"}]`), f, []string{"place", "status", "due"})
	if err != nil || len(hits) != 2 || hits[0].Local != "1" || hits[1].Local != "2" {
		t.Error(hits, err)
	}
	find, ok := c.FindCall(gid)
	if !ok || find.Target != "/tickets?cf%5B1%5D="+string(gid) {
		t.Error(find.Target)
	}
	rt := ticketsOf(t, `find: {path: "/q?query=({terms})", term: "{field}='{value}'", join: " AND ", escape: backslash}, fields: {place: {read: "/CF[name=Place]/values/0", write: /CF/Place, search: "CF.{Place}"}}`)
	if call, ok, err := rt.MatchCall(f, []string{"place", "title"}); err != nil || !ok || call.Target != "/q?query=(CF.%7BPlace%7D%3D%27a%20b%27%20AND%20title%3D%27t%27)" {
		t.Error(call.Target, ok, err)
	}
}

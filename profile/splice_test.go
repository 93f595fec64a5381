package profile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

func TestSplice(t *testing.T) {
	c := ticketsOf(t, `external_id: {field: /ref}, stamp: {version: /sync/version}, envelope: {call: /ticket}`)
	const set = `"ref":"01JD000000000000000000000A"`
	for _, k := range []struct {
		verb       Verb
		known      bool
		body, want string
		kind       request.ErrKind
	}{
		{Create, false, `{ "ticket" : { "n" : 9007199254740993 } ,"x":1.0}`, `{ "ticket" : { "n" : 9007199254740993,` + set + `,"sync":{"version":"1@chicago.3"} } ,"x":1.0}`, ""},
		{Create, false, `{"ticket":{}}`, `{"ticket":{` + set + `,"sync":{"version":"1@chicago.3"}}}`, ""},
		{Create, false, `{"ticket":{"ref": null ,"sync":null}}`, `{"ticket":{"ref": "01JD000000000000000000000A" ,"sync":{"version":"1@chicago.3"}}}`, ""},
		{Update, true, `{"ticket":{"a":1}}`, `{"ticket":{"a":1,"sync":{"version":"1@chicago.3"}}}`, ""},
		{Update, false, `{"ticket":{}}`, `{"ticket":{` + set + `,"sync":{"version":"1@chicago.3"}}}`, ""},
		{Update, true, `{"ticket":{` + set + `,"sync":{"version":"1@chicago.2","k":[ ]}}}`, `{"ticket":{` + set + `,"sync":{"version":"1@chicago.3","k":[ ]}}}`, ""},
		{Update, true, `{"ticket":{"ref":null}}`, "", request.Reserved},
		{Update, true, `{"ticket":{"ref":"01JD000000000000000000000B"}}`, "", request.Reserved},
		{Update, true, `{"ticket":{"sync":{"version":"1@chicago.4"}}}`, "", request.Reserved},
		{Replace, true, `{"ticket":{"ref":"","t":1}}`, `{"ticket":{` + set + `,"t":1,"sync":{"version":"1@chicago.3"}}}`, ""},
		{Create, false, `{"ticket":{"sync":7}}`, "", request.Invalid},
		{Create, false, `{"a":1}`, "", request.Invalid},
		{Create, false, `{"ticket":{}`, "", request.Invalid},
		{Create, false, `[]`, "", request.Invalid},
	} {
		got, err := c.Splice(k.verb, []byte(k.body), marks, k.known)
		if k.kind != "" {
			if request.KindOf(err) != k.kind || err == nil {
				t.Errorf("%s: %s %v, want %s", k.body, got, err, k.kind)
			}
			continue
		}
		if err != nil || string(got) != k.want {
			t.Errorf("%s:\n got %s %v\nwant %s", k.body, got, err, k.want)
		}
	}
	plain := ticketsOf(t, "read_only: [/id]")
	if got, err := plain.Splice(Create, []byte(` {"a":1} `), marks, false); err != nil || string(got) != ` {"a":1} ` {
		t.Error(string(got), err)
	}
}

func TestStamp(t *testing.T) {
	c := ticketsOf(t, `external_id: {field: /ref}, stamp: {version: /v, owner: /o, state: /s, request: /r}`)
	if m, ok := c.Stamp([]byte(`{"ref":"01JD000000000000000000000A","v":"1@chicago.3","o":"chicago","s":"owner","r":""}`)); !ok || m != marks {
		t.Error(m, ok)
	}
	if m, ok := c.Stamp([]byte(`{"ref":"x","v":3,"o":null}`)); ok {
		t.Error(m)
	}
	for _, s := range []string{``, `null`, `[]`, `{"ref":`} {
		if _, ok := c.Stamp([]byte(s)); ok {
			t.Error(s)
		}
	}
}

func TestCheckJSON(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n-1) + `{}` + strings.Repeat(`}`, n-1) }
	for body, want := range map[string]string{
		`{}`: "", ` {"a":[1,2.5,-0,9007199254740993,1e308,"é","\ud83d\ude00","\u0000"]}` + "\n": "", deep(64): "",
		`{"OWNER":1,"owner":2}`:                  "",
		``:                                       "empty",
		"  \n":                                   "empty",
		"\xef\xbb\xbf{}":                         "byte-order-mark",
		`[]`:                                     "not-an-object",
		`"x"`:                                    "not-an-object",
		`null`:                                   "not-an-object",
		`{"a":1,"a":2}`:                          "duplicate-key",
		`{"b":[{"x":{"a":1,"a":2}}]}`:            "duplicate-key: \"/b/0/x/a\"",
		`{"a":1,"\u0061":2}`:                     "duplicate-key",
		"{\"a\":\"\xff\"}":                       "utf-8",
		`{"a":"\ud800"}`:                         "utf-8",
		`{"a":"\udc00x"}`:                        "utf-8",
		deep(65):                                 "too-deep",
		strings.Repeat(`{"a":`, 100000):          "too-deep",
		strings.Repeat("[", 70):                  "not-an-object",
		`{"a":1e400}`:                            "number-range",
		`{"a":-1E+999999999}`:                    "number-range",
		`{"a":` + strings.Repeat("9", 400) + `}`: "number-range",
		`{"a":NaN}`:                              "syntax",
		`{"a":01}`:                               "syntax",
		`{"a":1} {}`:                             "syntax",
		`{"a":1}x`:                               "syntax",
		`{"a":1`:                                 "syntax",
		`{'a':1}`:                                "syntax",
		`{"a":1,}`:                               "syntax",
		`{"a":"` + "\n" + `"}`:                   "syntax",
		`{"a":"1e999"}`:                          "",
	} {
		err := CheckJSON([]byte(body), 64)
		got := ""
		if err != nil {
			got = err.(*request.Error).Detail
		}
		if want == "" && err != nil || want != "" && (!strings.HasPrefix(got, want) || request.KindOf(err) != request.Invalid) {
			t.Errorf("%.60q: %q, want %q", body, got, want)
		}
	}
}

func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1e5,"\u0061"]}`, `{"a":{"a":"\ud800"}}`, `{`, `{"a":1}{}`, `{"\`, `{"a":"`} {
		f.Add([]byte(s))
	}
	c := ticketsOf(f, `read_only: [/id]`)
	f.Fuzz(func(t *testing.T, b []byte) {
		if CheckJSON(b, 64) != nil {
			return
		}
		if !valid(b) || !isObject(b) {
			t.Fatalf("%q passed", b)
		}
		if _, err := c.FromCall(b); err != nil {
			t.Fatal(err)
		}
		if _, err := request.ParseFields(b); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzFromRecord(f *testing.F) {
	f.Add([]byte(`{"id":1,"state":{"name":"x"},"title":null,"x":{"ref":3}}`))
	c := ticketsOf(f, `read_only: [/id, /m/n], external_id: {field: /x/ref, find: '?q={value}'}, fields: {subject: /title, status: {at: /state/name, values: {a: b}}, third: /list/2}`)
	f.Fuzz(func(t *testing.T, b []byte) {
		fields, err := c.FromRecord(b)
		if err != nil {
			return
		}
		if out := fields.AppendJSON(nil); !valid(out) {
			t.Fatalf("%q became %q", b, out)
		}
		_, _ = c.Stamp(b)
		_, _ = c.Created(answer(200, string(b)))
		_, _ = c.Found(answer(200, string(b)), gid)
		if call, err := c.CreateCall(fields, marks); err == nil && !valid(call.Body) {
			t.Fatalf("%q", call.Body)
		}
	})
}

func FuzzSplice(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1},"x":[]}`), "/a/b", `"v"`)
	f.Add([]byte(` { } `), "/a~1/~0", `{"z": 1}`)
	f.Add([]byte(`{"a":null , "b":2}`), "/a/c/d", `1`)
	f.Fuzz(func(t *testing.T, text []byte, at, value string) {
		p, err := parsePointer(at)
		if err != nil || !jsonName(p) || !valid(text) || !isObject(text) || !valid([]byte(value)) {
			return
		}
		out, err := splice(text, p, []byte(value))
		if err != nil {
			return
		}
		if !valid(out) {
			t.Fatalf("%q at %s became %q", text, p, out)
		}
		if got, ok := lookup(out, p); !ok || !bytes.Equal(got, bytes.TrimSpace([]byte(value))) {
			t.Fatalf("%q at %s: %q", text, p, got)
		}
		var before, after []string
		members(text, func(m member) bool {
			if m.name != p[0] {
				before = append(before, string(text[m.key:m.until]))
			}
			return true
		})
		members(out, func(m member) bool {
			if m.name != p[0] {
				after = append(after, string(out[m.key:m.until]))
			}
			return true
		})
		if strings.Join(before, ",") != strings.Join(after, ",") {
			t.Fatalf("%q at %s changed others: %q", text, p, out)
		}
		if _, was := lookup(text, p); !was {
			if back := remove(out, p); !valid(back) {
				t.Fatalf("%q without %s: %q", out, p, back)
			}
		}
	})
}

// jsonName reports whether a pointer's names are valid text; those of a profile always are.
func jsonName(p pointer) bool {
	for _, n := range p {
		if strings.ToValidUTF8(n, "") != n {
			return false
		}
	}
	return true
}

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
		got, err := c.splice(k.verb, []byte(k.body), marks, k.known)
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
	if got, err := plain.splice(Create, []byte(` {"a":1} `), marks, false); err != nil || string(got) != ` {"a":1} ` {
		t.Error(string(got), err)
	}
}

// What a client read before ownership moved it may write back; what it never read it may not write.
func TestSpliceOfOlderStamps(t *testing.T) {
	c := ticketsOf(t, `stamp: {owner: /o, version: /v, request: /r, state: /s}`)
	m := Marks{Request: gid, Version: request.Version{Epoch: request.Epoch{Num: 2, Site: "tokyo"}, Seq: 1}, Owner: "tokyo", State: string(request.Owner)}
	const want = `{"o":"tokyo","v":"2@tokyo.1","s":"owner","r":"01JD000000000000000000000A"}`
	for body, ok := range map[string]bool{
		`{"o":"chicago","v":"1@chicago.7","s":"copy"}`: true,
		`{"o":"tokyo","v":"1@chicago.7","s":"owner"}`:  true,
		`{"o":"tokyo","v":"2@tokyo.1","s":"owner"}`:    true,
		`{"o":"paris","v":"1@chicago.7","s":"copy"}`:   false,
		`{"o":"paris","v":"3@paris.1","s":"owner"}`:    false,
		`{"o":"chicago","s":"copy"}`:                   false,
		`{"v":"1@chicago.7","s":"master"}`:             false,
		`{"o":""}`:                                     false,
	} {
		got, err := c.splice(Update, []byte(body), m, true)
		if (err == nil) != ok || !ok && request.KindOf(err) != request.Reserved {
			t.Errorf("%s: %s %v", body, got, err)
		}
		if f, _ := c.Stamp(got); ok && f != m {
			t.Errorf("%s: became %s, want %s", body, got, want)
		}
	}
}

// Every call that writes a record writes the stamps, as owner and as copy.
func TestStampsAreWritten(t *testing.T) {
	c := ticketsOf(t, `external_id: {field: /ref}, envelope: {call: /ticket}, stamp: {owner: /sync/owner, version: /sync/version, request: /sync/id, state: /state}`)
	current := []byte(`{"id":7,"ref":"` + string(gid) + `","state":"owner","sync":{"owner":"old"}}`)
	for _, state := range []string{string(request.Owner), string(request.Copy)} {
		m := marks
		m.State = state
		spliced := func(v Verb, known bool) request.Call {
			body, err := c.splice(v, []byte(`{"ticket":{"a":1}}`), m, known)
			if err != nil {
				t.Fatal(err)
			}
			return request.Call{Body: body}
		}
		must := func(call request.Call, err error) request.Call {
			if err != nil {
				t.Fatal(err)
			}
			return call
		}
		f := fieldsOf(t, `{"a":1}`)
		alone, ok := c.StampCall("7", m)
		if want := `{"ticket":{"sync":{"id":"` + string(gid) + `","owner":"chicago","version":"1@chicago.3"},"state":"` + state + `"}}`; !ok ||
			string(alone.Body) != want || alone.Method != "PATCH" || alone.Target != "/tickets/7" || alone.Header.Get("Content-Type") != "application/json" {
			t.Errorf("StampCall: %v %s %s %s\nwant %s", ok, alone.Method, alone.Target, alone.Body, want)
		}
		for name, call := range map[string]request.Call{
			"create": must(c.CreateCall(f, m)), "update": must(c.UpdateCall("7", f, m, Current{})), "replace": must(c.ReplaceCall("7", f, Current{Record: current}, m)),
			"splice create": spliced(Create, false), "splice update": spliced(Update, true), "splice replace": spliced(Replace, true), "alone": alone,
		} {
			inner, ok := lookup(call.Body, pointer{"ticket"})
			if !ok {
				t.Fatalf("%s: %s", name, call.Body)
			}
			if got, ok := c.Stamp(inner); !ok || got != m {
				t.Errorf("%s as %s: %s", name, state, call.Body)
			}
		}
	}
	if !c.Stamps() {
		t.Error("it has stamps")
	}
	for text, stamps := range map[string]bool{"external_id: {field: /ref}": false, "stamp: {}": false, "stamp: {state: /s}": true, "stamp: {version: /v}": true} {
		c := ticketsOf(t, text)
		if _, ok := c.StampCall("7", marks); ok != stamps || c.Stamps() != stamps {
			t.Errorf("%s: %v %v", text, ok, c.Stamps())
		}
		if _, ok := c.StampCall("7", Marks{}); ok {
			t.Error("no marks, nothing to write")
		}
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

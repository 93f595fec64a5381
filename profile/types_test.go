package profile

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

// fieldOf is a field with what is said of it, at /here.
func fieldOf(t testing.TB, spec string) *field {
	t.Helper()
	return ticketsOf(t, "fields: {f: {at: /here, "+spec+"}}").named["f"]
}

// asRead is a local value as it is read.
func asRead(f *field, raw []byte) []byte {
	value, _ := f.toCanonical(raw, &source{whole: true, written: true})
	return value
}

// Each local value is read as the canonical one, and that is written as the last, or as the first where there are two.
func TestTypes(t *testing.T) {
	for _, k := range []struct {
		spec string
		// values are local, canonical, and what that becomes here again if it is not the same.
		values [][]string
	}{
		{"type: text", [][]string{{`"a"`, `"a"`}, {`7`, `"7"`, `"7"`}, {`1.10`, `"1.10"`, `"1.10"`}, {`true`, `"true"`, `"true"`}, {`[1]`, `[1]`, "refused"}, {`null`, `null`}}},
		{"type: text, as: integer", [][]string{{`7`, `"7"`}, {`12345678901234567890`, `"12345678901234567890"`}, {`"7"`, `"7"`, `7`}, {`"x"`, `"x"`, "refused"}}},
		{"type: integer", [][]string{{`7`, `7`}, {`7.0`, `7`, `7`}, {`1e2`, `100`, `100`}, {`"7"`, `7`, `7`}, {`" 007 "`, `7`, `7`}, {`"+7"`, `7`, `7`}, {`"-7"`, `-7`, `-7`},
			{`-0`, `0`, `0`}, {`12345678901234567890123`, `12345678901234567890123`}, {`7.5`, `7.5`, "refused"}, {`"seven"`, `"seven"`, "refused"}, {`""`, `""`, "refused"},
			{`true`, `true`, "refused"}, {`1e999999999999999999999`, `1e999999999999999999999`, "refused"}, {`1e350`, `1e350`, "refused"}}},
		{"type: integer, as: text", [][]string{{`"3"`, `3`}, {`3`, `3`, `"3"`}, {`"12345678901234567890"`, `12345678901234567890`}, {`{"a":1}`, `{"a":1}`, "refused"}}},
		{"type: integer, as: boolean", [][]string{{`true`, `1`}, {`false`, `0`}}},
		{"type: number", [][]string{{`1.10`, `1.10`}, {`1E2`, `1E2`}, {`"1.50"`, `1.50`, `1.50`}, {`"007.5"`, `7.5`, `7.5`}, {`"1,5"`, `"1,5"`, "refused"}, {`"1e999"`, `"1e999"`, "refused"}}},
		{"type: number, as: text", [][]string{{`"1.10"`, `1.10`}, {`1.5`, `1.5`, `"1.5"`}}},
		{"type: number, as: integer", [][]string{{`1`, `1`}, {`2.0`, `2.0`, `2`}, {`2.5`, `2.5`, "refused"}}},
		{"type: boolean", [][]string{{`true`, `true`}, {`"Yes"`, `true`, `true`}, {`0`, `false`, `false`}, {`"off"`, `false`, `false`}, {`2`, `2`, "refused"}, {`"maybe"`, `"maybe"`, "refused"}}},
		{"type: boolean, as: text", [][]string{{`"true"`, `true`}, {`"false"`, `false`}}},
		{"type: boolean, as: integer", [][]string{{`1`, `true`}, {`0`, `false`}}},
		{"type: list", [][]string{{`["a", 1]`, `["a", 1]`}, {`"a"`, `"a"`, "refused"}}},
		{"type: list, as: comma", [][]string{{`"a, b"`, `["a","b"]`}, {`"a,b , ,c,"`, `["a","b","c"]`, `"a, b, c"`}, {`""`, `[]`}, {`["a","b"]`, `["a","b"]`, `"a, b"`},
			{`[1,true]`, `[1,true]`, `"1, true"`}, {`["a,b"]`, `["a,b"]`, "refused"}, {`[null]`, `[null]`, "refused"}, {`[["a"]]`, `[["a"]]`, "refused"}, {`5`, `5`, "refused"}}},
		{"type: list, as: space", [][]string{{`"a b"`, `["a","b"]`}, {`" a\tb "`, `["a","b"]`, `"a b"`}, {`["a b"]`, `["a b"]`, "refused"}}},
		{"type: list, as: lines", [][]string{{`"a b\nc"`, `["a b","c"]`}, {`"a\r\n\nb"`, `["a","b"]`, `"a\nb"`}}},
		{"type: time", [][]string{{`"2026-01-02T15:04:05Z"`, `"2026-01-02T15:04:05Z"`}, {`"2026-01-02T15:04:05.120+02:00"`, `"2026-01-02T13:04:05.12Z"`, `"2026-01-02T13:04:05.12Z"`},
			{`"2026-01-02 15:04:05.5+0200"`, `"2026-01-02T13:04:05.5Z"`, `"2026-01-02T13:04:05.5Z"`}, {`"2026-01-02 15:04:05"`, `"2026-01-02 15:04:05"`, "refused"},
			{`"soon"`, `"soon"`, "refused"}, {`""`, `""`, "refused"}, {`7`, `7`, "refused"}, {`null`, `null`}}},
		{"type: time, as: rfc3339, zone: Europe/Oslo", [][]string{{`"2026-07-02T15:04:05+02:00"`, `"2026-07-02T13:04:05Z"`}}},
		{`type: time, as: "2006-01-02T15:04:05.000-0700"`, [][]string{{`"2014-12-03T22:53:37.120+0000"`, `"2014-12-03T22:53:37.12Z"`},
			{`"2014-12-03T22:53:37.000+0200"`, `"2014-12-03T20:53:37Z"`, `"2014-12-03T20:53:37.000+0000"`}, {`"2014-12-03T22:53:37+02:00"`, `"2014-12-03T20:53:37Z"`, `"2014-12-03T20:53:37.000+0000"`}}},
		{`type: time, as: "2006-01-02 15:04:05", zone: Europe/Oslo, none: "1970-01-01 00:00:00"`, [][]string{{`"2026-07-02 15:04:05"`, `"2026-07-02T13:04:05Z"`},
			{`"2026-01-02 15:04:05.5"`, `"2026-01-02T14:04:05.5Z"`, `"2026-01-02 15:04:05"`}, {`"1970-01-01 00:00:00"`, `null`}, {`null`, `null`, `"1970-01-01 00:00:00"`}}},
		{`type: time, as: "2006-01-02", zone: America/New_York`, [][]string{{`"2026-07-02"`, `"2026-07-02T04:00:00Z"`}}},
		{`type: time, as: "20060102"`, [][]string{{`20260702`, `"2026-07-02T00:00:00Z"`, `"20260702"`}}},
		{"type: time, as: unix", [][]string{{`1700000000`, `"2023-11-14T22:13:20Z"`}, {`"1700000000"`, `"2023-11-14T22:13:20Z"`, `1700000000`}, {`1.7e9`, `"2023-11-14T22:13:20Z"`, `1700000000`},
			{`1700000000.123456789`, `"2023-11-14T22:13:20.123456789Z"`, `1700000000`}, {`-1`, `"1969-12-31T23:59:59Z"`}, {`-0.5`, `"1969-12-31T23:59:59.5Z"`, `-1`}, {`0`, `"1970-01-01T00:00:00Z"`},
			{`1e30`, `1e30`, "refused"}, {`999999999999`, `999999999999`, "refused"}, {`"x"`, `"x"`, "refused"}, {`1e-70`, `1e-70`, "refused"}}},
		{`type: time, as: unix-ms, none: "0"`, [][]string{{`1700000000123`, `"2023-11-14T22:13:20.123Z"`}, {`1700000000000`, `"2023-11-14T22:13:20Z"`}, {`0`, `null`}, {`"0"`, `"1970-01-01T00:00:00Z"`, `0`}}},
		{"null: ''", [][]string{{`""`, `null`}, {`null`, `null`, `""`}, {`" "`, `" "`}, {`0`, `0`}}},
		{"null: 0", [][]string{{`0`, `null`}, {`0.0`, `null`, `0`}, {`null`, `null`, `0`}, {`"0"`, `"0"`}}},
		{"null: omit", [][]string{{`null`, `null`, "left out"}, {`""`, `""`}}},
		{"null: '', type: integer, as: text", [][]string{{`""`, `null`}, {`"5"`, `5`}}},
		{"null: '', type: time", [][]string{{`""`, `null`}}},
		{"null: '', values: {none: '', open: 1}", [][]string{{`""`, `"none"`}, {`1`, `"open"`}, {`null`, `null`, `""`}}},
		{"values: {nobody: null, null: nil}", [][]string{{`null`, `"nobody"`}, {`"nil"`, `null`}}},
		{"type: integer, values: {1: low, 2: high}", [][]string{{`"low"`, `1`}, {`"3"`, `3`, `3`}, {`"odd"`, `"odd"`, "refused"}}},
		{"type: text, max_length: 2, too_long: truncate", [][]string{{`"äö"`, `"äö"`}, {`123`, `"123"`, `"12"`}}},
		{"type: text, max_length: 2", [][]string{{`123`, `"123"`, "refused"}}},
	} {
		f := fieldOf(t, k.spec)
		for _, v := range k.values {
			if got := string(asRead(f, []byte(v[0]))); got != v[1] {
				t.Errorf("{%s}: %s is read as %s, want %s", k.spec, v[0], got, v[1])
			}
			got, err := f.written([]byte(v[1]), nil)
			switch {
			case err != nil && (request.KindOf(err) != request.Invalid || !strings.Contains(err.Error(), "field f: ")):
				t.Errorf("{%s}: %s: %v", k.spec, v[1], err)
			case err != nil:
				got = []byte("refused")
			case got == nil:
				got = []byte("left out")
			}
			want := v[0]
			if len(v) > 2 {
				want = v[2]
			}
			if string(got) != want {
				t.Errorf("{%s}: %s is written as %s, want %s", k.spec, v[1], got, want)
			}
		}
	}
}

func TestTypeProblems(t *testing.T) {
	for text, want := range map[string]string{
		"{type: date}":                 `type: "date" is no type`,
		"{as: text}":                   "as: as belongs to a type",
		"{type: integer, as: hex}":     "as: a field of type integer",
		"{type: list, as: tabs}":       "as: a list is comma",
		"{type: time, as: yyyy-mm-dd}": `as: "yyyy-mm-dd" is no way to write a time`,
		"{type: time, as: '2006-01-02 15:04:05', zone: X}":   `zone: there is no zone "X"`,
		"{type: time, zone: Local}":                          `zone: there is no zone "Local"`,
		"{type: time, as: unix, zone: UTC}":                  "zone: unix is the same",
		"{type: text, none: x}":                              "none: zone and none belong",
		"{zone: UTC}":                                        "zone: zone and none belong",
		"{const: 1, default: 2}":                             "default: a constant is always written",
		"{type: integer, default: x}":                        "default: the default cannot be written",
		"{values: {open: opened}, strict: true, default: x}": "default: the default cannot be written",
	} {
		var s Spec
		if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {t: {path: /t, fields: {f: "+text+"}}}"), &s); err != nil {
			t.Fatal(text, err)
		}
		_, problems := Compile("x", s)
		got := ""
		for _, q := range problems {
			got += strings.TrimPrefix(strings.Join(q.Path, "/"), "collections/t/fields/f/") + ": " + q.Message + "\n"
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// What a collection says of no value holds for the fields that say nothing, named or not.
func TestNulls(t *testing.T) {
	c := ticketsOf(t, `null: "", drop: [/meta/x], fields: {a: /A, b: {at: /B, null: 0}, c: {at: /C, null: omit}, due: {at: /due, type: time, as: unix, none: 0}}`)
	f, err := c.FromRecord([]byte(`{"A":"","B":0,"C":"","due":0,"other":"","meta":{"x":1}}`))
	if got := string(f.AppendJSON(nil)); err != nil || got != `{"a":null,"b":null,"c":"","due":null,"other":null}` {
		t.Error(got, err)
	}
	call, err := c.CreateCall(fieldsOf(t, `{"a":null,"b":null,"c":null,"due":null,"other":null,"meta":{"x":2}}`), Marks{})
	if got := string(call.Body); err != nil || got != `{"A":"","B":0,"due":0,"other":""}` {
		t.Error(got, err)
	}
	if got := string(c.Expect(fieldsOf(t, `{"a":"","b":0,"c":null,"other":""}`)).AppendJSON(nil)); got != `{"a":null,"b":null,"other":null}` {
		t.Error(got)
	}
	c = ticketsOf(t, "null: omit")
	call, err = c.UpdateCall("7", fieldsOf(t, `{"a":null,"b":1}`), Marks{}, Current{})
	if got := string(call.Body); err != nil || got != `{"b":1}` {
		t.Error(got, err)
	}
}

func TestDefaults(t *testing.T) {
	c := ticketsOf(t, `required: [queue], fields: {queue: {at: /q/name, default: low, values: {low: 1}}, a: /A}`)
	for f, want := range map[string]string{
		`{"a":1}`:                `{"A":1,"q":{"name":1}}`,
		`{"queue":null,"a":1}`:   `{"q":{"name":1},"A":1}`,
		`{"queue":"high","a":1}`: `{"q":{"name":"high"},"A":1}`,
	} {
		call, err := c.CreateCall(fieldsOf(t, f), Marks{})
		if got := string(call.Body); err != nil || got != want {
			t.Error(f, got, err)
		}
		got, err := c.FromRecord(call.Body)
		if d := Diff(c.Expect(fieldsOf(t, f)), got); err != nil || len(d) > 0 {
			t.Error(f, d, err)
		}
	}
	call, err := c.UpdateCall("7", fieldsOf(t, `{"queue":null}`), Marks{}, Current{})
	if got := string(call.Body); err != nil || got != `{"q":{"name":null}}` {
		t.Error("a default is not for updates:", got, err)
	}
}

// A list whose elements are chosen is written element by element, and kept whole where the API replaces.
func TestSelectedFields(t *testing.T) {
	c := ticketsOf(t, `external_id: {field: "/custom[id=9]/value", find: "?x={value}"}, fields: {cost: "/custom[id=3]/value", room: "/custom[name=Room]/value", text: /t}`)
	f, err := c.FromRecord([]byte(`{"custom":[{"id":1,"value":"x"},{"id":3,"name":"Cost","value":5},{"name":"Room","value":"R"},{"id":9,"value":"g"}],"t":"t"}`))
	if got := string(f.AppendJSON(nil)); err != nil || got != `{"cost":5,"room":"R","text":"t"}` {
		t.Error(got, err)
	}
	const own = `{"cost":7,"custom":[1],"room":"B"}`
	call, err := c.UpdateCall("7", fieldsOf(t, own), Marks{}, Current{})
	if got := string(call.Body); err != nil || got != `{"custom":[{"id":3,"value":7},{"name":"Room","value":"B"}]}` {
		t.Error(got, err)
	}
	now := `{"id":7,"custom":[{"id":"1","value":"x"},{"id":"3","name":"Cost","value":5},{"name":"Room","value":"R"},{"id":"9","value":"g"}],"t":"t"}`
	call, err = c.ReplaceCall("7", fieldsOf(t, `{"cost":7}`), Current{Record: []byte(now)}, Marks{Request: gid})
	want := `{"custom":[{"id":"1","value":"x"},{"id":"3","name":"Cost","value":7},{"id":"9","value":"` + string(gid) + `"}]}`
	if got := string(call.Body); err != nil || got != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
	call, err = c.ReplaceCall("7", fieldsOf(t, `{"text":"n"}`), Current{Record: []byte(now)}, Marks{})
	if got := string(call.Body); err != nil || got != `{"t":"n","custom":[{"id":"1","value":"x"},{"id":"3","name":"Cost"},{"id":"9","value":"g"}]}` {
		t.Error(got, err)
	}
	full := ticketsOf(t, `update: {method: PUT, body: full}, fields: {cost: "/custom[id=3]/value", room: "/custom[name=Room]/value", text: /t}`)
	call, err = full.UpdateCall("7", fieldsOf(t, `{"cost":7}`), Marks{}, Current{Record: []byte(now)})
	want = `{"custom":[{"id":"1","value":"x"},{"id":"3","name":"Cost","value":7},{"name":"Room","value":"R"},{"id":"9","value":"g"}],"t":"t"}`
	if got := string(call.Body); err != nil || got != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
	patch := ticketsOf(t, `update: {body: json-patch}, fields: {cost: "/custom[id=3]/value", room: "/custom[name=Room]/value", text: /t}`)
	call, err = patch.UpdateCall("7", fieldsOf(t, `{"cost":7,"text":"n"}`), Marks{}, Current{Record: []byte(now)})
	want = `[{"op":"replace","path":"/custom","value":[{"id":"1","value":"x"},{"id":"3","name":"Cost","value":7},{"name":"Room","value":"R"},{"id":"9","value":"g"}]},` +
		`{"op":"replace","path":"/t","value":"n"}]`
	if got := string(call.Body); err != nil || got != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
	if _, ok, err := c.MatchCall(fieldsOf(t, `{"cost":7}`), []string{"cost"}); ok || err != nil {
		t.Error("an element of a list was searched for", err)
	}
	for _, text := range []string{`"/custom[id=3]/value", b: "/custom[id=3]/value"`, `"/custom[id=3]"`, `"/custom[id=9]/value"`} {
		var s Spec
		spec := fmt.Sprintf("preset: rest\ncollections: {t: {path: /t, external_id: {field: '/custom[id=9]/value', find: '?x={value}'}, fields: {a: %s}}}", text)
		if err := yaml.Unmarshal([]byte(spec), &s); err != nil {
			t.Fatal(err)
		}
		if _, problems := Compile("x", s); len(problems) == 0 {
			t.Error(text)
		}
	}
}

// Whatever a record holds, it becomes JSON, and what can be written back reads the same from then on.
func FuzzTypes(f *testing.F) {
	for _, as := range []string{"", "text", "integer", "number", "boolean", "unix", "unix-ms", "rfc3339", "2006-01-02 15:04:05.000", "Jan 2 06 -07", "15.04", "comma", "space", "lines"} {
		for kind := range 6 {
			f.Add(kind, as, "", []byte(`"2026-10-25T00:30:00.123Z"`))
			f.Add(kind, as, "Europe/Oslo", []byte(`-1700000000.5e-3`))
		}
	}
	f.Add(5, "comma", "", []byte(`["a b",1,true,null,"\u0000,"]`))
	f.Fuzz(func(t *testing.T, kind int, as, zone string, raw []byte) {
		kinds := []string{typeText, typeInteger, typeNumber, typeBoolean, "time", "list"}
		if kind < 0 || kind >= len(kinds) || !valid(raw) || len(raw) == 0 || isSpace(raw[0]) || isSpace(raw[len(raw)-1]) || !inRange(raw) || !utf8.ValidString(as) {
			return
		}
		c := &compiler{}
		field := c.field("f", FieldSpec{Type: kinds[kind], As: As{as, as}, Zone: zone}, CollectionSpec{})
		if len(c.problems) > 0 {
			return
		}
		once := func(canonical []byte) (local, back []byte, ok bool) {
			local, err := field.written(canonical, nil)
			if err != nil {
				return nil, nil, false
			}
			if !valid(local) {
				t.Fatalf("%s became %s", canonical, local)
			}
			back = asRead(field, local)
			return local, back, true
		}
		canonical := asRead(field, raw)
		if !valid(canonical) {
			t.Fatalf("%s became %s", raw, canonical)
		}
		_, back, ok := once(canonical)
		if !ok {
			return
		}
		if _, again, ok := once(back); !ok || !equal(back, again) {
			t.Fatalf("%s is %s, which comes back as %s, and that as %s", raw, canonical, back, again)
		}
	})
}

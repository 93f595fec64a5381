package profile

import (
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/meridian-gateway/meridian/request"
)

// lossless are ways to describe a field through which the values of the first list come back as they were; lossy those through
// which some of them may not.
var (
	texts   = []string{`"x"`, `"A b"`, `"\u00e4\n"`, `""`, `null`}
	numbers = []string{`1`, `0`, `-7`, `12345678901234567890`, `null`}
	moments = []string{`"2026-01-02T15:04:05Z"`, `"2026-07-02T23:59:59Z"`, `"1999-12-31T00:00:00Z"`, `null`}
	anyhow  = slices.Concat(texts, numbers, moments, []string{`1.10`, `1E2`, `[1, 2]`, `["a","b"]`, `["a, b"]`, `{"k": {}}`, `true`, `"7"`, `"open"`, `"closed"`, `"done"`,
		`"2026-10-25T00:30:00.123456789Z"`, `"2026-10-25T01:30:00Z"`, `"2026-01-02T15:04:05+02:00"`, `"2026-01-02"`, `"opened"`, `1700000000`})
)

type described struct {
	spec   string
	values []string
}

func lossless() []described {
	return []described{
		{"", anyhow},
		{"values: {open: 1, closed: '2', done: true}", []string{`"open"`, `"closed"`, `"done"`, `null`, `"else"`, `[1]`}},
		{"values: {open: opened, closed: shut}, strict: true", []string{`"open"`, `"closed"`, `null`}},
		{"type: text", texts}, {"type: integer", numbers}, {"type: number", append(numbers, `1.5`, `1E2`)}, {"type: boolean", []string{`true`, `false`, `null`}},
		{"type: integer, as: text", numbers}, {"type: number, as: text", append(numbers, `1.5`)}, {"type: boolean, as: integer", []string{`true`, `false`, `null`}},
		{"type: boolean, as: text, null: ''", []string{`true`, `false`, `null`}},
		{"type: time", moments}, {"type: time, as: unix, none: 0", moments}, {"type: time, as: unix-ms", append(moments, `"2026-01-02T15:04:05.12Z"`)},
		{"type: time, as: '2006-01-02 15:04:05', none: '1970-01-01 00:00:00'", moments}, {"type: time, as: '02.01.2006 15:04:05.000 -0700', zone: Asia/Tokyo", append(moments, `"2026-01-02T15:04:05.12Z"`)},
		{"type: list, as: comma", []string{`["a","b c"]`, `[]`, `null`}}, {"type: list, as: lines, null: ''", []string{`["a, b","c"]`, `null`}},
		{"null: ''", []string{`"x"`, `7`, `null`}}, {"null: 0", []string{`"x"`, `7`, `null`}},
		{"max_length: 5", texts},
		{"in: value, out: value", anyhow}, {`in: "fromJSON(value)", out: "toJSON(value)"`, []string{`"x"`, `[1, {"a": 12345678901234567890.5}]`, `true`}},
		{`in: "date(value)", out: "value.Format('2006-01-02T15:04:05.999Z07:00')"`, append(moments, `"2026-01-02T15:04:05.12Z"`)},
		{`in: "int(value)", out: "string(value)", null: ''`, []string{`1`, `0`, `-7`, `null`}}, {`in: "value.v", out: "{v: value}"`, append(texts, `7`)},
	}
}

func lossy() []described {
	specs := []string{"values: {open: opened, closed: opened, done: opened}", "values: {open: opened}, strict: true", "max_length: 1, too_long: truncate", "max_length: 1",
		"type: time, as: '2006-01-02', zone: America/New_York", "type: time, as: '2006-01-02 15:04', zone: Europe/Oslo, none: ''", "type: time, as: '15:04'", "type: time, as: unix, none: 0",
		"type: integer, as: boolean", "type: number, as: integer", "type: text, as: integer", "type: text, max_length: 2, too_long: truncate", "type: boolean, as: text, null: ''",
		"type: list, as: space", "type: list, as: comma, max_length: 3, too_long: truncate", "null: omit", "null: 0", "null: '', default: x", "values: {open: '', none: 0}, null: ''",
		"values: {open: null, null: opened}", "type: time, values: {'2026-01-02T15:04:05Z': now}",
		`in: "date(value)", out: "value.Format('2006-01-02')"`, `in: "lower(value)", out: "upper(value)", values: {open: a}`, `in: "value ?? 'none'", out: "value == 'none' ? nil : value"`,
		`out: "trim(value)"`, `in: "lower(value)"`, `in: "record.other"`, `out: "fields.other"`, `in: "record.a + record.b", out: "fields.a + value"`, `out: "string(fields.other) + 'x'", max_length: 3`,
		`type: integer, in: "value", out: "value"`}
	var out []described
	for _, s := range specs {
		out = append(out, described{s, anyhow})
	}
	return append(out, lossless()...)
}

// places where fields of a random collection are.
func places() []string {
	return []string{"/a", "/n/a", "/n/b/c", `/list[id=1]/value`, `/list[id="x y"]/v/w`, "/Field With Space", "/other"}
}

// world draws a collection with fields at some of the places, and the fields of a request,
// whose values are those of values.
func world(t *rapid.T, ways []described, nulls []string, values func(described) []string) (*Collection, request.Fields) {
	text := "preset: rest\ncollections: {t: {path: /t, null: " + rapid.SampledFrom(nulls).Draw(t, "null") + ", fields: {"
	var f request.Fields
	for i, at := range rapid.SliceOfDistinct(rapid.SampledFrom(places()), rapid.ID).Draw(t, "places") {
		way := rapid.SampledFrom(ways).Draw(t, "way")
		name := string(rune('a' + i))
		text += name + ": {at: '" + at + "', " + way.spec + "}, "
		if rapid.Bool().Draw(t, "there") {
			f = append(f, request.Field{Name: name, Value: []byte(rapid.SampledFrom(values(way)).Draw(t, "value"))})
		}
	}
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"other", "é", "q\"~/", "", "[k=v]"}), rapid.ID).Draw(t, "names") {
		f = append(f, request.Field{Name: name, Value: []byte(rapid.SampledFrom([]string{`1`, `"x"`, `null`, `{"a":[]}`}).Draw(t, "value"))})
	}
	var s Spec
	if err := yaml.Unmarshal([]byte(text+"}}}"), &s); err != nil {
		t.Fatal(text, err)
	}
	p, problems := Compile("test", s)
	if len(problems) > 0 {
		t.Skip(text, problems)
	}
	return p.Collections["t"], f
}

// Whatever a profile says of the fields: what is expected of a record is what is read of it, to the byte, and writing that again
// changes nothing.
func TestExpectIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, f := world(t, lossy(), []string{"null", `""`, "0", "omit"}, func(described) []string { return anyhow })
		want := c.Expect(f)
		alone := len(c.derived) == 0 // no field depends on another
		for _, named := range c.named {
			alone = alone && (named.in == nil || !named.in.Sees(seesRecord))
		}
		if again := c.Expect(want); alone && again.Hash() != want.Hash() {
			t.Fatalf("%s is expected as %s, and that as %s", f.AppendJSON(nil), want.AppendJSON(nil), again.AppendJSON(nil))
		}
		r, err := c.body(nil, f)
		if err != nil {
			if request.KindOf(err) != request.Invalid {
				t.Fatal(err)
			}
			return
		}
		body := request.Fields(r.members).AppendJSON(nil)
		if err := CheckJSON(body, 64); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		for _, from := range []func([]byte) (request.Fields, error){c.FromRecord, c.FromCall} {
			got, err := from(body)
			for name, named := range c.named { // a default leaves it open whether no value is shown
				if v, ok := got.Get(name); ok && isNull(v) && named.preset != nil {
					got = got.Without(name)
				}
			}
			if err != nil || len(Diff(want, got)) > 0 || alone && got.Hash() != want.Hash() {
				t.Fatalf("%s became %s, which is read as %s, expected %s (%v)", f.AppendJSON(nil), body, got.AppendJSON(nil), want.AppendJSON(nil), err)
			}
		}
	})
}

// What a site can hold comes back as it was.
func TestLosslessFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, f := world(t, lossless(), []string{"null"}, func(d described) []string { return d.values })
		f = slices.DeleteFunc(f, func(x request.Field) bool { return c.named[x.Name] == nil && c.writing[x.Name] != nil }) // another field is there
		call, err := c.CreateCall(f, marks)
		if err != nil {
			t.Skip(err)
		}
		got, err := c.FromRecord(call.Body)
		if err != nil || len(Diff(f, got)) > 0 || len(Diff(got, f)) > 0 {
			t.Fatalf("%s became %s, and came back as %s (%v)", f.AppendJSON(nil), call.Body, got.AppendJSON(nil), err)
		}
	})
}

// Whatever record a site has, it is read, and what is made of that is what is expected of it.
func FuzzRecord(f *testing.F) {
	c := ticketsOf(f, `null: "", read_only: [/id, /meta/at], local: ["/list[id=2]"], external_id: {field: "/list[id=9]/value", find: "?x={value}"}, etag: {field: /v},
    fields: {a: /x, b: "/list[id=1]/value", c: "/list[name=n]/o/p", d: {at: /n/d, type: time, as: unix, none: 0}, e: {at: /n/e, type: integer, as: text}, f: {at: /f, type: list, as: comma},
      g: {at: /g, values: {open: 1, closed: "2"}}, h: {at: /h, in: "lower(value)", out: "upper(value)"}, i: {in: "record.x + record.y"}, j: {at: /j, max_length: 3, too_long: truncate},
      k: {read: /k/id, write: /k_id}, l: {const: 1}, m: {at: /m, null: omit}, n2: {at: /q, out: "fields.a"}}`)
	for _, s := range []string{`{"x":1,"list":[{"id":1,"value":"v"},{"id":2},{"id":"9","value":"g"},{"name":"n","o":{"p":[1]}}],"n":{"d":0,"e":"7"},"f":"a, b","g":1,"h":"ABC","j":"long","k":{"id":4},"m":null,"q":2,"r":""}`,
		`{"list":{"id":1},"n":[],"f":5,"meta":{"at":1},"x":{"a":{"b":null}}}`, `{"list":[[],null,7,{"id":1.0,"value":{}}],"n":{"d":"1e3","e":1e3}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		if CheckJSON(record, 32) != nil {
			return
		}
		read, err := c.FromRecord(record)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.body(nil, read)
		if err != nil {
			return // a value that only the site itself can have made
		}
		body := request.Fields(r.members).AppendJSON(nil)
		again, err := c.FromRecord(body)
		if err != nil || CheckJSON(body, 64) != nil {
			t.Fatalf("%s became %s: %v", record, body, err)
		}
		for _, x := range c.Expect(read) {
			if x.Name == "k" { // it is read at another place
				continue
			}
			if d := Diff(request.Fields{x}, again); len(d) > 0 {
				t.Fatalf("%s is %s, became %s, and differs in %v", record, read.AppendJSON(nil), body, d)
			}
		}
	})
}

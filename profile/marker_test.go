package profile

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/meridian-gateway/meridian/request"
)

const (
	inText = `external_id: {field: /body, marker: "\n\n[ref:{value}]", find: {method: POST, path: "{path}/search", send: {q: "{value}", in: [body], page: {of: "a {value} b"}}, gone: 404}, lag: 2s}`
	inTags = `external_id: {field: /meta/tags, marker: ["ref-{value}"], find: "?tag=ref-{value}"}, fields: {labels: /meta/tags}`
	other  = request.ID("01JD000000000000000000000B")
)

func TestMarkerInText(t *testing.T) {
	c := ticketsOf(t, inText)
	const mark = `[ref:` + string(gid) + `]`
	for fields, want := range map[string]string{
		`{"body":"x"}`: `{"body":"x\n\n` + mark + `"}`, `{"body":""}`: `{"body":"` + mark + `"}`, `{"a":1}`: `{"a":1,"body":"` + mark + `"}`, `{"body":null}`: `{"body":"` + mark + `"}`,
		`{"body":"x\n\n[ref:` + string(other) + `] y"}`: `{"body":"x y\n\n` + mark + `"}`, `{"body":"[ref:none]"}`: `{"body":"[ref:none]\n\n` + mark + `"}`,
	} {
		call, err := c.CreateCall(fieldsOf(t, fields), Marks{Request: gid})
		if err != nil || string(call.Body) != want {
			t.Errorf("%s: %s %v", fields, call.Body, err)
		}
	}
	if _, err := c.CreateCall(fieldsOf(t, `{"body":7}`), Marks{Request: gid}); request.KindOf(err) != request.Invalid {
		t.Error(err)
	}
	// Nobody sees it, however the API shows it.
	for record, want := range map[string]string{
		`{"body":"x\n\n` + mark + `"}`: `{"body":"x"}`, `{"body":"x\r\n\r\n` + strings.ToLower(mark) + `\n> and an answer"}`: `{"body":"x\n> and an answer"}`,
		`{"body":"` + mark + `"}`: `{"body":null}`, `{"body":""}`: `{"body":null}`, `{"body":"no mark [ref:x]"}`: `{"body":"no mark [ref:x]"}`, `{"a":1}`: `{"a":1}`, `{"body":3}`: `{"body":3}`,
	} {
		f, err := c.FromRecord([]byte(record))
		if got := string(f.AppendJSON(nil)); err != nil || got != want {
			t.Errorf("%s: %s %v", record, got, err)
		}
		if f, err := c.FromCall([]byte(record)); err != nil || string(f.AppendJSON(nil)) != want {
			t.Errorf("call %s: %s %v", record, f.AppendJSON(nil), err)
		}
	}
	if f := c.Expect(fieldsOf(t, `{"body":""}`)); string(f.AppendJSON(nil)) != `{"body":null}` {
		t.Errorf("%s", f.AppendJSON(nil))
	}
	now := Current{Record: []byte(`{"id":7,"body":"x\n\n` + mark + `"}`)}
	unmarked := Current{Record: []byte(`{"id":7,"body":"x"}`)}
	for _, k := range []struct {
		fields string
		now    Current
		want   string
	}{
		{`{"a":1}`, now, `{"a":1}`}, {`{"body":"y"}`, now, `{"body":"y\n\n` + mark + `"}`}, {`{"body":null}`, now, `{"body":"` + mark + `"}`},
		{`{}`, unmarked, `{"body":"x\n\n` + mark + `"}`}, {`{"a":1}`, Current{}, `{"a":1}`}, {`{}`, Current{Record: []byte(`{"id":7}`)}, `{"body":"` + mark + `"}`},
	} {
		call, err := c.UpdateCall("7", fieldsOf(t, k.fields), Marks{Request: gid}, k.now)
		if err != nil || string(call.Body) != k.want {
			t.Errorf("%s: %s %v", k.fields, call.Body, err)
		}
	}
	if call, err := c.ReplaceCall("7", fieldsOf(t, `{"a":1}`), now, Marks{Request: gid}); err != nil || string(call.Body) != `{"a":1,"body":"`+mark+`"}` {
		t.Errorf("%s %v", call.Body, err)
	}
	for _, k := range []struct {
		verb       Verb
		body, want string
	}{
		{Create, `{ "body" : "x" }`, `{ "body" : "x\n\n` + mark + `" }`}, {Create, `{ }`, `{"body":"` + mark + `" }`}, {Update, `{ "a":1 }`, `{ "a":1 }`}, {Update, `{"body":""}`, `{"body":"` + mark + `"}`},
		{Update, `{"body":"\u0078\n\n` + mark + `"}`, `{"body":"\u0078\n\n` + mark + `"}`}, {Replace, `{"a":1}`, `{"a":1,"body":"` + mark + `"}`},
	} {
		call, err := c.Splice(k.verb, request.Call{Body: []byte(k.body)}, Marks{Request: gid}, true)
		if err != nil || string(call.Body) != k.want {
			t.Errorf("%s %s: %s %v, want %s", k.verb, k.body, call.Body, err, k.want)
		}
	}
	find, ok := c.FindCall(gid)
	if got := line(find); !ok || got != `POST /tickets/search application/json {"q":"`+string(gid)+`","in":["body"],"page":{"of":"a `+string(gid)+` b"}}` {
		t.Error(got)
	}
	hits, err := c.Found(answer(200, `[{"id":1,"body":"x [ref:`+string(other)+`]"},{"id":2,"body":"> x `+mark+` y"},{"id":3}]`), gid)
	if err != nil || len(hits) != 1 || hits[0].Local != "2" {
		t.Error(hits, err)
	}
	if hits, err := c.Found(answer(404, ``), gid); err != nil || len(hits) != 0 {
		t.Error(hits, err)
	}
	if m, ok := c.Stamp(unmarked.Record); ok || m.Request != "" {
		t.Error(m)
	}
	if m, ok := c.Stamp(now.Record); !ok || m.Request != gid {
		t.Error(m)
	}
	if c.SearchLag() != 2e9 || !c.NeedsCurrent(Update) || !c.CanMark() {
		t.Error("lag, needs")
	}
}

func TestMarkerInList(t *testing.T) {
	c := ticketsOf(t, inTags)
	const mark = `ref-` + string(gid)
	for fields, want := range map[string]string{
		`{"labels":["a"]}`: `{"meta":{"tags":["a","` + mark + `"]}}`, `{}`: `{"meta":{"tags":["` + mark + `"]}}`, `{"labels":null}`: `{"meta":{"tags":["` + mark + `"]}}`, `{"labels":[]}`: `{"meta":{"tags":["` + mark + `"]}}`,
		`{"labels":["ref-` + string(other) + `","b"]}`: `{"meta":{"tags":["b","` + mark + `"]}}`,
	} {
		call, err := c.CreateCall(fieldsOf(t, fields), Marks{Request: gid})
		if err != nil || string(call.Body) != want {
			t.Errorf("%s: %s %v", fields, call.Body, err)
		}
	}
	for record, want := range map[string]string{
		`{"meta":{"tags":["a","` + strings.ToLower(mark) + `"]}}`: `{"labels":["a"]}`, `{"meta":{"tags":["` + mark + `"]}}`: `{"labels":[]}`, `{"meta":{"tags":[ "a", 1 ]}}`: `{"labels":[ "a", 1 ]}`, `{"meta":{"tags":null}}`: `{"labels":[]}`,
	} {
		if f, err := c.FromRecord([]byte(record)); err != nil || string(f.AppendJSON(nil)) != want {
			t.Errorf("%s: %s %v", record, f.AppendJSON(nil), err)
		}
	}
	call, err := c.UpdateCall("7", fieldsOf(t, `{"a":1}`), Marks{Request: gid}, Current{Record: []byte(`{"meta":{"tags":["a"],"k":1}}`)})
	if want := `{"a":1,"meta":{"tags":["a","` + mark + `"],"k":1}}`; err != nil || string(call.Body) != want {
		t.Errorf("%s %v", call.Body, err)
	}
	hits, err := c.Found(answer(200, `[{"id":1,"meta":{"tags":["x`+mark+`"]}},{"id":2,"meta":{"tags":["b","`+mark+`"]}}]`), gid)
	if err != nil || len(hits) != 1 || hits[0].Local != "2" {
		t.Error(hits, err)
	}
}

// Whatever is in the field: with the marker it comes back as it was.
func TestMarkerRoundTrip(t *testing.T) {
	texts, tags := ticketsOf(t, inText), ticketsOf(t, inTags)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"a \n", "\n\n", "[ref:", "x [ref:01JD]", "é\r\n\r\n"})).Draw(t, "text")
		f := request.Fields{{Name: "body", Value: request.Quote(s)}}
		call, err := texts.CreateCall(f, marks)
		if err != nil {
			t.Fatal(err)
		}
		got, err := texts.FromRecord(call.Body)
		if err != nil || len(Diff(texts.Expect(f), got)) > 0 {
			t.Fatalf("%q became %s and came back as %s", s, call.Body, got.AppendJSON(nil))
		}
		list := request.Fields{{Name: "labels", Value: []byte("[" + string(request.Quote(s)) + "]")}}
		if call, err = tags.CreateCall(list, marks); err != nil {
			t.Fatal(err)
		}
		if got, err = tags.FromRecord(call.Body); err != nil || len(Diff(list, got)) > 0 {
			t.Fatalf("%q became %s and came back as %s", s, call.Body, got.AppendJSON(nil))
		}
	})
}

func TestMarkerProblems(t *testing.T) {
	for text, want := range map[string]string{
		`find: false, marker: "x"`: "a marker holds {value}, once", `find: false, marker: "{value}"`: "a marker is more than {value}", `find: false, marker: "{value} {x}"`: "a marker holds {value}, once", `find: false, lag: -1s`: "the lag of the search is negative", `marker: "[{value}]"`: "a filter by the whole field does not find the marker",
	} {
		var s Spec
		if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {t: {path: /t, external_id: {field: /r, "+text+"}}}"), &s); err != nil {
			t.Fatal(text, err)
		}
		if _, problems := Compile("x", s); len(problems) != 1 || !strings.Contains(problems[0].Message, want) {
			t.Errorf("%s: %+v", text, problems)
		}
	}
	var s Spec
	if err := yaml.Unmarshal([]byte("collections: {t: {external_id: {marker: [a, b]}}}"), &s); err == nil || !strings.Contains(err.Error(), "a marker is a text, or a list of one text") {
		t.Error(err)
	}
}

package profile

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

func TestExpressions(t *testing.T) {
	c := ticketsOf(t, `fields: {due: {at: /due_on, in: "date(value)", out: "value.Format('2006-01-02')"},
      name: {in: "record.first + ' ' + record.last"}, first: /first, last: /last,
      label: {write: /label, out: "fields.first + '/' + string(fields.size)", max_length: 6, too_long: truncate}, size: /size,
      state: {at: /state, in: "lower(value)", out: "upper(value)", values: {open: opened, closed: done}},
      level: {at: /level, in: "int(value)"}, tag: {at: /tag, out: "trim(value)"}}`)
	f, err := c.FromRecord([]byte(`{"due_on":"2026-07-02","first":"Ann","last":"Lee","label":"x","state":"OPENED","level":"7","tag":" t ","name":"other"}`))
	want := `{"due":"2026-07-02T00:00:00Z","first":"Ann","last":"Lee","state":"open","level":7,"tag":" t ","name":"Ann Lee"}`
	if got := string(f.AppendJSON(nil)); err != nil || got != want {
		t.Errorf("FromRecord: %s %v\nwant %s", got, err, want)
	}
	// What in cannot read passes as it is.
	f, err = c.FromRecord([]byte(`{"due_on":"soon","state":"Odd","level":[1],"first":"Ann"}`))
	want = `{"due":"soon","state":"odd","level":[1],"first":"Ann","name":null}`
	if got := string(f.AppendJSON(nil)); err != nil || got != want {
		t.Errorf("FromRecord: %s %v\nwant %s", got, err, want)
	}
	// A call may be a part: what depends on the rest is left out.
	f, err = c.FromCall([]byte(`{"first":"Bob","level":"3"}`))
	if got := string(f.AppendJSON(nil)); err != nil || got != `{"first":"Bob","level":3}` {
		t.Errorf("FromCall: %s %v", got, err)
	}
	f, err = c.FromCall([]byte(`{"first":"Bob","last":"Ray"}`))
	if got := string(f.AppendJSON(nil)); err != nil || got != `{"first":"Bob","last":"Ray","name":"Bob Ray"}` {
		t.Errorf("FromCall: %s %v", got, err)
	}
	const canonical = `{"due":"2026-07-02T22:00:00+02:00","first":"Ann","last":"Lee","size":12345,"state":"closed","level":8,"tag":" t "}`
	call, err := c.CreateCall(fieldsOf(t, canonical), Marks{})
	want = `{"due_on":"2026-07-02","first":"Ann","last":"Lee","size":12345,"state":"DONE","tag":"t","label":"Ann/12"}`
	if got := string(call.Body); err != nil || got != want {
		t.Errorf("CreateCall: %s %v\nwant %s", got, err, want)
	}
	want = `{"due":"2026-07-02T00:00:00Z","first":"Ann","last":"Lee","size":12345,"state":"closed","tag":"t","name":"Ann Lee"}`
	if got := string(c.Expect(fieldsOf(t, canonical)).AppendJSON(nil)); got != want {
		t.Errorf("Expect: %s\nwant %s", got, want)
	}
	// A change that does not say all that a field is made of leaves it as it is.
	call, err = c.UpdateCall("7", fieldsOf(t, `{"size":2,"due":null}`), Marks{}, Current{})
	if got := string(call.Body); err != nil || got != `{"size":2,"due_on":null}` {
		t.Errorf("UpdateCall: %s %v", got, err)
	}
	for body, field := range map[string]string{`{"due":"soon"}`: "field due: out cannot be computed", `{"state":7}`: "field state: out cannot"} {
		_, err := c.UpdateCall("7", fieldsOf(t, body), Marks{}, Current{})
		if request.KindOf(err) != request.Invalid || !strings.Contains(err.Error(), field) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", body, err)
		}
	}
	// What only in describes is the site's own.
	call, err = c.ReplaceCall("7", fieldsOf(t, `{"first":"Bob"}`), Current{Record: []byte(`{"first":"Ann","level":"7","tag":"t","label":"x"}`)}, Marks{})
	if got := string(call.Body); err != nil || got != `{"first":"Bob","label":null,"level":"7"}` {
		t.Errorf("ReplaceCall: %s %v", got, err)
	}
	full := ticketsOf(t, `update: {method: PUT, body: full}, fields: {label: {write: /label, out: "fields.first + '/' + fields.last"}, first: /f, last: {read: /l/name, write: /l_id, out: "value + fields.first"}}`)
	call, err = full.UpdateCall("7", fieldsOf(t, `{"first":"Bob"}`), Marks{}, Current{Record: []byte(`{"f":"Ann","l":{"name":"Lee"}}`)})
	if got := string(call.Body); err != nil || got != `{"f":"Bob","label":"Bob/Lee","l_id":"LeeBob"}` {
		t.Errorf("UpdateCall: %s %v", got, err)
	}
	found, ok, err := c.MatchCall(fieldsOf(t, canonical), []string{"state"})
	if err != nil || !ok || !strings.HasSuffix(found.Target, "state=DONE") {
		t.Error(found, ok, err)
	}
	if _, ok, err := c.MatchCall(fieldsOf(t, canonical), []string{"level"}); ok || err != nil {
		t.Error("a value that cannot be written was searched for", err)
	}
}

func TestExpressionProblems(t *testing.T) {
	for text, want := range map[string]string{
		"{in: 'value +'}": "in: the expression ends too early (at character 7)",
		"{out: record.x}": "out: there is no record here (at character 1)",
		"{in: fields.x}":  "in: there is no fields here",
		"{in: now()}":     "in: there is no function now",
		"{at: /x, in: value, type: time, as: unix}":          "as: a value is read and written as the type says",
		"{write: /x, in: value}":                             "in: the field is never read",
		"{read: /x, out: value}":                             "out: the field is never written",
		"{const: 1, in: value}":                              "in: the field is never read",
		"{in: value, out: value.Format('2006'), default: x}": "default: the default cannot be written here",
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

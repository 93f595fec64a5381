package profile

import (
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

// Values that are shown in another way than they are written.
func TestShownOtherwiseThanWritten(t *testing.T) {
	c := ticketsOf(t, `null: "", fields: {due: {at: /Due, type: time, as: {read: "02/01/2006 15:04", write: "01/02/2006 15:04"}, zone: Europe/Oslo, none: "01/01/1970 00:00"},
		seen: {at: /Seen, type: time, as: {read: unix, write: "2006-01-02 15:04:05"}}, n: {at: /N, type: number, as: {read: text, write: number}}, tags: {at: /T, type: list, as: {read: "", write: comma}}}`)
	f := fieldsOf(t, `{"due":"2026-03-04T10:00:00Z","seen":"2026-11-22T10:11:12Z","n":2.50,"tags":["a","b"]}`)
	call, err := c.CreateCall(f, Marks{})
	if want := `{"Due":"03/04/2026 11:00","Seen":"2026-11-22 10:11:12","N":2.50,"T":"a, b"}`; err != nil || string(call.Body) != want {
		t.Fatalf("%s %v", call.Body, err)
	}
	shown := `{"Due":"04/03/2026 11:00","Seen":1795342272,"N":"2.5","T":["a","b"]}`
	got, err := c.FromRecord([]byte(shown))
	if err != nil || len(Diff(f, got)) != 0 || len(Diff(c.Expect(f), got)) != 0 {
		t.Errorf("%s, expected %s %v", got.AppendJSON(nil), c.Expect(f).AppendJSON(nil), err)
	}
	if got, err = c.FromCall(call.Body); err != nil || len(Diff(f, got)) != 0 {
		t.Errorf("of a client: %s %v", got.AppendJSON(nil), err)
	}
	// What only one of the two ways can mean is read, wherever it is.
	if got, err = c.FromCall([]byte(`{"Due":"31/12/2026 00:00","Seen":1795342272}`)); err != nil || string(got.AppendJSON(nil)) != `{"due":"2026-12-30T23:00:00Z","seen":"2026-11-22T10:11:12Z"}` {
		t.Errorf("%s %v", got.AppendJSON(nil), err)
	}
	if got, err = c.FromRecord([]byte(`{"Due":"01/01/1970 00:00"}`)); err != nil || string(got.AppendJSON(nil)) != `{"due":null}` {
		t.Errorf("%s %v", got.AppendJSON(nil), err)
	}
	hits, err := ticketsOf(t, `find: {path: "?{terms}"}, fields: {due: {at: /Due, type: time, as: {read: rfc3339, write: "2006-01-02"}}}`).
		Matched(answer(200, `[{"id":1,"Due":"2026-03-04T00:00:00Z"}]`), fieldsOf(t, `{"due":"2026-03-04T00:00:00Z"}`), []string{"due"})
	if err != nil || len(hits) != 1 {
		t.Error(hits, err)
	}
	for text, want := range map[string]string{
		`as: {read: never, write: unix}, type: time`:    `"never" is no way to write a time`,
		`as: {read: unix, write: never}, type: time`:    `"never" is no way to write a time`,
		`as: {read: x, write: text}, type: number`:      `not "x"`,
		`as: {read: text, write: text}`:                 "as belongs to a type",
		`as: {write: text}, type: number, in: "value"`:  "not both",
		`as: unix, type: time, zone: Europe/Oslo`:       "is the same in all zones",
		`as: {read: unix, write: unix-ms}, type: other`: "is no type",
	} {
		var s Spec
		if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {t: {path: /t, fields: {f: {"+text+"}}}}"), &s); err != nil {
			t.Fatal(text, err)
		}
		_, problems := Compile("x", s)
		got := ""
		for _, q := range problems {
			got += q.Message + "\n"
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// Stamps and the external id where records show them otherwise than they are written.
func TestStampsShownElsewhere(t *testing.T) {
	c := ticketsOf(t, `external_id: {field: {read: "/CF[name=ID]/values/0", write: /CF/ID}, find: "?q={value}"}, stamp: {owner: {read: "/CF[name=Owner]/values/0", write: /CF/Owner}, version: {read: /v/shown, write: /v_is}, state: /state},
		read_only: [/id], fields: {place: {read: "/CF[name=Place]/values/0", write: /CF/Place}}`)
	body := `{"CF":{"Place":"x"}}`
	call, err := c.Splice(Create, request.Call{Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}, marks, false)
	if want := `{"CF":{"Place":"x","ID":"` + string(gid) + `","Owner":"chicago"},"state":"owner","v_is":"1@chicago.3"}`; err != nil || string(call.Body) != want {
		t.Errorf("%s %v", call.Body, err)
	}
	if f, err := c.FromCall(call.Body); err != nil || string(f.AppendJSON(nil)) != `{"place":"x"}` {
		t.Errorf("%s %v", f.AppendJSON(nil), err)
	}
	record := []byte(`{"id":1,"CF":[{"name":"Owner","values":["chicago"]},{"name":"ID","values":["` + string(gid) + `"]},{"name":"Place","values":["x"]}],"v":{"shown":"1@chicago.3"},"state":"owner"}`)
	if m, ok := c.Stamp(record); !ok || m != marks {
		t.Error(m, ok)
	}
	if f, err := c.FromRecord(record); err != nil || string(f.AppendJSON(nil)) != `{"place":"x"}` {
		t.Errorf("%s %v", f.AppendJSON(nil), err)
	}
	if stamp, ok := c.StampCall("1", marks); !ok || string(stamp.Body) != `{"CF":{"Owner":"chicago"},"state":"owner","v_is":"1@chicago.3"}` {
		t.Errorf("%s", stamp.Body)
	}
	for _, foreign := range []string{`{"CF":{"Owner":"oslo"}}`, `{"v_is":"9@chicago.9"}`, `{"CF":{"ID":"x"}}`} {
		if _, err := c.Splice(Update, request.Call{Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(foreign)}, marks, true); request.KindOf(err) != request.Reserved {
			t.Error(foreign, err)
		}
	}
	var s Spec
	if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {t: {path: /t, stamp: {owner: {read: /x}}}}"), &s); err != nil {
		t.Fatal(err)
	}
	if _, problems := Compile("x", s); len(problems) != 1 || !strings.Contains(problems[0].Message, "where this is written") {
		t.Error(problems)
	}
}

package profile

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

// ofProfile is the collection tickets of a profile of the preset rest with keys of its own.
func ofProfile(t testing.TB, keys, collection string) *Collection {
	t.Helper()
	return profileOf(t, "preset: rest\n"+keys+"\ncollections: {tickets: {path: /tickets, "+collection+"}}").Collections["tickets"]
}

func TestTakes(t *testing.T) {
	plain, form := ticketsOf(t, "read_only: [/id]"), ofProfile(t, "encoding: form", "read_only: [/id]")
	text, patch := ofProfile(t, "content_type: text/plain", "read_only: [/id]"), ticketsOf(t, "update: {body: json-patch}, create: {content_type: application/x-www-form-urlencoded}")
	for _, k := range []struct {
		c     *Collection
		v     Verb
		media string
		want  bool
	}{
		{plain, Create, "application/json", true}, {plain, Update, "application/merge-patch+json", true}, {plain, Update, "application/json-patch+json", false}, {plain, Create, "text/plain", false},
		{plain, Create, "", false}, {plain, Create, "application/x-www-form-urlencoded", false}, {plain, Create, "multipart/form-data", false},
		{form, Create, "application/x-www-form-urlencoded", true}, {form, Create, "application/json", true}, {form, Create, "text/plain", false}, {form, Create, "", false},
		{text, Create, "text/plain", true}, {text, Create, "", true}, {text, Create, "text/html", false}, {text, Update, "application/x-www-form-urlencoded", false},
		{patch, Update, "application/json-patch+json", true}, {patch, Update, "application/json", true}, {patch, Replace, "application/json-patch+json", false},
		{patch, Create, "application/x-www-form-urlencoded", true}, {patch, Update, "application/x-www-form-urlencoded", false}, {patch, Create, "application/json-patch+json", false},
	} {
		if got := k.c.Takes(k.v, k.media); got != k.want {
			t.Errorf("%s %q: %v", k.v, k.media, got)
		}
	}
	if f, err := text.Decode(Create, "", []byte(`{"a":1}`), nil); err != nil || string(f.AppendJSON(nil)) != `{"a":1}` {
		t.Error(f, err)
	}
	if _, err := plain.Decode(Create, "text/html", []byte(`{"a":1}`), nil); request.KindOf(err) != request.Invalid {
		t.Error(err)
	}
	if plain.DecodeNeedsCurrent("application/json") || !patch.DecodeNeedsCurrent("application/json-patch+json; charset=utf-8") {
		t.Error("needs")
	}
}

const formType = "application/x-www-form-urlencoded; charset=utf-8"

func TestForms(t *testing.T) {
	c := ofProfile(t, "encoding: form", "envelope: {call: /ticket}, read_only: [/id], local: [mine], external_id: {field: /ref}, stamp: {version: /sync/v}, fields: {subject: /title}")
	for body, want := range map[string]string{
		"utf8=%E2%9C%93&ticket[title]=a+b%26c&ticket%5Btags%5D%5B%5D=x&ticket[tags][]=y&ticket[mine]=1": `{"subject":"a b&c","tags":["x","y"]}`,
		"ticket[a][b][c]=1&ticket[a][d]=&ticket[none][]=":                                               `{"a":{"b":{"c":"1"},"d":""},"none":[]}`,
		"ticket[l][][a]=1&ticket[l][][b]=2&ticket[l][][a]=3":                                            `{"l":[{"a":"1","b":"2"},{"a":"3"}]}`,
		"ticket[a]=1&&ticket[b]=2&":                                                                     `{"a":"1","b":"2"}`,
		"title=1":                                                                                       "!the body has no JSON object",
		"":                                                                                              "!empty",
		"ticket[a]=1&ticket[a]=2":                                                                       "!duplicate-key",
		"ticket[a]=1&ticket[a][b]=2":                                                                    "!duplicate-key",
		"ticket[a][]=1&ticket[a][b]=2":                                                                  "!duplicate-key",
		"ticket=1&ticket[a]=1":                                                                          "!duplicate-key",
		"ticket[a=1":                                                                                    "!syntax",
		"[a]=1":                                                                                         "!syntax",
		"ticket[a]b=1":                                                                                  "!syntax",
		"ticket[a]":                                                                                     "!syntax",
		"=1":                                                                                            "!syntax",
		"ticket[a]=%zz":                                                                                 "!syntax",
		"ticket[a]=%ff":                                                                                 "!utf-8",
		"ticket[a]=1&_method=delete":                                                                    "!override",
		"ticket[a]=1&%5Fmethod=delete":                                                                  "!override",
		"ticket" + strings.Repeat("[a]", 70) + "=1":                                                     "!too-deep",
	} {
		err := c.CheckBody(Create, formType, []byte(body), 64)
		var f request.Fields
		if err == nil {
			f, err = c.Decode(Create, formType, []byte(body), nil)
		}
		switch want, wrong := strings.CutPrefix(want, "!"); {
		case wrong:
			if request.KindOf(err) != request.Invalid || err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", body, err, want)
			}
		case err != nil || string(f.AppendJSON(nil)) != want:
			t.Errorf("%s: %s %v, want %s", body, f.AppendJSON(nil), err, want)
		}
	}
	splice := func(v Verb, known bool, body string) (string, error) {
		call, err := c.Splice(v, request.Call{Header: map[string][]string{"Content-Type": {formType}}, Body: []byte(body)}, marks, known)
		return string(call.Body), err
	}
	const set = "&ticket%5Bref%5D=" + string(gid) + "&ticket%5Bsync%5D%5Bv%5D=1%40chicago.3"
	for body, want := range map[string]string{
		"ticket[a]=b+c": "ticket[a]=b+c" + set, "ticket[ref]=&ticket[a]=%31": "ticket[ref]=" + string(gid) + "&ticket[a]=%31&ticket%5Bsync%5D%5Bv%5D=1%40chicago.3",
		"ticket%5bref%5d=" + string(gid) + "&x=1": "ticket%5bref%5d=" + string(gid) + "&x=1&ticket%5Bsync%5D%5Bv%5D=1%40chicago.3",
		"ticket[ref]=mine":                        "!" + string(request.Reserved), "a=1": "!" + string(request.Invalid), "ticket[sync]=1": "!" + string(request.Invalid),
	} {
		got, err := splice(Create, false, body)
		if kind, wrong := strings.CutPrefix(want, "!"); wrong {
			if err == nil || string(request.KindOf(err)) != kind {
				t.Errorf("%s: %v", body, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", body, got, err, want)
		}
	}
	if got, err := splice(Update, true, "ticket[a]=1"); err != nil || got != "ticket[a]=1&ticket%5Bsync%5D%5Bv%5D=1%40chicago.3" {
		t.Error(got, err)
	}
	if call, ok := c.OwnCall("7", []byte("ticket[a]=1&ticket[mine]=2")); !ok || string(call.Body) != "ticket%5Bmine%5D=2" {
		t.Error(line(call), ok)
	}
	marked := ofProfile(t, "encoding: form", `external_id: {field: /body, marker: "[{value}]", find: false}`)
	tagged := ofProfile(t, "encoding: form", `external_id: {field: /tags, marker: ["r{value}"], find: false}`)
	for _, k := range []struct {
		c          *Collection
		v          Verb
		body, want string
	}{
		{marked, Create, "body=x+y&a=1", "body=x+y+%5B" + string(gid) + "%5D&a=1"}, {marked, Create, "a=1", "a=1&body=%5B" + string(gid) + "%5D"}, {marked, Update, "a=1", "a=1"},
		{tagged, Create, "tags[]=a", "tags[]=a&tags%5B%5D=r" + string(gid)}, {tagged, Create, "a=1", "a=1&tags%5B%5D=r" + string(gid)}, {tagged, Update, "tags[]=r" + string(gid), "tags[]=r" + string(gid)},
	} {
		call, err := k.c.Splice(k.v, request.Call{Header: map[string][]string{"Content-Type": {formType}}, Body: []byte(k.body)}, Marks{Request: gid}, true)
		if err != nil || string(call.Body) != k.want {
			t.Errorf("%s: %s %v, want %s", k.body, call.Body, err, k.want)
		}
	}
}

const patchType = "application/json-patch+json"

func TestClientPatches(t *testing.T) {
	c := ticketsOf(t, `update: {body: json-patch}, create: {body: json-patch}, envelope: {call: /fields, answer: /fields}, read_only: [/id, /made], local: [mine], etag: {field: /rev},
    fields: {subject: /Title, status: {read: /status/id, write: /status_id, values: {open: 1, closed: 2}}}`)
	current := []byte(`{"id":7,"Title":"t","status":{"id":1,"name":"New"},"n":12345678901234567890,"list":[1,2],"deep":{"a":1,"b":2},"made":"x","mine":"m"}`)
	for body, want := range map[string]string{
		`[{"op":"replace","path":"/fields/Title","value":"new"}]`:                                                                        `{"subject":"new"}`,
		`[ {"op":"test","path":"/rev","value":3}, {"op":"test","path":"/fields/Title","value":"t"}, {"op":"remove","path":"/fields/n"}]`: `{"n":null}`,
		`[{"op":"add","path":"/fields/list/-","value":3}]`:                                                                               `{"list":[1,2,3]}`,
		`[{"op":"replace","path":"/fields/deep/a","value":9}]`:                                                                           `{"deep":{"a":9,"b":2}}`,
		`[{"op":"replace","path":"/fields/status_id","value":2}]`:                                                                        `{"status":"closed"}`,
		`[{"op":"move","from":"/fields/n","path":"/fields/m"}]`:                                                                          `{"m":12345678901234567890,"n":null}`,
		`[{"op":"copy","from":"/fields/Title","path":"/fields/other"}]`:                                                                  `{"other":"t"}`,
		`[{"op":"replace","path":"/fields/mine","value":1},{"op":"replace","path":"/fields/made","value":1}]`:                            `{}`,
		`[{"op":"replace","path":"/fields/Title","value":"t"}]`:                                                                          `{}`,
		`[]`: `{}`,
		`[{"op":"test","path":"/fields/Title","value":"u"},{"op":"remove","path":"/fields/n"}]`: "!" + string(request.Precondition),
		`[{"op":"replace","path":"/fields/absent","value":1}]`:                                  "!" + string(request.Invalid),
		`[{"op":"remove","path":"/fields"}]`:                                                    "!" + string(request.Invalid),
		`[{"op":"add","path":"/fields/list/1000000000","value":1}]`:                             "!" + string(request.Invalid),
		`[{"op":"add","path":"/fields/a","Path":"/fields/b","value":1}]`:                        `{"a":1}`,
	} {
		err := c.CheckBody(Update, patchType, []byte(body), 64)
		var f request.Fields
		if err == nil {
			f, err = c.Decode(Update, patchType, []byte(body), current)
		}
		if kind, wrong := strings.CutPrefix(want, "!"); wrong {
			if err == nil || string(request.KindOf(err)) != kind {
				t.Errorf("%s: %v, want %s", body, err, kind)
			}
		} else if err != nil || string(f.AppendJSON(nil)) != want {
			t.Errorf("%s: %s %v, want %s", body, f.AppendJSON(nil), err, want)
		}
	}
	f, err := c.Decode(Create, patchType, []byte(`[{"op":"add","path":"/fields/Title","value":"s"},{"op":"add","path":"/fields/x/y","value":1}]`), nil)
	if err != nil || string(f.AppendJSON(nil)) != `{"x":{"y":1},"subject":"s"}` {
		t.Errorf("%s %v", f.AppendJSON(nil), err)
	}
	for body, want := range map[string]string{
		``: "empty", `{}`: "not-a-list", `[1]`: "not-a-patch", `[{"op":"add"}]`: "not-a-patch", `[{"op":"add","path":"x","value":1}]`: "not-a-patch", `[{"op":"add","path":"/x"}]`: "not-a-patch",
		`[{"op":"eval","path":"/x"}]`: "not-a-patch", `[{"op":"add","path":"/~2","value":1}]`: "not-a-patch", `[{"op":"move","path":"/x"}]`: "not-a-patch", `[{"op":"add","op":"add","path":"/x","value":1}]`: "duplicate-key",
		`[{"op":"add","path":3,"value":1}]`: "not-a-patch", `[{"op":"add","path":"/x","value":1e999}]`: "number-range", `[]x`: "syntax", "\xef\xbb\xbf[]": "byte-order-mark",
		`[{"op":"add","path":"` + strings.Repeat("/a", 70) + `","value":1}]`: "too-deep", `[` + strings.TrimSuffix(strings.Repeat(`{"op":"remove","path":"/x"},`, mostOperations+1), ",") + `]`: "too-long",
	} {
		if err := c.CheckBody(Update, patchType, []byte(body), 64); err == nil || !strings.HasPrefix(err.(*request.Error).Detail, want) || request.KindOf(err) != request.Invalid {
			t.Errorf("%.80s: %v, want %s", body, err, want)
		}
	}
	if call, ok := c.OwnCall("7", []byte(`[{"op":"add","path":"/fields/mine","value":{"a":1}},{"op":"add","path":"/fields/x","value":1}]`)); !ok || string(call.Body) != `[{"op":"add","path":"/fields/mine","value":{"a":1}}]` {
		t.Error(line(call), ok)
	}
}

func TestSplicePatch(t *testing.T) {
	c := ticketsOf(t, `update: {body: json-patch}, create: {body: json-patch}, envelope: {call: /f}, external_id: {field: /ref}, stamp: {version: /sync/v, owner: /sync/o}`)
	const ref, v, o = `{"op":"add","path":"/f/ref","value":"` + string(gid) + `"}`, `{"op":"add","path":"/f/sync/v","value":"1@chicago.3"}`, `{"op":"add","path":"/f/sync/o","value":"chicago"}`
	for _, k := range []struct {
		verb       Verb
		body, want string
	}{
		{Create, `[ {"op":"add","path":"/f/a","value":1} ]`, `[ {"op":"add","path":"/f/a","value":1} ,` + ref + `,{"op":"add","path":"/f/sync","value":{"o":"chicago","v":"1@chicago.3"}}]`},
		{Create, `[{"op":"add","path":"/f/sync","value":{}}]`, `[{"op":"add","path":"/f/sync","value":{}},` + ref + `,` + o + `,` + v + `]`},
		{Update, `[]`, `[` + o + `,` + v + `]`},
		{Update, `[{"op":"replace","path":"/f/ref","value":"` + string(gid) + `"}]`, `[{"op":"replace","path":"/f/ref","value":"` + string(gid) + `"},` + o + `,` + v + `]`},
		{Update, `[{"op":"test","path":"/f/ref","value":"x"}]`, `[{"op":"test","path":"/f/ref","value":"x"},` + o + `,` + v + `]`},
		{Update, `[{"op":"replace","path":"/f/ref","value":"mine"}]`, ""}, {Update, `[{"op":"remove","path":"/f/ref"}]`, ""}, {Update, `[{"op":"remove","path":"/f/sync"}]`, ""}, {Update, `[{"op":"remove","path":""}]`, ""},
		{Update, `[{"op":"move","from":"/f/ref","path":"/f/x"}]`, ""}, {Update, `[{"op":"copy","from":"/f/x","path":"/f/ref"}]`, ""}, {Update, `[{"op":"add","path":"/f","value":{"ref":"mine"}}]`, ""},
		{Update, `[{"op":"add","path":"/f/ref/x","value":1}]`, ""},
	} {
		call, err := c.Splice(k.verb, request.Call{Header: map[string][]string{"Content-Type": {patchType}}, Body: []byte(k.body)}, marks, true)
		if k.want == "" {
			if request.KindOf(err) != request.Reserved {
				t.Errorf("%s: %s %v", k.body, call.Body, err)
			}
		} else if err != nil || string(call.Body) != k.want {
			t.Errorf("%s:\n got %s %v\nwant %s", k.body, call.Body, err, k.want)
		}
	}
	marked := ticketsOf(t, `update: {body: json-patch}, create: {body: json-patch}, external_id: {field: /body, marker: "[{value}]", find: false}`)
	const mark = `[` + string(gid) + `]`
	for _, k := range []struct {
		verb       Verb
		body, want string
	}{
		{Create, `[]`, `[{"op":"add","path":"/body","value":"` + mark + `"}]`}, {Update, `[]`, `[]`},
		{Update, `[{"op":"replace","path":"/body","value":"x"}]`, `[{"op":"replace","path":"/body","value":"x"},{"op":"add","path":"/body","value":"x ` + mark + `"}]`},
		{Update, `[{"op":"replace","path":"/body","value":"x ` + mark + `"}]`, `[{"op":"replace","path":"/body","value":"x ` + mark + `"}]`},
		{Update, `[{"op":"remove","path":"/body"}]`, `[{"op":"remove","path":"/body"},{"op":"add","path":"/body","value":"` + mark + `"}]`},
		{Update, `[{"op":"copy","from":"/x","path":"/body"}]`, ""},
	} {
		call, err := marked.Splice(k.verb, request.Call{Header: map[string][]string{"Content-Type": {patchType}}, Body: []byte(k.body)}, Marks{Request: gid}, true)
		if k.want == "" && err == nil || k.want != "" && (err != nil || string(call.Body) != k.want) {
			t.Errorf("%s: %s %v, want %s", k.body, call.Body, err, k.want)
		}
	}
}

// What the gateway itself writes in an encoding it also reads.
func TestOwnBodiesAreRead(t *testing.T) {
	f := fieldsOf(t, `{"subject":"a b&=[]","tags":["x","y"],"deep":{"a":{"b":"c"}},"é\"":"%"}`)
	form := ofProfile(t, "encoding: form", "envelope: {call: /ticket}, fields: {subject: /t/s}")
	call, err := form.CreateCall(f, Marks{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := form.Decode(Create, formType, call.Body, nil)
	if err != nil || len(Diff(f, got)) > 0 {
		t.Errorf("%s: %s %v", call.Body, got.AppendJSON(nil), err)
	}
	patch := ticketsOf(t, "update: {body: json-patch}, fields: {subject: /t/s}")
	current := []byte(`{"id":1,"t":{"s":"old","x":1},"tags":["x"],"gone":1}`)
	call, err = patch.UpdateCall("1", f.With("gone", json.RawMessage("null")), Marks{}, Current{Record: current})
	if err != nil {
		t.Fatal(err)
	}
	if got, err = patch.Decode(Update, patchType, call.Body, current); err != nil || len(Diff(f, got)) > 0 {
		t.Errorf("%s: %s %v", call.Body, got.AppendJSON(nil), err)
	}
}

// Whatever a client sends: what passes the gate is read, and with the marks it says the same and the marks.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `[{"op":"add","path":"/a","value":1}]`, `[{"op":"remove","path":"/body"}]`, "a=1&b[c]=2", "a[]=1&a[]=2", "l[][a]=1&l[][b]=2&l[][a]=3", "body=x", `[{"op":"move","from":"/x","path":"/y/z"}]`, "a[b][]=&a[c]=+"} {
		for kind := range uint8(3) {
			f.Add([]byte(s), kind, true)
			f.Add([]byte(s), kind, false)
		}
	}
	types := []string{"application/json", patchType, formType}
	all := []*Collection{
		ofProfile(f, "encoding: form", `update: {body: json-patch}, create: {body: json-patch}, external_id: {field: /ref}, stamp: {version: /sync/v}, fields: {subject: /title/s}`),
		ofProfile(f, "encoding: form", `update: {body: json-patch}, create: {body: json-patch}, external_id: {field: /body, marker: "[{value}]", find: false}, local: [mine]`),
	}
	current := []byte(`{"id":1,"title":{"s":"x"},"body":"y [` + string(gid) + `]","x":[1,{"a":2}],"sync":{"v":"1@chicago.2"},"ref":"` + string(gid) + `"}`)
	f.Fuzz(func(t *testing.T, body []byte, kind uint8, create bool) {
		contentType, v := types[int(kind)%3], Update
		if create {
			v = Create
		}
		for _, c := range all {
			if c.CheckBody(v, contentType, body, 64) != nil {
				continue
			}
			was, err := c.Decode(v, contentType, body, current)
			if err != nil {
				continue
			}
			if !valid(was.AppendJSON(nil)) {
				t.Fatalf("%q became %q", body, was.AppendJSON(nil))
			}
			call, err := c.Splice(v, request.Call{Header: map[string][]string{"Content-Type": {contentType}}, Body: body}, marks, false)
			if err != nil {
				continue
			}
			if err := c.CheckBody(v, contentType, call.Body, 66); err != nil {
				t.Fatalf("%q with the marks is %q: %v", body, call.Body, err)
			}
			is, err := c.Decode(v, contentType, call.Body, current)
			if err != nil || len(Diff(was, is)) > 0 || len(Diff(is, was)) > 0 {
				t.Fatalf("%q is %s, and with the marks %q is %s: %v", body, was.AppendJSON(nil), call.Body, is.AppendJSON(nil), err)
			}
			_, _ = c.OwnCall("1", body)
		}
	})
}

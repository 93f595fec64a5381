package profile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile/presets"
)

func TestSpec(t *testing.T) {
	// Appendix A, but for what is said not to be supported yet.
	p := profileOf(t, `
preset: rest
timeout: 20s
parallel: 4
rate: 90/m
collections:
  tickets:
    path: /api/tickets
    create: {method: POST, path: /api/tickets, status: [200, 201]}
    read:   {method: GET, path: "/api/tickets/{id}"}
    update: {method: PATCH, path: "/api/tickets/{id}", body: merge, status: [200, 204]}
    delete: {method: DELETE, path: "/api/tickets/{id}", status: [200, 204], gone: [404]}
    list:   {path: "/api/tickets?since={since}&page={page}", since: /updated_at, size: 100}
    id: {from: body, at: /id}
    envelope: {call: /ticket, answer: /ticket, items: /tickets}
    external_id: {field: /external_id, find: "/api/tickets?external_id={value}"}
    read_only: [/id, /created_at, /updated_at]
    etag: false
    read_back: true
    stamp: {owner: /sync_owner, version: /sync_version, request: /sync_id, state: /sync_state}
    fields:
      subject: /title
      status: {at: /state, values: {open: opened, closed: closed}}
      summary: {at: /summary, max_length: 80, too_long: truncate}
      source: {const: web}
    local: [assignee]
    required: [subject]
`)
	if p.Timeout != 20*time.Second || p.Quiescence != 20*time.Second || p.Parallel != 4 || p.Rate != 1.5 {
		t.Error(p.Timeout, p.Quiescence, p.Parallel, p.Rate)
	}
	c := p.Collections["tickets"]
	if !c.ReadBack() || c.HasETag() || c.Success(Create) != 200 || c.Judge(Delete, answer(410, "")) != Refused || !c.CanReplace() {
		t.Error("what the user wrote does not stand")
	}
	d := profileOf(t, "preset: rest\nquiescence: 1m\ncollections: {a: {path: /a}}")
	if d.Timeout != 15*time.Second || d.Quiescence != time.Minute || d.Parallel != 8 || d.Rate != 0 {
		t.Error("defaults", d)
	}
}

func TestStrictDecoding(t *testing.T) {
	for text, want := range map[string]string{
		"presett: rest": `line 1, column 1: the key "presett" is not known here (did you mean preset?)`,
		"collections:\n  t:\n    create: {methd: POST}":         `line 3, column 14: the key "methd"`,
		"collections: {t: {fields: {a: {att: /x}}}}":            `line 1, column 32: the key "att"`,
		"collections: {t: {external_id: {field: {reads: /x}}}}": `"reads"`,
		"collections: {t: {etag: maybe}}":                       "etag is true, false",
		"collections: {t: {etag: {fild: /x}}}":                  `"fild"`,
		"collections: {t: {create: true}}":                      "true says nothing that describes a call",
		"collections: {t: {find: true}}":                        "true says nothing that finds records",
		"collections: {t: {find: {paht: x}}}":                   "did you mean path?",
		"collections: {t: {create: {status: [20]}}}":            "not an HTTP status",
		"collections: {t: {create: {status: ok}}}":              "not an HTTP status",
		"collections: {t: {path: /a, stamp: {when: /x}}}":       `"when"`,
		"collections: {t: {fields: {a: {values: [x]}}}}":        "values is a mapping",
		"collections: {t: {fields: {a: {const: {x: y}}}}}":      "want a text, a number",
		"collections: {t: {fields: {a: {const: .inf}}}}":        "JSON does not have",
		"rate: 5/day":          "is not a rate",
		"rate: -5":             "is not a rate",
		"collections: {t: []}": "want a mapping here, not a list",
		"collections: {t: {id: {at: /id, at: /x}}}": "there twice",
	} {
		var s Spec
		err := yaml.Unmarshal([]byte(text), &s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestProblems(t *testing.T) {
	for text, want := range map[string]string{
		"{path: /t, fields: {a: {in: x}}}":          "fields/a/in: there is no x here (at character 1)",
		"{path: /t, fields: {a: '/list[id=1]/id'}}": "fields/a/at: what selects an element of a list cannot be",
		"{}":                                                                                       "path: the collection needs a path",
		"{path: t}":                                                                                "path: the path of a collection begins with /",
		"{path: /t, read: {path: /t}}":                                                             "read/path: the path of this call needs {id}",
		"{path: /t, create: {path: '/t/{id}'}}":                                                    "create/path: the path of this call has no {id}",
		"{path: /t, id: {from: dream}}":                                                            "id/from: id.from is body",
		"{path: /t, id: {from: header}}":                                                           "id/name: the header",
		"{path: /t, id: {from: location, match: '('}}":                                             "id/match: the expression does not compile",
		"{path: /t, id: {from: location, match: 'x'}}":                                             "id/match: the expression has no group",
		"{path: /t, external_id: {field: /a/b}}":                                                   "external_id/find: how to find",
		"{path: /t, external_id: {field: /a, find: '/t?x=1'}}":                                     "external_id/find: the call that finds a record does not hold {value}",
		"{path: /t, external_id: {field: {read: /a}}}":                                             "external_id/field: the external id must be read and written",
		"{path: /t, fields: {a: /x, b: /x}}":                                                       "fields/b: a and b are both at /x",
		"{path: /t, fields: {a: /x, b: /x/y}}":                                                     "fields/b: a and b are both at",
		"{path: /t, find: {path: '?q=x'}}":                                                         "find/path: the call that finds records does not hold {terms}",
		"{path: /t, find: {path: 't?{terms}'}}":                                                    "find/path: the call that finds records begins with /",
		"{path: /t, find: {path: '/t/{terms}'}}":                                                   "find/path: {terms} belongs behind the ?",
		"{path: /t, find: {path: '/t?{terms}&{id}'}}":                                              "find/path: the call that finds records may hold",
		"{path: /t, find: {path: '/t?{terms}&{terms}'}}":                                           "find/path: the call that finds records may hold",
		"{path: /t, find: {path: '/t?q=\"{terms}\"', term: x}}":                                    "find/path: quotes cannot stand around {terms}",
		"{path: /t, find: {path: '/t?q={terms}'}}":                                                 "find/term: it is not said what a term",
		"{path: /t, find: {term: '{field}'}}":                                                      "find/term: a term holds {field} and then {value}",
		"{path: /t, find: {term: '{value}={field}'}}":                                              "find/term: a term holds {field} and then {value}",
		"{path: /t, find: {term: '{field}={value}{x}'}}":                                           "find/term: a term holds {field} and then {value}",
		"{path: /t, find: {path: '?q={terms}', term: '{field}=\"{value}', join: ','}}":             "find/term: a quote in the term is not closed",
		"{path: /t, find: {path: '?q={terms}', term: '{field}={value}\"', join: ','}}":             "find/term: a quote in the term is not closed",
		"{path: /t, find: {path: '?q={terms}', term: '{field}={value}'}}":                          "find/join: it is not said how",
		"{path: /t, find: {path: '?q={terms}', term: '{field}={value}', join: ',', escape: html}}": "find/escape: escape is double",
		"{path: /t, stamp: {owner: /o}, fields: {a: /o}}":                                          "fields/a: the field is where the gateway keeps",
		"{path: /t, fields: {a: {values: {x: 1, 'x': 2}}}}":                                        "fields/a/values: the canonical value",
		"{path: /t, fields: {a: {too_long: cut}}}":                                                 "fields/a/too_long",
		"{path: /t, update: {method: patch}}":                                                      "update/method: \"patch\" is not a method",
		"{path: /t, update: {method: POST}, delete: {method: POST}}":                               "delete/path: POST /t/{id} is to update a record of t and to delete one of t",
		"{path: /t, update: {method: GET}}":                                                        "update/method: to update by GET",
	} {
		var s Spec
		if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {t: "+text+"}"), &s); err != nil {
			t.Fatal(text, err)
		}
		p, problems := Compile("x", s)
		got := ""
		for _, q := range problems {
			got += strings.TrimPrefix(strings.Join(q.Path, "/"), "collections/t/") + ": " + q.Message + "\n"
		}
		if p != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, s := range []Spec{{Preset: "nope"}, {}, {Timeout: -1}} {
		if _, problems := Compile("x", s); len(problems) == 0 {
			t.Error(s)
		}
	}
	if _, problems := Compile("x", Spec{Preset: "rest", Collections: map[string]CollectionSpec{"a": {Path: "/t"}, "b": {Path: "/t"}}}); len(problems) == 0 {
		t.Error("two collections at one path")
	}
}

// Laying the preset under the YAML text and under the decoded values is the same.
func TestMerge(t *testing.T) {
	text, err := presets.Load("rest")
	if err != nil {
		t.Fatal(err)
	}
	var preset, user yaml.Node
	if err := yaml.Unmarshal(text, &preset); err != nil {
		t.Fatal(err)
	}
	const own = "{path: /t, create: {status: 200}, read_only: [/id, /a], read: null, replace: false, etag: false}"
	if err := yaml.Unmarshal([]byte(own), &user); err != nil {
		t.Fatal(err)
	}
	merged := Merge(preset.Content[0].Content[1], &user)
	var a, b CollectionSpec
	if err := merged.Decode(&a); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(own), &b); err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprintf("%+v", b)
	for _, s := range []CollectionSpec{a, b} {
		p, problems := Compile("x", Spec{Preset: "rest", Collections: map[string]CollectionSpec{"t": s}})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		c := p.Collections["t"]
		if c.Success(Create) != 200 || c.CanReplace() || c.Success(Delete) != 204 || c.calls[Create].path.source != "/t" || len(c.kept) != 1 || c.etag {
			t.Errorf("%+v", c)
		}
	}
	if fmt.Sprintf("%+v", b) != before {
		t.Error("Compile changed its argument")
	}
	if Merge(nil, &user).Kind != yaml.MappingNode || Merge(&preset, nil) == nil || Merge(nil, nil) != nil {
		t.Error("nil")
	}
}

func TestPutThatMerges(t *testing.T) {
	c := ticketsOf(t, "update: {method: PUT, body: merge}")
	if c.CanReplace() {
		t.Error("a PUT that merges does not replace")
	}
}

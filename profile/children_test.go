package profile

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
)

const family = `
preset: rest
collections:
  tickets: {path: /api/tickets, id: {from: body, at: /id, pattern: "[A-Z]+-[0-9]+|t:[0-9]+"}}
  comments: {parent: tickets, path: "/api/tickets/{parent}/comments", external_id: {field: /ref}, update: false, delete: false}
  files: {parent: tickets, path: "/api/tickets/{parent}/files", read: {path: "/api/files/{id}.json"}, delete: {path: "/api/Files({id})"}, update: false, replace: false, list: {path: "/api/files?ticket={parent}"}}
  notes: {parent: tickets, path: "/api/notes", create: {intercept: false, path: "{path}?of={parent}"}, read: false, update: false, replace: false, delete: false, list: {path: "{path}?of={parent}"}}
  worklogs: {parent: comments, path: "/api/comments/{parent}/worklogs", envelope: {with: {/comment_id: "{parent:number}"}}}
`

func TestMatchChildren(t *testing.T) {
	p := profileOf(t, family)
	const invalid = "!"
	for call, want := range map[string]string{
		"POST /api/tickets": "create tickets  ", "PATCH /api/tickets/A-1": "update tickets A-1 ", "GET /api/tickets/t%3A9": "read tickets t:9 ",
		"PATCH /api/tickets/oslo:A-1": "update tickets oslo:A-1 ", "PATCH /api/tickets/oslo:t:1": "update tickets oslo:t:1 ",
		"PATCH /api/tickets/7": invalid, "PATCH /api/tickets/a-1": invalid, "GET /api/tickets/7": "",
		"POST /api/tickets/A-1/comments": "create comments  A-1", "POST /api/tickets/oslo%3AA-1/comments": "create comments  oslo:A-1", "GET /api/tickets/A-1/comments": "list comments  A-1",
		"GET /api/tickets/A-1/comments/7": "read comments 7 A-1", "PATCH /api/tickets/A-1/comments/7": "", "DELETE /api/tickets/A-1/comments/7": "",
		"PUT /api/tickets/A-1/comments/7": "replace comments 7 A-1", "PUT /api/tickets/A-1/comments/7%2F8": invalid, "PUT /api/tickets/7/comments/7": invalid, "PUT /api/tickets/A-1/Comments/7": invalid,
		"POST /api/tickets/A-1//comments": invalid, "POST /api/tickets/../tickets/A-1/comments": invalid, "POST /api/tickets/%2e%2e/comments": invalid, "POST /api/tickets//comments": "",
		"GET /api/files/7.json": "read files 7 ", "GET /api/files/7": "", "DELETE /api/Files(7)": "delete files 7 ", "DELETE /api/Files()": "", "DELETE /api/files(7)": invalid,
		"POST /api/notes": "", "GET /api/notes/7": "", "GET /api/files": "list files  ", "POST /api/comments/7/worklogs": "create worklogs  7",
		"POST /api/tickets/A-1/comments/": "create comments  A-1", "POST /api/tickets/A-1/other": "", "POST /api/tickets/A-1/comments/7": "",
	} {
		method, path, _ := strings.Cut(call, " ")
		m, ok, err := p.Match(method, path)
		got := ""
		switch {
		case err != nil:
			got = invalid
		case ok:
			got = fmt.Sprintf("%s %s %s %s", m.Verb, m.Collection.Name(), m.ID, m.Parent)
		}
		if got != want {
			t.Errorf("%s: %q %v, want %q", call, got, err, want)
		}
	}
	if m, _, _ := p.Match("PUT", "/api/tickets/oslo%3AA-1/comments/7"); m.RawParent != "oslo%3AA-1" || m.RawID != "7" {
		t.Error(m)
	}
	if got := p.Order(); !slices.Equal(got, []string{"tickets", "comments", "files", "notes", "worklogs"}) {
		t.Error(got)
	}
}

func TestUnder(t *testing.T) {
	p := profileOf(t, family)
	c := p.Collections["comments"].Under("A/1")
	if c.Parent() != "tickets" || p.Collections["comments"].under != "" || p.Collections["tickets"].Under("x") != p.Collections["tickets"] {
		t.Error("under")
	}
	call, err := c.CreateCall(fieldsOf(t, `{"text":"x"}`), marks)
	if err != nil || call.Target != "/api/tickets/A%2F1/comments" {
		t.Error(call, err)
	}
	if got := c.ReadCall("7").Target; got != "/api/tickets/A%2F1/comments/7" {
		t.Error(got)
	}
	if find, ok := c.FindCall(gid); !ok || find.Target != "/api/tickets/A%2F1/comments?ref="+string(gid) {
		t.Error(find.Target)
	}
	if c.Can(Update) || c.Can(Delete) || !c.Can(Read) || !c.CanReplace() {
		t.Error("what is false")
	}
	if _, err := c.UpdateCall("7", nil, marks, Current{}); request.KindOf(err) != request.Invalid {
		t.Error(err)
	}
	notes := p.Collections["notes"].Under("T 1")
	if !notes.Rides() || c.Rides() || notes.Can(Read) {
		t.Error("rides")
	}
	if call, err := notes.CreateCall(nil, Marks{}); err != nil || call.Target != "/api/notes?of=T%201" {
		t.Error(call.Target, err)
	}
	call, err = p.Collections["worklogs"].Under("12").CreateCall(fieldsOf(t, `{"a":1}`), Marks{})
	if err != nil || string(call.Body) != `{"a":1,"comment_id":12}` {
		t.Errorf("%s %v", call.Body, err)
	}
}

// Comments that are made by an update of their parent, as some trackers have it.
func TestChildrenThatRide(t *testing.T) {
	p := profileOf(t, `
preset: rest
collections:
  issues: {path: /issues}
  notes:
    parent: issues
    path: /issues/{parent}
    create: {method: PUT, path: "/issues/{parent}.json", envelope: /issue, status: 204, intercept: false}
    read: false
    update: {method: PUT, path: "/journals/{id}.json", envelope: /journal, status: 204}
    replace: false
    delete: {method: PUT, path: "/journals/{id}.json", send: {journal: {notes: ""}}, intercept: false}
    list: {path: "/issues/{parent}.json?include=journals", skip: {at: /notes, values: ["", null]}}
    id: {from: search, at: /id}
    envelope: {items: /issue/journals}
    local: [/mine]
    external_id: {field: /notes, marker: "[{value}]", find: "/issues/{parent}.json?include=journals"}
`)
	c := p.Collections["notes"].Under("7")
	call, err := c.CreateCall(fieldsOf(t, `{"notes":"x"}`), Marks{Request: gid})
	if got := line(call); err != nil || got != `PUT /issues/7.json application/json {"issue":{"notes":"x [`+string(gid)+`]"}}` {
		t.Error(got, err)
	}
	call, err = c.UpdateCall("9", fieldsOf(t, `{"notes":"y"}`), Marks{Request: gid}, Current{Record: []byte(`{"id":9,"notes":"x"}`)})
	if got := line(call); err != nil || got != `PUT /journals/9.json application/json {"journal":{"notes":"y [`+string(gid)+`]"}}` {
		t.Error(got, err)
	}
	call, err = c.DeleteCall("9", Current{})
	if got := line(call); err != nil || got != `PUT /journals/9.json application/json {"journal":{"notes":""}}` {
		t.Error(got, err)
	}
	m, ok, err := p.Match("PUT", "/journals/9.json")
	if !ok || err != nil || m.Verb != Update {
		t.Error(m, ok, err)
	}
	body := []byte(`{"journal":{"notes":"z","mine":1}}`)
	if f, err := c.Decode(Update, "application/json", body, nil); err != nil || string(f.AppendJSON(nil)) != `{"notes":"z"}` {
		t.Error(f, err)
	}
	call, err = c.Splice(Update, request.Call{Body: body}, Marks{Request: gid}, true)
	if err != nil || string(call.Body) != `{"journal":{"notes":"z [`+string(gid)+`]","mine":1}}` {
		t.Error(string(call.Body), err)
	}
	if own, ok := c.OwnCall("9", body); !ok || string(own.Body) != `{"journal":{"mine":1}}` {
		t.Error(line(own))
	}
	find, ok := c.FindCall(gid)
	if !ok || find.Target != "/issues/7.json?include=journals" {
		t.Error(find.Target)
	}
	hits, err := c.Found(answer(200, `{"issue":{"id":7,"journals":[{"id":1,"notes":"[`+string(gid)+`]"},{"id":2,"notes":null}]}}`), gid)
	if err != nil || len(hits) != 1 || hits[0].Local != "1" {
		t.Error(hits, err)
	}
}

func TestFamilyProblems(t *testing.T) {
	for text, want := range map[string]string{
		`c: {path: "/t/{parent}/c"}`:                                                                               "c/parent: the path holds {parent}, and the collection says of none",
		`c: {parent: none, path: "/t/{parent}/c"}`:                                                                 `c/parent: there is no collection "none"`,
		`c: {parent: d, path: "/t/{parent}/c"}, d: {parent: c, path: "/t/{parent}/d"}`:                             "parent: the collection is a child of itself",
		`c: {parent: c, path: "/t/{parent}/c"}`:                                                                    "c/parent: the collection is a child of itself",
		`c: {parent: t, path: "/c"}`:                                                                               "c/create/path: the path of this call needs {parent}",
		`c: {parent: t, path: "/c", create: {path: "/t/{parent}/c"}}`:                                              "c/list/path: the path of this call needs {parent}",
		`c: {parent: t, path: "/t/{parent}"}`:                                                                      "t/update/path: POST /t/{id} is to create a record of c and to update one of t",
		`c: {parent: t, path: "/t/{parent}/c", create: false}`:                                                     "c/create: the call to create a record is not described",
		`c: {path: "/c", read: false}`:                                                                             "c/read: the call to read a record is not described",
		`c: {path: "/c", read: {path: "/c?id={id}"}}`:                                                              "c/read/path: {id} is not in the path",
		`c: {path: "/c", read: {path: "/c/{id}-{parent}"}, parent: t}`:                                             "c/read/path: {id}-{parent} holds two names",
		`c: {path: "/c", read: {path: "/c/{id}/{id}"}}`:                                                            "c/read/path: {id} is there twice",
		`c: {path: "/c", read: {path: "/c/{ID}"}}`:                                                                 "c/read/path: {ID} means nothing in this path; braces that mean themselves are written %7BID%7D",
		`c: {path: "/c", read: {path: "/c/{id}/{"}}`:                                                               "c/read/path: a brace in the path stands for nothing; one that means itself is written %7B or %7D",
		`c: {path: "/c", update: {path: "/u/{id}-x"}, replace: false, delete: {method: PATCH, path: "/u/x-{id}"}}`: "c/delete/path: /u/x-{id} and /u/{id}-x could be the same path, and neither is the more exact (a call of clients can mean one thing only, and its query is not looked at: say intercept: false under update or under delete of c",
		`c: {path: "/t"}`: "t/create/path: POST /t is to create a record of c and to create one of t (a call of clients can mean one thing only, and its query is not looked at: say intercept: false under create of c or under create of t, whichever",
		`c: {path: "/c", find: {path: "?q={X}{terms}"}}`: "c/find/path: the call that finds records may hold {path} and {terms}, once; braces that mean themselves are written %7B",
	} {
		var s Spec
		if err := yaml.Unmarshal([]byte("preset: rest\ncollections: {t: {path: /t, update: {method: POST}}, "+text+"}"), &s); err != nil {
			t.Fatal(text, err)
		}
		_, problems := Compile("x", s)
		got := ""
		for _, q := range problems {
			got += strings.TrimPrefix(strings.Join(q.Path, "/"), "collections/") + ": " + q.Message + " (" + q.Hint + ")\n"
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// However a family's paths are written, what the gateway calls is what it recognizes.
func FuzzTemplates(f *testing.F) {
	for _, s := range []string{"/t/{id}", "/t({id})", "/a/{parent}/b/{id}.json", "/{id}", "/x/{id}/y?z={version}", "/{parent}/{id}", "/%7B{id}%7D", "/T/é{id}", "/a/{id}/{", "//{id}"} {
		f.Add(s, "7", "A-1")
	}
	f.Fuzz(func(t *testing.T, path, id, parent string) {
		s := Spec{Preset: "rest", Collections: map[string]CollectionSpec{"t": {Path: "/zz"},
			"c": {Path: "/zz/{parent}/c", Parent: "t", Read: &CallSpec{Path: path}, Update: &CallSpec{Off: true}, Delete: &CallSpec{Off: true}, Replace: &CallSpec{Off: true}}}}
		p, problems := Compile("x", s)
		if len(problems) > 0 || !usualID(id) || !usualID(parent) {
			return
		}
		target, _, _ := strings.Cut(p.Collections["c"].Under(parent).ReadCall(id).Target, "?")
		m, ok, err := p.Match("GET", target)
		if err != nil || !ok {
			t.Fatalf("%q: %s is not known: %v", path, target, err)
		}
		// Another template may be the more exact one of this path.
		if m.Collection.Name() == "c" && m.Verb == Read && (m.ID != id || m.Parent != "" && m.Parent != parent) {
			t.Fatalf("%q: %s has %q %q", path, target, m.ID, m.Parent)
		}
	})
}

func FuzzIDs(f *testing.F) {
	for _, s := range []string{"/t/7", "7", "http://h/t/7", "/t/%2e%2e", "Requests(7)", "/t/a%2Fb/", "//", "?x", "%zz", "/t/7.json"} {
		f.Add(s)
	}
	var all []*Collection
	for _, text := range []string{"id: {from: location}", `id: {from: location}, read: {path: "/R({id})"}`, `id: {from: location}, read: {path: "/a/{id}/b.json"}`, `id: {from: location, match: "([^/]*)$", pattern: ".{3,}"}`} {
		all = append(all, ticketsOf(f, text))
	}
	f.Fuzz(func(t *testing.T, location string) {
		for _, c := range all {
			made, err := c.Created(answer(201, "", "Location", location))
			if err != nil {
				continue
			}
			if !usable(made.Local) {
				t.Fatalf("%q became %q", location, made.Local)
			}
			path, _, _ := strings.Cut(c.Target(Read, made.Local), "?")
			for _, part := range strings.Split(path, "/") {
				if part == "." || part == ".." {
					t.Fatalf("%q became %q, which is read at %s", location, made.Local, path)
				}
			}
			if c.validID(made.Local) && strings.ContainsAny(made.Local, "/\\%") {
				t.Fatal(made.Local)
			}
		}
	})
}

// The record may be in other places in calls of each kind, and clients may write forms.
func TestEnvelopesOfSingleCalls(t *testing.T) {
	c := ticketsOf(t, `envelope: {call: /t, answer: /t}, create: {envelope: /new}, update: {envelope: ""}, replace: {envelope: /whole}, local: [mine], external_id: {field: /ref}`)
	f := fieldsOf(t, `{"a":1}`)
	create, err1 := c.CreateCall(f, Marks{})
	update, err2 := c.UpdateCall("1", f, Marks{}, Current{})
	replace, err3 := c.ReplaceCall("1", f, Current{Record: []byte(`{"mine":1}`)}, Marks{})
	if got := string(create.Body) + string(update.Body) + string(replace.Body); got != `{"new":{"a":1}}{"a":1}{"whole":{"a":1,"mine":1}}` || err1 != nil || err2 != nil || err3 != nil {
		t.Error(got, err1, err2, err3)
	}
	for v, body := range map[Verb]string{Create: `{"new":{"a":1,"mine":2}}`, Update: `{"a":1,"mine":2}`, Replace: `{"whole":{"a":1,"mine":2}}`} {
		if got, err := c.Decode(v, "application/json", []byte(body), nil); err != nil || string(got.AppendJSON(nil)) != `{"a":1}` {
			t.Error(v, got, err)
		}
		call, err := c.Splice(v, request.Call{Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}, Marks{Request: gid}, false)
		if want := strings.Replace(body, `"mine":2`, `"mine":2,"ref":"`+string(gid)+`"`, 1); err != nil || string(call.Body) != want {
			t.Errorf("%s: %s %v", v, call.Body, err)
		}
		if own, ok := c.OwnCall("1", []byte(body)); v != Create && (!ok || string(own.Body) != `{"mine":2}`) {
			t.Errorf("%s: %s", v, own.Body)
		}
	}
	if _, err := c.Decode(Create, "application/json", []byte(`{"t":{"a":1}}`), nil); request.KindOf(err) != request.Invalid {
		t.Error(err)
	}
	p := profileOf(t, `{preset: rest, encoding: form, collections: {t: {path: /t}, c: {parent: t, path: /c, parent_at: /of, create: {path: /c, envelope: /comment}, list: {path: "/c?t={parent}"}}}}`)
	k := p.Collections["c"]
	for body, want := range map[string]string{
		`comment[of]=7&comment[x]=1`: `comment[of]=9%2F1&comment[x]=1`, `{"comment":{"of":7}}`: `{"comment":{"of":"9/1"}}`, `{"comment":{"of":"7"}}`: `{"comment":{"of":"9/1"}}`,
	} {
		got, err := k.WithParent([]byte(body), "9/1")
		if k.ParentIn([]byte(body)) != "7" || string(got) != want || err != nil {
			t.Errorf("%s: %q %s %v", body, k.ParentIn([]byte(body)), got, err)
		}
	}
	if k.ParentIn([]byte(`{"of":7}`)) != "" || k.ParentIn(nil) != "" {
		t.Error("elsewhere")
	}
	var s Spec
	err := yaml.Unmarshal([]byte(`{preset: rest, collections: {t: {path: /t, create: {envelope: /new/t}, envelope: {with: {/new: 1}}}}}`), &s)
	if _, problems := Compile("x", s); err != nil || len(problems) != 1 || problems[0].Message != "the record is there" {
		t.Error(problems, err)
	}
}

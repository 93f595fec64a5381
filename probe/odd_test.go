package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

// handler is an API that is one function.
func handler(t *testing.T, f http.HandlerFunc) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(f)
	t.Cleanup(a.Close)
	return a
}

// desk has tickets with comments, whose ids are numbers of their own; a comment can be changed only by whole words.
type desk struct {
	tickets, comments map[string]map[string]any
	last              int
	strict            bool // a comment without ticket_id is refused
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var body map[string]any
	b, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(b, &body)
	say := func(status int, v any) { w.WriteHeader(status); _ = json.NewEncoder(w).Encode(v) }
	table, row := d.tickets, ""
	if parts[0] == "comments" {
		table = d.comments
	}
	if len(parts) > 1 {
		row = parts[1]
	}
	switch {
	case len(parts) == 3 && r.Method == "GET": // tickets/ID/comments
		list := []any{}
		for _, c := range d.comments {
			if fmt.Sprint(c["ticket_id"]) == row {
				list = append(list, c)
			}
		}
		say(200, map[string]any{"comments": list})
	case row == "" && r.Method == "GET":
		list := []any{}
		for _, c := range table {
			list = append(list, c)
		}
		say(200, list)
	case row == "" && r.Method == "POST":
		if d.strict && parts[0] == "comments" && body["ticket_id"] == nil {
			say(422, map[string]any{"error": "ticket_id is missing"})
			return
		}
		d.last++
		body["id"] = d.last
		table[fmt.Sprint(d.last)] = body
		say(201, body)
	case table[row] == nil:
		say(404, map[string]any{})
	case r.Method == "GET":
		say(200, table[row])
	case r.Method == "PATCH":
		for k, v := range body {
			table[row][k] = v
		}
		say(200, table[row])
	case r.Method == "DELETE":
		delete(table, row)
		for id, c := range d.comments {
			if parts[0] == "tickets" && fmt.Sprint(c["ticket_id"]) == row {
				delete(d.comments, id)
			}
		}
		w.WriteHeader(204)
	}
}

const deskProfile = `preset: rest
collections:
  tickets: {path: /tickets}
  comments:
    parent: tickets
    path: /comments
    parent_at: {read: /ticket_id, write: /ticket_id, as: number}
    list: {path: "/tickets/{parent}/comments"}
    envelope: {items: /comments}
    fields: {text: /body}
`

// Children are made, changed and deleted below the record.
func TestChildren(t *testing.T) {
	t.Parallel()
	d := &desk{tickets: map[string]map[string]any{}, comments: map[string]map[string]any{}, strict: true}
	r, err := Run(t.Context(), options(t, handler(t, d.ServeHTTP), deskProfile))
	if err != nil || r.Differences() != 0 || r.Removed != 2 || len(d.tickets)+len(d.comments) != 0 {
		t.Errorf("%v\n%s%v", err, r, d)
	}
	n := 0
	for _, f := range r.Findings {
		if f.Collection == "comments" {
			n++
		}
	}
	if n < 6 {
		t.Errorf("only %d things were found out about comments:\n%s", n, r)
	}
	wrong := strings.Replace(deskProfile, "items: /comments", "items: /notes", 1)
	wrong = strings.Replace(wrong, "parent: tickets", "parent: tickets\n    read: false", 1)
	if r, err = Run(t.Context(), options(t, handler(t, d.ServeHTTP), wrong)); err != nil || r.Differences() == 0 || len(d.tickets)+len(d.comments) != 0 {
		t.Errorf("%v\n%s%v", err, r, d)
	}
}

// What answers and is no such API is no success: a page of HTML, nothing at all, a stack trace.
func TestNoAPI(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]http.HandlerFunc{
		"page":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Please log in</html>") },
		"empty": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) },
		"trace": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "panic: nil\n\tat line 3", 500) },
		"array": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `[1,[2,[[]]],{}]`) },
		"deep": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat(`{"a":`, 500)+`1`+strings.Repeat(`}`, 500))
		},
		"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(t.Context(), options(t, handler(t, f), plainProfile("external_id: {field: /ref}", `list: {path: "{path}?since={since}", since: /at}`)))
			if err != nil || r.Differences() == 0 || r.Removed != 0 {
				t.Errorf("%v\n%s", err, r)
			}
		})
	}
}

// A search that gives everything is said; one that gives only a part of it is no search.
func TestSearchGivesEverything(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{noFilter: true})
	a.rows = []map[string]any{{"id": 3, "title": "x"}, {"id": 4, "title": "y"}}
	o := options(t, a, plainProfile("external_id: {field: /ref}"))
	o.Write = false
	r, err := Run(t.Context(), o)
	if f := r.about(t, "search for an unknown id"); err != nil || f.State != Note || !strings.Contains(f.API, "2 records") {
		t.Error(err, f)
	}
	b := handler(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", `</things?page=2>; rel="next"`)
		_, _ = io.WriteString(w, `[{"id":3,"title":"x"}]`)
	})
	o = options(t, b, plainProfile("external_id: {field: /ref}"))
	o.Write = false
	if r, err = Run(t.Context(), o); err != nil || r.about(t, "search for an unknown id").State != Failed {
		t.Errorf("%v\n%s", err, r)
	}
}

// A version that a write must name (428) is asked for.
func TestPreconditionRequired(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{etag: true})
	strict := handler(t, func(w http.ResponseWriter, r *http.Request) {
		if (r.Method == "PATCH" || r.Method == "DELETE") && r.Header.Get("If-Match") == "" {
			w.WriteHeader(428)
			return
		}
		a.ServeHTTP(w, r)
	})
	r, err := Run(t.Context(), options(t, strict, plainProfile()))
	if f := r.about(t, "update"); err != nil || f.State != Failed || f.Write != "etag: true" || len(r.Left) != 1 {
		t.Errorf("%v\n%s", err, r)
	}
	a.rows = nil
	if r, err = Run(t.Context(), options(t, strict, plainProfile("etag: true"))); err != nil || r.Differences() != 0 {
		t.Errorf("%v\n%s", err, r)
	}
}

// A JSON patch, a form, and a deletion that is an update are sent as the profile says.
func TestOtherBodies(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{})
	patched := handler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "PATCH" {
			a.ServeHTTP(w, r)
			return
		}
		var ops []struct {
			Op, Path string
			Value    any
		}
		if r.Header.Get("Content-Type") != "application/json-patch+json" || json.NewDecoder(r.Body).Decode(&ops) != nil {
			w.WriteHeader(415)
			return
		}
		merge := map[string]any{}
		for _, op := range ops {
			merge[op.Path[1:]] = op.Value
		}
		b, _ := json.Marshal(merge)
		r.Body = io.NopCloser(strings.NewReader(string(b)))
		a.ServeHTTP(w, r)
	})
	if r, err := Run(t.Context(), options(t, patched, plainProfile("update: {body: json-patch}"))); err != nil || r.Differences() != 0 {
		t.Errorf("%v\n%s", err, r)
	}
	closing := plainProfile("delete: {method: PATCH, path: \"{path}/{id}\", send: {state: closed}, status: [200], intercept: false}")
	if r, err := Run(t.Context(), options(t, a, closing)); err != nil || r.Differences() != 0 || len(a.rows) != 1 || a.rows[0]["state"] != "closed" {
		t.Errorf("%v\n%s%v", err, r, a.rows)
	}
}

// An id that the API writes as a text and as a number, and one that is only in what is around the record.
func TestIDsOutside(t *testing.T) {
	t.Parallel()
	rows := map[string]map[string]any{}
	f := func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Fields map[string]any }
		_ = json.NewDecoder(r.Body).Decode(&body)
		id := strings.TrimPrefix(r.URL.Path, "/things/")
		say := func(status int, v any) { w.WriteHeader(status); _ = json.NewEncoder(w).Encode(v) }
		switch {
		case r.Method == "POST":
			rows["7"] = body.Fields
			say(201, map[string]any{"id": "7", "key": "T-7", "self": "/things/7"})
		case r.URL.Path == "/things":
			list := []any{}
			for id, row := range rows {
				list = append(list, map[string]any{"id": id, "fields": row})
			}
			say(200, map[string]any{"issues": list})
		case rows[id] == nil:
			say(404, nil)
		case r.Method == "GET":
			say(200, map[string]any{"id": id, "fields": rows[id]})
		case r.Method == "PUT":
			for k, v := range body.Fields {
				rows[id][k] = v
			}
			w.WriteHeader(204)
		case r.Method == "DELETE":
			delete(rows, id)
			w.WriteHeader(204)
		}
	}
	text := plainProfile("update: {method: PUT, body: merge}", "replace: false", "read_only: [/id, /key, /self]", "others: drop", "fields: {subject: /summary, description: /description}")
	right := text + "    envelope: {call: /fields, answer: /fields, items: /issues}\n"
	if r, err := Run(t.Context(), options(t, handler(t, f), right)); err != nil || r.Differences() != 0 || len(rows) != 0 {
		t.Errorf("%v\n%s%v", err, r, rows)
	}
	wrong := text + "    envelope: {call: /fields, items: /issues}\n"
	r, err := Run(t.Context(), options(t, handler(t, f), wrong))
	if f := r.about(t, "read"); err != nil || f.Write != "envelope: {answer: /fields}" || len(rows) != 0 {
		t.Errorf("%v\n%s%v", err, r, rows)
	}
}

// A login that fails is a finding, and says why without the password.
func TestLoginFails(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{})
	o := options(t, a, plainProfile())
	o.API = failing{&request.Error{Op: "upstream.Do", Kind: request.NotSent, Err: &request.Error{Op: "upstream.login", Detail: "it answered 401"}}}
	r, err := Run(t.Context(), o)
	if f := r.about(t, "credentials"); err != nil || f.State != Failed || f.API != "it answered 401" {
		t.Errorf("%v\n%s", err, r)
	}
}

// failing makes every call fail.
type failing struct{ err error }

func (f failing) Do(context.Context, request.Call, bool) (request.Answer, error) {
	return request.Answer{}, f.err
}

// A list that hides closed records is noticed: the record has its last state by then.
func TestHidesClosed(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{hidesClosed: true})
	r, err := Run(t.Context(), options(t, a, plainProfile("fields: {subject: /title, status: {at: /state, values: {open: open, closed: closed}}}")))
	if f := r.about(t, "list shows the record"); err != nil || f.State != Failed || len(a.rows) != 0 {
		t.Errorf("%v\n%s", err, r)
	}
}

// A member that looks like a version, and an id that is another's twin, are notes and no differences.
func TestNotes(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{counts: "revision"})
	r, err := Run(t.Context(), options(t, a, plainProfile("others: drop", "fields: {subject: /title}")))
	if f := r.about(t, "version"); err != nil || f.State != Note || f.Write != "etag: {field: /revision}" || r.Differences() != 0 {
		t.Errorf("%v\n%s", err, r)
	}
	twin := handler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			b, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(string(b), "{", `{"number":`+fmt.Sprint(a.last+1)+`,`, 1)))
		}
		a.ServeHTTP(w, r)
	})
	r, err = Run(t.Context(), options(t, twin, plainProfile("others: drop", "fields: {subject: /title}")))
	if err != nil || !strings.Contains(r.String(), "/number has the same value") || r.Differences() != 0 {
		t.Errorf("%v\n%s", err, r)
	}
}

package probe

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
)

// An API that is as its profile says has no differences, and nothing is left in it.
func TestEqual(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		m    manners
		text string
	}{
		"plain":             {manners{}, plainProfile()},
		"external id":       {manners{}, plainProfile("external_id: {field: /ref}")},
		"envelopes":         {manners{call: "thing", answer: "thing", items: "things"}, plainProfile("envelope: {call: /thing, answer: /thing, items: /things}")},
		"location":          {manners{idOnlyInLocation: true, created: 200}, plainProfile("id: {from: location, at: /id}", "create: {status: [200]}")},
		"search":            {manners{silentCreate: true}, plainProfile("id: {from: search, at: /id}", "external_id: {field: /ref}")},
		"full":              {manners{noPatch: true}, plainProfile("update: {method: PUT, body: full}")},
		"etag":              {manners{etag: true}, plainProfile("etag: true")},
		"version":           {manners{version: "rev"}, plainProfile("etag: {field: /rev}")},
		"stamps":            {manners{stamps: true}, plainProfile("read_only: [/id, /created_at, /updated_at, /url]", `list: {path: "{path}?since={since}", since: /updated_at}`)},
		"soft":              {manners{soft: true}, plainProfile("deleted: {at: /deleted}")},
		"second delete":     {manners{again: 500}, plainProfile("delete: {gone: [404, 500]}")},
		"fields":            {manners{nullIs: ""}, plainProfile("null: \"\"", "others: drop", "required: [subject]", "fields: {subject: /title, description: /text, status: {at: /state, values: {open: opened, closed: done}}, prio: {at: /prio, type: integer, as: text}}")},
		"a call of its own": {manners{}, plainProfile("others: drop", `fields: {subject: /title, status: {read: /state, values: {open: o, closed: c}, set: {path: "{path}/{id}", method: PATCH, send: {state: "{value}"}, status: [200]}}}`)},
		"with a token":      {manners{token: "secret"}, plainProfile()},
		"hidden, proven":    {manners{token: "secret", hides: true}, "alive: {path: /me, at: /id}\n" + plainProfile()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, c.m)
			a.rows = []map[string]any{{a.idName: 3, "title": "An old one", "state": "opened", "subject": "x", "updated_at": "2026-01-02T03:04:05.000000Z", "rev": 1}}
			r, err := Run(t.Context(), options(t, a, c.text))
			if err != nil || r.Differences() != 0 {
				t.Errorf("%v\n%s", err, r)
			}
			if r.Removed != 1 || len(r.Left) != 0 {
				t.Errorf("removed %d, left %+v", r.Removed, r.Left)
			}
			for _, row := range a.rows {
				if row["deleted"] != true && row[a.idName] != 3 {
					t.Errorf("there is still %v", row)
				}
			}
		})
	}
}

// Where an API differs, the finding says what to write; with that written there is no difference any more.
func TestDiffers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		m     manners
		text  string
		what  string
		state State
		write string
		then  string // what a user makes of it, when not just that
	}{
		"create status": {manners{created: 202}, plainProfile(), "create", Differs, "create: {status: [202, 201, 200]}", ""},
		"update status": {manners{updated: 207}, plainProfile(), "update", Differs, "update: {status: [207, 200, 204, 201]}", ""},
		"delete status": {manners{deleted: 202}, plainProfile(), "delete", Differs, "delete: {status: [202, 204, 200]}", ""},
		"second delete": {manners{again: 500}, plainProfile(), "second delete", Differs, "delete: {gone: [500, 404, 410]}", ""},
		"read gone":     {manners{missing: 400, again: 404}, plainProfile(), "read after the delete", Differs, "read: {gone: [400, 404, 410]}", ""},
		"id":            {manners{idName: "key"}, plainProfile("id: {at: /key_id, match: \"x(.*)\"}"), "id of a new record", Differs, "id: {from: body, at: /key}", "id: {from: body, at: /key}\n    read_only: [/key]"},
		"no id":         {manners{silentCreate: true}, plainProfile("external_id: {field: /ref}"), "id of a new record", Differs, "id: {from: search} # with external_id", "id: {from: search, at: /id}\n    external_id: {field: /ref}"},
		"location":      {manners{idOnlyInLocation: true}, plainProfile("id: {from: header, name: X-Id, at: /id}"), "id of a new record", Differs, "id: {from: location}", "id: {from: location, at: /id}"},
		"answer":        {manners{answer: "thing"}, plainProfile("others: drop", "fields: {subject: /title}"), "read", Failed, "envelope: {answer: /thing}", "envelope: {answer: /thing}\n    others: drop\n    fields: {subject: /title}"},
		"items":         {manners{items: "rows"}, plainProfile("envelope: {items: /data}"), "list", Failed, "envelope: {items: /rows}", ""},
		"PUT replaces":  {manners{noPatch: true}, plainProfile("update: {method: PUT, body: merge}", "others: drop", "fields: {subject: /title, status: {at: /state, values: {open: o}}}"), "what an update leaves out", Differs, "update: {body: full}", "update: {method: PUT, body: full}"},
		"no PATCH":      {manners{noPatch: true, putMerges: true}, plainProfile("replace: false"), "update", Failed, "update: {method: PUT}", "update: {method: PUT}\n    replace: false"},
		"null is empty": {manners{nullIs: ""}, plainProfile("fields: {subject: /title, notes: /notes}"), "no value", Differs, `null: ""`, ""},
		"null is kept":  {manners{nullIs: keep}, plainProfile("fields: {subject: /title, notes: /notes}"), "no value", Differs, `null: ""`, ""},
		"own times":     {manners{stamps: true}, plainProfile(), "fields that the API makes", Differs, "read_only: [/updated_at, /created_at, /url] # besides those that are there", "read_only: [/id, /updated_at, /created_at, /url]"},
		"etag":          {manners{etag: true}, plainProfile(), "If-Match with an old version", Differs, "etag: true", ""},
		"its own call": {manners{}, plainProfile(`fields: {subject: /title, status: {read: /state, values: {open: o, closed: c}, set: {path: "{path}/{id}", method: PATCH, send: {state: "{value}"}, status: [204]}}}`), "call that sets status", Differs, "fields: {status: {set: {status: [200, 204]}}}",
			`fields: {subject: /title, status: {read: /state, values: {open: o, closed: c}, set: {path: "{path}/{id}", method: PATCH, send: {state: "{value}"}, status: [200, 204]}}}`},
		"no etag":    {manners{}, plainProfile("etag: true"), "If-Match with an old version", Differs, "etag: false", ""},
		"ignored":    {manners{ignores: "ref"}, plainProfile("external_id: {field: /ref}"), "search by the external id", Differs, "external_id: {field: /A-FIELD-THAT-THE-API-HAS}", "external_id: {field: /global}"},
		"lost field": {manners{ignores: "state"}, plainProfile("fields: {subject: /title, status: {at: /state, values: {open: o}}}"), "fields after the create", Differs, "read_back: true # or another pointer, or values, for status", "read_back: true\n    fields: {subject: /title}"},
		"soft":       {manners{soft: true}, plainProfile(), "read after the delete", Differs, "deleted: {at: /deleted, values: [true]}", ""},
		"since":      {manners{stamps: true, noFilter: true}, plainProfile("read_only: [/id, /created_at, /updated_at, /url]", `list: {path: "{path}?from={since}", since: /updated_at}`), "list since a time", Differs, `list: {path: "{path}"} # without {since}, or with the parameter that the API knows`, "read_only: [/id, /created_at, /updated_at, /url]\n    list: {path: \"{path}\"}"},
		"time":       {manners{}, plainProfile("list: {since: /changed_at}"), "time of change", Differs, "list: {since: /updated_at}", ""},
		"hidden":     {manners{token: "secret", hides: true}, plainProfile(), "without credentials", Differs, "alive: {path: /ME, at: /id} # a read that needs credentials", "\nalive: {path: /me, at: /id}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, c.m)
			a.rows = []map[string]any{{a.idName: 3, "title": "An old one", "updated_at": "2026-01-02T03:04:05.000000Z"}, {a.idName: 4, "title": "Another", "updated_at": "2026-01-02T03:04:06.000000Z"}}
			r, err := Run(t.Context(), options(t, a, c.text))
			if err != nil {
				t.Fatal(err)
			}
			if f := r.about(t, c.what); f.State != c.state || f.Write != c.write {
				t.Errorf("found %+v, want %s %q\n%s", f, c.state, c.write, r)
			}
			if r.Differences() == 0 || len(r.Left) != 0 {
				t.Errorf("%s", r)
			}
			then := c.then
			if then == "" {
				then = c.write
			}
			text := c.text + "    " + then + "\n" // replaces the key where it is there
			if c.then != "" || strings.Contains(c.text, "    "+strings.SplitN(c.write, ":", 2)[0]+":") {
				text = plainProfile(strings.Split(then, "\n    ")...)
			}
			if strings.HasPrefix(then, "\n") {
				text = plainProfile() + then[1:] + "\n"
			}
			if r, err = Run(t.Context(), options(t, a, text)); err != nil || r.Differences() != 0 {
				t.Errorf("with what it says there are still differences: %v\n%s\n%s", err, text, r)
			}
		})
	}
}

// Without being told to, nothing is written.
func TestOnlyReads(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{})
	a.rows = []map[string]any{{"id": 3, "title": "x"}}
	o := options(t, a, plainProfile("external_id: {field: /ref}"))
	o.Write = false
	r, err := Run(t.Context(), o)
	if err != nil || r.Differences() != 0 {
		t.Errorf("%v\n%s", err, r)
	}
	for _, c := range a.calls {
		if !strings.HasPrefix(c, "GET ") {
			t.Errorf("it made the call %s", c)
		}
	}
	if f := r.about(t, "write"); f.State != Would || !strings.Contains(f.API, "--write") {
		t.Error(f)
	}
	if f := r.about(t, "read of 999999999, which should not be there"); f.State != Equal {
		t.Error(f)
	}
}

// What cannot be removed is said, with its id and what stands in it.
func TestLeft(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{cannotDelete: true})
	r, err := Run(t.Context(), options(t, a, plainProfile()))
	if err != nil || len(r.Left) != 1 || r.Left[0].Local != "11" || !strings.Contains(r.Left[0].Why, "403") || !strings.Contains(r.Left[0].Text, "may be deleted") {
		t.Errorf("%v\n%s", err, r)
	}
	if r.Differences() == 0 {
		t.Error("a record that is left is no difference")
	}
}

// A create that is not answered is looked for, and what it made is removed.
func TestLostCreate(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{dropCreate: true})
	r, err := Run(t.Context(), options(t, a, plainProfile("external_id: {field: /ref}")))
	if err != nil || r.Removed != 1 || len(r.Left) != 0 || len(a.rows) != 0 {
		t.Errorf("%v\n%s%v", err, r, a.rows)
	}
	if f := r.about(t, "create"); f.State != Failed {
		t.Error(f)
	}
}

// A refused create says what the API said, and --record helps.
func TestRefused(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{required: "owner"})
	o := options(t, a, plainProfile())
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.about(t, "create"); f.State != Failed || !strings.Contains(f.API, "owner is required") {
		t.Error(f)
	}
	o.Record = request.Fields{}.With("owner", []byte(`"me"`))
	if r, err = Run(t.Context(), o); err != nil || r.Differences() != 0 {
		t.Errorf("%v\n%s", err, r)
	}
}

// A comparison that is stopped removes what it made.
func TestStopped(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{})
	o := options(t, a, plainProfile("external_id: {field: /ref}"))
	ctx, cancel := context.WithCancel(t.Context())
	o.API = &stopping{API: o.API, cancel: cancel, after: "PATCH"}
	r, err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) || r.Removed != 1 || len(a.rows) != 0 {
		t.Errorf("%v\n%s%v", err, r, a.rows)
	}
}

// stopping cancels a context at a call of a method.
type stopping struct {
	API
	cancel context.CancelFunc
	after  string
}

func (s *stopping) Do(ctx context.Context, c request.Call, own bool) (request.Answer, error) {
	if c.Method == s.after {
		s.cancel()
	}
	return s.API.Do(ctx, c, own)
}

// An API that cannot be reached is the error of the whole.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{})
	o := options(t, a, plainProfile())
	a.Close()
	if _, err := Run(t.Context(), o); request.KindOf(err) != request.NotSent {
		t.Error(err)
	}
}

// Credentials that do not work are a finding.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]manners{"refused": {token: "secret"}, "hidden": {token: "secret", hides: true}} {
		a := serve(t, m)
		o := options(t, a, "alive: {path: /me, at: /id}\n"+plainProfile())
		o.API = client(t, a, "wrong")
		r, err := Run(t.Context(), o)
		if err != nil || r.about(t, "credentials").State != Failed {
			t.Errorf("%s: %v\n%s", name, err, r)
		}
	}
}

// Nothing is deleted of which the text was not read: an id place that leads to another record harms nobody.
func TestNothingElseIsDeleted(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{parent: 3})
	a.rows = []map[string]any{{"id": 3, "title": "x", "parent": 3}, {"id": 4, "title": "y", "parent": 3}}
	o := options(t, a, plainProfile("id: {at: /parent}"))
	r, err := Run(t.Context(), o)
	if err != nil || len(a.rows) != 2 {
		t.Errorf("%v\n%s%v", err, r, a.rows)
	}
	if f := r.about(t, "id of a new record"); f.State != Differs || f.Write != "id: {from: body, at: /id}" {
		t.Error(f)
	}
}

// The fields of the profile are looked for in records that are there.
func TestFieldsOfRecords(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{})
	a.rows = []map[string]any{{"id": 3, "title": "x", "state": "odd", "due": "23.11.2026 10:00", "n": "many"}}
	o := options(t, a, plainProfile("fields: {subject: /titel, status: {at: /state, values: {open: opened}}, due: {at: /due, type: time}, n: {at: /n, type: integer}}"))
	o.Write = false
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]Finding{
		"field subject": {State: Note}, "field status": {State: Note}, "field n": {State: Differs},
		"field due": {State: Differs, Write: `fields: {due: {as: "02.01.2006 15:04"}}`},
	} {
		if f := r.about(t, what); f.State != want.State || f.Write != want.Write {
			t.Errorf("%+v, want %+v", f, want)
		}
	}
}

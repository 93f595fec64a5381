package learn

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/probe"
	"github.com/meridian-gateway/meridian/request"
)

// The usual addresses of calls in proposals.
const (
	byPut   = `update: {method: PUT, path: "{path}/{id}", body: `
	byPatch = `update: {method: PATCH, path: "{path}/{id}", body: `
)

// What an API does is what is proposed; nothing is left in it; and the proposal has no difference from the API.
func TestPropose(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		manners
		want []string
		// differs says that the proposal cannot be all that there is to say; set are members that the API demands.
		differs bool
		set     []Setting
	}{
		"plain": {manners{}, []string{`create: {method: POST, path: "{path}", status: [201]}`, byPatch + "merge, status: [200]",
			`replace: {method: PUT, path: "{path}/{id}", body: full, status: [200]`, `delete: {method: DELETE, path: "{path}/{id}", status: [204], gone: [404]}`,
			"id: {from: body, at: /id}", "read_only: [/id, /updated_at]", "state: /state  # texts: closed, open", "count: {at: /count, type: integer}",
			`due: {at: /due, type: time, as: "2006-01-02 15:04:05"}`, `external_id: {field: /external_id, find: "{path}?external_id={value}"}`}, false, nil},
		"empty":                        {manners{empty: true}, []string{byPatch + "merge", "read_only: [/id, /updated_at]"}, false, nil},
		"envelopes":                    {manners{call: "thing", answer: "thing", items: "things"}, []string{"envelope: {call: /thing, answer: /thing, items: /things}"}, false, nil},
		"envelopes, empty":             {manners{call: "thing", answer: "thing", items: "things", empty: true}, []string{"envelope: {call: /thing, answer: /thing, items: /things}"}, false, nil},
		"answers in an envelope only":  {manners{answer: "data", items: "data"}, []string{"envelope: {answer: /data, items: /data}"}, false, nil},
		"fields in elements":           {manners{call: "fields", items: "entries", item: "fields"}, []string{"envelope: {call: /fields, answer: /fields, items: /entries, item: /fields}"}, false, nil},
		"id in Location":               {manners{location: true, bodiless: true, updated: 204}, []string{"id: {from: location, at: /id}", "status: [204]"}, false, nil},
		"id in a header":               {manners{header: "X-Record-Id"}, []string{"id: {from: header, name: X-Record-Id, at: /id}"}, false, nil},
		"id in the answer to a create": {manners{short: true}, []string{"id: {from: body, at: /id, created: /new_id}"}, false, nil},
		"parentheses":                  {manners{form: "({id})"}, []string{`read: {method: GET, path: "{path}({id})"`}, false, nil},
		"suffix":                       {manners{form: "/{id}.json"}, []string{`read: {method: GET, path: "{path}/{id}.json"`}, false, nil},
		"PUT replaces":                 {manners{noPatch: true}, []string{byPut + "full", "it replaces"}, false, nil},
		"PUT merges":                   {manners{noPatch: true, putMerges: true}, []string{byPut + "merge", "replace: false"}, false, nil},
		"both merge":                   {manners{putMerges: true}, []string{`also: ["PUT {path}/{id}"]`, "replace: false"}, false, nil},
		"PATCH replaces":               {manners{patchReplaces: true, noPut: true}, []string{byPatch + "full"}, false, nil},
		"If-Match":                     {manners{demandsMatch: true}, []string{"etag: true  # a change without If-Match is refused"}, false, nil},
		"a version in the record":      {manners{lock: "lock_version"}, []string{"etag: {field: /lock_version}"}, false, nil},
		"null is nothing":              {manners{nullIs: keep}, []string{`null: ""`, "null is ignored"}, false, nil},
		"null is empty":                {manners{nullIs: ""}, []string{`null: ""`, `came back as ""`}, false, nil},
		"soft":                         {manners{soft: true}, []string{"deleted: {at: /deleted, values: [true]}"}, false, nil},
		"no filter":                    {manners{noFilter: true}, []string{"does not know the filter"}, false, nil},
		"demands":                      {manners{required: "state", strict: true}, []string{"default: \"open\""}, false, nil},
		"demands what is not known":    {manners{required: "secret"}, []string{"secret: {at: /secret, default: \"x\"}"}, false, []Setting{{"secret", []byte(`"x"`)}}},
		"strict, other names, empty":   {manners{strict: true, title: "subject", empty: true}, []string{"subject: /subject"}, false, nil},
		"another media type":           {manners{media: "application/vnd.api+json"}, []string{"content_type: application/vnd.api+json"}, false, nil},
		"forms":                        {manners{media: formMedia, call: "thing"}, []string{"encoding: form"}, true, nil},
		"pages":                        {manners{page: "per_page,page"}, []string{"?per_page={size}&page={page}", "size: 100"}, false, nil},
		"changes":                      {manners{since: "updated_since"}, []string{"?updated_since={since}", "since: /updated_at"}, false, nil},
		"changes in another layout":    {manners{since: "modified_since", layout: "2006-01-02 15:04:05"}, []string{`format: "2006-01-02 15:04:05"`}, false, nil},
		"pages and changes":            {manners{page: "limit,page", since: "since"}, []string{"?since={since}&limit={size}&page={page}"}, false, nil},
		"a token":                      {manners{token: "very-secret"}, []string{"alive: {path: /things}  # 401 without credentials"}, false, nil},
		"two ids":                      {manners{twin: true, noPut: true}, []string{"/number is the same as /id in all records", "number (a change of it is ignored)"}, false, nil},
		"a slash":                      {manners{slash: true, form: "/{id}/"}, []string{`path: "{path}/"`, `path: "{path}/{id}/"`, "wants a slash at the end"}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, x.manners)
			got, err := learn(t, a, Options{Write: true, Set: x.set})
			if err != nil || len(got.Left) > 0 || got.Ended != "" {
				t.Fatalf("%v %q %q\n%s", err, got.Left, got.Ended, got.YAML)
			}
			for _, w := range x.want {
				if !strings.Contains(got.YAML, w) {
					t.Errorf("the proposal does not say %s", w)
				}
			}
			if n := a.left(); n != 0 {
				t.Errorf("%d records are left", n)
			}
			report, err := probe.Run(t.Context(), probe.Options{API: client(t, a, 10*time.Second), Profile: compiledOf(t, got.YAML), Write: true, Anonymous: a.token == ""})
			if err != nil || report.Differences() > 0 && !x.differs {
				t.Errorf("the API differs from the proposal: %v %+v", err, report.Findings)
			}
			if t.Failed() {
				t.Log("\n" + got.YAML)
			}
		})
	}
}

// Without leave to write nothing is written, and what is proposed of writing is said to be assumed.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{items: "items", fails: func(r *http.Request) (int, string) {
		if r.Method != http.MethodGet {
			t.Errorf("it was to read, and made a %s", r.Method)
		}
		return 0, ""
	}})
	got, err := learn(t, a, Options{Profile: "desk", Collection: "tickets"})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{"profiles:\n  desk:\n", "\n      tickets:\n", "assumed: nothing was written", "envelope: {items: /items}", `null: ""  # assumed`} {
		if !strings.Contains(got.YAML, w) {
			t.Errorf("the proposal does not say %q\n%s", w, got.YAML)
		}
	}
	compiledOf(t, got.YAML)
}

// What cannot be learned from is said.
func TestNothingToLearn(t *testing.T) {
	t.Parallel()
	page := func(status int, body string) func(*http.Request) (int, string) {
		return func(*http.Request) (int, string) { return status, body }
	}
	for name, x := range map[string]struct {
		fails  func(*http.Request) (int, string)
		target string
		want   string
	}{
		"HTML":     {page(200, "<html>Welcome</html>"), "", "no JSON (200 and a page of HTML)"},
		"500":      {page(500, "no"), "", "answered with 500 no"},
		"401":      {page(401, ""), "", "wants other credentials"},
		"404":      {nil, "/nothing", "there is nothing at /nothing"},
		"no list":  {page(200, `{"hello":"world"}`), "", "holds no list"},
		"no path":  {nil, "things", "is no path"},
		"the root": {nil, "/", "is the API's root"},
		"not readable": {func(r *http.Request) (int, string) {
			return map[bool]int{true: 404}[strings.HasPrefix(r.URL.Path, "/things/1")], ""
		}, "", "no record of the list can be read by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, manners{fails: x.fails})
			if _, err := learn(t, a, Options{Target: x.target, Write: true}); err == nil || !strings.Contains(err.Error(), x.want) || request.KindOf(err) != request.Invalid {
				t.Errorf("it says %v, not %s", err, x.want)
			}
		})
	}
}

// A redirect to another place is not followed.
func TestRedirects(t *testing.T) {
	t.Parallel()
	web := serve(t, manners{})
	moved := serve(t, manners{})
	moved.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, web.URL+"/login", http.StatusFound) })
	if _, err := learn(t, moved, Options{}); err == nil || !strings.Contains(err.Error(), "without redirects") {
		t.Errorf("it says %v", err)
	}
}

// An API that does not answer is not reached.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	a := serve(t, manners{})
	a.Close()
	if _, err := learn(t, a, Options{}); request.KindOf(err) != request.Unavailable {
		t.Errorf("it says %v", err)
	}
	release := make(chan struct{})
	silent := serve(t, manners{})
	silent.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	if _, err := Propose(t.Context(), Options{Do: client(t, silent, 200*time.Millisecond).Do, Target: "/things"}); request.KindOf(err) != request.Unavailable {
		t.Errorf("it says %v", err)
	}
}

// What was made is removed when a later call fails, and when the user gives up; what cannot be removed is told.
func TestRemoves(t *testing.T) {
	t.Parallel()
	t.Run("given up", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		a := serve(t, manners{fails: func(r *http.Request) (int, string) {
			if r.Method == http.MethodPatch {
				cancel()
			}
			return 0, ""
		}})
		got, err := Propose(ctx, Options{Do: client(t, a, 10*time.Second).Do, Target: "/things", Write: true})
		if err == nil || len(got.Left) > 0 || a.left() != 0 {
			t.Errorf("%v %q, %d records are left", err, got.Left, a.left())
		}
	})
	t.Run("cannot delete", func(t *testing.T) {
		t.Parallel()
		a := serve(t, manners{noDelete: true})
		got, err := learn(t, a, Options{Write: true})
		if err != nil || len(got.Left) != 1 || !strings.Contains(got.Left[0], "104") || !strings.Contains(got.YAML, "delete: false  # DELETE is answered 405") {
			t.Errorf("%v %q\n%s", err, got.Left, got.YAML)
		}
	})
	t.Run("no answer to the create", func(t *testing.T) {
		t.Parallel()
		a := serve(t, manners{drop: true})
		got, err := learn(t, a, Options{Write: true})
		if request.KindOf(err) != request.Unavailable || len(got.Left) > 0 || a.left() != 0 {
			t.Errorf("%v %q, %d records are left", err, got.Left, a.left())
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		a := serve(t, manners{required: "secret", token: "very-secret"})
		got, err := learn(t, a, Options{Write: true})
		if err != nil || !strings.Contains(got.Ended, "--set MEMBER=VALUE") || !strings.Contains(got.Ended, "secret") || !strings.Contains(got.YAML, "assumed") {
			t.Errorf("%v %q\n%s", err, got.Ended, got.YAML)
		}
	})
}

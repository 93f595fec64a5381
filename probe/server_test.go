package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/upstream"
)

// manners are how a small request API speaks. The zero value is the plain convention: POST 201 with the whole record, PATCH merges, PUT
// replaces, DELETE 204, then 404; a list is the whole answer and knows filters by any member.
type manners struct {
	created, updated, deleted, missing, again int    // statuses, when not the usual
	call, answer, items                       string // names of envelopes
	idName                                    string // of the id in records
	idOnlyInLocation, silentCreate            bool
	noPatch, putMerges, patchReplaces         bool
	nullIs                                    any // what null becomes; keep: it is ignored
	etag                                      bool
	version                                   string // name of a member with a version, which a write must name
	stamps                                    bool   // created_at, updated_at and url are the API's own
	ignores                                   string // a member that is never kept
	soft                                      bool   // a deletion only sets deleted
	noFilter                                  bool   // every filter is ignored
	token                                     string // as a bearer's; hides says that others get 404 or an empty list
	hides                                     bool
	required                                  string
	cannotDelete                              bool
	dropCreate                                bool
	parent                                    int    // a member that the API sets
	counts                                    string // a member that counts changes, and nobody needs to name
	hidesClosed                               bool   // the list leaves out what is closed
}

const keep = "keep"

// api is a running server.
type api struct {
	manners
	*httptest.Server
	mu    sync.Mutex
	rows  []map[string]any
	last  int
	calls []string
}

func serve(t *testing.T, m manners) *api {
	t.Helper()
	if m.idName == "" {
		m.idName = "id"
	}
	a := &api{manners: m, last: 10}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, r.Method+" "+r.URL.RequestURI())
	path := strings.TrimPrefix(r.URL.Path, "/things")
	known := a.token == "" || r.Header.Get("Authorization") == "Bearer "+a.token
	switch {
	case r.URL.Path == "/me" && known:
		a.say(w, 200, map[string]any{"id": 1})
	case !known && a.hides && path == "":
		a.list(w, nil)
	case !known && a.hides:
		w.WriteHeader(404)
	case !known:
		w.WriteHeader(401)
	case path == "" && r.Method == "GET":
		a.list(w, a.filtered(r.URL.Query()))
	case path == "" && r.Method == "POST":
		a.create(w, r)
	case strings.HasPrefix(path, "/"):
		a.one(w, r, path[1:])
	default:
		w.WriteHeader(404)
	}
}

func (a *api) say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (a *api) list(w http.ResponseWriter, rows []map[string]any) {
	list := []any{}
	for _, r := range rows {
		list = append(list, r)
	}
	if a.items == "" {
		a.say(w, 200, list)
		return
	}
	a.say(w, 200, map[string]any{a.items: list, "page": 1})
}

func (a *api) filtered(q url.Values) (out []map[string]any) {
	for _, r := range a.rows {
		if r["deleted"] == true || a.hidesClosed && r["state"] == "closed" {
			continue
		}
		hit := true
		for name := range q {
			switch {
			case a.noFilter:
			case name == "since":
				hit = hit && fmt.Sprint(r["updated_at"]) >= q.Get(name)
			default:
				hit = hit && fmt.Sprint(r[name]) == q.Get(name)
			}
		}
		if hit {
			out = append(out, r)
		}
	}
	return out
}

// body reads a record; nil after an answer.
func (a *api) body(w http.ResponseWriter, r *http.Request) map[string]any {
	b, _ := io.ReadAll(r.Body)
	var v map[string]any
	if json.Unmarshal(b, &v) != nil {
		a.say(w, 400, map[string]any{"error": "no JSON"})
		return nil
	}
	if a.call != "" {
		inner, ok := v[a.call].(map[string]any)
		if !ok {
			a.say(w, 422, map[string]any{"error": a.call + " is missing"})
			return nil
		}
		v = inner
	}
	delete(v, a.idName)
	delete(v, a.ignores)
	return v
}

func (a *api) whole(row map[string]any) any {
	if a.answer != "" {
		return map[string]any{a.answer: row}
	}
	return row
}

func (a *api) create(w http.ResponseWriter, r *http.Request) {
	v := a.body(w, r)
	if v == nil {
		return
	}
	if a.required != "" && v[a.required] == nil {
		a.say(w, 422, map[string]any{"error": a.required + " is required"})
		return
	}
	a.last++
	v[a.idName] = a.last
	a.touch(v)
	if a.stamps {
		v["created_at"], v["url"] = v["updated_at"], a.URL+"/things/"+strconv.Itoa(a.last)
	}
	if a.parent != 0 {
		v["parent"] = a.parent
	}
	a.rows = append(a.rows, v)
	if a.dropCreate {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Location", fmt.Sprintf("/things/%d", a.last))
	if a.idOnlyInLocation {
		w.WriteHeader(or(a.created, 201))
		return
	}
	if a.silentCreate {
		w.Header().Del("Location")
		w.WriteHeader(or(a.created, 201))
		return
	}
	a.say(w, or(a.created, 201), a.whole(v))
}

// touch is a change of a record.
func (a *api) touch(v map[string]any) {
	if a.stamps {
		v["updated_at"] = time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	for _, name := range []string{a.version, a.counts} {
		if name != "" {
			n, _ := v[name].(int)
			v[name] = n + 1
		}
	}
}

func (a *api) tag(row map[string]any) string { return fmt.Sprintf(`"%x"`, len(fmt.Sprint(row))) }

func (a *api) one(w http.ResponseWriter, r *http.Request, id string) {
	i := slices.IndexFunc(a.rows, func(v map[string]any) bool { return fmt.Sprint(v[a.idName]) == id })
	if i < 0 && r.Method == "DELETE" && a.again != 0 {
		w.WriteHeader(a.again)
		return
	}
	if i < 0 {
		w.WriteHeader(or(a.missing, 404))
		return
	}
	row := a.rows[i]
	if a.etag {
		w.Header().Set("ETag", a.tag(row))
		if match := r.Header.Get("If-Match"); match != "" && match != a.tag(row) && r.Method != "GET" {
			w.WriteHeader(412)
			return
		}
	}
	switch r.Method {
	case "GET":
		a.say(w, 200, a.whole(row))
	case "DELETE":
		switch {
		case a.cannotDelete:
			a.say(w, 403, map[string]any{"error": "nobody deletes here"})
			return
		case a.soft:
			row["deleted"] = true
		default:
			a.rows = slices.Delete(a.rows, i, i+1)
		}
		w.WriteHeader(or(a.deleted, 204))
	case "PATCH", "PUT":
		a.change(w, r, row)
	default:
		w.WriteHeader(405)
	}
}

func (a *api) change(w http.ResponseWriter, r *http.Request, row map[string]any) {
	if r.Method == "PATCH" && a.noPatch {
		w.Header().Set("Allow", "GET, PUT, DELETE")
		w.WriteHeader(405)
		return
	}
	v := a.body(w, r)
	if v == nil {
		return
	}
	if a.version != "" {
		if n, _ := v[a.version].(float64); int(n) != row[a.version] {
			w.WriteHeader(409)
			return
		}
		v[a.version] = row[a.version]
	}
	if r.Method == "PUT" && !a.putMerges || r.Method == "PATCH" && a.patchReplaces {
		id := row[a.idName]
		own := map[string]any{"created_at": row["created_at"], "url": row["url"]}
		clear(row)
		if a.stamps {
			maps.Copy(row, own)
		}
		row[a.idName] = id
	}
	for name, value := range v {
		switch {
		case value == nil && a.nullIs == keep:
			continue
		case value == nil:
			value = a.nullIs
		}
		row[name] = value
	}
	a.touch(row)
	a.say(w, or(a.updated, 200), a.whole(row))
}

// profileOf is a profile as the network file has it.
func profileOf(t *testing.T, text string) *profile.Profile {
	t.Helper()
	var s profile.Spec
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	p, problems := profile.Compile("p", s)
	if p == nil {
		t.Fatalf("%+v", problems)
	}
	return p
}

// plainProfile is the plain convention, with further lines of its collection.
func plainProfile(lines ...string) string {
	out := "preset: rest\ncollections:\n  things:\n    path: /things\n"
	for _, l := range lines {
		out += "    " + l + "\n"
	}
	return out
}

// client is how a gateway calls the API.
func client(t *testing.T, a *api, token string) *upstream.Client {
	t.Helper()
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := upstream.New(upstream.Options{Base: u, Credentials: upstream.Credentials{Bearer: token}, Timeout: 10 * time.Second})
	t.Cleanup(c.Close)
	return c
}

// options are those of a comparison in which waiting takes no time.
func options(t *testing.T, a *api, text string) Options {
	t.Helper()
	clock := time.Now()
	return Options{API: client(t, a, a.token), Profile: profileOf(t, text), Write: true, Anonymous: a.token == "",
		Now:  func() time.Time { clock = clock.Add(time.Millisecond); return clock },
		Wait: func(ctx context.Context, d time.Duration) error { clock = clock.Add(d); return ctx.Err() }}
}

// found is the finding about something; the test fails when there is none.
func (r *Report) about(t *testing.T, what string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.What == what {
			return f
		}
	}
	t.Fatalf("nothing was found out about %s:\n%s", what, r)
	return Finding{}
}

// String is the report for a log.
func (r *Report) String() string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%-8s %s | %s | %s | %s\n", f.State, f.What, f.Profile, f.API, f.Write)
	}
	fmt.Fprintf(&b, "removed %d, left %+v\n", r.Removed, r.Left)
	return b.String()
}

var _ API = (*upstream.Client)(nil)

package learn

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/upstream"
)

// manners are how a request API speaks. The zero value has records {id, title, notes, state, count, due, updated_at} at /things; it
// answers 201, 200 and 204, and takes PATCH and PUT.
type manners struct {
	call, answer, items, item string // envelopes, as names
	form                      string // address behind the path, with {id}; "" is /{id}
	slash                     bool   // without a slash at its end the path is redirected
	created, updated, deleted int
	bodiless                  bool   // creates and updates are answered without a body
	location                  bool   // the id of a new record is only in Location
	header                    string // or only in this header
	short                     bool   // or only as new in the body
	noPatch, noPut, noDelete  bool
	putMerges, patchReplaces  bool
	nullIs                    any // what null becomes; keep: it is ignored
	demandsMatch              bool
	lock                      string // a member with the version that a change must name
	soft                      bool
	noFilter                  bool
	required                  string
	title                     string // the name of title
	strict                    bool   // unknown members are refused
	media                     string // the only one that is taken
	page                      string // the names of parameters for pages: size,number
	since                     string // the name of the parameter for changes
	layout                    string // of updated_at
	empty                     bool
	bare                      bool // the list shows ids
	token                     string
	fails                     func(r *http.Request) (status int, body string)
	drop                      bool // creates are done and not answered
	twin                      bool // number is the same as id
}

const keep = "keep"

// api is a running server.
type api struct {
	manners
	*httptest.Server
	mu   sync.Mutex
	rows []object
	last int
}

func serve(t *testing.T, m manners) *api {
	t.Helper()
	m.title, m.layout = orElse(m.title, "title"), orElse(m.layout, time.RFC3339)
	m.form = orElse(m.form, "/{id}")
	a := &api{manners: m, last: 100}
	for i, text := range []string{"a chair", "a table", "a bed"} {
		if !m.empty {
			at := time.Date(2026, 3, 1+i, 10, 0, 0, 0, time.UTC)
			a.add(object{m.title: text, "notes": "", "state": []string{"open", "closed", "open"}[i], "count": i + 3, "due": "2026-04-01 10:00:00"}, at)
		}
	}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *api) add(o object, at time.Time) object {
	a.last++
	o["id"], o["updated_at"] = a.last, at.Format(a.layout)
	if a.lock != "" {
		o[a.lock] = 1
	}
	if a.twin {
		o["number"] = a.last
	}
	a.rows = append(a.rows, o)
	return o
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	rest, ours := strings.CutPrefix(r.URL.Path, "/things")
	if a.fails != nil {
		if status, body := a.fails(r); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	before, after, _ := strings.Cut(a.form, "{id}")
	id, one := strings.CutPrefix(rest, before)
	id, two := strings.CutSuffix(id, after)
	switch {
	case a.token != "" && r.Header.Get("Authorization") != "Bearer "+a.token:
		a.say(w, 401, object{"error": "who are you? you said " + r.Header.Get("Authorization")})
	case !ours:
		w.WriteHeader(404)
	case a.slash && rest == "" && r.Method == "GET":
		http.Redirect(w, r, "/things/", http.StatusMovedPermanently)
	case rest == "" && !a.slash || rest == "/" && a.slash:
		a.all(w, r)
	case one && two && id != "":
		a.one(w, r, id)
	default:
		w.WriteHeader(404)
	}
}

func (a *api) say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (a *api) all(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case "GET":
		a.list(w, r.URL.Query())
	case "POST":
		a.create(w, r)
	default:
		w.WriteHeader(405)
	}
}

func (a *api) list(w http.ResponseWriter, q url.Values) {
	list := []any{}
	for _, row := range a.rows {
		hit := row["deleted"] != true
		for name := range q {
			switch {
			case strings.Contains(a.page, name) || a.noFilter:
			case a.since != "" && name == a.since:
				hit = hit && fmt.Sprint(row["updated_at"]) >= q.Get(name)
			case slices.ContainsFunc(a.rows, func(r object) bool { return r[name] != nil }):
				hit = hit && fmt.Sprint(row[name]) == q.Get(name)
			}
		}
		switch {
		case !hit:
		case a.bare:
			list = append(list, row["id"])
		case a.item != "":
			list = append(list, object{"id": row["id"], a.item: row})
		default:
			list = append(list, row)
		}
	}
	if size, number, ok := strings.Cut(a.page, ","); ok && q.Has(size) {
		n, _ := strconv.Atoi(q.Get(size))
		p, _ := strconv.Atoi(q.Get(number))
		from := min(len(list), max(0, p-1)*n)
		list = list[from:min(len(list), from+n)]
	}
	if a.items == "" {
		a.say(w, 200, list)
		return
	}
	a.say(w, 200, object{a.items: list, "kind": "list"})
}

// body reads the record in a call; nil after an answer.
func (a *api) body(w http.ResponseWriter, r *http.Request) object {
	if a.media != "" && r.Header.Get("Content-Type") != a.media {
		w.WriteHeader(415)
		return nil
	}
	b, _ := io.ReadAll(r.Body)
	v := object{}
	if values, err := url.ParseQuery(string(b)); a.media == formMedia && err == nil {
		for name := range values {
			v[strings.TrimSuffix(strings.TrimPrefix(name, a.call+"["), "]")] = values.Get(name)
		}
	} else if json.Unmarshal(b, &v) != nil {
		a.say(w, 400, object{"error": "no JSON"})
		return nil
	} else if a.call != "" {
		inner, ok := v[a.call].(object)
		if !ok {
			a.say(w, 422, object{"error": a.call + " is missing"})
			return nil
		}
		v = inner
	}
	for name := range v {
		if a.strict && !slices.Contains([]string{a.title, "notes", "state", "count", "due", "id", "updated_at", a.lock}, name) {
			a.say(w, 400, object{"errors": []any{object{"field": name, "message": "there is no such member"}}})
			return nil
		}
	}
	delete(v, "id")
	delete(v, "updated_at")
	if a.twin {
		delete(v, "number")
	}
	return v
}

func (a *api) create(w http.ResponseWriter, r *http.Request) {
	v := a.body(w, r)
	if v == nil {
		return
	}
	if a.required != "" && v[a.required] == nil {
		a.say(w, 422, object{"errors": object{a.required: []string{"can't be blank"}}})
		return
	}
	row := a.add(v, time.Now().UTC())
	if a.drop {
		panic(http.ErrAbortHandler)
	}
	status := a.created
	if status == 0 {
		status = 201
	}
	id := fmt.Sprint(a.last)
	switch {
	case a.location:
		w.Header().Set("Location", "http://elsewhere/base/things"+strings.Replace(a.form, "{id}", id, 1))
		w.WriteHeader(status)
	case a.header != "":
		w.Header().Set(a.header, id)
		w.WriteHeader(status)
	case a.short:
		a.say(w, status, object{"ok": true, "new_id": id})
	default:
		a.say(w, status, a.whole(row))
	}
}

func (a *api) whole(row object) any {
	switch {
	case a.answer != "":
		return object{a.answer: row}
	case a.item != "":
		return object{"id": row["id"], a.item: row}
	}
	return row
}

func (a *api) tag(row object) string {
	return fmt.Sprintf("%q", fmt.Sprint(len(encode(row)), row[a.title]))
}

func (a *api) one(w http.ResponseWriter, r *http.Request, id string) {
	i := slices.IndexFunc(a.rows, func(v object) bool { return fmt.Sprint(v["id"]) == id })
	if i < 0 {
		w.WriteHeader(404)
		return
	}
	row := a.rows[i]
	if a.demandsMatch {
		w.Header().Set("ETag", a.tag(row))
		switch match := r.Header.Get("If-Match"); {
		case r.Method == "GET":
		case match == "":
			a.say(w, 428, object{"error": "If-Match is required"})
			return
		case match != a.tag(row):
			w.WriteHeader(412)
			return
		}
	}
	switch {
	case r.Method == "GET":
		a.say(w, 200, a.whole(row))
	case r.Method == "DELETE" && !a.noDelete:
		if a.soft {
			row["deleted"] = true
		} else {
			a.rows = slices.Delete(a.rows, i, i+1)
		}
		status := a.deleted
		if status == 0 {
			status = 204
		}
		w.WriteHeader(status)
	case r.Method == "PATCH" && !a.noPatch, r.Method == "PUT" && !a.noPut:
		a.change(w, r, row)
	default:
		w.WriteHeader(405)
	}
}

func (a *api) change(w http.ResponseWriter, r *http.Request, row object) {
	v := a.body(w, r)
	if v == nil {
		return
	}
	if a.lock != "" {
		if n, _ := v[a.lock].(float64); int(n) != row[a.lock] {
			w.WriteHeader(409)
			return
		}
		v[a.lock] = row[a.lock].(int) + 1
	}
	if r.Method == "PUT" && !a.putMerges || r.Method == "PATCH" && a.patchReplaces {
		id, lock := row["id"], row[a.lock]
		clear(row)
		if row["id"] = id; a.lock != "" {
			row[a.lock] = lock
		}
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
	row["updated_at"] = time.Now().UTC().Format(a.layout)
	status := a.updated
	if status == 0 {
		status = 200
	}
	if a.bodiless || status == 204 {
		w.WriteHeader(status)
		return
	}
	a.say(w, status, a.whole(row))
}

// client is how a gateway calls the API.
func client(t *testing.T, a *api, timeout time.Duration) *upstream.Client {
	t.Helper()
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := upstream.New(upstream.Options{Base: u, Credentials: upstream.Credentials{Bearer: a.token}, Timeout: timeout})
	t.Cleanup(c.Close)
	return c
}

// learn proposes a profile of an API.
func learn(t *testing.T, a *api, o Options) (Proposal, error) {
	t.Helper()
	o.Do, o.Target, o.Credentials = client(t, a, 10*time.Second).Do, orElse(o.Target, "/things"), a.token != ""
	return Propose(t.Context(), o)
}

// left is how many records there are besides those of the beginning, deleted ones not counted.
func (a *api) left() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, row := range a.rows {
		if id, _ := row["id"].(int); id > 103 || a.empty {
			if row["deleted"] != true {
				n++
			}
		}
	}
	return n
}

// compiledOf is a proposal as a profile.
func compiledOf(t *testing.T, text string) *profile.Profile {
	t.Helper()
	p, err := compiled(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

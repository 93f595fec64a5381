package tests

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// odd is a case desk that nobody heard of, with as many manners of its own as fit into one API: a login that yields a token in plain text
// which wears out with a 403, records in two envelopes, ids only in a relative Location without the suffix that reading needs, whole
// records by PUT with their revision, fields with blanks, a state that is written as a number and read as an object, times of its own,
// empty texts for no value, lists that are searched by POST and hold only ids, deletions by a call of their own that leave the record.
type odd struct {
	address string

	mu     sync.Mutex
	tokens map[string]int // calls that are left
	cases  map[string]map[string]any
	last   int
	stolen int // creates that are done and not answered
}

func newOdd(t *testing.T) *odd {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &odd{address: l.Addr().String(), tokens: map[string]int{}, cases: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth", o.login)
	mux.HandleFunc("POST /desk/cases.json", o.known(o.create))
	mux.HandleFunc("GET /desk/cases/{file}", o.known(o.read))
	mux.HandleFunc("PUT /desk/cases/{file}", o.known(o.replace))
	mux.HandleFunc("POST /desk/cases/{id}/drop.json", o.known(o.drop))
	mux.HandleFunc("POST /desk/search", o.known(o.search))
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return o
}

func (o *odd) Address() string { return o.address }

// Header is what a client sends: a token of its own that does not wear out.
func (o *odd) Header() http.Header {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tokens["client"] = 1 << 30
	return http.Header{"X-Token": {"client"}}
}

func (o *odd) Profile() string {
	return `timeout: 3s
quiescence: 1s
login:
  path: /auth
  form: {user: "{username}", pass: "{password}"}
  token: {from: text}
  send: {X-Token: "{token}"}
  expired: [403]
collections:
  tickets:
    path: /desk/cases
    others: drop
    create: {path: "{path}.json", status: [200]}
    read: {path: "{path}/{id}.json"}
    update: {method: PUT, path: "{path}/{id}.json", body: full, status: [202]}
    delete: {method: POST, path: "{path}/{id}/drop.json", status: [204]}
    list:
      method: POST
      path: /desk/search
      send: {from: "{since}", skip: "{offset}", max: "{size}"}
      since: /changed
      format: "20060102150405"
      size: 3
      total: /hits/n
      ids_only: true
    envelope: {call: /case, answer: /payload/case, items: /hits/ids}
    id: {from: location, at: "/Case Id"}
    etag: {field: /rev, stale: [409]}
    external_id: {field: "/extra[name=ref]/val", find: {method: POST, path: /desk/search, send: {ref: "{value}"}}}
    deleted: {at: /dead, values: [1]}
    read_back: true
    read_only: [/changed, /dead]
    null: ""
    fields:
      subject: "/Short Text"
      status: {read: /State/id, write: /State, values: {open: 1, closed: 2}}
      priority: {at: /Prio, type: integer, as: text}
      due: {at: /Due, type: time, as: "02/01/2006 15:04", zone: Europe/Oslo}
`
}

// Records are the cases that are not dropped.
func (o *odd) Records() ([]harness.Record, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []harness.Record
	for _, c := range o.cases {
		if c["dead"] == 0 {
			rec := harness.Record{"id": c["Case Id"]}
			for k, v := range c {
				rec[k] = v
			}
			out = append(out, rec)
		}
	}
	return out, nil
}

func (o *odd) login(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("user") != "gateway" || r.FormValue("pass") != "secret" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form") {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	token := "t" + strconv.Itoa(len(o.tokens))
	o.tokens[token] = 7
	_, _ = w.Write([]byte(token))
}

// known lets calls with a token in that is not worn out.
func (o *odd) known(h func(http.ResponseWriter, *http.Request, map[string]any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		token := r.Header.Get("X-Token")
		if o.tokens[token]--; o.tokens[token] < 0 {
			http.Error(w, "worn out", http.StatusForbidden)
			return
		}
		var body map[string]any
		if r.Body != nil {
			d := json.NewDecoder(r.Body)
			d.UseNumber()
			_ = d.Decode(&body)
		}
		h(w, r, body)
	}
}

// take puts what a call says into a case; false when it says what no case has.
func take(c, said map[string]any) bool {
	for name, v := range said {
		switch name {
		case "Short Text", "Prio", "Due", "Room":
			if v == nil {
				v = ""
			}
			text, ok := v.(string)
			if !ok {
				return false
			}
			c[name] = text
		case "State":
			n, ok := v.(json.Number)
			if !ok || n != "1" && n != "2" {
				return false
			}
			c[name] = map[string]any{"id": n, "name": map[string]string{"1": "open", "2": "closed"}[string(n)]}
		case "extra":
			c[name] = v
		case "Case Id", "rev", "changed", "dead":
		default:
			return false
		}
	}
	c["changed"] = time.Now().UTC().Format("20060102150405")
	return true
}

func (o *odd) create(w http.ResponseWriter, _ *http.Request, body map[string]any) {
	said, _ := body["case"].(map[string]any)
	o.last++
	c := map[string]any{"Case Id": "C-" + strconv.Itoa(o.last), "State": map[string]any{"id": 1, "name": "open"}, "Prio": "", "Due": "", "Room": "", "rev": 1, "dead": 0}
	if said == nil || said["Short Text"] == nil || !take(c, said) {
		http.Error(w, "<h1>bad case</h1>", http.StatusBadRequest)
		return
	}
	o.cases[c["Case Id"].(string)] = c
	if o.stolen > 0 {
		o.stolen--
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Location", "cases/"+c["Case Id"].(string))
}

func (o *odd) at(w http.ResponseWriter, r *http.Request) map[string]any {
	id, ok := strings.CutSuffix(r.PathValue("file"), ".json")
	if id2 := r.PathValue("id"); id2 != "" {
		id, ok = id2, true
	}
	if c := o.cases[id]; ok && c != nil {
		return c
	}
	http.Error(w, "nothing", http.StatusNotFound)
	return nil
}

func (o *odd) read(w http.ResponseWriter, r *http.Request, _ map[string]any) {
	if c := o.at(w, r); c != nil {
		w.Header().Set("Content-Type", "text/plain")
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "ok", "payload": map[string]any{"case": c}})
	}
}

func (o *odd) replace(w http.ResponseWriter, r *http.Request, body map[string]any) {
	c := o.at(w, r)
	if c == nil {
		return
	}
	said, _ := body["case"].(map[string]any)
	if fmt.Sprint(said["rev"]) != fmt.Sprint(c["rev"]) {
		http.Error(w, "revision", http.StatusConflict)
		return
	}
	for _, name := range []string{"Prio", "Due", "Room"} { // what is not said is gone
		c[name] = ""
	}
	if !take(c, said) {
		http.Error(w, "bad case", http.StatusBadRequest)
		return
	}
	c["rev"] = c["rev"].(int) + 1
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte(`{"messages":["noted"]}`))
}

func (o *odd) drop(w http.ResponseWriter, r *http.Request, _ map[string]any) {
	if c := o.at(w, r); c != nil {
		c["dead"] = 1
		w.WriteHeader(http.StatusNoContent)
	}
}

func (o *odd) search(w http.ResponseWriter, _ *http.Request, body map[string]any) {
	var ids []string
	for id, c := range o.cases {
		ref := ""
		for _, e := range asList(c["extra"]) {
			if m, ok := e.(map[string]any); ok && m["name"] == "ref" {
				ref, _ = m["val"].(string)
			}
		}
		from, _ := body["from"].(string)
		if want, asked := body["ref"]; asked && ref != want || from > c["changed"].(string) {
			continue
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	n := len(ids)
	skip, _ := strconv.Atoi(fmt.Sprint(body["skip"]))
	limit, err := strconv.Atoi(fmt.Sprint(body["max"]))
	if err != nil {
		limit = 100
	}
	ids = ids[min(skip, n):min(skip+limit, n)]
	_ = json.NewEncoder(w).Encode(map[string]any{"hits": map[string]any{"n": n, "ids": ids}})
}

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}

// An API that nobody heard of, described in the network file alone, beside a plain one: everything works across.
func TestAnAPIThatNobodyHeardOf(t *testing.T) {
	t.Parallel()
	desk := newOdd(t)
	n := harness.Start(t, harness.Network{Sites: []harness.Site{
		{Name: "oslo", API: harness.NewJSONServer(t, 0)},
		{Name: "rome", API: desk, Extra: "credentials: {login: {username: gateway, password: secret}}\n"},
	}, Routes: everywhere + `
- {name: old, on: [update], at: [oslo], when: status == "closed" && subject == "chair", archive: {to: rome}}
`})
	header := desk.Header()
	one := func(site, what string, want map[string]any) harness.Record {
		t.Helper()
		var rec harness.Record
		harness.Eventually(t, soon, what+" at "+site, func() error {
			records, err := n.At(site).API().Records()
			if err != nil || len(records) != 1 {
				return fmt.Errorf("%d records: %v (%v)", len(records), records, err)
			}
			rec = records[0]
			return rec.Fields(want)
		})
		return rec
	}
	made := n.At("oslo").Create("/tickets", `{"subject":"lamp","status":"open","priority":3,"due":"2026-12-01T09:30:00Z","shelf":"B"}`).Want(201)
	copied := one("rome", "created at oslo", map[string]any{"Short Text": "lamp", "Prio": "3", "Due": "01/12/2026 10:30"})
	// The desk's own client replaces the whole case, with its revision, and with a member that only the desk has.
	put := fmt.Sprintf(`{"case":{"Short Text":"lamp, green","State":2,"Prio":"","Due":"01/12/2026 10:30","Room":"12","rev":%v,"extra":[{"name":"ref","val":%q}]}}`,
		copied["rev"], asList(copied["extra"])[0].(map[string]any)["val"])
	n.At("rome").Do(harness.Call{Method: "PUT", Path: "/desk/cases/" + copied.ID() + ".json", Body: put, Header: header}).Want(202)
	one("oslo", "changed at rome", map[string]any{"subject": "lamp, green", "status": "closed", "priority": nil, "due": "2026-12-01T09:30:00Z", "shelf": "B"})
	one("rome", "its own member", map[string]any{"Room": "12", "Short Text": "lamp, green"})
	n.At("oslo").Patch("/tickets/"+made.ID(), `{"status":"open","priority":1}`).Want(200)
	one("rome", "changed at oslo", map[string]any{"Prio": "1", "Room": "12"})

	for _, args := range [][]string{{"transfer", made.ID(), "--to", "rome", "--wait", "15s"}, {"return", "oslo:" + made.ID(), "--wait", "15s"}} {
		if out, code := n.At("oslo").CLI(args...); code != 0 {
			t.Fatalf("%v: exit %d\n%s", args, code, out)
		}
	}
	if out, code := n.At("oslo").CLI("verify"); code != 0 {
		t.Errorf("verify: exit %d\n%s", code, out)
	}
	n.At("oslo").Delete("/tickets/"+made.ID()).Want(200, 204)
	harness.Eventually(t, soon, "it is dropped at rome", func() error {
		if records, _ := desk.Records(); len(records) != 0 {
			return fmt.Errorf("there is %v", records)
		}
		return nil
	})
	// A create whose answer is lost is found by a search that answers with ids alone, and is not made twice.
	desk.mu.Lock()
	desk.stolen = 1
	desk.mu.Unlock()
	chair := n.At("oslo").Create("/tickets", `{"subject":"chair","status":"open"}`).Want(201)
	one("rome", "the lost answer", map[string]any{"Short Text": "chair"})
	n.At("oslo").Patch("/tickets/"+chair.ID(), `{"status":"closed"}`).Want(200)
	n.At("oslo").WantNone("chair", soon)
	one("rome", "archived", map[string]any{"Short Text": "chair"})
	// Five cases that were there before, over two pages of ids.
	desk.mu.Lock()
	for i := range 5 {
		desk.last++
		id := "C-" + strconv.Itoa(desk.last)
		desk.cases[id] = map[string]any{"Case Id": id, "Short Text": "old " + strconv.Itoa(i), "State": map[string]any{"id": 1}, "Prio": "2", "Due": "", "Room": "",
			"rev": 1, "dead": 0, "changed": "20250101000000"}
	}
	desk.mu.Unlock()
	if out, code := n.At("rome").CLI("seed"); code != 0 {
		t.Fatalf("seed: exit %d\n%s", code, out)
	}
	for i := range 5 {
		n.At("oslo").WantCopy("old "+strconv.Itoa(i), soon, map[string]any{"status": "open", "priority": 2})
	}
	if out, code := n.At("rome").CLI("verify"); code != 0 {
		t.Errorf("verify at rome: exit %d\n%s", code, out)
	}
}

package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fake is a small REST request API with fault switches. It takes calls at any path: /COLLECTION and /COLLECTION/ID hold records,
// /echo/… answers what it was sent (see echo.go). Its log is the ground truth of the tests: what arrived, and what was done.
type Fake struct {
	name    string
	server  *http.Server
	address string

	mu      sync.Mutex
	tables  map[string]map[string]map[string]any
	lastID  int
	faults  []*Fault
	log     []Entry
	tap     func(Entry)
	commits int
	more    <-chan struct{}
}

// Entry is one call as it arrived at a Fake, with what came of it.
type Entry struct {
	// At is when it arrived, Done when it was done.
	At, Done           time.Time
	Method, URI        string
	Collection, ID     string
	Header             http.Header
	Body               []byte
	Status             int
	Committed, Dropped bool
}

// Fault is one misbehaviour of a Fake. It strikes calls of the method (every one when empty) whose target holds Path, Times times
// (0: until cleared).
type Fault struct {
	Method, Path string
	Times        int
	// Wait delays the call, before anything else.
	Wait time.Duration
	// Linger delays the answer, after everything else.
	Linger time.Duration
	// Commit says whether the call is done at all; Later does it that long after the answer.
	Commit bool
	Later  time.Duration
	// Drop breaks the connection instead of answering; Status answers with a status of its own and Body.
	Drop   bool
	Status int
	Body   string
	// Header is added to the answer.
	Header http.Header
	// When, if given, must hold too.
	When func(r *http.Request, body []byte) bool

	struck int
}

// Struck is how often the fault has happened.
func (f *Fake) Struck(x *Fault) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return x.struck
}

// The faults of the matrix.

// CommitThenDrop does the call and breaks the connection before the answer.
func CommitThenDrop(method string) *Fault {
	return &Fault{Method: method, Times: 1, Commit: true, Drop: true}
}

// DropBeforeCommit breaks the connection without doing the call.
func DropBeforeCommit(method string) *Fault { return &Fault{Method: method, Times: 1, Drop: true} }

// LateCommit breaks the connection at once and does the call later.
func LateCommit(method string, after time.Duration) *Fault {
	return &Fault{Method: method, Times: 1, Drop: true, Commit: true, Later: after}
}

// Slow does the call after a while.
func Slow(method string, wait time.Duration) *Fault {
	return &Fault{Method: method, Wait: wait, Commit: true}
}

// Refuse answers with a status and does nothing.
func Refuse(method string, status int) *Fault {
	return &Fault{Method: method, Status: status, Body: fmt.Sprintf(`{"error":"refused with %d","by":"the request API"}`, status)}
}

// NewFake starts a fake request API. The ids of its records begin at a number made from its name, so that ids of different
// sites rarely say the same.
func NewFake(t testing.TB, name string) *Fake {
	t.Helper()
	l := listenAnywhere(t)
	f := &Fake{name: name, tables: make(map[string]map[string]map[string]any), address: l.Addr().String()}
	f.listen(l)
	t.Cleanup(func() {
		f.Down()
		if t.Failed() {
			t.Logf("--- the last calls at the request API of %s ---\n%s", name, f.story(25))
		}
	})
	return f
}

// Up starts it again after Down, with the records it had.
func (f *Fake) Up(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	f.listen(l)
}

func (f *Fake) listen(l net.Listener) {
	srv := &http.Server{Handler: http.HandlerFunc(f.serve), ReadHeaderTimeout: 10 * time.Second}
	f.mu.Lock()
	f.server = srv
	f.mu.Unlock()
	go func() { _ = srv.Serve(l) }()
}

// Down ends it: nobody listens any more.
func (f *Fake) Down() {
	f.mu.Lock()
	srv := f.server
	f.mu.Unlock()
	_ = srv.Close()
}

// Inject adds a fault and returns it.
func (f *Fake) Inject(x *Fault) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, x)
	return x
}

// Clear ends all faults.
func (f *Fake) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// fault finds the first one that strikes a call.
func (f *Fake) fault(r *http.Request, body []byte) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.faults {
		if x.Method != "" && x.Method != r.Method || !strings.Contains(r.RequestURI, x.Path) || x.Times > 0 && x.struck >= x.Times {
			continue
		}
		if x.When != nil && !x.When(r, body) {
			continue
		}
		x.struck++
		return x
	}
	return nil
}

func (f *Fake) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/echo") {
		f.echo(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	e := Entry{At: time.Now(), Method: r.Method, URI: r.RequestURI, Header: r.Header.Clone(), Body: body}
	e.Collection, e.ID, _ = strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	x := f.fault(r, body)
	if x == nil {
		f.answer(w, f.perform(r, e))
		return
	}
	f.strike(w, r, e, x)
}

// strike runs a call under a fault.
func (f *Fake) strike(w http.ResponseWriter, r *http.Request, e Entry, x *Fault) {
	if x.Wait > 0 {
		<-time.After(x.Wait) // a slow API does not notice that the caller has gone
	}
	a := result{status: x.Status, body: []byte(x.Body), header: x.Header}
	switch {
	case x.Commit && x.Later > 0:
		time.AfterFunc(x.Later, func() { f.perform(r, e) })
	case x.Commit:
		done := f.perform(r, e)
		if x.Status == 0 {
			a = done
			maps.Copy(a.headers(), x.Header)
		}
	default:
		e.Status, e.Dropped = x.Status, x.Drop
		f.record(e)
	}
	if x.Linger > 0 {
		<-time.After(x.Linger)
	}
	if x.Drop {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = c.Close()
		}
		return
	}
	f.answer(w, a)
}

type result struct {
	status int
	header http.Header
	body   []byte
}

func (a *result) headers() http.Header {
	if a.header == nil {
		a.header = make(http.Header)
	}
	return a.header
}

func (f *Fake) answer(w http.ResponseWriter, a result) {
	maps.Copy(w.Header(), a.header)
	if len(a.body) > 0 {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func (f *Fake) record(e Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(e)
}

// perform does a call and writes it into the log.
func (f *Fake) perform(r *http.Request, e Entry) result {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, committed := f.do(r, &e)
	e.Status, e.Committed = a.status, committed
	if committed {
		f.commits++
	}
	f.note(e)
	return a
}

func (f *Fake) do(r *http.Request, e *Entry) (result, bool) {
	table := f.tables[e.Collection]
	if table == nil {
		table = make(map[string]map[string]any)
		f.tables[e.Collection] = table
	}
	old, known := table[e.ID]
	switch {
	case e.ID == "" && r.Method == http.MethodGet:
		return reply(200, list(table, r)), false
	case e.ID == "" && r.Method == http.MethodPost:
		rec, err := object(e.Body)
		if err != nil {
			return reply(400, map[string]any{"error": err.Error()}), false
		}
		f.lastID++
		if _, chosen := rec["id"].(string); !chosen {
			rec["id"] = json.Number(strconv.Itoa(f.base() + f.lastID))
		}
		e.ID = fmt.Sprint(rec["id"])
		table[e.ID] = rec
		a := reply(201, rec)
		a.headers().Set("Location", "/"+e.Collection+"/"+e.ID)
		return a, true
	case e.ID == "":
		return reply(405, map[string]any{"error": "not allowed"}), false
	case !known:
		return reply(404, map[string]any{"error": "not found"}), false
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return reply(200, old), false
	case r.Method == http.MethodDelete:
		delete(table, e.ID)
		return result{status: 204}, true
	case r.Method == http.MethodPatch, r.Method == http.MethodPut:
		rec, err := object(e.Body)
		if err != nil {
			return reply(400, map[string]any{"error": err.Error()}), false
		}
		if r.Method == http.MethodPatch {
			merged := maps.Clone(old)
			maps.Copy(merged, rec)
			rec = merged
		}
		rec["id"] = old["id"]
		table[e.ID] = rec
		return reply(200, rec), true
	}
	return reply(405, map[string]any{"error": "not allowed"}), false
}

// base makes ids of different sites differ.
func (f *Fake) base() int {
	n := 0
	for _, c := range f.name {
		n = (n*31 + int(c)) % 97
	}
	return n * 100_000
}

func reply(status int, v any) result {
	b, err := json.Marshal(v)
	if err != nil {
		return result{status: 500, body: []byte(err.Error())}
	}
	return result{status: status, body: b}
}

func object(body []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var rec map[string]any
	if err := d.Decode(&rec); err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, fmt.Errorf("not an object")
	}
	return rec, nil
}

// list filters by ?field=value, oldest first.
func list(table map[string]map[string]any, r *http.Request) []map[string]any {
	query := r.URL.Query()
	var ids []string
	for id, rec := range table {
		hit := true
		for k, v := range query {
			hit = hit && fmt.Sprint(rec[k]) == v[0]
		}
		if hit {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	})
	out := make([]map[string]any, 0, len(ids))
	for _, id := range ids {
		out = append(out, table[id])
	}
	return out
}

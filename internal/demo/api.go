package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// record is one ticket as JSON has it. Records in an API are replaced, never changed, so they may be read without its lock.
type record = map[string]any

// API is a small request API with the plain conventions of many: integer ids, PATCH merges, PUT replaces, `?field=value` finds,
// a ticket needs a title. It knows nothing of gateways.
type API struct {
	file string
	now  func() time.Time

	mu      sync.Mutex
	next    int
	records map[int]record
}

// saved is what the file of an API holds.
type saved struct {
	Next    int      `json:"next"`
	Records []record `json:"records"`
}

// OpenAPI makes an API whose first record gets the id first. With a file it keeps its records there, and has those that are there
// already; "" is memory alone.
func OpenAPI(file string, first int) (*API, error) {
	a := &API{file: file, now: time.Now, next: first, records: map[int]record{}}
	if file == "" {
		return a, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return a, nil
	}
	var s saved
	if err == nil {
		err = decode(text, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("records of the demo: %w", err)
	}
	a.next = s.Next
	for _, rec := range s.Records {
		id, err := strconv.Atoi(fmt.Sprint(rec["id"]))
		if err != nil {
			return nil, fmt.Errorf("records of the demo: %s has a record without an id", file)
		}
		a.records[id] = rec
	}
	return a, nil
}

// Next is the id that the next record gets.
func (a *API) Next() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.next
}

// ServeHTTP serves /tickets and /tickets/{id}, and an index at /.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, one := strings.CutPrefix(r.URL.Path, "/tickets/")
	switch {
	case r.URL.Path == "/":
		a.index(w)
	case r.URL.Path == "/tickets":
		a.all(w, r)
	case one:
		n, err := strconv.Atoi(id)
		if err != nil || strconv.Itoa(n) != id { // 007 is not 7
			fail(w, http.StatusNotFound, "there is no ticket "+id)
			return
		}
		a.one(w, r, n)
	default:
		fail(w, http.StatusNotFound, "there is nothing here; try /tickets")
	}
}

func (a *API) index(w http.ResponseWriter) {
	a.mu.Lock()
	n := len(a.records)
	a.mu.Unlock()
	answer(w, http.StatusOK, record{"api": "tickets", "records": n, "collections": []string{"/tickets"}})
}

func (a *API) all(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		answer(w, http.StatusOK, a.find(r))
	case http.MethodPost:
		if rec, ok := body(w, r); ok && valid(w, rec) {
			a.create(w, rec)
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		fail(w, http.StatusMethodNotAllowed, "use GET or POST")
	}
}

// find lists the records in which every field of the query has the value given.
func (a *API) find(r *http.Request) []record {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := []record{}
	for _, id := range slices.Sorted(maps.Keys(a.records)) {
		rec, hit := a.records[id], true
		for field, values := range r.URL.Query() {
			v, there := rec[field]
			hit = hit && there && slices.Contains(values, fmt.Sprint(v))
		}
		if hit {
			out = append(out, rec)
		}
	}
	return out
}

func (a *API) create(w http.ResponseWriter, rec record) {
	a.mu.Lock()
	id := a.next
	rec["id"], rec["created_at"], rec["updated_at"] = id, a.stamp(), a.stamp()
	a.next++
	a.records[id] = rec
	err := a.save()
	a.mu.Unlock()
	w.Header().Set("Location", "/tickets/"+strconv.Itoa(id))
	done(w, http.StatusCreated, rec, err)
}

func (a *API) one(w http.ResponseWriter, r *http.Request, id int) {
	var patch record
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
	case http.MethodPatch, http.MethodPut:
		var ok bool
		if patch, ok = body(w, r); !ok {
			return
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, PATCH, PUT, DELETE")
		fail(w, http.StatusMethodNotAllowed, "use GET, PATCH, PUT or DELETE")
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	rec, there := a.records[id]
	switch {
	case !there:
		fail(w, http.StatusNotFound, fmt.Sprint("there is no ticket ", id))
	case r.Method == http.MethodDelete:
		delete(a.records, id)
		done(w, http.StatusNoContent, nil, a.save())
	case patch == nil:
		answer(w, http.StatusOK, rec)
	default:
		changed := record{}
		if r.Method == http.MethodPatch {
			changed = maps.Clone(rec)
		}
		maps.Copy(changed, patch)
		changed["id"], changed["created_at"], changed["updated_at"] = id, rec["created_at"], a.stamp()
		if valid(w, changed) {
			a.records[id] = changed
			done(w, http.StatusOK, changed, a.save())
		}
	}
}

func (a *API) stamp() string { return a.now().UTC().Format(time.RFC3339) }

// save writes the records to the file, all or nothing. The caller holds the lock.
func (a *API) save() error {
	if a.file == "" {
		return nil
	}
	s := saved{Next: a.next, Records: []record{}}
	for _, id := range slices.Sorted(maps.Keys(a.records)) {
		s.Records = append(s.Records, a.records[id])
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = os.WriteFile(a.file+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(a.file+".new", a.file)
	}
	return err
}

// valid is the rule of this API: a ticket has a title.
func valid(w http.ResponseWriter, rec record) bool {
	if title, _ := rec["title"].(string); strings.TrimSpace(title) == "" {
		fail(w, http.StatusUnprocessableEntity, "title is required")
		return false
	}
	return true
}

// body reads a call's body; ok=false when the call has been answered.
func body(w http.ResponseWriter, r *http.Request) (rec record, ok bool) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err == nil {
		err = decode(text, &rec)
	}
	if err != nil || rec == nil {
		fail(w, http.StatusBadRequest, "the body is not a JSON object")
		return nil, false
	}
	return rec, true
}

// decode reads one JSON value and nothing behind it. Numbers stay as they are written.
func decode(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the JSON value")
	}
	return nil
}

func fail(w http.ResponseWriter, status int, why string) { answer(w, status, record{"error": why}) }

// done answers a write, unless it could not be kept.
func done(w http.ResponseWriter, status int, rec record, err error) {
	switch {
	case err != nil:
		fail(w, http.StatusInternalServerError, err.Error())
	case rec == nil:
		w.WriteHeader(status)
	default:
		answer(w, status, rec)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a client that went away
}

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

// worldSpec is what the role "upstreams" is told: how many sites it plays.
type worldSpec struct {
	Sites int
}

// worldAddresses is what it answers when it is ready.
type worldAddresses struct {
	Sites   []string // one request API each
	Control string
}

// runWorld plays the request APIs of all sites of one network in one process, so that what lands where is seen by one clock.
func runWorld(spec worldSpec) error {
	track := newTracker(spec.Sites)
	var at worldAddresses
	for i := range spec.Sites {
		addr, err := serve("127.0.0.1:0", newAPI(func(record string, n int64, created bool) {
			track.landed(i, record, n, created, time.Now())
		}))
		if err != nil {
			return err
		}
		at.Sites = append(at.Sites, addr)
	}
	var err error
	if at.Control, err = serve("127.0.0.1:0", control(track)); err != nil {
		return err
	}
	if err := ready(at); err != nil {
		return err
	}
	untilOrphaned()
	return nil
}

// control answers the bench's questions about a world.
func control(track *tracker) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/standings", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(track.standings())
	})
	mux.HandleFunc("/mark", func(http.ResponseWriter, *http.Request) { track.mark() })
	mux.HandleFunc("/seen", func(w http.ResponseWriter, r *http.Request) {
		site, err := strconv.Atoi(r.FormValue("site"))
		if err != nil || site < 0 || site >= len(track.sites) {
			http.Error(w, "no such site", http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(track.seen(site))
	})
	mux.HandleFunc("/settled", func(w http.ResponseWriter, r *http.Request) {
		patience, err := time.ParseDuration(r.FormValue("within"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(settled(r, track, patience))
	})
	return mux
}

// settled waits until no site is behind, or the patience is over, and returns how many records are behind then. It asks every
// few milliseconds in this process, which costs the measured ones nothing.
func settled(r *http.Request, track *tracker, patience time.Duration) int {
	every := time.NewTicker(4 * time.Millisecond)
	defer every.Stop()
	over := time.After(patience)
	for {
		left := track.behind()
		if left == 0 {
			return 0
		}
		select {
		case <-every.C:
		case <-over:
			return left
		case <-r.Context().Done():
			return left
		}
	}
}

// api is a tiny request API in the plain convention: /tickets and /tickets/ID. Every other path is answered with one KB.
type api struct {
	landed func(record string, n int64, created bool)

	mu       sync.RWMutex
	last     int
	records  map[string][]byte
	external map[string]string // external id to id
}

func newAPI(landed func(record string, n int64, created bool)) *api {
	return &api{landed: landed, records: map[string][]byte{}, external: map[string]string{}}
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, isTicket := strings.CutPrefix(r.URL.Path, "/tickets")
	if !isTicket {
		_, _ = io.Copy(io.Discard, r.Body)
		reply(w, http.StatusOK, page)
		return
	}
	id = strings.TrimPrefix(id, "/")
	switch {
	case r.Method == http.MethodPost && id == "":
		a.create(w, r)
	case r.Method == http.MethodGet && id == "":
		a.find(w, r.FormValue("external_id"))
	case r.Method == http.MethodGet:
		a.read(w, id)
	case r.Method == http.MethodPatch || r.Method == http.MethodPut:
		a.change(w, r, id)
	case r.Method == http.MethodDelete:
		a.remove(w, id)
	default:
		reply(w, http.StatusMethodNotAllowed, []byte(`{"error":"method"}`))
	}
}

func reply(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (a *api) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	body = bytes.TrimSpace(body)
	if err != nil || len(body) < 2 || body[0] != '{' || !gjson.ValidBytes(body) {
		reply(w, http.StatusBadRequest, []byte(`{"error":"not a JSON object"}`))
		return
	}
	a.mu.Lock()
	a.last++
	id := strconv.Itoa(a.last)
	record := withID(id, body)
	a.records[id] = record
	if ext := gjson.GetBytes(body, "external_id").String(); ext != "" {
		a.external[ext] = id
	}
	a.mu.Unlock()
	a.note(record, true)
	w.Header()["Location"] = []string{"/tickets/" + id}
	reply(w, http.StatusCreated, record)
}

// withID puts the id in front of the record's other fields.
func withID(id string, body []byte) []byte {
	record := make([]byte, 0, len(body)+len(id)+8)
	record = append(append(append(record, `{"id":`...), id...), ',')
	rest := bytes.TrimSpace(body[1:])
	if rest[0] == '}' {
		record = record[:len(record)-1]
	}
	return append(record, rest...)
}

func (a *api) note(record []byte, created bool) {
	if n := gjson.GetManyBytes(record, "key", "n"); n[0].Exists() {
		a.landed(n[0].String(), n[1].Int(), created)
	}
}

func (a *api) find(w http.ResponseWriter, external string) {
	a.mu.RLock()
	record := a.records[a.external[external]]
	a.mu.RUnlock()
	list := make([]byte, 0, len(record)+2)
	reply(w, http.StatusOK, append(append(append(list, '['), record...), ']'))
}

func (a *api) read(w http.ResponseWriter, id string) {
	a.mu.RLock()
	record, ok := a.records[id]
	a.mu.RUnlock()
	if !ok {
		reply(w, http.StatusNotFound, []byte(`{"error":"no such ticket"}`))
		return
	}
	reply(w, http.StatusOK, record)
}

// change merges the body's fields into the record (PATCH) or replaces the record by the body (PUT).
func (a *api) change(w http.ResponseWriter, r *http.Request, id string) {
	var change map[string]json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&change); err != nil {
		reply(w, http.StatusBadRequest, []byte(`{"error":"not a JSON object"}`))
		return
	}
	a.mu.Lock()
	record, ok := a.records[id]
	if ok {
		fields := map[string]json.RawMessage{}
		if r.Method == http.MethodPatch {
			_ = json.Unmarshal(record, &fields) // it was checked when it was stored
		}
		for name, value := range change {
			fields[name] = value
		}
		fields["id"] = json.RawMessage(id)
		record, _ = json.Marshal(fields)
		a.records[id] = record
	}
	a.mu.Unlock()
	if !ok {
		reply(w, http.StatusNotFound, []byte(`{"error":"no such ticket"}`))
		return
	}
	a.note(record, false)
	reply(w, http.StatusOK, record)
}

func (a *api) remove(w http.ResponseWriter, id string) {
	a.mu.Lock()
	record, ok := a.records[id]
	delete(a.records, id)
	delete(a.external, gjson.GetBytes(record, "external_id").String())
	a.mu.Unlock()
	if !ok {
		reply(w, http.StatusNotFound, []byte(`{"error":"no such ticket"}`))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

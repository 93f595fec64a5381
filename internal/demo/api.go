package demo

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// API is a small request API in memory, with the plain conventions of many: integer ids, PATCH merges, PUT replaces, `?field=value`
// finds. It knows nothing of gateways.
type API struct {
	mu      sync.Mutex
	next    int
	records map[int]map[string]any
}

// NewAPI makes an empty one whose first record gets the id first.
func NewAPI(first int) *API {
	return &API{next: first, records: map[int]map[string]any{}}
}

// ServeHTTP serves /tickets and /tickets/{id}.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	path := strings.Trim(r.URL.Path, "/")
	id, one := strings.CutPrefix(path, "tickets/")
	switch {
	case path == "":
		answer(w, http.StatusOK, map[string]any{"api": "tickets", "records": len(a.records)})
	case path == "tickets" && r.Method == http.MethodGet:
		answer(w, http.StatusOK, a.find(r))
	case path == "tickets" && r.Method == http.MethodPost:
		a.create(w, r)
	case one:
		n, err := strconv.Atoi(id)
		if rec := a.records[n]; err == nil && rec != nil {
			a.one(w, r, n, rec)
			return
		}
		answer(w, http.StatusNotFound, map[string]any{"error": "no such ticket"})
	default:
		answer(w, http.StatusNotFound, map[string]any{"error": "nothing here; try /tickets"})
	}
}

func (a *API) find(r *http.Request) []map[string]any {
	out := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(a.records)) {
		rec, hit := a.records[id], true
		for field, values := range r.URL.Query() {
			s, ok := rec[field].(string)
			hit = hit && ok && s == values[0]
		}
		if hit {
			out = append(out, rec)
		}
	}
	return out
}

func (a *API) create(w http.ResponseWriter, r *http.Request) {
	rec, ok := body(w, r)
	if !ok {
		return
	}
	if title, _ := rec["title"].(string); title == "" {
		answer(w, http.StatusUnprocessableEntity, map[string]any{"error": "title is required"})
		return
	}
	rec["id"], rec["created_at"], rec["updated_at"] = a.next, now(), now()
	a.records[a.next] = rec
	w.Header().Set("Location", "/tickets/"+strconv.Itoa(a.next))
	a.next++
	answer(w, http.StatusCreated, rec)
}

func (a *API) one(w http.ResponseWriter, r *http.Request, id int, rec map[string]any) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		answer(w, http.StatusOK, rec)
	case http.MethodDelete:
		delete(a.records, id)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPatch, http.MethodPut:
		patch, ok := body(w, r)
		if !ok {
			return
		}
		changed := map[string]any{}
		if r.Method == http.MethodPatch {
			changed = maps.Clone(rec)
		}
		maps.Copy(changed, patch)
		changed["id"], changed["created_at"], changed["updated_at"] = id, rec["created_at"], now()
		a.records[id] = changed
		answer(w, http.StatusOK, changed)
	default:
		answer(w, http.StatusMethodNotAllowed, map[string]any{"error": "use GET, PATCH, PUT or DELETE"})
	}
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

func body(w http.ResponseWriter, r *http.Request) (map[string]any, bool) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	var rec map[string]any
	if err == nil {
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.UseNumber() // what a client wrote is what it reads
		err = dec.Decode(&rec)
	}
	if err != nil || rec == nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": "the body is not a JSON object"})
		return nil, false
	}
	return rec, true
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that went away
}

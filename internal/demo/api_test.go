package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ask makes one call of an API, without a network.
func ask(a *API, method, target, body string) (int, string, http.Header) {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w.Code, strings.TrimSpace(w.Body.String()), w.Header()
}

func open(t *testing.T, file string) *API {
	t.Helper()
	a, err := OpenAPI(file, 17)
	if err != nil {
		t.Fatal(err)
	}
	a.now = func() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) }
	return a
}

func TestAPI(t *testing.T) {
	t.Parallel()
	a := open(t, "")
	const stamps = `"created_at":"2026-11-23T10:00:00Z"`
	for i, c := range []struct {
		method, target, body string
		status               int
		want                 string // "" for no body, else a part of it
	}{
		{"GET", "/tickets", "", 200, "[]"},
		{"POST", "/tickets", `{"title":"a <b> & c","n":12345678901234567890,"d":1.10}`, 201,
			`{` + stamps + `,"d":1.10,"id":17,"n":12345678901234567890,"title":"a <b> & c","updated_at":"2026-11-23T10:00:00Z"}`},
		{"POST", "/tickets", `{"title":"two","id":99,"done":true}`, 201, `"id":18`},
		{"GET", "/tickets/17", "", 200, `"id":17`},
		{"GET", "/tickets/99", "", 404, `"error"`},
		{"GET", "/tickets/017", "", 404, `"error"`},
		{"GET", "/tickets/+17", "", 404, `"error"`},
		{"GET", "/tickets/17/", "", 404, `"error"`},
		{"GET", "/tickets?title=two", "", 200, `"id":18`},
		{"GET", "/tickets?done=true", "", 200, `"id":18`},
		{"GET", "/tickets?id=17&title=two", "", 200, "[]"},
		{"GET", "/tickets?owner=x", "", 200, "[]"},
		{"PATCH", "/tickets/17", `{"n":null,"id":5}`, 200, `"d":1.10,"id":17,"n":null`},
		{"PATCH", "/tickets/17", `{"title":""}`, 422, "title is required"},
		{"PUT", "/tickets/17", `{"title":"new"}`, 200, `{` + stamps + `,"id":17,"title":"new","updated_at"`},
		{"PUT", "/tickets/17", `{"n":1}`, 422, "title is required"},
		{"GET", "/tickets/17", "", 200, `"title":"new"`},
		{"PATCH", "/tickets/99", `{"n":1}`, 404, `"error"`},
		{"DELETE", "/tickets/99", "", 404, `"error"`},
		{"POST", "/tickets", `{"n":1}`, 422, "title is required"},
		{"POST", "/tickets", `{"title":7}`, 422, "title is required"},
		{"POST", "/tickets", `[1]`, 400, "not a JSON object"},
		{"POST", "/tickets", `null`, 400, "not a JSON object"},
		{"POST", "/tickets", `{"title":"x"} {}`, 400, "not a JSON object"},
		{"POST", "/tickets", `{"title":`, 400, "not a JSON object"},
		{"POST", "/tickets", `{"title":"` + strings.Repeat("x", 1<<20) + `"}`, 400, "not a JSON object"},
		{"DELETE", "/tickets", "", 405, `"error"`},
		{"POST", "/tickets/17", `{}`, 405, `"error"`},
		{"DELETE", "/tickets/17", "", 204, ""},
		{"GET", "/tickets/17", "", 404, `"error"`},
		{"DELETE", "/tickets/17", "", 404, `"error"`},
		{"POST", "/tickets", `{"title":"three"}`, 201, `"id":19`},
		{"GET", "/", "", 200, `"records":2`},
		{"GET", "/else", "", 404, `"error"`},
	} {
		status, body, h := ask(a, c.method, c.target, c.body)
		if status != c.status || !strings.Contains(body, c.want) || c.want == "" && body != "" {
			t.Errorf("%d: %s %s %.80s: got %d %s, want %d and %s", i, c.method, c.target, c.body, status, body, c.status, c.want)
		}
		if status == 201 && h.Get("Location") == "" || status == 405 && h.Get("Allow") == "" {
			t.Errorf("%d: %s %s: headers are %v", i, c.method, c.target, h)
		}
		if body != "" && (!json.Valid([]byte(body)) || h.Get("Content-Type") != "application/json") {
			t.Errorf("%d: %s %s: not JSON: %s %s", i, c.method, c.target, h.Get("Content-Type"), body)
		}
	}
}

// Records that are kept in a file are there the next time, and ids are never given twice.
func TestAPIKeepsRecords(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records.json")
	a := open(t, file)
	for i := range 3 {
		if status, body, _ := ask(a, "POST", "/tickets", fmt.Sprintf(`{"title":"t","n":%d.50}`, i)); status != 201 {
			t.Fatal(status, body)
		}
	}
	ask(a, "DELETE", "/tickets/19", "")
	_, before, _ := ask(a, "GET", "/tickets", "")

	b := open(t, file)
	if _, after, _ := ask(b, "GET", "/tickets", ""); after != before || !strings.Contains(after, "1.50") {
		t.Errorf("the records were\n%s\nand are\n%s", before, after)
	}
	if b.Next() != 20 {
		t.Errorf("the next id is %d, want 20", b.Next())
	}
	if status, _, _ := ask(b, "PATCH", "/tickets/18", `{"n":2}`); status != 200 {
		t.Errorf("a record that was kept cannot be changed: %d", status)
	}

	if err := os.WriteFile(file, []byte(`{"next":1`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAPI(file, 1); err == nil {
		t.Error("a broken file is taken")
	}
}

// What could not be kept is not acknowledged.
func TestAPITellsThatItCannotKeep(t *testing.T) {
	t.Parallel()
	a := open(t, filepath.Join(t.TempDir(), "gone", "records.json"))
	if status, body, _ := ask(a, "POST", "/tickets", `{"title":"t"}`); status != 500 {
		t.Errorf("got %d %s, want 500", status, body)
	}
}

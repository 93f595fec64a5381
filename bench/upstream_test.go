package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

func TestAPI(t *testing.T) {
	var landed []string
	srv := httptest.NewServer(newAPI(func(record string, n int64, created bool) {
		landed = append(landed, fmt.Sprintln(record, n, created))
	}))
	defer srv.Close()
	for i, c := range []struct {
		call, body string
		status     int
		want       string
	}{
		{"POST /tickets", `{"key":"a","n":1,"external_id":"X1"}`, 201, `{"id":1,"key":"a","n":1,"external_id":"X1"}`},
		{"POST /tickets", `{}`, 201, `{"id":2}`},
		{"POST /tickets", `[1]`, 400, ``},
		{"POST /tickets", `{"a":`, 400, ``},
		{"GET /tickets/1", ``, 200, `{"id":1,"key":"a","n":1,"external_id":"X1"}`},
		{"PATCH /tickets/1", `{"n":2,"id":9}`, 200, `{"id":1,"key":"a","n":2,"external_id":"X1"}`},
		{"PUT /tickets/1", `{"key":"a","n":3,"external_id":"X1"}`, 200, `{"id":1,"key":"a","n":3,"external_id":"X1"}`},
		{"PATCH /tickets/7", `{}`, 404, ``},
		{"GET /tickets?external_id=X1", ``, 200, `[{"id":1,"key":"a","n":3,"external_id":"X1"}]`},
		{"GET /tickets?external_id=X2", ``, 200, `[]`},
		{"DELETE /tickets/1", ``, 204, ``},
		{"DELETE /tickets/1", ``, 404, ``},
		{"GET /tickets?external_id=X1", ``, 200, `[]`},
		{"GET /tickets/1", ``, 404, ``},
		{"GET /plain/page", ``, 200, string(page)},
		{"POST /plain/page", string(page), 200, string(page)},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		req, err := http.NewRequest(method, srv.URL+path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != c.status || c.want != "" && !sameJSON(t, string(got), c.want) {
			t.Errorf("%d: %s: %d %s, want %d %s", i, c.call, res.StatusCode, got, c.status, c.want)
		}
	}
	if want := []string{"a 1 true\n", "a 2 false\n", "a 3 false\n"}; !reflect.DeepEqual(landed, want) {
		t.Errorf("landed %q, want %q", landed, want)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Errorf("%q: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

func TestBodies(t *testing.T) {
	for name, body := range map[string][]byte{
		"page": page, "creation": creation(12345, pageSize), "short": creation(1, 10), "alteration": alteration("k1", 7),
	} {
		if !json.Valid(body) {
			t.Errorf("%s is not JSON: %s", name, body)
		}
	}
	if len(page) != pageSize || len(creation(99, pageSize)) != pageSize {
		t.Errorf("bodies of %d and %d bytes, want %d", len(page), len(creation(99, pageSize)), pageSize)
	}
}

func TestControl(t *testing.T) {
	track := newTracker(2)
	srv := httptest.NewServer(control(track))
	defer srv.Close()
	w := &world{at: worldAddresses{Control: strings.TrimPrefix(srv.URL, "http://")}}
	a := newAPI(func(record string, n int64, created bool) { track.landed(0, record, n, created, clockAt(n)) })
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, httptest.NewRequest("POST", "/tickets", strings.NewReader(string(creation(5, 200)))))
	if rec.Code != 201 {
		t.Fatal(rec.Code, rec.Body)
	}
	left, err := w.settled(t.Context(), 0)
	if err != nil || left != 1 {
		t.Errorf("settled: %d, %v", left, err)
	}
	st, err := w.standings(t.Context())
	if err != nil || len(st) != 2 || st[1].Behind != 1 || st[0].Creates != 1 {
		t.Errorf("standings: %+v, %v", st, err)
	}
	seen, err := w.seen(t.Context(), 0)
	if err != nil || seen[5] != clockAt(5).UnixNano() {
		t.Errorf("seen: %v, %v", seen, err)
	}
	if _, err := w.seen(t.Context(), 9); err == nil {
		t.Error("a site that does not exist must be an error")
	}
	if err := w.mark(t.Context()); err != nil {
		t.Error(err)
	}
	track.landed(1, recordKey(5), 5, true, clockAt(6))
	if left, err := w.settled(t.Context(), 0); err != nil || left != 0 {
		t.Errorf("settled: %d, %v", left, err)
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// TestFloor: the yardstick must do what it is measured for, or every ratio is wrong.
func TestFloor(t *testing.T) {
	store := miniredis.RunT(t)
	landed := make(chan int, 16)
	var addrs []string
	for i := range 3 {
		srv := httptest.NewServer(newAPI(func(string, int64, bool) { landed <- i }))
		t.Cleanup(srv.Close)
		addrs = append(addrs, strings.TrimPrefix(srv.URL, "http://"))
	}
	f, err := newFloor(t.Context(), proxySpec{Upstream: addrs[0], Holders: addrs[1:], Redis: store.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(f)
	defer front.Close()
	var count [3]int
	for i, c := range []struct {
		method, path, body string
		status, lands      int
	}{
		{"POST", "/tickets", string(creation(1, 200)), 201, 3},
		{"PATCH", "/tickets/1", string(alteration("k1", 2)), 200, 3},
		{"PATCH", "/tickets/77", string(alteration("k1", 3)), 404, 0},
		{"GET", "/tickets/1", "", 200, 0},
	} {
		req, err := http.NewRequest(c.method, front.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := front.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%d: status %d, want %d", i, res.StatusCode, c.status)
		}
		for range c.lands {
			count[<-landed]++
		}
	}
	if count != [3]int{2, 2, 2} {
		t.Errorf("landed %v, want each accepted write once at every site and a refused one nowhere", count)
	}
}

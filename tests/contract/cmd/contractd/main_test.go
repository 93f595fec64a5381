package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A process can be told which product to be, is talked to with what it prints, and ends when it is told to.
func TestRun(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"--product", "freshdesk", "--token", "key", "--first", "7"}, w) }()
	printed := make(map[string]string)
	lines := bufio.NewScanner(r)
	for len(printed) < 4 && lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		printed[name] = value
	}
	call := func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequest(method, printed["url"]+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(printed["token"], "X")
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	ticket := `{"subject":"s","description":"d","email":"a@example.com"}`
	if status, body := call("POST", "/-/fault?do=fail&match=POST%20/api&status=503", ""); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	for _, want := range []int{503, 201} {
		if status, body := call("POST", "/api/v2/tickets", ticket); status != want {
			t.Fatalf("%d, not %d: %s", status, want, body)
		}
	}
	if _, body := call("GET", "/-/records", ""); !strings.Contains(body, `"id":7`) {
		t.Fatalf("records: %s", body)
	}
	if _, body := call("GET", "/-/calls", ""); !strings.Contains(body, `"path":"/api/v2/tickets"`) || !strings.Contains(body, `"status":503`) {
		t.Fatalf("calls: %s", body)
	}
	for _, bad := range []string{"do=explode", "do=fail&n=x"} {
		if status, _ := call("POST", "/-/fault?"+bad, ""); status != 400 {
			t.Fatalf("%s: %d", bad, status)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--product", "nothing"}, {"--product", "jira", "--listen", "nowhere:x"}} {
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWire(t *testing.T) {
	long := strings.Repeat("0123456789", 3000)
	var mu sync.Mutex
	dialled := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		dialled[r.RemoteAddr] = true
		mu.Unlock()
		switch r.URL.Path {
		case "/echo":
			_, _ = io.Copy(w, r.Body)
		case "/long":
			_, _ = io.WriteString(w, long)
		case "/chunked":
			_, _ = io.WriteString(w, "one,")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "two")
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		case "/close":
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, "bye")
		}
	}))
	defer srv.Close()
	w := &wire{addr: strings.TrimPrefix(srv.URL, "http://"), until: time.Now().Add(10 * time.Second)}
	defer w.close()
	for i, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/echo", "hello", 200, "hello"},
		{"GET", "/long", "", 200, long},
		{"GET", "/chunked", "", 200, "one,two"},
		{"GET", "/empty", "", 204, ""},
		{"GET", "/early", "", 418, ""},
		{"GET", "/close", "", 200, "bye"},
		{"POST", "/echo", "", 200, ""},
	} {
		status, body, err := w.do(layOut(c.method, c.path, w.addr, []byte(c.body)))
		if err != nil || status != c.status || string(body) != c.want {
			t.Errorf("%d: %s %s: %d, %d bytes, %v", i, c.method, c.path, status, len(body), err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(dialled) != 2 {
		t.Errorf("%d connections, want 2: one kept until the server closed it, one after", len(dialled))
	}
}

func TestWireRefusesNonsense(t *testing.T) {
	for _, answer := range []string{
		"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nno length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "",
	} {
		addr := answerOnce(t, answer)
		w := &wire{addr: addr, until: time.Now().Add(10 * time.Second)}
		if status, body, err := w.do(layOut("GET", "/", addr, nil)); err == nil {
			t.Errorf("%q was taken for %d %q", answer, status, body)
		}
		if w.conn != nil {
			t.Errorf("%q: the connection is kept", answer)
		}
	}
}

func TestLayOut(t *testing.T) {
	if got := layOut("GET", "/x", "h:1", nil); bytes.Contains(got, []byte("Content-")) || !bytes.HasSuffix(got, []byte("\r\n\r\n")) {
		t.Errorf("a call without a body: %q", got)
	}
	if got := layOut("POST", "/x", "h:1", []byte("ab")); !bytes.HasSuffix(got, []byte("Content-Length: 2\r\n\r\nab")) {
		t.Errorf("a call with a body: %q", got)
	}
}

// answerOnce takes one connection, reads what comes first, writes the answer and closes. It returns its address.
func answerOnce(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, answer)
		_ = c.Close()
	}()
	return l.Addr().String()
}

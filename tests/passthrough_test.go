package tests

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// raw sends bytes to an address and returns everything that comes back until it is closed, or until patience is over.
func raw(t *testing.T, address, text string, patience time.Duration) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		return ""
	}
	b, _ := io.ReadAll(c)
	return string(b)
}

// Paths, queries, methods and headers that are none of the gateway's business arrive as they were sent, byte for byte.
func TestPassThroughIsExact(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo := n.At("oslo")
	for _, uri := range []string{
		"/echo/a%2Fb", "/echo/a//b", "/echo/%7Euser", "/echo/~user", "/echo/x?a=1;b=2", "/echo/x?a=%zz", "/echo/x?", "/echo/x?a=b+c%20d",
		"/echo/x?q=a&q=b&&=", "/echo/%e4%f6", "/echo/a%20b/", "/echo/semi;v=1/x", "/echo/x?redirect=http://h/../y", "/echo/q?a=%2F%2f",
		"/echo/!$&'()*+,=:@", "/echo/tickets/../x%2e",
	} {
		answer := raw(t, oslo.Address(), "GET "+uri+" HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\nX-Lower-case: MiXed\r\n\r\n", soon)
		_, body, _ := strings.Cut(answer, "\r\n\r\n")
		var got harness.Echoed
		if err := json.NewDecoder(strings.NewReader(body[max(strings.IndexByte(body, '{'), 0):])).Decode(&got); err != nil {
			t.Errorf("%s: %v in %.300s", uri, err, answer)
			continue
		}
		if got.URI != uri {
			t.Errorf("%s arrived as %s", uri, got.URI)
		}
		if got.Header.Get("X-Lower-Case") != "MiXed" || got.Header.Get("Via") == "" || got.Header.Get("X-Forwarded-For")+got.Header.Get("Forwarded") == "" {
			t.Errorf("%s arrived with the headers %v", uri, got.Header)
		}
	}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"} {
		a := oslo.Do(harness.Call{Method: method, Path: "/echo/method", Body: "not { json", Header: http.Header{"Content-Type": {"text/odd"},
			"Meridian-Owner": {"forged"}, "Authorization": {"Basic Zm9v"}}}).Want(200)
		var got harness.Echoed
		if err := json.Unmarshal(a.Body, &got); err != nil || got.Method != method || got.Body != "not { json" ||
			got.Header.Get("Content-Type") != "text/odd" || got.Header.Get("Authorization") != "Basic Zm9v" {
			t.Errorf("%s arrived as %+v (%v)", method, got, err)
		}
		if got.Header.Get("Meridian-Owner") != "" {
			t.Errorf("%s: a client's Meridian-Owner went through", method)
		}
		if c := a.Header.Values("Set-Cookie"); len(c) != 2 || a.Header.Get("X-Odd") != "kept as it is" || a.Request() != "" {
			t.Errorf("%s: the answer has the headers %v", method, a.Header)
		}
	}
	list := oslo.Get("/tickets?status=open").Want(200)
	if strings.TrimSpace(string(list.Body)) != "[]" {
		t.Errorf("a list gave %s", list.Body)
	}
	oslo.Get("/tickets/4711").Want(404)
	oslo.Patch("/tickets/4711", `{"a":1}`).Want(404)
}

// A WebSocket is carried both ways.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	c, err := net.Dial("tcp", n.At("oslo").Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(soon))
	_, _ = io.WriteString(c, "GET /echo/ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, &http.Request{Method: "GET"})
	if err != nil || res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("the handshake gave %v (%v)", res, err)
	}
	for i := range 20 {
		frame := make([]byte, 1000*i+3)
		_, _ = rand.Read(frame)
		if _, err := c.Write(frame); err != nil {
			t.Fatal(err)
		}
		back := make([]byte, len(frame))
		if _, err := io.ReadFull(r, back); err != nil || string(back) != string(frame) {
			t.Fatalf("frame %d came back changed (%v)", i, err)
		}
	}
}

// A download of 200 MiB and an upload of 100 MiB go through whole, while the gateway's memory stays as it is.
func TestLargeBodies(t *testing.T) {
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo := n.At("oslo")
	const size = 200 << 20
	oslo.Get("/echo/big?size=1000000").Want(200)
	before := memory(t, oslo)
	res, err := http.Get(oslo.URL(fmt.Sprintf("/echo/big?size=%d", size)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.ContentLength != size {
		t.Errorf("Content-Length is %d", res.ContentLength)
	}
	buf := make([]byte, 1<<20)
	var got, most int64
	for {
		k, err := io.ReadFull(res.Body, buf)
		if !harness.CheckPattern(buf[:k], got) {
			t.Fatalf("the download is wrong after %d bytes", got)
		}
		if got += int64(k); got%(20<<20) == 0 {
			most = max(most, memory(t, oslo))
		}
		if err != nil {
			break
		}
	}
	if got != size {
		t.Errorf("got %d bytes of %d", got, size)
	}
	up, err := http.Post(oslo.URL("/echo/drain"), "application/octet-stream", io.LimitReader(zeros{}, size/2))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = up.Body.Close() }()
	answer, _ := io.ReadAll(up.Body)
	if !strings.Contains(string(answer), fmt.Sprint(size/2)) {
		t.Errorf("the upload arrived as %s", answer)
	}
	most = max(most, memory(t, oslo))
	if most-before > 32<<20 {
		t.Errorf("the gateway's memory grew from %d to %d MiB", before>>20, most>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func memory(t *testing.T, g *harness.Gateway) int64 {
	t.Helper()
	m, err := g.Process().Memory()
	if err != nil {
		t.Skip(err)
	}
	return m
}

// The first bytes of a long answer arrive before the last are made: nothing is buffered.
func TestStreaming(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	api := harness.NewFake(t, "oslo")
	api.Stream(more)
	n := harness.Start(t, harness.Network{Sites: []harness.Site{{Name: "oslo", API: api}, {Name: "rome", API: harness.NewFake(t, "rome")}}})
	res, err := http.Get(n.At("oslo").URL("/echo/stream"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	r := bufio.NewReader(res.Body)
	for i := range 5 {
		line, err := r.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("line %d is %q (%v)", i, line, err)
		}
		more <- struct{}{}
	}
}

package harness

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Echoed is what /echo/… tells of the call it got.
type Echoed struct {
	Method string
	URI    string
	Host   string
	Header http.Header
	Body   string
}

// pattern is what large downloads consist of.
func pattern(buf []byte, offset int64) {
	for i := range buf {
		buf[i] = byte((offset + int64(i)) * 31 >> 3)
	}
}

// echo answers below /echo: /echo/ws is a WebSocket that sends everything back, /echo/big?size=N a download, anything else
// tells what arrived.
func (f *Fake) echo(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/echo/ws":
		webSocket(w, r)
	case "/echo/big":
		size, _ := strconv.ParseInt(r.URL.Query().Get("size"), 10, 64)
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		buf := make([]byte, 256<<10)
		for sent := int64(0); sent < size; {
			n := min(int64(len(buf)), size-sent)
			pattern(buf[:n], sent)
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
			sent += n
		}
	case "/echo/stream":
		f.stream(w)
	case "/echo/drain":
		n, _ := io.Copy(io.Discard, r.Body)
		_ = json.NewEncoder(w).Encode(map[string]int64{"size": n})
	default:
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Odd", "kept as it is")
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		_ = json.NewEncoder(w).Encode(Echoed{Method: r.Method, URI: r.RequestURI, Host: r.Host, Header: r.Header, Body: string(body)})
	}
}

// CheckPattern reports whether data is the part of a large download that begins at offset.
func CheckPattern(data []byte, offset int64) bool {
	want := make([]byte, len(data))
	pattern(want, offset)
	return string(want) == string(data)
}

func webSocket(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		http.Error(w, "no upgrade", http.StatusBadRequest)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
	if rw.Flush() != nil {
		return
	}
	_, _ = io.Copy(conn, rw) // whatever comes goes back, frame for frame
}

// Stream makes /echo/stream send one line at a time, each after a word from the test.
func (f *Fake) Stream(more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.more = more
}

func (f *Fake) stream(w http.ResponseWriter) {
	f.mu.Lock()
	more := f.more
	f.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for i := range 5 {
		_, _ = fmt.Fprintf(w, "data: %d\n", i)
		_ = out.Flush()
		<-more
	}
}

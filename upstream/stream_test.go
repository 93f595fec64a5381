package upstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// pattern is an endless text that is cheap to make; its period is no multiple of any buffer's.
type pattern struct{ n int }

const period = 65521

func (p *pattern) Read(b []byte) (int, error) {
	text := block()
	for n := 0; n < len(b); {
		k := copy(b[n:], text[p.n:])
		n, p.n = n+k, (p.n+k)%period
	}
	return len(b), nil
}

var block = sync.OnceValue(func() []byte {
	out := make([]byte, period)
	for i := range out {
		out[i] = byte(i ^ i>>8*7)
	}
	return out
})

func put(target string) request.Call { return request.Call{Method: "PUT", Target: target} }

// A quarter of a GiB goes each way, whole, and leaves no trace in memory.
func TestStreamsInFlatMemory(t *testing.T) {
	const size = 256 << 20
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = io.CopyN(w, &pattern{}, size)
			return
		}
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
		_, _ = fmt.Fprintf(w, "%d %d %x %v", r.ContentLength, n, h.Sum(nil), err)
	}))
	t.Cleanup(s.Close)
	u := client(t, s.URL)
	h := sha256.New()
	_, _ = io.CopyN(h, &pattern{}, size)
	sum := fmt.Sprintf("%x", h.Sum(nil))
	stop := highest(t)
	for name, length := range map[string]int64{"known": size, "unknown": -1} {
		res, err := u.Stream(t.Context(), put("/files/1"), io.LimitReader(&pattern{}, size), length, true)
		if err != nil {
			t.Fatal(name, err)
		}
		body, err := io.ReadAll(res.Body)
		if want := fmt.Sprintf("%d %d %s <nil>", length, size, sum); err != nil || string(body) != want || res.Status != 200 {
			t.Errorf("%s: %s %v\nwant %s", name, body, err, want)
		}
		_ = res.Body.Close()
	}
	res, err := u.Stream(t.Context(), get("/files/1"), nil, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	h.Reset()
	n, err := io.Copy(h, res.Body)
	if got := fmt.Sprintf("%x", h.Sum(nil)); err != nil || n != size || res.Size != size || got != sum {
		t.Error(n, res.Size, err)
	}
	_ = res.Body.Close()
	if grown := stop(); grown > 16<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

// highest watches how far the heap grows until it is stopped.
func highest(t *testing.T) (stop func() int64) {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, most := m.HeapAlloc, m.HeapAlloc
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	}()
	return func() int64 { close(done); <-ended; return int64(most) - int64(base) }
}

// An upload that is cut is doubtful and is not sent again, wherever the cut is.
func TestCutUploads(t *testing.T) {
	var tries atomic.Int32
	for _, after := range []int64{0, 1, 100 << 10, 8 << 20} {
		tries.Store(0)
		base := listener(t, func(c net.Conn) {
			tries.Add(1)
			_, _ = io.CopyN(io.Discard, c, after)
			_ = c.Close()
		})
		_, err := client(t, base).Stream(t.Context(), put("/f"), io.LimitReader(&pattern{}, 64<<20), 64<<20, true)
		if after > 0 || request.KindOf(err) != request.NotSent { // a connection that is cut at once may be so before anything left
			wantKind(t, err, request.Doubtful)
		}
		if tries.Load() != 1 {
			t.Errorf("%d tries", tries.Load())
		}
	}
}

// listener serves each connection by hand, and ends with the test.
func listener(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(c); _ = c.Close() })
		}
	})
	return "http://" + l.Addr().String()
}

func TestCutDownloads(t *testing.T) {
	for name, k := range map[string]struct{ head, body string }{
		"length": {"Content-Length: 1000000\r\n", strings.Repeat("x", 500000)},
		"chunks": {"Transfer-Encoding: chunked\r\n", "ffff\r\n" + strings.Repeat("x", 0xffff) + "\r\nffff\r\nyy"},
	} {
		base := listener(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			say(c, "HTTP/1.1 200 OK\r\n"+k.head+"\r\n"+k.body)
		})
		res, err := client(t, base).Stream(t.Context(), get("/f"), nil, 0, true)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		wantKind(t, err, request.Doubtful)
		if want := fmt.Sprintf("the answer (status 200) broke off after %d bytes", n); n == 0 || !strings.Contains(err.Error(), want) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(name, n, err)
		}
		_ = res.Body.Close()
	}
}

func TestUnsentStreams(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	body := strings.NewReader("bytes")
	_, err = client(t, "http://"+l.Addr().String()).Stream(t.Context(), put("/f"), body, 5, true)
	wantKind(t, err, request.NotSent)
	if body.Len() != 5 {
		t.Error("the body was read")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client(t, "http://"+l.Addr().String()).Stream(ctx, put("/f"), body, 5, true)
	wantKind(t, err, request.ClientGone)
	_, err = client(t, "http://x").Stream(t.Context(), put("/f f"), body, 5, true)
	wantKind(t, err, request.NotSent)
}

// A source that breaks is not taken for its end.
func TestBrokenSource(t *testing.T) {
	var whole atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			whole.Store(true)
		}
	}))
	t.Cleanup(s.Close)
	broken := errors.New("the peer is gone")
	for _, size := range []int64{1 << 20, -1} {
		_, err := client(t, s.URL).Stream(t.Context(), put("/f"), io.MultiReader(strings.NewReader(strings.Repeat("x", 9999)), iotest.ErrReader(broken)), size, true)
		wantKind(t, err, request.Doubtful)
		if !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	_, err := client(t, s.URL).Stream(t.Context(), put("/f"), strings.NewReader("short"), 1<<20, true)
	wantKind(t, err, request.Doubtful)
	s.Close()
	if whole.Load() {
		t.Error("half a body was taken for a whole one")
	}
}

// wire is a transport over pipes, for fake time.
func wire(t *testing.T, serve func(net.Conn)) func(*Options) {
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	return func(o *Options) {
		o.DialContext = func(context.Context, string, string) (net.Conn, error) {
			a, b := net.Pipe()
			wg.Go(func() { serve(b); _ = b.Close() })
			return a, nil
		}
	}
}

// slowly moves n bytes, one in each while.
type slowly struct {
	n     int
	while time.Duration
}

func (s *slowly) Read(p []byte) (int, error) {
	if s.n == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.while)
	s.n--
	p[0] = 'x'
	return 1, nil
}

// A stream may take as long as it likes while something moves.
func TestSlowStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := client(t, "http://x", wire(t, func(c net.Conn) {
			buf := make([]byte, 4096)
			got := 0
			for !bytes.HasSuffix(buf[:got], []byte("0\r\n\r\n")) {
				n, err := c.Read(buf[got:])
				if err != nil {
					return
				}
				got += n
			}
			say(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
			for range 100 {
				time.Sleep(4 * time.Second)
				say(c, "y")
			}
		}))
		start := time.Now()
		res, err := u.Stream(t.Context(), put("/f"), &slowly{100, 4 * time.Second}, -1, true)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // what the reader does takes none of the time
		n, err := io.Copy(io.Discard, res.Body)
		if n != 100 || err != nil || time.Since(start) < 400*time.Second+time.Hour {
			t.Error(n, err, time.Since(start))
		}
		_ = res.Body.Close()
	})
}

// A stream in which nothing moves ends.
func TestStuckStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		read := func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }
		for name, serve := range map[string]func(net.Conn){
			"takes nothing":    func(net.Conn) { <-stop },
			"takes a part":     func(c net.Conn) { read(c); <-stop },
			"takes all":        func(c net.Conn) { go func() { <-stop; _ = c.Close() }(); _, _ = io.Copy(io.Discard, c) },
			"says half a head": func(c net.Conn) { read(c); say(c, "HTTP/1.1 200 OK\r\n"); <-stop },
		} {
			stop = make(chan struct{})
			u := client(t, "http://x", wire(t, serve))
			start := time.Now()
			_, err := u.Stream(t.Context(), put("/f"), strings.NewReader(strings.Repeat("x", 1<<20)), 1<<20, true)
			wantKind(t, err, request.Doubtful)
			if took := time.Since(start); took != 5*time.Second || !strings.Contains(err.Error(), "no byte moved") {
				t.Errorf("%s: %v %v", name, took, err)
			}
			close(stop)
			synctest.Wait()
		}
		stop = make(chan struct{})
		u := client(t, "http://x", wire(t, func(c net.Conn) { read(c); say(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"); <-stop }))
		res, err := u.Stream(t.Context(), get("/f"), nil, 0, true)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		n, err := io.Copy(io.Discard, res.Body)
		wantKind(t, err, request.Doubtful)
		if took := time.Since(start); n != 4 || took != 5*time.Second || !strings.Contains(err.Error(), "no byte moved") {
			t.Error(n, took, err)
		}
		_ = res.Body.Close()
		close(stop)
	})
}

// A stream has its place until it is closed, whatever came of it.
func TestStreamsKeepTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fail atomic.Bool
		u := client(t, "http://x", func(o *Options) {
			o.Parallel = 1
			o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				if fail.Load() {
					return nil, errors.New("broke")
				}
				return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("x")), Request: r}, nil
			})
		})
		for range 3 {
			res, err := u.Stream(t.Context(), get("/"), nil, 0, true)
			if err != nil {
				t.Fatal(err)
			}
			_, err = u.Do(t.Context(), get("/"), true)
			wantKind(t, err, request.NotSent)
			_, _ = u.Do(t.Context(), get("/"), false)
			_, _ = res.Body.Close(), res.Body.Close()
			fail.Store(true)
			_, err = u.Stream(t.Context(), get("/"), nil, 0, true)
			wantKind(t, err, request.Doubtful)
			fail.Store(false)
		}
	})
}

// A token that has expired is another one for a download at once; an upload that has begun is not repeated, and the next is good.
func TestStreamsLogIn(t *testing.T) {
	o := &office{}
	s := httptest.NewServer(o)
	t.Cleanup(s.Close)
	u := client(t, s.URL, func(op *Options) { op.Credentials.Login, op.Timeout = login(t, standard()), time.Minute })
	stream := func(call request.Call, body io.Reader, size int64) int {
		t.Helper()
		res, err := u.Stream(t.Context(), call, body, size, true)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.Status
	}
	if got := stream(get("/f"), nil, 0); got != 200 {
		t.Error(got)
	}
	o.good.Store(-1)
	if got := stream(get("/f"), nil, 0); got != 200 {
		t.Error(got)
	}
	o.want(t, 2, 3, 2)
	o.good.Store(-1)
	if got := stream(put("/f"), strings.NewReader("bytes"), 5); got != 401 {
		t.Error(got)
	}
	o.want(t, 2, 4, 2)
	if got := stream(put("/f"), strings.NewReader("bytes"), 5); got != 200 {
		t.Error(got)
	}
	o.want(t, 3, 5, 3)
	// One that is always refused does not make a login each time.
	o.never.Store(true)
	for range 10 {
		if got := stream(put("/f"), strings.NewReader("bytes"), 5); got != 401 {
			t.Error(got)
		}
	}
	if n := o.logins.Load(); n > 4 {
		t.Errorf("%d logins", n)
	}
	if a, err := u.Stream(t.Context(), get("/f"), nil, 0, false); err != nil || a.Status != 401 || a.Body.Close() != nil {
		t.Error("a client's own call had the gateway's token", err)
	}
}

// Downloads are followed to another place of the API, and no further.
func TestDownloadsThatLeadElsewhere(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	t.Cleanup(other.Close)
	var hops atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hops.Add(1)
		if r.Header.Get("Authorization") != "Bearer b" || r.Header.Get("Accept") != "*/*" {
			t.Errorf("%s: %v", r.URL, r.Header)
		}
		switch to := r.URL.Query().Get("to"); {
		case r.URL.Path == "/v1/files/1/there":
			_, _ = io.WriteString(w, "bytes of "+r.URL.RawQuery)
		case to == "":
			w.WriteHeader(http.StatusFound)
		default:
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
		}
	}))
	t.Cleanup(s.Close)
	u := client(t, s.URL+"/v1", func(o *Options) { o.Credentials.Bearer, o.Parallel = "b", 1 })
	for _, k := range []struct {
		to, method string
		status     int
		body       string
		hops       int32
	}{
		{"/v1/files/1/there?x=%2F", "GET", 200, "bytes of x=%2F", 2},
		{"1/there", "GET", 200, "bytes of ", 2},
		{s.URL + "/v1/files/1/there#part", "GET", 200, "bytes of ", 2},
		{"/v1/files/1?to=1/there", "GET", 200, "bytes of ", 3},
		{"/v1/files/1/there", "DELETE", 302, "", 1},
		{other.URL + "/x", "GET", 302, "", 1},
		{"//" + strings.TrimPrefix(other.URL, "http://") + "/x", "GET", 302, "", 1},
		{strings.Replace(s.URL, "http", "https", 1) + "/x", "GET", 302, "", 1},
		{"", "GET", 302, "", 1},
		{"?", "GET", 302, "", 2},
	} {
		hops.Store(0)
		call := request.Call{Method: k.method, Target: "/files/1?to=" + url.QueryEscape(k.to), Header: http.Header{"Accept": {"*/*"}}}
		res, err := u.Stream(t.Context(), call, nil, 0, true)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.Status != k.status || string(body) != k.body || hops.Load() != k.hops {
			t.Errorf("%s %s: %d %q, %d hops, %v", k.method, k.to, res.Status, body, hops.Load(), err)
		}
		_ = res.Body.Close()
	}
}

// A body meets dead kept connections: it arrives once and whole, or it is said that it did not.
func TestStreamsOnDeadConnections(t *testing.T) {
	var mu sync.Mutex
	arrived := map[string]int{}
	base, _ := server(t, func(c net.Conn, r *http.Request, n int) {
		mu.Lock()
		arrived[r.RequestURI]++
		mu.Unlock()
		say(c, ok)
		_ = c.Close() // although it said nothing of closing
	})
	u := client(t, base)
	for i := range 300 {
		target := fmt.Sprintf("/f%d", i)
		body := strings.NewReader("bytes")
		res, err := u.Stream(t.Context(), put(target), body, 5, true)
		mu.Lock()
		n := arrived[target]
		mu.Unlock()
		switch {
		case err == nil && n == 1:
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		case err == nil, n > 1:
			t.Errorf("%s arrived %d times, %v", target, n, err)
		case request.KindOf(err) == request.NotSent && n > 0:
			t.Errorf("%s was not sent, and arrived", target)
		}
	}
}

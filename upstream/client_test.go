package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/meridian-gateway/meridian/request"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t testing.TB, base string, change ...func(*Options)) *Client {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Base: u, Timeout: 5 * time.Second}
	for _, f := range change {
		f(&o)
	}
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

func post(body string) request.Call {
	return request.Call{Method: "POST", Target: "/tickets", Body: []byte(body), Header: http.Header{"Content-Type": {"application/json"}}}
}

func get(target string) request.Call { return request.Call{Method: "GET", Target: target} }

func wantKind(t *testing.T, err error, want request.ErrKind) {
	t.Helper()
	if err == nil || request.KindOf(err) != want {
		t.Fatalf("%v (%s), want %s", err, request.KindOf(err), want)
	}
}

// server is an HTTP server by hand: serve gets each connection after a whole request was read from it.
func server(t *testing.T, serve func(c net.Conn, r *http.Request, n int)) (addr string, requests *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests = new(atomic.Int32)
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				in := bufio.NewReader(c)
				for n := 0; ; n++ {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					requests.Add(1)
					serve(c, r, n)
				}
			})
		}
	})
	return "http://" + l.Addr().String(), requests
}

func say(c net.Conn, text string) { _, _ = io.WriteString(c, text) }

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

// A server that makes the record and drops the connection, at once or on a kept connection: the write runs once.
func TestCommitsThenDrops(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		var fresh atomic.Bool
		base, requests := server(t, func(c net.Conn, _ *http.Request, n int) {
			if n == 0 && !fresh.Load() {
				say(c, ok)
				return
			}
			_ = c.Close()
		})
		u := client(t, base)
		call := post(`{"a":1}`)
		call.Method = method
		if method == "DELETE" {
			call.Body = nil
		}
		call.Header.Set("Idempotency-Key", "k")
		call.Header.Set("X-Idempotency-Key", "k")
		if _, err := u.Do(t.Context(), get("/"), true); err != nil {
			t.Fatal(err)
		}
		before := requests.Load()
		_, err := u.Do(t.Context(), call, false) // on the kept connection
		wantKind(t, err, request.Doubtful)
		fresh.Store(true)
		_, err = u.Do(t.Context(), call, false) // on a new one
		wantKind(t, err, request.Doubtful)
		if n := requests.Load() - before; n != 2 {
			t.Errorf("%s ran %d times in two calls", method, n)
		}
	}
}

func TestReadOnDeadKeptConnectionIsRepeated(t *testing.T) {
	base, requests := server(t, func(c net.Conn, _ *http.Request, n int) {
		if n == 0 {
			say(c, ok)
		} else {
			_ = c.Close()
		}
	})
	u := client(t, base)
	for range 2 {
		if _, err := u.Do(t.Context(), get("/"), true); err != nil {
			t.Fatal(err)
		}
	}
	if n := requests.Load(); n != 3 {
		t.Errorf("%d requests", n)
	}
}

func TestRefusedDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	_, err = client(t, "http://"+l.Addr().String()).Do(t.Context(), post("{}"), true)
	wantKind(t, err, request.NotSent)
	// The other side is no TLS server.
	base, requests := server(t, func(net.Conn, *http.Request, int) {})
	_, err = client(t, strings.Replace(base, "http:", "https:", 1)).Do(t.Context(), post("{}"), true)
	if n := requests.Load(); n != 0 || err == nil || request.KindOf(err) != request.NotSent {
		t.Error(n, err)
	}
}

func TestSlow(t *testing.T) {
	stop := make(chan struct{})
	base, requests := server(t, func(net.Conn, *http.Request, int) { <-stop })
	t.Cleanup(func() { close(stop) })
	u := client(t, base, func(o *Options) { o.Timeout = 50 * time.Millisecond })
	_, err := u.Do(t.Context(), post("{}"), true)
	wantKind(t, err, request.Doubtful)
	if requests.Load() != 1 {
		t.Error(requests.Load())
	}
}

func TestClientGone(t *testing.T) {
	arrived, stop := make(chan struct{}), make(chan struct{})
	base, _ := server(t, func(net.Conn, *http.Request, int) { close(arrived); <-stop })
	t.Cleanup(func() { close(stop) })
	u := client(t, base)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := u.Do(ctx, post("{}"), false)
	wantKind(t, err, request.ClientGone)
	ctx, cancel = context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err = u.Do(ctx, post("{}"), false)
	wantKind(t, err, request.Doubtful)
	cancel()
}

// The moment of giving up is moved through a call: whenever the client says that nothing was sent, nothing may ever arrive.
func TestNotSentIsTrue(t *testing.T) {
	var arrived sync.Map
	base, _ := server(t, func(c net.Conn, r *http.Request, _ int) { arrived.Store(r.RequestURI, true); say(c, ok) })
	u := client(t, base)
	var unsent []string
	for i := range 400 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Microsecond)
		call := post("{}")
		call.Target = fmt.Sprintf("/tickets/%d", i)
		_, err := u.Do(ctx, call, false)
		cancel()
		if k := request.KindOf(err); err != nil && (k == request.NotSent || k == request.ClientGone) {
			unsent = append(unsent, call.Target)
		}
		if _, err := u.Do(t.Context(), get("/"), false); err != nil { // leaves a kept connection, and shows what came before
			t.Fatal(err)
		}
	}
	for _, target := range unsent {
		if _, came := arrived.Load(target); came {
			t.Errorf("%s was not sent, and arrived", target)
		}
	}
	if len(unsent) == 0 {
		t.Error("the test proves nothing")
	}
}

func TestBrokenAnswers(t *testing.T) {
	for name, text := range map[string]string{
		"half a body":     "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"id\":",
		"half a chunk":    "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"id\":",
		"half the header": "HTTP/1.1 201 Created\r\nContent-Le",
		"no HTTP":         "hello\r\n\r\n",
		"huge":            "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n" + strings.Repeat("x", 4096),
		"huge header":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10) + "\r\n\r\n",
		"only 1xx":        strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100),
	} {
		t.Run(name, func(t *testing.T) {
			base, requests := server(t, func(c net.Conn, _ *http.Request, _ int) { say(c, text); _ = c.Close() })
			_, err := client(t, base).Do(t.Context(), post("{}"), true)
			wantKind(t, err, request.Doubtful)
			if requests.Load() != 1 {
				t.Error(requests.Load())
			}
		})
	}
}

// An endless answer costs no more than the limit.
func TestEndlessAnswer(t *testing.T) {
	var written atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 64<<10)
		for {
			n, err := w.Write(block)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	_, err := client(t, s.URL).Do(t.Context(), post("{}"), true)
	wantKind(t, err, request.Doubtful)
	s.Close()
	if n := written.Load(); n > 64<<20 {
		t.Errorf("%d bytes were taken", n)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(other.Close)
	s := httptest.NewServer(http.RedirectHandler(other.URL+"/x", http.StatusTemporaryRedirect))
	t.Cleanup(s.Close)
	for _, call := range []request.Call{post("{}"), get("/tickets/7")} {
		a, err := client(t, s.URL).Do(t.Context(), call, true)
		if err != nil || a.Status != 307 {
			t.Fatal(a.Status, err)
		}
	}
}

func TestWhatIsSent(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %d %s\n%s", r.Method, r.RequestURI, r.ContentLength, r.TransferEncoding, body)
		for _, name := range []string{"Authorization", "X-Key", "User-Agent", "Accept-Encoding", "Idempotency-Key", "Expect", "Cookie"} {
			_, _ = fmt.Fprintf(w, "\n%s=%q", name, r.Header.Values(name))
		}
	}))
	t.Cleanup(s.Close)
	u := client(t, strings.Replace(s.URL, "http://", "http://user:secret@", 1)+"/v1/", func(o *Options) {
		o.Credentials = Credentials{Basic: &Basic{"gateway", "pw"}, Headers: map[string]string{"X-Key": "k"}}
	})
	call := request.Call{Method: "PATCH", Target: "/tickets/a%2Fb?x=1;y=(external_id='Q')&z=%20", Body: []byte(`{"a":1}`),
		Header: http.Header{"Authorization": {"Bearer client"}, "Expect": {"100-continue"}, "Idempotency-Key": {"k"}, "Accept-Encoding": {"br"}, "Cookie": {"c=1"}}}
	a, err := u.Do(t.Context(), call, false)
	want := "PATCH /v1/tickets/a%2Fb?x=1;y=(external_id='Q')&z=%20 7 []\n{\"a\":1}\nAuthorization=[\"Bearer client\"]\nX-Key=[]\nUser-Agent=[]\n" +
		"Accept-Encoding=[]\nIdempotency-Key=[]\nExpect=[]\nCookie=[\"c=1\"]"
	if err != nil || string(a.Body) != want {
		t.Errorf("%s %v\nwant %s", a.Body, err, want)
	}
	if len(call.Header) != 5 {
		t.Error("the caller's header was changed")
	}
	a, err = u.Do(t.Context(), request.Call{Method: "DELETE", Target: "/tickets/7"}, true)
	want = "DELETE /v1/tickets/7 0 []\n\nAuthorization=[\"Basic Z2F0ZXdheTpwdw==\"]\nX-Key=[\"k\"]\nUser-Agent=[\"Meridian\"]\n"
	if err != nil || !strings.HasPrefix(string(a.Body), want) {
		t.Errorf("%s %v\nwant %s", a.Body, err, want)
	}
	for _, target := range []string{"/a b", "/a\r\nX: y", "/a#b", "/%zz"} {
		_, err = u.Do(t.Context(), get(target), true)
		wantKind(t, err, request.NotSent)
	}
}

// The path of the API's address is put before a target once: what answers name may have it already.
func TestBelowBase(t *testing.T) {
	var got string
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI }))
	defer api.Close()
	for _, k := range []struct {
		base, target string
		own          bool
		want         string
	}{
		{"/red%20mine/", "/red%20mine/issues?page=2", true, "/red%20mine/issues?page=2"}, {"/redmine", "/redmine?page=2", true, "/redmine?page=2"},
		{"/redmine", "/issues/7", true, "/redmine/issues/7"}, {"/redmine", "/redmines/7", true, "/redmine/redmines/7"},
		{"/redmine", "/redmine/issues", false, "/redmine/redmine/issues"}, {"", "/issues", true, "/issues"}, {"/", "/", true, "/"},
	} {
		c := client(t, api.URL+k.base)
		if _, err := c.Do(t.Context(), get(k.target), k.own); err != nil || got != k.want {
			t.Errorf("%s below %s (own: %v): %s %v, want %s", k.target, k.base, k.own, got, err, k.want)
		}
		s, err := c.Stream(t.Context(), get(k.target), nil, 0, k.own)
		if err != nil || got != k.want {
			t.Fatalf("%s below %s: %s %v, want %s", k.target, k.base, got, err, k.want)
		}
		_ = s.Body.Close()
	}
}

func TestAnyStatusIsAnAnswer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("no"))
	}))
	t.Cleanup(s.Close)
	a, err := client(t, s.URL).Do(t.Context(), post("{}"), true)
	if err != nil || a.Status != 503 || a.Header.Get("Retry-After") != "3" || string(a.Body) != "no" {
		t.Fatal(a, err)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	var dials atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(s.Close)
	u := client(t, s.URL, func(o *Options) {
		o.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
	})
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 20 {
				if _, err := u.Do(context.Background(), post(`{"a":1}`), false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := dials.Load(); n > 128 { // a pool of two would dial for most of the 640
		t.Errorf("%d dials for 32 workers", n)
	}
}

func TestParallelAndRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var running, most atomic.Int32
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			n := running.Add(1)
			most.Store(max(most.Load(), n))
			defer running.Add(-1)
			<-release
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
		})
		u := client(t, "http://x", func(o *Options) { o.Parallel, o.Transport, o.Timeout = 2, rt, time.Minute })
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { _, _ = u.Do(t.Context(), post("{}"), true) })
		}
		synctest.Wait()
		if running.Load() != 2 {
			t.Error(running.Load())
		}
		wg.Go(func() { _, _ = u.Do(t.Context(), post("{}"), false) }) // a client's call does not wait
		synctest.Wait()
		if running.Load() != 3 {
			t.Error(running.Load())
		}
		// Waiting has an end, and respects ctx.
		_, err := u.Do(t.Context(), post("{}"), true)
		wantKind(t, err, request.NotSent)
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() { _, err := u.Do(ctx, post("{}"), true); wantKind(t, err, request.ClientGone) })
		synctest.Wait()
		cancel()
		close(release)
		wg.Wait()

		paced := client(t, "http://x", func(o *Options) { o.Rate, o.Transport = 10, rt })
		start := time.Now()
		for range 11 {
			if _, err := paced.Do(t.Context(), post("{}"), true); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(start); took < time.Second || took > 1100*time.Millisecond {
			t.Error(took)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A transport that tells nothing of its connections is believed only where it cannot have sent anything.
func TestForeignTransport(t *testing.T) {
	var fail error
	u := client(t, "http://x", func(o *Options) {
		o.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, fail })
	})
	for _, k := range []struct {
		err  error
		want request.ErrKind
	}{
		{errors.New("broke"), request.Doubtful},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, request.Doubtful},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, request.NotSent},
		{&request.Error{Op: "test", Kind: request.NotSent}, request.NotSent},
	} {
		fail = k.err
		_, err := u.Do(t.Context(), post("{}"), true)
		wantKind(t, err, k.want)
	}
}

func TestCredentialsDoNotShow(t *testing.T) {
	c := Credentials{Basic: &Basic{"gateway", "pw-secret"}, Bearer: "tok-secret", Headers: map[string]string{"X": "h-secret"}}
	for _, v := range []any{c, &c, Options{Credentials: c}, c.Basic, *c.Basic, []Credentials{c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "secret") {
				t.Errorf("%T %s: %s", v, verb, s)
			}
		}
	}
}

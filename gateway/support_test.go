package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// engine is an Engine out of functions; those left out fail the test by their answer.
type engine struct {
	write     func(context.Context, request.Write) (request.Result, error)
	find      func(ctx context.Context, collection, id string) (request.Entry, []request.Delivery, bool, error)
	await     func(context.Context, request.ID, request.Version) ([]request.Delivery, error)
	operation func(context.Context, string) (request.Operation, error)
}

func (e *engine) Write(ctx context.Context, w request.Write) (request.Result, error) {
	if e.write == nil {
		return request.Result{}, &request.Error{Op: "test", Kind: request.Internal, Detail: "no write was expected"}
	}
	return e.write(ctx, w)
}

func (e *engine) Find(ctx context.Context, c, id string) (request.Entry, []request.Delivery, bool, error) {
	if e.find == nil {
		return request.Entry{}, nil, false, nil
	}
	return e.find(ctx, c, id)
}

func (e *engine) Await(ctx context.Context, id request.ID, v request.Version) ([]request.Delivery, error) {
	return e.await(ctx, id, v)
}

func (e *engine) Operation(ctx context.Context, id string) (request.Operation, error) {
	return e.operation(ctx, id)
}

const gid = request.ID("01JD000000000000000000000A")

func at(seq uint64) request.Version {
	return request.Version{Epoch: request.Epoch{Num: 1, Site: "chicago"}, Seq: seq}
}

// bundle is one gateway before one upstream, over real sockets.
type bundle struct {
	engine   *engine
	upstream *httptest.Server
	gateway  *httptest.Server
	options  Options
}

func tickets(t testing.TB) *profile.Profile {
	t.Helper()
	p, problems := profile.Compile("helpdesk", profile.Spec{Preset: "rest",
		Collections: map[string]profile.CollectionSpec{"tickets": {Path: "/tickets"}}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

func setup(t testing.TB, upstream http.HandlerFunc, change ...func(*Options)) *bundle {
	t.Helper()
	b := &bundle{engine: &engine{}}
	b.upstream = httptest.NewServer(upstream)
	t.Cleanup(b.upstream.Close)
	u, err := url.Parse(b.upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := tickets(t)
	b.options = Options{Network: "furniture", Site: "chicago", Upstream: u, Profile: func() Matcher { return p }, Engine: b.engine}
	for _, c := range change {
		c(&b.options)
	}
	b.gateway = serve(t, New(b.options))
	return b
}

// serve runs a handler under the settings of Server.
func serve(t testing.TB, h http.Handler, change ...func(*ServerOptions)) *httptest.Server {
	t.Helper()
	o := ServerOptions{Handler: h}
	for _, c := range change {
		c(&o)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config = Server(o)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (b *bundle) addr() string { return b.gateway.Listener.Addr().String() }

// raw writes bytes to the gateway and returns what it answers until it closes or says nothing more for a while.
func (b *bundle) raw(t testing.TB, text string) string {
	t.Helper()
	c := b.dial(t)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return readAll(c)
}

func readAll(c net.Conn) string {
	_ = c.SetReadDeadline(time.Now().Add(1500 * time.Millisecond))
	out, _ := io.ReadAll(c)
	return string(out)
}

func (b *bundle) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", b.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// do sends one call; headers are "Name: value".
func (b *bundle) do(t testing.TB, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, b.gateway.URL+path, in)
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		if v == "" {
			r.Header.Del(k)
			continue
		}
		r.Header.Add(k, v)
		if k == "Content-Type" {
			r.Header.Set(k, v)
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(out)
}

// answered counts the final answers in raw HTTP/1 bytes, by status line.
func answered(raw string) []string {
	var out []string
	s := bufio.NewScanner(strings.NewReader(raw))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if strings.HasPrefix(s.Text(), "HTTP/1.") {
			out = append(out, strings.TrimSpace(s.Text()[9:]))
		}
	}
	return out
}

// echo answers with what it was sent: the request line as it stood on the wire, the headers, the body.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %s\n", r.Method, r.RequestURI)
	_ = r.Header.Write(w)
	_, _ = w.Write(body)
}

// nobody is an upstream that must not be called.
func nobody(t testing.TB) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the upstream was called: %s %s", r.Method, r.RequestURI)
	}
}

package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// Paths and queries reach the upstream as the client wrote them, to the byte.
func TestPassKeepsTarget(t *testing.T) {
	t.Parallel()
	b := setup(t, echo)
	for _, target := range []string{
		"/", "/a", "/a/", "//a", "/a//b", "/a/./b", "/a/../b", "/a%2Fb", "/a%2fb", "/%41", "/a%20b", "/a+b", "/a;x=1", "/a|b", "/a^b",
		"/ü", "/%C3%BC", "/a%00b", "/a%5Cb", "/a?x=1;y=2", "/a?x=%zz", "/a?", "/a?a=1&a=2&", "/a?q=a|b", "/a??", "/%2E%2E/a", "/a%252Fb",
		"/~a!$&'()*,=:@", "/a\"b", "/{a}", "/a?%", "/.well-known/x", "/.meridianx", "/a%2", "/[a]", "///", "/tickets?status=open;x", "/a`b",
	} {
		raw := b.raw(t, "GET "+target+" HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n")
		if target == "/a%2" { // no URL: net/http refuses it
			if !strings.HasPrefix(raw, "HTTP/1.1 400") {
				t.Errorf("%s: %q", target, raw)
			}
			continue
		}
		if !strings.Contains(raw, "GET "+target+"\n") {
			t.Errorf("%s: the upstream saw %q", target, raw)
		}
	}
}

func TestPassBelowPrefix(t *testing.T) {
	t.Parallel()
	b := setup(t, echo, func(o *Options) { u := *o.Upstream; u.Path = "/base/"; o.Upstream = &u })
	for target, want := range map[string]string{"/a": "/base/a", "/a%2Fb?x=1;y": "/base/a%2Fb?x=1;y", "//a": "/base//a", "/a|b": "/base/a|b"} {
		raw := b.raw(t, "GET "+target+" HTTP/1.1\r\nHost: gw\r\nConnection: close\r\n\r\n")
		if !strings.Contains(raw, "GET "+want+"\n") {
			t.Errorf("%s: the upstream saw %q", target, raw)
		}
	}
}

func TestForwardedHeaders(t *testing.T) {
	t.Parallel()
	var got http.Header
	var host string
	see := func(_ http.ResponseWriter, r *http.Request) { got, host = r.Header.Clone(), r.Host }
	send := []string{"Forwarded: for=6.6.6.6", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https",
		"X-Forwarded-User: root", "X_Forwarded_For: 6.6.6.6", "Via: 1.0 fred", "Meridian-Owner: me", "X_Meridian_Owner: me",
		"Meridian_Epoch: 9", "X_Dso_Owner: me", "X-Other: kept"}

	b := setup(t, see)
	b.do(t, "GET", "/x", "", send...)
	gw := strings.TrimPrefix(b.gateway.URL, "http://")
	want := http.Header{
		"Forwarded":         {`for=127.0.0.1;host="` + gw + `";proto=http`},
		"X-Forwarded-For":   {"127.0.0.1"},
		"X-Forwarded-Host":  {gw},
		"X-Forwarded-Proto": {"http"},
		"Via":               {"1.0 fred, 1.1 meridian.furniture.chicago"},
		"X-Other":           {"kept"},
	}
	for k, v := range want {
		if fmt.Sprint(got[k]) != fmt.Sprint(v) {
			t.Errorf("%s: %q, want %q", k, got[k], v)
		}
	}
	for k := range got {
		if internal(k) || strings.Contains(k, "_") || k == "X-Forwarded-User" {
			t.Errorf("%s reached the upstream", k)
		}
	}
	if host != strings.TrimPrefix(b.upstream.URL, "http://") {
		t.Errorf("Host was %q", host)
	}

	b = setup(t, see, func(o *Options) { o.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	b.do(t, "GET", "/x", "", send...)
	if v := got.Get("X-Forwarded-For"); v != "6.6.6.6, 127.0.0.1" {
		t.Errorf("a trusted proxy's X-Forwarded-For became %q", v)
	}
	if v := got.Get("Forwarded"); !strings.HasPrefix(v, "for=6.6.6.6, for=127.0.0.1;") {
		t.Errorf("a trusted proxy's Forwarded became %q", v)
	}
	if got.Get("X-Forwarded-Host") != "evil" || got.Get("X-Forwarded-User") != "root" {
		t.Errorf("a trusted proxy's words were lost: %v", got)
	}
}

func TestAnswersPassUntouched(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte{0x1f, 0x8b, 0, 0xff}, 1000)
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if e := r.Header.Get("Accept-Encoding"); e != "" {
			t.Errorf("Accept-Encoding %q was added", e)
		}
		h := w.Header()
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", "4000")
		h.Add("Set-Cookie", "a=1")
		h.Add("Set-Cookie", "b=2")
		h.Set("Meridian-Owner", "liar")
		h.Set("X-Meridian-Version", "9.9")
		h.Set("Location", "http://"+r.Host+"/tickets/7?x=1#f")
		w.WriteHeader(201)
		_, _ = w.Write(body)
	})
	res, got := b.do(t, "GET", "/file", "")
	if res.StatusCode != 201 || got != string(body) || len(res.Header["Set-Cookie"]) != 2 || res.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("status %d, %d bytes, headers %v", res.StatusCode, len(got), res.Header)
	}
	if res.Header.Get("Meridian-Owner") != "" || res.Header.Get("X-Meridian-Version") != "" {
		t.Errorf("the upstream spoke as a gateway: %v", res.Header)
	}
	if want := b.gateway.URL + "/tickets/7?x=1#f"; res.Header.Get("Location") != want {
		t.Errorf("Location %q, want %q", res.Header.Get("Location"), want)
	}
	res, got = b.do(t, "HEAD", "/file", "")
	if res.ContentLength != int64(len(body)) || got != "" {
		t.Errorf("HEAD: length %d, body of %d bytes", res.ContentLength, len(got))
	}
}

func TestRelocate(t *testing.T) {
	t.Parallel()
	b := setup(t, echo)
	plain := newUpstream(b.options.Upstream)
	based := plain
	based.prefix = "/base"
	h := plain.host
	for _, c := range []struct {
		up       upstream
		in, want string
	}{
		{plain, "http://" + h + "/a", "https://gw/a"}, {plain, "//" + h + "/a", "https://gw/a"}, {plain, "HTTP://" + h + "?x", "https://gw?x"},
		{plain, "/a", "/a"}, {plain, "a", "a"}, {plain, "https://" + h + "/a", "https://" + h + "/a"},
		{plain, "http://other/a", "http://other/a"}, {plain, "javascript:alert(1)//" + h, "javascript:alert(1)//" + h},
		{plain, "http://" + h + "@evil/a", "http://" + h + "@evil/a"}, {plain, "http://" + h + ".evil/a", "http://" + h + ".evil/a"},
		{based, "http://" + h + "/base/a", "https://gw/a"}, {based, "/base/a", "/a"}, {based, "/basement", "/basement"},
		{based, "http://" + h + "/other", "http://" + h + "/other"},
	} {
		if got := c.up.relocate(c.in, "https", "gw"); got != c.want {
			t.Errorf("%s below %q: %s, want %s", c.in, c.up.prefix, got, c.want)
		}
	}
	if !sameHost("http", "Up:80", "http", "up") || sameHost("http", "up:80", "https", "up") {
		t.Error("ports left out are not those of the scheme")
	}
}

func TestLoop(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	res, body := b.do(t, "GET", "/x", "", "Via: 1.1 a, 1.1 meridian.furniture.chicago (v1)")
	if res.StatusCode != 508 || !strings.Contains(body, "problems/loop") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if circular([]string{"1.1 meridian.furniture.chicago-2, 1.0 xmeridian.furniture.chicago"}, "meridian.furniture.chicago") {
		t.Error("another gateway was taken for this one")
	}
}

// Two gateways whose upstreams are each other end the circle instead of the machine.
func TestRealLoop(t *testing.T) {
	t.Parallel()
	var back atomic.Value
	back.Store("")
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		r2, _ := http.NewRequest(r.Method, back.Load().(string)+r.RequestURI, nil)
		r2.Header = r.Header
		res, err := http.DefaultClient.Do(r2)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	})
	back.Store(b.gateway.URL)
	if res, _ := b.do(t, "GET", "/x", ""); res.StatusCode != 508 {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestUpstreamDown(t *testing.T) {
	t.Parallel()
	b := setup(t, echo)
	b.upstream.Close()
	res, body := b.do(t, "GET", "/x", "")
	if res.StatusCode != 502 || res.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(body, "upstream-unreachable") {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}

func TestClientGoneIs499(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	arrived, logged := make(chan struct{}), make(chan struct{})
	log := zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
		if e.Message == "client went away" {
			close(logged)
		}
		return nil
	}))
	b := setup(t, func(_ http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done() }, func(o *Options) { o.Log = log })
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "GET", b.gateway.URL+"/slow", nil)
	go func() { <-arrived; cancel() }()
	if _, err := http.DefaultClient.Do(r); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	<-logged
	e := logs.FilterMessage("client went away").All()[0]
	if e.ContextMap()["status"] != int64(499) || e.Level > zapcore.DebugLevel {
		t.Errorf("logged %v", e)
	}
}

// An upgraded connection carries bytes both ways.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Sec-WebSocket-Key") == "" {
			t.Errorf("headers %v", r.Header)
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = rw.WriteString("echo " + line)
			_ = rw.Flush()
		}
	})
	c := b.dial(t)
	_, _ = io.WriteString(c, "GET /socket HTTP/1.1\r\nHost: gw\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n")
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatal(res, err)
	}
	for _, word := range []string{"one\n", "two\n"} {
		_, _ = io.WriteString(c, word)
		if line, err := in.ReadString('\n'); err != nil || line != "echo "+word {
			t.Fatalf("%q %v", line, err)
		}
	}
}

func TestTrailersAndInterim(t *testing.T) {
	t.Parallel()
	var got http.Header
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got = r.Trailer.Clone()
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(103)
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Sum", "42")
	})
	interim := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		interim = code
		return nil
	}})
	r, _ := http.NewRequestWithContext(ctx, "POST", b.gateway.URL+"/up", io.MultiReader(strings.NewReader("data")))
	r.Trailer = http.Header{"X-Check": {"7"}, "Meridian-Owner": {"me"}}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	if interim != 103 || string(body) != "body" || res.Trailer.Get("X-Sum") != "42" {
		t.Errorf("interim %d, body %q, trailer %v", interim, body, res.Trailer)
	}
	if got.Get("X-Check") != "7" || len(got) != 1 {
		t.Errorf("the upstream saw the trailers %v", got)
	}
}

func TestExpectContinue(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(403)
			return
		}
		echo(w, r)
	})
	c := b.dial(t)
	_, _ = io.WriteString(c, "POST /yes HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
	in := bufio.NewReader(c)
	line, err := in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("%q %v", line, err)
	}
	_, _ = io.WriteString(c, "data")
	_, _ = in.ReadString('\n')
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(res.Body); !strings.HasSuffix(string(body), "data") {
		t.Errorf("%q", body)
	}
	if raw := b.raw(t, "POST /no HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"); !strings.HasPrefix(raw, "HTTP/1.1 403") {
		t.Errorf("%q", raw)
	}
	if raw := b.raw(t, "POST /x HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\nExpect: wonders\r\n\r\n"); !strings.HasPrefix(raw, "HTTP/1.1 417") {
		t.Errorf("%q", raw)
	}
}

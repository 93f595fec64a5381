package gateway

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"testing"

	"github.com/gorilla/mux"
)

// BenchmarkPassThrough compares a call through the client face with one through a bare ReverseProxy behind mux, over real
// sockets and, for the cost of the code alone, with a canned upstream. Run it with -count and compare within one run.
func BenchmarkPassThrough(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1024)
	upstream := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
	canned := func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: 1024,
			Header: http.Header{"Content-Type": {"text/plain"}, "Content-Length": {"1024"}}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	}
	bare := func(u *bundle, t http.RoundTripper, pool httputil.BufferPool) http.Handler {
		r := mux.NewRouter().SkipClean(true).UseEncodedPath()
		r.PathPrefix("/").Handler(&httputil.ReverseProxy{Transport: t, BufferPool: pool, Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(u.options.Upstream)
			p.SetXForwarded()
		}})
		return r
	}
	b.Run("sockets/bare", func(b *testing.B) {
		u := setup(b, upstream)
		benchSockets(b, serve(b, bare(u, Transport(), nil)).URL)
	})
	b.Run("sockets/meridian", func(b *testing.B) {
		u := setup(b, upstream, func(o *Options) { o.Metrics = NewMetrics("n", "s") })
		benchSockets(b, u.gateway.URL)
	})
	b.Run("code/bare", func(b *testing.B) {
		u := setup(b, upstream)
		benchCode(b, bare(u, roundTrip(canned), nil))
	})
	b.Run("code/bare-pooled", func(b *testing.B) {
		u := setup(b, upstream)
		benchCode(b, bare(u, roundTrip(canned), &buffers{}))
	})
	b.Run("code/meridian", func(b *testing.B) {
		u := setup(b, upstream, func(o *Options) { o.Transport, o.Metrics = roundTrip(canned), NewMetrics("n", "s") })
		benchCode(b, New(u.options))
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func benchSockets(b *testing.B, url string) {
	client := &http.Client{Transport: Transport()}
	b.ReportAllocs()
	for b.Loop() {
		res, err := client.Get(url + "/attachments/17")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
}

type sink struct{ h http.Header }

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(int)             {}

func benchCode(b *testing.B, h http.Handler) {
	r := httptest.NewRequest("GET", "http://gw/attachments/17", nil)
	r.RequestURI = "/attachments/17"
	r.Header.Set("Accept", "*/*")
	r.Header.Set("Authorization", "Basic eDp5")
	w := &sink{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		h.ServeHTTP(w, r)
	}
}

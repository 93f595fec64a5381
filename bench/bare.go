package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/gorilla/mux"
)

// proxySpec is what a proxy of the bench's own is told.
type proxySpec struct {
	Upstream string // host:port
	// Holders are upstreams that get copies, and Redis the queue's address; both for the floor alone.
	Holders []string
	Redis   string
}

// runBare plays what Meridian's passing through is compared with: httputil.ReverseProxy behind gorilla/mux, with pooled buffers,
// a tuned transport and the usual forwarding headers, and nothing else.
func runBare(spec proxySpec) error {
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	router.PathPrefix("/").Handler(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: spec.Upstream})
			p.SetXForwarded()
		},
		Transport:  proxyTransport(),
		BufferPool: &bufferPool{},
	})
	return serveProxy(router)
}

// serveProxy serves until the bench is gone, after telling it the address.
func serveProxy(h http.Handler) error {
	addr, err := serve("127.0.0.1:0", h)
	if err != nil {
		return err
	}
	if err := ready(addr); err != nil {
		return err
	}
	untilOrphaned()
	return nil
}

// proxyTransport is tuned as the gateway's own is: many kept connections, no compression.
func proxyTransport() *http.Transport {
	d := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:            d.DialContext,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    512,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// bufferPool lends the buffers that answers are copied through.
type bufferPool struct{ sync.Pool }

const copyBuffer = 32 << 10

func (b *bufferPool) Get() []byte {
	if p, ok := b.Pool.Get().(*[copyBuffer]byte); ok {
		return p[:]
	}
	return make([]byte, copyBuffer)
}

func (b *bufferPool) Put(buf []byte) {
	if len(buf) == copyBuffer {
		b.Pool.Put((*[copyBuffer]byte)(buf))
	}
}

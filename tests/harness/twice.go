package harness

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"time"
)

// Twice is something between two gateways that delivers every call twice, the second one a moment after the first, and hands back the
// first answer: what a network does that repeats messages.
type Twice struct {
	target string
	server *http.Server
}

// NewTwice starts one in front of an address.
func NewTwice(t testing.TB, target string) (twice *Twice, address string) {
	t.Helper()
	l := listenAnywhere(t)
	w := &Twice{target: target}
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = w.server.Serve(l) }()
	t.Cleanup(w.Close)
	return w, l.Addr().String()
}

// Close ends it and breaks its connections.
func (w *Twice) Close() { _ = w.server.Close() }

// ServeHTTP delivers a call, answers, and delivers it again.
func (w *Twice) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	status, header, answer, err := w.pass(r.Context(), r, body)
	if err != nil {
		if c, _, err := http.NewResponseController(rw).Hijack(); err == nil {
			reset(c)
		}
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _, _, _ = w.pass(ctx, r, body) // nobody waits for what comes of it
	}()
	for k, v := range header {
		rw.Header()[k] = v
	}
	rw.WriteHeader(status)
	_, _ = rw.Write(answer)
}

func (w *Twice) pass(ctx context.Context, r *http.Request, body []byte) (int, http.Header, []byte, error) {
	out, err := http.NewRequestWithContext(ctx, r.Method, "http://"+w.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	out.Header, out.Host = r.Header.Clone(), r.Host
	out.GetBody = nil
	res, err := direct.Transport.RoundTrip(out)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, answer, err
}

// Detour sends new connections of a link to another address, and breaks those that are open; "" leads them to the link's target again.
func (k *Link) Detour(address string) {
	k.set(func() {
		k.detour = address
		k.breakAll()
	})
}

// goal is where a new connection leads.
func (k *Link) goal() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.detour != "" {
		return k.detour
	}
	return k.target
}

package cli

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/meridian-gateway/meridian/upstream"
)

// secrets is a transport that remembers what must not be shown: the values of the headers that carry credentials or tokens.
type secrets struct {
	http.RoundTripper
	mu    sync.Mutex
	known []string
}

// newSecrets makes one that knows credentials already.
func newSecrets(c upstream.Credentials) *secrets {
	var http1 http.Protocols
	http1.SetHTTP1(true)
	// As the gateway's own: no proxy, no compression.
	s := &secrets{RoundTripper: &http.Transport{DisableCompression: true, Protocols: &http1}}
	if c.Basic != nil {
		s.learn(c.Basic.Password)
	}
	s.learn(c.Bearer)
	for _, v := range c.Headers {
		s.learn(v)
	}
	return s
}

// RoundTrip carries a call.
func (s *secrets) RoundTrip(r *http.Request) (*http.Response, error) {
	for name, values := range r.Header {
		switch name {
		case "Accept", "Content-Type", "User-Agent", "If-Match", "Content-Length":
			continue
		}
		for _, v := range values {
			s.learn(v)
		}
	}
	return s.RoundTripper.RoundTrip(r)
}

// CloseIdleConnections lets go of the kept connections.
func (s *secrets) CloseIdleConnections() {
	s.RoundTripper.(*http.Transport).CloseIdleConnections()
}

// learn takes in a header's value: a token behind the name of its scheme, a cookie behind its own, a password within basic credentials.
func (s *secrets) learn(value string) {
	parts := append(strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ';' }), value)
	for _, p := range parts {
		if _, v, ok := strings.Cut(p, "="); ok {
			parts = append(parts, v)
		}
		if b, err := base64.StdEncoding.DecodeString(p); err == nil {
			if _, password, ok := strings.Cut(string(b), ":"); ok {
				parts = append(parts, password)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range parts {
		if len(p) >= 4 && !slices.Contains(s.known, p) && !slices.Contains([]string{"Basic", "Bearer", "XMLHttpRequest", "no-check"}, p) {
			s.known = append(s.known, p)
		}
	}
	// The longest first, so that none is hidden only in part.
	slices.SortFunc(s.known, func(a, b string) int { return len(b) - len(a) })
}

// hide is a text without them.
func (s *secrets) hide(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.known {
		text = strings.ReplaceAll(text, k, "[secret]")
	}
	return text
}

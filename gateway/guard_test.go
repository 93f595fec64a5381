package gateway

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

const hidden = "GET /hidden HTTP/1.1\r\nHost: gw\r\n\r\n"

// Bytes that two parsers may read differently never become a second call, and bad framing is refused.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hidden" {
			t.Error("the hidden call got through")
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})
	b.engine.write = func(context.Context, request.Write) (request.Result, error) { return made(200, "{}"), nil }
	const post = " HTTP/1.1\r\nHost: gw\r\nContent-Type: application/json\r\n"
	for _, target := range []string{"POST /tickets", "POST /other"} {
		for name, c := range map[string]struct{ text, status string }{
			"CL and TE":        {post + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden, "200"},
			"two CL":           {post + "Content-Length: 2\r\nContent-Length: 4\r\n\r\n{}" + hidden, "400"},
			"CL list":          {post + "Content-Length: 2, 4\r\n\r\n{}" + hidden, "400"},
			"CL +2":            {post + "Content-Length: +2\r\n\r\n{}" + hidden, "400"},
			"CL -1":            {post + "Content-Length: -1\r\n\r\n{}" + hidden, "400"},
			"CL 10^20":         {post + "Content-Length: 100000000000000000000\r\n\r\n{}" + hidden, "400"},
			"TE xchunked":      {post + "Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden, "501"},
			"TE list":          {post + "Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden, "501"},
			"TE twice":         {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden, ""},
			"space in name":    {post + "Content-Length : 2\r\n\r\n{}" + hidden, "400"},
			"control in TE":    {post + "Transfer-Encoding: \x0bchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden, ""},
			"TE on 1.0":        {" HTTP/1.0\r\nHost: gw\r\nConnection: keep-alive\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + hidden, "400"},
			"CL and TE on 1.0": {" HTTP/1.0\r\nHost: gw\r\nConnection: keep-alive\r\nContent-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}" + hidden, "200"},
		} {
			got := answered(b.raw(t, target+c.text))
			if len(got) != 1 || !strings.HasPrefix(got[0], c.status) {
				t.Errorf("%s with %s: answers %q", target, name, got)
			}
		}
	}
	for name, text := range map[string]string{
		"bare LF in chunk size": post + "Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n" + hidden,
		"chunk size 0x2":        post + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n" + hidden,
		"chunk size too long":   post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n" + hidden,
	} {
		got := answered(b.raw(t, "POST /tickets"+text))
		if len(got) != 1 || !strings.HasPrefix(got[0], "400") {
			t.Errorf("%s: answers %q", name, got)
		}
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t), func(o *Options) { o.Hosts = []string{"Gw:8001"} })
	many := strings.Builder{}
	for i := range maxHeaders + 1 {
		many.WriteString("H" + itoa(int64(i)) + ":\r\n")
	}
	for name, c := range map[string]struct{ text, status string }{
		"lower case":      {"patch /tickets/7 HTTP/1.1\r\nHost: gw:8001\r\n\r\n", "501"},
		"mixed case":      {"Get / HTTP/1.1\r\nHost: gw:8001\r\n\r\n", "501"},
		"TRACE":           {"TRACE / HTTP/1.1\r\nHost: gw:8001\r\nCookie: s3cr3t\r\n\r\n", "405"},
		"CONNECT":         {"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", "405"},
		"foreign host":    {"GET / HTTP/1.1\r\nHost: evil\r\n\r\n", "421"},
		"foreign target":  {"GET http://evil/ HTTP/1.1\r\nHost: gw:8001\r\n\r\n", "421"},
		"no host":         {"GET / HTTP/1.1\r\n\r\n", "400"},
		"two hosts":       {"GET / HTTP/1.1\r\nHost: gw:8001\r\nHost: gw:8001\r\n\r\n", "400"},
		"bad host":        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
		"NUL in value":    {"GET / HTTP/1.1\r\nHost: gw:8001\r\nX: a\x00b\r\n\r\n", "400"},
		"CR in value":     {"GET / HTTP/1.1\r\nHost: gw:8001\r\nX: a\rb\r\n\r\n", "400"},
		"100 KiB headers": {"GET / HTTP/1.1\r\nHost: gw:8001\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", "431"},
		"many headers":    {"GET / HTTP/1.1\r\nHost: gw:8001\r\n" + many.String() + "\r\n", "431"},
	} {
		raw := b.raw(t, c.text)
		if got := answered(raw); len(got) != 1 || !strings.HasPrefix(got[0], c.status) || strings.Contains(raw, "s3cr3t") {
			t.Errorf("%s: answers %q", name, got)
		}
	}
}

// A client that drips its headers is cut off; one that drips its body is told so and cut off.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t), func(o *Options) { o.BodyTimeout = 100 * time.Millisecond })
	b.gateway = serve(t, New(b.options), func(o *ServerOptions) { o.HeaderTimeout = 100 * time.Millisecond })
	c := b.dial(t)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: gw\r\nX-Slow: ")
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
	c = b.dial(t)
	_, _ = io.WriteString(c, "POST /tickets HTTP/1.1\r\nHost: gw\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{")
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	raw, err := io.ReadAll(c)
	if got := answered(string(raw)); err != nil || len(got) != 1 || !strings.HasPrefix(got[0], "408") {
		t.Errorf("answers %q, %v", got, err)
	}
}

// The deadline of a body is gone once the body is there: a long write is not taken for a client that went away.
func TestBodyDeadlineEndsWithTheBody(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t), func(o *Options) { o.BodyTimeout = 50 * time.Millisecond })
	b.engine.write = func(ctx context.Context, _ request.Write) (request.Result, error) {
		select {
		case <-ctx.Done():
			return request.Result{}, &request.Error{Kind: request.ClientGone}
		case <-time.After(200 * time.Millisecond): // an upstream that takes longer than the body may
			return made(200, "{}"), nil
		}
	}
	if res, body := b.do(t, "PATCH", "/tickets/17", "{}"); res.StatusCode != 200 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

package gateway

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
)

var update = flag.Bool("update", false, "write docs/problems.md anew")

func TestParsePrefer(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		wait time.Duration
		ok   bool
		rest string
	}{
		"wait=5": {5 * time.Second, true, ""}, `Wait = "7"`: {7 * time.Second, true, ""}, "wait=61": {time.Minute, true, ""},
		"wait=5;x=y, wait=6": {5 * time.Second, true, ""}, "wait=99999999999999999999999": {time.Minute, true, ""},
		"wait=-1": {}, "wait": {}, "wait=+1": {}, "wait=1.5": {}, "wait=": {}, "": {},
		`return=minimal, foo="a,wait=3", wait=2`: {2 * time.Second, true, `return=minimal|foo="a,wait=3"`},
	} {
		wait, ok, rest := parsePrefer([]string{in})
		if wait != want.wait || ok != want.ok || strings.Join(rest, "|") != want.rest {
			t.Errorf("%s: %v %v %q", in, wait, ok, rest)
		}
	}
}

func TestParseIfMatch(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"1.2"`: "1.2 own", `"1.2","2.10"`: "1.2,2.10 own", "*": "* own", `"abc"`: "abc", `"1.2", "abc"`: "1.2,abc", `"01.2"`: "01.2",
		`"a,b"`: "a,b", `""`: "", `W/"1.2"`: "error", "1.2": "error", `"1.2`: "error", "": "error", ",": "error", `*, "1.2"`: "error", `"a b"`: "error",
	} {
		v, own, err := parseIfMatch([]string{in})
		got := strings.Join(v, ",")
		if own {
			got += " own"
		}
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a": "a", `"a"`: "a", ` "a\"b" `: `a"b`, `a"b`: `a"b`, strings.Repeat("k", 255): strings.Repeat("k", 255)} {
		if got, err := parseKey([]string{in}); got != want || err != nil {
			t.Errorf("%s: %q %v", in, got, err)
		}
	}
	for _, in := range []string{"", `""`, "a\tb", "ü", "a\x7f", strings.Repeat("k", 256)} {
		if got, err := parseKey([]string{in}); request.KindOf(err) != request.Invalid || err == nil {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	for _, s := range []string{"wait=5", `"1.2", W/"x"`, `"a\"b"`, "for=1.2.3.4;by=\"[::1]:80\"", "1.1 a, 2.0 b (c)", "*", "/a", "//h/a", "http://h/a#x"} {
		f.Add(s)
	}
	up := upstream{scheme: "http", host: "h", prefix: "/p"}
	f.Fuzz(func(t *testing.T, s string) {
		if wait, _, _ := parsePrefer([]string{s}); wait < 0 || wait > maxWait {
			t.Errorf("wait %v", wait)
		}
		if v, own, err := parseIfMatch([]string{s}); err == nil {
			if len(v) == 0 {
				t.Error("neither versions nor an error")
			}
			for _, x := range v {
				if own && x != "*" && !isVersion(x) {
					t.Errorf("%q is called our own", x)
				}
			}
		}
		if k, err := parseKey([]string{s}); err == nil && (k == "" || len(k) > 255 || strings.ContainsAny(k, "\r\n\x00")) {
			t.Errorf("key %q", k)
		}
		if circular([]string{s}, "me") && !strings.Contains(s, "me") {
			t.Error("a circle without us")
		}
		if e := forwardedElement(remoteIP(s), s, "http"); strings.Count(e, `"`) < 2 && s != "" {
			t.Errorf("element %q", e)
		}
		if rest, ok := up.local(s); ok && !strings.HasSuffix(s, rest) {
			t.Errorf("%q is not in %q", rest, s)
		}
		if h := header(s); !utf8.ValidString(h) || strings.ContainsAny(h, "\r\n\x00") {
			t.Errorf("header %q", h)
		}
		_ = tracing.Of(tracing.Accept(context.Background(), http.Header{"Traceparent": {s}, "Tracestate": {s}}))
	})
}

// Every kind there is has its row, its status, and a description where its type points.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	want := map[request.ErrKind]int{request.Internal: 500, request.Invalid: 400, request.NotFound: 404, request.Gone: 410, request.Conflict: 409,
		request.Precondition: 412, request.Busy: 503, request.Reserved: 422, request.KeyReused: 422, request.KeyBusy: 409,
		request.OwnerUnreachable: 503, request.NoContent: 503, request.NotYet: 503, request.NotSent: 502, request.Doubtful: 504, request.Unavailable: 503,
		request.StoreDown: 503, request.Rejoining: 503, request.HandingOver: 503, request.Loop: 508, request.Forbidden: 403, request.TooLarge: 413, request.ClientGone: 499,
		unsupported: 415, slowBody: 408, badMethod: 405, notSupported: 501, misdirected: 421, bigHeader: 431, tooMany: 429, badGateway: 502,
		unauthorized: 401, "not a kind": 500}
	b := setup(t, nobody(t))
	var kind request.ErrKind
	b.engine.write = func(context.Context, request.Write) (request.Result, error) {
		return request.Result{}, &request.Error{Op: "x", Kind: kind, Request: gid, Operation: "OP", Detail: "it went so"}
	}
	for k, status := range want {
		kind = k
		res, body := b.do(t, "PATCH", "/tickets/17?a=b", "{}")
		var p Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != status || p.Status != status || p.Title == "" || !strings.HasPrefix(p.Detail, "it went so. ") || p.Instance != "/tickets/17" ||
			p.Request != string(gid) || p.Operation != "OP" || res.Header.Get("Meridian-Operation") != "/.meridian/operations/OP" {
			t.Errorf("%s: %d %s", k, res.StatusCode, body)
		}
		if status == 503 && res.Header.Get("Retry-After") == "" {
			t.Errorf("%s has no Retry-After", k)
		}
		if res, body := b.do(t, "GET", p.Type, ""); res.StatusCode != 200 || !strings.Contains(body, p.Title) {
			t.Errorf("%s: its type answers %d", k, res.StatusCode)
		}
	}
	if len(want)-1 != len(kinds()) {
		t.Errorf("the table has %d kinds, this test knows %d", len(kinds()), len(want)-1)
	}
}

// An error that is none of ours does not show its text.
func TestForeignErrorsStayInside(t *testing.T) {
	t.Parallel()
	if p := problemFor(http.ErrBodyNotAllowed); p.Status != 500 || strings.Contains(p.Detail, "http:") {
		t.Errorf("%+v", p)
	}
}

func TestProblemsPage(t *testing.T) {
	const path = "../docs/problems.md"
	if *update {
		if err := os.WriteFile(path, []byte(ProblemsPage()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if page, err := os.ReadFile(path); err != nil || string(page) != ProblemsPage() {
		t.Errorf("docs/problems.md is not what the table says (%v); run go test ./gateway -run TestProblemsPage -update", err)
	}
}

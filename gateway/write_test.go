package gateway

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/meridian-gateway/meridian/request"
)

// made answers a write as the owner would.
func made(status int, body string) request.Result {
	return request.Result{
		Answer: &request.Answer{Status: status, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: []byte(body)},
		Entry:  request.Entry{ID: gid, Role: request.Owner, Owner: "chicago", Local: "17", Version: at(3)}, Version: at(2),
		Routes: []string{"chairs-to-chicago", "knowledge, base"},
		Copies: []request.Delivery{{Site: "tokyo", State: request.Delivered}, {Site: "paris", State: request.InFlight}},
	}
}

func TestWriteIsIntercepted(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	var got request.Write
	b.engine.write = func(_ context.Context, w request.Write) (request.Result, error) {
		got = w
		res := made(201, `{"id": 17 }`)
		res.Answer.Header.Set("Location", b.upstream.URL+"/tickets/17")
		res.Answer.Header.Set("Meridian-Owner", "liar")
		res.Answer.Header.Set("Connection", "X-Hop")
		res.Answer.Header.Set("X-Hop", "1")
		res.Answer.Header.Set("X-Own", "kept")
		return res, nil
	}
	res, body := b.do(t, "POST", "/tickets?notify=1", `{"title": "desk" }`, "Idempotency-Key: k1", "Authorization: Basic am9lOnNlY3JldA==",
		"Accept-Encoding: gzip", "Prefer: return=minimal", "Meridian-Owner: me", "X-Custom: y")
	if res.StatusCode != 201 || body != `{"id": 17 }` {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	for k, want := range map[string]string{
		"Meridian-Request": string(gid), "Meridian-Owner": "chicago", "Meridian-Version": "1.2", "Meridian-Role": "owner",
		"Meridian-Route": "chairs-to-chicago, knowledge- base", "Meridian-Copies": "tokyo;state=delivered, paris;state=in-flight",
		"Etag": `"1.2"`, "Location": b.gateway.URL + "/tickets/17", "X-Own": "kept", "X-Hop": "", "Content-Type": "application/json; charset=utf-8",
	} {
		if res.Header.Get(k) != want || len(res.Header[k]) > 1 {
			t.Errorf("%s: %q, want %q", k, res.Header[k], want)
		}
	}
	if got.Kind != request.Create || got.Collection != "tickets" || got.Local != "" || got.Entry != "chicago" || got.EnteredBy != "joe" {
		t.Errorf("write %+v", got)
	}
	if v, _ := got.Fields.Get("title"); string(v) != `"desk"` {
		t.Errorf("fields %v", got.Fields)
	}
	c := got.Call
	if c.Method != "POST" || c.Target != "/tickets?notify=1" || string(c.Body) != `{"title": "desk" }` {
		t.Errorf("call %s %s %s", c.Method, c.Target, c.Body)
	}
	for _, k := range []string{"Idempotency-Key", "Meridian-Owner", "Accept-Encoding", "Connection", "Content-Length"} {
		if c.Header.Get(k) != "" {
			t.Errorf("%s goes upstream", k)
		}
	}
	if c.Header.Get("X-Custom") != "y" || c.Header.Get("Authorization") == "" || c.Header.Get("Prefer") != "return=minimal" ||
		!strings.Contains(c.Header.Get("Via"), "meridian.furniture.chicago") {
		t.Errorf("headers %v", c.Header)
	}
	if len(got.Key) != 64 || len(got.Digest) != 64 {
		t.Errorf("key %q digest %q", got.Key, got.Digest)
	}
}

// The hash of a key differs by every part of its scope and by nothing else.
func TestKeyScope(t *testing.T) {
	t.Parallel()
	joe := http.Header{"Authorization": {"Basic joe"}}
	base := scopedKey("chicago", "tickets", joe, "k")
	for name, other := range map[string]string{
		"site": scopedKey("tokyo", "tickets", joe, "k"), "collection": scopedKey("chicago", "articles", joe, "k"),
		"credentials": scopedKey("chicago", "tickets", http.Header{"Authorization": {"Basic ann"}}, "k"),
		"cookie":      scopedKey("chicago", "tickets", http.Header{"Cookie": {"Basic joe"}}, "k"),
		"nobody":      scopedKey("chicago", "tickets", http.Header{}, "k"), "key": scopedKey("chicago", "tickets", joe, "l"),
	} {
		if other == base {
			t.Errorf("%s is no part of the scope", name)
		}
	}
	if scopedKey("chicago", "tickets", http.Header{"Authorization": {"Basic joe"}, "User-Agent": {"x"}}, "k") != base {
		t.Error("the user agent is part of the scope")
	}
	if digest("PATCH", "/a", []byte("bc")) == digest("PATCH", "/ab", []byte("c")) {
		t.Error("digests run into one another")
	}
}

// Some clients always name the method that they mean.
func TestOverrideThatOverridesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	b.engine.write = func(context.Context, request.Write) (request.Result, error) { return made(200, "{}"), nil }
	if res, body := b.do(t, "PATCH", "/tickets/7", "{}", "X-HTTP-Method-Override: patch"); res.StatusCode != 200 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, body := b.do(t, "PATCH", "/tickets/7?_method=DELETE", "{}", "X-HTTP-Method-Override: PATCH"); res.StatusCode != 400 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestWriteRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t), func(o *Options) { o.Body = 100 })
	big := `{"a":"` + strings.Repeat("x", 200) + `"}`
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
	}{
		{"text", "POST", "/tickets", "{}", []string{"Content-Type: text/plain"}, 415},
		{"no type", "POST", "/tickets", "{}", []string{"Content-Type: "}, 415},
		{"multipart", "POST", "/tickets", "{}", []string{"Content-Type: multipart/form-data; boundary=x"}, 415},
		{"charset", "POST", "/tickets", "{}", []string{"Content-Type: application/json; charset=latin1"}, 415},
		{"json patch", "PATCH", "/tickets/7", "[]", []string{"Content-Type: application/json-patch+json"}, 415},
		{"gzip", "POST", "/tickets", "{}", []string{"Content-Encoding: gzip"}, 415},
		{"not JSON", "POST", "/tickets", "{", nil, 400},
		{"no body", "POST", "/tickets", "", []string{"Content-Type: application/json"}, 400},
		{"too large", "POST", "/tickets", big, nil, 413},
		{"empty key", "POST", "/tickets", "{}", []string{`Idempotency-Key: ""`}, 400},
		{"long key", "POST", "/tickets", "{}", []string{"Idempotency-Key: " + strings.Repeat("k", 10<<10)}, 400},
		{"two keys", "POST", "/tickets", "{}", []string{"Idempotency-Key: a", "Idempotency-Key: b"}, 400},
		{"weak tag", "PATCH", "/tickets/7", "{}", []string{`If-Match: W/"1.2"`}, 400},
		{"garbage tag", "PATCH", "/tickets/7", "{}", []string{"If-Match: 1.2"}, 400},
		{"override header", "POST", "/tickets/7", "{}", []string{"X-HTTP-Method-Override: PATCH"}, 400},
		{"override on create", "POST", "/tickets", "{}", []string{"X-Method-Override: DELETE"}, 400},
		{"override by GET", "GET", "/tickets/7", "", []string{"X-HTTP-Method: delete"}, 400},
		{"override in query", "POST", "/tickets/7?_method=put", "{}", nil, 400},
		{"override in escaped query", "POST", "/tickets/7?%5Fmethod=put", "{}", nil, 400},
	} {
		res, body := b.do(t, c.method, c.path, c.body, c.headers...)
		if res.StatusCode != c.status || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", c.name, res.StatusCode, body)
		}
	}
	// Chunked, so that the length is not known before.
	r, _ := http.NewRequest("POST", b.gateway.URL+"/tickets", io.MultiReader(strings.NewReader(big)))
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 413 || !res.Close {
		t.Errorf("chunked: %d, close %v", res.StatusCode, res.Close)
	}
}

// A path of which the upstream might make a write, and the gateway did not, is refused and not passed.
func TestOddPathsOfWrites(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	for _, path := range []string{"/tickets/a%2Fb", "/tickets/a%2fb", "/tickets/../tickets/7", "//tickets/7", "/tickets//7", "/./tickets/7",
		"/tickets/%2e%2e", "/tickets/a%5Cb", "/tickets/a%00", "/tickets/7;x=1", "/tickets/%252e", "/TICKETS/7", "/%74ickets/7",
		"/tickets/%C0%AE", "/x/..%2Ftickets/7"} {
		raw := b.raw(t, "PATCH "+path+" HTTP/1.1\r\nHost: gw\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
		if got := answered(raw); len(got) != 1 || !strings.HasPrefix(got[0], "400") {
			t.Errorf("%s: %q", path, raw)
		}
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	var got request.Write
	b.engine.write = func(_ context.Context, w request.Write) (request.Result, error) {
		got = w
		return request.Result{Entry: request.Entry{ID: gid, Owner: "tokyo", Role: request.Copy, Version: at(5)}},
			&request.Error{Kind: request.Precondition, Request: gid, Detail: "the request is at version 1.5"}
	}
	res, body := b.do(t, "PATCH", "/tickets/chicago:17", "{}", `If-Match: "1.2", "1.3"`)
	if res.StatusCode != 412 || res.Header.Get("Etag") != `"1.5"` || res.Header.Get("Meridian-Owner") != "tokyo" || !strings.Contains(body, string(gid)) {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	if strings.Join(got.IfMatch, " ") != "1.2 1.3" || got.Call.Header.Get("If-Match") != "" || got.Local != "chicago:17" {
		t.Errorf("write %+v, headers %v", got, got.Call.Header)
	}
	b.do(t, "DELETE", "/tickets/17", "", "If-Match: *")
	if strings.Join(got.IfMatch, " ") != "*" || got.Kind != request.Delete {
		t.Errorf("write %+v", got)
	}
}

func TestPreferWait(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	b.engine.write = func(context.Context, request.Write) (request.Result, error) { return made(200, "{}"), nil }
	b.engine.await = func(ctx context.Context, id request.ID, v request.Version) ([]request.Delivery, error) {
		until, ok := ctx.Deadline()
		if left := time.Until(until); !ok || left > maxWait || left < 50*time.Second || id != gid || v != at(2) {
			t.Errorf("awaited %s %s for %s", id, v, left)
		}
		return []request.Delivery{{Site: "tokyo", State: request.Delivered}}, nil
	}
	res, _ := b.do(t, "PATCH", "/tickets/17", "{}", "Prefer: respond-async, wait=999")
	if res.Header.Get("Meridian-Copies") != "tokyo;state=delivered" || res.Header.Get("Preference-Applied") != "wait=60" {
		t.Errorf("%v", res.Header)
	}
	// Time is over: the answer comes all the same, with the states of the moment.
	b.engine.await = func(ctx context.Context, _ request.ID, _ request.Version) ([]request.Delivery, error) {
		<-ctx.Done()
		return []request.Delivery{{Site: "tokyo", State: request.Waiting}}, ctx.Err()
	}
	res, _ = b.do(t, "PATCH", "/tickets/17", "{}", "Prefer: wait=0")
	if res.StatusCode != 200 || res.Header.Get("Meridian-Copies") != "tokyo;state=waiting" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

func TestUpstreamRefusalPasses(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	b.engine.write = func(context.Context, request.Write) (request.Result, error) {
		return request.Result{Entry: request.Entry{ID: gid, Owner: "chicago", Version: at(4)},
			Answer: &request.Answer{Status: 422, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<b>no</b>")}}, nil
	}
	res, body := b.do(t, "PATCH", "/tickets/17", "{}")
	if res.StatusCode != 422 || body != "<b>no</b>" || res.Header.Get("Meridian-Version") != "" || res.Header.Get("Etag") != "" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}

func TestAnswerShapes(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	var result request.Result
	b.engine.write = func(context.Context, request.Write) (request.Result, error) { return result, nil }
	result = made(204, "")
	result.Replayed = true
	result.Answer.Header = http.Header{"Etag": {`"theirs"`}}
	res, body := b.do(t, "DELETE", "/tickets/17", "")
	if res.StatusCode != 204 || body != "" || res.Header.Get("Meridian-Replayed") != "true" || res.Header.Get("Etag") != `"theirs"` ||
		res.Header.Get("Content-Type") != "" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	result = request.Result{Entry: request.Entry{ID: gid, Owner: "tokyo", Version: at(4)}, Op: "OP 1"}
	res, body = b.do(t, "PATCH", "/tickets/17", "{}")
	if res.StatusCode != 202 || res.Header.Get("Meridian-Operation") != "/.meridian/operations/OP%201" || res.Header.Get("Meridian-State") != "queued" {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
	for _, loc := range []string{"javascript:alert(1)", "http://evil/x", "//evil/x", `\\evil\x`, "data:x"} {
		result = made(201, "{}")
		result.Answer.Header = http.Header{"Location": {loc}}
		if res, _ = b.do(t, "POST", "/tickets", "{}"); res.Header.Get("Location") != "" {
			t.Errorf("Location %q passed", res.Header.Get("Location"))
		}
	}
}

// The log of an intercepted call says what was done to which request and nothing that is in it; a call that passes says nothing.
func TestLog(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.InfoLevel)
	b := setup(t, echo, func(o *Options) { o.Log = zap.New(core) })
	b.engine.write = func(context.Context, request.Write) (request.Result, error) {
		return made(200, `{"secret":"s3cr3t"}`), nil
	}
	b.do(t, "GET", "/other", "")
	b.do(t, "PATCH", "/tickets/17", `{"secret":"s3cr3t"}`, "Authorization: Bearer s3cr3t", "Cookie: s3cr3t",
		"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	all := logs.All()
	if len(all) != 1 {
		t.Fatalf("%d lines", len(all))
	}
	m := all[0].ContextMap()
	if m["request"] != string(gid) || m["version"] != "1.2" || m["status"] != int64(200) || m["verb"] != "update" ||
		m["trace_id"] != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("%v", m)
	}
	for k, v := range m {
		if s, ok := v.(string); ok && strings.Contains(s, "s3cr3t") {
			t.Errorf("%s shows %s", k, s)
		}
	}
}

func TestPanicIsAnswered(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t))
	b.engine.write = func(context.Context, request.Write) (request.Result, error) { panic("boom") }
	if res, body := b.do(t, "PATCH", "/tickets/17", "{}"); res.StatusCode != 500 || strings.Contains(body, "boom") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// One client that has too much under way is told so; others are served.
func TestClientLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, nobody(t), func(o *Options) { o.Client.Parallel = 1 })
	entered, leave := make(chan struct{}), make(chan struct{})
	b.engine.write = func(_ context.Context, w request.Write) (request.Result, error) {
		if w.Local == "slow" {
			close(entered)
			<-leave
		}
		return made(200, "{}"), nil
	}
	done := make(chan struct{})
	go func() { defer close(done); b.do(t, "PATCH", "/tickets/slow", "{}") }()
	<-entered
	if res, _ := b.do(t, "PATCH", "/tickets/17", "{}"); res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
		t.Errorf("the same client got %d", res.StatusCode)
	}
	if res, _ := b.do(t, "PATCH", "/tickets/17", "{}", "Authorization: Basic other"); res.StatusCode != 200 {
		t.Errorf("another client got %d", res.StatusCode)
	}
	close(leave)
	<-done
	c := newClients(ClientLimit{Rate: 1, Burst: 2})
	for i, want := range []bool{true, true, false} {
		if _, ok := c.enter("x"); ok != want {
			t.Errorf("call %d: %v", i, ok)
		}
	}
}

package tests

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// badCall is something that must be refused. Statuses are those that are right; 0 stands for a connection that is closed without
// an answer.
type badCall struct {
	name   string
	text   string
	status []int
}

// post is a well-formed create with a body, and with further header lines.
func post(body string, header ...string) string {
	return fmt.Sprintf("POST /tickets HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s",
		len(body), strings.Join(append(header, ""), "\r\n"), body)
}

// on is a call with a body at a path.
func on(method, path, body string, header ...string) string {
	return strings.Replace(post(body, header...), "POST /tickets", method+" "+path, 1)
}

// framing are calls whose length or framing is ambiguous or wrong: the smuggler's tools.
func framing() []badCall {
	head := "POST /tickets HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
	ok := `{"subject":"smuggled"}`
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(ok), ok)
	return []badCall{
		{"two lengths", head + "Content-Length: 5\r\nContent-Length: 22\r\n\r\n" + ok, []int{400}},
		{"list of lengths", head + "Content-Length: 22, 22\r\n\r\n" + ok, []int{400}},
		{"signed length", head + "Content-Length: +22\r\n\r\n" + ok, []int{400}},
		{"negative length", head + "Content-Length: -1\r\n\r\n" + ok, []int{400}},
		{"huge length", head + "Content-Length: 100000000000000000000\r\n\r\n" + ok, []int{400}},
		{"xchunked", head + "Transfer-Encoding: xchunked\r\n\r\n" + chunked, []int{400, 501}},
		{"chunked twice", head + "Transfer-Encoding: chunked, chunked\r\n\r\n" + chunked, []int{400, 501}},
		{"chunked, identity", head + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunked, []int{400, 501}},
		{"space before colon", head + "Content-Length : 22\r\n\r\n" + ok, []int{400}},
		{"hex chunk size", head + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0x16\r\n" + ok + "\r\n0\r\n\r\n", []int{400}},
		{"chunk size with a bare LF", head + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n16\n" + ok + "\r\n0\r\n\r\n", []int{400}},
		{"chunked on HTTP/1.0", "POST /tickets HTTP/1.0\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked, []int{400}},
		{"no Host", "POST /tickets HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n" + ok, []int{400}},
		{"two Hosts", head + "Host: i\r\nContent-Length: 22\r\n\r\n" + ok, []int{400}},
		{"NUL in a header", head + "X-A: a\x00b\r\nContent-Length: 22\r\n\r\n" + ok, []int{400}},
		{"CR in a header", head + "X-A: a\rb\r\nContent-Length: 22\r\n\r\n" + ok, []int{400}},
		{"large header", head + "X-A: " + strings.Repeat("a", 100<<10) + "\r\nContent-Length: 22\r\n\r\n" + ok, []int{431}},
		{"5000 headers", head + headers(5000) + "Content-Length: 22\r\n\r\n" + ok, []int{431}},
		{"unknown Expect", head + "Expect: something\r\nContent-Length: 22\r\n\r\n" + ok, []int{417}},
	}
}

func headers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: 1\r\n", i)
	}
	return b.String()
}

// bodies are creates with something wrong in them.
func bodies() []badCall {
	calls := []badCall{
		{"gzip", post(`{"subject":"x"}`, "Content-Encoding: gzip"), []int{415}},
		{"over the limit", post(`{"subject":"` + strings.Repeat("x", 2<<20) + `"}`), []int{413, 0}},
		{"text", strings.Replace(post(`{"subject":"x"}`), "application/json", "text/plain", 1), []int{415}},
		{"latin-1", strings.Replace(post(`{"subject":"x"}`), "application/json", "application/json; charset=iso-8859-1", 1), []int{415}},
		{"multipart", strings.Replace(post(`{"subject":"x"}`), "application/json", "multipart/form-data; boundary=x", 1), []int{415}},
		{"external id", post(`{"subject":"x","external_id":"mine"}`), []int{422}},
	}
	for name, body := range map[string]string{
		"empty":               ``,
		"duplicate key":       `{"subject":"a","subject":"b"}`,
		"duplicate deep key":  `{"subject":"a","x":[{"y":1,"y":2}]}`,
		"escaped duplicate":   `{"subject":"a","s\u0075bject":"b"}`,
		"invalid UTF-8":       "{\"subject\":\"a\xff\"}",
		"lone surrogate":      `{"subject":"\ud800"}`,
		"BOM":                 "\ufeff" + `{"subject":"x"}`,
		"too deep":            `{"subject":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`,
		"huge number":         `{"subject":"x","n":1e400}`,
		"NaN":                 `{"subject":"x","n":NaN}`,
		"second value":        `{"subject":"x"}{"subject":"y"}`,
		"something behind":    `{"subject":"x"} x`,
		"an array":            `[{"subject":"x"}]`,
		"a string":            `"subject"`,
		"null":                `null`,
		"cut off":             `{"subject":"x"`,
		"trailing comma":      `{"subject":"x",}`,
		"single quotes":       `{'subject':'x'}`,
		"comment":             `{"subject":"x"/**/}`,
		"control character":   "{\"subject\":\"a\nb\"}",
		"leading zero":        `{"subject":"x","n":01}`,
		"plus":                `{"subject":"x","n":+1}`,
		"unknown escape":      `{"subject":"\x41"}`,
		"deep beyond parsers": strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
	} {
		calls = append(calls, badCall{name, post(body), []int{400}})
	}
	return calls
}

// paths are writes whose path or method would slip past a careless gateway.
func paths() []badCall {
	ok := `{"subject":"x"}`
	var calls []badCall
	for _, p := range []string{"/tickets/../tickets", "//tickets", "/./tickets", "/x/../tickets", "/x/%2e%2e/tickets", "/tickets/.", "/Tickets", "/%74ickets",
		"/tickets%2f", "/tickets;x=1"} {
		calls = append(calls, badCall{"POST " + p, on("POST", p, ok), []int{400}})
	}
	for _, p := range []string{"/tickets/../tickets/1", "//tickets/1", "/./tickets/1", "/tickets//1", "/tickets/%2e%2e/tickets/1", "/tickets/a%2fb",
		"/tickets/a%5cb", "/tickets/1%00", "/tickets/%252e", "/tickets/%c0%af", "/Tickets/1", "/tickets/1;x=1", "/%74ickets/1", "/tickets/1%20"} {
		calls = append(calls, badCall{"PATCH " + p, on("PATCH", p, ok), []int{400}}, badCall{"DELETE " + p, on("DELETE", p, ok), []int{400}})
	}
	return append(calls,
		badCall{"lower case method", on("post", "/tickets", ok), []int{400, 405, 501}},
		badCall{"lower case patch", on("patch", "/tickets/1", ok), []int{400, 405, 501}},
		badCall{"TRACE", "TRACE /tickets HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", []int{405, 501}},
		badCall{"CONNECT", "CONNECT other:80 HTTP/1.1\r\nHost: other:80\r\nConnection: close\r\n\r\n", []int{400, 405, 501}},
		badCall{"method override", on("POST", "/tickets/1", ok, "X-HTTP-Method-Override: PATCH"), []int{400}},
		badCall{"override on create", on("POST", "/tickets", ok, "X-HTTP-Method-Override: DELETE"), []int{400}},
		badCall{"override in the query", on("POST", "/tickets?_method=DELETE", ok), []int{400}},
		badCall{"empty key", post(ok, "Idempotency-Key: "), []int{400}},
		badCall{"long key", post(ok, "Idempotency-Key: "+strings.Repeat("k", 10<<10)), []int{400, 431}},
		badCall{"two keys", post(ok, "Idempotency-Key: a", "Idempotency-Key: b"), []int{400}},
		badCall{"weak If-Match", on("PATCH", "/tickets/1", ok, `If-Match: W/"1.1"`), []int{400}},
		badCall{"garbage If-Match", on("PATCH", "/tickets/1", ok, `If-Match: garbage`), []int{400}},
	)
}

// Nothing bad gets a good answer, and nothing of it is stored or sent anywhere.
func TestBadInput(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	for _, c := range append(append(framing(), bodies()...), paths()...) {
		answer := raw(t, oslo.Address(), c.text, soon)
		if s := status(answer); !containsInt(c.status, s) {
			t.Errorf("%s: status %d, want %v: %.300s", c.name, s, c.status, answer)
		}
		if k := answers(answer); k > 1 {
			t.Errorf("%s: %d answers to one call: %.300s", c.name, k, answer)
		}
		for _, g := range []*harness.Gateway{oslo, rome} {
			if log := g.Fake().Writes(); len(log) > 0 {
				t.Fatalf("%s: %s's API was sent %s %s %.200s", c.name, g.Name, log[0].Method, log[0].URI, log[0].Body)
			}
		}
	}
	if out, err := harness.GetRaw(oslo.Admin("/api/v1/requests")); err != nil || !strings.Contains(string(out), `"requests":[]`) {
		t.Errorf("something was stored: %s (%v)", out, err)
	}
	name := subject("after all this")
	oslo.Create("/tickets", ticket(name, "")).Want(201)
	rome.WantCopy(name, soon, nil)
}

// answers counts the answers in what came back.
func answers(text string) int { return len(statusLine.FindAllString(text, -1)) }

var statusLine = regexp.MustCompile(`(?m)^HTTP/1\.[01] \d\d\d `)

func status(answer string) int {
	var s int
	if !strings.HasPrefix(answer, "HTTP/1.") || len(answer) < 12 {
		return 0
	}
	_, _ = fmt.Sscan(answer[9:12], &s)
	return s
}

func containsInt(list []int, n int) bool {
	for _, x := range list {
		if x == n {
			return true
		}
	}
	return false
}

// Length and chunked together are the smuggler's classic: the call is refused or its connection closed, and what is hidden behind
// it never runs.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo := n.At("oslo")
	hidden := "DELETE /tickets/1 HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, first := range []string{
		"POST /tickets HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /echo/x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n",
	} {
		answer := raw(t, oslo.Address(), first+hidden, 7*time.Second)
		if answers(answer) > 1 {
			t.Errorf("the hidden call was answered: %.600s", answer)
		}
		for _, e := range oslo.Fake().Log() {
			if e.Method == "DELETE" {
				t.Errorf("the hidden call ran: %+v", e)
			}
		}
	}
}

// Clients that dawdle lose their connection: in the headers and in the body.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere,
		Extra: "limits: {header_timeout: 1s, body_timeout: 1s}\n"})
	oslo := n.At("oslo")
	for what, text := range map[string]string{
		"headers": "POST /tickets HTTP/1.1\r\nHost: h\r\n",
		"body":    "POST /tickets HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
	} {
		began := time.Now()
		answer := raw(t, oslo.Address(), text, 10*time.Second)
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("slow %s: the connection was open for %v: %q", what, took, answer)
		}
		if s := status(answer); s != 0 && s != 400 && s != 408 {
			t.Errorf("slow %s: %q", what, answer)
		}
	}
	if w := oslo.Fake().Writes(); len(w) > 0 {
		t.Errorf("something was sent: %v", w)
	}
}

// The peer face takes nothing from strangers, and the client face nothing of the peers'.
func TestPeerFaceIsNotForClients(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere,
		Extra: "security: {peer_key: \"a key of thirty-two bytes or more!\"}\n"})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("signed")
	oslo.Create("/tickets", ticket(name, "")).Want(201)
	rome.WantCopy(name, soon, nil)
	n.Settled(soon)
	before := len(rome.Fake().Log())
	for _, path := range []string{"/", "/peer/v1/write", "/peer/v1/apply", "/v1/hello", "/peer/hello", "/tickets"} {
		for _, method := range []string{"GET", "POST"} {
			text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: h\r\nMeridian-Site: oslo\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", method, path)
			if s := status(raw(t, rome.PeerAddress(), text, soon)); s < 400 || s >= 500 {
				t.Errorf("%s %s at the peer address gave %d", method, path, s)
			}
		}
	}
	if now := len(rome.Fake().Log()); now != before {
		t.Errorf("Rome's API was sent %d calls", now-before)
	}
}

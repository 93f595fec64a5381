package tests

import (
	"fmt"
	"strings"
)

// hostileHeaders are rows 8 to 17, 28 to 31, 44 and 45: what is said about a call.
func hostileHeaders() (out []hostile) {
	bad := []int{400}
	add := func(name string, want []int, kind, text string) {
		out = append(out, hostile{name: name, want: want, kind: kind, text: text})
	}
	write := func(header ...string) string { return closing("POST", "/tickets", okBody, header...) }
	change := func(header ...string) string {
		return closing("PATCH", "/tickets/{id}", `{"subject":"changed"}`, header...)
	}
	body := "Content-Length: 22\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + okBody

	// Hosts, and names of others.
	add("no Host", bad, "", "POST /tickets HTTP/1.1\r\n"+body)
	add("two Hosts", bad, "", "POST /tickets HTTP/1.1\r\nHost: h\r\nHost: h\r\n"+body)
	add("Host with a blank", bad, "", "POST /tickets HTTP/1.1\r\nHost: a b\r\n"+body)
	add("Host with a slash", bad, "", "POST /tickets HTTP/1.1\r\nHost: a/b\r\n"+body)
	add("Host with a user", bad, "", "POST /tickets HTTP/1.1\r\nHost: a@b\r\n"+body)
	add("Host with a NUL", bad, "", "POST /tickets HTTP/1.1\r\nHost: a\x00b\r\n"+body)
	add("absolute target of another", []int{421}, "misdirected", "POST http://evil.example/tickets HTTP/1.1\r\nHost: h\r\n"+body)
	add("absolute target of the cloud", []int{421}, "misdirected", "GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	add("target without a slash", bad, "", "POST tickets HTTP/1.1\r\nHost: h\r\n"+body)
	add("target of another kind", []int{400, 421}, "", "GET file:///etc/passwd HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

	// Bytes that headers do not have, and too much of all.
	for name, h := range map[string]string{"NUL": "X-A: a\x00b", "CR": "X-A: a\rb", "control": "X-A: a\x01b", "DEL": "X-A: a\x7fb", "no colon": "X-A", "no name": ": a",
		"blank in the name": "X A: a", "umlaut in the name": "X-Ä: a", "bracket in the name": "X(A): a"} {
		add("header with "+name, bad, "", write(h))
	}
	add("100 KiB of a header", []int{431}, "", write("X-A: "+strings.Repeat("a", 100<<10)))
	add("5000 headers", []int{431}, "", write(strings.TrimSuffix(headers(5000), "\r\n")))
	add("600 headers", []int{431}, "header-too-large", write(strings.TrimSuffix(headers(600), "\r\n")))
	add("a header 600 times", []int{431}, "header-too-large", write(strings.TrimSuffix(strings.Repeat("X-A: 1\r\n", 600), "\r\n")))
	add("a long target", []int{414, 431}, "", lines("GET /tickets/"+strings.Repeat("a", 64<<10), "Connection: close"))
	add("Expect something", []int{417}, "", write("Expect: something"))

	// What the body is said to be.
	for name, h := range map[string][]string{"gzip": {"Content-Encoding: gzip"}, "br": {"Content-Encoding: br"}, "identity and gzip": {"Content-Encoding: identity, gzip"},
		"gzip in two": {"Content-Encoding: identity", "Content-Encoding: gzip"}, "two types": {"Content-Type: application/json"}} {
		add("content "+name, []int{415}, "unsupported", write(h...))
		add("changed content "+name, []int{415}, "unsupported", change(h...))
	}
	for _, t := range []string{"text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=iso-8859-1",
		"application/json; charset=utf-16", "application/json;charset=\"utf-7\"", "application/json, text/plain", "json", "*/*", "application/json; =", "application/octet-stream", "application/json-seq", "application/x-ndjson", ""} {
		for _, at := range []string{"POST /tickets", "PATCH /tickets/{id}", "PUT /tickets/{id}"} {
			m, path, _ := strings.Cut(at, " ")
			add(at+" as "+t, []int{415}, "unsupported", strings.Replace(closing(m, path, okBody), "application/json", t, 1))
		}
	}
	add("no type", []int{415}, "unsupported", strings.Replace(write(), "Content-Type: application/json\r\n", "", 1))

	out = append(out, hostileMethods()...)
	// Keys and preconditions.
	for name, h := range map[string][]string{"empty": {"Idempotency-Key:"}, "empty quoted": {`Idempotency-Key: ""`}, "10 KiB": {"Idempotency-Key: " + strings.Repeat("k", 10<<10)}, "256": {"Idempotency-Key: " + strings.Repeat("k", 256)},
		"two": {"Idempotency-Key: a", "Idempotency-Key: b"}, "the same twice": {"Idempotency-Key: a", "Idempotency-Key: a"}, "Latin-1": {"Idempotency-Key: \xe4"}, "UTF-8": {"Idempotency-Key: ä"}, "tab": {"Idempotency-Key: a\tb"}} {
		add("key "+name, bad, "invalid", write(h...))
		add("key "+name+" of a change", bad, "invalid", change(h...))
	}
	for _, tag := range []string{`W/"1.1"`, "garbage", "1.1", `"1.1`, `1.1"`, "", ",", `"1.1", W/"1.2"`, `*, "1.1"`, `"a"b"`, `"a b`, `w/"1.1"`, "**"} {
		add("If-Match "+tag, bad, "invalid", change("If-Match: "+tag))
		add("delete If-Match "+tag, bad, "invalid", lines("DELETE /tickets/{id}", "Connection: close", "If-Match: "+tag))
	}
	for _, tag := range []string{`"1.2"`, `"2.1"`, `"0.0"`, `"9.9", "1.7"`, `"no-version"`} {
		add("If-Match "+tag, []int{412}, "precondition", change("If-Match: "+tag))
		out[len(out)-1].through = true // it is read before it is compared
	}
	for _, v := range []string{"garbage", "1", "1.", ".1", "-1.1", "1.1.1", "1e3.1", "01.1", "99999999999999999999.1", "1.99999999999999999999", "1.1 ", "*"} {
		if v != "1.1 " {
			add("Min-Version "+v, bad, "invalid", lines("GET /tickets/{id}", "Connection: close", "Meridian-Min-Version: "+v))
		}
	}
	add("two Min-Versions", bad, "invalid", lines("GET /tickets/{id}", "Connection: close", "Meridian-Min-Version: 1.1", "Meridian-Min-Version: 1.1"))
	// Headers that others on the way rely on, declared to be of this connection only.
	for _, name := range []string{"Authorization", "Cookie", "content-type", "If-Match", "Idempotency-Key", "Meridian-Owner", "X-Forwarded-For", "Content-Length", "Host", "Via"} {
		add("Connection: "+name, bad, "invalid", change("Connection: "+name))
		add("Connection: close, "+name, bad, "invalid", strings.Replace(write(), "Connection: close", "Connection: close, "+name, 1))
	}
	add("a circle", []int{508}, "loop", write("Via: 1.1 proxy, 1.1 meridian.test.oslo (x)"))
	return out
}

// hostileMethods are row 28 and the disguises of methods.
func hostileMethods() (out []hostile) {
	add := func(name string, want []int, text string) {
		out = append(out, hostile{name: name, want: want, text: text})
	}
	odd := []int{400, 405, 501}
	for _, m := range []string{"post", "Post", "pOST", "get", "delete", "patch"} {
		add(m, odd, closing(m, "/tickets", okBody))
		add(m+" a record", odd, closing(m, "/tickets/{id}", okBody))
		add(m+" elsewhere", odd, closing(m, "/echo/x", okBody))
	}
	for _, m := range []string{"FOO", "PROPFIND", "MOVE", "COPY", "LOCK", "SEARCH", "PURGE", "LINK", "MERGE", "PRI", "POST!", "M-SEARCH"} {
		add(m, odd, closing(m, "/tickets", okBody))
		add(m+" a record", odd, closing(m, "/tickets/{id}", okBody))
		add(m+" in disguise", odd, closing(m, "/x/..//tickets/{id}", okBody))
	}
	for _, m := range []string{"PO ST", "PO\x00ST", "", "POST\t", "(POST)"} {
		add(fmt.Sprintf("method %q", m), []int{400, 405, 501}, closing(m, "/tickets", okBody))
	}
	add("TRACE", odd, lines("TRACE /tickets", "Connection: close", "Cookie: secret"))
	add("TRACE elsewhere", odd, lines("TRACE /echo/x", "Connection: close"))
	add("CONNECT", odd, "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\nConnection: close\r\n\r\n")
	add("CONNECT to a path", odd, lines("CONNECT /tickets", "Connection: close"))
	for _, h := range []string{"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "x_http_method_override: DELETE", "X-HTTP_Method-Override: delete", "X-HTTP-Method-Override: MERGE"} {
		for _, at := range []string{"GET /tickets/{id}", "POST /tickets/{id}", "POST /tickets", "PATCH /tickets/{id}", "HEAD /tickets/{id}", "OPTIONS /tickets/{id}"} {
			if strings.HasSuffix(h, "MERGE") && !strings.HasPrefix(at, "P") || at == "POST /tickets/{id}" && strings.HasSuffix(h, "MERGE") {
				continue
			}
			m, path, _ := strings.Cut(at, " ")
			add(at+" "+h, []int{400}, closing(m, path, okBody, h))
		}
	}
	for _, q := range []string{"_method=DELETE", "a=1&_method=delete", "a=1;_method=DELETE", "%5fmethod=DELETE", "_metho%64=DELETE", "_METHOD=DELETE", "x-http-method-override=DELETE", "X_HTTP_METHOD=DELETE", "_method=%44ELETE"} {
		add("GET ?"+q, []int{400}, lines("GET /tickets/{id}?"+q, "Connection: close"))
		add("POST ?"+q, []int{400}, closing("POST", "/tickets/{id}?"+q, okBody))
		add("create ?"+q, []int{400}, closing("POST", "/tickets?"+q, okBody))
	}
	add("override to a change below", []int{400}, lines("GET /tickets/{id}/close", "Connection: close", "X-HTTP-Method-Override: POST"))
	add("override in the body", []int{400}, closing("POST", "/tickets", `{"subject":"x","_method":"DELETE"}`))
	add("override in the body, escaped", []int{400}, closing("POST", "/tickets", `{"subject":"x","_m\u0065thod":"DELETE"}`))
	return out
}

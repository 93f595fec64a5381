package tests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// wrongJSON are texts that are no JSON object, or say something in two ways (rows 18 to 23).
func wrongJSON() map[string]string {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	return map[string]string{
		"empty":                   ``,
		"blanks":                  " \r\n\t ",
		"a key twice":             `{"subject":"a","subject":"b"}`,
		"a key twice, the same":   `{"subject":"a","subject":"a"}`,
		"a key twice, deep":       `{"subject":"a","x":[{"y":{"z":1,"z":2}}]}`,
		"a key twice, escaped":    `{"subject":"a","s\u0075bject":"b"}`,
		"a key twice, surrogates": `{"subject":"a","😀":1,"\ud83d\ude00":2}`,
		"the empty key twice":     `{"subject":"a","":1,"":2}`,
		"invalid UTF-8":           "{\"subject\":\"a\xff\"}",
		"invalid UTF-8 in a key":  "{\"sub\xc3ject\":\"a\"}",
		"overlong UTF-8":          "{\"subject\":\"\xc0\xaf\"}",
		"UTF-8 of a surrogate":    "{\"subject\":\"\xed\xa0\x80\"}",
		"beyond Unicode":          "{\"subject\":\"\xf5\x80\x80\x80\"}",
		"cut UTF-8":               "{\"subject\":\"\xe2\x82\"}",
		"lone surrogate":          `{"subject":"\ud800"}`,
		"low surrogate":           `{"subject":"\udc00x"}`,
		"surrogates swapped":      `{"subject":"\udc00\ud800"}`,
		"surrogate in a key":      `{"a\ud800":1,"subject":"x"}`,
		"BOM":                     "\ufeff" + `{"subject":"x"}`,
		"UTF-16":                  "{\x00\"\x00s\x00\"\x00:\x001\x00}\x00",
		"NUL behind":              `{"subject":"x"}` + "\x00",
		"NUL in a text":           "{\"subject\":\"a\x00b\"}",
		"NUL before":              "\x00" + `{"subject":"x"}`,
		"65 levels":               `{"subject":` + deep(64) + `}`,
		"100000 levels":           strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"open levels":             strings.Repeat(`[`, 200_000),
		"deep and broken":         `{"a":"` + strings.Repeat("[", 100) + `","b":` + strings.Repeat("[", 100),
		"1e400":                   `{"subject":"x","n":1e400}`,
		"-1e400":                  `{"subject":"x","n":[-1e400]}`,
		"1E+309":                  `{"subject":"x","n":1E+309}`,
		"400 digits":              `{"subject":"x","n":` + strings.Repeat("9", 400) + `}`,
		"a huge exponent":         `{"subject":"x","n":1e99999999999999999999}`,
		"NaN":                     `{"subject":"x","n":NaN}`,
		"Infinity":                `{"subject":"x","n":-Infinity}`,
		"hex":                     `{"subject":"x","n":0x10}`,
		"01":                      `{"subject":"x","n":01}`,
		"+1":                      `{"subject":"x","n":+1}`,
		"1.":                      `{"subject":"x","n":1.}`,
		".5":                      `{"subject":"x","n":.5}`,
		"1e":                      `{"subject":"x","n":1e}`,
		"--1":                     `{"subject":"x","n":--1}`,
		"a second object":         `{"subject":"x"}{"subject":"y"}`,
		"a second object, line":   `{"subject":"x"}` + "\n" + `{"subject":"y"}`,
		"a word behind":           `{"subject":"x"} x`,
		"a comma behind":          `{"subject":"x"},`,
		"a list":                  `[{"subject":"x"}]`,
		"an empty list":           `[]`,
		"a text":                  `"subject"`,
		"a number":                `17`,
		"null":                    `null`,
		"true":                    `true`,
		"cut off":                 `{"subject":"x"`,
		"cut in a text":           `{"subject":"x`,
		"cut in an escape":        `{"subject":"\u00`,
		"trailing comma":          `{"subject":"x",}`,
		"leading comma":           `{,"subject":"x"}`,
		"no value":                `{"subject":}`,
		"no key":                  `{:"x"}`,
		"no colon":                `{"subject" "x"}`,
		"key without quotes":      `{subject:"x"}`,
		"key a number":            `{1:"x"}`,
		"single quotes":           `{'subject':'x'}`,
		"comment":                 `{"subject":"x"/**/}`,
		"comment, line":           "{\"subject\":\"x\"//\n}",
		"control character":       "{\"subject\":\"a\nb\"}",
		"vertical tab":            "{\v\"subject\":\"a\"}",
		"form feed behind":        "{\"subject\":\"a\"}\f",
		"blank of Unicode":        "{\u00a0\"subject\":\"a\"}",
		"unknown escape":          `{"subject":"\x41"}`,
		"True":                    `{"subject":True}`,
		"undefined":               `{"subject":undefined}`,
		"half a word":             `{"subject":tru}`,
		"mixed brackets":          `{"subject":["x"}]`,
		"HTML":                    `<html></html>`,
		"a prefix":                `)]}',{"subject":"x"}`,
		"a form":                  `subject=x`,
		"control in a key":        `{"subject":"x","a\u0000b":1}`,
		"newline in a key":        `{"subject":"x","a\r\nX-Evil: 1":1}`,
		"bidi in a key":           "{\"subject\":\"x\",\"a\u202eb\":1}",
		"no width in a key":       "{\"subject\":\"x\",\"sub\u200bject\":1}",
		"bidi in a deep key":      "{\"subject\":\"x\",\"y\":[{\"a\u2066b\":1}]}",
		"BOM in a key":            "{\"subject\":\"x\",\"\ufeffsubject\":1}",
	}
}

// hostileBodies are rows 15, 18 to 24 and 46.
func hostileBodies() (out []hostile) {
	bodies := wrongJSON()
	writes := []struct{ face, method, path string }{{"", "POST", "/tickets"}, {"", "PATCH", "/tickets/{id}"}, {"", "PUT", "/tickets/{id}"}, {"rome", "PATCH", "/tickets/{copy}"}, {"rome", "PATCH", "/tickets/oslo:{id}"}}
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		for _, w := range writes {
			out = append(out, hostile{name: fmt.Sprint(w.method, " ", w.path, " ", name), face: w.face, want: []int{400}, kind: "invalid", text: closing(w.method, w.path, bodies[name])})
		}
	}
	// Fields of the gateway's.
	for _, field := range []string{"external_id", "sync_owner", "sync_version", "sync_id", "sync_state"} {
		for _, value := range []string{`"mine"`, `null`, `{"a":1}`, `""`, `["{gid}"]`} {
			for _, w := range writes {
				key := field
				if value == `""` {
					key = fmt.Sprintf(`\u%04x%s`, field[0], field[1:])
				}
				if empty := value == `null` || value == `""`; empty && w.method != "PATCH" {
					continue // a form that was left empty
				}
				out = append(out, hostile{name: fmt.Sprint(w.method, " ", w.path, " ", field, " ", value), face: w.face, want: []int{422}, kind: "reserved-field", through: strings.Contains(w.path, ":"),
					text: closing(w.method, w.path, `{"subject":"x","`+key+`":`+value+`}`)})
			}
		}
	}
	large := `{"subject":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, w := range writes {
		first := w.method + " " + w.path
		kind := "too-large"
		out = append(out, hostile{name: first + " too large", face: w.face, want: []int{413, 0}, text: closing(w.method, w.path, large)},
			hostile{name: first + " said to be too large", face: w.face, want: []int{413}, kind: kind, hides: true, text: lines(first, "Content-Type: application/json", "Content-Length: 1048577")},
			hostile{name: first + " said to be huge", face: w.face, want: []int{413}, kind: kind, hides: true, text: lines(first, "Content-Type: application/json", "Content-Length: 9223372036854775807")},
			hostile{name: first + " chunked, too large", face: w.face, want: []int{413, 0},
				text: lines(first, "Content-Type: application/json", "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(large), large)})
	}
	return out
}

// hostileAdmin are bad inputs at the admin address.
func hostileAdmin() (out []hostile) {
	add := func(name string, want []int, text string) {
		out = append(out, hostile{name: name, face: "admin", want: want, text: text})
	}
	bad := []int{400}
	bodies := wrongJSON()
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		if name == "null" {
			continue // it says nothing, like {}
		}
		want := bad
		if len(bodies[name]) > 64<<10 {
			want = []int{400, 413}
		}
		add("retry: "+name, want, closing("POST", "/api/v1/deliveries/retry", bodies[name]))
		add("transfer: "+name, want, closing("POST", "/api/v1/requests/{gid}/transfer", bodies[name]))
	}
	transfer := func(body string, header ...string) string {
		return closing("POST", "/api/v1/requests/{gid}/transfer", body, header...)
	}
	for _, body := range []string{`{"To":"rome"}`, `{"TO":"rome"}`, `{"to":"rome","x":1}`, `{"to":["rome"]}`, `{"to":17}`, `{"to":"rome","to":"oslo"}`, `{"to":"rome","To":"oslo"}`, `{}`, `{"to":""}`, `{"to":"rome","mode":"all"}`, `{"to":"rome","by":7}`} {
		add("transfer "+body, bad, transfer(body))
	}
	for _, to := range []string{"atlantis", "../rome", "rome\\u0000", "ROME", "rome ", "all"} {
		add("transfer to "+to, []int{400, 404, 422}, transfer(`{"to":"`+to+`"}`))
	}
	for name, h := range map[string]string{"another's page": "Origin: http://evil.example", "no page": "Origin: null", "another port": "Origin: http://127.0.0.1:1"} {
		add("from "+name, []int{403}, transfer(`{"to":"rome"}`, h))
	}
	for name, text := range map[string]string{"a plain type": "text/plain", "a form": "application/x-www-form-urlencoded", "no JSON": "multipart/form-data; boundary=x"} {
		add("a page's call with "+name, []int{415}, strings.Replace(transfer(`{"to":"rome"}`), "application/json", text, 1))
	}
	add("without a type", []int{415}, strings.Replace(transfer(`{"to":"rome"}`), "Content-Type: application/json\r\n", "", 1))
	add("gzip", []int{415}, transfer(`{"to":"rome"}`, "Content-Encoding: gzip"))
	for _, host := range []string{"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "169.254.169.254", "h", "", "[::2]"} {
		add("Host "+host, []int{403, 400}, strings.Replace(closing("GET", "/api/v1/requests", ""), "Host: h", "Host: "+host, 1))
		add("write, Host "+host, []int{403, 400}, strings.Replace(transfer(`{"to":"rome"}`), "Host: h", "Host: "+host, 1))
	}
	for i := range out { // all others are right in their Host
		if !strings.Contains(out[i].name, "Host ") {
			out[i].text = strings.Replace(out[i].text, "Host: h\r\n", "Host: 127.0.0.1\r\n", 1)
		}
	}
	local := func(method, path, body string, header ...string) string {
		return strings.Replace(closing(method, path, body, header...), "Host: h\r\n", "Host: localhost\r\n", 1)
	}
	for _, p := range []string{"//api/v1/requests", "/api//v1/requests", "/api/v1/../v1/requests", "/./api/v1/requests", "/api/v1/%2e%2e/v1/requests", "/api/v1/requests/..", "/api/v1/requests/%2e%2e%2f%2e%2e", "/api/v1/requests/..%5c", "/api/v1/requests/a%00b",
		"/api/v1/requests/a%0d%0ab", "/%2e/healthz", "//evil.example/%2e%2e", "/healthz/../api/v1/requests"} {
		add("path "+p, bad, local("GET", p, ""))
		add("write at "+p, bad, local("POST", p+"/transfer", `{"to":"rome"}`))
	}
	for _, q := range []string{"limit=0", "limit=-1", "limit=1001", "limit=abc", "limit=1e3", "limit=99999999999999999999"} {
		add("list "+q, bad, local("GET", "/api/v1/requests?"+q, ""))
		add("deliveries "+q, bad, local("GET", "/api/v1/deliveries?"+q, ""))
	}
	for _, q := range []string{"state=garbage", "request=x", "request=%00", "request={gid}x"} {
		add("deliveries "+q, bad, local("GET", "/api/v1/deliveries?"+q, ""))
	}
	for _, ref := range []string{"nothing", "atlantis:1", "oslo:999", "%E2%80%AE", "a%2Fb", strings.Repeat("A", 26), strings.Repeat("x", 5000), "oslo:", ":", "%27%20OR%201=1", "*"} {
		add("request "+ref, []int{400, 404}, local("GET", "/api/v1/requests/"+ref, ""))
		add("transfer of "+ref, []int{400, 404}, local("POST", "/api/v1/requests/"+ref+"/transfer", `{"to":"rome"}`))
		out[len(out)-1].through, out[len(out)-2].through = true, true
	}
	for _, m := range []string{"PUT", "PATCH", "DELETE", "TRACE", "FOO", "post", "PROPFIND"} {
		add(m, []int{400, 405, 501}, local(m, "/api/v1/deliveries/retry", `{}`))
		add(m+" health", []int{400, 405, 501}, local(m, "/healthz", ""))
	}
	add("override", []int{405}, local("GET", "/api/v1/deliveries/retry", `{}`, "X-HTTP-Method-Override: POST"))
	add("a mebibyte", []int{413, 0}, local("POST", "/api/v1/deliveries/retry", `{"request":"`+strings.Repeat("x", 1<<20)+`"}`))
	add("5000 headers", []int{431}, local("GET", "/healthz", "", strings.TrimSuffix(headers(5000), "\r\n")))
	add("a client's call", []int{404, 405}, local("POST", "/tickets", okBody))
	add("a peer's call", []int{404, 405}, local("POST", "/peer/v1/hello", `{}`))
	return out
}

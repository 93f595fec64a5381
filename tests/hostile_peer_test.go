package tests

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// message is a call from Rome to Oslo, as a true gateway would sign it, to be bent.
type message struct {
	path, body                                     string
	network, from, to, time, nonce, sum, signature string
	key                                            string
	extra                                          []string
}

func said(path, body string) message {
	var b [16]byte
	_, _ = rand.Read(b[:])
	m := message{path: "/peer/v1/" + path, body: body, network: "test", from: "rome", to: "oslo", nonce: hex.EncodeToString(b[:]), key: hostileKey}
	return m
}

// about is the message with the names of what it is about in it.
func (m message) about(names *strings.Replacer) message {
	m.body = names.Replace(m.body)
	return m
}

// text is the call, signed over what it says unless it has a signature already.
func (m message) text() string {
	if m.time == "" {
		m.time = strconv.FormatInt(time.Now().UnixMilli(), 10)
	}
	h := sha256.Sum256([]byte(m.body))
	if m.sum == "" {
		m.sum = hex.EncodeToString(h[:])
	}
	if m.signature == "" {
		mac := hmac.New(sha256.New, []byte(m.key))
		for _, part := range []string{"meridian-call-1", m.network, "POST", m.path, m.from, m.to, m.time, m.nonce, m.sum} {
			_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part)
		}
		m.signature = hex.EncodeToString(mac.Sum(nil))
	}
	return strings.Replace(closing("POST", m.path, m.body, append(m.extra, "Meridian-From: "+m.from, "Meridian-To: "+m.to, "Meridian-Time: "+m.time, "Meridian-Nonce: "+m.nonce,
		"Meridian-Digest: "+m.sum, "Meridian-Signature: "+m.signature)...), "{length}", strconv.Itoa(len(m.body)), 1)
}

// envelope is the body of a message.
func envelope(body string) string {
	return `{"v":1,"network":"test","from":"rome","body":` + body + `}`
}

// hostilePeer are rows 32 to 38: what somebody without the key sends, and what a site with the key must not say.
func hostilePeer() (out []hostile) {
	hello := envelope(`{}`)
	add := func(name string, want []int, text string) {
		out = append(out, hostile{name: name, face: "peer", want: want, text: text})
	}
	bend := func(name string, want int, f func(*message)) {
		m := said("hello", hello)
		f(&m)
		out = append(out, hostile{name: name, face: "peer", want: []int{want}, said: &m})
	}
	good := said("hello", hello).text()
	add("a true call", []int{200}, good) // or nothing below proves anything
	add("the same again", []int{401}, good)
	bend("not signed", 401, func(m *message) { m.signature = " " })
	bend("another key", 401, func(m *message) { m.key = "another key of thirty-two bytes!!" })
	bend("a signature of zeros", 401, func(m *message) { m.signature = strings.Repeat("0", 64) })
	bend("half a signature", 401, func(m *message) { m.signature = "00" })
	bend("another network", 401, func(m *message) { m.network = "furniture" })
	bend("another body", 401, func(m *message) { m.sum = strings.Repeat("0", 64); m.signature = strings.Repeat("1", 64) })
	bend("another body, signed", 400, func(m *message) { m.sum = strings.Repeat("0", 64) })
	bend("from an unknown site", 403, func(m *message) { m.from = "atlantis" })
	bend("from the site itself", 403, func(m *message) { m.from = "oslo" })
	bend("to another site", 403, func(m *message) { m.to = "rome" })
	bend("an hour old", 401, func(m *message) { m.time = strconv.FormatInt(time.Now().Add(-time.Hour).UnixMilli(), 10) })
	bend("months old", 401, func(m *message) { m.time = "1600000000000" })
	bend("of the future", 401, func(m *message) { m.time = strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10) })
	bend("of no time", 401, func(m *message) { m.time = "soon" })
	bend("of a negative time", 401, func(m *message) { m.time = "-1" })
	bend("of a huge time", 401, func(m *message) { m.time = "9223372036854775807" })
	bend("a short nonce", 401, func(m *message) { m.nonce = "00" })
	bend("no nonce", 401, func(m *message) { m.nonce = "" })
	bend("two senders", 401, func(m *message) { m.extra = []string{"Meridian-From: paris"} })
	bend("of a page", 403, func(m *message) { m.extra = []string{"Origin: http://127.0.0.1"} })
	bend("of a browser", 403, func(m *message) { m.extra = []string{"Sec-Fetch-Site: same-origin"} })
	bend("a path with a query", 404, func(m *message) { m.path += "?x=1" })
	bend("an unknown message", 404, func(m *message) { m.path = "/peer/v1/seize" })
	bend("an older version", 404, func(m *message) { m.path = "/peer/v0/hello" })
	for _, p := range []string{"//peer/v1/hello", "/peer/v1/../v1/hello", "/peer/v1/hello/", "/peer/v1/%68ello", "/tickets", "/api/v1/requests", "/"} {
		bend("path "+p, 404, func(m *message) { m.path = p })
	}
	for _, m := range []string{"GET", "PUT", "DELETE", "TRACE", "post"} {
		add(m+" hello", []int{405, 400, 501}, strings.Replace(said("hello", hello).text(), "POST", m, 1))
	}
	add("nothing but a body", []int{401}, closing("POST", "/peer/v1/write", envelope(`{}`)))
	add("said to be huge", []int{401, 413}, lines("POST /peer/v1/write", "Content-Length: 9223372036854775807", "Connection: close"))
	huge := said("write", "")
	huge.sum = strings.Repeat("0", 64)
	add("said to be huge, signed", []int{413}, strings.Replace(huge.text(), "Content-Length: 0", "Content-Length: 9223372036854775807", 1))
	add("Connection: Meridian-Signature", []int{200}, strings.Replace(said("hello", hello).text(), "Connection: close", "Connection: close, Meridian-Signature, Meridian-From", 1))
	return append(out, hostileMessages()...)
}

// hostileMessages are signed by a site of the network that is broken, or has been taken over.
func hostileMessages() (out []hostile) {
	add := func(name string, want []int, path, body string) {
		m := said(path, body)
		out = append(out, hostile{name: path + ": " + name, face: "peer", want: want, said: &m})
	}
	either := []int{400, 403, 404, 409, 422, 508}
	paths := []string{"hello", "write", "resolve", "operation", "holders", "handover", "order", "file/put", "file/get", "digest", "rejoin", "audit"}
	for _, p := range paths {
		for name, body := range map[string]string{"empty": ``, "garbage": `hello`, "cut": `{"v":1,"network":"te`, "two": envelope(`{}`) + `{}`, "null": `null`, "a list": `[]`, "a key twice": `{"v":1,"v":1,"network":"test","from":"rome","body":{}}`,
			"no version": `{"network":"test","from":"rome","body":{}}`, "version 2": `{"v":2,"network":"test","from":"rome","body":{}}`, "invalid UTF-8": "{\"v\":1,\"network\":\"test\",\"from\":\"rome\",\"body\":{\"x\":\"\xff\"}}",
			"deep": `{"v":1,"network":"test","from":"rome","body":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, "gzip": "\x1f\x8b\x08\x00", "another network": `{"v":1,"network":"x","from":"rome","body":{}}`,
			"another sender": `{"v":1,"network":"test","from":"paris","body":{}}`} {
			add(name, []int{400, 403}, p, body)
		}
	}
	write := func(more string) string {
		return envelope(`{"op":"o1","kind":"update","collection":"tickets","request":"{gid}","fields":{"subject":"forged"},"entry":"rome","via":["rome"]` + more + `}`)
	}
	swap := func(old, by string) string { return strings.Replace(write(""), old, by, 1) }
	for name, body := range map[string]string{"no operation": swap(`"op":"o1",`, ""), "a long operation": swap("o1", strings.Repeat("o", 200)), "kind apply": swap("update", "apply"), "no kind": swap(`"kind":"update",`, ""),
		"unknown collection": swap(`"tickets"`, `"secrets"`), "no collection": swap(`"collection":"tickets",`, ""), "no id": swap("{gid}", "../x"), "unknown request": swap("{gid}", "01JD000000000000000000000A"),
		"fields a list": swap(`{"subject":"forged"}`, `[1]`), "fields too deep": swap(`"forged"`, strings.Repeat("[", 80)+strings.Repeat("]", 80)), "a field twice": swap(`"subject":"forged"`, `"subject":"a","subject":"b"`),
		"nine hops": swap(`["rome"]`, `["a","b","c","d","e","f","g","h","rome"]`), "came through here": swap(`["rome"]`, `["oslo","rome"]`), "ten thousand hops": swap(`["rome"]`, `["`+strings.Repeat(`a","`, 10_000)+`rome"]`),
		"passed on by another": swap(`["rome"]`, `["rome","paris"]`), "entered elsewhere": swap(`"entry":"rome"`, `"entry":"paris"`), "values of a queue": write(`,"base":"1.1@oslo"`), "a child of nothing": write(`,"child":{}`),
		"epoch garbage": write(`,"epoch_seen":"x"`), "epoch 2^63": write(`,"epoch_seen":"9223372036854775808@rome"`), "negative epoch": write(`,"epoch_seen":"-1@rome"`), "a version that is none": write(`,"base":{}`)} {
		add(name, either, "write", body)
	}
	// Snapshots: versions that are another's, that cannot be, of requests that the sender does not own.
	deliver := func(count int, shots ...string) string {
		return fmt.Sprintf(`{"v":1,"network":"test","from":"rome","count":%d}`, count) + "\n" + strings.Join(append(shots, ""), "\n")
	}
	shot := func(version string) string {
		return `{"id":"{gid}","collection":"tickets","version":"` + version + `","owner":"rome","origin":"oslo","fields":{"subject":"forged"},"at":"2026-03-04T05:06:07Z"}`
	}
	for name, body := range map[string]string{"cut short": deliver(2, shot("2.1@rome")), "one too many": deliver(1, shot("2.1@rome"), shot("2.1@rome")),
		"none": deliver(0), "negative count": deliver(-1), "huge count": deliver(1<<40, shot("2.1@rome")), "65": deliver(65, strings.Split(strings.Repeat(shot("2.1@rome")+"\n", 65), "\n")[:65]...)} {
		add(name, []int{400, 403}, "deliver", body)
	}
	for name, line := range map[string]string{"epoch of another": shot("1.5@paris"), "epoch of ours": shot("1.5@oslo"), "counter 2^63": shot("1.9223372036854775808@rome"), "counter 2^48": shot("1.281474976710656@rome"), "epoch 2^63": shot("9223372036854775808.1@rome"), "epoch far ahead": shot("281474976710655.1@rome"), "version zero": shot("0.0@rome"),
		"the same epoch, of Rome": shot("1.9@rome"), "a jump of epochs": shot("5000.1@rome"), "garbage": `hello`, "no id": strings.Replace(shot("2.1@rome"), "{gid}", "../x", 1), "no JSON": `{"id":`,
		"unknown collection": strings.Replace(strings.Replace(shot("1.1@rome"), "tickets", "secrets", 1), "{gid}", "01JD000000000000000000000B", 1)} {
		// Each snapshot is answered for itself: the delivery is 200, and nothing changes.
		add(name, []int{200, 400, 403}, "deliver", deliver(1, line))
	}
	out = append(out, hostileHandovers()...)
	return out
}

// hostileHandovers are forged words on ownership.
func hostileHandovers() (out []hostile) {
	add := func(name string, want []int, path, body string) {
		m := said(path, body)
		out = append(out, hostile{name: path + ": " + name, face: "peer", want: want, said: &m})
	}
	grant := func(stage, epoch, version, id string) string {
		return envelope(`{"stage":"` + stage + `","epoch":"` + epoch + `","snapshot":{"id":"` + id + `","collection":"tickets","version":"` + version +
			`","owner":"rome","fields":{"subject":"forged"}},"holders":[],"path":[]}`)
	}
	for name, body := range map[string]string{
		"of what Oslo owns":     grant("grant", "2@oslo", "1.9@rome", "{gid}"),
		"of another's epoch":    grant("grant", "2@oslo", "1.1@oslo", "{gid}"),
		"to another":            grant("grant", "2@rome", "1.9@rome", "{gid}"),
		"to a stranger":         grant("grant", "2@atlantis", "1.9@rome", "{gid}"),
		"a jump":                grant("grant", "900@oslo", "1.9@rome", "{gid}"),
		"backwards":             grant("grant", "1@oslo", "1.9@rome", "{gid}"),
		"epoch 2^63":            grant("grant", "9223372036854775808@oslo", "9223372036854775807.9@rome", "{gid}"),
		"an unknown stage":      grant("seize", "2@oslo", "1.9@rome", "{gid}"),
		"an id that is none":    grant("grant", "2@oslo", "1.9@rome", "../x"),
		"prepare of Oslo's":     grant("prepare", "2@oslo", "1.9@rome", "{gid}"),
		"cancel of what is not": grant("cancel", "2@oslo", "1.9@rome", "{gid}"),
	} {
		add(name, []int{200, 400, 403, 404, 409, 422}, "handover", body)
	}
	for name, body := range map[string]string{"to nobody": `{"request":"{gid}"}`, "to a stranger": `{"request":"{gid}","to":"atlantis"}`, "to and return": `{"request":"{gid}","to":"rome","return":true}`, "an unknown mode": `{"request":"{gid}","to":"rome","mode":"x"}`,
		"an id that is none": `{"request":"x","to":"rome"}`, "unknown request": `{"request":"01JD000000000000000000000A","to":"rome"}`} {
		add(name, []int{400, 403, 404, 409, 422, 503}, "order", envelope(body))
	}
	for name, body := range map[string]string{"outside": `{"request":"{gid}","child":"{gid}","sha256":"` + strings.Repeat("0", 64) + `","size":1,"offset":2}`, "negative": `{"sha256":"` + strings.Repeat("0", 64) + `","size":-1}`,
		"a path for a sum": `{"sha256":"../../../../etc/passwd","size":1}`, "a path of 64": `{"sha256":"` + strings.Repeat("../", 21) + `x","size":1,"bytes":"eA=="}`, "a sum in capitals": `{"sha256":"` + strings.Repeat("A", 64) + `","size":1,"bytes":"eA=="}`} {
		add(name, []int{400, 403, 404, 422}, "file/put", envelope(body))
		add(name, []int{400, 403, 404, 422}, "file/get", envelope(body))
	}
	return out
}

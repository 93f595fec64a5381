package tests

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// hostile is one input that must be refused. In its text {id} is a record of Oslo's API, {copy} the same at Rome, {gid} the request, and
// {length} how long the body is then.
type hostile struct {
	name string
	// said, when it is not nil, is signed as it is sent, in place of a text.
	said *message
	// face is what it is sent to: "" for Oslo's clients, "rome" for Rome's, "peer", "admin".
	face, text string
	// want are the statuses that are right; 0 is a connection that is closed without an answer.
	want []int
	// kind is the problem's type, "" when net/http answers by itself.
	kind string
	// hides says that a second call follows in the text, which must not run: the connection must be closed.
	hides bool
	// through says that the API may be asked for records, to find out what the call is about.
	through bool
}

// hiddenCall is what a smuggler would like to run.
const hiddenCall = "DELETE /tickets/{id} HTTP/1.1\r\nHost: h\r\n\r\nGET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"

// ownFields is a profile with all fields that belong to the gateway.
const ownFields = harness.RestProfile + `    stamp: {owner: /sync_owner, version: /sync_version, request: /sync_id, state: /sync_state}
`

// target is a network with one request in it, at which bad input is thrown.
type target struct {
	*harness.Cluster
	names *strings.Replacer
	// before is the list of requests, calls how many have come to the APIs.
	before string
	calls  [2]int
}

func newTarget(t *testing.T, extra string) *target {
	t.Helper()
	sites := harness.Fakes(t, "oslo", "rome")
	for i := range sites {
		sites[i].Profile = ownFields
	}
	n := &target{Cluster: harness.Start(t, harness.Network{Sites: sites, Routes: everywhere, Extra: extra})}
	name := subject("stays as it is")
	made := n.At("oslo").Create("/tickets", ticket(name, "")).Want(201)
	n.At("rome").WantCopy(name, soon, nil)
	n.Settled(soon)
	// A gateway whose store is new looks once for marks of an earlier one: that is not what an input brings about.
	harness.Eventually(t, soon, "both have looked through their lists", func() error {
		for _, site := range []string{"oslo", "rome"} {
			if !slices.ContainsFunc(n.At(site).Fake().Log(), func(e harness.Entry) bool { return e.Method == "GET" && e.URI == "/tickets" }) {
				return fmt.Errorf("%s has not", site)
			}
		}
		return nil
	})
	records, err := n.At("rome").API().Records()
	if err != nil || len(records) != 1 {
		t.Fatalf("%d records at Rome (%v)", len(records), err)
	}
	n.names = strings.NewReplacer("{id}", made.ID(), "{copy}", records[0].ID(), "{gid}", made.Request())
	n.before, n.calls = n.state(t), n.asked()
	return n
}

// state is all that is known of requests at both sites.
func (n *target) state(t *testing.T) string {
	t.Helper()
	var all []string
	for _, site := range []string{"oslo", "rome"} {
		for _, path := range []string{"/api/v1/requests", "/api/v1/deliveries", "/api/v1/transfers", "/api/v1/conflicts", "/api/v1/doubts"} {
			b, err := harness.GetRaw(n.At(site).Admin(path))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(b))
		}
	}
	return strings.Join(all, "\n")
}

// asked is how many calls have come to the APIs.
func (n *target) asked() [2]int {
	return [2]int{len(n.At("oslo").Fake().Log()), len(n.At("rome").Fake().Log())}
}

func (n *target) address(face string) string {
	oslo := n.At("oslo")
	switch face {
	case "rome":
		return n.At("rome").Address()
	case "peer":
		return oslo.PeerAddress()
	case "admin":
		return strings.TrimPrefix(oslo.Admin(""), "http://")
	}
	return oslo.Address()
}

// text is what goes over the wire.
func (n *target) text(c hostile) string {
	if c.said != nil {
		return c.said.about(n.names).text()
	}
	text := n.names.Replace(c.text)
	if head, body, _ := strings.Cut(text, "\r\n\r\n"); strings.Contains(head, "{length}") {
		text = strings.Replace(text, "{length}", strconv.Itoa(len(body)), 1)
	}
	if c.hides {
		text += n.names.Replace(hiddenCall)
	}
	return text
}

// throw sends one bad input and looks at what came of it.
func (n *target) throw(t *testing.T, c hostile) {
	t.Helper()
	answer := raw(t, n.address(c.face), n.text(c), 10*time.Second)
	if s := status(answer); !containsInt(c.want, s) {
		t.Errorf("%s: status %d, want %v: %.400s", c.name, s, c.want, answer)
	}
	if k := answers(answer); k > 1 {
		t.Errorf("%s: %d answers: the connection went on: %.600s", c.name, k, answer)
	}
	if c.kind != "" {
		head, body, _ := strings.Cut(answer, "\r\n\r\n")
		var p struct{ Type, Title, Detail string }
		if json.Unmarshal([]byte(body), &p) != nil || !strings.HasSuffix(p.Type, "/"+c.kind) || p.Title == "" || p.Detail == "" ||
			!strings.Contains(head, "application/problem+json") {
			t.Errorf("%s: want a problem of kind %s, got %.400s", c.name, c.kind, answer)
		}
	}
	if now := n.asked(); now != n.calls {
		for i, site := range []string{"oslo", "rome"} {
			for _, call := range n.At(site).Fake().Log()[n.calls[i]:] {
				if !c.through || call.Method != "GET" {
					t.Errorf("%s: %s %s came to the API of %s", c.name, call.Method, call.URI, site)
				}
			}
		}
		n.calls = now
	}
	if now := n.state(t); now != n.before {
		t.Errorf("%s: what is known of requests has changed:\n%s\nwas\n%s", c.name, now, n.before)
		n.before = now
	}
}

// alive fails the test unless everything still works.
func (n *target) alive(t *testing.T) {
	t.Helper()
	for _, site := range []string{"oslo", "rome"} {
		if err := n.At(site).Process().Running(); err != nil {
			t.Fatalf("%s: %v", site, err)
		}
		if w := n.At(site).Fake().Commits(""); len(w) != 1 {
			t.Errorf("%s's API did %d writes, want the first alone", site, len(w))
		}
	}
	name := subject("after all this")
	n.At("oslo").Create("/tickets", ticket(name, "")).Want(201)
	n.At("rome").WantCopy(name, soon, nil)
}

// Nothing bad gets a good answer; nothing of it is stored or sent anywhere; the gateway lives.
func TestBadInputs(t *testing.T) {
	t.Parallel()
	for name, inputs := range map[string]func() []hostile{"framing": hostileFraming, "headers": hostileHeaders, "paths": hostilePaths, "bodies": hostileBodies,
		"admin": hostileAdmin, "peer": hostilePeer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTarget(t, peerKey)
			all := inputs()
			for _, c := range all {
				n.throw(t, c)
			}
			n.alive(t)
			t.Logf("%d inputs", len(all))
		})
	}
}

const (
	hostileKey = "a key of thirty-two bytes or more!"
	peerKey    = "security: {peer_key: \"" + hostileKey + "\"}\n"
	okBody     = `{"subject":"smuggled"}`
)

// lines is a call out of its first line and header lines, without an end of its connection.
func lines(first string, header ...string) string {
	return first + " HTTP/1.1\r\nHost: h\r\n" + strings.Join(append(header, "", ""), "\r\n")
}

// closing is a call with a body whose sender closes the connection behind it.
func closing(method, path, body string, header ...string) string {
	return lines(method+" "+path, append(header, "Content-Type: application/json", "Connection: close", "Content-Length: {length}")...) + body
}

// hostileFraming are protocol.md's rows 1 to 6, on every face: the length of a call is not told, or told in two ways.
func hostileFraming() (out []hostile) {
	for _, at := range []struct{ face, first string }{{"", "POST /tickets"}, {"", "PATCH /tickets/{id}"}, {"", "DELETE /tickets/{id}"}, {"", "GET /tickets/{id}"},
		{"", "POST /echo/x"}, {"rome", "PATCH /tickets/{copy}"}, {"admin", "POST /api/v1/deliveries/retry"}, {"peer", "POST /peer/v1/hello"}} {
		add := func(name string, want []int, kind, text string) {
			out = append(out, hostile{name: at.first + " " + name, face: at.face, text: text, want: want, kind: kind, hides: true})
		}
		chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(okBody), okBody)
		with := func(header ...string) string {
			return lines(at.first, append(header, "Content-Type: application/json")...)
		}
		refused := []int{400}
		for name, h := range map[string][]string{"CL and TE": {"Content-Length: 4", "Transfer-Encoding: chunked"}, "TE and CL": {"Transfer-Encoding: chunked", "Content-Length: 4"},
			"CL and TE in capitals": {"CONTENT-LENGTH: 4", "TRANSFER-ENCODING: CHUNKED"}, "CL 0 and TE": {"Content-Length: 0", "transfer-encoding:chunked"},
			"CL and TE with a tab": {"Content-Length:\t4", "Transfer-Encoding:\tchunked"}} {
			kind := "invalid"
			add(name, refused, kind, with(h...)+chunks)
			add(name+", nothing in it", refused, kind, with(h...)+"0\r\n\r\n")
		}
		for name, h := range map[string][]string{"two lengths": {"Content-Length: 22", "Content-Length: 5"}, "list of lengths": {"Content-Length: 22, 22"}, "list": {"Content-Length: 4, 22"},
			"signed": {"Content-Length: +22"}, "negative": {"Content-Length: -1"}, "huge": {"Content-Length: 100000000000000000000"}, "hex": {"Content-Length: 0x16"},
			"with a blank": {"Content-Length: 2 2"}, "empty length": {"Content-Length:"}, "parameter": {"Content-Length: 22;x"}, "space before the colon": {"Content-Length : 22"},
			"a blank before the name": {" Content-Length: 22"}, "NUL in the name": {"Content-Length\x00: 22"}} {
			add(name, refused, "", with(h...)+okBody)
		}
		for name, h := range map[string][]string{"xchunked": {"Transfer-Encoding: xchunked"}, "chunked twice": {"Transfer-Encoding: chunked, chunked"},
			"chunked, identity": {"Transfer-Encoding: chunked, identity"}, "two lines": {"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"},
			"identity": {"Transfer-Encoding: identity"}, "gzip, chunked": {"Transfer-Encoding: gzip, chunked"}, "control": {"Transfer-Encoding: \x0bchunked"},
			"parameter in TE": {"Transfer-Encoding: chunked;x=1"}, "TE quoted": {`Transfer-Encoding: "chunked"`}, "space before its colon": {"Transfer-Encoding : chunked"}} {
			add(name, []int{400, 501}, "", with(h...)+chunks)
		}
		old := strings.Replace(with("Transfer-Encoding: chunked"), "HTTP/1.1", "HTTP/1.0", 1)
		add("TE on HTTP/1.0", refused, "invalid", strings.Replace(old, "Host: h", "Host: h\r\nConnection: keep-alive", 1)+chunks)
		add("CL and TE on HTTP/1.0", refused, "invalid", strings.Replace(old, "Host: h", "Host: h\r\nContent-Length: 4", 1)+chunks)
		for name, version := range map[string]string{"2.0": "HTTP/2.0", "0.9": "HTTP/0.9", "none": "", "small": "http/1.1", "long": "HTTP/1.10"} {
			add("version "+name, []int{400, 505, 0}, "", strings.Replace(with("Content-Length: 22"), "HTTP/1.1", version, 1)+okBody)
		}
	}
	return append(out, brokenChunks()...)
}

// brokenChunks are bodies whose chunks cannot be read; of a call that is refused before its body is read they are not seen.
func brokenChunks() (out []hostile) {
	for _, first := range []string{"POST /tickets", "PATCH /tickets/{id}", "POST /echo/x"} {
		for name, body := range map[string]string{"size 0x16": "0x16\r\n" + okBody + "\r\n0\r\n\r\n", "bare LF": "16\n" + okBody + "\r\n0\r\n\r\n", "negative size": "-16\r\n" + okBody + "\r\n0\r\n\r\n",
			"huge size": "fffffffffffffffff\r\n" + okBody + "\r\n0\r\n\r\n", "no size": "\r\n" + okBody + "\r\n0\r\n\r\n", "no CRLF behind": "16\r\n" + okBody + "0\r\n\r\n",
			"size too small": "10\r\n" + okBody + "\r\n0\r\n\r\n", "blank before": " 16\r\n" + okBody + "\r\n0\r\n\r\n", "CR in extension": "16;a=\rb\r\n" + okBody + "\r\n0\r\n\r\n",
			"long extension": "16;" + strings.Repeat("a", 64<<10) + "\r\n" + okBody + "\r\n0\r\n\r\n", "underscore": "1_6\r\n" + okBody + "\r\n0\r\n\r\n"} {
			out = append(out, hostile{name: first + " chunks: " + name, hides: true, want: []int{400}, kind: "invalid",
				text: lines(first, "Content-Type: application/json", "Transfer-Encoding: chunked") + body})
		}
	}
	return out
}

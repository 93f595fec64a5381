package tests

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// Gateways whose network file, clients and records are full of secrets go through refusals, faults, a cut link, mistakes and attacks, and write
// none of it to their logs, at the level that says most. Each line is one JSON object with the keys that docs/logs.md names.
func TestLogsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"peer key": "peerkey-0123456789-0123456789-0123456789", "password": "passw0rd-service", "token": "adm1n-token-xyz", "header": "h3ader-secret",
		"tracing header": "tr4cing-secret", "client's password": "cl1ent-secret", "client's token": "b3arer-secret", "idempotency key": "1dem-key-secret",
		"field": "c4nary-value", "query": "qu3ry-secret", "cookie": "c00kie-secret", "answer": "4nswer-of-the-api"}
	credentials := func(extra string) string {
		return "credentials: {basic: {username: gateway, password: " + secrets["password"] + "}, headers: {X-Api-Key: " + secrets["header"] + "}}\n" + extra
	}
	sites := harness.Fakes(t, "oslo", "rome")
	for i := range sites {
		sites[i].Extra = credentials("")
	}
	collector := newOTLPReceiver(t)
	n := harness.Start(t, harness.Network{Sites: sites, Arguments: []string{"--log-level", "debug"},
		Extra:  "security: {peer_key: " + secrets["peer key"] + "}\ntracing: {endpoint: \"" + collector.URL + "\", headers: {X-T: " + secrets["tracing header"] + "}}\n",
		Routes: everywhere + "\n- {name: broken, on: [create, update], when: canary + 1 > 2, copy: {to: rome}}\n"})
	oslo, rome := n.At("oslo"), n.At("rome")
	header := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+secrets["client's password"]))},
		"Cookie": {"s=" + secrets["cookie"]}, "X-Token": {secrets["client's token"]}}
	do := func(method, path, body string) harness.Answer {
		return oslo.Do(harness.Call{Method: method, Path: path, Body: body, Header: header, Key: ""})
	}
	canary := `"canary":"` + secrets["field"] + `"`
	name := subject("canary")
	id := oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, canary), Header: header, Key: secrets["idempotency key"]}).Want(201).ID()
	rome.WantCopy(name, soon, nil)
	n.Settled(soon)

	// What the APIs refuse, in words of their own that repeat what was written.
	said := `{"error":"` + secrets["answer"] + ` does not like ` + secrets["field"] + `"}`
	for _, status := range []int{400, 409, 422, 500, 503} {
		x := oslo.Fake().Inject(&harness.Fault{Method: "PATCH", Status: status, Body: said, Times: 1})
		do("PATCH", "/tickets/"+id+"?q="+secrets["query"], `{`+canary+`}`)
		_ = x
	}
	oslo.Fake().Clear()
	rome.Fake().Inject(&harness.Fault{Method: "PATCH", Status: 422, Body: said})
	harness.Eventually(t, 2*soon, "a write after the refusals", func() error {
		if a := do("PATCH", "/tickets/"+id, `{"n":1,`+canary+`}`); a.Status != 200 {
			return fmt.Errorf("status %d", a.Status)
		}
		return nil
	})
	oslo.WantHealth("a delivery is parked", 2*soon, func(h harness.Health) bool { return h.To("rome").Parked == 1 })
	rome.Fake().Clear()

	// Lost answers, a link that is cut, mistakes, attacks.
	oslo.Fake().Inject(harness.CommitThenDrop("POST"))
	do("POST", "/tickets", ticket(subject("lost"), canary))
	n.Cut("oslo", "rome")
	do("PATCH", "/tickets/"+id, `{"n":2,`+canary+`}`)
	rome.Patch("/tickets/"+fmt.Sprint(rome.WantCopy(name, soon, nil)["id"]), `{`+canary+`}`)
	for _, body := range []string{`{"canary":` + secrets["field"] + `}`, `{"canary":"` + secrets["field"], secrets["field"], `{"` + secrets["field"] + `":1,"` + secrets["field"] + `":2}`,
		strings.Repeat(`{"`+secrets["field"]+`":`, 100) + "1" + strings.Repeat("}", 100)} {
		do("POST", "/tickets", body)
		do("PATCH", "/tickets/"+id, body)
	}
	do("GET", "/tickets/"+id+"?token="+secrets["query"], "")
	do("PATCH", "/tickets/none?token="+secrets["query"], `{`+canary+`}`)
	for _, path := range []string{"/api/v1/requests/oslo:" + id + "?fields=true", "/api/v1/deliveries?request=" + secrets["query"], "/api/v1/search?q=" + secrets["field"]} {
		_, _ = harness.GetRaw(oslo.Admin(path))
	}
	_, _ = harness.Post("http://"+oslo.PeerAddress()+"/peer/v1/write", `{"body":{`+canary+`}}`)
	n.Heal("oslo", "rome")
	_, _ = harness.Post(oslo.Admin("/api/v1/deliveries/retry"), `{}`)
	oslo.WantHealth("it is delivered", 3*soon, func(h harness.Health) bool { return h.Owed() == 0 && h.To("rome").State != "down" })
	rome.Kill()
	do("PATCH", "/tickets/"+id, `{"n":3,`+canary+`}`)
	rome.Restart()
	n.Settled(2 * soon)

	lines := 0
	for _, g := range []*harness.Gateway{oslo, rome} {
		log := g.Process().Log()
		for what, secret := range secrets {
			if i := strings.Index(log, secret); i >= 0 {
				t.Errorf("the log of %s holds the %s: …%s…", g.Name, what, log[max(0, i-400):min(len(log), i+100)])
			}
		}
		for line := range strings.Lines(log) {
			if !strings.HasPrefix(line, "{") {
				continue // greetings
			}
			lines++
			var entry struct{ Level, TS, Msg, Site string }
			if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level == "" || entry.TS == "" || entry.Msg == "" || entry.Site != g.Name {
				t.Errorf("%s: %v: %s", g.Name, err, line)
			}
			if strings.Count(line, `"site":`) > 1 {
				t.Errorf("two sites in %s", line)
			}
		}
	}
	if lines < 20 {
		t.Errorf("only %d lines", lines)
	}
}

// Every message that docs/logs.md explains is one that a gateway writes.
func TestLogMessagesAreThere(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for _, s := range sources(t, false) {
		code.WriteString(readFile(t, s.path))
	}
	_, table, _ := strings.Cut(readFile(t, "docs/logs.md"), "\n## Messages that matter\n")
	n := 0
	for line := range strings.Lines(table) {
		cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(cell, "`") {
			continue
		}
		for i, msg := range strings.Split(cell, "`") {
			if i%2 == 1 {
				if n++; !strings.Contains(code.String(), `"`+msg+`"`) {
					t.Errorf("no gateway says %q", msg)
				}
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d messages are explained", n)
	}
}

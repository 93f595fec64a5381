package tests

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/contract"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// learn runs profile learn and returns the proposal, in which every line has a comment.
func learn(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, code := harness.CLI(t, env, append([]string{"profile", "learn"}, args...)...)
	if code != 0 {
		t.Fatalf("profile learn %v ended with %d and said %s", args, code, out)
	}
	return out
}

// proposed is a network file of one site, rome, before an API with a proposal as its profile.
func proposed(t *testing.T, address, proposal, name, extra string) string {
	t.Helper()
	text := "network: proposed\n" + proposal + "sites:\n  rome:\n    profile: " + name + "\n    upstream: http://" + address + `
    listen: 127.0.0.1:1
    peer: {listen: "127.0.0.1:2", url: "http://127.0.0.1:2"}
    admin: {listen: "127.0.0.1:3"}
` + extra
	path := filepath.Join(t.TempDir(), "network.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fill makes records in an API, past any gateway.
func fill(t *testing.T, api harness.Upstream, path string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		req, err := http.NewRequest(http.MethodPost, "http://"+api.Address()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if h := api.Header(); h != nil {
			req.Header = h
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(res.Body)
		if _ = res.Body.Close(); res.StatusCode > 299 {
			t.Fatalf("%d %s", res.StatusCode, said)
		}
	}
}

// wantProposal fails the test unless the proposal says all these.
func wantProposal(t *testing.T, proposal string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(proposal, w) {
			t.Errorf("the proposal does not say %s", w)
		}
	}
	if t.Failed() {
		t.Log("\n" + proposal)
	}
}

// wantNoDifference probes an API with its proposal.
func wantNoDifference(t *testing.T, path, proposal string) {
	t.Helper()
	if p, code := probe(t, path, "--write"); code != 0 || p.Differences != 0 || len(p.Left) != 0 {
		t.Errorf("the probe ends with %d\n%s\n%s", code, p, proposal)
	}
}

// What is learned of a json-server is what it does, whether it is empty or not, and nothing is left in it.
func TestLearnJSONServer(t *testing.T) {
	t.Parallel()
	for generation := range 2 {
		for name, data := range map[string]string{"empty": `{"tickets":[]}`, "full": `{"tickets":[{"id":"a1","title":"a chair","open":true,"count":3,"notes":null},
			{"id":"a2","title":"a table","open":false,"count":4,"notes":"loose"},{"id":"a3","title":"a bed","open":true,"count":5,"notes":null}]}`} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				api := harness.NewJSONServerOf(t, generation, data)
				before, err := api.Records()
				if err != nil {
					t.Fatal(err)
				}
				read := learn(t, nil, "--upstream", "http://"+api.Address(), "--path", "/tickets")
				wantProposal(t, read, "assumed: nothing was written", "path: /tickets")
				got := learn(t, nil, "--upstream", "http://"+api.Address(), "--path", "/tickets", "--write")
				wantProposal(t, got, `create: {method: POST, path: "{path}", status: [201]}`, `update: {method: PATCH, path: "{path}/{id}", body: merge, status: [200], gone: [404]}`,
					`replace: {method: PUT, path: "{path}/{id}", body: full, status: [200]`, `delete: {method: DELETE, path: "{path}/{id}", status: [200], gone: [404]}`,
					"read_only: [/id]", `external_id: {field: /external_id, find: "{path}?external_id={value}"}`)
				if name == "full" {
					wantProposal(t, got, "count: {at: /count, type: integer}", "open: {at: /open, type: boolean}")
				}
				if after, err := api.Records(); err != nil || len(after) != len(before) {
					t.Errorf("there were %d records and are %d %v", len(before), len(after), err)
				}
				wantNoDifference(t, proposed(t, api.Address(), got, "learned", ""), got)
			})
		}
	}
}

// PocketBase has envelopes, statuses and filters of its own, and hides from whom it does not know what it has.
func TestLearnPocketBase(t *testing.T) {
	t.Parallel()
	api := harness.NewPocketBase(t)
	env := []string{"TOKEN=" + api.Token()}
	fill(t, api, "/api/collections/tickets/records", `{"title":"a chair","state":"opened","sort":"chair"}`, `{"title":"a table","state":"closed","sort":"table"}`)
	got := learn(t, env, "--upstream", "http://"+api.Address(), "--path", "/api/collections/tickets/records", "--header", "Authorization: Bearer ${TOKEN}", "--collection", "tickets", "--name", "pb", "--write")
	wantProposal(t, got, `create: {method: POST, path: "{path}", status: [200]}`, `update: {method: PATCH, path: "{path}/{id}", body: merge, status: [200], gone: [404]}`, "replace: false",
		`delete: {method: DELETE, path: "{path}/{id}", status: [204], gone: [404]}`, "envelope: {items: /items}", `null: ""`, "field: /ext_ref", "perPage={size}&page={page}")
	if strings.Contains(got, api.Token()) {
		t.Error("the proposal shows the token")
	}
	left, err := api.Records()
	if err != nil || len(left) != 2 {
		t.Errorf("there is %v %v", left, err)
	}
	wantNoDifference(t, proposed(t, api.Address(), got, "pb", "    credentials: {bearer: "+api.Token()+"}\n"), got)
}

// What is learned of hosted products, with the credentials of a site, is what they do: the probe finds no difference.
func TestLearnProducts(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		kind, path string
		args, want []string
	}{
		{"freshdesk", "/api/v2/tickets", []string{"--set", "email=probe@example.org", "--set", "status=2", "--set", "priority=1"},
			[]string{`update: {method: PUT, path: "{path}/{id}", body: merge`, "deleted: {at: /deleted, values: [true]}", `null: ""`, "?updated_since={since}", "status: {at: /status, type: integer, default: 2}"}},
		{"servicenow", "/api/now/table/incident", nil,
			[]string{"id: {from: body, at: /sys_id}", "envelope: {answer: /result, items: /result}", `also: ["PUT {path}/{id}"]`, `null: ""`, `format: "2006-01-02 15:04:05"`,
				`external_id: {field: /correlation_id, find: "{path}?sysparm_query=correlation_id={value}"}`}},
	} {
		t.Run(x.kind, func(t *testing.T) {
			t.Parallel()
			p := newProduct(t, x.kind, contract.Options{})
			credentials := p.credentials(p.Credentials())
			path := alone(t, p, p.Profile(), credentials)
			got := learn(t, nil, append([]string{"rome", "--config", path, "--path", x.path, "--collection", "tickets", "--write"}, x.args...)...)
			wantProposal(t, got, x.want...)
			if left, err := p.Records(); err != nil || len(left) != 0 {
				t.Errorf("there is still %v %v", left, err)
			}
			if x.kind != "freshdesk" { // whose new records want an address, that no profile knows
				wantNoDifference(t, proposed(t, p.Address(), got, "rome", "    "+credentials+"\n"), got)
			}
		})
	}
}

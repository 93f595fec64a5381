package tests

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/meridian-gateway/meridian/tests/contract"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// speeches are how clients speak to each product, and what its users say in a profile, by the name of the preset.
func speeches() map[string]speech {
	return map[string]speech{"freshdesk": freshdesk(), "servicenow": serviceNow()}
}

// freshdesk has integers for words, and wants to know who asks.
func freshdesk() speech {
	names := map[string]string{"subject": "subject", "description": "description", "status": "status", "priority": "priority"}
	values := map[string]map[string]any{
		"status": {"open": 2, "pending": 3, "closed": 5}, "priority": {"low": 1, "normal": 2, "high": 3},
	}
	return speech{
		profile: `collections:
  tickets:
    external_id: {lag: 1s}
    fields:
      status: {values: {open: 2, pending: 3, closed: 5}, strict: true}
      priority: {values: {low: 1, normal: 2, high: 3}}
      requester: {write: /email, const: desk@example.com}
  comments: {}
`,
		credentials: func(c contract.Credentials) string {
			return fmt.Sprintf("credentials: {basic: {username: %q, password: X}}\n", c.Token)
		},
		header: func(c contract.Credentials) http.Header { return basics(c.Token, "X") },
		create: func(w words) harness.Call {
			body := say(w, names, values)
			body["email"] = "customer@example.com"
			return harness.Call{Method: "POST", Path: "/api/v2/tickets", Body: asJSON(body)}
		},
		change: func(id string, w words) []harness.Call {
			return []harness.Call{{Method: "PUT", Path: "/api/v2/tickets/" + id, Body: asJSON(say(w, names, values))}}
		},
		comment: func(id, text string) harness.Call {
			return harness.Call{Method: "POST", Path: "/api/v2/tickets/" + id + "/notes", Body: asJSON(map[string]any{"body": text})}
		},
		remove: func(id string) harness.Call { return harness.Call{Method: "DELETE", Path: "/api/v2/tickets/" + id} },
		shown: func(r map[string]any) (harness.Record, bool) {
			w := hear(r, names, values)
			w["description"] = fmt.Sprint(r["description_text"])
			w["id"] = fmt.Sprint(r["id"])
			return w, r["deleted"] != true
		},
		comments: func(p contract.Product, id string) []string {
			n, _ := strconv.ParseInt(id, 10, 64)
			var out []string
			for _, c := range p.(*contract.Freshdesk).Conversations(n) {
				out = append(out, fmt.Sprint(c["body_text"]))
			}
			return out
		},
	}
}

// serviceNow has texts for everything; a comment rides in an update.
func serviceNow() speech {
	names := map[string]string{"subject": "short_description", "description": "description", "status": "state", "priority": "priority"}
	values := map[string]map[string]any{
		"status": {"open": "1", "pending": "3", "closed": "7"}, "priority": {"low": "4", "normal": "3", "high": "2"},
	}
	const table = "/api/now/table/incident"
	return speech{
		profile: `collections:
  tickets:
    fields:
      status: {values: {open: "1", pending: "3", closed: "7"}, strict: true}
      priority: {values: {low: "4", normal: "3", high: "2"}}
  comments: {}
`,
		credentials: func(c contract.Credentials) string {
			return fmt.Sprintf("credentials: {basic: {username: %q, password: %q}}\n", c.User, c.Password)
		},
		header: func(c contract.Credentials) http.Header { return basics(c.User, c.Password) },
		create: func(w words) harness.Call {
			return harness.Call{Method: "POST", Path: table, Body: asJSON(say(w, names, values))}
		},
		change: func(id string, w words) []harness.Call {
			return []harness.Call{{Method: "PUT", Path: table + "/" + id, Body: asJSON(say(w, names, values))}}
		},
		comment: func(id, text string) harness.Call {
			return harness.Call{Method: "PATCH", Path: table + "/" + id, Body: asJSON(map[string]any{"comments": text})}
		},
		remove: func(id string) harness.Call { return harness.Call{Method: "DELETE", Path: table + "/" + id} },
		shown: func(r map[string]any) (harness.Record, bool) {
			w := hear(r, names, values)
			w["id"] = fmt.Sprint(r["sys_id"])
			return w, r["sys_class_name"] == "incident"
		},
		comments: func(p contract.Product, id string) []string {
			var out []string
			for _, r := range p.Records() {
				if r["sys_class_name"] == "sys_journal_field" && r["element_id"] == id {
					out = append(out, unmarked(fmt.Sprint(r["value"])))
				}
			}
			return out
		},
	}
}

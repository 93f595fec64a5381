package tests

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/meridian-gateway/meridian/tests/contract"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// speeches are how clients speak to each product, and what its users say in a profile, by the name of the preset.
func speeches() map[string]speech {
	return map[string]speech{"arsystem": arSystem(), "freshdesk": freshdesk(), "github": gitHub(), "jira": jira(), "servicenow": serviceNow(), "zendesk": zendesk()}
}

// arSystem has forms whose fields are named in words. Its clients log in, too.
func arSystem() speech {
	names := map[string]string{"subject": "Short Description", "description": "Detailed Description", "status": "Status", "priority": "Priority"}
	values := map[string]map[string]any{
		"status": {"open": "Assigned", "pending": "Pending", "closed": "Closed"}, "priority": {"low": "Low", "normal": "Medium", "high": "High"},
	}
	const entries = "/api/arsys/v1/entry/"
	body := func(v map[string]any) string { return asJSON(map[string]any{"values": v}) }
	return speech{
		profile: `collections:
  tickets:
    path: /api/arsys/v1/entry/Meridian:Requests
    fields:
      description: "/Detailed Description"
      status: {values: {open: Assigned, pending: Pending, closed: Closed}, strict: true}
      priority: {at: /Priority, values: {low: Low, normal: Medium, high: High}}
  comments:
    parent: tickets
    path: /api/arsys/v1/entry/Meridian:Worklog
    parent_at: "/Parent ID"
    list: {path: "{path}?q='Parent%20ID'%20%3D%20%22{parent}%22&sort=Create%20Date.asc&offset={offset}&limit={size}"}
    fields: {text: /Notes}
`,
		credentials: func(c contract.Credentials) string {
			return fmt.Sprintf("credentials: {login: {username: %q, password: %q}}\n", c.User, c.Password)
		},
		header: func(p *product) http.Header {
			c := p.Credentials()
			res, err := http.PostForm("http://"+p.address+"/api/jwt/login", url.Values{"username": {c.User}, "password": {c.Password}})
			if err != nil {
				p.t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			token, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != http.StatusOK {
				p.t.Fatal(res.Status, err)
			}
			return http.Header{"Authorization": {"AR-JWT " + string(token)}, "X-Requested-By": {"XMLHttpRequest"}}
		},
		create: func(w words) harness.Call {
			return harness.Call{Method: "POST", Path: entries + "Meridian:Requests", Body: body(say(w, names, values))}
		},
		change: func(id string, w words) []harness.Call {
			return []harness.Call{{Method: "PUT", Path: entries + "Meridian:Requests/" + id, Body: body(say(w, names, values))}}
		},
		comment: func(id, text string) harness.Call {
			return harness.Call{Method: "POST", Path: entries + "Meridian:Worklog", Body: body(map[string]any{"Parent ID": id, "Notes": text})}
		},
		remove: func(id string) harness.Call {
			return harness.Call{Method: "DELETE", Path: entries + "Meridian:Requests/" + id}
		},
		shown: func(r map[string]any) (harness.Record, bool) {
			v, _ := r["values"].(map[string]any)
			w := hear(v, names, values)
			w["id"] = fmt.Sprint(v["Request ID"])
			return w, r["form"] == "Meridian:Requests"
		},
		comments: func(p contract.Product, id string) []string {
			var out []string
			for _, r := range p.Records() {
				if v, _ := r["values"].(map[string]any); r["form"] == "Meridian:Worklog" && v["Parent ID"] == id {
					out = append(out, fmt.Sprint(v["Notes"]))
				}
			}
			return out
		},
	}
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
		header: func(p *product) http.Header { return basics(p.Credentials().Token, "X") },
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
		header: func(p *product) http.Header { return basics(p.Credentials().User, p.Credentials().Password) },
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

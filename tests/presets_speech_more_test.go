package tests

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/meridian-gateway/meridian/tests/contract"
	"github.com/meridian-gateway/meridian/tests/harness"
)

// jira moves the status by transitions, and answers a create with a link.
func jira() speech {
	const issues = "/rest/api/2/issue"
	names := map[string]string{"subject": "summary", "description": "description"}
	levels := map[string]string{"low": "Low", "normal": "Medium", "high": "High"}
	states := map[string]string{"open": "To Do", "pending": "In Progress", "closed": "Done"}
	ways := map[string]string{"open": "11", "pending": "21", "closed": "31"}
	fields := func(w words) map[string]any {
		out := say(w, names, nil)
		if p, there := w["priority"]; there {
			out["priority"] = map[string]any{"name": levels[p]}
		}
		return out
	}
	return speech{
		profile: `collections:
  tickets:
    list: {only: {at: /fields/project/key, values: [ABC]}}
    external_id: {lag: 1s}
    fields:
      project: {write: /project/key, const: ABC}
      type: {write: /issuetype/name, const: Task}
      priority: {values: {low: Low, normal: Medium, high: High}}
      status: {values: {open: To Do, pending: In Progress, closed: Done}, set: {values: {open: "11", pending: "21", closed: "31"}}, strict: true}
  comments: {}
`,
		credentials: func(c contract.Credentials) string {
			return fmt.Sprintf("credentials: {basic: {username: %q, password: %q}}\n", c.User, c.Token)
		},
		header: func(p *product) http.Header { return basics(p.Credentials().User, p.Credentials().Token) },
		create: func(w words) harness.Call {
			f := fields(w)
			f["project"], f["issuetype"] = map[string]any{"key": "ABC"}, map[string]any{"name": "Bug"}
			return harness.Call{Method: "POST", Path: issues, Body: asJSON(map[string]any{"fields": f})}
		},
		change: func(id string, w words) []harness.Call {
			var out []harness.Call
			if f := fields(w); len(f) > 0 {
				out = append(out, harness.Call{Method: "PUT", Path: issues + "/" + id, Body: asJSON(map[string]any{"fields": f})})
			}
			if to, there := w["status"]; there {
				out = append(out, harness.Call{Method: "POST", Path: issues + "/" + id + "/transitions", Body: fmt.Sprintf(`{"transition":{"id":%q}}`, ways[to])})
			}
			return out
		},
		comment: func(id, text string) harness.Call {
			return harness.Call{Method: "POST", Path: issues + "/" + id + "/comment", Body: asJSON(map[string]any{"body": text})}
		},
		remove: func(id string) harness.Call { return harness.Call{Method: "DELETE", Path: issues + "/" + id} },
		shown: func(r map[string]any) (harness.Record, bool) {
			f, _ := r["fields"].(map[string]any)
			w := hear(f, names, nil)
			for canonical, local := range levels {
				if p, _ := f["priority"].(map[string]any); p["name"] == local {
					w["priority"] = canonical
				}
			}
			for canonical, local := range states {
				if st, _ := f["status"].(map[string]any); st["name"] == local {
					w["status"] = canonical
				}
			}
			w["id"] = fmt.Sprint(r["key"])
			return w, true
		},
		comments: func(p contract.Product, id string) []string { return p.(*contract.Jira).Comments(id) },
	}
}

// zendesk makes a ticket with its first comment, and every other comment by an update.
func zendesk() speech {
	const tickets = "/api/v2/tickets"
	names := map[string]string{"subject": "subject", "description": "description", "status": "status", "priority": "priority"}
	values := map[string]map[string]any{"status": {"open": "open", "pending": "pending", "closed": "solved"}}
	body := func(w words, first bool) string {
		t := say(w, names, values)
		if d, there := t["description"]; there && first {
			t["comment"] = map[string]any{"body": d}
		}
		delete(t, "description")
		return asJSON(map[string]any{"ticket": t})
	}
	return speech{
		profile: `collections:
  tickets:
    fields:
      status: {values: {open: open, pending: pending, closed: solved}, strict: true}
  comments: {}
`,
		credentials: func(c contract.Credentials) string {
			return fmt.Sprintf("credentials: {basic: {username: %q, password: %q}}\n", c.User+"/token", c.Token)
		},
		header: func(p *product) http.Header { return basics(p.Credentials().User+"/token", p.Credentials().Token) },
		create: func(w words) harness.Call { return harness.Call{Method: "POST", Path: tickets, Body: body(w, true)} },
		change: func(id string, w words) []harness.Call {
			return []harness.Call{{Method: "PUT", Path: tickets + "/" + id + ".json", Body: body(w, false)}}
		},
		comment: func(id, text string) harness.Call {
			return harness.Call{Method: "PUT", Path: tickets + "/" + id, Body: asJSON(map[string]any{"ticket": map[string]any{"comment": map[string]any{"body": text}}})}
		},
		remove: func(id string) harness.Call { return harness.Call{Method: "DELETE", Path: tickets + "/" + id} },
		shown: func(r map[string]any) (harness.Record, bool) {
			w := hear(r, names, values)
			w["id"] = fmt.Sprint(r["id"])
			return w, r["status"] != "deleted"
		},
		comments: func(p contract.Product, id string) []string {
			n, _ := strconv.ParseInt(id, 10, 64)
			var out []string
			for i, c := range p.(*contract.Zendesk).Comments(n) {
				if i > 0 {
					out = append(out, unmarked(fmt.Sprint(c["body"])))
				}
			}
			return out
		},
	}
}

// gitHub knows two states and no priority, and cannot delete: what is gone is closed.
func gitHub() speech {
	const issues = "/repos/meridian/requests/issues"
	names := map[string]string{"subject": "title", "description": "body", "status": "state"}
	return speech{
		narrow: []string{"priority"},
		closes: true,
		profile: `rate: 50/s
collections:
  tickets:
    path: /repos/meridian/requests/issues
  comments:
    path: /repos/meridian/requests/issues/comments
    create: {path: "/repos/meridian/requests/issues/{parent}/comments"}
    list: {path: "/repos/meridian/requests/issues/{parent}/comments?since={since}&per_page={size}&page={page}"}
`,
		credentials: func(c contract.Credentials) string { return fmt.Sprintf("credentials: {bearer: %q}\n", c.Token) },
		header: func(p *product) http.Header {
			return http.Header{"Authorization": {"Bearer " + p.Credentials().Token}}
		},
		create: func(w words) harness.Call {
			body := say(w, names, nil)
			delete(body, "state")
			return harness.Call{Method: "POST", Path: issues, Body: asJSON(body)}
		},
		change: func(id string, w words) []harness.Call {
			return []harness.Call{{Method: "PATCH", Path: issues + "/" + id, Body: asJSON(say(w, names, nil))}}
		},
		comment: func(id, text string) harness.Call {
			return harness.Call{Method: "POST", Path: issues + "/" + id + "/comments", Body: asJSON(map[string]any{"body": text})}
		},
		shown: func(r map[string]any) (harness.Record, bool) {
			w := hear(r, names, nil)
			text, _, _ := strings.Cut(fmt.Sprint(r["body"]), "\n\n<!-- meridian:")
			w["description"] = text
			w["id"] = fmt.Sprint(r["number"])
			return w, true
		},
		comments: func(p contract.Product, id string) []string {
			n, _ := strconv.ParseInt(id, 10, 64)
			var out []string
			for _, c := range p.(*contract.GitHub).Comments(n) {
				out = append(out, fmt.Sprint(c["body"]))
			}
			return out
		},
	}
}

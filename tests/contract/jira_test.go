package contract_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
)

const jiraIssue = "/rest/api/2/issue"

func jiraClient(t *testing.T, j *contract.Jira) client {
	t.Helper()
	cred := j.Credentials()
	return serve(t, j).as("Authorization", basicAuth(cred.User, cred.Token))
}

// jiraNew is the body of a create with some more fields.
func jiraNew(summary, more string) string {
	return `{"fields":{"project":{"key":"ABC"},"issuetype":{"name":"Task"},"summary":"` + summary + `"` + more + `}}`
}

func TestJiraIssues(t *testing.T) {
	t.Parallel()
	now := newClock()
	j := contract.NewJira(contract.Options{Now: now.Now})
	c := jiraClient(t, j)
	made := c.do("POST", jiraIssue, jiraNew("Printer", `,"description":"one\ntwo","labels":["a"],"customfield_10010":"g-1"`))
	made.is(201, `{"id":"10000","key":"ABC-24","self":"`+c.base+`/rest/api/2/issue/10000"}`)
	if n := len(made.json().(map[string]any)); n != 3 {
		t.Fatalf("a create answers a link and nothing else: %s", made.body)
	}
	for _, at := range []string{"/10000", "/ABC-24"} {
		c.do("GET", jiraIssue+at, "").is(200, `{"id":"10000","key":"ABC-24","fields":{"summary":"Printer","description":"one\ntwo","labels":["a"],
			"customfield_10010":"g-1","status":{"name":"To Do"},"issuetype":{"name":"Task"},"project":{"key":"ABC"},
			"created":"2026-11-22T10:00:30.500+0000","updated":"2026-11-22T10:00:30.500+0000","comment":{"comments":[]}}}`)
	}
	c.do("GET", "/rest/api/3/issue/ABC-24?fields=description,summary", "").is(200, `{"fields":{"summary":"Printer","description":{"type":"doc","version":1,"content":[
		{"type":"paragraph","content":[{"type":"text","text":"one"}]},{"type":"paragraph","content":[{"type":"text","text":"two"}]}]}}}`)
	now.Advance(time.Minute)
	c.do("PUT", jiraIssue+"/ABC-24", `{"fields":{"summary":"Plotter"},"update":{"labels":[{"add":"b"},{"remove":"a"}],"comment":[{"add":{"body":"said"}}]}}`).is(204, "")
	c.do("GET", jiraIssue+"/10000", "").is(200, `{"fields":{"summary":"Plotter","description":"one\ntwo","labels":["b"],"updated":"2026-11-22T10:01:30.500+0000"}}`)
	c.do("PUT", jiraIssue+"/ABC-24", `{"fields":{"description":null}}`).is(204, "")
	c.do("GET", jiraIssue+"/10000", "").is(200, `{"fields":{"description":null}}`)
	c.do("PUT", "/rest/api/3/issue/10000", `{"fields":{"description":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"doc"}]}]}}}`).is(204, "")
	c.do("GET", jiraIssue+"/10000", "").is(200, `{"fields":{"description":"doc"}}`)
	c.do("POST", jiraIssue, jiraNew("Next", "")).is(201, `{"id":"10001","key":"ABC-25"}`)
	c.do("DELETE", jiraIssue+"/ABC-25", "").is(204, "")
	c.do("POST", jiraIssue, jiraNew("Next but one", "")).is(201, `{"id":"10002","key":"ABC-26"}`)
	none := `{"errorMessages":["Issue does not exist or you do not have permission to see it."],"errors":{}}`
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		c.do(method, jiraIssue+"/ABC-25", `{"fields":{}}`).is(404, none)
	}
	if n := len(j.Records()); n != 2 {
		t.Fatalf("%d records", n)
	}
	if got := j.Comments("ABC-24"); !slices.Equal(got, []string{"said"}) {
		t.Fatalf("comments: %v", got)
	}
}

func TestJiraStatus(t *testing.T) {
	t.Parallel()
	c := jiraClient(t, contract.NewJira(contract.Options{}))
	c.do("POST", jiraIssue, jiraNew("one", "")).is(201, "-")
	at := jiraIssue + "/ABC-24"
	c.do("PUT", at, `{"fields":{"status":{"name":"Done"}}}`).
		is(400, `{"errorMessages":[],"errors":{"status":"Field 'status' cannot be set. It is not on the appropriate screen, or unknown."}}`)
	c.do("GET", at+"/transitions", "").is(200, `{"transitions":[{"id":"11","name":"To Do"},{"id":"21","name":"In Progress"},{"id":"31","name":"Done","to":{"name":"Done"}}]}`)
	c.do("POST", at+"/transitions", `{"transition":{"id":"31"}}`).is(204, "")
	c.do("GET", at, "").is(200, `{"fields":{"status":{"name":"Done"}}}`)
	c.do("POST", at+"/transitions", `{"transition":{"id":"99"}}`).is(400, "-")
	c.do("POST", at+"/transitions", `{"transition":{"name":"Done"}}`).is(400, "-")
	c.do("DELETE", at+"/transitions", "").is(405, "-")
}

func TestJiraRefusals(t *testing.T) {
	t.Parallel()
	j := contract.NewJira(contract.Options{})
	c := jiraClient(t, j)
	c.do("POST", jiraIssue, jiraNew("one", "")).is(201, "-")
	at := jiraIssue + "/ABC-24"
	field := func(name string) string { return `{"errorMessages":[],"errors":{"` + name + `":"*"}}` }
	c.run([]row{
		{"no credentials", "GET", at, "", []string{"Authorization", ""}, 401, `{"message":"*","status-code":401}`},
		{"the password", "GET", at, "", []string{"Authorization", basicAuth(j.Credentials().User, j.Credentials().Password)}, 401, "-"},
		{"a bearer's token", "GET", "/rest/api/2/myself", "", []string{"Authorization", "Bearer " + j.Credentials().Token}, 200, `{"accountId":"*"}`},
		{"text", "POST", jiraIssue, jiraNew("x", ""), []string{"Content-Type", "text/plain"}, 415, "-"},
		{"no JSON", "POST", jiraIssue, `{`, nil, 400, `{"errorMessages":["*"],"errors":{}}`},
		{"no envelope", "POST", jiraIssue, `{"summary":"x"}`, nil, 400, `{"errorMessages":["*"]}`},
		{"no envelope in an update", "PUT", at, `{}`, nil, 400, `{"errorMessages":["one of 'fields' or 'update' required"]}`},
		{"nothing but a summary", "POST", jiraIssue, `{"fields":{"summary":"x"}}`, nil, 400, `{"errors":{"project":"*","issuetype":"*"}}`},
		{"another project", "POST", jiraIssue, strings.Replace(jiraNew("x", ""), "ABC", "XYZ", 1), nil, 400, field("project")},
		{"an unknown field", "PUT", at, `{"fields":{"colour":"red"}}`, nil, 400, field("colour")},
		{"a read-only field", "PUT", at, `{"fields":{"updated":"2026-11-22T10:00:30.500+0000"}}`, nil, 400, field("updated")},
		{"a custom field of another site", "PUT", at, `{"fields":{"customfield_10999":"x"}}`, nil, 400, field("customfield_10999")},
		{"a number for a text", "PUT", at, `{"fields":{"summary":1}}`, nil, 400, field("summary")},
		{"a line break", "PUT", at, `{"fields":{"summary":"a\nb"}}`, nil, 400, field("summary")},
		{"too long", "PUT", at, `{"fields":{"summary":"` + strings.Repeat("x", 256) + `"}}`, nil, 400, field("summary")},
		{"a document in version 2", "PUT", at, `{"fields":{"description":{"type":"doc","version":1,"content":[]}}}`, nil, 400, field("description")},
		{"a text in version 3", "PUT", "/rest/api/3/issue/ABC-24", `{"fields":{"description":"x"}}`, nil, 400, field("description")},
		{"a label with a blank", "PUT", at, `{"fields":{"labels":["a b"]}}`, nil, 400, field("labels")},
		{"no such priority", "PUT", at, `{"fields":{"priority":{"name":"urgent"}}}`, nil, 400, field("priority")},
		{"a priority as a text", "PUT", at, `{"fields":{"priority":"High"}}`, nil, 400, field("priority")},
		{"a field twice", "PUT", at, `{"fields":{"labels":[]},"update":{"labels":[{"add":"a"}]}}`, nil, 400, field("labels")},
		{"POST of an issue", "POST", at, `{}`, nil, 405, "-"},
		{"PATCH", "PATCH", at, `{}`, nil, 405, "-"},
		{"a list of issues", "GET", jiraIssue, "", nil, 405, "-"},
		{"elsewhere", "GET", "/rest/api/1/issue/ABC-24", "", nil, 404, "-"},
		{"unchanged", "GET", at, "", nil, 200, `{"fields":{"summary":"one","labels":[]}}`},
	})
}

// keys are the last digits of the keys of a search.
func keys(a answer) string {
	out := []string{}
	for _, e := range a.json().(map[string]any)["issues"].([]any) {
		k := fmt.Sprint(e.(map[string]any)["key"])
		out = append(out, k[len(k)-1:])
	}
	return strings.Join(out, "")
}

func TestJiraSearch(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := jiraClient(t, contract.NewJira(contract.Options{Now: now.Now, Jira: contract.JiraOptions{Zone: time.FixedZone("CET", 3600)}}))
	for i := range 5 { // ABC-24 to ABC-28, each 40 s after the one before, from 10:00:30.5
		c.do("POST", jiraIssue, jiraNew(fmt.Sprint("issue ", i), fmt.Sprintf(`,"labels":["ref-%d","all"],"customfield_10010":"site:%d"`, i, i))).is(201, "-")
		now.Advance(40 * time.Second)
	}
	search := func(jql string) answer { return c.do("GET", "/rest/api/2/search?jql="+url.QueryEscape(jql), "") }
	for jql, want := range map[string]string{
		"":                           "87654",
		"project = ABC ORDER BY key": "45678",
		`project = ABC AND updated >= "2026-11-22 11:02" ORDER BY updated ASC, key`:   "78",
		`updated >= "2026/11/22 11:01" AND updated < "2026-11-22 11:02" order by key`: "56",
		`updated >= -1m ORDER BY key`:                          "8",
		`labels = "ref-2"`:                                     "6",
		`labels in (ref-1, "ref-3") ORDER BY key DESC`:         "75",
		`labels != ref-1 AND labels = all ORDER BY key`:        "4678",
		`key = ABC-25 OR id = 10003 ORDER BY key`:              "57",
		`(status = "To Do" AND NOT key = ABC-24) ORDER BY key`: "5678",
		`summary ~ "issue 3"`:                                  "7",
		`cf[10010] ~ "site:4"`:                                 "8",
		`"External ID" ~ "4"`:                                  "8",
		`priority is EMPTY ORDER BY key`:                       "45678",
	} {
		if got := keys(search(jql).is(200, "-")); got != want {
			t.Errorf("%s: %s, not %s", jql, got, want)
		}
	}
	for _, jql := range []string{
		`updated >= "2026-11-22 11:02:10"`, `updated >= "2026-11-22T11:02"`, `colour = red`, `summary = "issue 3"`, `cf[10010] = x`,
		`labels ~ x`, `labels = "x`, `labels =`, `project = ABC ORDER updated`, `project = ABC project = ABC`, `updated ~ "2026-11-22"`,
	} {
		search(jql).is(400, `{"errorMessages":["*"],"warningMessages":[]}`)
	}
}

func TestJiraPaging(t *testing.T) {
	t.Parallel()
	c := jiraClient(t, contract.NewJira(contract.Options{MaxPage: 2}))
	for i := range 5 {
		c.do("POST", jiraIssue, jiraNew(fmt.Sprint(i), "")).is(201, "-")
	}
	at := "/rest/api/2/search?jql=ORDER%20BY%20key&maxResults=50&startAt="
	c.do("GET", at+"0", "").is(200, `{"startAt":0,"maxResults":2,"total":5,"isLast":false,"issues":[{"key":"ABC-24"},{"key":"ABC-25"}]}`)
	c.do("GET", at+"4", "").is(200, `{"startAt":4,"maxResults":2,"total":5,"isLast":true,"issues":[{"key":"ABC-28","fields":{"summary":"4"}}]}`)
	c.do("GET", at+"5", "").is(200, `{"total":5,"issues":[]}`)
	c.do("GET", at+"-1", "").is(400, "-")
	c.do("POST", "/rest/api/2/search", `{"jql":"key = ABC-26","fields":["summary"],"maxResults":1}`).is(200, `{"issues":[{"key":"ABC-26","fields":{"summary":"2"}}]}`)
	first := c.do("GET", "/rest/api/3/search/jql?jql=project%3DABC%20ORDER%20BY%20key", "").is(200, `{"isLast":false,"issues":[{"id":"10000"},{"id":"10001"}]}`)
	if strings.Contains(string(first.body), "total") {
		t.Fatalf("this search tells no total: %s", first.body)
	}
	second := c.do("GET", "/rest/api/3/search/jql?jql=project%3DABC%20ORDER%20BY%20key&fields=summary&nextPageToken="+first.at("nextPageToken"), "").
		is(200, `{"isLast":false,"issues":[{"key":"ABC-26","fields":{"summary":"2"}},{"key":"ABC-27"}]}`)
	last := c.do("POST", "/rest/api/3/search/jql", `{"jql":"project=ABC ORDER BY key","nextPageToken":"`+second.at("nextPageToken")+`"}`).is(200, `{"isLast":true,"issues":[{"id":"10004"}]}`)
	if strings.Contains(string(last.body), "nextPageToken") {
		t.Fatalf("a token behind the last page: %s", last.body)
	}
	gone := jiraClient(t, contract.NewJira(contract.Options{Jira: contract.JiraOptions{TokenSearch: true}}))
	gone.do("GET", "/rest/api/3/search?jql=", "").is(410, "-")
}

func TestJiraSearchLag(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := jiraClient(t, contract.NewJira(contract.Options{Now: now.Now, SearchLag: 5 * time.Second}))
	c.do("POST", jiraIssue, jiraNew("one", "")).is(201, "-")
	c.do("GET", "/rest/api/2/search?jql=", "").is(200, `{"total":0}`)
	now.Advance(5 * time.Second)
	c.do("GET", "/rest/api/2/search?jql=", "").is(200, `{"total":1}`)
}

func TestJiraComments(t *testing.T) {
	t.Parallel()
	c := jiraClient(t, contract.NewJira(contract.Options{Now: newClock().Now}))
	c.do("POST", jiraIssue, jiraNew("one", "")).is(201, "-")
	at := jiraIssue + "/ABC-24/comment"
	made := c.do("POST", at, `{"body":"first"}`).is(201, `{"id":"*","self":"*","body":"first","created":"2026-11-22T10:00:30.500+0000","author":{}}`)
	c.do("POST", at, `{"body":"second"}`).is(201, "-")
	c.do("GET", at+"?startAt=1&maxResults=1", "").is(200, `{"startAt":1,"maxResults":1,"total":2,"comments":[{"body":"second"}]}`)
	c.do("GET", strings.Replace(at, "/2/", "/3/", 1), "").is(200, `{"comments":[{"body":{"type":"doc"}},{"body":{"type":"doc"}}]}`)
	one := at + "/" + made.at("id")
	c.do("PUT", one, `{"body":"changed"}`).is(200, `{"body":"changed"}`)
	c.do("DELETE", one, "").is(204, "")
	c.run([]row{
		{"gone", "GET", one, "", nil, 404, "-"},
		{"blank", "POST", at, `{"body":" "}`, nil, 400, `{"errors":{"comment":"*"}}`},
		{"nothing", "POST", at, `{}`, nil, 400, `{"errors":{"comment":"*"}}`},
		{"unknown", "POST", at, `{"text":"x"}`, nil, 400, "-"},
		{"a verb", "PATCH", at, `{}`, nil, 405, "-"},
		{"no issue", "POST", jiraIssue + "/ABC-99/comment", `{"body":"x"}`, nil, 404, "-"},
	})
}

func TestJiraPropertiesAndFiles(t *testing.T) {
	t.Parallel()
	c := jiraClient(t, contract.NewJira(contract.Options{}))
	c.do("POST", jiraIssue, strings.TrimSuffix(jiraNew("one", ""), "}")+`,"properties":[{"key":"meridian","value":{"id":"g-1"}}]}`).is(201, "-")
	at := jiraIssue + "/ABC-24"
	c.do("GET", at+"/properties/meridian", "").is(200, `{"key":"meridian","value":{"id":"g-1"}}`)
	c.do("PUT", at+"/properties/other", `"x"`).is(201, "")
	c.do("PUT", at+"/properties/other", `2`).is(200, "")
	c.do("GET", at+"?properties=other", "").is(200, `{"properties":{"other":2}}`)
	c.do("GET", at+"/properties", "").is(200, `{"keys":[{"key":"meridian"},{"key":"other"}]}`)
	c.do("DELETE", at+"/properties/other", "").is(204, "")
	c.do("GET", at+"/properties/other", "").is(404, "-")

	kind, body := form(t, [4]string{"file", "a.png", "image/png", "\x89PNG\x00"})
	up := c.as("Content-Type", kind)
	up.do("POST", at+"/attachments", body).is(403, "-")
	up = up.as("X-Atlassian-Token", "no-check")
	made := up.do("POST", at+"/attachments", body).is(200, `[{"filename":"a.png","mimeType":"image/png","size":5,"content":"*"}]`)
	got := c.do("GET", made.at(0, "content"), "").is(200, "-").has("Content-Type", "image/png")
	if string(got.body) != "\x89PNG\x00" {
		t.Fatalf("%q", got.body)
	}
	c.do("GET", at, "").is(200, `{"fields":{"attachment":[{"filename":"a.png"}]}}`)
	kind, body = form(t, [4]string{"upload", "a.png", "image/png", "x"})
	up.as("Content-Type", kind).do("POST", at+"/attachments", body).is(400, "-")
	c.do("DELETE", "/rest/api/2/attachment/"+made.at(0, "id"), "").is(204, "")
	c.do("GET", made.at(0, "content"), "").is(404, "-")
}

func TestJiraOperations(t *testing.T) {
	t.Parallel()
	c := jiraClient(t, contract.NewJira(contract.Options{}))
	c.do("POST", jiraIssue, jiraNew("one", `,"labels":["a"]`)).is(201, "-")
	at := jiraIssue + "/ABC-24"
	c.do("PUT", at, `{"update":{"summary":[{"set":"two"}],"labels":[{"add":"a"},{"add":"b"}]}}`).is(204, "")
	c.do("GET", at, "").is(200, `{"fields":{"summary":"two","labels":["a","b"]}}`)
	c.do("PUT", at, `{"fields":{"duedate":"2026-12-01","priority":{"name":"High"},"assignee":null}}`).is(204, "")
	c.do("POST", "/rest/api/2/search", `{"jql":"priority = High","startAt":0,"fields":["*all"],"expand":[]}`).is(200, `{"issues":[{"fields":{"duedate":"2026-12-01"}}]}`)
	for _, bad := range []string{
		`{"update":{"labels":{"add":"x"}}}`, `{"update":{"labels":[{"add":"x","remove":"y"}]}}`, `{"update":{"labels":[{"add":"x y"}]}}`,
		`{"update":{"summary":[{"add":"x"}]}}`, `{"update":{"summary":[{"set":1}]}}`, `{"update":{"comment":[{"add":{"body":""}}]}}`,
		`{"update":{"comment":[{"set":"x"}]}}`, `{"fields":{"duedate":"1.12.2026"}}`, `{"fields":{"customfield_10010":1}}`, `{"fields":{"labels":"a"}}`,
		`{"fields":[]}`, `{"fields":{},"properties":[{"value":1}]}`,
	} {
		c.do("PUT", at, bad).is(400, `{"errors":{}}`)
	}
	c.do("POST", "/rest/api/2/search", `{"query":"x"}`).is(400, "-")
	c.do("POST", "/rest/api/2/search", `{"fields":"summary"}`).is(400, "-")
	c.do("GET", at, "").is(200, `{"fields":{"summary":"two","labels":["a","b"],"duedate":"2026-12-01"}}`)
}

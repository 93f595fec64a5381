package contract_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
)

const ghIssues = "/repos/meridian/requests/issues"

func ghClient(t *testing.T, g *contract.GitHub) client {
	t.Helper()
	return serve(t, g).as("Authorization", "Bearer "+g.Credentials().Token)
}

func TestGitHubIssues(t *testing.T) {
	t.Parallel()
	now := newClock()
	g := contract.NewGitHub(contract.Options{Now: now.Now})
	c := ghClient(t, g)
	made := c.do("POST", ghIssues, `{"title":"Printer","body":"broken","labels":["bug",{"name":"ref:1"}],"assignees":["octocat","nobody"],"state":"closed","number":9,"colour":1}`)
	made.is(201, `{"number":1347,"title":"Printer","body":"broken","state":"open","labels":[{"name":"bug"},{"name":"ref:1"}],"assignees":[{"login":"octocat"}],
		"assignee":{"login":"octocat"},"created_at":"2026-11-22T10:00:30Z","updated_at":"2026-11-22T10:00:30Z","closed_at":null,"comments":0,"user":{"login":"meridian-bot"}}`)
	if id := made.at("id"); id == "1347" || id == "" {
		t.Fatalf("id %s", id)
	}
	if got := fmt.Sprint(g.Calls()[0].Ignored); got != "[colour number]" {
		t.Fatalf("ignored: %s", got)
	}
	at := ghIssues + "/1347"
	made.has("Location", c.base+at)
	now.Advance(time.Second)
	c.do("PATCH", at, `{"state":"closed"}`).is(200, `{"state":"closed","state_reason":"completed","title":"Printer","closed_at":"2026-11-22T10:00:31Z","updated_at":"2026-11-22T10:00:31Z"}`)
	c.do("PATCH", at, `{"state":"open","body":null}`).is(200, `{"state":"open","state_reason":"reopened","closed_at":null,"body":null}`)
	c.do("PATCH", at, `{"state":"closed","state_reason":"not_planned"}`).is(200, `{"state_reason":"not_planned"}`)
	c.do("GET", at, "").is(200, `{"number":1347,"state":"closed"}`)
	c.do("GET", ghIssues+"/"+made.at("id"), "").is(404, `{"message":"Not Found"}`)
	c.do("DELETE", at, "").is(404, `{"message":"Not Found","documentation_url":"*","status":"404"}`)
	c.do("GET", at, "").is(200, "-")
	g.Delete(1347)
	c.do("GET", at, "").is(410, `{"message":"*"}`)
	c.do("PATCH", at, `{"title":"x"}`).is(410, "-")
	if n := len(g.Records()); n != 0 {
		t.Fatalf("%d records", n)
	}
}

func TestGitHubRefusals(t *testing.T) {
	t.Parallel()
	g := contract.NewGitHub(contract.Options{})
	c := ghClient(t, g)
	c.do("POST", ghIssues, `{"title":"one"}`).is(201, "-")
	at := ghIssues + "/1347"
	invalid := func(field string) string {
		return `{"message":"Validation Failed","errors":[{"resource":"Issue","field":"` + field + `","code":"*"}]}`
	}
	token := g.Credentials().Token
	c.run([]row{
		{"no credentials", "GET", at, "", []string{"Authorization", ""}, 401, `{"message":"Requires authentication"}`},
		{"wrong ones", "GET", at, "", []string{"Authorization", "Bearer nothing"}, 401, `{"message":"Bad credentials","status":"401"}`},
		{"the older scheme", "GET", "/user", "", []string{"Authorization", "token " + token}, 200, `{"login":"meridian-bot"}`},
		{"as a password", "GET", "/user", "", []string{"Authorization", basicAuth("x", token)}, 200, "-"},
		{"another version", "GET", at, "", []string{"X-GitHub-Api-Version", "2020-01-01"}, 400, "-"},
		{"this version", "GET", at, "", []string{"X-GitHub-Api-Version", "2022-11-28"}, 200, "-"},
		{"no JSON", "POST", ghIssues, `{`, nil, 400, `{"message":"Problems parsing JSON"}`},
		{"a list", "POST", ghIssues, `[]`, nil, 400, `{"message":"Body should be a JSON object"}`},
		{"no title", "POST", ghIssues, `{"body":"x"}`, nil, 422, `{"message":"*"}`},
		{"an empty title", "PATCH", at, `{"title":""}`, nil, 422, invalid("title")},
		{"a title that is none", "PATCH", at, `{"title":["x"]}`, nil, 422, invalid("title")},
		{"too long", "PATCH", at, `{"title":"` + strings.Repeat("x", 257) + `"}`, nil, 422, invalid("title")},
		{"a body that is none", "PATCH", at, `{"body":{}}`, nil, 422, invalid("body")},
		{"no such state", "PATCH", at, `{"state":"done"}`, nil, 422, invalid("state")},
		{"labels as a text", "PATCH", at, `{"labels":"bug"}`, nil, 422, invalid("labels")},
		{"PUT", "PUT", at, `{"title":"x"}`, nil, 404, "-"},
		{"no issue", "PATCH", ghIssues + "/99", `{"title":"x"}`, nil, 404, "-"},
		{"another repository", "GET", "/repos/meridian/other/issues", "", nil, 404, "-"},
		{"any type of body", "PATCH", at, `{"body":"x"}`, []string{"Content-Type", "text/plain"}, 200, `{"title":"one","body":"x"}`},
		{"since that is none", "GET", ghIssues + "?since=yesterday", "", nil, 422, "-"},
		{"a state that is none", "GET", ghIssues + "?state=done", "", nil, 422, "-"},
	})
	private := contract.NewGitHub(contract.Options{GitHub: contract.GitHubOptions{Private: true}})
	ghClient(t, private).as("Authorization", "").do("GET", ghIssues, "").is(404, "-")
	strict := ghClient(t, contract.NewGitHub(contract.Options{RefuseUnknown: true}))
	strict.do("POST", ghIssues, `{"title":"x","colour":1}`).is(422, "-")
	none := c.as()
	none.header["User-Agent"] = []string{""}
	none.do("GET", at, "").is(403, "-")
}

func TestGitHubLists(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := ghClient(t, contract.NewGitHub(contract.Options{Now: now.Now, First: 1}))
	for i := range 5 { // 1, 2, 3, 5, 6: the fourth is a pull request
		c.do("POST", ghIssues, fmt.Sprintf(`{"title":"t%d","labels":["all","ref:%d"]}`, i, i)).is(201, "-")
		now.Advance(10 * time.Second)
	}
	c.do("PATCH", ghIssues+"/2", `{"state":"closed"}`).is(200, "-")
	numbers := func(path string) string {
		t.Helper()
		var out string
		for _, e := range c.do("GET", path, "").is(200, "-").json().([]any) {
			one := e.(map[string]any)
			out += fmt.Sprint(one["number"])
			if _, pull := one["pull_request"]; pull {
				out += "p"
			}
		}
		return out
	}
	since := ghIssues + "?state=all&sort=updated&direction=asc&since=2026-11-22T10:00:50Z"
	for path, want := range map[string]string{
		ghIssues:                              "654p31",
		ghIssues + "?state=all":               "654p321",
		ghIssues + "?state=closed":            "2",
		ghIssues + "?state=all&labels=ref:1":  "2",
		ghIssues + "?labels=all,ref:3":        "5",
		since:                                 "34p562",
		ghIssues + "?per_page=1000&state=all": "654p321",
	} {
		if got := numbers(path); got != want {
			t.Errorf("%s: %s, not %s", path, got, want)
		}
	}
	first := c.do("GET", since+"&per_page=2", "").is(200, `[{"number":3},{"number":4,"pull_request":{}}]`)
	if next := first.next("next"); !strings.Contains(next, "/repositories/1300192/issues?") || first.next("prev") != "" {
		t.Fatalf("Link: %s", first.header.Get("Link"))
	}
	second := c.do("GET", first.next("next"), "").is(200, `[{"number":5},{"number":6}]`)
	third := c.do("GET", second.next("next"), "").is(200, `[{"number":2}]`)
	if third.next("next") != "" || third.next("prev") == "" || third.next("first") == "" {
		t.Fatalf("Link: %s", third.header.Get("Link"))
	}
	c.do("GET", since+"&per_page=2&page=9", "").is(200, `[]`)
	c.do("GET", "/search/issues?q=repo:meridian/requests+is:issue+label:ref:3", "").is(200, `{"total_count":1,"incomplete_results":false,"items":[{"number":5}]}`)
	c.do("GET", "/search/issues?q=%22t4%22+in:title,body+is:issue", "").is(200, `{"items":[{"number":6}]}`)
	c.do("GET", "/search/issues?q=repo:other/requests", "").is(200, `{"total_count":0}`)
	c.do("GET", "/search/issues", "").is(422, "-")
}

func TestGitHubQuota(t *testing.T) {
	t.Parallel()
	now := newClock()
	g := contract.NewGitHub(contract.Options{Now: now.Now, Limit: 4, Window: time.Hour})
	c := ghClient(t, g)
	got := c.do("GET", ghIssues, "").is(200, `[]`).has("X-Ratelimit-Limit", "4").has("X-Ratelimit-Remaining", "3").
		has("X-Ratelimit-Reset", fmt.Sprint(start.Unix()+3600))
	tag := got.header.Get("Etag")
	same := c.as("If-None-Match", tag)
	same.do("GET", ghIssues, "").is(304, "").has("X-Ratelimit-Remaining", "3").has("Etag", tag)
	c.do("POST", ghIssues, `{"title":"x"}`).is(201, "-").has("X-Ratelimit-Remaining", "2")
	same.do("GET", ghIssues, "").is(200, `[{"number":1347}]`)
	c.do("GET", ghIssues, "").is(200, "-").has("X-Ratelimit-Remaining", "0")
	c.do("GET", ghIssues, "").is(403, `{"message":"*"}`).has("X-Ratelimit-Remaining", "0").has("Retry-After", "3599")
	now.Advance(time.Hour)
	c.do("GET", ghIssues, "").is(200, "-")
	g.Throttle("POST /repos", 1, 429, 30*time.Second)
	c.do("POST", ghIssues, `{"title":"x"}`).is(429, `{"message":"*"}`).has("Retry-After", "30")
}

func TestGitHubComments(t *testing.T) {
	t.Parallel()
	now := newClock()
	g := contract.NewGitHub(contract.Options{Now: now.Now})
	c := ghClient(t, g)
	c.do("POST", ghIssues, `{"title":"one"}`).is(201, "-")
	at := ghIssues + "/1347/comments"
	first := c.do("POST", at, `{"body":"first"}`).is(201, `{"id":"*","body":"first","issue_url":"*","created_at":"2026-11-22T10:00:30Z"}`)
	now.Advance(time.Second)
	c.do("POST", at, `{"body":"second"}`).is(201, "-")
	c.do("GET", ghIssues+"/1347", "").is(200, `{"comments":2,"updated_at":"2026-11-22T10:00:31Z"}`)
	c.do("GET", at, "").is(200, `[{"body":"first"},{"body":"second"}]`)
	c.do("GET", at+"?since=2026-11-22T10:00:31Z", "").is(200, `[{"body":"second"}]`)
	page := c.do("GET", at+"?per_page=1", "").is(200, `[{"body":"first"}]`)
	c.do("GET", page.next("next"), "").is(200, `[{"body":"second"}]`)
	c.do("GET", ghIssues+"/comments", "").is(200, `[{"body":"first"},{"body":"second"}]`)
	one := ghIssues + "/comments/" + first.at("id")
	c.do("PATCH", one, `{"body":"changed"}`).is(200, `{"body":"changed"}`)
	c.do("GET", one, "").is(200, `{"body":"changed"}`)
	c.do("DELETE", one, "").is(204, "")
	c.do("GET", one, "").is(404, "-")
	c.do("GET", at+"/"+first.at("id"), "").is(404, "-")
	c.do("POST", at, `{"body":""}`).is(422, "-")
	c.do("POST", ghIssues+"/99/comments", `{"body":"x"}`).is(404, "-")
	c.do("DELETE", at, "").is(404, "-")
	if n := len(g.Comments(1347)); n != 1 {
		t.Fatalf("%d comments", n)
	}
}

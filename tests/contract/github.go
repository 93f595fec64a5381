package contract

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// GitHub is GitHub's REST API for the issues of one repository.
type GitHub struct {
	*Server
	items      []*ghIssue // issues and pull requests, by number
	comments   []*ghComment
	lastNumber int64
	lastID     int64 // of anything: ids are not numbers
}

// ghIssue is an issue or a pull request.
type ghIssue struct {
	id, number       int64
	pull             bool
	fields           object // title, body, state, state_reason, labels and assignees as lists of names, milestone
	created, updated time.Time
	closed           *time.Time
	deleted          bool
}

// ghComment is a comment on an issue.
type ghComment struct {
	id, number       int64
	body             string
	created, updated time.Time
}

// NewGitHub returns a repository without issues. It takes Token as a bearer's, or as the password of Basic credentials.
func NewGitHub(o Options) *GitHub {
	g := &GitHub{lastID: 1900000000}
	o = o.filled()
	o.GitHub.Owner = orElse(o.GitHub.Owner, "meridian")
	o.GitHub.Repo = orElse(o.GitHub.Repo, "requests")
	o.GitHub.PullEvery = orElse(o.GitHub.PullEvery, 4)
	if o.GitHub.Users == nil {
		o.GitHub.Users = []string{"octocat", "meridian-bot"}
	}
	g.lastNumber = orElse(o.First, 1347) - 1
	g.Server = &Server{options: o, product: g}
	return g
}

// Records are the issues as a read shows them, oldest first; pull requests are not among them, nor what was deleted.
func (g *GitHub) Records() []map[string]any {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []object
	for _, i := range g.items {
		if !i.pull && !i.deleted {
			out = append(out, g.shown("", i))
		}
	}
	return deepAll(out)
}

// Comments are the comments of an issue, oldest first.
func (g *GitHub) Comments(number int64) []map[string]any {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []object
	for _, c := range g.comments {
		if c.number == number {
			out = append(out, g.comment("", c))
		}
	}
	return deepAll(out)
}

// Delete removes an issue as an administrator can on the website; the API has no call for it. A read then answers 410.
func (g *GitHub) Delete(number int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := g.issue(number); i != nil {
		i.deleted = true
	}
}

func (g *GitHub) refuse(status int, why string) reply {
	return jsonReply(status, object{"message": why, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status)})
}

// ghInvalid is the refusal of a body whose members do not fit.
func ghInvalid(field, code string) *reply {
	r := jsonReply(http.StatusUnprocessableEntity, object{
		"message": "Validation Failed", "documentation_url": "https://docs.github.com/rest/issues/issues", "status": "422",
		"errors": []any{object{"resource": "Issue", "field": field, "code": code}},
	})
	return &r
}

func (g *GitHub) notFound() reply { return g.refuse(http.StatusNotFound, "Not Found") }

// handle counts the call, does it and tells in headers how much of the quota is left.
func (g *GitHub) handle(c *call) reply {
	left, next, within := g.take(c.now)
	answer := g.counted(c, within)
	if answer.status == http.StatusNotModified {
		g.giveBack()
		left++
	}
	if !within {
		answer = answer.with("Retry-After", strconv.Itoa(max(1, int(next.Sub(c.now)/time.Second))))
	}
	return answer.with("X-Ratelimit-Limit", strconv.Itoa(orElse(g.options.Limit, 5000))).
		with("X-Ratelimit-Remaining", strconv.Itoa(left)).
		with("X-Ratelimit-Reset", strconv.FormatInt(next.Unix(), 10)).
		with("X-Ratelimit-Resource", "core").
		with("X-Github-Media-Type", "github.v3; format=json")
}

func (g *GitHub) counted(c *call, within bool) reply {
	_, password, _ := c.BasicAuth()
	switch {
	case c.Header.Get("User-Agent") == "":
		return raw(http.StatusForbidden, "text/html", []byte("Request forbidden by administrative rules. Please make sure your request has a User-Agent header."))
	case !within:
		return g.refuse(http.StatusForbidden, "API rate limit exceeded for user ID 1.")
	case c.Header.Get("Authorization") == "" && g.options.GitHub.Private:
		return g.notFound()
	case c.Header.Get("Authorization") == "":
		return g.refuse(http.StatusUnauthorized, "Requires authentication")
	case c.bearer("Bearer", "token") != g.options.Token && password != g.options.Token:
		return g.refuse(http.StatusUnauthorized, "Bad credentials")
	}
	if v := c.Header.Get("X-Github-Api-Version"); v != "" && v != "2022-11-28" {
		return g.refuse(http.StatusBadRequest, "Version "+v+" is not a supported version.")
	}
	answer := g.route(c)
	if c.Method != http.MethodGet || answer.status != http.StatusOK {
		return answer
	}
	// The tag of an answer changes with the token, too.
	tag := `W/"` + digest(g.options.Token, c.URL.RequestURI(), string(answer.body)) + `"`
	if slices.Contains(strings.Split(strings.ReplaceAll(c.Header.Get("If-None-Match"), " ", ""), ","), tag) {
		return empty(http.StatusNotModified).with("Etag", tag)
	}
	return answer.with("Etag", tag)
}

// route finds the call for a path. What a path has no verb for is not found here, never 405.
func (g *GitHub) route(c *call) reply {
	base := []string{"repos", g.options.GitHub.Owner, g.options.GitHub.Repo}
	rest, ok := c.under(base...)
	if !ok {
		// The addresses of further pages name the repository by its id.
		rest, ok = c.under("repositories", "1300192")
	}
	get := c.Method == http.MethodGet
	switch {
	case c.at("user") && get:
		return jsonReply(http.StatusOK, g.user(c.base()))
	case c.at("search", "issues") && get:
		return g.search(c)
	case !ok:
		return g.notFound()
	case len(rest) == 0 && get:
		return jsonReply(http.StatusOK, object{
			"id": 1300192, "name": g.options.GitHub.Repo, "full_name": strings.Join(base[1:], "/"), "has_issues": true, "private": g.options.GitHub.Private,
		})
	case len(rest) == 0 || rest[0] != "issues":
		return g.notFound()
	case len(rest) == 1 && get:
		return g.list(c)
	case len(rest) == 1 && c.Method == http.MethodPost:
		return g.create(c)
	case len(rest) > 1 && rest[1] == "comments":
		return g.atComment(c, rest[2:])
	case len(rest) == 2:
		return g.atIssue(c, rest[1])
	case len(rest) == 3 && rest[2] == "comments":
		return g.atComments(c, rest[1])
	}
	return g.notFound()
}

// issue is the issue or pull request of a number, nil when there never was one.
func (g *GitHub) issue(number int64) *ghIssue {
	for _, i := range g.items {
		if i.number == number {
			return i
		}
	}
	return nil
}

// live is the issue that a path names, or the refusal.
func (g *GitHub) live(number string) (*ghIssue, *reply) {
	n, isNumber := digits(number)
	i := g.issue(n)
	if !isNumber || i == nil {
		r := g.notFound()
		return nil, &r
	}
	if i.deleted {
		r := g.refuse(http.StatusGone, "This issue was deleted")
		return nil, &r
	}
	return i, nil
}

// create makes an issue, and answers the whole of it. Now and then somebody opens a pull request before it.
func (g *GitHub) create(c *call) reply {
	fields, no := g.sent(c)
	if no != nil {
		return *no
	}
	if _, sent := fields["title"]; !sent {
		return g.refuse(http.StatusUnprocessableEntity, `Invalid request. "title" wasn't supplied.`)
	}
	if every := int64(g.options.GitHub.PullEvery); every > 0 && (g.lastNumber+1)%every == 0 {
		g.add(c, object{"title": "A pull request", "body": "that is no issue"}).pull = true
	}
	i := g.add(c, fields)
	answer := g.shown(c.base(), i)
	return jsonReply(http.StatusCreated, answer).with("Location", text(answer["url"]))
}

// add keeps a new issue.
func (g *GitHub) add(c *call, fields object) *ghIssue {
	g.lastNumber++
	g.lastID += 7
	now := c.now.Truncate(time.Second)
	i := &ghIssue{id: g.lastID, number: g.lastNumber, created: now, fields: object{
		"body": nil, "state": "open", "state_reason": nil, "labels": []any{}, "assignees": []any{}, "milestone": nil,
	}}
	// An issue begins open, whatever was sent.
	delete(fields, "state")
	delete(fields, "state_reason")
	g.apply(i, fields, now)
	g.items = append(g.items, i)
	return i
}

// apply does a change.
func (g *GitHub) apply(i *ghIssue, fields object, now time.Time) {
	before := i.fields["state"]
	for k, v := range fields {
		i.fields[k] = v
	}
	i.updated = now
	switch after := i.fields["state"]; {
	case after == "closed" && before != "closed":
		i.closed = &now
		if fields["state_reason"] == nil {
			i.fields["state_reason"] = "completed"
		}
	case after == "open" && before == "closed":
		i.closed = nil
		i.fields["state_reason"] = "reopened"
	}
}

// atIssue reads or changes one issue. There is no call that deletes one.
func (g *GitHub) atIssue(c *call, number string) reply {
	if c.Method != http.MethodGet && c.Method != http.MethodPatch {
		return g.notFound()
	}
	i, no := g.live(number)
	if no != nil {
		return *no
	}
	if c.Method == http.MethodPatch {
		fields, no := g.sent(c)
		if no != nil {
			return *no
		}
		g.apply(i, fields, c.now.Truncate(time.Second))
	}
	return jsonReply(http.StatusOK, g.shown(c.base(), i))
}

// sent reads the members of an issue. The type of the body does not matter. Unknown members, and those that only an answer has,
// are passed over in silence.
func (g *GitHub) sent(c *call) (object, *reply) {
	body, err := parseObject(c.body)
	if err != nil {
		why := "Problems parsing JSON"
		if _, err := parseAny(c.body); err == nil {
			why = "Body should be a JSON object"
		}
		r := g.refuse(http.StatusBadRequest, why)
		return nil, &r
	}
	out := make(object)
	for _, name := range names(body) {
		v := body[name]
		switch name {
		case "title", "body", "state", "state_reason":
			if no := ghText(name, v); no != nil {
				return nil, no
			}
		case "labels":
			labels, ok := ghLabels(v)
			if !ok {
				return nil, ghInvalid(name, "invalid")
			}
			v = list(labels)
		case "assignees":
			logins, ok := texts(v)
			if !ok && v != nil {
				return nil, ghInvalid(name, "invalid")
			}
			// Who cannot be assigned is left out without a word.
			v = list(slices.DeleteFunc(logins, func(l string) bool { return !slices.Contains(g.options.GitHub.Users, l) }))
		case "milestone":
			if _, ok := integer(v); !ok && v != nil {
				return nil, ghInvalid(name, "invalid")
			}
		default:
			c.ignore(name)
			continue
		}
		out[name] = v
	}
	if g.options.RefuseUnknown && len(c.ignored) > 0 {
		r := g.refuse(http.StatusUnprocessableEntity, "Invalid request. Not a permitted key: "+strings.Join(c.ignored, ", "))
		return nil, &r
	}
	return out, nil
}

// ghText checks the members that are texts.
func ghText(name string, v any) *reply {
	s, ok := v.(string)
	choices := map[string][]string{"state": {"open", "closed"}, "state_reason": {"completed", "not_planned", "reopened", "duplicate"}}[name]
	switch {
	case v == nil && (name == "body" || name == "state_reason"):
		return nil
	case !ok && name == "title":
		if _, isNumber := integer(v); isNumber {
			return nil // documented: a title is a text or a number
		}
		return ghInvalid(name, "invalid")
	case !ok || choices != nil && !slices.Contains(choices, s):
		return ghInvalid(name, "invalid")
	case name == "title" && strings.TrimSpace(s) == "":
		return ghInvalid(name, "missing_field")
	case name == "title" && len([]rune(s)) > 256 || len(s) > 65536:
		return ghInvalid(name, "too_long")
	}
	return nil
}

// ghLabels reads labels: texts, or objects with a name.
func ghLabels(v any) ([]string, bool) {
	in, ok := v.([]any)
	if !ok && v != nil {
		return nil, false
	}
	var out []string
	for _, e := range in {
		name := text(e)
		if o, isObject := e.(object); isObject {
			name = text(o["name"])
		}
		if name == "" || len([]rune(name)) > 50 {
			return nil, false
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, true
}

// repo is the address of the repository.
func (g *GitHub) repo(base string) string {
	return fmt.Sprintf("%s/repos/%s/%s", base, g.options.GitHub.Owner, g.options.GitHub.Repo)
}

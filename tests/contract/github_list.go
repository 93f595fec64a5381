package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// digest is a short sum of texts.
func digest(of ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(of, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// user is who the token belongs to.
func (g *GitHub) user(base string) object {
	return object{"login": "meridian-bot", "id": 1, "node_id": "U_1", "type": "User", "url": base + "/users/meridian-bot"}
}

// shown is an issue as answers show it.
func (g *GitHub) shown(base string, i *ghIssue) object {
	url := fmt.Sprintf("%s/issues/%d", g.repo(base), i.number)
	labels, assignees := []any{}, []any{}
	names, _ := texts(i.fields["labels"])
	for _, n := range names {
		labels = append(labels, object{
			"id": len(n), "node_id": "LA_" + digest(n)[:8], "name": n, "color": "ededed", "default": false, "description": nil,
			"url": g.repo(base) + "/labels/" + n,
		})
	}
	logins, _ := texts(i.fields["assignees"])
	for _, l := range logins {
		assignees = append(assignees, object{"login": l, "type": "User", "url": base + "/users/" + l})
	}
	count := 0
	for _, c := range g.comments {
		if c.number == i.number {
			count++
		}
	}
	out := object{
		"id": i.id, "node_id": fmt.Sprintf("I_%d", i.id), "number": i.number, "url": url, "repository_url": g.repo(base),
		"html_url": url, "comments_url": url + "/comments", "labels": labels, "assignees": assignees, "assignee": nil,
		"title": i.fields["title"], "body": i.fields["body"], "state": i.fields["state"], "state_reason": i.fields["state_reason"],
		"milestone": i.fields["milestone"], "locked": false, "comments": count, "user": g.user(base), "author_association": "MEMBER",
		"created_at": i.created.Format(time.RFC3339), "updated_at": i.updated.Format(time.RFC3339), "closed_at": nil,
	}
	if i.closed != nil {
		out["closed_at"] = i.closed.Format(time.RFC3339)
	}
	if len(assignees) > 0 {
		out["assignee"] = assignees[0]
	}
	if i.pull {
		out["pull_request"] = object{"url": fmt.Sprintf("%s/pulls/%d", g.repo(base), i.number)}
	}
	return out
}

// list answers issues, and pull requests with them: open ones unless told otherwise, newest first.
func (g *GitHub) list(c *call) reply {
	since, no := g.since(c)
	if no != nil {
		return *no
	}
	state := orElse(c.query.Get("state"), "open")
	by := orElse(c.query.Get("sort"), "created")
	way := orElse(c.query.Get("direction"), "desc")
	if !slices.Contains([]string{"open", "closed", "all"}, state) || !slices.Contains([]string{"created", "updated", "comments"}, by) ||
		!slices.Contains([]string{"asc", "desc"}, way) {
		return g.refuse(http.StatusUnprocessableEntity, "Validation Failed: state, sort or direction")
	}
	var hits []*ghIssue
	for _, i := range g.items {
		if i.deleted || i.updated.Before(since) || state != "all" && i.fields["state"] != state || !i.labelled(c.query.Get("labels")) {
			continue
		}
		hits = append(hits, i)
	}
	slices.SortStableFunc(hits, func(a, b *ghIssue) int {
		d := a.created.Compare(b.created)
		if by == "updated" {
			d = a.updated.Compare(b.updated)
		}
		if d == 0 {
			d = int(a.number - b.number)
		}
		if way == "desc" {
			return -d
		}
		return d
	})
	all := make([]any, 0, len(hits))
	for _, i := range hits {
		all = append(all, g.shown(c.base(), i))
	}
	return g.paged(c, "/issues", all)
}

// labelled reports whether an issue has all labels of a list separated by commas.
func (i *ghIssue) labelled(asked string) bool {
	have, _ := texts(i.fields["labels"])
	for _, want := range strings.Split(asked, ",") {
		if want != "" && !slices.Contains(have, want) {
			return false
		}
	}
	return true
}

// since reads the parameter since: a time in RFC 3339. The zero time when it is not there.
func (g *GitHub) since(c *call) (time.Time, *reply) {
	text := c.query.Get("since")
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, ghInvalid("since", "invalid")
	}
	return t, nil
}

// paged answers a page of a list; Link names the others, by the repository's id. The list itself is the body.
func (g *GitHub) paged(c *call, path string, all []any) reply {
	number, ok1 := c.whole("page", 1, 0)
	size, ok2 := c.whole("per_page", 30, 0)
	if !ok1 || !ok2 {
		return g.refuse(http.StatusUnprocessableEntity, "Validation Failed: page or per_page")
	}
	number, size = max(number, 1), min(max(size, 1), 100)
	items, pages := page(all, number, size)
	to := func(n int) string {
		return c.asked("/repositories/1300192"+path, map[string]string{"page": strconv.Itoa(n), "per_page": strconv.Itoa(size)})
	}
	rel := make(map[string]string)
	if number < pages {
		rel["next"], rel["last"] = to(number+1), to(pages)
	}
	if number > 1 {
		rel["first"], rel["prev"] = to(1), to(min(number-1, max(pages, 1)))
	}
	answer := jsonReply(http.StatusOK, list(items))
	if len(rel) > 0 {
		answer = answer.with("Link", links(rel))
	}
	return answer
}

// search answers issues that hold all terms of q: repo:o/r, is:issue, is:pr, state:x, label:x, in:title,body, and words or
// "quoted words" of the title, the body and the comments. It trails behind the store by SearchLag.
func (g *GitHub) search(c *call) reply {
	q := c.query.Get("q")
	if q == "" {
		return *ghInvalid("q", "missing")
	}
	size, ok := c.whole("per_page", 30, 1)
	number, ok2 := c.whole("page", 1, 1)
	if !ok || !ok2 {
		return *ghInvalid("per_page", "invalid")
	}
	hits := []any{}
	for _, i := range g.items {
		if i.deleted || c.now.Sub(i.updated) < g.options.SearchLag {
			continue
		}
		fits := true
		for _, term := range quotedWords(q) {
			fits = fits && g.holds(i, term)
		}
		if fits {
			hits = append(hits, g.shown(c.base(), i))
		}
	}
	items, pages := page(hits, number, min(size, 100))
	answer := jsonReply(http.StatusOK, object{"total_count": len(hits), "incomplete_results": false, "items": list(items)})
	if number < pages {
		answer = answer.with("Link", links(map[string]string{"next": c.asked("/search/issues", map[string]string{"page": strconv.Itoa(number + 1)})}))
	}
	return answer
}

// holds reports whether an issue fits one term of a search.
func (g *GitHub) holds(i *ghIssue, term string) bool {
	name, want, named := strings.Cut(term, ":")
	switch {
	case named && name == "repo":
		return strings.EqualFold(want, g.options.GitHub.Owner+"/"+g.options.GitHub.Repo)
	case named && (name == "is" || name == "type") && (want == "issue" || want == "pr" || want == "pull-request"):
		return (want == "issue") == !i.pull
	case named && (name == "is" || name == "state"):
		return i.fields["state"] == want
	case named && name == "label":
		return i.labelled(want)
	case named && name == "in":
		return true
	}
	all := fmt.Sprint(i.fields["title"], " ", i.fields["body"])
	for _, c := range g.comments {
		if c.number == i.number {
			all += " " + c.body
		}
	}
	return strings.Contains(strings.ToLower(all), strings.ToLower(term))
}

// comment is a comment as answers show it.
func (g *GitHub) comment(base string, c *ghComment) object {
	return object{
		"id": c.id, "node_id": fmt.Sprintf("IC_%d", c.id), "body": c.body, "user": g.user(base), "author_association": "MEMBER",
		"url": fmt.Sprintf("%s/issues/comments/%d", g.repo(base), c.id), "issue_url": fmt.Sprintf("%s/issues/%d", g.repo(base), c.number),
		"html_url":   fmt.Sprintf("%s/issues/%d#issuecomment-%d", g.repo(base), c.number, c.id),
		"created_at": c.created.Format(time.RFC3339), "updated_at": c.updated.Format(time.RFC3339),
	}
}

// atComments lists and makes the comments of an issue.
func (g *GitHub) atComments(c *call, number string) reply {
	i, no := g.live(number)
	if no != nil {
		return *no
	}
	switch c.Method {
	case http.MethodGet:
		since, no := g.since(c)
		if no != nil {
			return *no
		}
		all := []any{}
		for _, one := range g.comments {
			if one.number == i.number && !one.updated.Before(since) {
				all = append(all, g.comment(c.base(), one))
			}
		}
		return g.paged(c, "/issues/"+number+"/comments", all)
	case http.MethodPost:
		body, no := g.commentBody(c)
		if no != nil {
			return *no
		}
		g.lastID += 7
		now := c.now.Truncate(time.Second)
		n := &ghComment{id: g.lastID, number: i.number, body: body, created: now, updated: now}
		g.comments = append(g.comments, n)
		i.updated = now
		answer := g.comment(c.base(), n)
		return jsonReply(http.StatusCreated, answer).with("Location", text(answer["url"]))
	}
	return g.notFound()
}

// commentBody reads {"body":…}.
func (g *GitHub) commentBody(c *call) (string, *reply) {
	body, err := parseObject(c.body)
	if err != nil {
		r := g.refuse(http.StatusBadRequest, "Problems parsing JSON")
		return "", &r
	}
	for _, name := range names(body) {
		if name != "body" {
			c.ignore(name)
		}
	}
	s, ok := body["body"].(string)
	if !ok || strings.TrimSpace(s) == "" {
		return "", ghInvalid("body", "missing_field")
	}
	return s, nil
}

// atComment serves the comments of all issues, and one of them: its path does not name its issue.
func (g *GitHub) atComment(c *call, rest []string) reply {
	if len(rest) == 0 {
		since, no := g.since(c)
		if no != nil || c.Method != http.MethodGet {
			return g.notFound()
		}
		all := []any{}
		for _, one := range g.comments {
			if !one.updated.Before(since) {
				all = append(all, g.comment(c.base(), one))
			}
		}
		return g.paged(c, "/issues/comments", all)
	}
	id, _ := digits(rest[0])
	at := slices.IndexFunc(g.comments, func(o *ghComment) bool { return o.id == id })
	if at < 0 || len(rest) > 1 {
		return g.notFound()
	}
	one := g.comments[at]
	switch c.Method {
	case http.MethodGet:
	case http.MethodPatch:
		body, no := g.commentBody(c)
		if no != nil {
			return *no
		}
		one.body, one.updated = body, c.now.Truncate(time.Second)
	case http.MethodDelete:
		g.comments = slices.Delete(g.comments, at, at+1)
		return empty(http.StatusNoContent)
	default:
		return g.notFound()
	}
	return jsonReply(http.StatusOK, g.comment(c.base(), one))
}

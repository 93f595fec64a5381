package contract

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// atSearch serves /search, paged by numbers, and /search/jql, paged by a token; each by GET and by POST.
func (j *Jira) atSearch(c *call, version string, rest []string) reply {
	byToken := len(rest) == 1 && rest[0] == "jql"
	switch {
	case len(rest) > 0 && !byToken:
		return j.refuse(http.StatusNotFound, "null for uri: "+c.URL.Path)
	case !byToken && j.options.Jira.TokenSearch:
		return j.refuse(http.StatusGone, "The requested API has been removed. Please migrate to /rest/api/3/search/jql.")
	case c.Method == http.MethodPost:
		if no := j.searchBody(c); no != nil {
			return *no
		}
	case c.Method != http.MethodGet:
		return j.notAllowed(c, "GET", "POST")
	}
	hits, err := j.find(c.query.Get("jql"), c.now)
	if err != nil {
		return jsonReply(http.StatusBadRequest, object{"errorMessages": []any{err.Error()}, "warningMessages": []any{}})
	}
	start, most, no := j.paging(c, 50)
	if no != nil {
		return *no
	}
	fields := c.query.Get("fields")
	if byToken {
		if most, start = min(most, j.options.MaxPage), 0; c.query.Get("nextPageToken") != "" {
			n, err := strconv.Atoi(strings.TrimPrefix(c.query.Get("nextPageToken"), "page-"))
			if err != nil {
				return j.refuse(http.StatusBadRequest, "The nextPageToken is invalid")
			}
			start = n
		}
		// Without fields, this one gives ids alone.
		fields = orElse(fields, "id")
	}
	issues := []any{}
	for _, i := range slice(hits, start, most) {
		one := object{"id": fmt.Sprint(i.id)}
		if fields != "id" {
			one["key"], one["self"], one["expand"] = i.key, j.self(c, version, i), ""
			one["fields"] = chosen(j.fields(c.base(), version, i), fields)
		}
		issues = append(issues, one)
	}
	last := start+most >= len(hits)
	out := object{"issues": issues, "isLast": last}
	switch {
	case !byToken:
		out["expand"], out["startAt"], out["maxResults"], out["total"] = "schema,names", start, most, len(hits)
	case !last:
		out["nextPageToken"] = fmt.Sprintf("page-%d", start+most)
	}
	return jsonReply(http.StatusOK, out)
}

// searchBody makes the body of a search its query.
func (j *Jira) searchBody(c *call) *reply {
	body, no := j.parse(c)
	if no != nil {
		return no
	}
	for _, name := range names(body) {
		switch v := body[name]; name {
		case "jql", "nextPageToken":
			c.query.Set(name, text(v))
		case "startAt", "maxResults":
			c.query.Set(name, fmt.Sprint(v))
		case "fields":
			fields, ok := texts(v)
			if !ok {
				r := j.refuse(http.StatusBadRequest, "fields is a list of texts")
				return &r
			}
			c.query.Set(name, strings.Join(fields, ","))
		case "expand", "fieldsByKeys", "properties", "validateQuery":
		default:
			r := j.refuse(http.StatusBadRequest, fmt.Sprintf("Unrecognized member %q", name))
			return &r
		}
	}
	return nil
}

// find are the issues that a query holds for, in its order, else newest first. Those that the index has not taken up yet are missing.
func (j *Jira) find(jql string, now time.Time) ([]*jiraIssue, error) {
	tokens, err := jqlTokens(jql)
	if err != nil {
		return nil, err
	}
	p := &jqlParser{tokens: tokens, jira: j, now: now}
	holds, order, err := p.parse()
	if err != nil {
		return nil, err
	}
	var out []*jiraIssue
	for _, i := range j.issues {
		if now.Sub(i.updated) >= j.options.SearchLag && holds(i) {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, order)
	return out, nil
}

// jqlParser reads the part of JQL that lists of changes and searches need: comparisons joined by AND and OR, with parentheses,
// and ORDER BY.
type jqlParser struct {
	tokens []string // quoted ones begin with "
	jira   *Jira
	now    time.Time
}

type jqlCondition func(*jiraIssue) bool

// jqlTokens cuts a query into words, quoted texts and signs.
func jqlTokens(q string) ([]string, error) {
	var out []string
	for q = strings.TrimSpace(q); q != ""; q = strings.TrimSpace(q) {
		n := 1
		switch {
		case q[0] == '"' || q[0] == '\'':
			end := strings.IndexByte(q[1:], q[0])
			if end < 0 {
				return nil, says("Error in the JQL Query: The quoted string '%s' has not been completed.", q)
			}
			out = append(out, `"`+q[1:end+1])
			q = q[end+2:]
			continue
		case strings.ContainsRune("(),", rune(q[0])):
		case strings.ContainsRune("=<>!~", rune(q[0])):
			if len(q) > 1 && (q[1] == '=' || q[1] == '~') {
				n = 2
			}
		default:
			if n = strings.IndexAny(q, " (),=<>!~\"'"); n < 0 {
				n = len(q)
			}
		}
		out = append(out, q[:n])
		q = q[n:]
	}
	return out, nil
}

func (p *jqlParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *jqlParser) word(w string) bool {
	if len(p.tokens) > 0 && strings.EqualFold(p.tokens[0], w) {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *jqlParser) parse() (jqlCondition, func(a, b *jiraIssue) int, error) {
	holds := func(*jiraIssue) bool { return true }
	order := func(a, b *jiraIssue) int { return cmp.Compare(b.id, a.id) }
	if len(p.tokens) > 0 && !strings.EqualFold(p.tokens[0], "ORDER") {
		h, err := p.either()
		if err != nil {
			return nil, nil, err
		}
		holds = h
	}
	if p.word("ORDER") {
		if !p.word("BY") {
			return nil, nil, says("Error in the JQL Query: Expecting 'BY'.")
		}
		o, err := p.order()
		if err != nil {
			return nil, nil, err
		}
		order = o
	}
	if len(p.tokens) > 0 {
		return nil, nil, says("Error in the JQL Query: Expecting either 'OR' or 'AND' but got '%s'.", p.tokens[0])
	}
	return holds, order, nil
}

func (p *jqlParser) either() (jqlCondition, error) {
	left, err := p.both()
	for err == nil && p.word("OR") {
		var right jqlCondition
		before := left
		right, err = p.both()
		left = func(i *jiraIssue) bool { return before(i) || right(i) }
	}
	return left, err
}

func (p *jqlParser) both() (jqlCondition, error) {
	left, err := p.one()
	for err == nil && p.word("AND") {
		var right jqlCondition
		before := left
		right, err = p.one()
		left = func(i *jiraIssue) bool { return before(i) && right(i) }
	}
	return left, err
}

func (p *jqlParser) one() (jqlCondition, error) {
	if p.word("NOT") {
		inner, err := p.one()
		return func(i *jiraIssue) bool { return !inner(i) }, err
	}
	if p.word("(") {
		inner, err := p.either()
		if err == nil && !p.word(")") {
			err = says("Error in the JQL Query: Expecting ')' before the end of the query.")
		}
		return inner, err
	}
	return p.clause()
}

// order reads the fields of ORDER BY.
func (p *jqlParser) order() (func(a, b *jiraIssue) int, error) {
	type key struct {
		by   func(a, b *jiraIssue) int
		sign int
	}
	known := map[string]func(a, b *jiraIssue) int{
		"updated": func(a, b *jiraIssue) int { return a.updated.Compare(b.updated) },
		"created": func(a, b *jiraIssue) int { return a.created.Compare(b.created) },
		"key":     func(a, b *jiraIssue) int { return cmp.Compare(a.id, b.id) },
		"id":      func(a, b *jiraIssue) int { return cmp.Compare(a.id, b.id) },
	}
	var keys []key
	for {
		name := strings.ToLower(strings.TrimPrefix(p.next(), `"`))
		by := known[name]
		if by == nil {
			return nil, says("Field '%s' does not exist or you do not have permission to view it.", name)
		}
		sign := 1
		if p.word("DESC") {
			sign = -1
		} else {
			p.word("ASC")
		}
		keys = append(keys, key{by, sign})
		if !p.word(",") {
			break
		}
	}
	return func(a, b *jiraIssue) int {
		for _, k := range keys {
			if d := k.by(a, b); d != 0 {
				return d * k.sign
			}
		}
		return cmp.Compare(a.id, b.id)
	}, nil
}

package contract

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// jiraTime is how Jira writes times: the offset has no colon.
const jiraTime = "2006-01-02T15:04:05.000-0700"

// jiraNoIssue is what the product says to a path with an issue that is not there.
const jiraNoIssue = "Issue does not exist or you do not have permission to see it."

// Jira is a Jira site with one project, by its REST API 2 (plain text) and 3 (descriptions and comments as documents).
type Jira struct {
	*Server
	issues []*jiraIssue
	// The last ones given: ids of issues and files, numbers in keys, ids of comments. None is given twice.
	lastID, lastKey, lastComment int64
}

// jiraIssue is one issue; what is text in version 2 and a document in version 3 is kept as text.
type jiraIssue struct {
	id               int64
	key              string
	fields           object
	status           string
	created, updated time.Time
	comments         []*jiraComment
	properties       object
	files            []*file
}

// jiraComment is one comment.
type jiraComment struct {
	id               int64
	body             string
	created, updated time.Time
}

// NewJira returns a site without issues. It takes User and Token as Basic credentials, and Token as a bearer's.
func NewJira(o Options) *Jira {
	j := &Jira{}
	o = o.filled()
	o.Jira.Project = orElse(o.Jira.Project, "ABC")
	o.MaxPage = orElse(o.MaxPage, 100)
	if o.Jira.Zone == nil {
		o.Jira.Zone = time.UTC
	}
	if o.Jira.CustomFields == nil {
		o.Jira.CustomFields = map[string]string{"customfield_10010": "External ID"}
	}
	j.lastID = orElse(o.First, 10000) - 1
	j.lastKey, j.lastComment = 23, 20000
	j.Server = &Server{options: o, product: j}
	return j
}

// Records are the issues as version 2 shows them, oldest first, with their properties under "properties".
func (j *Jira) Records() []map[string]any {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []object
	for _, i := range j.issues {
		out = append(out, object{"id": fmt.Sprint(i.id), "key": i.key, "fields": j.fields("", "2", i), "properties": i.properties})
	}
	return deepAll(out)
}

// Comments are the texts of the comments of an issue, by its id or key, oldest first.
func (j *Jira) Comments(issue string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []string
	if i := j.issue(issue); i != nil {
		for _, c := range i.comments {
			out = append(out, c.body)
		}
	}
	return out
}

func (j *Jira) refuse(status int, why string) reply { return jiraError(status, why, nil) }

// jiraError is an error as Jira tells it: messages, and what is wrong with single fields.
func jiraError(status int, message string, fields map[string]string) reply {
	messages, errors := []any{}, object{}
	if message != "" {
		messages = append(messages, message)
	}
	for k, v := range fields {
		errors[k] = v
	}
	return jsonReply(status, object{"errorMessages": messages, "errors": errors})
}

func (j *Jira) notAllowed(c *call, verbs ...string) reply {
	return j.refuse(http.StatusMethodNotAllowed, "Method Not Allowed: "+c.Method).allowing(verbs...)
}

func (j *Jira) handle(c *call) reply {
	if !c.basic(j.options.User, j.options.Token) && c.bearer("Bearer") != j.options.Token {
		return jsonReply(http.StatusUnauthorized, object{
			"message": "Client must be authenticated to access this resource.", "status-code": http.StatusUnauthorized,
		}).with("WWW-Authenticate", `Basic realm="Jira"`)
	}
	rest, ok := c.under("rest", "api")
	if !ok || len(rest) < 2 || rest[0] != "2" && rest[0] != "3" {
		return j.refuse(http.StatusNotFound, "null for uri: "+c.URL.Path)
	}
	version, rest := rest[0], rest[1:]
	switch rest[0] {
	case "myself":
		if c.Method != http.MethodGet {
			return j.notAllowed(c, "GET")
		}
		return jsonReply(http.StatusOK, j.author(c))
	case "issue":
		return j.atIssues(c, version, rest[1:])
	case "search":
		return j.atSearch(c, version, rest[1:])
	case "attachment":
		return j.atAttachment(c, rest[1:])
	}
	return j.refuse(http.StatusNotFound, "null for uri: "+c.URL.Path)
}

// author is the user of the credentials, in short.
func (j *Jira) author(c *call) object {
	return object{
		"self": c.base() + "/rest/api/2/user?accountId=meridian", "accountId": "meridian",
		"emailAddress": j.options.User, "displayName": "Meridian", "active": true, "timeZone": j.options.Jira.Zone.String(),
	}
}

// issue is the issue of an id or a key, nil when there is none.
func (j *Jira) issue(idOrKey string) *jiraIssue {
	for _, i := range j.issues {
		if strings.EqualFold(i.key, idOrKey) || strconv.FormatInt(i.id, 10) == idOrKey {
			return i
		}
	}
	return nil
}

// atIssues serves /issue and all below it.
func (j *Jira) atIssues(c *call, version string, rest []string) reply {
	if len(rest) == 0 {
		if c.Method != http.MethodPost {
			return j.notAllowed(c, "POST")
		}
		return j.create(c, version)
	}
	i := j.issue(rest[0])
	if i == nil {
		return j.refuse(http.StatusNotFound, jiraNoIssue)
	}
	if len(rest) == 1 {
		return j.atIssue(c, version, i)
	}
	switch rest[1] {
	case "transitions":
		return j.transitions(c, i)
	case "comment":
		return j.atComments(c, version, i, rest[2:])
	case "properties":
		return j.atProperties(c, i, rest[2:])
	case "attachments":
		return j.attach(c, i)
	}
	return j.refuse(http.StatusNotFound, "null for uri: "+c.URL.Path)
}

// create makes an issue. The answer is a link to it, not the issue.
func (j *Jira) create(c *call, version string) reply {
	change, no := j.sent(c, version, nil)
	if no != nil {
		return *no
	}
	j.lastID++
	i := &jiraIssue{id: j.lastID, fields: object{"labels": []any{}}, status: "To Do", created: c.now, properties: object{}}
	j.lastKey++
	i.key = fmt.Sprintf("%s-%d", j.options.Jira.Project, j.lastKey)
	j.apply(i, change, c.now)
	j.issues = append(j.issues, i)
	return jsonReply(http.StatusCreated, object{"id": fmt.Sprint(i.id), "key": i.key, "self": j.self(c, version, i)})
}

func (j *Jira) self(c *call, version string, i *jiraIssue) string {
	return fmt.Sprintf("%s/rest/api/%s/issue/%d", c.base(), version, i.id)
}

// atIssue reads, changes or deletes one issue.
func (j *Jira) atIssue(c *call, version string, i *jiraIssue) reply {
	switch c.Method {
	case http.MethodGet:
		out := object{"expand": "renderedFields,names,schema,transitions", "id": fmt.Sprint(i.id), "key": i.key, "self": j.self(c, version, i)}
		out["fields"] = chosen(j.fields(c.base(), version, i), c.query.Get("fields"))
		if c.query.Get("properties") != "" {
			out["properties"] = chosen(i.properties, c.query.Get("properties"))
		}
		return jsonReply(http.StatusOK, out)
	case http.MethodPut:
		change, no := j.sent(c, version, i)
		if no != nil {
			return *no
		}
		j.apply(i, change, c.now)
		return empty(http.StatusNoContent)
	case http.MethodDelete:
		j.issues = slices.DeleteFunc(j.issues, func(o *jiraIssue) bool { return o == i })
		return empty(http.StatusNoContent)
	}
	return j.notAllowed(c, "GET", "PUT", "DELETE")
}

// chosen are the members that a list of names picks; all for "", *all and *navigable.
func chosen(all object, asked string) object {
	if asked == "" || strings.HasPrefix(asked, "*") {
		return all
	}
	out := make(object)
	for _, name := range strings.Split(asked, ",") {
		if v, has := all[name]; has {
			out[name] = v
		}
	}
	return out
}

// fields are all fields of an issue, as a version of the API shows them.
func (j *Jira) fields(base, version string, i *jiraIssue) object {
	out := make(object, len(i.fields)+8)
	for name := range j.options.Jira.CustomFields {
		out[name] = nil
	}
	out["description"] = nil
	for k, v := range i.fields {
		out[k] = v
	}
	if d := text(out["description"]); d != "" && version == "3" {
		out["description"] = document(d)
	}
	files := []any{}
	for _, f := range i.files {
		files = append(files, f.shown(base))
	}
	out["project"] = object{"id": "10000", "key": j.options.Jira.Project, "name": j.options.Jira.Project}
	out["status"] = jiraStatus(i.status)
	out["created"] = i.created.In(j.options.Jira.Zone).Format(jiraTime)
	out["updated"] = i.updated.In(j.options.Jira.Zone).Format(jiraTime)
	out["attachment"] = files
	comments := []any{}
	for _, c := range i.comments {
		comments = append(comments, j.comment(base, version, i, c))
	}
	out["comment"] = object{"comments": comments, "startAt": 0, "maxResults": len(comments), "total": len(comments)}
	return out
}

// jiraStatuses are the statuses in the order of their work, with the transition that leads there.
func jiraStatuses() []object {
	return []object{
		{"id": "11", "name": "To Do"}, {"id": "21", "name": "In Progress"}, {"id": "31", "name": "Done"},
	}
}

func jiraStatus(name string) object {
	for n, s := range jiraStatuses() {
		if s["name"] == name {
			return object{"id": fmt.Sprint(10000 + n), "name": name}
		}
	}
	return object{"name": name}
}

// transitions tells and does the ways from one status to another; the status cannot be written otherwise. Every status is
// reachable from every other one here.
func (j *Jira) transitions(c *call, i *jiraIssue) reply {
	switch c.Method {
	case http.MethodGet:
		ways := []any{}
		for _, s := range jiraStatuses() {
			ways = append(ways, object{"id": s["id"], "name": s["name"], "to": jiraStatus(text(s["name"])), "isAvailable": true})
		}
		return jsonReply(http.StatusOK, object{"expand": "transitions", "transitions": ways})
	case http.MethodPost:
		body, no := j.parse(c)
		if no != nil {
			return *no
		}
		way, _ := body["transition"].(object)
		if way == nil || text(way["id"]) == "" {
			return j.refuse(http.StatusBadRequest, "Missing 'transition' identifier")
		}
		for _, s := range jiraStatuses() {
			if s["id"] == way["id"] {
				i.status, i.updated = text(s["name"]), c.now
				return empty(http.StatusNoContent)
			}
		}
		return j.refuse(http.StatusBadRequest, fmt.Sprintf("It seems that you have tried to perform a workflow operation (%v) that is not valid", way["id"]))
	}
	return j.notAllowed(c, "GET", "POST")
}

// parse reads a body that is a JSON object.
func (j *Jira) parse(c *call) (object, *reply) {
	if !c.isJSON() {
		r := j.refuse(http.StatusUnsupportedMediaType, "Unsupported Media Type")
		return nil, &r
	}
	body, err := parseObject(c.body)
	if err != nil {
		r := j.refuse(http.StatusBadRequest, "Invalid request payload. Refer to the REST API documentation and try again.")
		return nil, &r
	}
	return body, nil
}

// atProperties serves the properties of an issue, which hold any JSON under a key.
func (j *Jira) atProperties(c *call, i *jiraIssue, rest []string) reply {
	if len(rest) == 0 {
		if c.Method != http.MethodGet {
			return j.notAllowed(c, "GET")
		}
		keys := []any{}
		for _, k := range names(i.properties) {
			keys = append(keys, object{"key": k, "self": j.self(c, "2", i) + "/properties/" + k})
		}
		return jsonReply(http.StatusOK, object{"keys": keys})
	}
	key := strings.Join(rest, "/")
	old, has := i.properties[key]
	switch c.Method {
	case http.MethodPut:
		v, err := parseAny(c.body)
		if err != nil {
			return j.refuse(http.StatusBadRequest, "The property value is no JSON")
		}
		i.properties[key] = v
		if has {
			return empty(http.StatusOK)
		}
		return empty(http.StatusCreated)
	case http.MethodGet, http.MethodDelete:
		if !has {
			return j.refuse(http.StatusNotFound, "The property with key '"+key+"' does not exist.")
		}
		if c.Method == http.MethodGet {
			return jsonReply(http.StatusOK, object{"key": key, "value": old})
		}
		delete(i.properties, key)
		return empty(http.StatusNoContent)
	}
	return j.notAllowed(c, "GET", "PUT", "DELETE")
}

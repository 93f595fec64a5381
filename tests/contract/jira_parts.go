package contract

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// addComment keeps a new comment, which is a change of its issue.
func (j *Jira) addComment(i *jiraIssue, body string, now time.Time) *jiraComment {
	j.lastComment++
	c := &jiraComment{id: j.lastComment, body: body, created: now, updated: now}
	i.comments, i.updated = append(i.comments, c), now
	return c
}

// comment is a comment as answers show it.
func (j *Jira) comment(base, version string, i *jiraIssue, c *jiraComment) object {
	body := any(c.body)
	if version == "3" {
		body = document(c.body)
	}
	author := object{"accountId": "meridian", "displayName": "Meridian", "active": true}
	return object{
		"self": fmt.Sprintf("%s/rest/api/%s/issue/%d/comment/%d", base, version, i.id, c.id), "id": fmt.Sprint(c.id),
		"author": author, "updateAuthor": author, "body": body, "jsdPublic": true,
		"created": c.created.In(j.options.Jira.Zone).Format(jiraTime), "updated": c.updated.In(j.options.Jira.Zone).Format(jiraTime),
	}
}

// atComments serves the comments of an issue.
func (j *Jira) atComments(c *call, version string, i *jiraIssue, rest []string) reply {
	if len(rest) == 0 {
		switch c.Method {
		case http.MethodGet:
			return j.listComments(c, version, i)
		case http.MethodPost:
			body, no := j.commentBody(c, version)
			if no != nil {
				return *no
			}
			return jsonReply(http.StatusCreated, j.comment(c.base(), version, i, j.addComment(i, body, c.now)))
		}
		return j.notAllowed(c, "GET", "POST")
	}
	at := slices.IndexFunc(i.comments, func(o *jiraComment) bool { return strconv.FormatInt(o.id, 10) == rest[0] })
	if at < 0 || len(rest) > 1 {
		return j.refuse(http.StatusNotFound, "Can not find a comment for the id: "+rest[0]+".")
	}
	switch c.Method {
	case http.MethodGet:
	case http.MethodPut:
		body, no := j.commentBody(c, version)
		if no != nil {
			return *no
		}
		i.comments[at].body, i.comments[at].updated, i.updated = body, c.now, c.now
	case http.MethodDelete:
		i.comments, i.updated = slices.Delete(i.comments, at, at+1), c.now
		return empty(http.StatusNoContent)
	default:
		return j.notAllowed(c, "GET", "PUT", "DELETE")
	}
	return jsonReply(http.StatusOK, j.comment(c.base(), version, i, i.comments[at]))
}

// commentBody reads {"body":…}; other members that a comment may have are let through.
func (j *Jira) commentBody(c *call, version string) (string, *reply) {
	body, no := j.parse(c)
	if no != nil {
		return "", no
	}
	for _, name := range names(body) {
		if !slices.Contains([]string{"body", "visibility", "properties", "jsdPublic"}, name) {
			r := j.refuse(http.StatusBadRequest, fmt.Sprintf("Unrecognized member %q", name))
			return "", &r
		}
	}
	v, why := jiraText(body["body"], version)
	if why == "" && strings.TrimSpace(text(v)) == "" {
		why = "Comment body can not be empty!"
	}
	if why != "" {
		r := jiraError(http.StatusBadRequest, "", map[string]string{"comment": why})
		return "", &r
	}
	return text(v), nil
}

// listComments answers a page of comments, oldest first; it says how many it gives at most, how many there are, and from where.
func (j *Jira) listComments(c *call, version string, i *jiraIssue) reply {
	start, most, no := j.paging(c, 100)
	if no != nil {
		return *no
	}
	out := []any{}
	for _, one := range slice(i.comments, start, most) {
		out = append(out, j.comment(c.base(), version, i, one))
	}
	return jsonReply(http.StatusOK, object{"startAt": start, "maxResults": most, "total": len(i.comments), "comments": out})
}

// paging reads startAt and maxResults; the latter is capped without a word.
func (j *Jira) paging(c *call, d int) (start, most int, no *reply) {
	start, ok1 := c.whole("startAt", 0, 0)
	most, ok2 := c.whole("maxResults", d, 0)
	if !ok1 || !ok2 {
		r := j.refuse(http.StatusBadRequest, "startAt and maxResults are whole numbers")
		return 0, 0, &r
	}
	return start, min(most, j.options.MaxPage), nil
}

// shown is a file as answers show it.
func (f *file) shown(base string) object {
	out, _ := deep(f.record).(object)
	out["self"] = base + "/rest/api/2/attachment/" + f.id
	out["content"] = base + "/rest/api/2/attachment/content/" + f.id
	return out
}

// attach takes files: parts named file of a form, with X-Atlassian-Token: no-check. That header and the form are not confirmed.
func (j *Jira) attach(c *call, i *jiraIssue) reply {
	if c.Method != http.MethodPost {
		return j.notAllowed(c, "POST")
	}
	if c.Header.Get("X-Atlassian-Token") != "no-check" {
		return raw(http.StatusForbidden, "text/plain", []byte("XSRF check failed"))
	}
	parts, err := c.parts()
	if err != nil {
		return j.refuse(http.StatusUnsupportedMediaType, err.Error())
	}
	out := []any{}
	for _, p := range parts {
		if p.name != "file" || p.file == "" {
			return j.refuse(http.StatusBadRequest, "a part is named file and has a file name")
		}
	}
	for _, p := range parts {
		j.lastID++
		f := &file{id: fmt.Sprint(j.lastID), name: p.file, mediaType: p.mediaType, body: p.body}
		f.record = object{
			"id": f.id, "filename": p.file, "mimeType": p.mediaType, "size": len(p.body), "created": c.now.Format(jiraTime),
			"author": object{"accountId": "meridian"},
		}
		i.files = append(i.files, f)
		out = append(out, f.shown(c.base()))
	}
	i.updated = c.now
	return jsonReply(http.StatusOK, out)
}

// atAttachment reads or deletes a file: /attachment/{id} and /attachment/content/{id}.
func (j *Jira) atAttachment(c *call, rest []string) reply {
	content := len(rest) == 2 && rest[0] == "content"
	if !content && len(rest) != 1 {
		return j.refuse(http.StatusNotFound, "null for uri: "+c.URL.Path)
	}
	id := rest[len(rest)-1]
	for _, i := range j.issues {
		at := slices.IndexFunc(i.files, func(f *file) bool { return f.id == id })
		switch {
		case at < 0:
			continue
		case content && c.Method == http.MethodGet:
			return raw(http.StatusOK, i.files[at].mediaType, i.files[at].body)
		case content:
			return j.notAllowed(c, "GET")
		case c.Method == http.MethodGet:
			return jsonReply(http.StatusOK, i.files[at].shown(c.base()))
		case c.Method == http.MethodDelete:
			i.files, i.updated = slices.Delete(i.files, at, at+1), c.now
			return empty(http.StatusNoContent)
		}
		return j.notAllowed(c, "GET", "DELETE")
	}
	return j.refuse(http.StatusNotFound, "The attachment with id '"+id+"' does not exist")
}

package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// jiraChange is what a create or an update asks for, checked.
type jiraChange struct {
	fields     object // in the form of version 2; nil empties
	addLabels  []string
	dropLabels []string
	comments   []string
	properties object
}

// apply does a change.
func (j *Jira) apply(i *jiraIssue, ch jiraChange, now time.Time) {
	for name, v := range ch.fields {
		if v == nil {
			delete(i.fields, name)
			continue
		}
		i.fields[name] = v
	}
	labels, _ := texts(i.fields["labels"])
	for _, l := range ch.addLabels {
		if !slices.Contains(labels, l) {
			labels = append(labels, l)
		}
	}
	labels = slices.DeleteFunc(labels, func(l string) bool { return slices.Contains(ch.dropLabels, l) })
	i.fields["labels"] = list(labels)
	for k, v := range ch.properties {
		i.properties[k] = v
	}
	i.updated = now
	for _, body := range ch.comments {
		j.addComment(i, body, now)
	}
}

// sent reads {"fields":{…},"update":{…},"properties":[…]}. Every field that cannot be set is named in the refusal; the issue is nil
// for a create.
func (j *Jira) sent(c *call, version string, of *jiraIssue) (jiraChange, *reply) {
	no := func(r reply) (jiraChange, *reply) { return jiraChange{}, &r }
	body, refused := j.parse(c)
	if refused != nil {
		return no(*refused)
	}
	fields, isFields := body["fields"].(object)
	update, isUpdate := body["update"].(object)
	properties, isProperties := body["properties"].([]any)
	for _, name := range names(body) {
		known := name == "fields" && isFields || name == "update" && isUpdate || name == "properties" && isProperties ||
			name == "transition" || name == "historyMetadata"
		if !known {
			return no(j.refuse(http.StatusBadRequest, fmt.Sprintf("Unrecognized or malformed member %q", name)))
		}
	}
	if !isFields && !isUpdate && (of == nil || !isProperties) {
		return no(j.refuse(http.StatusBadRequest, "one of 'fields' or 'update' required"))
	}
	ch := jiraChange{fields: make(object), properties: make(object)}
	wrong := make(map[string]string)
	for _, name := range names(fields) {
		if v, why := j.field(name, fields[name], version); why != "" {
			wrong[name] = why
		} else if name != "project" {
			ch.fields[name] = v
		} else if id := v.(object); id["key"] != j.options.Jira.Project && id["id"] != "10000" {
			wrong[name] = "valid project is required"
		}
	}
	for _, name := range names(update) {
		if why := j.operations(name, update[name], version, &ch); why != "" {
			wrong[name] = why
		} else if _, twice := fields[name]; twice {
			wrong[name] = "Field '" + name + "' cannot appear in both 'fields' and 'update'"
		}
	}
	for _, p := range properties {
		one, _ := p.(object)
		if text(one["key"]) == "" {
			return no(j.refuse(http.StatusBadRequest, "a property is {\"key\",\"value\"}"))
		}
		ch.properties[text(one["key"])] = one["value"]
	}
	if of == nil {
		for name, why := range map[string]string{
			"project": "project is required", "issuetype": "Specify a valid issue type", "summary": "You must specify a summary of the issue.",
		} {
			if _, sent := fields[name]; !sent {
				wrong[name] = why
			}
		}
	}
	if len(wrong) > 0 {
		return no(jiraError(http.StatusBadRequest, "", wrong))
	}
	return ch, nil
}

// field checks one value and turns it into the form in which it is kept. What it returns second is why it cannot be set.
func (j *Jira) field(name string, v any, version string) (any, string) {
	if _, custom := j.options.Jira.CustomFields[name]; custom {
		if v == nil || kind(v) == "string" && utf8.RuneCountInString(text(v)) <= 255 {
			return v, ""
		}
		return nil, "Operation value must be a string"
	}
	switch name {
	case "summary":
		s, ok := v.(string)
		switch {
		case !ok && v != nil:
			return nil, "Operation value must be a string"
		case strings.TrimSpace(s) == "":
			return nil, "You must specify a summary of the issue."
		case strings.ContainsAny(s, "\r\n"):
			return nil, "The summary is invalid because it contains newline characters."
		case utf8.RuneCountInString(s) > 255:
			return nil, "Summary can't exceed 255 characters."
		}
		return s, ""
	case "description":
		return jiraText(v, version)
	case "labels":
		labels, ok := texts(v)
		for _, l := range labels {
			if strings.ContainsAny(l, " \t\n") || l == "" {
				return nil, fmt.Sprintf("The label '%s' contains spaces which is invalid.", l)
			}
		}
		if v == nil || ok {
			return list(labels), ""
		}
		return nil, "Operation value must be an array of strings"
	case "project", "issuetype", "priority", "assignee", "reporter", "parent":
		o, ok := v.(object)
		if v == nil && (name == "assignee" || name == "priority") {
			return nil, ""
		}
		if !ok || len(o) == 0 {
			return nil, "data was not an object"
		}
		return o, j.reference(name, o)
	case "duedate":
		_, err := time.Parse(time.DateOnly, text(v))
		if v == nil || err == nil {
			return v, ""
		}
		return nil, "Operation value must be a string in the format \"yyyy-MM-dd\""
	}
	return nil, fmt.Sprintf("Field '%s' cannot be set. It is not on the appropriate screen, or unknown.", name)
}

// reference checks values that stand for something else, by name or id.
func (j *Jira) reference(name string, o object) string {
	valid := map[string][]string{
		"issuetype": {"Task", "Bug", "Story", "Sub-task"},
		"priority":  {"Highest", "High", "Medium", "Low", "Lowest"},
	}[name]
	if n, named := o["name"].(string); named && valid != nil && !slices.Contains(valid, n) {
		return fmt.Sprintf("The %s selected is invalid.", name)
	}
	return ""
}

// operations reads a list of operations on a field: set, and for labels add and remove, for comments add.
func (j *Jira) operations(name string, v any, version string, ch *jiraChange) string {
	ops, ok := v.([]any)
	if !ok {
		return "operations are a list"
	}
	for _, op := range ops {
		one, _ := op.(object)
		if len(one) != 1 {
			return "an operation is an object with one member"
		}
		verb := names(one)[0]
		switch {
		case name == "labels" && (verb == "add" || verb == "remove"):
			if _, why := j.field("labels", []any{one[verb]}, version); why != "" {
				return why
			}
			if verb == "add" {
				ch.addLabels = append(ch.addLabels, text(one[verb]))
			} else {
				ch.dropLabels = append(ch.dropLabels, text(one[verb]))
			}
		case name == "comment" && verb == "add":
			add, _ := one["add"].(object)
			body, why := jiraText(add["body"], version)
			if why != "" || strings.TrimSpace(text(body)) == "" {
				return "Comment body can not be empty!"
			}
			ch.comments = append(ch.comments, text(body))
		case verb == "set" && name != "comment":
			value, why := j.field(name, one["set"], version)
			if why != "" {
				return why
			}
			ch.fields[name] = value
		default:
			return fmt.Sprintf("Field '%s' does not support operation '%s'", name, verb)
		}
	}
	return ""
}

// jiraText reads a long text: plain in version 2, a document in version 3.
func jiraText(v any, version string) (any, string) {
	if v == nil {
		return nil, ""
	}
	if version == "2" {
		if s, ok := v.(string); ok {
			return s, ""
		}
		return nil, "Operation value must be a string"
	}
	doc, _ := v.(object)
	n, _ := integer(doc["version"])
	content, isList := doc["content"].([]any)
	if text(doc["type"]) != "doc" || n != 1 || !isList {
		return nil, "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
	}
	var lines []string
	for _, block := range content {
		lines = append(lines, nodeText(block))
	}
	return strings.Join(lines, "\n"), ""
}

// nodeText is the text of a node of a document and of all within it.
func nodeText(node any) string {
	n, _ := node.(object)
	if text(n["type"]) == "hardBreak" {
		return "\n"
	}
	out := text(n["text"])
	inner, _ := n["content"].([]any)
	for _, e := range inner {
		out += nodeText(e)
	}
	return out
}

// document is a text as a document of one paragraph for each line.
func document(s string) object {
	var blocks []any
	for _, line := range strings.Split(s, "\n") {
		block := object{"type": "paragraph"}
		if line != "" {
			block["content"] = []any{object{"type": "text", "text": line}}
		}
		blocks = append(blocks, block)
	}
	return object{"type": "doc", "version": 1, "content": blocks}
}

// parseAny reads any JSON value.
func parseAny(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

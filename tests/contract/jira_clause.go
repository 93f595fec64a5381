package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clause reads one comparison of JQL.
func (p *jqlParser) clause() (jqlCondition, error) {
	name := strings.TrimPrefix(p.next(), `"`)
	lower := strings.ToLower(name)
	not := false
	op := p.next()
	if strings.EqualFold(op, "NOT") {
		not, op = true, p.next()
	}
	op = strings.ToLower(op)
	if lower == "updated" || lower == "created" || lower == "updateddate" || lower == "createddate" {
		return p.moment(lower, op)
	}
	of, textual, err := p.values(name)
	if err != nil {
		return nil, err
	}
	switch op {
	case "=", "!=", "in":
		if textual {
			return nil, says("The operator '%s' is not supported by the '%s' field.", op, name)
		}
		wanted, err := p.operand(op)
		if err != nil {
			return nil, err
		}
		not = not || op == "!="
		return func(i *jiraIssue) bool {
			hit := slices.ContainsFunc(of(i), func(v string) bool {
				return slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(v, w) })
			})
			return hit != not
		}, nil
	case "~", "!~":
		if !textual {
			return nil, says("The operator '%s' is not supported by the '%s' field.", op, name)
		}
		words := jqlWords(strings.TrimPrefix(p.next(), `"`))
		return func(i *jiraIssue) bool { return jqlContains(strings.Join(of(i), " "), words) == (op == "~") }, nil
	case "is":
		not = p.word("NOT")
		if !p.word("EMPTY") && !p.word("NULL") {
			return nil, says("Error in the JQL Query: Expecting EMPTY or NULL.")
		}
		return func(i *jiraIssue) bool { return (strings.Join(of(i), "") == "") != not }, nil
	}
	return nil, says("Error in the JQL Query: Expecting operator but got '%s'.", op)
}

// operand reads one value, or a list of them after in.
func (p *jqlParser) operand(op string) ([]string, error) {
	if op != "in" {
		v := p.next()
		if v == "" || v == ")" {
			return nil, says("Error in the JQL Query: Expecting a value before the end of the query.")
		}
		return []string{strings.TrimPrefix(v, `"`)}, nil
	}
	if !p.word("(") {
		return nil, says("Error in the JQL Query: Expecting '('.")
	}
	var out []string
	for {
		out = append(out, strings.TrimPrefix(p.next(), `"`))
		if p.word(")") {
			return out, nil
		}
		if !p.word(",") {
			return nil, says("Error in the JQL Query: Expecting ')' or ','.")
		}
	}
}

// values is how to get what a field of JQL compares, and whether it is a text, which knows only ~.
func (p *jqlParser) values(name string) (of func(*jiraIssue) []string, textual bool, err error) {
	member := func(field, key string) func(*jiraIssue) []string {
		return func(i *jiraIssue) []string {
			o, _ := i.fields[field].(object)
			return []string{text(o[key])}
		}
	}
	project := p.jira.options.Jira.Project
	switch strings.ToLower(name) {
	case "project":
		return func(*jiraIssue) []string { return []string{project, "10000"} }, false, nil
	case "key", "issuekey", "id", "issue":
		return func(i *jiraIssue) []string { return []string{i.key, fmt.Sprint(i.id)} }, false, nil
	case "labels":
		return func(i *jiraIssue) []string { l, _ := texts(i.fields["labels"]); return l }, false, nil
	case "status":
		return func(i *jiraIssue) []string { return []string{i.status} }, false, nil
	case "issuetype", "type":
		return member("issuetype", "name"), false, nil
	case "priority":
		return member("priority", "name"), false, nil
	case "summary", "description":
		return func(i *jiraIssue) []string { return []string{text(i.fields[strings.ToLower(name)])} }, true, nil
	}
	for id, called := range p.jira.options.Jira.CustomFields {
		if strings.EqualFold(called, name) || name == "cf["+strings.TrimPrefix(id, "customfield_")+"]" {
			return func(i *jiraIssue) []string { return []string{text(i.fields[id])} }, true, nil
		}
	}
	return nil, false, says("Field '%s' does not exist or you do not have permission to view it.", name)
}

// moment compares a time. JQL knows no seconds, and is read in the user's time zone; both is not confirmed.
func (p *jqlParser) moment(field, op string) (jqlCondition, error) {
	value := strings.TrimPrefix(p.next(), `"`)
	bound, ok := p.time(value)
	if !ok {
		return nil, says("Date value '%s' for field '%s' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.", value, field)
	}
	if !slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, op) {
		return nil, says("The operator '%s' is not supported by the '%s' field.", op, field)
	}
	return func(i *jiraIssue) bool {
		at := i.updated
		if strings.HasPrefix(field, "created") {
			at = i.created
		}
		return fits(at.Compare(bound), op)
	}, nil
}

// time reads a date, a date with a minute, or a period from now such as -5d.
func (p *jqlParser) time(value string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02 15:04", "2006/01/02 15:04", time.DateOnly, "2006/01/02"} {
		if t, err := time.ParseInLocation(layout, value, p.jira.options.Jira.Zone); err == nil {
			return t, true
		}
	}
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if n := len(value); n > 1 && units[value[n-1]] > 0 {
		if count, err := strconv.Atoi(value[:n-1]); err == nil {
			return p.now.Add(time.Duration(count) * units[value[n-1]]), true
		}
	}
	return time.Time{}, false
}

// jqlWords are the words of a text as the index has them.
func jqlWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && r < 0x80
	})
}

// jqlContains reports whether all words are in a text: ~ finds more than what is equal.
func jqlContains(s string, words []string) bool {
	have := jqlWords(s)
	for _, w := range words {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return len(words) > 0
}

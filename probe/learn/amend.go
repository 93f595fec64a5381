package learn

import (
	"regexp"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// amend changes a record that was refused, by what the refusal names: what is named and was not sent is taken from a record that is
// there, what was sent besides the text is left out. It reports whether there is anything new to try.
func (l *learner) amend(a request.Answer, record object) bool {
	if a.Status != 400 && a.Status != 409 && a.Status != 422 {
		return false
	}
	says := refusal(a.Body)
	again := l.retitle(says, record)
	for _, name := range []string{l.created.body, l.externalName()} {
		_, sent := record[name]
		switch {
		case name == "" || name == l.created.title || l.isSet(name) || !mentions(says, name):
		case sent:
			delete(record, name)
			again = true
		case name == l.created.body:
			record[name] = l.text()
			again = true
		}
	}
	for _, t := range l.members {
		_, sent := record[t.name]
		if !sent && t.own == "" && t.sample != nil && mentions(says, t.name) {
			record[t.name] = t.sample
			again = true
		}
	}
	return again
}

// retitle takes another member for the text where none is known and the refusal names another usual one, or the one that was sent.
func (l *learner) retitle(says string, record object) bool {
	if len(l.members) > 0 {
		return false
	}
	for _, named := range []bool{true, false} {
		for _, name := range usualTitles {
			_, sent := record[name]
			if sent || name == l.created.body || slices.Contains(l.created.refused, name) || named && !mentions(says, name) || !named && !mentions(says, l.created.title) {
				continue
			}
			record[name] = record[l.created.title]
			delete(record, l.created.title)
			l.created.refused = append(l.created.refused, l.created.title)
			l.created.title = name
			return true
		}
	}
	return false
}

// mentions reports whether a refusal names a member.
func mentions(says, member string) bool {
	return regexp.MustCompile(`(?i)(^|[^\pL\pN_])` + regexp.QuoteMeta(member) + `([^\pL\pN_]|$)`).MatchString(says)
}

// refusal is what a refusal says: its texts, and the names of members below the top, where they are not those of refusals themselves.
func refusal(body []byte) string {
	v, ok := parse(body)
	if !ok {
		return string(body)
	}
	usual := []string{"field", "message", "code", "resource", "description", "detail", "title", "status", "type", "source", "pointer", "errors", "error", "meta"}
	var out []string
	var collect func(v any, depth int)
	collect = func(v any, depth int) {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case []any:
			for _, e := range v {
				collect(e, depth+1)
			}
		case object:
			for _, name := range names(v) {
				if _, text := v[name].(string); depth > 0 && !(text && slices.Contains(usual, name)) {
					out = append(out, name)
				}
				collect(v[name], depth+1)
			}
		}
	}
	collect(v, 0)
	return strings.Join(out, "\n")
}

package probe

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
)

// found is a list of records in an answer.
type found struct {
	items string // pointer to the list; "" is the whole answer
	item  string // pointer to the record within an element
	// ids are pointers into an element or its record that look like ids, the likeliest first.
	ids      []string
	elements []object
	count    int
}

// wellKnown are the names that APIs have for the list of records in an answer.
func wellKnown() []string {
	return []string{"items", "data", "results", "result", "value", "values", "records", "entries", "rows", "content", "docs", "list", "hits", "objects",
		"_embedded", "tickets", "issues", "requests"}
}

// inner are the names that APIs have for the record within an element of a list.
func inner() []string {
	return []string{"fields", "attributes", "values", "doc", "record", "properties", "resource", "data", "node"}
}

// findList finds the records in the answer to a list. The collection's name, or another word for what is in it, makes a list of that name
// likely.
func findList(body []byte, words ...string) (best found, ok bool) {
	v, valid := parse(body)
	if !valid {
		return found{}, false
	}
	score := -1
	walk(v, func(at string, v any) bool {
		list, is := v.([]any)
		if !is {
			return strings.Count(at, "/") < 3
		}
		elements := objects(list)
		if len(elements) != len(list) {
			return false
		}
		s := min(len(list), 3)*4 - strings.Count(at, "/")
		if name := strings.ToLower(last(at)); slices.Contains(wellKnown(), name) || slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, name) }) {
			s += 3
		}
		if s > score {
			score, ok = s, true
			best = found{items: at, elements: elements, count: len(list)}
		}
		return false
	})
	if ok {
		best.item = itemOf(best.elements, words)
		best.ids = idsOf(best.elements, best.item)
	}
	return best, ok
}

// objects are the elements of a list that are objects.
func objects(list []any) (out []object) {
	for _, e := range list {
		if o, is := e.(object); is {
			out = append(out, o)
		}
	}
	return out
}

// itemOf is the pointer to the record within elements that hold little else.
func itemOf(elements []object, words []string) string {
	if len(elements) == 0 {
		return ""
	}
	for _, name := range append(inner(), singular(words)...) {
		all := !slices.ContainsFunc(elements, func(e object) bool {
			o, is := e[name].(object)
			return !is || len(o) == 0
		})
		others := 0
		for other, v := range elements[0] {
			if _, nested := v.(object); other != name && !nested {
				others++
			}
		}
		if all && others <= 6 {
			return "/" + escape(name)
		}
	}
	return ""
}

// singular are words for one of what there are many of.
func singular(words []string) (out []string) {
	for _, w := range words {
		for _, end := range [][2]string{{"ies", "y"}, {"es", ""}, {"s", ""}, {"", ""}} {
			if one, ok := strings.CutSuffix(w, end[0]); ok && one != "" {
				out = append(out, one+end[1])
			}
		}
	}
	return out
}

// idsOf are pointers to what looks like ids: a scalar in every element, different in each. Those outside of the record come as
// pointers into the element.
func idsOf(elements []object, item string) (out []string) {
	if len(elements) == 0 {
		return nil
	}
	where := []string{item}
	if item != "" {
		where = append(where, "")
	}
	type candidate struct {
		at   string
		rank int
	}
	var list []candidate
	for _, within := range where {
		o, _ := at(elements[0], within)
		record, _ := o.(object)
		for _, name := range names(record) {
			if rank := idRank(name); rank >= 0 && differ(elements, within+"/"+escape(name)) {
				list = append(list, candidate{"/" + escape(name), rank})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return a.rank - b.rank })
	for _, c := range list {
		if !slices.Contains(out, c.at) {
			out = append(out, c.at)
		}
	}
	return out
}

// idRank says how likely a name is that of an id, the lower the likelier; negative is not at all.
func idRank(name string) int {
	switch n := strings.ToLower(name); {
	case n == "id" || n == "_id":
		return 0
	case slices.Contains([]string{"uuid", "guid", "sys_id", "documentid", "document_id", "objectid", "object_id", "recordid", "record_id", "requestid", "request id"}, n):
		return 1
	case n == "key" || n == "number" || n == "iid" || n == "code" || n == "ref":
		return 2
	case strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID") || strings.HasSuffix(name, "number"):
		return 3
	}
	return -1
}

// differ reports whether all elements have a usable id there, each another one.
func differ(elements []object, pointer string) bool {
	seen := make(map[string]bool)
	for _, e := range elements {
		v, _ := at(e, pointer)
		id := plain(v)
		if id == "" || id == "0" || seen[id] || len(id) > 200 || strings.ContainsAny(id, " \n\t") {
			return false
		}
		seen[id] = true
	}
	return true
}

// listed reports whether a value is one of a list.
func listed(list []profile.Literal, v json.RawMessage) bool {
	return slices.ContainsFunc(list, func(l profile.Literal) bool { return same(l, v) || plainOf(l) == plainOf(v) })
}

func plainOf(text []byte) string {
	v, _ := parse(text)
	if s := plain(v); s != "" {
		return s
	}
	return string(text)
}

// isOf reports whether a canonical value is of a type of the profile.
func isOf(kind string, text json.RawMessage) bool {
	v, _ := parse(text)
	switch kind {
	case "text":
		_, is := v.(string)
		return is
	case "boolean":
		_, is := v.(bool)
		return is
	case "list":
		_, is := v.([]any)
		return is
	case "time":
		s, is := v.(string)
		_, err := time.Parse(time.RFC3339Nano, s)
		return is && err == nil
	}
	n, is := v.(json.Number)
	if !is || kind != "integer" {
		return is
	}
	return !strings.ContainsAny(n.String(), ".eE")
}

// layouts are ways in which APIs write times, besides RFC 3339.
func layouts() []string {
	return []string{
		"2006-01-02T15:04:05.000-0700", "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05.000Z07:00", "2006-01-02 15:04:05Z07:00",
		"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02T15:04:05.000", "2006-01-02T15:04", "2006-01-02 15:04", "2006/01/02 15:04:05",
		"02.01.2006 15:04:05", "02.01.2006 15:04", "02/01/2006 15:04:05", "01/02/2006 03:04:05 PM", time.RFC1123, time.RFC1123Z, time.DateOnly, "02.01.2006",
	}
}

var earliest, latest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// timeFormat is how the profile calls the way in which a value is a time: rfc3339, unix, unix-ms or a layout; "" for no time. A number
// may be one by chance: callers look at the name too.
func timeFormat(v any) string {
	switch v := v.(type) {
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		switch {
		case err != nil:
		case time.Unix(n, 0).After(earliest) && time.Unix(n, 0).Before(latest):
			return "unix"
		case time.UnixMilli(n).After(earliest) && time.UnixMilli(n).Before(latest):
			return "unix-ms"
		}
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return "rfc3339"
		}
		for _, layout := range layouts() {
			if _, err := time.Parse(layout, v); err == nil {
				return layout
			}
		}
	}
	return ""
}

var timely = regexp.MustCompile(`(?i)(_at|_on|At|On|date|time|updated|modified|created|changed|due|closed|opened|resolved|^ts|timestamp)$|^(date|time|updated|modified|created|changed|due|last)`)

// isTime is timeFormat for a member with a name: numbers are times only under names of times.
func isTime(name string, v any) string {
	if _, numeric := v.(json.Number); numeric && !timely.MatchString(name) {
		return ""
	}
	return timeFormat(v)
}

var changed = regexp.MustCompile(`(?i)(updat|modif|chang|revised|last_?(edit|write|activity))`)

// changedAt is the pointer to what looks like the time of the last change of a record, and its format; "" for none.
func changedAt(record object) (pointer, format string) {
	for _, name := range names(record) {
		if !changed.MatchString(name) || strings.HasSuffix(strings.ToLower(name), "by") {
			continue
		}
		if as := isTime(name, record[name]); as != "" {
			return "/" + escape(name), as
		}
	}
	return "", ""
}

// anyOf is a set as a map of any, for names.
func anyOf(set map[string]bool) object {
	out := make(object, len(set))
	for k := range set {
		out[k] = true
	}
	return out
}

var bare = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_/.-]*$`)

// quoted is a text as a YAML value that can stand anywhere.
func quoted(s string) string {
	if bare.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s)) {
		return s
	}
	return string(texts(s))
}

// name is a text as a key.
func name(s string) string { return quoted(s) }

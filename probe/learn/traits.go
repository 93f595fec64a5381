package learn

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// trait is what is seen of a member of records.
type trait struct {
	name   string
	kinds  map[string]bool // text, integer, number, boolean, list, object
	format string          // of times: as the profile has it; "" when it is none
	values map[string]bool // different texts, while there are few
	nulls  int
	empty  int // texts without a character
	absent int
	sample any
	own    string // why it is the API's own, "" when it is not
	note   string // what else was seen of it
	preset string // what a new record has there that would be refused without it, as JSON text
}

// most is how many different values are told apart.
const most = 8

// traits looks at the members of all records that were seen.
func (l *learner) traits(context.Context) error {
	by := make(map[string]*trait)
	records := slices.Clone(l.seen.records)
	if l.seen.bare {
		records = nil
	}
	if l.seen.whole != nil && len(records) > 0 {
		records[0] = l.seen.whole // the same record, and perhaps more of it
	} else if l.seen.whole != nil {
		records = append(records, l.seen.whole)
	}
	for _, r := range records {
		for name, v := range r {
			t := by[name]
			if t == nil {
				t = &trait{name: name, kinds: map[string]bool{}, values: map[string]bool{}, absent: len(records), format: "?"}
				by[name] = t
			}
			t.absent--
			t.see(v)
		}
	}
	l.members = nil
	for _, name := range slices.Sorted(maps.Keys(by)) {
		t := by[name]
		t.own = l.ownByName(t)
		l.members = append(l.members, t)
	}
	l.sayMembers()
	return nil
}

// see takes in one value.
func (t *trait) see(v any) {
	switch v := v.(type) {
	case nil:
		t.nulls++
		return
	case string:
		if v == "" {
			t.empty++
			return
		}
		t.kinds["text"] = true
		if len(t.values) <= most {
			t.values[v] = true
		}
	case json.Number:
		kind := "number"
		if whole(v) {
			kind = "integer"
		}
		t.kinds[kind] = true
	case bool:
		t.kinds["boolean"] = true
	case []any:
		t.kinds["list"] = true
	default:
		t.kinds["object"] = true
	}
	if t.sample == nil {
		t.sample = v
	}
	switch f := formatOf(t.name, v); {
	case t.format == "?":
		t.format = f
	case t.format != f:
		t.format = ""
	}
}

// kind is the one kind of value that a member has, "" for several or none.
func (t *trait) kind() string {
	list := slices.Sorted(maps.Keys(t.kinds))
	switch {
	case len(list) == 1:
		return list[0]
	case len(list) == 2 && list[0] == "integer" && list[1] == "number":
		return "number"
	}
	return ""
}

// isTime reports whether all values are times.
func (t *trait) isTime() bool { return t.format != "" && t.format != "?" }

// layouts are ways in which APIs write times, besides RFC 3339.
var layouts = [...]string{"2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05.000Z0700", "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05.000-0700",
	"2006-01-02 15:04:05.000Z", "2006-01-02 15:04:05Z", "2006-01-02 15:04:05.000Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05",
	"2006-01-02 15:04:05.000", "2006-01-02 15:04:05.000000", "2006-01-02T15:04:05", "2006-01-02T15:04:05.000", "2006-01-02T15:04:05.000000",
	"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02", "02.01.2006 15:04:05", "02.01.2006 15:04", "02.01.2006", time.RFC1123, time.RFC1123Z, time.ANSIC}

var timely = regexp.MustCompile(`(?i)(_at|_on|date|time|stamp|updated|modified|created|changed|due|deadline|until|since)$|^(date|time|updated|modified|created|changed|due|last|sys_created|sys_updated)|[a-z](At|On)$`)

// formatOf is how a value is written if it is a time, "" if it is none. A number is one only under a name of times.
func formatOf(name string, v any) string {
	switch v := v.(type) {
	case json.Number:
		n, err := v.Int64()
		if err != nil || !timely.MatchString(name) {
			return ""
		}
		for as, t := range map[string]time.Time{"unix": time.Unix(n, 0), "unix-ms": time.UnixMilli(n)} {
			if y := t.Year(); y >= 1990 && y < 2100 {
				return as
			}
		}
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return "rfc3339"
		}
		for _, layout := range layouts {
			if t, err := time.Parse(layout, v); err == nil && t.Format(layout) == v {
				return layout
			}
		}
	}
	return ""
}

var ownNames = regexp.MustCompile(`(?i)^(created|creation|updated|modified|changed|lastmodified|last_modified|inserted|date_?created|date_?updated|sys_)|^[_@$]|^(self|url|href|uri|links?|resource_uri)$|^(collectionid|collectionname)$`)

// byName is why a member is taken to be the API's own that is only named so.
const byName = "by its name"

// ownByName is why a member is taken to be the API's own.
func (l *learner) ownByName(t *trait) string {
	switch {
	case "/"+escape(t.name) == l.id.at, slices.Contains(l.id.other, "/"+escape(t.name)) && strings.EqualFold(t.name, "id"):
		return "the id"
	case ownNames.MatchString(t.name):
		return byName
	case t.sample != nil && l.id.value != "" && strings.HasPrefix(plain(t.sample), "http") && strings.Contains(plain(t.sample), l.path):
		return "it is an address of the API"
	}
	return ""
}

// sayMembers says what is known of the members by now.
func (l *learner) sayMembers() {
	l.fields = nil
	var own, why []string
	taken := make(map[string]bool)
	empties, nulls := 0, 0
	for _, t := range l.members {
		if t.own != "" {
			own, why = append(own, quoted("/"+escape(t.name))), append(why, t.name+" ("+t.own+")")
			continue
		}
		if t.kinds["text"] || len(t.kinds) == 0 {
			empties, nulls = empties+t.empty, nulls+t.nulls
		}
		if "/"+escape(t.name) == l.created.external {
			continue
		}
		key := named(t.name)
		for key == "" || taken[key] {
			key += "_"
		}
		taken[key] = true
		l.fields = append(l.fields, t.line(key))
	}
	if len(own) > 0 {
		seen := strings.Join(why, ", ")
		if !l.created.done {
			seen += "; assumed, since nothing was written"
		}
		l.say("read_only", inBrackets(own), seen)
	}
	if !l.created.nulled && empties > 0 && nulls == 0 {
		l.say("null", `""`, "assumed: texts without a value are \"\" and never null")
	} else if !l.created.nulled && nulls > 0 {
		l.say("null", "", "what has no value is null, as usual")
	}
}

// line is a member as a field.
func (t *trait) line(key string) line {
	at := quoted("/" + escape(t.name))
	pairs := []string{"at", at}
	seen := ""
	switch kind := t.kind(); {
	case t.isTime():
		pairs, seen = append(pairs, "type", "time"), "a time, as in "+said(t.sample)
		if t.format != "rfc3339" {
			pairs = append(pairs, "as", quoted(t.format))
		}
	case kind == "integer" || kind == "number" || kind == "boolean":
		pairs = append(pairs, "type", kind)
		seen = map[string]string{"integer": "whole numbers", "number": "numbers", "boolean": "true or false"}[kind]
	case kind == "text":
		seen = "texts"
		if words := slices.Sorted(maps.Keys(t.values)); len(words) > 0 && len(words) < most && !slices.ContainsFunc(words, long) {
			seen += ": " + strings.Join(words, ", ")
		}
	case kind == "list":
		seen = "lists"
	case kind == "object":
		o, _ := t.sample.(object)
		seen = "objects with " + cut(strings.Join(names(o), ", "), 60) + ": taken as a whole; name what is meant, as in " + at + "/name"
	case len(t.kinds) > 0:
		seen = "of several kinds: " + strings.Join(slices.Sorted(maps.Keys(t.kinds)), ", ")
	default:
		seen = "never with a value: its type is not known"
	}
	if t.preset != "" {
		pairs, seen = append(pairs, "default", t.preset), seen+"; a new record was refused without it"
	}
	for _, n := range []struct {
		n    int
		what string
	}{{t.nulls, "null"}, {t.empty, `""`}, {t.absent, "absent"}} {
		if n.n > 0 {
			seen += "; " + plural(n.n, "time") + " " + n.what
		}
	}
	if t.note != "" {
		seen += "; " + t.note
	}
	if len(pairs) == 2 {
		return line{quoted(key), at, seen}
	}
	return line{quoted(key), inBraces(pairs...), seen}
}

// long reports whether a text is none of a few words that a field may have, or one that may be about a person.
func long(s string) bool { return len(s) > 20 || strings.ContainsAny(s, "@\n") }

// changed is the member with the time of the last change, nil when there is none.
func (l *learner) changed() *trait {
	names := regexp.MustCompile(`(?i)(updat|modif|chang|revis|last)`)
	for _, t := range l.members {
		if t.isTime() && names.MatchString(t.name) && !strings.Contains(strings.ToLower(t.name), "creat") {
			return t
		}
	}
	return nil
}

// wantsList is a call of the list with parameters, and how many elements and which ids it shows; n is -1 when it is no list.
func (l *learner) wantsList(ctx context.Context, params ...string) (ids []string, n int, err error) {
	a, err := l.call(ctx, http.MethodGet, l.target(params...), nil)
	if err != nil {
		return nil, -1, err
	}
	v, ok := parse(a.Body)
	list, is := member(v, l.seen.items).([]any)
	if a.Status != http.StatusOK || !ok || !is {
		return nil, -1, nil
	}
	for _, e := range list {
		id := plain(member(e, l.id.at))
		if id == "" {
			id = plain(member(e, l.seen.item+l.id.at))
		}
		if l.seen.bare {
			id = plain(e)
		}
		ids = append(ids, id)
	}
	return ids, len(list), nil
}

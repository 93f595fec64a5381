package profile

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/meridian-gateway/meridian/request"
)

// search is how records are found by the values of their fields. The zero value is an API that cannot.
type search struct {
	before, after text // of the target, around the terms
	// term is the text before the field, between it and the value, and behind that.
	term [3]string
	join string
	// whole says that the terms together are the text of one parameter, in a language of the API's own, and are encoded with all
	// that joins them. Otherwise each is a parameter of its own.
	whole bool
	// quote stands around the value, 0 when nothing does; tight says that it touches the value on both sides.
	quote byte
	tight bool
	// escape is how a quote is written within quotes: double, backslash, or "" when there is no way.
	escape string
}

// longest is the longest value that is searched for, in bytes: it goes into an address.
const longest = 1024

// MatchCall is the call that finds the records in which canonical fields have the values that they have in f. ok is false when
// this API cannot be searched by these fields, or cannot be for these values: one that it could take for anything else than a
// value is not sent. The error has Kind Invalid: a field is absent, null or empty in f, and so is no business key, or this site
// cannot hold its value.
func (c *Collection) MatchCall(f request.Fields, fields []string) (call request.Call, ok bool, err error) {
	keys, ok, err := c.keys(f, fields)
	s := &c.search
	if err != nil || !ok || len(s.before.literals) == 0 {
		return request.Call{}, false, err
	}
	terms := make([]string, 0, len(keys))
	for _, k := range keys {
		term, ok := s.spell(k.name, k.value)
		if !ok {
			return request.Call{}, false, nil
		}
		terms = append(terms, term)
	}
	text := strings.Join(terms, s.join)
	if s.whole {
		text = escapeQuery(text)
	}
	at := c.vars("", Current{})
	fill := func(name string) string { return escapeAny(at.text(name)) }
	text = s.before.fill(fill) + text + s.after.fill(fill)
	call = request.Call{Method: http.MethodGet, Target: text, Header: http.Header{"Accept": {"application/json"}}}
	maps.Copy(call.Header, c.style.header)
	return call, true, nil
}

// Matched are the records in the answer to MatchCall, for the same f and fields, that really have these values, in the order of
// the answer: a filter that an API does not know returns everything. Values are compared as Diff does. The error has Kind
// Doubtful when the answer does not tell, and in particular does not tell that there is none; else it is that of MatchCall.
func (c *Collection) Matched(a request.Answer, f request.Fields, fields []string) ([]Created, error) {
	by := strings.Join(fields, ", ")
	keys, ok, err := c.keys(f, fields)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, &request.Error{Op: "profile.Matched", Kind: request.Doubtful, Detail: "records of this API cannot be told by " + by}
	}
	return c.hits(a, request.Error{Op: "profile.Matched"}, sought{by: by, is: func(w wrapped) bool {
		return c.mayCount(w) && !slices.ContainsFunc(keys, func(k key) bool { return !k.in(w.record) })
	}})
}

// key is a place in a record, what searches call it, and what must be there.
type key struct {
	at    pointer
	name  string
	value []byte
	// canonical is that value as the network has it, of the field that is there; nil when no field is.
	canonical []byte
	of        *field
}

// in reports whether a record has the value. It may be shown in another form than it is written in.
func (k key) in(record []byte) bool {
	was, ok := lookup(record, k.at)
	if !ok || equal(was, k.value) {
		return ok
	}
	if k.of == nil {
		return false
	}
	value, told := k.of.toCanonical(was, &source{record: record})
	return told && equal(value, k.canonical)
}

// keys are canonical fields as records of this site have them; ok is false when they have not.
func (c *Collection) keys(f request.Fields, fields []string) (out []key, ok bool, err error) {
	for _, name := range fields {
		raw, there := f.Get(name)
		if !there || len(raw) == 0 || isNull(raw) || string(raw) == `""` {
			return nil, false, &request.Error{Op: "profile.MatchCall", Kind: request.Invalid,
				Detail: "field " + name + ": it has no value, and records cannot be paired by it"}
		}
		k := key{at: pointer{name}, name: name, value: raw}
		named := c.named[name]
		switch {
		case named == nil && c.reading[name] != nil: // here the name is that of something else
			return nil, false, nil
		case named == nil:
		case named.hidden || named.mute || named.read == nil:
			return nil, false, nil
		default:
			if k.value, err = named.toLocal(raw, f); err != nil {
				return nil, false, err
			}
			k.at, k.name, k.canonical, k.of = named.read, named.search, raw, named
		}
		if k.name == "" && !k.at.selects() { // else no search says which element of a list it means
			k.name = strings.Join(k.at, ".")
			if strings.ContainsAny(k.name, "'\"`\\") || strings.ContainsFunc(k.name, unicode.IsControl) {
				return nil, false, nil
			}
		}
		if isNull(k.value) || k.name == "" {
			return nil, false, nil
		}
		out = append(out, k)
	}
	return out, len(out) > 0, nil
}

// spell is one term for a field, by the name that searches have for it, and a value. ok is false for a value that cannot stand in it.
func (s *search) spell(field string, value []byte) (term string, ok bool) {
	text, between, after := unquote(value), s.term[1], s.term[2]
	switch {
	case len(value) == 0 || string(value) == `""`:
		return "", false
	case isString(value):
		if text, ok = s.safe(text); !ok {
			return "", false
		}
	case value[0] == '{' || value[0] == '[':
		return "", false
	default: // a number, true and false stand without the quotes of a text
		text = scalarText(string(value))
		if s.tight {
			between, after = between[:len(between)-1], after[1:]
		}
	}
	if len(text) > longest {
		return "", false
	}
	if !s.whole {
		field, text = escapeQuery(field), escapeQuery(text)
	}
	return s.term[0] + field + between + text + after, true
}

// safe is a text as it stands within a term, before it is encoded; ok is false when it could end the term, or be more than a value.
func (s *search) safe(text string) (out string, ok bool) {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }) {
		return "", false
	}
	switch {
	case s.quote == 0 && !s.whole: // a parameter of its own: encoding is all it needs
		return text, true
	case s.quote == 0:
		return text, text[0] != '-' && !strings.ContainsFunc(text, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.@", r)
		})
	case s.escape != "" && strings.Contains(text, `\`):
		return "", false // not every language that writes \' has \\ too: where it has not, '\\' is not closed
	case s.escape == "backslash":
		return strings.ReplaceAll(text, string(s.quote), `\`+string(s.quote)), true
	case s.escape == "double":
		return strings.ReplaceAll(text, string(s.quote), string(s.quote)+string(s.quote)), true
	}
	return text, !strings.ContainsAny(text, "'\"`\\")
}

// scalarText is a number as APIs write it in an address (1.10 is 1.1), or true and false.
func scalarText(s string) string {
	if !strings.ContainsAny(s, ".eE") || s == "true" || s == "false" {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f >= 1e21 || f <= -1e21 {
		return s
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// nobody is an id that is the id of no request: they begin with the time.
const nobody = request.ID("00000000000000000000000000")

// Probe is a read that changes nothing and costs little, whose answer shows that the API is there: the search for a request that
// there is none of, else the list of the collection.
func (c *Collection) Probe() request.Call {
	if call, ok := c.FindCall(nobody); ok {
		return call
	}
	t := c.calls[Create].path
	if l := c.calls[List]; l != nil && l.path.source != "" && l.method == http.MethodGet && len(l.path.path.names) == 0 {
		t = l.path
	}
	if len(t.query.names) > 0 {
		t.query = text{literals: []string{""}}
	}
	call := request.Call{Method: http.MethodGet, Target: t.target(c.vars("", Current{})), Header: http.Header{"Accept": {"application/json"}}}
	maps.Copy(call.Header, c.style.header)
	return call
}

package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// This file reads and changes JSON text in place. What is not asked for keeps its bytes: numbers beyond 2^53, white space and
// the order of members. The text must have passed valid.

var errShape = errors.New("the JSON text has no place for the member")

// valid reports whether text is one JSON value: strict syntax, UTF-8, no name twice in an object.
func valid(text []byte) bool { return jsontext.Value(text).IsValid() }

// isObject reports whether valid text is an object.
func isObject(text []byte) bool {
	i := skipSpace(text, 0)
	return i < len(text) && text[i] == '{'
}

// isList reports whether valid text is a list.
func isList(text []byte) bool {
	i := skipSpace(text, 0)
	return i < len(text) && text[i] == '['
}

// member is one member of an object: its name and where its name and value stand in the text.
type member struct {
	name             string
	key, from, until int
}

// members calls each for every member of the object or array in text, in order, until each returns false. The elements of an
// array have their index as name.
func members(text []byte, each func(m member) bool) {
	i := skipSpace(text, 0)
	if i >= len(text) || text[i] != '{' && text[i] != '[' {
		return
	}
	object := text[i] == '{'
	i = skipSpace(text, i+1)
	for n := 0; i < len(text) && text[i] != '}' && text[i] != ']'; n++ {
		m := member{key: i, from: i}
		if object {
			end := skipValue(text, i)
			m.name = unquote(text[i:end])
			i = skipSpace(text, end) + 1 // the colon
			m.from = skipSpace(text, i)
		} else {
			m.name = strconv.Itoa(n)
		}
		if m.from >= len(text) {
			return
		}
		m.until = skipValue(text, m.from)
		if !each(m) {
			return
		}
		i = skipSpace(text, m.until)
		if i < len(text) && text[i] == ',' {
			i = skipSpace(text, i+1)
		} else if i < len(text) && text[i] != '}' && text[i] != ']' {
			return
		}
	}
}

// find is the member of text with the name.
func find(text []byte, name string) (found member, ok bool) {
	members(text, func(m member) bool {
		if m.name == name {
			found, ok = m, true
		}
		return !ok
	})
	return found, ok
}

// follow is where a step leads to from text: a member, or the element of a list that a selector picks.
func follow(text []byte, step string) (found member, ok bool) {
	s, selects := selectorOf(step)
	if !selects {
		return find(text, step)
	}
	if !isList(text) {
		return member{}, false
	}
	members(text, func(m member) bool {
		if s.matches(text[m.from:m.until]) {
			found, ok = m, true
		}
		return !ok
	})
	return found, ok
}

// lookup is the value that p points to.
func lookup(text []byte, p pointer) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	for _, step := range p {
		m, ok := follow(text, step)
		if !ok {
			return nil, false
		}
		text = text[m.from:m.until]
	}
	return text, true
}

// splice returns a copy of text in which the value that p points to is value. Objects and elements of lists that are missing on the
// way are made. The error says that something on the way is neither null nor what p needs there.
func splice(text []byte, p pointer, value []byte) ([]byte, error) {
	if len(p) == 0 {
		return value, nil
	}
	if isNull(text) {
		return nest(p, value), nil
	}
	m, ok := follow(text, p[0])
	if s, selects := selectorOf(p[0]); !ok && selects {
		if !isList(text) {
			return nil, errShape
		}
		return add(text, s.element(text, p[1:], value)), nil
	} else if !ok {
		return insert(text, p[0], nest(p[1:], value))
	}
	inner, err := splice(text[m.from:m.until], p[1:], value)
	if err != nil {
		return nil, err
	}
	return replace(text, m.from, m.until, inner), nil
}

func replace(text []byte, from, until int, value []byte) []byte {
	out := make([]byte, 0, len(text)+len(value)-(until-from))
	out = append(out, text[:from]...)
	out = append(out, value...)
	return append(out, text[until:]...)
}

// insert adds a member behind the last one.
func insert(text []byte, name string, value []byte) ([]byte, error) {
	if !isObject(text) {
		return nil, errShape
	}
	return add(text, slices.Concat(appendQuoted(nil, name), []byte{':'}, value)), nil
}

// add puts a member, with its name, or an element behind the last one of the object or list in text.
func add(text, what []byte) []byte {
	at := skipSpace(text, 0) + 1
	members(text, func(m member) bool {
		at = m.until
		return true
	})
	out := make([]byte, 0, len(text)+len(what)+1)
	out = append(out, text[:at]...)
	if at > skipSpace(text, 0)+1 {
		out = append(out, ',')
	}
	out = append(out, what...)
	return append(out, text[at:]...)
}

// nest is value within objects, and lists of one element, on the way of p.
func nest(p pointer, value []byte) []byte {
	if len(p) == 0 {
		return value
	}
	if s, selects := selectorOf(p[0]); selects {
		return slices.Concat([]byte{'['}, s.element(nil, p[1:], value), []byte{']'})
	}
	out := append(appendQuoted([]byte{'{'}, p[0]), ':')
	out = append(out, nest(p[1:], value)...)
	return append(out, '}')
}

// remove returns a copy of text without what p points to; text itself when there is nothing. An element of a list goes with the last
// of its members but for the one that selects it.
func remove(text []byte, p pointer) []byte {
	if len(p) == 0 {
		return text
	}
	m, ok := follow(text, p[0])
	if !ok {
		return text
	}
	if len(p) > 1 {
		was := text[m.from:m.until]
		rest := remove(was, p[1:])
		s, selects := selectorOf(p[0])
		if !selects || len(rest) == len(was) || !empty(remove(rest, s.by)) {
			return replace(text, m.from, m.until, rest)
		}
	}
	from, until := m.key, m.until
	if next := skipSpace(text, until); next < len(text) && text[next] == ',' {
		until = skipSpace(text, next+1)
	} else {
		for from > 0 && isSpace(text[from-1]) {
			from--
		}
		if from > 0 && text[from-1] == ',' {
			from--
		}
	}
	return replace(text, from, until, nil)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// skipValue returns the index after the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(b))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return min(i, len(b))
}

// unquote is the text of a JSON string, "" when raw is none.
func unquote(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // valid text: cannot fail
	return s
}

func isString(raw []byte) bool { return len(raw) > 0 && raw[0] == '"' }

func isNull(raw []byte) bool { return string(raw) == "null" }

package profile

import (
	"encoding/json"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// shape is what the values of a field look like: one way in the whole network, by its type, and maybe another way at this site.
type shape interface {
	// canonical reads a local value; ok is false for one that cannot be read as this type.
	canonical(raw []byte) (value json.RawMessage, ok bool)
	// local writes a canonical value; ok is false for one that is not of this type, or that this site cannot hold.
	local(raw []byte) (value json.RawMessage, ok bool)
	// what names the type in a sentence: "it is no …".
	what() string
}

// The types of scalars.
const (
	typeText    = "text"
	typeInteger = "integer"
	typeNumber  = "number"
	typeBoolean = "boolean"
)

// scalarShape is a text, an integer, a number or a boolean that is, here, maybe another of them.
type scalarShape struct{ kind, as string }

func (s scalarShape) what() string {
	words := map[string]string{typeText: "text", typeInteger: "whole number", typeNumber: "number", typeBoolean: "true or false"}
	if s.as != s.kind {
		return words[s.kind] + " that can be a " + words[s.as] + " here"
	}
	return words[s.kind]
}

func (s scalarShape) canonical(raw []byte) (json.RawMessage, bool) {
	return convert(s.kind, raw, s.as == typeBoolean)
}

func (s scalarShape) local(raw []byte) (json.RawMessage, bool) {
	value, ok := convert(s.kind, raw, false)
	if !ok || s.as == s.kind {
		return value, ok
	}
	return convert(s.as, value, s.kind == typeBoolean)
}

// convert is a scalar as a text, an integer, a number or a boolean; ok is false where it is not one in any spelling. bools says that
// true and false count as 1 and 0. Digits are never lost.
func convert(to string, raw []byte, bools bool) (value json.RawMessage, ok bool) {
	truth := string(raw) == "true" || string(raw) == "false"
	switch {
	case len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || isNull(raw):
		return nil, false
	case to == typeText && isString(raw):
		return raw, true
	case to == typeText:
		return request.Quote(string(raw)), true
	case to == typeBoolean:
		return boolean(plainText(raw))
	case truth && bools:
		return json.RawMessage(map[bool]string{true: "1", false: "0"}[string(raw) == "true"]), true
	case truth:
		return nil, false
	case to == typeInteger:
		return wholeNumber(strings.TrimSpace(plainText(raw)))
	}
	if isString(raw) {
		s := numeral(strings.TrimSpace(unquote(raw)))
		raw = []byte(s)
		if _, numeric := number(s); !numeric || !valid(raw) || !inRange(raw) {
			return nil, false
		}
	}
	return json.RawMessage(raw), true
}

// numeral is a number without the plus and the leading zeros that JSON does not have.
func numeral(s string) string {
	sign := ""
	switch {
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	case strings.HasPrefix(s, "-"):
		sign, s = "-", s[1:]
	}
	for len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		s = s[1:]
	}
	return sign + s
}

// longestInteger bounds the zeros that a power of ten is written out with.
const longestInteger = 400

// wholeNumber is the text of a whole number in the one spelling that integers have.
func wholeNumber(s string) (json.RawMessage, bool) {
	s = numeral(s)
	if !valid([]byte(s)) {
		return nil, false
	}
	n, ok := number(s)
	if !ok || n == "0" {
		return json.RawMessage("0"), ok
	}
	digits, power, ok := powerOf(n)
	if !ok || power < 0 || power > longestInteger || len(digits)+power > longestInteger {
		return nil, false
	}
	out := json.RawMessage(digits + strings.Repeat("0", power))
	return out, inRange([]byte(strings.TrimPrefix(string(out), "-")))
}

// boolean knows the words that APIs have for true and false.
func boolean(s string) (json.RawMessage, bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "yes", "on", "1", "1.0":
		return json.RawMessage("true"), true
	case "false", "no", "off", "0", "0.0":
		return json.RawMessage("false"), true
	}
	return nil, false
}

// listShape is a list that is, here, one text with something between its elements; the zero value is a list here too.
type listShape struct{ between string }

// separators are the words for what stands between the elements of a list in a text.
func separators() map[string]string {
	return map[string]string{"comma": ",", "semicolon": ";", "space": " ", "lines": "\n"}
}

func (l listShape) what() string {
	if l.between == "" {
		return "list"
	}
	return "list whose elements have no " + map[string]string{",": "comma", ";": "semicolon", " ": "blank", "\n": "line break"}[l.between] + " in them"
}

func (l listShape) canonical(raw []byte) (json.RawMessage, bool) {
	if isList(raw) {
		return raw, true
	}
	if !isString(raw) || l.between == "" {
		return nil, false
	}
	out := []byte{'['}
	for _, s := range l.split(unquote(raw)) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendQuoted(out, s)
	}
	return append(out, ']'), true
}

// split are the elements in a text, without the blanks around them; nothing is no element.
func (l listShape) split(s string) []string {
	if l.between == " " {
		return strings.Fields(s)
	}
	var out []string
	for part := range strings.SplitSeq(s, l.between) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (l listShape) local(raw []byte) (json.RawMessage, bool) {
	if !isList(raw) || l.between == "" {
		return raw, isList(raw)
	}
	var parts []string
	ok := true
	members(raw, func(m member) bool {
		text, is := convert(typeText, raw[m.from:m.until], false)
		part := unquote(text)
		one := l.split(part)
		if ok = is && len(one) <= 1; ok && len(one) == 1 {
			parts = append(parts, part)
		}
		return ok
	})
	between := l.between
	if between == "," || between == ";" {
		between += " "
	}
	return request.Quote(strings.Join(parts, between)), ok
}

package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// vars are what stands for the names in braces, as JSON text.
type vars map[string]json.RawMessage

// text is a name's value as plain text.
func (v vars) text(name string) string {
	raw := v[name]
	if isString(raw) {
		return unquote(raw)
	}
	return string(raw)
}

// text is a text with names in braces: literals, and a name behind each but the last.
type text struct {
	literals, names []string
}

var inBraces = regexp.MustCompile(`\{[A-Za-z_][A-Za-z0-9_:]*\}`)

func parseText(s string) text {
	t := text{}
	from := 0
	for _, at := range inBraces.FindAllStringIndex(s, -1) {
		t.literals = append(t.literals, s[from:at[0]])
		t.names = append(t.names, s[at[0]+1:at[1]-1])
		from = at[1]
	}
	t.literals = append(t.literals, s[from:])
	return t
}

func (t text) has(name string) bool { return slices.Contains(t.names, name) }

// fill is the text with each name's value in its place.
func (t text) fill(value func(name string) string) string {
	if len(t.names) == 0 {
		return strings.Join(t.literals, "")
	}
	var b strings.Builder
	for i, literal := range t.literals {
		b.WriteString(literal)
		if i < len(t.names) {
			b.WriteString(value(t.names[i]))
		}
	}
	return b.String()
}

// each maps the literals.
func (t text) each(f func(string) string) text {
	out := text{names: t.names, literals: make([]string, len(t.literals))}
	for i, l := range t.literals {
		out.literals[i] = f(l)
	}
	return out
}

// pathTemplate is the target of a call: a path, and a query that calls of the gateway's own carry.
type pathTemplate struct {
	// source is the template as it is written, "" for none.
	source      string
	path, query text
}

// parseTemplate reads "/tickets/{id}.json?full=1". names are those that may stand in braces. What stands in the query may hold other
// braces, for APIs whose queries are JSON.
func parseTemplate(s string, names ...string) (pathTemplate, error) {
	path, query, _ := strings.Cut(s, "?")
	t := pathTemplate{source: s, path: parseText(path), query: parseText(query)}
	for _, name := range slices.Concat(t.path.names, t.query.names) {
		if !slices.Contains(names, name) {
			return t, fmt.Errorf("{%s} means nothing in this path; braces that mean themselves are written %%7B%s%%7D", name, name)
		}
	}
	switch {
	case !strings.HasPrefix(path, "/"):
		return t, errors.New("a path begins with /")
	case strings.ContainsAny(strings.Join(t.path.literals, ""), "{}"):
		return t, errors.New("a brace in the path stands for nothing; one that means itself is written %7B or %7D")
	}
	for _, segment := range strings.Split(path, "/") {
		if len(parseText(segment).names) > 1 {
			return t, fmt.Errorf("%s holds two names, and nobody could tell them apart", segment)
		}
	}
	for i, name := range t.path.names {
		if slices.Contains(t.path.names[:i], name) {
			return t, fmt.Errorf("{%s} is there twice", name)
		}
	}
	t.path, t.query = t.path.each(escapeTarget), t.query.each(escapeTarget)
	if len(t.path.names) == 0 {
		if t.path.literals[0] = strings.TrimSuffix(t.path.literals[0], "/"); t.path.literals[0] == "" {
			return t, errors.New("the path is that of everything")
		}
	}
	return t, nil
}

func (t pathTemplate) has(name string) bool { return t.path.has(name) || t.query.has(name) }

// queryNames are the parameters of the query whose value is that of a name.
func (t pathTemplate) queryNames(name string) map[string]bool {
	out := make(map[string]bool)
	_, query, _ := strings.Cut(t.source, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if key, value, _ := strings.Cut(pair, "="); value == "{"+name+"}" {
			out[key] = true
		}
	}
	return out
}

// target is the path, and query, of a call. Values are escaped: in the path each as one segment.
func (t pathTemplate) target(v vars) string {
	s := t.path.fill(func(name string) string { return escapeSegment(v.text(name)) })
	if query := t.query.fill(func(name string) string { return escapeQuery(v.text(name)) }); query != "" {
		s += "?" + query
	}
	return s
}

// aroundID is what stands before and behind {id} in its part of the path.
func (t pathTemplate) aroundID() (before, after string) {
	i := slices.Index(t.path.names, "id")
	if i < 0 {
		return "", ""
	}
	before, after = t.path.literals[i], t.path.literals[i+1]
	before = before[strings.LastIndexByte(before, '/')+1:]
	after, _, _ = strings.Cut(after, "/")
	return before, after
}

// idIn is what stands in the place of {id} in an escaped path that ends as this one does; "" when it does not.
func (t pathTemplate) idIn(path string) string {
	mine := strings.Split(t.path.fill(func(name string) string { return "{" + name + "}" }), "/")
	theirs := strings.Split(path, "/")
	at := slices.IndexFunc(mine, func(s string) bool { return strings.Contains(s, "{id}") })
	behind := mine[at+1:]
	if len(theirs) < len(behind)+1 {
		return ""
	}
	for i, s := range behind {
		if s != theirs[len(theirs)-len(behind)+i] && !strings.Contains(s, "{parent}") {
			return ""
		}
	}
	before, after := t.aroundID()
	segment := theirs[len(theirs)-len(behind)-1]
	if !strings.HasPrefix(segment, before) || !strings.HasSuffix(segment, after) || len(segment) <= len(before)+len(after) {
		return ""
	}
	return segment[len(before) : len(segment)-len(after)]
}

// escapeSegment escapes an id so that it stays one segment of a path, also where it is "." or "..".
func escapeSegment(s string) string {
	if s == "." || s == ".." {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return url.PathEscape(s)
}

// escapeQuery escapes a value in a query; a space becomes %20, which everyone reads alike.
func escapeQuery(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// escapeAny escapes a value so that it can stand in a path or in a query.
func escapeAny(s string) string {
	if s == "." || s == ".." {
		return escapeSegment(s)
	}
	return escapeQuery(s)
}

// escapeTarget escapes what may not stand in a path or query at all and leaves the rest as the user wrote it.
func escapeTarget(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"#<>\\^`{|}", c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// fillJSON puts the values of names into the texts of valid JSON. A text that is nothing but one name becomes the value as it is,
// so that a number stays one; {name:number} makes one of digits.
func fillJSON(raw json.RawMessage, v vars) json.RawMessage {
	switch {
	case isString(raw):
		t := parseText(unquote(raw))
		if len(t.names) == 0 {
			return raw
		}
		if len(t.names) == 1 && t.literals[0] == "" && t.literals[1] == "" {
			return alone(t.names[0], v)
		}
		return appendQuoted(nil, t.fill(func(name string) string { return v.text(plainName(name)) }))
	case len(raw) == 0 || raw[0] != '{' && raw[0] != '[':
		return raw
	}
	out := append(json.RawMessage(nil), raw[0])
	members(raw, func(m member) bool {
		if len(out) > 1 {
			out = append(out, ',')
		}
		if raw[0] == '{' {
			out = append(appendQuoted(out, m.name), ':')
		}
		out = append(out, fillJSON(json.RawMessage(raw[m.from:m.until]), v)...)
		return true
	})
	return append(out, raw[0]+2) // ] and } are two behind [ and {
}

// alone is the value of a name that is all there is in a text.
func alone(name string, v vars) json.RawMessage {
	plain := plainName(name)
	raw := v[plain]
	if plain != name {
		if text := v.text(plain); valid([]byte(text)) && !isString([]byte(text)) {
			return json.RawMessage(text)
		}
	}
	if len(raw) == 0 {
		return json.RawMessage(`""`)
	}
	return raw
}

// plainName is a name without the kind that it is to become.
func plainName(name string) string { return strings.TrimSuffix(name, ":number") }

// namesIn are the names in the texts of valid JSON.
func namesIn(raw []byte) (out []string) {
	if isString(raw) {
		for _, name := range parseText(unquote(raw)).names {
			out = append(out, plainName(name))
		}
		return out
	}
	members(raw, func(m member) bool {
		out = append(out, namesIn(raw[m.from:m.until])...)
		return true
	})
	return out
}

package profile

import (
	"fmt"
	"strings"
)

// find compiles how records are found by their fields.
func (c *compiler) find(out *Collection, s CollectionSpec) {
	if s.Find == nil || s.Find.Off {
		return
	}
	before := len(c.problems)
	var found search
	c.findPath(&found, s)
	c.findTerm(&found, *s.Find)
	if len(c.problems) == before {
		out.search = found
	}
}

func (c *compiler) findPath(out *search, s CollectionSpec) {
	const as = `as in path: "/api/tickets?filter=({terms})"`
	wrong := func(message string) { c.problem(message, as, "find", "path") }
	text := strings.ReplaceAll(s.Find.Path, "{path}", s.Path)
	if strings.HasPrefix(text, "?") {
		text = s.Path + text
	}
	before, after, ok := strings.Cut(text, "{terms}")
	_, query, inQuery := strings.Cut(before, "?")
	others := before + after
	if s.Parent != "" {
		others = strings.ReplaceAll(others, "{parent}", "")
	}
	switch {
	case !ok:
		wrong("the call that finds records does not hold {terms}")
	case before == "" || before[0] != '/':
		wrong("the call that finds records begins with /")
	case !inQuery:
		wrong("{terms} belongs behind the ? of the call that finds records")
	case strings.ContainsAny(others, "{}"):
		wrong("the call that finds records may hold {path} and {terms}, once; braces that mean themselves are written %7B and %7D")
	case strings.Count(query, "'")%2 != 0 || strings.Count(query, `"`)%2 != 0:
		c.problem("quotes cannot stand around {terms}", `they belong into the term, as in term: "{field}='{value}'"`, "find", "path")
	default:
		out.before, out.after = parseText(before).each(escapeTarget), parseText(after).each(escapeTarget)
		out.whole = !strings.HasSuffix(before, "?") && !strings.HasSuffix(before, "&")
	}
}

func (c *compiler) findTerm(out *search, s FindSpec) {
	if !out.whole {
		if s.Term == "" {
			s.Term = "{field}={value}"
		}
		if s.Join == "" {
			s.Join = "&"
		}
	}
	const as = `as in term: "{field}='{value}'"`
	field, rest, ok1 := strings.Cut(s.Term, "{field}")
	between, after, ok2 := strings.Cut(rest, "{value}")
	switch {
	case s.Term == "":
		c.problem("it is not said what a term for a field looks like", as, "find", "term")
		return
	case !ok1 || !ok2 || strings.ContainsAny(field+between+after, "{}"):
		c.problem("a term holds {field} and then {value}, once each", as, "find", "term")
		return
	case s.Join == "":
		c.problem("it is not said how the terms of several fields are joined", `as in join: " && "`, "find", "join")
	case s.Escape != "" && s.Escape != "double" && s.Escape != "backslash":
		c.problem(fmt.Sprintf("escape is double or backslash, not %q", s.Escape), "without it, values with quotes are not searched for", "find", "escape")
	}
	out.quote = openQuote(0, field+between)
	if openQuote(out.quote, after) != 0 || out.quote != 0 && !strings.ContainsRune(after, rune(out.quote)) {
		c.problem("a quote in the term is not closed", as, "find", "term")
		return
	}
	out.tight = out.quote != 0 && strings.HasSuffix(between, string(out.quote)) && after[0] == out.quote
	out.term, out.join, out.escape = [3]string{field, between, after}, s.Join, s.Escape
	if !out.whole {
		for i := range out.term {
			out.term[i] = escapeTarget(out.term[i])
		}
		out.join = escapeTarget(s.Join)
	}
}

// openQuote is the quote that is open behind a text when open was before it; 0 for none.
func openQuote(open byte, text string) byte {
	for i := range len(text) {
		switch q := text[i]; {
		case open == q:
			open = 0
		case open == 0 && (q == '\'' || q == '"'):
			open = q
		}
	}
	return open
}

package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// condition says whether the values of an entry fit.
type condition func(object) bool

// qualification reads what AR System calls a qualification: 'Field' = "value" with the usual comparisons, LIKE with % and
// $NULL$, put together by AND, OR, NOT and parentheses.
type qualification struct {
	tokens []arToken
	form   Form
	loose  bool
}

// arToken is one word of a qualification. Its sort is ' for a field, " for a text, w for a bare word, o for an operator.
type arToken struct {
	sort rune
	text string
}

// parseQualification compiles a qualification; the empty one holds for all. A field that the form does not have, or a time that
// cannot be read, is an error: nothing is ignored here.
func parseQualification(q string, form Form, loose bool) (condition, error) {
	tokens, err := arTokens(q)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return func(object) bool { return true }, nil
	}
	p := &qualification{tokens: tokens, form: form, loose: loose}
	out, err := p.either()
	if err != nil {
		return nil, err
	}
	if len(p.tokens) > 0 {
		return nil, fmt.Errorf("unexpected %q", p.tokens[0].text)
	}
	return out, nil
}

// arTokens cuts a qualification into words.
func arTokens(q string) ([]arToken, error) {
	var out []arToken
	for q = strings.TrimSpace(q); q != ""; q = strings.TrimSpace(q) {
		switch c := q[0]; {
		case c == '\'' || c == '"':
			text, rest, err := arQuoted(q)
			if err != nil {
				return nil, err
			}
			out = append(out, arToken{rune(c), text})
			q = rest
		case strings.ContainsRune("()", rune(c)):
			out = append(out, arToken{'o', q[:1]})
			q = q[1:]
		case strings.ContainsRune("<>=!", rune(c)):
			n := 1
			if len(q) > 1 && (q[1] == '=') {
				n = 2
			}
			out = append(out, arToken{'o', q[:n]})
			q = q[n:]
		default:
			n := strings.IndexAny(q, " ()<>=!'\"")
			if n < 0 {
				n = len(q)
			}
			out = append(out, arToken{'w', q[:n]})
			q = q[n:]
		}
	}
	return out, nil
}

// arQuoted reads a quoted word; the quote itself is written twice within it.
func arQuoted(q string) (text, rest string, err error) {
	quote := q[0]
	var b strings.Builder
	for i := 1; i < len(q); i++ {
		switch {
		case q[i] != quote:
			b.WriteByte(q[i])
		case i+1 < len(q) && q[i+1] == quote:
			b.WriteByte(quote)
			i++
		default:
			return b.String(), q[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("a quote is not closed: %s", q)
}

func (p *qualification) word(text string) bool {
	if len(p.tokens) > 0 && p.tokens[0].sort != '\'' && p.tokens[0].sort != '"' && strings.EqualFold(p.tokens[0].text, text) {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *qualification) either() (condition, error) {
	left, err := p.both()
	for err == nil && p.word("OR") {
		var right condition
		before := left
		right, err = p.both()
		left = func(v object) bool { return before(v) || right(v) }
	}
	return left, err
}

func (p *qualification) both() (condition, error) {
	left, err := p.one()
	for err == nil && p.word("AND") {
		var right condition
		before := left
		right, err = p.one()
		left = func(v object) bool { return before(v) && right(v) }
	}
	return left, err
}

func (p *qualification) one() (condition, error) {
	switch {
	case p.word("NOT"):
		inner, err := p.one()
		return func(v object) bool { return !inner(v) }, err
	case p.word("("):
		inner, err := p.either()
		if err == nil && !p.word(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return inner, err
	}
	return p.comparison()
}

// comparison reads 'Field' operator value.
func (p *qualification) comparison() (condition, error) {
	if len(p.tokens) < 3 {
		return nil, fmt.Errorf("a comparison is 'Field' = \"value\"")
	}
	field, operator, value := p.tokens[0], strings.ToUpper(p.tokens[1].text), p.tokens[2]
	if field.sort != '\'' {
		return nil, fmt.Errorf("expected a field in single quotes, not %q", field.text)
	}
	if !p.form.has(field.text) {
		return nil, fmt.Errorf("there is no field %q", field.text)
	}
	if !slices.Contains([]string{"=", "!=", "<", "<=", ">", ">=", "LIKE"}, operator) || p.tokens[1].sort == '"' {
		return nil, fmt.Errorf("unknown operator %q", p.tokens[1].text)
	}
	p.tokens = p.tokens[3:]
	if value.sort == 'w' && value.text == "$NULL$" {
		if operator != "=" && operator != "!=" {
			return nil, fmt.Errorf("$NULL$ with %s", operator)
		}
		return func(v object) bool { return (text(v[field.text]) == "") == (operator == "=") }, nil
	}
	if _, err := strconv.ParseInt(value.text, 10, 64); value.sort != '"' && (value.sort != 'w' || err != nil) {
		return nil, fmt.Errorf("expected a value in double quotes, not %q", value.text)
	}
	if field.text == "Create Date" || field.text == "Modified Date" {
		return p.times(field.text, operator, value)
	}
	if operator == "LIKE" {
		return func(v object) bool { return like(text(v[field.text]), value.text) }, nil
	}
	return func(v object) bool { return fits(strings.Compare(text(v[field.text]), value.text), operator) }, nil
}

// times compares a time: written as answers write it, without a colon in the offset, or as seconds since 1970.
func (p *qualification) times(field, operator string, value arToken) (condition, error) {
	layouts := []string{arTime, "2006-01-02T15:04:05-0700"}
	if p.loose {
		layouts = append(layouts, time.RFC3339)
	}
	var bound time.Time
	found := false
	for _, layout := range layouts {
		if t, err := time.Parse(layout, value.text); err == nil {
			bound, found = t, true
		}
	}
	if n, err := strconv.ParseInt(value.text, 10, 64); err == nil {
		bound, found = time.Unix(n, 0), true
	}
	if !found || operator == "LIKE" {
		return nil, fmt.Errorf("%s %s %q is no time", field, operator, value.text)
	}
	return func(v object) bool {
		t, err := time.Parse(arTime, text(v[field]))
		return err == nil && fits(t.Compare(bound), operator)
	}, nil
}

// fits reports whether an operator accepts the outcome of a comparison.
func fits(order int, operator string) bool {
	switch operator {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// like matches a pattern in which % stands for anything.
func like(s, pattern string) bool {
	parts := strings.Split(pattern, "%")
	if len(parts) == 1 {
		return s == pattern
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}

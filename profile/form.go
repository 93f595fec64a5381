package profile

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/meridian-gateway/meridian/request"
)

// formPair is one name and value of a form, and where the value stands in the text.
type formPair struct {
	name, value string
	path        []string // ticket[tags][] is ticket, tags, ""
	from, until int
}

func badForm(detail string) error {
	return &request.Error{Op: "profile.CheckBody", Kind: request.Invalid, Detail: detail}
}

// formPairs reads the pairs of a form. The error has Kind Invalid.
func formPairs(body []byte, maxDepth int) (out []formPair, err error) {
	text := string(body)
	for at := 0; at <= len(text); {
		end := strings.IndexByte(text[at:], '&')
		if end < 0 {
			end = len(text)
		} else {
			end += at
		}
		pair := text[at:end]
		start := at
		at = end + 1
		if pair == "" {
			continue
		}
		key, value, has := strings.Cut(pair, "=")
		p := formPair{from: start + len(key) + 1, until: end}
		if !has {
			p.from = end
		}
		var err1, err2 error
		p.name, err1 = url.QueryUnescape(key)
		p.value, err2 = url.QueryUnescape(value)
		switch {
		case err1 != nil || err2 != nil:
			return nil, badForm(fmt.Sprintf("syntax: a broken escape at byte %d", start))
		case !utf8.ValidString(p.name) || !utf8.ValidString(p.value):
			return nil, badForm(fmt.Sprintf("utf-8: not valid Unicode at byte %d", start))
		case !has, p.name == "":
			return nil, badForm(fmt.Sprintf("syntax: no name or no value at byte %d", start))
		case strings.EqualFold(p.name, "_method"):
			return nil, badForm("override: the body asks to be taken for another method; send it with the method that is meant")
		}
		if p.path, err = formPath(p.name, maxDepth); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, badForm("empty: the body must be a form")
	}
	return out, nil
}

// formPath reads ticket[subject] and ticket[tags][].
func formPath(name string, maxDepth int) ([]string, error) {
	head, rest, nested := strings.Cut(name, "[")
	path := []string{head}
	if !nested {
		return path, nil
	}
	if head == "" || !strings.HasSuffix(rest, "]") {
		return nil, badForm("syntax: the name " + clip(name) + " cannot be read")
	}
	for part := range strings.SplitSeq(rest[:len(rest)-1], "][") {
		if strings.ContainsAny(part, "[]") {
			return nil, badForm("syntax: the name " + clip(name) + " cannot be read")
		}
		if path = append(path, part); len(path) > maxDepth {
			return nil, badForm(fmt.Sprintf("too-deep: more than %d levels", maxDepth))
		}
	}
	return path, nil
}

// branch is a value of a form in the making: a text, or what is below names, or a list.
type branch struct {
	text  *string
	names []string
	below map[string]*branch
	list  []*branch
}

// parseForm makes JSON text of a form: an object in which all values are texts. Names with [] make lists; in one of objects a new one
// begins where a name is there already. The error has Kind Invalid: it is no form, or says two things of one name.
func parseForm(body []byte, maxDepth int) ([]byte, error) {
	pairs, err := formPairs(body, maxDepth)
	if err != nil {
		return nil, err
	}
	root := &branch{}
	for _, p := range pairs {
		if !root.put(p.path, p.value) {
			return nil, badForm("duplicate-key: " + clip(p.name) + " is there twice, or as two things")
		}
	}
	return root.json(nil), nil
}

// put enters a value; false when something else is there.
func (b *branch) put(path []string, value string) bool {
	switch {
	case len(path) == 0:
		if b.text != nil || b.below != nil || b.list != nil {
			return false
		}
		b.text = &value
		return true
	case b.text != nil:
		return false
	case path[0] == "":
		if b.below != nil {
			return false
		}
		if n := len(b.list); n > 0 && len(path) > 1 && path[1] != "" {
			if last := b.list[n-1]; last.below != nil && last.free(path[1:]) {
				return last.put(path[1:], value)
			}
		}
		b.list = append(b.list, &branch{})
		return b.list[len(b.list)-1].put(path[1:], value)
	case b.list != nil:
		return false
	}
	next := b.below[path[0]]
	if next == nil {
		if next = (&branch{}); b.below == nil {
			b.below = make(map[string]*branch)
		}
		b.below[path[0]] = next
		b.names = append(b.names, path[0])
	}
	return next.put(path[1:], value)
}

// free reports whether nothing is at a path yet that a value there would replace.
func (b *branch) free(path []string) bool {
	for _, name := range path {
		if name == "" {
			return true
		}
		next := b.below[name]
		if next == nil {
			return b.text == nil && b.list == nil
		}
		b = next
	}
	return false
}

func (b *branch) json(out []byte) []byte {
	switch {
	case b.text != nil:
		return appendQuoted(out, *b.text)
	case b.list != nil:
		out = append(out, '[')
		for i, e := range b.list {
			if len(b.list) == 1 && e.text != nil && *e.text == "" {
				break // tags[]= is how a form says that there are none
			}
			if i > 0 {
				out = append(out, ',')
			}
			out = e.json(out)
		}
		return append(out, ']')
	}
	out = append(out, '{')
	for i, name := range b.names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendQuoted(out, name), ':')
		out = b.below[name].json(out)
	}
	return append(out, '}')
}

// spliceForm is Splice for a form.
func (c *Collection) spliceForm(v Verb, body []byte, m Marks, known bool) ([]byte, error) {
	text, err := parseForm(body, mostLevels)
	if err != nil {
		return nil, err
	}
	inner, ok := lookup(text, c.envelope.call)
	if !ok || !isObject(inner) {
		return nil, c.notRecord()
	}
	if err := c.reserved(v, inner, m); err != nil {
		return nil, err
	}
	put := func(at pointer, value string) { body = putForm(body, at, value) }
	if mark := c.external.marker; mark != nil && m.Request != "" {
		at := slices.Concat(c.envelope.call, c.external.write)
		was, there := lookup(text, at)
		value, ok := mark.add(was, string(m.Request))
		switch {
		case !there && v == Update:
		case !ok:
			return nil, noPlace(c.external.write)
		case isList(value) && len(mark.ids(was)) == 0:
			body = slices.Concat(body, []byte("&"+url.QueryEscape(formName(at)+"[]")+"="+url.QueryEscape(mark.text(string(m.Request)))))
		case isString(value):
			put(at, unquote(value))
		}
	}
	for _, x := range c.marksFor(v, m, known) {
		put(slices.Concat(c.envelope.call, x.at), x.value)
	}
	if _, err := parseForm(body, mostLevels); err != nil {
		return nil, &request.Error{Op: "profile.Splice", Kind: request.Invalid, Err: err, Detail: "there is no place for the marks of the gateway in the form"}
	}
	return body, nil
}

// putForm is a form in which what is at a place is value.
func putForm(body []byte, at pointer, value string) []byte {
	pairs, _ := formPairs(body, mostLevels) // as it was read before, or with what was put
	i := slices.IndexFunc(pairs, func(p formPair) bool { return slices.Equal(p.path, at) })
	switch {
	case i < 0:
		return slices.Concat(body, []byte("&"+url.QueryEscape(formName(at))+"="+url.QueryEscape(value)))
	case pairs[i].value != value:
		return replace(body, pairs[i].from, pairs[i].until, []byte(url.QueryEscape(value)))
	}
	return body
}

// formName is the name of a place in a form.
func formName(p pointer) string {
	var b strings.Builder
	for i, name := range p {
		if i == 0 {
			b.WriteString(name)
		} else {
			b.WriteString("[" + name + "]")
		}
	}
	return b.String()
}

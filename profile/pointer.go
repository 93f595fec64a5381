package profile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/meridian-gateway/meridian/request"
)

// pointer is a compiled JSON pointer (RFC 6901): the steps on the way to a member. nil points nowhere. A step is the name of a
// member or, behind the name of a list, a selector: /custom_fields[id=3]/value has three steps. A selector begins with a byte that
// no JSON text can hold, so it is never taken for a name, and two pointers are the same place when their steps are the same.
type pointer []string

// selected is a list and a selector at the beginning of a pointer without its slash.
var selected = regexp.MustCompile(`^([^/]*?)\[([^\[\]=]+)=([^\]]*)\](/|$)`)

// What is not itself in a name: ~ and / as in RFC 6901 and, so that a name may look like a selector, the brackets.
var (
	escapes   = strings.NewReplacer("~", "~0", "/", "~1", "[", "~2", "]", "~3")
	unescapes = strings.NewReplacer("~1", "/", "~2", "[", "~3", "]", "~0", "~")
)

// parsePointer reads "/a/b" and "/a[id=1]/b"; a bare name is a member at the top, whatever is in it.
func parsePointer(s string) (pointer, error) {
	if s == "" {
		return nil, errors.New("a pointer is empty")
	}
	if !utf8.ValidString(s) {
		return nil, errors.New("a pointer is not valid Unicode")
	}
	if s[0] != '/' {
		if selected.MatchString(s) {
			return nil, errors.New("a pointer that selects in a list begins with /, as in /" + s)
		}
		return pointer{s}, nil
	}
	var p pointer
	for rest, more := s[1:], true; more; {
		var name string
		if m := selected.FindStringSubmatch(rest); m != nil {
			step, err := selectorStep(m[1], m[2], m[3])
			if err != nil {
				return nil, err
			}
			name, rest, more = m[1], rest[len(m[0]):], m[4] != ""
			p = append(p, name, step)
		} else {
			name, rest, more = strings.Cut(rest, "/")
			p = append(p, name)
		}
		if err := escaped(name); err != nil {
			return nil, err
		}
	}
	for i, step := range p {
		if s, ok := selectorOf(step); !ok {
			p[i] = unescapes.Replace(step)
		} else if rest := p[i+1:]; len(rest) > 0 && (pointer(rest).under(s.by) || s.by.under(rest)) {
			return nil, errors.New("what selects an element of a list cannot be what is pointed to")
		}
	}
	return p, nil
}

// escaped refuses a ~ that stands for nothing.
func escaped(name string) error {
	for i := 0; i < len(name); i++ {
		if name[i] != '~' {
			continue
		}
		if i++; i >= len(name) || name[i] < '0' || name[i] > '3' {
			return errors.New("in a pointer ~ is written ~0 and / is written ~1")
		}
	}
	return nil
}

// String is the form that parsePointer reads; without selectors that of RFC 6901, unless a name looks like one.
func (p pointer) String() string {
	plain := p.written(strings.NewReplacer("~", "~0", "/", "~1"))
	if q, err := parsePointer(plain); strings.Contains(plain, "[") && (err != nil || !p.equal(q)) {
		return p.written(escapes)
	}
	return plain
}

func (p pointer) written(names *strings.Replacer) string {
	var b strings.Builder
	for _, step := range p {
		if s, ok := selectorOf(step); ok {
			b.WriteString(s.String())
		} else {
			b.WriteString("/" + names.Replace(step))
		}
	}
	return b.String()
}

// under reports whether p is q or points into what q points to.
func (p pointer) under(q pointer) bool { return len(p) >= len(q) && slices.Equal(p[:len(q)], q) }

// equal reports whether p and q are the same place. Nothing is at nil.
func (p pointer) equal(q pointer) bool { return p != nil && q != nil && slices.Equal(p, q) }

// selects reports whether there is a selector among the steps.
func (p pointer) selects() bool { return slices.ContainsFunc(p, isSelector) }

// selector picks the element of a list in which the member at by is is, compared as text.
type selector struct {
	by pointer
	is string
	// text says that is was written in quotes, as in [id="3"]: a new element gets a text there, even if it looks like a number.
	text bool
}

const selectorMark, quotedMark = "\xff", "\xff\xff"

// selectorStep is the step for [by=is] behind the name of a list.
func selectorStep(name, by, is string) (string, error) {
	if name == "" {
		return "", fmt.Errorf("the list in which [%s=%s] selects has no name", by, is)
	}
	if strings.HasSuffix(name, "]") && strings.Contains(name, "=") {
		return "", errors.New("an element of a list is selected by one member")
	}
	for _, part := range append(strings.Split(by, "/"), is) {
		if err := escaped(part); err != nil {
			return "", err
		}
	}
	if len(is) >= 2 && is[0] == '"' && is[len(is)-1] == '"' {
		return quotedMark + by + "=" + unescapes.Replace(is[1:len(is)-1]), nil
	}
	if is == "" {
		return "", fmt.Errorf(`nothing stands behind = in [%s=]`, by)
	}
	return selectorMark + by + "=" + unescapes.Replace(is), nil
}

func isSelector(step string) bool { return strings.HasPrefix(step, selectorMark) }

// selectorOf reads a step that selectorStep made.
func selectorOf(step string) (s selector, ok bool) {
	rest, ok := strings.CutPrefix(step, selectorMark)
	if !ok {
		return selector{}, false
	}
	rest, s.text = strings.CutPrefix(rest, selectorMark)
	by, is, _ := strings.Cut(rest, "=") // what selects has no = in its name
	s.is = is
	for name := range strings.SplitSeq(by, "/") {
		s.by = append(s.by, unescapes.Replace(name))
	}
	return s, true
}

// String is the form that parsePointer reads.
func (s selector) String() string {
	is := escapes.Replace(s.is)
	if s.text {
		is = `"` + is + `"`
	}
	return "[" + strings.TrimPrefix(s.by.written(escapes), "/") + "=" + is + "]"
}

// matches reports whether an element of a list is the one.
func (s selector) matches(element []byte) bool {
	was, ok := lookup(element, s.by)
	switch {
	case !ok || isNull(was):
		return false
	case isString(was):
		return unquote(was) == s.is
	}
	return string(was) == s.is || scalar(was) == scalar([]byte(s.is))
}

// element is a new element for a list: the member that selects it, and value where p points to in it.
func (s selector) element(list []byte, p pointer, value []byte) []byte {
	if len(p) == 0 {
		return value
	}
	is := []byte(request.Quote(s.is))
	if _, numeric := number(s.is); !s.text && valid([]byte(s.is)) && (numeric || s.is == "true" || s.is == "false") && !s.texts(list) {
		is = []byte(s.is)
	}
	out, err := splice(nest(s.by, is), p, value)
	if err != nil {
		return nest(p, value) // parsePointer lets no pointer pass that leads to this
	}
	return out
}

// texts reports whether the elements of a list have texts where s looks.
func (s selector) texts(list []byte) bool {
	texts := false
	members(list, func(m member) bool {
		was, ok := lookup(list[m.from:m.until], s.by)
		texts = ok && isString(was)
		return !texts
	})
	return texts
}

func appendQuoted(dst []byte, s string) []byte { return request.AppendString(dst, s) }

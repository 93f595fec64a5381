package profile

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// selector is a pointer that picks the element of a list by a member's value.
var selector = regexp.MustCompile(`\[[^\]=]+=[^\]]*\](/|$)`)

// pointer is a compiled JSON pointer (RFC 6901): the names on the way to a member. nil points nowhere.
type pointer []string

// parsePointer reads "/a/b"; a bare name is a member at the top.
func parsePointer(s string) (pointer, error) {
	if s == "" {
		return nil, errors.New("a pointer is empty")
	}
	if s[0] != '/' {
		s = "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
	}
	if selector.MatchString(s) {
		return nil, errNotYet("selecting in a list, as in " + s + ",")
	}
	p := pointer(strings.Split(s[1:], "/"))
	for i, name := range p {
		for j := 0; j < len(name); j++ {
			if name[j] != '~' {
				continue
			}
			if j+1 >= len(name) || name[j+1] != '0' && name[j+1] != '1' {
				return nil, errors.New("in a pointer ~ is written ~0 and / is written ~1")
			}
			j++
		}
		p[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
	}
	return p, nil
}

// String is the form that parsePointer reads.
func (p pointer) String() string {
	var b strings.Builder
	for _, name := range p {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return b.String()
}

// under reports whether p is q or points into what q points to.
func (p pointer) under(q pointer) bool {
	if len(p) < len(q) {
		return false
	}
	for i := range q {
		if p[i] != q[i] {
			return false
		}
	}
	return true
}

// equal reports whether p and q are the same place. Nothing is at nil.
func (p pointer) equal(q pointer) bool { return p != nil && q != nil && slices.Equal(p, q) }

func appendQuoted(dst []byte, s string) []byte { return request.AppendString(dst, s) }

// notYet is the error for what the profile language knows and this version does not do.
type notYet string

func errNotYet(what string) error { return notYet(what) }

func (e notYet) Error() string { return string(e) + " is not supported yet" }

package profile

import (
	"slices"
	"strings"
)

// spelling has templates by what can be looked up. Most profiles have only such as are whole, or end in the id: two looks find these.
// All are in the tree too, which finds the others.
type spelling struct {
	whole, under map[string]*route
	others       bool
	tree         node
}

// add enters a template with its names in braces; it returns the route that was there before, if any, which stays.
func (s *spelling) add(template string, r *route) (other *route) {
	if other = s.tree.add(template, r); other != nil {
		return other
	}
	t := parseText(template)
	at := &s.under
	switch {
	case len(t.names) == 0:
		at = &s.whole
	case len(t.names) > 1 || t.literals[1] != "" || !strings.HasSuffix(t.literals[0], "/"):
		s.others = true
		return nil
	}
	if *at == nil {
		*at = make(map[string]*route)
	}
	(*at)[t.literals[0]] = r
	return nil
}

// find is the route of a path without a slash at its end, and the values of its names.
func (s *spelling) find(path string, c *caught) *route {
	if r := s.whole[path]; r != nil {
		return r
	}
	if s.others {
		return s.tree.find(path, c)
	}
	slash := strings.LastIndexByte(path, '/') + 1
	if slash == len(path) {
		return nil
	}
	r := s.under[path[:slash]]
	if r != nil {
		c.raw[0], c.n = path[slash:], 1
	}
	return r
}

// node is a place in the tree of path templates. What can follow is looked up, so that a path costs the same with any number of
// collections.
type node struct {
	route   *route
	literal map[string]*node // parts of the path that are what they are
	mixed   map[string][]tail
	lengths []int // of the keys of mixed, the longest first
	any     *node // a part of the path that is a name's value
}

// tail is what follows a value within its part of the path, by what is before it. The longest comes first.
type tail struct {
	suffix string
	next   *node
}

// caught are the values of names in a path, as they stand there. No template has more than two.
type caught struct {
	raw [2]string
	n   int
}

// add enters a template; it returns the route that was there before, if any, which stays.
func (n *node) add(template string, r *route) (other *route) {
	for part := range strings.SplitSeq(strings.TrimPrefix(template, "/"), "/") {
		n = n.step(part)
	}
	if n.route != nil {
		return n.route
	}
	n.route = r
	return nil
}

// step is the node behind one part of a path, made when there is none.
func (n *node) step(part string) *node {
	t := parseText(part)
	switch {
	case len(t.names) == 0:
		next := n.literal[part]
		if next == nil {
			if next = new(node); n.literal == nil {
				n.literal = make(map[string]*node)
			}
			n.literal[part] = next
		}
		return next
	case t.literals[0] == "" && t.literals[1] == "":
		if n.any == nil {
			n.any = new(node)
		}
		return n.any
	}
	prefix, suffix := t.literals[0], t.literals[1]
	for _, t := range n.mixed[prefix] {
		if t.suffix == suffix {
			return t.next
		}
	}
	if n.mixed == nil {
		n.mixed = make(map[string][]tail)
	}
	next := new(node)
	n.mixed[prefix] = append(n.mixed[prefix], tail{suffix, next})
	slices.SortFunc(n.mixed[prefix], func(a, b tail) int { return len(b.suffix) - len(a.suffix) })
	if !slices.Contains(n.lengths, len(prefix)) {
		n.lengths = append(n.lengths, len(prefix))
		slices.SortFunc(n.lengths, func(a, b int) int { return b - a })
	}
	return next
}

// find is the route of a path without a slash at its end, and the values of its names. The more exact of two templates wins, part by
// part: one without a name, then one with the longer text before it, then behind it.
func (n *node) find(path string, c *caught) *route {
	if path == "" || path[0] != '/' {
		return nil
	}
	part, rest := path[1:], ""
	if i := strings.IndexByte(part, '/'); i >= 0 {
		part, rest = part[:i], part[i:]
	}
	before := c.n
	if next := n.literal[part]; next != nil {
		if r := next.end(rest, c); r != nil {
			return r
		}
		c.n = before
	}
	for _, l := range n.lengths {
		if len(part) <= l {
			continue
		}
		for _, t := range n.mixed[part[:l]] {
			if len(part) <= l+len(t.suffix) || !strings.HasSuffix(part, t.suffix) {
				continue
			}
			if r := t.next.with(part[l:len(part)-len(t.suffix)], rest, c); r != nil {
				return r
			}
			c.n = before
		}
	}
	if n.any != nil && part != "" {
		return n.any.with(part, rest, c)
	}
	return nil
}

func (n *node) with(value, rest string, c *caught) *route {
	c.raw[c.n] = value
	c.n++
	return n.end(rest, c)
}

func (n *node) end(rest string, c *caught) *route {
	if rest == "" {
		return n.route
	}
	return n.find(rest, c)
}

// crossed reports whether a path could be that of two templates, each of which is the more exact one at another end of a part.
func crossed(a, b string) (cross bool) {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		x, y := parseText(as[i]), parseText(bs[i])
		switch {
		case len(x.names) == 0 && len(y.names) == 0:
			if as[i] != bs[i] {
				return false
			}
			continue
		case len(x.names) == 0:
			if !y.could(as[i]) {
				return false
			}
			continue
		case len(y.names) == 0:
			if !x.could(bs[i]) {
				return false
			}
			continue
		}
		p, q, s, u := x.literals[0], y.literals[0], x.literals[1], y.literals[1]
		if !strings.HasPrefix(p, q) && !strings.HasPrefix(q, p) || !strings.HasSuffix(s, u) && !strings.HasSuffix(u, s) {
			return false
		}
		cross = cross || len(p) > len(q) && len(s) < len(u) || len(p) < len(q) && len(s) > len(u)
	}
	return cross
}

// could reports whether a text with one name could be s.
func (t text) could(s string) bool {
	return len(s) > len(t.literals[0])+len(t.literals[1]) && strings.HasPrefix(s, t.literals[0]) && strings.HasSuffix(s, t.literals[1])
}

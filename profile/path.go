package profile

import (
	"errors"
	"net/url"
	"strings"
)

// pathTemplate is a path with at most one {id}: what stands before it and behind it, and a query that calls of the gateway's
// own carry.
type pathTemplate struct {
	before, after string
	one           bool // it holds {id}
	query         string
}

// parseTemplate reads "/tickets/{id}.json?full=1". one says that it must hold {id}, else that it must not.
func parseTemplate(s string, one bool) (pathTemplate, error) {
	path, query, _ := strings.Cut(escapeTarget(s), "?")
	t := pathTemplate{one: one, query: query}
	var has bool
	t.before, t.after, has = strings.Cut(path, "{id}")
	switch {
	case !strings.HasPrefix(path, "/"):
		return t, errors.New("a path begins with /")
	case has && !one:
		return t, errors.New("the path of this call has no {id}")
	case !has && one:
		return t, errors.New("the path of this call needs {id}")
	case strings.ContainsAny(t.before+t.after, "{}"), one && strings.ContainsAny(query, "{}"):
		return t, errors.New("a path may hold {path} and {id}, {id} once")
	case has && strings.Contains(t.after, "/"):
		return t, errNotYet("an {id} that is not in the last part of the path")
	case !one:
		if t.before = strings.TrimSuffix(t.before, "/"); t.before == "" {
			return t, errors.New("the path is that of everything")
		}
	}
	return t, nil
}

// target is the path, and query, of a call for a local id, which is escaped as one segment.
func (t pathTemplate) target(local string) string {
	s := t.before
	if t.one {
		s += escapeSegment(local) + t.after
	}
	if t.query != "" {
		s += "?" + t.query
	}
	return s
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

// escapeTarget escapes what may not stand in a path or query at all and leaves the rest as the user wrote it.
func escapeTarget(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"#<>\\^`|", c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

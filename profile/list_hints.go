package profile

import (
	"encoding/json"
	"iter"
	"strconv"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// linkNext is the address of the next page in Link headers (RFC 8288), "" when there is none.
func linkNext(headers []string) string {
	for _, h := range headers {
		for link := range splitOutside(h, ',') {
			link = strings.TrimSpace(link)
			to := strings.IndexByte(link, '>')
			if to < 0 || link[0] != '<' {
				continue
			}
			for param := range splitOutside(link[to+1:], ';') {
				name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
				if !strings.EqualFold(strings.TrimSpace(name), "rel") {
					continue
				}
				for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
					if strings.EqualFold(rel, "next") {
						return link[1:to]
					}
				}
			}
		}
	}
	return ""
}

// splitOutside splits a text at a byte, but not within quotes or angle brackets.
func splitOutside(s string, at byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		from, quoted, angled := 0, false, false
		for i := range len(s) {
			switch c := s[i]; {
			case c == '"' && !angled:
				quoted = !quoted
			case c == '<' && !quoted:
				angled = true
			case c == '>' && !quoted:
				angled = false
			case c == at && !quoted && !angled:
				if !yield(s[from:i]) {
					return
				}
				from = i + 1
			}
		}
		yield(s[from:])
	}
}

// more reports whether an answer says, in one of the usual ways, that there is more than the n records that were seen.
func more(a request.Answer, n int) bool {
	if linkNext(a.Header["Link"]) != "" {
		return true
	}
	if total, err := strconv.Atoi(a.Header.Get("X-Total-Count")); err == nil && total > n {
		return true
	}
	found := false
	if !valid(a.Body) || !isObject(a.Body) {
		return false
	}
	members(a.Body, func(m member) bool {
		value := a.Body[m.from:m.until]
		switch strings.ToLower(strings.ReplaceAll(m.name, "_", "")) {
		case "total", "totalitems", "totalcount", "totalresults":
			total, err := strconv.Atoi(string(value))
			found = found || err == nil && total > n
		case "next", "nextpage", "nexturl", "nextcursor", "nextpagetoken":
			found = found || !isNull(value) && string(value) != "false" && string(value) != `""` && string(value) != "{}"
		case "hasmore":
			found = found || string(value) == "true"
		case "islast":
			found = found || string(value) == "false"
		}
		return !found
	})
	return found
}

// without is a template without the parameters of its query whose value is that of a name.
func (t pathTemplate) without(name string) pathTemplate {
	if !t.query.has(name) {
		return t
	}
	path, query, _ := strings.Cut(t.source, "?")
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		if _, value, _ := strings.Cut(pair, "="); value != "{"+name+"}" {
			kept = append(kept, pair)
		}
	}
	out := t
	out.source = path + "?" + strings.Join(kept, "&")
	out.query = parseText(strings.Join(kept, "&")).each(escapeTarget)
	return out
}

// dropName is JSON without the members of objects that are nothing but a name.
func dropName(raw json.RawMessage, name string) json.RawMessage {
	if len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
		return raw
	}
	out := append(json.RawMessage(nil), raw[0])
	members(raw, func(m member) bool {
		value := json.RawMessage(raw[m.from:m.until])
		if raw[0] == '{' && isString(value) && unquote(value) == "{"+name+"}" {
			return true
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		if raw[0] == '{' {
			out = append(appendQuoted(out, m.name), ':')
		}
		out = append(out, dropName(value, name)...)
		return true
	})
	return append(out, raw[0]+2)
}

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

// goesOn reports whether an answer says, in one of the usual ways, that there is a next page.
func goesOn(a request.Answer) (more bool) {
	if linkNext(a.Header["Link"]) != "" {
		return true
	}
	hints(a, func(name string, value []byte) {
		switch name {
		case "next", "nextpage", "nexturl", "nextcursor", "nextpagetoken":
			more = more || !isNull(value) && string(value) != "false" && string(value) != `""` && string(value) != "{}"
		case "hasmore":
			more = more || string(value) == "true"
		case "islast":
			more = more || string(value) == "false"
		}
	})
	return more
}

// counted is how many records there are in all as an answer says in one of the usual ways, 0 when it does not.
func counted(a request.Answer) (n int) {
	n, _ = strconv.Atoi(a.Header.Get("X-Total-Count"))
	hints(a, func(name string, value []byte) {
		switch name {
		case "total", "totalitems", "totalcount", "totalresults", "count":
			if total, err := strconv.Atoi(string(value)); err == nil {
				n = max(n, total)
			}
		}
	})
	return n
}

// hints gives each the members at the top of an answer, by their names in small letters without underscores.
func hints(a request.Answer, each func(name string, value []byte)) {
	if !valid(a.Body) || !isObject(a.Body) {
		return
	}
	members(a.Body, func(m member) bool {
		each(strings.ToLower(strings.ReplaceAll(m.name, "_", "")), a.Body[m.from:m.until])
		return true
	})
}

// round reports whether a page of n records may have been cut: people make pages of 10, 12, 25 or 64, and not of 7.
func round(n int) bool { return n > 0 && (n%5 == 0 || n%4 == 0) }

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

package contract

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// list answers tickets by id, by numbered pages, or by a cursor when page[size] is there. external_id lets through those that have
// it; it need not be unique.
func (z *Zendesk) list(c *call) reply {
	all := []any{}
	for _, t := range z.sorted(c) {
		if want := c.query.Get("external_id"); want == "" || t.fields["external_id"] == want {
			all = append(all, t.shown(c.base()))
		}
	}
	if !c.query.Has("page[size]") && !c.query.Has("page[after]") {
		return z.numbered(c, "tickets", all)
	}
	size, ok := c.whole("page[size]", 100, 1)
	after, err := base64.RawURLEncoding.DecodeString(c.query.Get("page[after]"))
	start := 0
	if err == nil && len(after) > 0 {
		start, err = strconv.Atoi(string(after))
	}
	if !ok || err != nil {
		return zdError(http.StatusBadRequest, "InvalidPaginationParameter", "page[after] or page[size] is not valid")
	}
	size = min(size, 100)
	end := min(start+size, len(all))
	cursor := base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	next := any(nil)
	if end < len(all) {
		next = c.asked(c.URL.EscapedPath(), map[string]string{"page[size]": fmt.Sprint(size), "page[after]": cursor})
	}
	return jsonReply(http.StatusOK, object{
		"tickets": list(slice(all, start, size)), "links": object{"next": next, "prev": nil},
		"meta": object{"has_more": end < len(all), "after_cursor": cursor, "before_cursor": nil},
	})
}

// atExport serves the incremental export by cursor.
func (z *Zendesk) atExport(c *call, rest []string) reply {
	if len(rest) != 2 || rest[0] != "tickets" || rest[1] != "cursor" {
		return zdError(http.StatusNotFound, "InvalidEndpoint", "Not found")
	}
	if c.Method != http.MethodGet {
		return z.notAllowed(c, "GET")
	}
	size, ok := c.whole("per_page", 1000, 1)
	if !ok {
		return zdError(http.StatusBadRequest, "InvalidValue", "per_page is a positive whole number")
	}
	since, change, no := z.from(c)
	if no != nil {
		return *no
	}
	// The last minute is left out: what changed in it shows up later.
	until := c.now.Add(-time.Minute)
	var hits []*zdTicket
	for _, t := range z.tickets {
		if t.gone || t.updated.After(until) || c.query.Get("exclude_deleted") == "true" && t.deleted {
			continue
		}
		if at := t.updated.Unix(); at > since || at == since && t.change > change {
			hits = append(hits, t)
		}
	}
	slices.SortFunc(hits, func(a, b *zdTicket) int { return cmp.Or(a.updated.Compare(b.updated), cmp.Compare(a.change, b.change)) })
	items := slice(hits, 0, min(size, 1000))
	tickets := []any{}
	for _, t := range items {
		tickets = append(tickets, t.shown(c.base()))
		since, change = t.updated.Unix(), t.change
	}
	cursor := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%d.0||%d|", since, change))
	next := url.Values{"cursor": {cursor}}
	if c.query.Has("per_page") {
		next.Set("per_page", c.query.Get("per_page"))
	}
	return jsonReply(http.StatusOK, object{
		"tickets": tickets, "after_cursor": cursor, "before_cursor": nil, "before_url": nil, "end_of_stream": len(items) == len(hits),
		"after_url": c.base() + "/api/v2/incremental/tickets/cursor.json?" + next.Encode(),
	})
}

// from is where an export begins: behind the change of a cursor, or at start_time, which must be a minute old.
func (z *Zendesk) from(c *call) (since, change int64, no *reply) {
	bad := func(name, description string) (int64, int64, *reply) {
		r := zdError(http.StatusBadRequest, name, description)
		return 0, 0, &r
	}
	if cursor := c.query.Get("cursor"); cursor != "" {
		plain, err := base64.StdEncoding.DecodeString(cursor)
		at, rest, _ := strings.Cut(string(plain), ".0||")
		s, err1 := strconv.ParseInt(at, 10, 64)
		n, err2 := strconv.ParseInt(strings.TrimSuffix(rest, "|"), 10, 64)
		if err != nil || err1 != nil || err2 != nil {
			return bad("InvalidValue", "cursor is not valid")
		}
		return s, n, nil
	}
	start, err := strconv.ParseInt(c.query.Get("start_time"), 10, 64)
	if err != nil || start < 0 {
		return bad("InvalidValue", "start_time is needed, in seconds since 1970")
	}
	if start > c.now.Add(-time.Minute).Unix() {
		return bad("StartTimeTooRecent", "Too recent start_time. Use a start_time older than 60 seconds")
	}
	return start, 0, nil
}

// search answers tickets that hold all terms of a query: type:ticket, external_id:x, status:x, tags:x, and words of the subject and
// the description. It trails behind the store by SearchLag. The product finds more than this; that is not confirmed.
func (z *Zendesk) search(c *call) reply {
	if c.Method != http.MethodGet {
		return z.notAllowed(c, "GET")
	}
	query := c.query.Get("query")
	if query == "" {
		return zdError(http.StatusUnprocessableEntity, "InvalidQuery", "query is missing")
	}
	all := []any{}
	for _, t := range z.sorted(c) {
		if c.now.Sub(t.updated) < z.options.SearchLag {
			continue
		}
		fits := true
		for _, term := range quotedWords(query) {
			fits = fits && t.holds(term)
		}
		if fits {
			shown := t.shown(c.base())
			shown["result_type"] = "ticket"
			all = append(all, shown)
		}
	}
	return z.numbered(c, "results", all)
}

// holds reports whether a ticket fits one term of a search.
func (t *zdTicket) holds(term string) bool {
	name, want, named := strings.Cut(term, ":")
	tags, _ := texts(t.fields["tags"])
	switch {
	case !named:
		all := strings.ToLower(text(t.fields["subject"]) + " " + text(t.fields["description"]))
		return strings.Contains(all, strings.ToLower(term))
	case name == "type":
		return want == "ticket"
	case name == "tags":
		return slices.Contains(tags, want)
	}
	return strings.EqualFold(text(t.fields[name]), want)
}

// quotedWords cuts at blanks, but not within double quotes, which it takes away.
func quotedWords(s string) []string {
	var out []string
	var word strings.Builder
	quoted, some := false, false
	for _, r := range s {
		switch {
		case r == '"':
			quoted, some = !quoted, true
		case r == ' ' && !quoted:
			if some {
				out = append(out, word.String())
			}
			word.Reset()
			some = false
		default:
			word.WriteRune(r)
			some = true
		}
	}
	if some {
		out = append(out, word.String())
	}
	return out
}

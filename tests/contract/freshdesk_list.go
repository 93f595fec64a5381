package contract

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// list answers tickets, newest first, without deleted ones, and without their descriptions unless include says so. Without
// updated_since only those of the last thirty days are there.
func (f *Freshdesk) list(c *call) reply {
	since, by, way, no := f.listing(c)
	if no != nil {
		return *no
	}
	var hits []*fdTicket
	for _, t := range f.tickets {
		old := t.updated.Before(since)
		if !c.query.Has("updated_since") {
			old = t.created.Before(c.now.Add(-30 * 24 * time.Hour))
		}
		if !old && t.deleted == (c.query.Get("filter") == "deleted") {
			hits = append(hits, t)
		}
	}
	slices.SortStableFunc(hits, func(a, b *fdTicket) int {
		d := a.created.Compare(b.created)
		switch by {
		case "updated_at":
			d = a.updated.Compare(b.updated)
		case "status":
			x, _ := integer(a.fields["status"])
			y, _ := integer(b.fields["status"])
			d = int(x - y)
		}
		if d == 0 {
			d = int(a.id - b.id)
		}
		if way == "desc" {
			return -d
		}
		return d
	})
	all := make([]any, 0, len(hits))
	for _, t := range hits {
		one := f.shown(t)
		delete(one, "attachments")
		if !slices.Contains(strings.Split(c.query.Get("include"), ","), "description") {
			delete(one, "description")
			delete(one, "description_text")
		}
		all = append(all, one)
	}
	return f.paged(c, all)
}

// listing reads the parameters of a list; one that is unknown is refused.
func (f *Freshdesk) listing(c *call) (since time.Time, by, way string, no *reply) {
	known := []string{
		"filter", "requester_id", "email", "unique_external_id", "company_id", "updated_since", "order_by", "order_type", "include", "page", "per_page",
	}
	for _, name := range names(c.query) {
		if !slices.Contains(known, name) {
			return since, "", "", fdInvalid(fdError{name, "Unexpected/invalid field in request", "invalid_field"})
		}
	}
	by, way = orElse(c.query.Get("order_by"), "created_at"), orElse(c.query.Get("order_type"), "desc")
	checks := map[string][]string{
		"order_by": {"created_at", "due_by", "updated_at", "status"}, "order_type": {"asc", "desc"},
		"filter": {"new_and_my_open", "watching", "spam", "deleted"},
	}
	for name, choices := range checks {
		if v := c.query.Get(name); v != "" && !slices.Contains(choices, v) {
			return since, "", "", fdInvalid(fdError{name, "It should be one of these values: '" + strings.Join(choices, ",") + "'", "invalid_value"})
		}
	}
	if v := c.query.Get("updated_since"); v != "" {
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return since, "", "", fdInvalid(fdError{"updated_since", "It should be in the 'combined date and time ISO8601' format", "invalid_date"})
		}
		since = t
	}
	return since, by, way, nil
}

// paged answers a page of a list; the list itself is the body. Link names the next page, if there is one. More than a hundred on a
// page, or more than three hundred pages, are refused; the latter is not confirmed.
func (f *Freshdesk) paged(c *call, all []any) reply {
	number, ok1 := c.whole("page", 1, 1)
	size, ok2 := c.whole("per_page", 30, 1)
	switch {
	case !ok2 || size > 100:
		return *fdInvalid(fdError{"per_page", "It should be a Positive Integer less than or equal to 100", "invalid_value"})
	case !ok1 || number > 300:
		return *fdInvalid(fdError{"page", "It should be a Positive Integer less than or equal to 300", "invalid_value"})
	}
	items, pages := page(all, number, size)
	answer := jsonReply(http.StatusOK, list(items))
	if number < pages {
		answer = answer.with("Link", links(map[string]string{
			"next": c.asked(c.URL.EscapedPath(), map[string]string{"page": fmt.Sprint(number + 1), "per_page": fmt.Sprint(size)}),
		}))
	}
	return answer
}

// search answers tickets that a query in double quotes holds for, thirty to a page: tag:'x', status:2, priority:3, cf_name:'x',
// type:'x', joined by AND. It trails behind the store by SearchLag, and knows no deleted ones.
func (f *Freshdesk) search(c *call) reply {
	if c.Method != http.MethodGet {
		return f.notAllowed(c, "GET")
	}
	query := c.query.Get("query")
	inner, ok := strings.CutPrefix(query, `"`)
	inner, ok2 := strings.CutSuffix(inner, `"`)
	if !ok || !ok2 || len(inner) > 512 {
		return *fdInvalid(fdError{"query", "Query should be enclosed in double quotes, and at most 512 characters long", "invalid_value"})
	}
	type term struct{ name, value string }
	var terms []term
	for _, one := range strings.Split(inner, " AND ") {
		name, value, colon := strings.Cut(strings.TrimSpace(one), ":")
		_, custom := f.options.Freshdesk.CustomFields[name]
		if !colon || !custom && !slices.Contains([]string{"tag", "status", "priority", "type"}, name) {
			return *fdInvalid(fdError{name, "Unexpected/invalid field in request", "invalid_field"})
		}
		terms = append(terms, term{name, strings.Trim(value, "'")})
	}
	number, ok3 := c.whole("page", 1, 1)
	if !ok3 || number > 10 || c.query.Has("per_page") {
		return *fdInvalid(fdError{"page", "It should be a Positive Integer less than or equal to 10", "invalid_value"})
	}
	hits := []any{}
	for _, t := range f.tickets {
		fits := !t.deleted && c.now.Sub(t.updated) >= f.options.SearchLag
		for _, one := range terms {
			fits = fits && t.holds(one.name, one.value)
		}
		if fits {
			hits = append(hits, f.shown(t))
		}
	}
	items, _ := page(hits, number, 30)
	return jsonReply(http.StatusOK, object{"total": len(hits), "results": list(items)})
}

// holds reports whether a ticket has a value, as a search asks for it.
func (t *fdTicket) holds(name, value string) bool {
	tags, _ := texts(t.fields["tags"])
	custom, _ := t.fields["custom_fields"].(object)
	switch {
	case name == "tag":
		return slices.Contains(tags, value)
	case custom[name] != nil:
		return fmt.Sprint(custom[name]) == value
	}
	return t.fields[name] != nil && fmt.Sprint(t.fields[name]) == value
}

package contract

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shown is a record as an answer shows it: every value a text, a reference a link and a value, or as the parameters
// sysparm_display_value, sysparm_exclude_reference_link and sysparm_fields have it.
func (s *ServiceNow) shown(c *call, r snRow) object {
	fields := c.query.Get("sysparm_fields")
	display := c.query.Get("sysparm_display_value")
	bare := c.query.Get("sysparm_exclude_reference_link") == "true"
	refs := references()
	out := make(object, len(r))
	for column, v := range r {
		if fields != "" && !slices.Contains(strings.Split(fields, ","), column) {
			continue
		}
		var link object
		if refs[column] != "" && v != "" && !bare {
			link = object{"link": c.base() + "/api/now/table/" + refs[column] + "/" + v}
		}
		// Names for the values are not kept here: what is displayed is the value itself.
		switch {
		case display == "all":
			whole := object{"display_value": v, "value": v}
			if link != nil {
				whole["link"] = link["link"]
			}
			out[column] = whole
		case link != nil && display == "true":
			link["display_value"] = v
			out[column] = link
		case link != nil:
			link["value"] = v
			out[column] = link
		default:
			out[column] = v
		}
	}
	return out
}

// list answers a page of the records that the query holds for. The limit is applied before the user's rights are, so a page may be
// short, or empty, and not be the last; the total counts what the user may not see, too.
func (s *ServiceNow) list(c *call, table, version string) reply {
	limit, ok1 := c.whole("sysparm_limit", 10000, 1)
	offset, ok2 := c.whole("sysparm_offset", 0, 0)
	if !ok1 || !ok2 {
		return snError(http.StatusBadRequest, "Invalid sysparm_limit or sysparm_offset", c.URL.RawQuery)
	}
	hits := s.find(s.rows[table], c.query.Get("sysparm_query"), append(snSystem(), s.tables[table]...))
	result := []any{}
	for _, r := range slice(hits, offset, limit) {
		if !s.hidden[r["sys_id"]] {
			result = append(result, s.shown(c, r))
		}
	}
	status := http.StatusOK
	if len(result) == 0 && version == "v1" {
		return s.noRecord()
	}
	return s.paged(c, jsonReply(status, object{"result": result}), len(hits), offset, limit)
}

// paged adds the headers of a list: X-Total-Count and Link.
func (s *ServiceNow) paged(c *call, answer reply, total, offset, limit int) reply {
	to := func(offset int) string {
		return c.asked(c.URL.EscapedPath(), map[string]string{"sysparm_limit": strconv.Itoa(limit), "sysparm_offset": strconv.Itoa(offset)})
	}
	rel := map[string]string{"first": to(0), "last": to(max(0, (total-1)/limit*limit))}
	if offset > 0 {
		rel["prev"] = to(max(0, offset-limit))
	}
	if offset+limit < total {
		rel["next"] = to(offset + limit)
	}
	return answer.with("X-Total-Count", strconv.Itoa(total)).with("Link", links(rel))
}

// snPart is one condition of an encoded query.
type snPart func(snRow) bool

// find are the rows that an encoded query holds for, in its order. Parts are joined by ^ (and), ^OR binds closer, ^NQ begins anew.
// A part with an unknown column, an unknown operator or a time that is none is ignored, which makes the answer larger; an
// instance can be told to find nothing then. Without an order, rows come by sys_id, which says nothing.
func (s *ServiceNow) find(rows []snRow, query string, columns []string) []snRow {
	var groups [][][]snPart // any of: all of: any of
	group, invalid := [][]snPart{}, false
	type key struct {
		column string
		desc   bool
	}
	var order []key
	for _, word := range strings.Split(query, "^") {
		switch {
		case word == "" || word == "EQ":
		case strings.HasPrefix(word, "ORDERBY"):
			column, desc := strings.CutPrefix(strings.TrimPrefix(word, "ORDERBY"), "DESC")
			if slices.Contains(columns, column) {
				order = append(order, key{column, desc})
			}
		case strings.HasPrefix(word, "NQ"):
			groups, group = append(groups, group), [][]snPart{}
			word = strings.TrimPrefix(word, "NQ")
			fallthrough
		default:
			word, or := strings.CutPrefix(word, "OR")
			part, ok := snCondition(word, columns)
			switch {
			case !ok:
				invalid = true
			case or && len(group) > 0:
				group[len(group)-1] = append(group[len(group)-1], part)
			default:
				group = append(group, []snPart{part})
			}
		}
	}
	groups = append(groups, group)
	if invalid && s.options.ServiceNow.InvalidQueryEmpty {
		return nil
	}
	var out []snRow
	for _, r := range rows {
		if anyGroup(groups, r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(x, y snRow) int { return strings.Compare(x["sys_id"], y["sys_id"]) })
	slices.SortStableFunc(out, func(x, y snRow) int {
		for _, k := range order {
			if d := strings.Compare(x[k.column], y[k.column]); d != 0 && k.desc {
				return -d
			} else if d != 0 {
				return d
			}
		}
		return 0
	})
	return out
}

// anyGroup reports whether all alternatives of one of the groups have one that holds.
func anyGroup(groups [][][]snPart, r snRow) bool {
	return slices.ContainsFunc(groups, func(group [][]snPart) bool {
		return !slices.ContainsFunc(group, func(either []snPart) bool {
			return !slices.ContainsFunc(either, func(p snPart) bool { return p(r) })
		})
	})
}

// snCondition reads one condition: a column, an operator, a value.
func snCondition(condition string, columns []string) (snPart, bool) {
	n := strings.IndexFunc(condition, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	if n <= 0 || !slices.Contains(columns, condition[:n]) {
		return nil, false
	}
	column, rest := condition[:n], condition[n:]
	for _, op := range []string{">=", "<=", "!=", "=", ">", "<", "STARTSWITH", "ENDSWITH", "LIKE", "NOT IN", "IN", "ISEMPTY", "ISNOTEMPTY"} {
		value, ok := strings.CutPrefix(rest, op)
		if !ok {
			continue
		}
		if isTime(column) && strings.ContainsAny(op, "<>=") {
			if value, ok = snMoment(value); !ok {
				return nil, false
			}
		}
		return func(r snRow) bool { return snHolds(r[column], op, value) }, true
	}
	return nil, false
}

// isTime reports whether a column holds a time.
func isTime(column string) bool {
	return strings.HasSuffix(column, "_on") || strings.HasSuffix(column, "_at") || column == "due_date"
}

// snMoment reads a time of a query: plain, or as javascript:gs.dateGenerate('2026-11-22','10:00:00').
func snMoment(value string) (string, bool) {
	if inner, ok := strings.CutPrefix(value, "javascript:gs.dateGenerate('"); ok {
		value = strings.Replace(strings.TrimSuffix(inner, "')"), "','", " ", 1)
	}
	_, err := time.Parse(snTime, value)
	return value, err == nil || value == ""
}

// snHolds compares as texts, and as numbers where both are.
func snHolds(v, op, value string) bool {
	order := strings.Compare(v, value)
	x, err1 := strconv.ParseFloat(v, 64)
	y, err2 := strconv.ParseFloat(value, 64)
	if err1 == nil && err2 == nil {
		order = cmp.Compare(x, y)
	}
	switch op {
	case "STARTSWITH":
		return strings.HasPrefix(strings.ToLower(v), strings.ToLower(value))
	case "ENDSWITH":
		return strings.HasSuffix(strings.ToLower(v), strings.ToLower(value))
	case "LIKE":
		return strings.Contains(strings.ToLower(v), strings.ToLower(value))
	case "IN":
		return slices.Contains(strings.Split(value, ","), v)
	case "NOT IN":
		return !slices.Contains(strings.Split(value, ","), v)
	case "ISEMPTY":
		return v == ""
	case "ISNOTEMPTY":
		return v != ""
	}
	return fits(order, op)
}

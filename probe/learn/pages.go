package learn

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meridian-gateway/meridian/profile"
)

// paging is a way of asking for pages: the name for how many, and that for which; offset says that the latter counts records.
type paging struct {
	size, page string
	offset     bool
}

// pagings are the usual ways.
var pagings = [...]paging{{"per_page", "page", false}, {"perPage", "page", false}, {"_limit", "_page", false}, {"_per_page", "_page", false},
	{"page_size", "page", false}, {"pageSize", "page", false}, {"size", "page", false}, {"limit", "page", false}, {"limit", "offset", true},
	{"page[limit]", "page[offset]", true}, {"page[size]", "page[number]", false}, {"maxResults", "startAt", true}, {"$top", "$skip", true},
	{"sysparm_limit", "sysparm_offset", true}, {"limit", "start", true}, {"limit", "skip", true}, {"pagination[pageSize]", "pagination[page]", false}}

const (
	pageSize    = 100
	fewestPages = 2 // records that there must be to see that pages differ
)

// pages finds out how pages are asked for.
func (l *learner) pages(ctx context.Context) error {
	defer l.sayList("")
	l.hints()
	if l.seen.bare || len(l.seen.elements) < fewestPages || l.id.read == nil {
		l.listed = append(l.listed, line{seen: "how pages are asked for cannot be seen with fewer than two records"})
		return nil
	}
	all, _, err := l.wantsList(ctx)
	if err != nil || len(all) < fewestPages {
		return err
	}
	for _, p := range pagings {
		first := p.params("1", map[bool]string{true: "0", false: "1"}[p.offset])
		second := p.params("1", map[bool]string{true: "1", false: "2"}[p.offset])
		one, n, err := l.wantsList(ctx, first)
		if err != nil {
			return err
		}
		if n != 1 {
			continue
		}
		two, n, err := l.wantsList(ctx, second)
		if err != nil {
			return err
		}
		if n == 1 && two[0] != one[0] {
			l.paged = p.params("{size}", map[bool]string{true: "{offset}", false: "{page}"}[p.offset])
			l.listed = append(l.listed, line{"size", fmt.Sprint(pageSize), "pages are asked for with " + p.size + " and " + p.page})
			return l.walk(ctx)
		}
	}
	l.listed = append(l.listed, line{seen: "none of the usual parameters asks for a page"})
	return nil
}

func (p paging) params(size, page string) string {
	return p.size + "=" + size + "&" + p.page + "=" + page
}

// hints are what an answer says of further pages.
func (l *learner) hints() {
	v, _ := parse(l.seen.answer.Body)
	if link := l.seen.answer.Header.Get("Link"); strings.Contains(link, `rel="next"`) || strings.Contains(link, "rel=next") {
		l.listed = append(l.listed, line{seen: "Link names the next page, which is understood"})
	}
	total, next := false, false
	walk(v, func(at string, v any) bool {
		name := strings.ToLower(strings.ReplaceAll(last(at), "_", ""))
		_, number := v.(json.Number)
		s, text := v.(string)
		switch {
		case !total && number && slices.Contains([]string{"total", "totalitems", "totalcount", "totalresults", "totalrecords", "@odata.count", "filtercount"}, name):
			l.listed, total = append(l.listed, line{"total", quoted(at), said(v) + " in all"}), true
		case !next && text && s != "" && (name == "next" || name == "nextpage" || name == "nexturl" || name == "@odata.nextlink" || name == "nextlink") && strings.ContainsAny(s, "/?"):
			l.listed, next = append(l.listed, line{"next", quoted(at), "the address of the next page"}), true
		}
		return strings.Count(at, "/") < 3 && at != l.seen.items || at == ""
	})
}

// walk walks through the list by the proposal, and takes back what does not work.
func (l *learner) walk(ctx context.Context) error {
	l.sayList(l.query2())
	err := l.walked(ctx, time.Time{})
	if e := new(refused); asRefused(err, e) {
		l.listed = append(l.listed, line{seen: "but walking through all pages so fails: " + e.why})
		return nil
	}
	return err
}

// query2 is the query of the list with what is known of pages and changes.
func (l *learner) query2() string {
	all := slices.DeleteFunc([]string{l.query, l.changes, l.paged}, func(s string) bool { return s == "" })
	return strings.Join(all, "&")
}

// refused is why a walk did not come to its end.
type refused struct{ why string }

func (r *refused) Error() string { return r.why }

func asRefused(err error, into *refused) bool {
	e, is := err.(*refused)
	if is {
		*into = *e
	}
	return is
}

// walked walks through the records that changed since a time, and over no more than a few pages.
func (l *learner) walked(ctx context.Context, since time.Time) error {
	c, err := l.collection()
	if err != nil {
		return &refused{err.Error()}
	}
	_, err = l.some(ctx, c, since)
	return err
}

// fewPages is how many pages are walked through at most.
const fewPages = 5

// some are the records of the first pages.
func (l *learner) some(ctx context.Context, c *profile.Collection, since time.Time) (out []profile.Listed, err error) {
	pages := c.List(since)
	for range fewPages {
		call, more := pages.Call()
		if !more {
			break
		}
		a, err := l.call(ctx, call.Method, call.Target, call.Body)
		if err != nil {
			return nil, err
		}
		items, err := pages.Take(a)
		if err != nil {
			return out, &refused{strings.TrimPrefix(err.Error(), "profile.Pages: ")}
		}
		out = append(out, items...)
	}
	return out, nil
}

// sinces are parameters that ask for what changed since a time; {field} is the member.
var sinces = [...]string{"updated_since={since}", "since={since}", "updated_after={since}", "modified_since={since}", "changed_since={since}",
	"updatedSince={since}", "modifiedSince={since}", "{field}_gte={since}", "{field}:gte={since}", "{field}[gte]={since}", "{field}__gte={since}", "filter[{field}][_gte]={since}",
	"filters[{field}][$gte]={since}", "filter=({field}>='{since}')", "$filter={field} ge {since}", "sysparm_query={field}>={since}"}

// since finds out how changes since a time are asked for.
func (l *learner) since(ctx context.Context) error {
	t := l.changed()
	if t == nil {
		l.listed = append(l.listed, line{seen: "no member looks like the time of the last change: to find changes the whole list is read"})
		l.sayList(l.query2())
		return nil
	}
	l.listed = append(l.listed, line{"since", quoted("/" + escape(t.name)), t.name + " looks like the time of the last change"})
	defer func() { l.sayList(l.query2()) }()
	_, before, err := l.wantsList(ctx, l.paging())
	if err != nil || before <= 0 || l.id.read == nil {
		return err
	}
	for _, format := range l.formats(t) {
		for _, way := range sinces {
			way = strings.ReplaceAll(strings.ReplaceAll(way, "{field}", url.QueryEscape(t.name)), " ", "%20")
			future := url.QueryEscape(written(format, l.o.Now().AddDate(1, 0, 0)))
			past := url.QueryEscape(written(format, time.Unix(0, 0)))
			_, none, err := l.wantsList(ctx, strings.ReplaceAll(way, "{since}", future), l.paging())
			if err != nil {
				return err
			}
			if none != 0 {
				continue
			}
			_, all, err := l.wantsList(ctx, strings.ReplaceAll(way, "{since}", past), l.paging())
			if err != nil {
				return err
			}
			if all == before {
				l.changes = way
				l.listed = append(l.listed, line{"format", quotedOr(map[bool]string{false: format}[format == "rfc3339"]),
					"of a time in the future it shows nothing, of 1970 all"}, line{"grain", grain(t, format), ""})
				return nil
			}
		}
	}
	l.listed = append(l.listed, line{seen: "none of the usual parameters asks for changes since a time: to find changes the whole list is read"})
	return nil
}

// paging is a first page as the proposal asks for it.
func (l *learner) paging() string {
	return strings.NewReplacer("{size}", fmt.Sprint(pageSize), "{page}", "1", "{offset}", "0").Replace(l.paged)
}

// formats are ways of writing times that are tried: first that of the records.
func (l *learner) formats(t *trait) []string {
	out := []string{t.format}
	for _, f := range []string{"rfc3339", "2006-01-02 15:04:05"} {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// grain is how coarse the times of a member are, "" for a second.
func grain(t *trait, format string) string {
	if strings.Contains(plain(t.sample), ".") && (strings.Contains(format, ".0") || format == "rfc3339") || format == "unix-ms" {
		return "1ms"
	}
	return ""
}

// written is a time in a format of the profile.
func written(format string, t time.Time) string {
	switch format {
	case "unix":
		return fmt.Sprint(t.Unix())
	case "unix-ms":
		return fmt.Sprint(t.UnixMilli())
	case "rfc3339":
		return t.UTC().Format(time.RFC3339)
	}
	return t.UTC().Format(format)
}

// finds are searches for a value of a member.
var finds = [...]string{"{field}={value}", "filter[{field}]={value}", "filter[{field}][_eq]={value}", "filters[{field}][$eq]={value}",
	"filter=({field}='{value}')", "$filter={field} eq '{value}'", "sysparm_query={field}={value}", "q={value}"}

// search finds out how a record is found by its external id: known is one that a record has, "" when there is none.
func (l *learner) search(ctx context.Context, name, known, id string) (find, seen string, err error) {
	_, all, err := l.wantsList(ctx, l.paging())
	if err != nil {
		return "", "", err
	}
	slow := ""
	for _, way := range finds {
		way = strings.ReplaceAll(strings.ReplaceAll(way, "{field}", url.QueryEscape(name)), " ", "%20")
		_, none, err := l.wantsList(ctx, strings.ReplaceAll(way, "{value}", "00000000000000000000000000"))
		if err != nil {
			return "", "", err
		}
		if none < 0 || none > 0 && none < all {
			continue
		}
		if known == "" && none == 0 && all > 0 {
			return way, "assumed: a search for a value that nobody has finds nothing", nil
		}
		if known == "" {
			continue
		}
		ids, n, err := l.wantsList(ctx, strings.ReplaceAll(way, "{value}", url.QueryEscape(known)))
		if err != nil {
			return "", "", err
		}
		switch found := slices.Contains(ids, id); {
		case found && none == 0:
			return way, fmt.Sprintf("the record was found by it; of a value that nobody has: %d", none), nil
		case found && slow == "" && n == none:
			slow = way
		}
	}
	if slow != "" {
		return slow, "the API does not know the filter and gives all its records: it works, and slowly", nil
	}
	return "", "no usual search finds a record by it", nil
}

// assume says what is usual of writing, where nothing is written.
func (l *learner) assume(ctx context.Context) error {
	const not = "assumed: nothing was written; learn with --write, or look into the API's manual"
	l.say("create", inBraces("method", http.MethodPost, "path", quoted("{path}"+l.suffix), "status", "[201, 200]"), not)
	l.say("update", inBraces("method", http.MethodPatch, "path", quoted(l.id.form), "body", "merge", "status", "[200, 204]"), not)
	l.say("replace", inBraces("method", http.MethodPut, "path", quoted(l.id.form), "body", "full", "status", "[200, 204]"), not+"; false where PUT merges, or is not there")
	l.say("delete", inBraces("method", http.MethodDelete, "path", quoted(l.id.form), "status", "[204, 200]", "gone", inBrackets(l.id.gone)), not)
	l.created.envelope = l.answer
	l.sayEnvelope()
	if l.id.header != "" {
		l.say("etag", "", "answers have an ETag; say true where If-Match with an old one is refused")
	}
	return l.external(ctx, "", "")
}

var externals = [...]string{"external_id", "externalid", "external_ref", "ext_id", "ext_ref", "extref", "correlation_id", "correlationid", "reference", "foreign_id"}

// external looks for a member that can hold the id of a request: the one that was written, or one with a usual name.
func (l *learner) external(ctx context.Context, at, known string) error {
	if at == "" {
		for _, t := range l.members {
			if slices.Contains(externals[:], strings.ToLower(t.name)) && t.own == "" {
				at = "/" + escape(t.name)
			}
		}
	}
	if at == "" {
		l.say("external_id", "", "no member has a usual name for it; name a text that is free, as in {field: /external_id, find: \"{path}?external_id={value}\"}: without it a create whose answer is lost waits for a person")
		return nil
	}
	find, seen, err := l.search(ctx, last(at), known, l.id.value)
	if err != nil {
		return err
	}
	l.created.external = at
	text := ""
	if find != "" {
		text = quoted("{path}" + l.suffix + "?" + strings.Join(slices.DeleteFunc([]string{l.query, find}, func(s string) bool { return s == "" }), "&"))
	}
	l.say("external_id", inBraces("field", quoted(at), "find", cmp.Or(text, "false")), seen)
	l.sayMembers()
	return nil
}

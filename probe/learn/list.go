package learn

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

// shown is what the list showed.
type shown struct {
	items    string   // pointer to the list
	item     string   // pointer to the record in an element
	elements []object // each with what is around the record
	records  []object
	answer   request.Answer
	bare     bool   // the elements are ids
	whole    object // one record as reading it shows it
}

// target is the address of the list as it was given, with further parameters.
func (l *learner) target(params ...string) string {
	all := slices.DeleteFunc(append([]string{l.query}, params...), func(s string) bool { return s == "" })
	if len(all) == 0 {
		return l.path + l.suffix
	}
	return l.path + l.suffix + "?" + strings.Join(all, "&")
}

// list reads the list and finds the records in it.
func (l *learner) list(ctx context.Context) error {
	a, err := l.call(ctx, http.MethodGet, l.target(), nil)
	if err != nil {
		return err
	}
	if a.Status >= 300 && a.Status < 400 || a.Status == http.StatusNotFound && l.slash {
		if a, err = l.redirected(ctx, a); err != nil {
			return err
		}
	}
	switch v, ok := parse(a.Body); {
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return wrong(fmt.Sprintf("GET %s is answered with %s: the API wants other credentials", l.target(), l.told(a)))
	case a.Status == http.StatusNotFound:
		return wrong(fmt.Sprintf("there is nothing at %s (%s): give the path of a list", l.target(), l.told(a)))
	case a.Status != http.StatusOK:
		return wrong(fmt.Sprintf("GET %s is answered with %s", l.target(), l.told(a)))
	case !ok:
		return wrong(fmt.Sprintf("what is at %s is no JSON (%s): is this the path of the API, and not of its pages for people?", l.target(), l.told(a)))
	default:
		l.seen.answer = a
		if !l.locate(v) {
			return wrong(fmt.Sprintf("the answer to GET %s holds no list: %s", l.target(), l.told(a)))
		}
	}
	l.sayList("")
	l.sayEnvelope()
	return nil
}

// redirected asks once more with a slash at the end of the path, where a redirect leads there or the path was given so.
func (l *learner) redirected(ctx context.Context, a request.Answer) (request.Answer, error) {
	to := a.Header.Get("Location")
	u, err := url.Parse(to)
	if err != nil || l.suffix != "" || !l.slash && !strings.HasSuffix(u.EscapedPath(), l.path+"/") {
		return a, wrong(fmt.Sprintf("GET %s leads to %q: give the path of the API itself, without redirects", l.target(), cut(l.o.Hide(to), 120)))
	}
	l.suffix = "/"
	l.notes = append(l.notes, "The API wants a slash at the end of "+l.path+", which a path in a profile loses where it has no {id}: list and create do not work so.")
	return l.call(ctx, http.MethodGet, l.target(), nil)
}

// sayList says what is known of the list by now; asked is a query to ask for pages and changes with, the given one when it is "".
func (l *learner) sayList(asked string, more ...string) {
	n := len(l.seen.elements)
	where := "in the body itself"
	if l.seen.items != "" {
		where = "in " + l.seen.items
	}
	seen := fmt.Sprintf("200, a list of %s %s", plural(n, "record"), where)
	if l.bared {
		seen += "; its elements show less than the record itself"
	}
	path := "{path}" + l.suffix
	if asked = cmp.Or(asked, l.query2()); asked != "" {
		path += "?" + asked
	}
	pairs := []string{"path", quoted(path)}
	if l.seen.bare || l.bared {
		pairs = append(pairs, "ids_only", "true")
	}
	for _, x := range l.listed {
		if pairs = append(pairs, x.key, x.value); x.seen != "" {
			seen += "; " + x.seen
		}
	}
	l.say("list", inBraces(append(pairs, more...)...), seen)
}

// sayEnvelope says what is known of the envelopes by now.
func (l *learner) sayEnvelope() {
	var seen []string
	for _, x := range [][2]string{{l.seen.items, "a list is in %s"}, {l.seen.item, "the record of an element in %s"}, {l.answer, "the record of an answer in %s"}} {
		if x[0] != "" {
			seen = append(seen, fmt.Sprintf(x[1], x[0]))
		}
	}
	pairs := []string{"call", quotedOr(l.created.envelope), "answer", quotedOr(l.answer), "items", quotedOr(l.seen.items), "item", quotedOr(l.seen.item)}
	switch {
	case l.created.done && l.created.envelope != "":
		seen = append(seen, "a call has it in "+l.created.envelope)
	case l.created.done:
		seen = append(seen, "a call has it in its body itself")
	case l.answer != "":
		pairs[1] = quoted(l.answer)
		seen = append(seen, "that calls are like answers is assumed")
	}
	if l.created.kind != "" {
		pairs = append(pairs, "with", inBraces("/data/type", quoted(l.created.kind), "/data/id", `"{id}"`))
	}
	if e := inBraces(pairs...); e != "{}" {
		l.say("envelope", e, strings.Join(seen, ", "))
	}
}

// usualLists are names of lists, the likeliest first.
var usualLists = []string{"items", "data", "results", "result", "value", "values", "records", "entries", "rows", "content"}

// locate finds the list in an answer, and the records in that.
func (l *learner) locate(v any) bool {
	type place struct {
		at   string
		list []any
	}
	var found []place
	walk(v, func(at string, v any) bool {
		list, is := v.([]any)
		if is && (len(list) == 0 || at == "" || allObjects(list)) {
			found = append(found, place{at, list})
		}
		return !is
	})
	if len(found) == 0 {
		return false
	}
	likely := func(p place) int {
		name := strings.ToLower(last(p.at))
		if name == strings.ToLower(l.o.Collection) {
			return 100
		}
		return 50 - slices.Index(usualLists, name) - 60*map[bool]int{true: 1}[slices.Index(usualLists, name) < 0]
	}
	best := slices.MaxFunc(found, func(a, b place) int {
		return cmp.Or(cmp.Compare(min(len(a.list), 1), min(len(b.list), 1)), cmp.Compare(likely(a), likely(b)), cmp.Compare(len(a.list), len(b.list)))
	})
	l.seen.items = best.at
	for _, e := range best.list {
		if o, is := e.(object); is {
			l.seen.elements = append(l.seen.elements, o)
		} else if plain(e) != "" {
			l.seen.bare = true
			l.seen.elements = append(l.seen.elements, object{"": e})
		}
	}
	l.within()
	return true
}

func allObjects(list []any) bool {
	return !slices.ContainsFunc(list, func(e any) bool { _, is := e.(object); return !is })
}

// within finds where the record is within an element.
func (l *learner) within() {
	l.seen.records = l.seen.elements
	if l.seen.bare || len(l.seen.elements) == 0 {
		return
	}
	for _, name := range []string{"fields", "attributes", "values", "properties", "record", "data"} {
		inner := make([]object, 0, len(l.seen.elements))
		for _, e := range l.seen.elements {
			if o, is := e[name].(object); is && len(o) > 1 && len(e) <= 8 {
				inner = append(inner, o)
			}
		}
		if len(inner) == len(l.seen.elements) {
			l.seen.item, l.seen.records = "/"+name, inner
			return
		}
	}
}

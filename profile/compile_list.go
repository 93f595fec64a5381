package profile

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// lister compiles how records are listed.
func (c *compiler) lister(out *Collection, s CollectionSpec) {
	l := &out.lister
	l.clock, l.grain, l.size, l.first = clock{asRFC3339, time.UTC}, time.Second, 100, 1
	l.earliest = time.Unix(0, 0).UTC()
	k := out.calls[List]
	if k == nil {
		return
	}
	spec := *s.List
	at := func(key string) []string { return []string{"list", key} }
	l.changed, l.next, l.total = c.pointer(spec.Since, at("since")...), c.pointer(spec.Next, at("next")...), c.pointer(spec.Total, at("total")...)
	l.idsOnly, l.lag = spec.IDsOnly, spec.Lag
	if k.has("offset") {
		l.first = 0
	}
	if spec.First != nil {
		l.first = *spec.First
	}
	if spec.Size != 0 {
		l.size = spec.Size
	}
	if spec.Grain != 0 {
		l.grain = spec.Grain
	}
	if spec.Size < 0 || l.first < 0 {
		c.problem("the size of a page or its number is negative", "", at("size")...)
	}
	if spec.Grain < 0 || spec.Lag < 0 {
		c.problem("grain or lag is negative", "", at("grain")...)
	}
	l.only, l.skip = c.conditions(spec.Only, "list", "only"), c.conditions(spec.Skip, "list", "skip")
	c.listTimes(l, spec)
	count := 0
	for _, name := range []string{"page", "offset", "cursor"} {
		if k.has(name) {
			count++
		}
	}
	switch {
	case count > 1:
		c.problem("the pages are asked for by {page}, {offset} or {cursor}, not by two of them", "", at("path")...)
	case k.has("cursor") && l.next == nil:
		c.problem("it is not said where the next {cursor} is in an answer", "as in next: /next_cursor", at("next")...)
	}
	if k.method == http.MethodGet && len(k.send) == 0 && k.contentType != "" {
		c.problem("a GET has no body", "say method: POST", at("content_type")...)
	}
}

// listTimes compiles how times are written.
func (c *compiler) listTimes(l *lister, spec CallSpec) {
	switch f := spec.Format; {
	case f == "":
	case f == asRFC3339, f == asUnix, f == asMillis, isLayout(f):
		l.clock.format = f
	default:
		c.problem(fmt.Sprintf("format is rfc3339, unix, unix-ms or a layout, not %q", f), "a layout is how 2006-01-02 15:04:05 is written", "list", "format")
	}
	if spec.Zone != "" {
		zone, err := time.LoadLocation(spec.Zone)
		if err != nil || spec.Zone == "Local" {
			c.problem(fmt.Sprintf("%q is not a time zone", spec.Zone), "as in Europe/Oslo", "list", "zone")
		} else {
			l.clock.zone = zone
		}
	}
	if spec.Earliest != "" {
		t, err := time.Parse(time.RFC3339, spec.Earliest)
		if err != nil {
			t, err = time.Parse(time.DateOnly, spec.Earliest)
		}
		if err != nil {
			c.problem(fmt.Sprintf("earliest is a time, not %q", spec.Earliest), "as in 2020-01-01T00:00:00Z", "list", "earliest")
		}
		l.earliest = t
	}
}

// isLayout reports whether a text is a layout of package time: one that shows the day, at least.
func isLayout(s string) bool {
	a := time.Date(2001, 2, 3, 16, 7, 8, 0, time.UTC)
	b := a.AddDate(9, 3, 11)
	return a.Format(s) != b.Format(s) && !strings.ContainsAny(s, "{}")
}

// notOfList notes keys that only a list has.
func (c *compiler) notOfList(v Verb, s CallSpec) {
	if s.Since+s.Format+s.Zone+s.Earliest+s.Next+s.Total != "" || s.Grain != 0 || s.Lag != 0 || s.Size != 0 || s.First != nil || s.IDsOnly || s.Only != nil || s.Skip != nil {
		c.problem("since, format, zone, grain, lag, earliest, size, first, next, total, ids_only, only and skip belong to list", "", string(v))
	}
}

package profile

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/meridian-gateway/meridian/request"
)

// lists is an API that lists records in pages, of one of the kinds that are known.
type lists struct {
	kind    string // page, offset, cursor, next, absolute, link, jump
	ids     []int
	hidden  map[int]bool // of these only the place on the page is there
	most    int          // no page is longer
	grows   int          // how many records come while the list is read
	total   bool
	deaf    bool // it does not know what it is asked for
	clamped bool // beyond the last page it gives that again
	served  int
}

func (l *lists) answer(call request.Call) request.Answer {
	u, err := url.Parse(call.Target)
	if err != nil {
		return answer(400, "")
	}
	l.served++
	if l.grows > 0 && l.served > 1 {
		l.ids, l.grows = append(l.ids, 1000+l.grows), l.grows-1
	}
	q := u.Query()
	size, _ := strconv.Atoi(q.Get("size"))
	size = max(1, min(size, l.most))
	from := 0
	switch n, _ := strconv.Atoi(q.Get("at")); {
	case l.deaf:
	case l.kind == "page":
		from = (n - 1) * size
	default:
		from = n
	}
	if l.clamped && from >= len(l.ids) && len(l.ids) > 0 {
		from = (len(l.ids) - 1) / size * size
	}
	from = min(from, len(l.ids))
	to := min(from+size, len(l.ids))
	items := []string{}
	for _, id := range l.ids[from:to] {
		if !l.hidden[id] {
			items = append(items, fmt.Sprintf(`{"id":%d,"a":1,"at":"2026-11-22T10:00:%02dZ"}`, id, id%60))
		}
	}
	out := map[string]any{"items": json.RawMessage("[" + strings.Join(items, ",") + "]")}
	if l.total {
		out["total"] = len(l.ids)
	}
	header := http.Header{}
	if to < len(l.ids) {
		switch l.kind {
		case "cursor", "jump":
			out["next"] = strconv.Itoa(to)
		case "next":
			out["next"] = fmt.Sprintf("/api/tickets?size=%d&at=%d", size, to)
		case "absolute":
			out["next"] = fmt.Sprintf("https://api.example.org/base/api/tickets?size=%d&at=%d", size, to)
		case "link":
			header.Set("Link", fmt.Sprintf(`<http://h/x?a=1>; rel="prev", <http://h/base/api/tickets?size=%d&at=%d>; title="a,b"; rel="last next"`, size, to))
		}
	}
	body, _ := json.Marshal(out)
	return request.Answer{Status: 200, Header: header, Body: body}
}

var listOf = map[string]string{
	"page":     `{path: "?at={page}&size={size}"}`,
	"offset":   `{path: "?at={offset}&size={size}"}`,
	"cursor":   `{path: "?at={cursor}&size={size}", next: /next}`,
	"next":     `{path: "?size={size}", next: /next}`,
	"absolute": `{path: "?size={size}", next: /next}`,
	"link":     `{path: "?size={size}"}`,
	"jump":     `{path: "?at={offset}&size={size}", next: /next}`,
}

func listing(t testing.TB, kind string, size int, more string) *Collection {
	spec := strings.TrimSuffix(listOf[kind], "}") + fmt.Sprintf(", size: %d%s}", size, more)
	return profileOf(t, "preset: rest\ncollections: {tickets: {path: /api/tickets, envelope: {items: /items}, list: "+spec+"}}").Collections["tickets"]
}

// walked lists everything.
func walked(c *Collection, serve func(request.Call) request.Answer, since time.Time) (out []Listed, calls int, err error) {
	p := c.List(since)
	for calls = 0; ; calls++ {
		call, ok := p.Call()
		if !ok {
			return out, calls, nil
		}
		page, err := p.Take(serve(call))
		if err != nil {
			return out, calls + 1, err
		}
		out = append(out, page...)
	}
}

// However an API pages, each record comes once, or the walk says that it does not know all.
func TestPages(t *testing.T) {
	compiled := map[string]*Collection{}
	for kind := range listOf {
		for size := 1; size <= 7; size++ {
			compiled[fmt.Sprint(kind, size)] = listing(t, kind, size, "")
			compiled[fmt.Sprint(kind, size, true)] = listing(t, kind, size, ", total: /total")
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		l := &lists{kind: rapid.SampledFrom([]string{"page", "offset", "cursor", "next", "absolute", "link", "jump"}).Draw(t, "kind"),
			most: rapid.SampledFrom([]int{2, 3, 100}).Draw(t, "most"), total: rapid.Bool().Draw(t, "total"), clamped: rapid.Bool().Draw(t, "clamped"),
			grows: rapid.IntRange(0, 3).Draw(t, "grows"), hidden: map[int]bool{}}
		for id := range rapid.IntRange(0, 25).Draw(t, "records") {
			l.ids = append(l.ids, id+1)
		}
		size := rapid.IntRange(1, 7).Draw(t, "size")
		if l.deaf = (l.kind == "page" || l.kind == "offset") && rapid.IntRange(0, 4).Draw(t, "deaf") == 0; !l.deaf {
			if l.kind == "offset" || l.kind == "page" {
				size = min(size, l.most) // an empty page does not show how long it could have been
			}
			for _, id := range l.ids {
				l.hidden[id] = (l.total && l.kind != "link" || !l.total && l.kind != "page" && l.kind != "offset") && rapid.IntRange(0, 3).Draw(t, "hidden") == 0
			}
		}
		all := slices.Clone(l.ids)
		key := fmt.Sprint(l.kind, size)
		if l.total {
			key = fmt.Sprint(l.kind, size, true)
		}
		got, calls, err := walked(compiled[key], l.answer, time.Time{})
		if calls > 120 {
			t.Fatalf("%d calls", calls)
		}
		seen := map[string]int{}
		for _, x := range got {
			if seen[x.Local]++; seen[x.Local] > 1 || x.Record == nil {
				t.Fatalf("%s came twice, or without its record", x.Local)
			}
		}
		if err != nil {
			// Whether an API is deaf or gives its only page for all that are asked for cannot be told.
			only := l.clamped && len(all) <= min(size, l.most)
			if request.KindOf(err) != request.Doubtful || !l.deaf && !only {
				t.Fatal(err)
			}
			return
		}
		for _, id := range all {
			if !l.hidden[id] && seen[strconv.Itoa(id)] == 0 {
				t.Fatalf("%d of %v never came (%d calls)", id, all, calls)
			}
		}
	})
}

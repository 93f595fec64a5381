package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/meridian-gateway/meridian/request"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// etag is a version as a strong entity tag.
func etag(v request.Version) string { return `"` + v.String() + `"` }

// receipt says in headers what became of a write. A refusal by the API has none: nothing was done.
func (c *intercepted) receipt(res request.Result) {
	h := c.w.Header()
	e := res.Entry
	if res.Debt {
		c.owing(res)
		return
	}
	if e.ID == "" {
		return
	}
	v := res.Version
	if c.err != nil && v.IsZero() {
		v = e.Version // of the request as it stands, beside the problem
	}
	if _, queued := later(res); c.err == nil && v.IsZero() && !queued {
		return
	}
	whose(h, e, v)
	if len(res.Routes) > 0 {
		h.Set("Meridian-Route", routes(res.Routes))
	}
	if list := copies(res.Copies); list != "" && c.err == nil {
		h.Set("Meridian-Copies", list)
	}
	if res.Replayed {
		h.Set("Meridian-Replayed", "true")
	}
	if w := e.Wanted(); w != "" && w != e.Owner {
		h.Set("Meridian-Intended-Owner", header(string(w)))
	}
	if c.err == nil && !v.IsZero() && c.work.Kind != request.Delete {
		h.Set("ETag", etag(v))
	}
}

// whose sets the part of a receipt that reads and writes share.
func whose(h http.Header, e request.Entry, v request.Version) {
	h.Set("Meridian-Request", header(string(e.ID)))
	h.Set("Meridian-Owner", header(string(e.Owner)))
	h.Set("Meridian-Role", role(e.Role))
	if !v.IsZero() {
		h.Set("Meridian-Version", v.String())
	}
}

// role is what this site is to a request, in the client's words.
func role(r request.Role) string {
	switch r {
	case request.Owner, request.Granting, request.Elect:
		return string(r)
	}
	return string(request.Copy)
}

func routes(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ReplaceAll(header(n), ",", "-")
	}
	return strings.Join(out, ", ")
}

// copies lists holders as "tokyo;state=delivered, paris;state=pending". A copy that is to go, or that is not linked, is none that a
// client could count on.
func copies(list []request.Delivery) string {
	var b strings.Builder
	for _, d := range list {
		if !d.Linked() {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(header(string(d.Site)) + ";state=" + strings.ReplaceAll(string(d.State), " ", "-"))
	}
	return b.String()
}

// header is s as far as it may stand in a header: no control characters, nothing beyond ASCII.
func header(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s)
}

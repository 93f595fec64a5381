package gateway

import (
	"context"
	"mime"
	"net/http"

	"github.com/meridian-gateway/meridian/profile"
)

// Toucher is an Engine that looks at a record after a call that the profile does not describe.
type Toucher interface {
	Touched(ctx context.Context, collection, local, by string)
}

// below finds the described record of which a call that is not described may change something.
type below interface {
	Below(method, escapedPath string) (c *profile.Collection, id string, ok bool)
}

// carrier knows of calls that make a record and bring files with it.
type carrier interface {
	Carries(m profile.Match) bool
}

// carries reports whether a create is a form with files in it, of which the profile describes only the lists: it passes as it is, and
// what it made is looked for.
func carries(r *http.Request, matcher Matcher, m profile.Match) bool {
	c, knows := matcher.(carrier)
	if !knows || !c.Carries(m) {
		return false
	}
	t, _, err := mime.ParseMediaType(value(r.Header, "Content-Type"))
	return err == nil && t == "multipart/form-data"
}

// touching reports of what record a call may change something that the profile does not describe.
func (f *face) touching(r *http.Request, matcher Matcher) (c *profile.Collection, id string, ok bool) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil, "", false
	}
	b, knows := matcher.(below)
	if _, looks := f.Engine.(Toucher); !knows || !looks {
		return nil, "", false
	}
	return b.Below(r.Method, r.URL.EscapedPath())
}

// touch passes on a call that the profile does not describe and that may change a record, or something below it. When the API has
// taken it the engine looks at the record, before the client is answered: a client reads its own write, everywhere.
func (f *face) touch(w http.ResponseWriter, r *http.Request, c *profile.Collection, id string) {
	if f.touchAway(w, r, c, id) {
		return
	}
	by := enteredBy(r)
	proxy := *f.proxy
	passed := proxy.ModifyResponse
	proxy.ModifyResponse = func(res *http.Response) error {
		if err := passed(res); err != nil {
			return err
		}
		if res.StatusCode >= 200 && res.StatusCode < 400 {
			f.Engine.(Toucher).Touched(r.Context(), c.Name(), id, by)
		}
		return nil
	}
	done := f.Metrics.began(callPass)
	proxy.ServeHTTP(w, r)
	done()
}

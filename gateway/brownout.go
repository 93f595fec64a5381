package gateway

import (
	"context"
	"net/http"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
)

// stateDebt is what a receipt says of a write that was passed on while the gateway's store was away: the request API has made it, the
// gateway remembers it beside the store, and its version and copies follow when the store is back.
const stateDebt = "debt"

// owing is the receipt of such a write. It names the request where that is known, and no version: there is none yet.
func (c *intercepted) owing(res request.Result) {
	h := c.w.Header()
	h.Set("Meridian-State", stateDebt)
	if res.Entry.ID != "" {
		h.Set("Meridian-Request", header(string(res.Entry.ID)))
	}
	if res.Op != "" {
		h.Set("Meridian-Operation", operationPath(res.Op))
	}
	if res.Replayed {
		h.Set("Meridian-Replayed", "true")
	}
	c.Metrics.Debt()
}

// Passer is an Engine that decides what becomes of a call that the profile does not describe while its store is away.
type Passer interface {
	// Passing is asked before the call is made; with an error it is not made. debt says that the call is remembered and that done is to
	// be called after it, with whether the API took it and whether it answered at all.
	Passing(ctx context.Context, collection, local, by string) (debt bool, done func(taken, answered bool), err error)
}

// touchAway makes a call that may change a record and that the profile does not describe, if the store is away; false when it is
// not, and the call is still to be made.
func (f *face) touchAway(w http.ResponseWriter, r *http.Request, c *profile.Collection, id string) bool {
	p, ok := f.Engine.(Passer)
	if !ok {
		return false
	}
	debt, done, err := p.Passing(r.Context(), c.Name(), id, enteredBy(r))
	if err != nil {
		f.refused(w, r, problemFor(err))
		return true
	}
	if !debt {
		return false
	}
	taken, answered := false, false
	defer func() { done(taken, answered) }()
	proxy := *f.proxy
	passed := proxy.ModifyResponse
	proxy.ModifyResponse = func(res *http.Response) error {
		if err := passed(res); err != nil {
			return err
		}
		// An API that says that it failed may have changed the record all the same.
		answered = res.StatusCode < http.StatusInternalServerError
		if taken = res.StatusCode >= 200 && res.StatusCode < 400; taken {
			res.Header.Set("Meridian-State", stateDebt)
			done(taken, answered)
			done = func(bool, bool) {}
			f.Metrics.Debt()
		}
		return nil
	}
	ended := f.Metrics.began(callPass)
	proxy.ServeHTTP(w, r)
	ended()
	return true
}

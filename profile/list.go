package profile

import (
	"errors"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Listed is one record of a list.
type Listed struct {
	Local string
	// Record is out of its envelope; nil when the list shows only ids.
	Record []byte
	// Changed is when the record says that it last changed; zero when it does not say.
	Changed time.Time
}

// Pages walks through a list of records, one call at a time. It is for one goroutine.
type Pages struct{}

// CanList reports whether the profile says how records are listed; since, whether those changed after a time are.
func (c *Collection) CanList() (ok, since bool) { return false, false }

// Lag is how young a change may be and not be shown by a list yet; Grain is how coarse the clock of its times is.
func (c *Collection) Lag() (lag, grain time.Duration) { return 0, 0 }

// List begins a walk through the records that changed at or after a time, or through all of them when it is zero.
func (c *Collection) List(since time.Time) *Pages { return &Pages{} }

// Call is the call for the next page; ok is false when there is none.
func (p *Pages) Call() (call request.Call, ok bool) { return request.Call{}, false }

// Take reads the answer to Call. The error has Kind Doubtful: it is not such a list.
func (p *Pages) Take(a request.Answer) ([]Listed, error) { return nil, errors.New("no list") }

// Total is how many records the API says there are in all; ok is false while it has not said.
func (p *Pages) Total() (n int, ok bool) { return 0, false }

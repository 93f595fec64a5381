package gateway

import (
	"context"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Operator is what the admin API asks to be done.
type Operator interface {
	// Requests lists requests in order of id, those after the id given.
	Requests(ctx context.Context, after request.ID, limit int) ([]store.Record, error)
	// Request finds one by global id, SITE:LOCALID, or local id of this site.
	Request(ctx context.Context, ref string) (store.Record, error)
	// Deliveries lists deliveries; the cursor is "" at the end.
	Deliveries(ctx context.Context, f store.Filter) ([]request.Delivery, string, error)
	// Retry makes matching deliveries due at once, those that fell behind at or after since, and returns how many.
	Retry(ctx context.Context, f store.Filter, since time.Time) (int, error)
	// Cancel ends one delivery without it having happened.
	Cancel(ctx context.Context, id request.ID, site request.Site) error
	// Doubts lists requests with a write in doubt, those after the id given.
	Doubts(ctx context.Context, after request.ID, limit int) ([]store.Record, error)
	// Settle ends a doubt the way a person has found out.
	Settle(ctx context.Context, id request.ID, how Settlement) error
	Mover
}

// Mover moves the ownership of requests, and tells of what stands in the way.
type Mover interface {
	// Order has a request transferred or returned by its owner, which may be another site. It is planned when this returns; the
	// hand-over follows. Errors: NotFound; Invalid, an unknown site or nothing to return to; Conflict, another hand-over is under
	// way; HandingOver; OwnerUnreachable; Gone.
	Order(ctx context.Context, o request.Order) (request.Standing, error)
	// Reclaim makes this site the owner without the consent of the one before. Errors: NotFound; Conflict, this site owns it
	// already, has no record of it, or a write is in doubt.
	Reclaim(ctx context.Context, id request.ID, by, reason string) (request.Standing, error)
	// Transfers lists requests with a plan and those that are just being handed over, after the id given.
	Transfers(ctx context.Context, after request.ID, limit int) ([]store.Record, error)
	// Conflicts lists requests with conflict records, after the id given. Dismiss removes one such record.
	Conflicts(ctx context.Context, after request.ID, limit int) ([]store.Record, error)
	Dismiss(ctx context.Context, id request.ID, conflict string) error
}

// Planner tells what the routes with a schedule will do.
type Planner interface {
	// Schedule lists the runs from a moment on, for so many days of 24 hours, in order of time.
	Schedule(ctx context.Context, from time.Time, days int) ([]ScheduledRun, error)
}

// ScheduledRun is one run of a route with a schedule.
type ScheduledRun struct {
	Route string `json:"route"`
	// At is when it runs, with the offset of In, the time zone that it is scheduled in.
	At time.Time `json:"at"`
	In string    `json:"in"`
	// Site is where it runs. Requests is how many it would move if it ran now; nil where that is not known, such as at another site.
	Site     request.Site `json:"site"`
	Requests *int         `json:"requests"`
}

// Settlement is a person's word on a write in doubt: exactly one of the three.
type Settlement struct {
	// Adopt is the local id of the record that the write made or changed: it happened.
	Adopt string `json:"adopt,omitempty"`
	// Retry says that it did not happen and is to be done again, Abandon that it did not happen and is not wanted any more.
	Retry   bool `json:"retry,omitempty"`
	Abandon bool `json:"abandon,omitempty"`
	// Force does it again although the call may still take effect, or there are records that it may have made.
	Force bool `json:"force,omitempty"`
}

// Watcher tells how the site is.
type Watcher interface {
	Forwarding(ctx context.Context) (Forwarding, error)
	// Ready is nil when clients can be served. A peer that is down is no reason.
	Ready(ctx context.Context) error
}

// The states of a site and of a destination.
const (
	OK       = "ok"
	Degraded = "degraded"
	Down     = "down"
)

// Forwarding is the answer of /health/forwarding.
type Forwarding struct {
	Network      string        `json:"network"`
	Site         request.Site  `json:"site"`
	State        string        `json:"state"`
	ConfigHash   string        `json:"config_hash"`
	Destinations []Destination `json:"destinations"`
	// InDoubt and Conflicts count requests with a write in doubt and with conflict records.
	InDoubt   int           `json:"in_doubt"`
	Conflicts int           `json:"conflicts"`
	Transfers TransferCount `json:"transfers"`
	// Problems are reasons that lie at this site: a network file that was not taken, an unsafe store.
	Problems []string `json:"problems,omitempty"`
}

// TransferCount are the hand-overs of a site that are not done.
type TransferCount struct {
	// Waiting are planned: the request is owned here and stays writable. Open are released or taken in and not decided yet: nobody
	// can write them. Parked are planned and need a person.
	Waiting int `json:"waiting"`
	Open    int `json:"open"`
	Parked  int `json:"parked"`
}

// Counts are the requests at a site that something is still to be done about.
type Counts struct {
	InDoubt, Conflicts int
	// Waiting, Open and Parked are transfers: see [TransferCount].
	Waiting, Open, Parked int
}

// Count takes over what is unsettled at the site. Writes in doubt and parked transfers need a person: they make it degraded.
func (f *Forwarding) Count(c Counts) {
	f.InDoubt, f.Conflicts = c.InDoubt, c.Conflicts
	f.Transfers = TransferCount{Waiting: c.Waiting, Open: c.Open, Parked: c.Parked}
	if (c.InDoubt > 0 || c.Parked > 0) && f.State != Down {
		f.State = Degraded
	}
}

// Destination is how deliveries to one site go.
type Destination struct {
	Site    request.Site `json:"site"`
	State   string       `json:"state"`   // ok, degraded, down
	Breaker string       `json:"breaker"` // closed, half-open, open
	Pending int          `json:"pending"`
	// InFlight, Waiting and Parked are deliveries in these states.
	InFlight    int        `json:"in_flight"`
	Waiting     int        `json:"waiting"`
	Parked      int        `json:"parked"`
	OldestAge   float64    `json:"oldest_age_seconds"`
	Lag         Lag        `json:"lag_seconds"`
	LastSuccess *time.Time `json:"last_success"`
	LastError   string     `json:"last_error"`
	// Drain is the predicted time until nothing is owed, nil when nothing moves.
	Drain *float64 `json:"drain_seconds"`
	// Forecast is left out until the gateway has run for some seconds.
	Forecast    *Forecast `json:"forecast,omitempty"`
	ClockSkew   float64   `json:"clock_skew_seconds"`
	ConfigDrift bool      `json:"config_drift"`
	Routes      []string  `json:"routes"`
}

// Lag is how old deliveries are when they are confirmed.
type Lag struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

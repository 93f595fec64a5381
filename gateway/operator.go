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
	// Settle ends a doubt the way a person has found out.
	Settle(ctx context.Context, id request.ID, how Settlement) error
}

// Settlement is a person's word on a write in doubt: exactly one of the three.
type Settlement struct {
	// Adopt is the local id of the record that the write made or changed: it happened.
	Adopt string `json:"adopt,omitempty"`
	// Retry says that it did not happen and is to be done again, Abandon that it did not happen and is not wanted any more.
	Retry   bool `json:"retry,omitempty"`
	Abandon bool `json:"abandon,omitempty"`
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
	InDoubt      int           `json:"in_doubt"`
	Conflicts    int           `json:"conflicts"`
	// Problems are reasons that lie at this site: a network file that was not taken, an unsafe store.
	Problems []string `json:"problems,omitempty"`
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
	Drain       *float64 `json:"drain_seconds"`
	ClockSkew   float64  `json:"clock_skew_seconds"`
	ConfigDrift bool     `json:"config_drift"`
	Routes      []string `json:"routes"`
}

// Lag is how old deliveries are when they are confirmed.
type Lag struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

package peer

import (
	"context"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// Reply is what came of a forwarded write.
type Reply struct {
	// Snapshot is the request after the write, as the owner publishes it.
	Snapshot request.Snapshot
	// Version is that of this very write; zero when the owner's upstream refused it.
	Version request.Version
	// Answer is the refusal of the owner's upstream; nil when the write was done.
	Answer *request.Answer
	Routes []string
	Copies []request.Delivery
	Op     string
	// Replayed says that this is the outcome of an earlier write with the same operation id.
	Replayed bool
}

// AckState is how a snapshot fared at its destination.
type AckState string

// The states. Delivered and Superseded are final for the version sent; Parked needs a person or a newer version; Retry is about
// this request alone; Unavailable is about the whole destination (its upstream cannot be reached).
const (
	Delivered   AckState = "delivered"
	Parked      AckState = "parked"
	Retry       AckState = "retry"
	Superseded  AckState = "superseded"
	Unavailable AckState = "unavailable"
)

// Ack is a destination's word on one snapshot.
type Ack struct {
	Request request.ID
	// Version is the one now held there.
	Version request.Version
	// Local is the destination's own id of the record, once it has one.
	Local string
	State AckState
	// Cause says why it is not Delivered.
	Cause string
}

// Greeting is how a gateway introduces itself. A Handler fills in Incarnation, Software and Upstream; the server the rest.
type Greeting struct {
	Site       request.Site `json:"site"`
	Network    string       `json:"network"`
	ConfigHash string       `json:"config_hash"`
	// Incarnation names the life of the site's store: another one means that it may have forgotten what it confirmed.
	Incarnation string `json:"incarnation,omitempty"`
	// Software is the version of the gateway.
	Software string `json:"software,omitempty"`
	// Upstream says that the site's own request API could be reached when last tried.
	Upstream bool `json:"upstream"`
	// Time is the peer's clock.
	Time time.Time `json:"time"`
}

// Handler is what a site does for its peers. Errors are *request.Error; their kind and detail reach the caller.
//
// A peer repeats a call whose answer it did not get. So Write must look up the operation id before it judges anything
// else, and Apply must compare versions.
type Handler interface {
	// Write runs a write for the peer from. It is given the caller's deadline.
	Write(ctx context.Context, from request.Site, w request.Write) (Reply, error)
	// Apply brings the copy here up to the snapshot. Snapshots of different requests come concurrently, those of one request in
	// a call one after another.
	Apply(ctx context.Context, from request.Site, s request.Snapshot) Ack
	// Resolve finds the global id of a record by the local id that site gave it.
	Resolve(ctx context.Context, from request.Site, collection string, site request.Site, local string) (request.ID, error)
	// Operation tells the outcome of a write; Kind NotFound when it is not known here.
	Operation(ctx context.Context, from request.Site, id request.ID, op string) (request.Op, error)
	// Holders tells who has confirmed what of a request; v is the version that the asker waits for.
	Holders(ctx context.Context, from request.Site, id request.ID, v request.Version) ([]request.Delivery, error)
	// Handover answers the owner of a request that is to come here. What was answered once durably must be answered for ever.
	Handover(ctx context.Context, from request.Site, h request.Handover) (request.Verdict, error)
	// Order does what another site's operator wants of a request that this site owns; NotYet with a hint when it does not.
	Order(ctx context.Context, from request.Site, o request.Order) (request.Standing, error)
	// Hello introduces this site; see Greeting for what to fill in.
	Hello(ctx context.Context, from request.Site) Greeting
	FileKeeper
	Comparer
}

// Teller is a Handler that tells people at other sites what became of a request.
type Teller interface {
	// Trail tells what this site knows of a request; Kind NotFound when that is nothing.
	Trail(ctx context.Context, from request.Site, id request.ID) (request.Trail, error)
}

// FileKeeper takes and gives files in parts.
type FileKeeper interface {
	// PutPart takes a part of a file that a write to come will name; have is how much of it is here then.
	PutPart(ctx context.Context, from request.Site, p request.Part) (have int64, err error)
	// Part gives a part of a file that belongs to a request here.
	Part(ctx context.Context, from request.Site, p request.Part) (request.Part, error)
}

// Status is what a client knows of a destination.
type Status struct {
	Site request.Site
	// Breaker is "closed", "half-open" or "open"; Since when it has been so.
	Breaker string
	Since   time.Time
	// Up says that the last hello succeeded, the breaker is closed, and the peer reaches its own upstream.
	Up bool
	// Upstream is what the peer last said of its own upstream.
	Upstream bool
	// LastSuccess is when the peer last gave an answer that verified, LastError why the last failed call failed, LastErrorAt when.
	LastSuccess time.Time
	LastError   string
	LastErrorAt time.Time
	// LastHello is when the peer was last asked hello; HelloError why that failed, "" when it did not.
	LastHello  time.Time
	HelloError string
	// Skew is the peer's clock minus this one's.
	Skew time.Duration
	// ConfigHash is that of the peer's network file, ConfigHeard when it told it last and ConfigSince when it told this one first; Drift
	// says that it differs from this site's.
	ConfigHash               string
	ConfigHeard, ConfigSince time.Time
	Drift                    bool
	Incarnation              string
	Software                 string
}

// OpenError says that nothing was sent because the breaker of a destination is open. It is the cause in the *request.Error
// (Kind OwnerUnreachable) of every call that is not let through.
type OpenError struct {
	Site request.Site
	// Since is when the breaker opened, Until when traffic is tried again.
	Since, Until time.Time
	// Last is the failure that was seen last.
	Last string
}

// Error says since when, and why.
func (e *OpenError) Error() string {
	s := "breaker open since " + e.Since.UTC().Format(time.RFC3339)
	if e.Last != "" {
		s += ": " + e.Last
	}
	return s
}

// The endpoints.
const (
	HelloPath     = "/peer/v1/hello"
	WritePath     = "/peer/v1/write"
	DeliverPath   = "/peer/v1/deliver"
	ResolvePath   = "/peer/v1/resolve"
	OperationPath = "/peer/v1/operation"
	HoldersPath   = "/peer/v1/holders"
	TrailPath     = "/peer/v1/trail"
	HandoverPath  = "/peer/v1/handover"
	OrderPath     = "/peer/v1/order"
	PutPartPath   = "/peer/v1/file/put"
	PartPath      = "/peer/v1/file/get"
)

// Limits of a delivery. A client splits what is larger.
const (
	MaxBatch      = 64      // snapshots a call
	MaxBatchBytes = 4 << 20 // bytes of snapshots a call
	MaxOps        = 64      // remembered operations a snapshot; the newest are kept
	maxLoop       = 8       // sites a write may pass
	maxVia        = 16      // sites a write may claim to have passed before it is nonsense
	maxDepth      = 64      // nesting of a field's value
	maxLine       = 64 << 10
)

// Package store says what must survive: the ledger, the deliveries, the open intents, idempotency keys and operations. It
// holds the types that stores and their users share; the implementations are in embedded and redis, and the contract that
// both keep is the suite in storetest.
//
// A store is a dumb keeper. It compares revisions and merges deliveries; every decision is made by its callers, in pure
// functions over a [Record]. Writes of one request are serialized by revision: a [Tx] says from which revision it was made and
// is refused with [ErrConflict] when the entry has changed since. Holders are rows of their own, so that a worker settling a
// delivery never conflicts with a client writing the same request.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// ErrNotFound: there is no such entry, link, key or operation. ErrConflict: the entry has changed since it was read.
// ErrClosed: the store is closed. ErrForeign: the store belongs to another site or to another gateway of the same name.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("changed by another writer")
	ErrClosed   = errors.New("store is closed")
	ErrForeign  = errors.New("store belongs to another site")
)

// Record is an entry with its revision and its holders, as read at one moment.
type Record struct {
	Entry   request.Entry
	Rev     uint64
	Holders []request.Delivery // ordered by site; states as stored, with "in flight" for a claimed one
}

// Link is a name of a request: the local id that a site gave it in a collection.
type Link struct {
	Site  request.Site
	Local string
}

// Tx is one atomic change of one request. Commit makes it durable as a whole or not at all.
type Tx struct {
	// Entry is the new entry. Rev is the revision it was made from, 0 for an entry that must not exist yet.
	Entry request.Entry
	Rev   uint64
	// Forget removes the entry with its holders, and the links named in Unlink, instead of writing it.
	Forget bool
	// Link and Unlink change the names under which Lookup finds it. Linking a name that leads to another request moves it;
	// unlinking a name that leads elsewhere does nothing.
	Link, Unlink []Link
	// Owe lists the holders that should have Entry.Version from now on. One that is not a holder yet becomes one; the terms of the
	// debt replace those under which the site held the request. A delivery that is parked, waiting, delivered or cancelled becomes
	// pending and due at once, with its attempts kept while it has not succeeded; one in flight stays in flight and is due again
	// when it is settled.
	//
	// A debt whose Due is after Now is held: the delivery is waiting until then, for the cause Held, and its age counts from then.
	// A later debt never postpones an earlier one. So a delivery that is pending or waiting and would be tried before that keeps
	// its state, Due and Since, and one in flight becomes what Settlement says.
	Owe []request.Debt
	// Now stamps the deliveries owed (Since, Due), and tells which of them are held.
	Now time.Time
	// Drop lists the holders to be removed.
	Drop []request.Site
}

// Claim asks for deliveries to one site that are due at Now, oldest due first, and leases them until Now+Lease. A lease that
// runs out makes the delivery due again.
type Claim struct {
	Site  request.Site
	Now   time.Time
	Limit int
	Lease time.Duration
	// Not are pools whose deliveries are passed over, because no more of them may be made now. They keep their place.
	Not []string
}

// Held is the cause of a delivery that waits until the time that its debt names.
const Held = "held until its time"

// Claimed is one leased delivery with the newest state of its request.
type Claimed struct {
	request.Delivery
	Entry request.Entry
	// Token is the claim's own; a settlement under another token is ignored.
	Token string
}

// Settlement says how an attempt ended. It is ignored when the lease was lost meanwhile (another Token holds it). With an empty
// Token it is a confirmation from outside any claim: only Acked, Local and Last are taken over, and the delivery is Delivered
// if Acked is what is Owed and nobody has it in flight.
//
// Acked never goes back. When the delivery now owes a newer version than the one claimed (Owed), and Acked is not that
// version, or when it is to be made in another mode than the one claimed, the attempt is superseded: the delivery is pending and
// due at once, whatever State says. If all that was owed since the claim is held, it waits until the first of these times instead,
// unless what was claimed has not arrived and State and Due say that it is tried again before that.
//
// A holder that is not linked (request.Remove, request.Independent) has done its part when a claim of it is settled as Delivered
// and what is Owed is Acked: then it is no holder any more. A confirmation from outside is not enough, since it may speak of the
// time before.
//
// Under the token [Operator] it is a person's word: it holds whoever has the delivery in flight, and only State, Due, Cause and
// Attempts are taken over, unless the delivery owes another version than Owed by now.
type Settlement struct {
	Request request.ID
	Site    request.Site
	Token   string
	Owed    request.Version
	Acked   request.Version
	Local   string
	// State is Delivered, Pending, Waiting, Parked or Cancelled; Due and Cause go with it. Attempts replaces the count.
	State    request.State
	Due      time.Time
	Cause    string
	Attempts int
	Now      time.Time
}

// Operator is the token of a settlement made by a person.
const Operator = "operator"

// Filter selects deliveries for people: zero fields match all. Delivered ones are listed only when asked for by State or Request.
type Filter struct {
	Site    request.Site
	State   request.State
	Request request.ID
	Limit   int    // 0: 1000
	After   string // the cursor returned by the last call
}

// Backlog is what is owed to one site.
type Backlog struct {
	Site                               request.Site
	Pending, InFlight, Waiting, Parked int
	// Oldest is the Since of the oldest delivery that is none of parked, delivered, cancelled, nor held until a time to come.
	Oldest time.Time
}

// Ledger reads and changes entries.
type Ledger interface {
	// Read returns one record, ErrNotFound when there is none. The record is the caller's own.
	Read(ctx context.Context, id request.ID) (Record, error)
	// Lookup finds a record by a site's local id.
	Lookup(ctx context.Context, collection string, link Link) (Record, error)
	// Commit applies tx durably and returns the new revision. Concurrent commits of different requests share one flush.
	Commit(ctx context.Context, tx Tx) (rev uint64, err error)
	// Intents lists requests that are unsettled (see request.Entry.Unsettled), in order of id, those after the id given.
	Intents(ctx context.Context, after request.ID, limit int) ([]request.ID, error)
	// Entries lists entries in order of id, those after the id given, without fields when brief.
	Entries(ctx context.Context, after request.ID, limit int) ([]Record, error)
}

// Queue hands out deliveries. One delivery is with one worker at a time.
type Queue interface {
	// Claim leases due deliveries. It returns none when nothing is due.
	Claim(ctx context.Context, c Claim) ([]Claimed, error)
	// Settle records ends of attempts, durably, in one batch.
	Settle(ctx context.Context, s []Settlement) error
	// Deliveries lists for people; the cursor is "" at the end.
	Deliveries(ctx context.Context, f Filter) (list []request.Delivery, cursor string, err error)
	// Backlog counts what is owed, per site that is owed anything.
	Backlog(ctx context.Context) ([]Backlog, error)
}

// Notes keeps what clients may ask about later, until it expires.
type Notes interface {
	// Reserve stores k unless its hash is known; then it returns the stored one and false.
	Reserve(ctx context.Context, k request.Key) (stored request.Key, fresh bool, err error)
	// Keep replaces a key, for its answer. Release forgets one whose write did not happen.
	Keep(ctx context.Context, k request.Key) error
	Release(ctx context.Context, hash string) error
	// PutOperation and Operation keep the end of a write that a client may follow, for at least 24 hours.
	PutOperation(ctx context.Context, op request.Operation) error
	Operation(ctx context.Context, id string) (request.Operation, error)
}

// Store is everything, for implementations and for the package that wires them. Its users declare the part they call.
type Store interface {
	Ledger
	Queue
	Notes
	Lives
	// Warnings say what is unsafe about the store as it is set up, for logs and health; empty when it is safe.
	Warnings() []string
	// Ping tells whether the store answers.
	Ping(ctx context.Context) error
	Close() error
}

// Identity names whose store it is. Opening a store under another identity than the one that made it is ErrForeign.
type Identity struct {
	Network string
	Site    request.Site
	// Upstream tells two sites apart that were configured with one name: the local ids in the store are this API's.
	Upstream string
	// Moved says that the API is the same one under another address; the store then remembers the new one.
	Moved bool `json:"-"`
}

// Check compares an identity with the stored one, nil for a new store. It reports whether mine must be written.
func (id Identity) Check(stored []byte) (mine []byte, write bool, err error) {
	mine, err = json.Marshal(id)
	if err != nil || stored == nil {
		return mine, true, err
	}
	var was Identity
	if err := json.Unmarshal(stored, &was); err != nil {
		return nil, false, fmt.Errorf("%w: its identity cannot be read: %w", ErrForeign, err)
	}
	switch {
	case was.Network != id.Network || was.Site != id.Site:
		return nil, false, fmt.Errorf("%w: it was made for site %s of network %s, this gateway is site %s of network %s", ErrForeign,
			was.Site, was.Network, id.Site, id.Network)
	case was.Upstream != id.Upstream && !id.Moved:
		return nil, false, fmt.Errorf("%w: it was made for the request API at %s, this gateway stands in front of %s; if that is the same API "+
			"at a new address, with the same records, start once with --upstream-moved", ErrForeign, was.Upstream, id.Upstream)
	}
	return mine, was.Upstream != id.Upstream, nil
}

// LifeState is how far a store is in its life.
type LifeState string

// The states. A fresh store has just been made: other sites may know what an earlier one held. One that is Rebuilt was found to
// have lost something, of which what this site's gateways remember has been put back; the rest is to be learned from other sites
// and the request API before it is believed. A store that has Lived is complete.
const (
	Fresh   LifeState = "fresh"
	Rebuilt LifeState = "rebuilt"
	Lived   LifeState = "lived"
)

// Life names one life of a store: from when it was made, or found to have lost something, until that happens again.
type Life struct {
	ID    string
	State LifeState
}

// NewLife names a life that begins now.
func NewLife(now time.Time) string { return string(request.NewID(now)) }

// Began is when a life began; zero for one of a release that did not tell.
func (l Life) Began() time.Time { return request.ID(l.ID).Time() }

type rebuildingKey struct{}

// Rebuilding marks a context as that of the work that makes a [Rebuilt] store complete. To everybody else such a store answers Kind
// Rejoining from its first moment on, so that nobody takes what it does not know for what there is not.
func Rebuilding(ctx context.Context) context.Context {
	return context.WithValue(ctx, rebuildingKey{}, true)
}

// IsRebuilding reports whether a context has that mark.
func IsRebuilding(ctx context.Context) bool { return ctx.Value(rebuildingKey{}) != nil }

// Lives tell of the store's life. While what was lost is being put back everything else answers Kind Rejoining.
type Lives interface {
	// Life is the present one.
	Life(ctx context.Context) (Life, error)
	// Resume says that the life is complete now: its state becomes Lived. Kind Rejoining when it is over.
	Resume(ctx context.Context, id string) error
}

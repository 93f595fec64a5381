package replicate

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/debts"
	"github.com/meridian-gateway/meridian/peer"
	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/routing"
	"github.com/meridian-gateway/meridian/spool"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/tracing"
)

// Ledger is the part of the store that writes need.
type Ledger interface {
	Read(ctx context.Context, id request.ID) (store.Record, error)
	Lookup(ctx context.Context, collection string, link store.Link) (store.Record, error)
	Commit(ctx context.Context, tx store.Tx) (rev uint64, err error)
	Intents(ctx context.Context, after request.ID, limit int) ([]request.ID, error)
	Entries(ctx context.Context, after request.ID, limit int) ([]store.Record, error)
}

// Queue is the part of the store that deliveries need.
type Queue interface {
	Claim(ctx context.Context, c store.Claim) ([]store.Claimed, error)
	Settle(ctx context.Context, s []store.Settlement) error
	Deliveries(ctx context.Context, f store.Filter) ([]request.Delivery, string, error)
	Backlog(ctx context.Context) ([]store.Backlog, error)
}

// Notes is the part of the store that remembers keys and operations for clients.
type Notes interface {
	Reserve(ctx context.Context, k request.Key) (stored request.Key, fresh bool, err error)
	Keep(ctx context.Context, k request.Key) error
	Release(ctx context.Context, hash string) error
	PutOperation(ctx context.Context, op request.Operation) error
	Operation(ctx context.Context, id string) (request.Operation, error)
}

// Upstream makes one call to this site's request API; own says with the gateway's credentials. An error says whether anything
// can have happened: Kind NotSent, ClientGone (not sent either), or else Doubtful.
type Upstream interface {
	Do(ctx context.Context, call request.Call, own bool) (request.Answer, error)
}

// Streams makes calls like Upstream does, with bodies and answers that are never held whole. Errors have the same kinds.
type Streams interface {
	Stream(ctx context.Context, call request.Call, body io.Reader, size int64, own bool) (request.Stream, error)
}

// Peers are the other sites' gateways.
type Peers interface {
	Write(ctx context.Context, to request.Site, w request.Write) (peer.Reply, error)
	Deliver(ctx context.Context, to request.Site, batch []request.Snapshot, each func(peer.Ack)) error
	Resolve(ctx context.Context, to request.Site, collection string, site request.Site, local string) (request.ID, error)
	Operation(ctx context.Context, to request.Site, id request.ID, op string) (request.Op, error)
	Holders(ctx context.Context, to request.Site, id request.ID, v request.Version) ([]request.Delivery, error)
	Movers
	FileKeepers
	Comparers
	Links
	Tellers
}

// Movers are the other sites' gateways, where ownership moves.
type Movers interface {
	Handover(ctx context.Context, to request.Site, h request.Handover) (request.Verdict, error)
	Order(ctx context.Context, to request.Site, o request.Order) (request.Standing, error)
}

// FileKeepers are the other sites' gateways, where files come from and go to.
type FileKeepers interface {
	PutPart(ctx context.Context, to request.Site, p request.Part) (have int64, err error)
	Part(ctx context.Context, to request.Site, p request.Part) (request.Part, error)
}

// Links tell how the other sites' gateways are reached.
type Links interface {
	Hello(ctx context.Context, to request.Site) (peer.Greeting, error)
	Status(to request.Site) peer.Status
	Ready(to request.Site) bool
}

// Router decides what routes do with a write.
type Router interface {
	Decide(in routing.Input) routing.Decision
}

// Clock is time. Everything in this package that waits, waits through it.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

// Wall is the real Clock; inside a testing/synctest bubble it is the bubble's.
type Wall struct{}

// Now is time.Now.
func (Wall) Now() time.Time { return time.Now() }

// After is time.After.
func (Wall) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Meter is told what happened, for metrics.
type Meter interface {
	Delivered(site request.Site, lag time.Duration)
	Attempted(site request.Site, state request.State)
	RouteFailed(route string)
}

// RouteMeter is a Meter that is told of routes one by one: of each time that one was taken, and of what failed in its condition, which
// may hold a client's data and is not for logs.
type RouteMeter interface {
	RouteHit(route string)
	RouteTrouble(route string, err error)
}

// Options say what an Engine works with. All but Clock, Meter and the durations are required. What Settings has too is that of the start.
type Options struct {
	Self    request.Site
	Sites   []request.Site // all of the network
	Profile *profile.Profile
	Ledger  Ledger
	Queue   Queue
	Notes   Notes
	// Lives tell of the store's life; nil is one that is never lost.
	Lives    store.Lives
	Upstream Upstream
	Peers    Peers
	Routes   Router
	// Streams makes calls with bodies of any size, and Files keeps such bodies while they are on their way; both nil: this site takes no
	// files.
	Streams Streams
	Files   *spool.Spool
	// Debts remembers clients' writes that were passed on while the store was away; nil: there are none. Passes says that they are, else
	// they are refused.
	Debts  *debts.Spool
	Passes bool
	Clock  Clock
	Meter  Meter
	Log    *zap.Logger
	// Tracer makes spans of work that is part of a trace; nil makes none, and trace contexts are carried all the same.
	Tracer *tracing.Tracer
	// Replica names this process among the gateways of the site, the same after a restart; Boot is new with each start.
	Replica, Boot string
	// Shared says that other gateways of the site may work on the same store at the same time; Join and Leave go with it.
	Shared bool
	// Timing says when holders may be served; nil is at once.
	Timing Timing
	// Pools are the named lanes of deliveries.
	Pools map[string]Pool
	// Writes is what a write at a site that does not own the request comes to: "forward" or "refuse".
	Writes string
	// OnDelete is what a deletion does to the copies: "cascade" or "keep".
	OnDelete string
	// Drift is what is done about a copy that was changed behind the gateway, where its collection does not say: see profile.DriftOverwrite.
	Drift string
	// Patience is how long a client waits for the resolver after an unknown outcome (default 5s), Hold how long a write waits
	// for another's unresolved intent (default 2s), Knock how old a peer's last answer may be before a write asks it for a sign
	// of life first (default 5ms).
	Patience, Hold, Knock time.Duration
	// Deliver is how many batches go to one site at a time (default 2), Batch how many deliveries are in one (default 64).
	Deliver, Batch int
}

// Engine keeps the promises of DESIGN.md at one site: it runs writes, applies copies, resolves what crashed and feeds peers.
type Engine struct {
	Options
	setting atomic.Pointer[Settings]
	lanes   lanes
	waiters waiters
	births  births
	moves   *moves
	pools   *pools
	idle    idle
	proofs  proofs
	fellows fellows
	late    lates
	started time.Time
	even    even
	counts  atomic.Pointer[Counts]
	tasks   tasks
	away    away
	owing   owing
	ahead   ahead
	gate    *gate
	rejoin  rejoin
	crew    crew
	stop    context.CancelFunc
	done    chan struct{}
}

// New makes an engine. It starts nothing and does no I/O.
func New(o Options) *Engine {
	if o.Clock == nil {
		o.Clock = Wall{}
	}
	if o.Meter == nil {
		o.Meter = noMeter{}
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	setDefault(&o.Patience, 5*time.Second)
	setDefault(&o.Hold, 2*time.Second)
	setDefault(&o.Knock, 5*time.Millisecond)
	if o.Deliver == 0 {
		o.Deliver = 2
	}
	if o.Batch == 0 {
		o.Batch = 64
	}
	d := &gate{Ledger: o.Ledger, Queue: o.Queue, Notes: o.Notes}
	o.Ledger, o.Queue, o.Notes = d, d, d
	g := &Engine{Options: o, gate: d, done: make(chan struct{}), moves: newMoves(), pools: newPools(o.Pools), started: o.Clock.Now()}
	if o.Debts != nil {
		g.Ledger = debtor{g.Ledger, g}
	}
	g.setting.Store(&Settings{Sites: o.Sites, Profile: o.Profile, Routes: o.Routes, Pools: o.Pools, Writes: o.Writes, OnDelete: o.OnDelete, Drift: o.Drift})
	g.crew.man(g, o.Sites)
	return g
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

func (g *Engine) router() Router { return g.set().Routes }

func (g *Engine) collection(name string) (*profile.Collection, error) {
	c := g.set().Profile.Collections[name]
	if c == nil {
		return nil, &request.Error{Op: "replicate", Kind: request.Invalid, Detail: "site " + string(g.Self) + " has no collection " + name}
	}
	return c, nil
}

func (g *Engine) now() time.Time { return g.Clock.Now() }

// quiet is T_q: how long after its connection died an upstream call may still take effect.
func (g *Engine) quiet() time.Duration { return g.set().Profile.Quiescence }

// storeTimeout bounds a commit that must happen whether or not the client still waits.
const storeTimeout = 10 * time.Second

// detached is a context for what must finish although the client may be gone.
func detached(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}

// step commits what an event does to a record. The record returned is the one after it.
func (g *Engine) step(ctx context.Context, rec store.Record, ev Event) (store.Record, error) {
	tx, err := Step(rec.Entry, ev)
	if err != nil {
		return rec, &request.Error{Op: "replicate.step", Kind: request.Internal, Request: rec.Entry.ID, Err: err}
	}
	return g.commit(ctx, rec, tx)
}

func (g *Engine) commit(ctx context.Context, rec store.Record, tx store.Tx) (store.Record, error) {
	tx.Rev, tx.Owe = rec.Rev, g.present(tx.Owe)
	marks := g.followed(rec.Entry, &tx)
	rev, err := g.Ledger.Commit(ctx, tx)
	if err != nil {
		return rec, storeError("replicate.commit", rec.Entry.ID, err)
	}
	if tx.Forget {
		rev = 0
	}
	out := store.Record{Entry: tx.Entry, Rev: rev, Holders: owed(rec.Holders, tx)}
	for _, d := range tx.Owe {
		g.nudge(d.Site)
	}
	g.idle.forget(tx.Entry.ID)
	g.witness(tx.Entry.ID, tx.Entry.Collection, marks...)
	if e := &tx.Entry; e.Intent == nil && (e.Plan != nil && !e.Plan.Parked || len(e.Queue) > 0) {
		g.moves.hurry(e.ID)
	}
	return out, nil
}

// owed is what the store made of the holders, without asking it again.
func owed(holders []request.Delivery, tx store.Tx) []request.Delivery {
	if len(tx.Owe) == 0 {
		return holders
	}
	out := append([]request.Delivery(nil), holders...)
next:
	for _, d := range tx.Owe {
		for i := range out {
			if out[i].Site == d.Site {
				out[i].Owed, out[i].State, out[i].Terms = tx.Entry.Version, request.Pending, d.Terms
				continue next
			}
		}
		out = append(out, request.Delivery{Request: tx.Entry.ID, Site: d.Site, Owed: tx.Entry.Version, State: request.Pending,
			Terms: d.Terms, Since: tx.Now, Due: tx.Now})
	}
	return out
}

// storeError gives an error of the store the kind a caller can act on.
func storeError(op string, id request.ID, err error) error {
	if err == nil {
		return nil
	}
	kind := request.StoreDown
	switch {
	case errors.Is(err, store.ErrConflict):
		kind = request.Busy
	case errors.Is(err, store.ErrNotFound):
		kind = request.NotFound
	case request.KindOf(err) == request.Rejoining, request.KindOf(err) == request.Busy:
		kind = request.KindOf(err)
	}
	return &request.Error{Op: op, Kind: kind, Request: id, Err: err, Retry: time.Second}
}

// storeAway reports whether an error only says that the store cannot be asked now.
func storeAway(err error) bool {
	k := request.KindOf(err)
	return err != nil && (k == request.StoreDown || k == request.Rejoining)
}

type noMeter struct{}

func (noMeter) Delivered(request.Site, time.Duration) {}
func (noMeter) Attempted(request.Site, request.State) {}
func (noMeter) RouteFailed(string)                    {}

package replicate

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/debts"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// owing is this process's part in settling what was passed on while the store was away.
type owing struct {
	mu     sync.Mutex
	signal chan struct{}
}

// wake has the debts looked at now.
func (o *owing) wake() {
	select {
	case o.woken() <- struct{}{}:
	default:
	}
}

func (o *owing) woken() chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.signal == nil {
		o.signal = make(chan struct{}, 1)
	}
	return o.signal
}

type settlingKey struct{}

// settlingDebts marks a context as that of the settling of debts: it passes where others wait for its end.
func settlingDebts(ctx context.Context) context.Context {
	return context.WithValue(ctx, settlingKey{}, true)
}

// debtor stands before a ledger: a record with debts is nobody's business before they are settled. What is in the ledger is not what
// the record is, so a delivery would overwrite what was written, and a route would not see what changed.
type debtor struct {
	Ledger
	g *Engine
}

// Read reads a request, if its record here has no debts. Kind Busy while it has.
func (d debtor) Read(ctx context.Context, id request.ID) (store.Record, error) {
	rec, err := d.Ledger.Read(ctx, id)
	if err != nil || rec.Entry.Local == "" || ctx.Value(settlingKey{}) != nil || !d.g.Debts.Holds(rec.Entry.Collection, rec.Entry.Local) {
		return rec, err
	}
	d.g.owing.wake()
	return store.Record{}, unsettledDebts(id)
}

func unsettledDebts(id request.ID) error {
	return &request.Error{Op: "replicate.debts", Kind: request.Busy, Request: id, Retry: time.Second,
		Detail: "what was written to the record while the store was away is being put into the ledger first; repeat in a moment"}
}

// Owing tells of what was passed on while the store was away and is not settled: how much, since when, and what a person should know.
func (g *Engine) Owing() (n int, oldest time.Time, trouble string) {
	if g.Debts == nil {
		return 0, oldest, ""
	}
	n, oldest = g.Debts.Count()
	return n, oldest, g.Debts.Trouble()
}

// debtOperation is how a write stands that the ledger does not know of yet.
func (g *Engine) debtOperation(id string) (op request.Operation, ok bool) {
	if g.Debts == nil {
		return op, false
	}
	d, ok := g.Debts.ByOp(id)
	if !ok {
		return op, false
	}
	op = request.Operation{ID: id, Request: d.Request, Kind: d.Kind, Outcome: request.InDoubt, At: d.At,
		Reason: "the write was passed on while the store was away, and was not answered"}
	switch {
	case d.End != nil && d.End.Refused:
		op.Outcome, op.Status, op.Reason = request.Refused, d.End.Status, ""
	case d.End != nil:
		op.Outcome, op.Status, op.Reason = request.Done, d.End.Status, "the write was passed on while the store was away"
	}
	return op, true
}

// isUntouched reports whether an error says that nothing was sent yet.
func isUntouched(err error) bool {
	_, ok := errors.AsType[untouched](err)
	return ok
}

// touchedBefore takes that word back: something of the write may have been sent by an earlier attempt.
func touchedBefore(err error) error {
	if u, ok := errors.AsType[untouched](err); ok {
		return u.error
	}
	return err
}

// ahead is what clients of copies know and the ledger does not: a write was made at the owner and answered, and the store went away before
// the copy could be brought up to it. It is kept until that has happened, or too much is kept.
type ahead struct {
	mu sync.Mutex
	m  map[string]request.Snapshot
}

const mostAhead = 4096

// note takes the owner's state after a write of a copy, and whether the copy is behind it.
func (a *ahead) note(collection, local string, s request.Snapshot, behind bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !behind {
		delete(a.m, debtLane(collection, local))
		return
	}
	if a.m == nil || len(a.m) >= mostAhead {
		a.m = make(map[string]request.Snapshot)
	}
	a.m[debtLane(collection, local)] = s
}

// knownOf is what the client of a write may have known of its fields beyond the ledger, by what the owner answered.
func (g *Engine) knownOf(w request.Write) (fields request.Fields, v request.Version) {
	g.ahead.mu.Lock()
	s := g.ahead.m[debtLane(w.Collection, w.Local)]
	g.ahead.mu.Unlock()
	return s.Fields.Only(w.Fields.Names()...), s.Version
}

// seenBy is what the client of a debt knew of a copy's fields beyond the ledger as it is now: by what the owner had answered, as long as the
// copy is not brought up to that, and by earlier debts which the owner may have made and the copy was not told of yet.
func (g *Engine) seenBy(d debts.Debt, e request.Entry) (fields request.Fields, base request.Version) {
	if d.Base.After(e.Version) {
		fields, base = d.Seen, d.Base
	}
	for _, x := range g.Debts.Of(d.Collection, d.Local) {
		if x.Op == d.Op {
			break
		}
		if x.Proposed {
			fields = fields.Merge(x.Fields)
		}
	}
	return fields.Only(d.Fields.Names()...), base
}

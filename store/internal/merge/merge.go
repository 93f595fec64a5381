// Package merge is the rules by which deliveries change: what a commit that owes makes of one, and what a settlement does. They
// are pure functions, shared by the stores that are written in Go; the scripts of the Redis store say the same in their language.
// The contract is at store.Tx.Owe and store.Settlement.
package merge

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Lease is the lease on a delivery; the zero value is none. A delivery under a lease keeps the state it had.
type Lease struct {
	Token string
	Until time.Time
	// Kind is the Kind of the delivery as it was handed out.
	Kind string
	// Next is when what is owed anew since then may be delivered; zero when nothing is.
	Next time.Time
}

// Owed notes that the delivery was owed anew at the time at. A later debt never postpones an earlier one.
func (l *Lease) Owed(at time.Time) { l.Next = earlier(l.Next, at) }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Kind is what a holder's mode asks for: request.Independent, request.Remove, or "" for a linked copy.
func Kind(t request.Terms) string {
	if t.Linked() {
		return ""
	}
	return t.Mode
}

// DueAt is when a debt that was made at now may be delivered, and whether that is later than now.
func DueAt(debt request.Debt, now time.Time) (at time.Time, held bool) {
	if debt.Due.After(now) {
		return debt.Due, true
	}
	return now, false
}

// Owe is the delivery d after its site was added or reminded with the version v; known says whether it was a holder.
func Owe(d request.Delivery, known bool, debt request.Debt, v request.Version, now time.Time) request.Delivery {
	at, held := DueAt(debt, now)
	if !known {
		d.Site, d.State, d.Due, d.Since = debt.Site, request.Delivered, at, at
	}
	d.Terms, d.Owed = debt.Terms, v
	behind := d.State == request.Pending || d.State == request.Waiting
	if held && behind && !d.Due.After(at) {
		return d
	}
	switch d.State {
	case request.Delivered:
		d.Since, d.Attempts, d.Cause = at, 0, ""
	case request.Cancelled:
		d.Since = at
	default:
		if held && !behind || d.Since.After(at) {
			d.Since = at
		}
	}
	if held {
		d.State, d.Due, d.Cause = request.Waiting, at, store.Held
		return d
	}
	// One that is due already keeps its place in the line.
	if d.State != request.Pending || d.Due.After(now) {
		d.Due = now
	}
	d.State = request.Pending
	if d.Cause == store.Held {
		d.Cause = ""
	}
	return d
}

// Check refuses a settlement that leaves a delivery in a state in which none can be left: Kind Invalid.
func Check(x *store.Settlement) error {
	switch x.State {
	case request.Delivered, request.Pending, request.Waiting, request.Parked, request.Cancelled:
		return nil
	}
	if x.Token == "" {
		return nil // says nothing of states
	}
	return &request.Error{Op: "store.Settle", Kind: request.Invalid, Request: x.Request,
		Detail: "a delivery cannot be settled as " + strconv.Quote(string(x.State))}
}

// Result is what a settlement does to a delivery.
type Result struct {
	// Changed is false when the settlement is ignored, Ends says that the lease is over.
	Changed, Ends bool
	// Gone says that the site is no holder any more.
	Gone bool
}

// Settle is the delivery d, leased as l says, after the settlement x.
func Settle(d request.Delivery, l Lease, x store.Settlement) (request.Delivery, Result) {
	switch x.Token {
	case store.Operator:
		if x.Owed != d.Owed {
			return d, Result{}
		}
		d.State, d.Due, d.Cause, d.Attempts = x.State, x.Due, x.Cause, x.Attempts
		return d, Result{Changed: true, Ends: true}
	case "":
		d = confirmed(d, x)
		free := l.Token == "" || !l.Until.After(x.Now)
		if !free || x.Acked != d.Owed || !d.Linked() {
			return d, Result{Changed: true}
		}
		return delivered(d), Result{Changed: true, Ends: true}
	}
	if l.Token != x.Token {
		return d, Result{}
	}
	d = confirmed(d, x)
	d.State, d.Due, d.Cause, d.Attempts = x.State, x.Due, x.Cause, x.Attempts
	newer := d.Owed.After(x.Owed)
	switch linked := d.Linked(); {
	case newer && linked && x.Acked == d.Owed: // just what is owed now
	case newer && linked && d.Acked == d.Owed: // confirmed from outside while this attempt was under way
		d = delivered(d)
	case newer || Kind(d.Terms) != l.Kind:
		d = superseded(d, l, x)
	case !linked && d.State == request.Delivered && d.Acked == d.Owed:
		return d, Result{Changed: true, Ends: true, Gone: true}
	}
	return d, Result{Changed: true, Ends: true}
}

func delivered(d request.Delivery) request.Delivery {
	d.State, d.Attempts, d.Cause = request.Delivered, 0, ""
	return d
}

// superseded is d, as the settlement x left it, when something else is owed by now than what was handed out.
func superseded(d request.Delivery, l Lease, x store.Settlement) request.Delivery {
	caughtUp := x.Acked == x.Owed // it fell behind while it did
	if !l.Next.After(x.Now) {
		d.State, d.Due = request.Pending, x.Now
		if caughtUp {
			d.Since = x.Now
		}
		return d
	}
	again := x.State == request.Pending || x.State == request.Waiting
	if again && !caughtUp && !x.Due.After(l.Next) {
		return d // what it is behind with is tried again; what came later does not postpone that
	}
	d.State, d.Due, d.Since, d.Cause = request.Waiting, l.Next, l.Next, store.Held
	return d
}

// confirmed takes over what a site confirmed.
func confirmed(d request.Delivery, x store.Settlement) request.Delivery {
	if x.Acked.After(d.Acked) {
		d.Acked = x.Acked
	}
	d.Local = cmp.Or(x.Local, d.Local)
	if !x.Acked.IsZero() && x.Now.After(d.Last) {
		d.Last = x.Now
	}
	return d
}

// Find finds a site among holders ordered by site.
func Find(holders []request.Delivery, site request.Site) (int, bool) {
	return slices.BinarySearchFunc(holders, site, func(d request.Delivery, s request.Site) int { return cmp.Compare(d.Site, s) })
}

// Holders is the list after a commit; the list given is not changed.
func Holders(holders []request.Delivery, tx *store.Tx) []request.Delivery {
	if len(tx.Owe) == 0 && len(tx.Drop) == 0 {
		return holders
	}
	out := slices.Clone(holders)
	for _, debt := range tx.Owe {
		i, known := Find(out, debt.Site)
		if !known {
			out = slices.Insert(out, i, request.Delivery{Request: tx.Entry.ID})
		}
		out[i] = Owe(out[i], known, debt, tx.Entry.Version, tx.Now)
	}
	return slices.DeleteFunc(out, func(d request.Delivery) bool { return slices.Contains(tx.Drop, d.Site) })
}

// Without is the list without the holder at i; the list given is not changed.
func Without(holders []request.Delivery, i int) []request.Delivery {
	return slices.Delete(slices.Clone(holders), i, i+1)
}

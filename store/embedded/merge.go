package embedded

import (
	"cmp"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// held is the lease on a delivery; the zero value is none.
type held struct {
	token string
	until time.Time
}

// oweTo is the delivery d after its site was added or reminded with the version v; known says whether it was a holder.
func oweTo(d request.Delivery, known bool, debt request.Debt, v request.Version, now time.Time) request.Delivery {
	if !known {
		d.Site, d.Mode, d.Route, d.Pool, d.Since, d.Due = debt.Site, debt.Mode, debt.Route, debt.Pool, now, now
	}
	d.Owed = v
	switch d.State {
	case request.Delivered:
		d.Since, d.Attempts, d.Cause = now, 0, ""
	case request.Cancelled:
		d.Since = now
	}
	// One that is due already keeps its place in the line.
	if d.State != request.Pending || d.Due.After(now) {
		d.Due = now
	}
	d.State = request.Pending
	return d
}

// settle is the delivery d, leased as l says, after the settlement x. changed is false when x is ignored; ends says that the
// lease is over.
func settle(d request.Delivery, l held, x store.Settlement) (out request.Delivery, changed, ends bool) {
	switch x.Token {
	case store.Operator:
		if x.Owed != d.Owed {
			return d, false, false
		}
		d.State, d.Due, d.Cause, d.Attempts = x.State, x.Due, x.Cause, x.Attempts
		return d, true, true
	case "":
		d = confirmed(d, x)
		if free := l.token == "" || !l.until.After(x.Now); free && x.Acked == d.Owed {
			d.State, d.Attempts, d.Cause = request.Delivered, 0, ""
			return d, true, true
		}
		return d, true, false
	}
	if l.token != x.Token {
		return d, false, false
	}
	d = confirmed(d, x)
	d.State, d.Due, d.Cause, d.Attempts = x.State, x.Due, x.Cause, x.Attempts
	switch {
	case !d.Owed.After(x.Owed) || x.Acked == d.Owed:
	case d.Acked == d.Owed: // confirmed from outside while this attempt was under way
		d.State, d.Attempts, d.Cause = request.Delivered, 0, ""
	default:
		d.State, d.Due = request.Pending, x.Now
		if x.Acked == x.Owed {
			d.Since = x.Now // it had caught up, and fell behind while it did
		}
	}
	return d, true, true
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

// holderAt finds a site among holders ordered by site.
func holderAt(holders []request.Delivery, site request.Site) (int, bool) {
	return slices.BinarySearchFunc(holders, site, func(d request.Delivery, s request.Site) int { return cmp.Compare(d.Site, s) })
}

// mergeHolders is the list after a commit; the list given is not changed.
func mergeHolders(holders []request.Delivery, tx *store.Tx) []request.Delivery {
	if len(tx.Owe) == 0 && len(tx.Drop) == 0 {
		return holders
	}
	out := slices.Clone(holders)
	for _, debt := range tx.Owe {
		i, known := holderAt(out, debt.Site)
		if !known {
			out = slices.Insert(out, i, request.Delivery{Request: tx.Entry.ID})
		}
		out[i] = oweTo(out[i], known, debt, tx.Entry.Version, tx.Now)
	}
	return slices.DeleteFunc(out, func(d request.Delivery) bool { return slices.Contains(tx.Drop, d.Site) })
}

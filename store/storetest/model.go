package storetest

import (
	"cmp"
	"slices"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// model is the contract in its simplest form: maps, no care for speed, and no knowledge of any implementation. It is told the
// revisions and tokens that the store under test gave out.
type model struct {
	rows  map[request.ID]*row
	links map[string]request.ID
}

type row struct {
	entry   request.Entry
	rev     uint64
	holders map[request.Site]*debtor
}

// debtor is one delivery with the lease on it; token "" is none.
type debtor struct {
	request.Delivery
	token string
	until time.Time
	claim claimed
}

// claimed is what a lease was given for, and when what is owed since then may be delivered: all of its times.
type claimed struct {
	linked bool
	mode   string
	since  []time.Time
}

// lease notes that the delivery was handed out.
func (d *debtor) lease(token string, until time.Time) {
	d.token, d.until, d.claim = token, until, claimed{linked: d.Linked(), mode: d.Mode}
}

// sameKind tells whether what is owed is of the kind that was handed out.
func (d *debtor) sameKind() bool {
	return d.claim.linked == d.Linked() && (d.claim.linked || d.claim.mode == d.Mode)
}

// next is the first time at which what is owed since the claim may be delivered.
func (d *debtor) next() time.Time {
	if len(d.claim.since) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(d.claim.since, time.Time.Compare)
}

func newModel() *model {
	return &model{rows: map[request.ID]*row{}, links: map[string]request.ID{}}
}

func linkKey(collection string, l store.Link) string {
	return collection + "|" + string(l.Site) + "|" + l.Local
}

// fits tells whether tx was made from the newest revision.
func (m *model) fits(tx store.Tx) bool {
	r := m.rows[tx.Entry.ID]
	if r == nil {
		return tx.Rev == 0
	}
	return r.rev == tx.Rev
}

// apply takes over a tx that fits.
func (m *model) apply(tx store.Tx, rev uint64) {
	id := tx.Entry.ID
	for _, l := range tx.Unlink {
		if k := linkKey(tx.Entry.Collection, l); m.links[k] == id {
			delete(m.links, k)
		}
	}
	if tx.Forget {
		delete(m.rows, id)
		return
	}
	for _, l := range tx.Link {
		m.links[linkKey(tx.Entry.Collection, l)] = id
	}
	r := m.rows[id]
	if r == nil {
		r = &row{holders: map[request.Site]*debtor{}}
		m.rows[id] = r
	}
	r.entry, r.rev = tx.Entry, rev
	for _, debt := range tx.Owe {
		d := r.holders[debt.Site]
		if d == nil {
			d = &debtor{Delivery: request.Delivery{Request: id, Site: debt.Site, State: request.Delivered}}
			r.holders[debt.Site] = d
		}
		d.Terms, d.Owed = debt.Terms, tx.Entry.Version
		if debt.Due.After(tx.Now) {
			d.hold(debt.Due)
		} else {
			d.remind(tx.Now)
		}
	}
	for _, site := range tx.Drop {
		delete(r.holders, site)
	}
}

// remind makes the delivery due at once.
func (d *debtor) remind(now time.Time) {
	d.claim.since = append(d.claim.since, now)
	if d.State == request.Delivered {
		d.Attempts, d.Cause = 0, ""
	}
	if d.State == request.Delivered || d.State == request.Cancelled || d.Since.After(now) {
		d.Since = now
	}
	if d.State != request.Pending || d.Due.After(now) {
		d.Due = now
	}
	if d.State = request.Pending; d.Cause == store.Held {
		d.Cause = ""
	}
}

// hold makes the delivery wait until a time to come, unless it would be tried before that.
func (d *debtor) hold(until time.Time) {
	d.claim.since = append(d.claim.since, until)
	if trying := d.State == request.Pending || d.State == request.Waiting; trying {
		if !d.Due.After(until) {
			return
		}
		if d.Since.After(until) {
			d.Since = until
		}
	} else {
		d.Since = until
	}
	if d.State == request.Delivered {
		d.Attempts = 0
	}
	d.State, d.Due, d.Cause = request.Waiting, until, store.Held
}

// dueAt is when a delivery may be claimed; false for never.
func (d *debtor) dueAt() (time.Time, bool) {
	if d.token != "" {
		return d.until, true
	}
	return d.Due, d.State == request.Pending || d.State == request.Waiting
}

// due lists what may be claimed for a site, oldest first, but for the pools in not.
func (m *model) due(site request.Site, now time.Time, not []string) []*debtor {
	var out []*debtor
	for _, r := range m.rows {
		if d := r.holders[site]; d != nil && !slices.Contains(not, d.Pool) {
			if at, ever := d.dueAt(); ever && !at.After(now) {
				out = append(out, d)
			}
		}
	}
	slices.SortFunc(out, func(a, b *debtor) int {
		x, _ := a.dueAt()
		y, _ := b.dueAt()
		return x.Compare(y)
	})
	return out
}

func (m *model) settle(x store.Settlement) {
	r := m.rows[x.Request]
	if r == nil || r.holders[x.Site] == nil {
		return
	}
	d := r.holders[x.Site]
	said := func() { d.State, d.Due, d.Cause, d.Attempts = x.State, x.Due, x.Cause, x.Attempts }
	switch {
	case x.Token == store.Operator:
		if x.Owed == d.Owed {
			said()
			d.token = ""
		}
	case x.Token == "":
		d.confirm(x)
		if x.Acked == d.Owed && d.Linked() && (d.token == "" || !d.until.After(x.Now)) {
			d.State, d.Attempts, d.Cause, d.token = request.Delivered, 0, "", ""
		}
	case x.Token == d.token:
		d.confirm(x)
		said()
		d.token = ""
		newer := d.Owed.After(x.Owed)
		switch {
		case newer && d.Linked() && x.Acked == d.Owed:
		case newer || !d.sameKind():
			d.supersede(x)
		case !d.Linked() && x.State == request.Delivered && d.Acked == d.Owed:
			delete(r.holders, x.Site)
		}
	}
}

// supersede is what becomes of a delivery that owes something else than the attempt that ended was about.
func (d *debtor) supersede(x store.Settlement) {
	if d.Owed.After(x.Owed) && d.Linked() && d.Acked == d.Owed {
		d.State, d.Due, d.Cause, d.Attempts = request.Delivered, x.Due, "", 0
		return
	}
	arrived, next := x.Acked == x.Owed, d.next()
	if next.After(x.Now) {
		tried := (x.State == request.Pending || x.State == request.Waiting) && !arrived && !x.Due.After(next)
		if !tried {
			d.State, d.Due, d.Since, d.Cause = request.Waiting, next, next, store.Held
		}
		return
	}
	d.State, d.Due = request.Pending, x.Now
	if arrived {
		d.Since = x.Now
	}
}

func (d *debtor) confirm(x store.Settlement) {
	if x.Acked.After(d.Acked) {
		d.Acked = x.Acked
	}
	if x.Local != "" {
		d.Local = x.Local
	}
	if !x.Acked.IsZero() && x.Now.After(d.Last) {
		d.Last = x.Now
	}
}

func (d *debtor) shown() request.Delivery {
	out := d.Delivery
	if d.token != "" {
		out.State = request.InFlight
	}
	return out
}

func (m *model) record(id request.ID) (store.Record, bool) {
	r := m.rows[id]
	if r == nil {
		return store.Record{}, false
	}
	out := store.Record{Entry: r.entry, Rev: r.rev}
	for _, d := range r.holders {
		out.Holders = append(out.Holders, d.shown())
	}
	slices.SortFunc(out.Holders, func(a, b request.Delivery) int { return cmp.Compare(a.Site, b.Site) })
	return out, true
}

func (m *model) ids(keep func(*row) bool) []request.ID {
	var out []request.ID
	for id, r := range m.rows {
		if keep(r) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (m *model) deliveries(f store.Filter) []request.Delivery {
	var out []request.Delivery
	for _, id := range m.ids(func(*row) bool { return true }) {
		r, _ := m.record(id)
		for _, d := range r.Holders {
			if (f.Site == "" || f.Site == d.Site) && (f.State == d.State || f.State == "" && (d.State != request.Delivered || f.Request != "")) &&
				(f.Request == "" || f.Request == d.Request) {
				out = append(out, d)
			}
		}
	}
	return out
}

func (m *model) backlog() []store.Backlog {
	bySite := map[request.Site]*store.Backlog{}
	for _, d := range m.deliveries(store.Filter{}) {
		b := bySite[d.Site]
		if b == nil {
			b = &store.Backlog{Site: d.Site}
			bySite[d.Site] = b
		}
		switch d.State {
		case request.Pending:
			b.Pending++
		case request.InFlight:
			b.InFlight++
		case request.Waiting:
			b.Waiting++
		case request.Parked:
			b.Parked++
		}
		if d.State != request.Parked && d.State != request.Cancelled && d.Since.Before(farAway) && (b.Oldest.IsZero() || d.Since.Before(b.Oldest)) {
			b.Oldest = d.Since
		}
	}
	var out []store.Backlog
	for _, b := range bySite {
		if b.Pending+b.InFlight+b.Waiting+b.Parked > 0 {
			out = append(out, *b)
		}
	}
	slices.SortFunc(out, func(a, b store.Backlog) int { return cmp.Compare(a.Site, b.Site) })
	return out
}

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
			d = &debtor{Delivery: request.Delivery{Request: id, Site: debt.Site, State: request.Delivered, Terms: debt.Terms}}
			r.holders[debt.Site] = d
		}
		d.remind(tx)
	}
	for _, site := range tx.Drop {
		delete(r.holders, site)
	}
}

func (d *debtor) remind(tx store.Tx) {
	if d.State == request.Delivered {
		d.Since, d.Attempts, d.Cause = tx.Now, 0, ""
	}
	if d.State == request.Cancelled {
		d.Since = tx.Now
	}
	if d.State != request.Pending || d.Due.After(tx.Now) {
		d.Due = tx.Now
	}
	d.State, d.Owed = request.Pending, tx.Entry.Version
}

// dueAt is when a delivery may be claimed; false for never.
func (d *debtor) dueAt() (time.Time, bool) {
	if d.token != "" {
		return d.until, true
	}
	return d.Due, d.State == request.Pending || d.State == request.Waiting
}

// due lists what may be claimed for a site, oldest first.
func (m *model) due(site request.Site, now time.Time) []*debtor {
	var out []*debtor
	for _, r := range m.rows {
		if d := r.holders[site]; d != nil {
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
		if x.Acked == d.Owed && (d.token == "" || !d.until.After(x.Now)) {
			d.State, d.Attempts, d.Cause, d.token = request.Delivered, 0, "", ""
		}
	case x.Token == d.token:
		d.confirm(x)
		said()
		if d.Owed.After(x.Owed) && x.Acked != d.Owed {
			d.supersede(x)
		}
		d.token = ""
	}
}

// supersede is what becomes of a delivery that owes a newer version than the attempt that ended was about.
func (d *debtor) supersede(x store.Settlement) {
	if d.Acked == d.Owed {
		d.State, d.Due, d.Cause, d.Attempts = request.Delivered, x.Due, "", 0
		return
	}
	d.State, d.Due = request.Pending, x.Now
	if x.Acked == x.Owed {
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
		if d.State != request.Parked && d.State != request.Cancelled && (b.Oldest.IsZero() || d.Since.Before(b.Oldest)) {
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

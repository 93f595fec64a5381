package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"modernc.org/sqlite"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// The statements of a batch.
const (
	putMeta    = "insert into meta values(?1,?2) on conflict(key) do update set value=?2"
	getRecord  = "select rev, open, entry, holders, names from record where id=?1"
	putRecord  = "insert into record values(?1,?2,?3,?4,?5,?6) on conflict(id) do update set rev=?2, open=?3, entry=?4, holders=?5, names=?6"
	dropRecord = "delete from record where id=?1"
	putNote    = "insert into note values(?1,?2,?3) on conflict(name) do update set expires=?2, value=?3"
	dropNote   = "delete from note where name=?1"
	sweepNotes = "delete from note where expires < ?1"
)

// Of waiting: a batch gathers for gather before it is written, unless somebody waits; one that failed is tried again after again.
const (
	gather     = 20 * time.Millisecond
	again      = time.Second
	sweepEvery = time.Minute
	// mostPending bounds the memory for what the disk does not take. Beyond it the oldest is given up, which Trouble tells.
	mostPending = 200_000
)

const busyCode = 5 // SQLITE_BUSY

func isBusy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == busyCode
}

// write writes batches until the journal is closed.
func (j *Journal) write() {
	defer close(j.done)
	var swept time.Time
	for range j.wake {
		j.mu.Lock()
		hurry := len(j.syncs) > 0 || j.closed
		j.mu.Unlock()
		if !hurry {
			j.wait(gather)
		}
		if time.Since(swept) > sweepEvery {
			swept = time.Now()
			_, _ = j.db.Exec(sweepNotes, swept.UnixMilli()) // what stays is swept the next time
		}
		if err := j.batch(); err != nil {
			j.mu.Lock()
			closed := j.closed
			j.mu.Unlock()
			if closed {
				return
			}
			j.wait(again)
			j.nudge()
			continue
		}
		j.mu.Lock()
		ends := j.closed && len(j.pending) == 0 && len(j.syncs) == 0
		j.mu.Unlock()
		if ends {
			return
		}
	}
}

// wait gives others time to add to the batch; somebody who waits for the disk ends it.
func (j *Journal) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return
		case <-j.wake:
			j.mu.Lock()
			hurry := len(j.syncs) > 0 || j.closed
			j.mu.Unlock()
			if hurry {
				return
			}
		}
	}
}

// batch writes all that waits in one transaction and answers those who wait for it. What could not be written waits on.
func (j *Journal) batch() error {
	j.mu.Lock()
	pending, syncs, meta, source := j.pending, j.syncs, j.meta, j.source
	j.pending, j.syncs, j.meta = nil, nil, make(map[string]string)
	j.mu.Unlock()
	err := j.commit(pending, meta, source)
	if err == nil && len(syncs) > 0 {
		_, err = j.db.Exec("pragma wal_checkpoint(full)") // flushes the log and writes it back
	}
	for _, s := range syncs {
		s <- err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
	if err == nil {
		return nil
	}
	for name, text := range j.meta {
		meta[name] = text
	}
	j.meta, j.pending = meta, append(pending, j.pending...)
	if over := len(j.pending) - mostPending; over > 0 {
		j.pending = slices.Delete(j.pending, 0, over)
	}
	return err
}

func (j *Journal) commit(pending []any, meta map[string]string, source Source) error {
	if len(pending) == 0 && len(meta) == 0 {
		return nil
	}
	// The store is asked before the transaction: it may be slow.
	w := &writer{rows: make(map[request.ID]*row)}
	ctx := context.Background()
	if err := w.load(ctx, j.db, pending); err != nil {
		return err
	}
	w.apply(pending)
	w.fetch(ctx, source)
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := w.flush(tx, pending); err != nil {
		return err
	}
	for name, text := range meta {
		if _, err := tx.Exec(putMeta, name, text); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// writer is one batch.
type writer struct {
	rows map[request.ID]*row
}

// row is one request of the batch. Gap says that somebody else has changed it in between.
type row struct {
	Record
	known, gap bool
}

// load reads what the journal has of the requests concerned.
func (w *writer) load(ctx context.Context, db *sql.DB, pending []any) error {
	st, err := db.PrepareContext(ctx, getRecord)
	if err != nil {
		return err
	}
	defer st.Close()
	for _, p := range pending {
		var id request.ID
		switch p := p.(type) {
		case Commit:
			id = p.ID
		case store.Settlement:
			id = p.Request
		}
		if id == "" || w.rows[id] != nil {
			continue
		}
		r := &row{Record: Record{ID: id}}
		w.rows[id] = r
		var holders, names []byte
		err := st.QueryRowContext(ctx, string(id)).Scan(&r.Rev, &r.Open, &r.Entry, &holders, &names)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		// A row that cannot be read is read from the store.
		r.known, r.gap = true, errors.Join(json.Unmarshal(holders, &r.Holders), json.Unmarshal(names, &r.Names)) != nil
	}
	return nil
}

func (w *writer) apply(pending []any) {
	for _, p := range pending {
		switch p := p.(type) {
		case Commit:
			w.rows[p.ID].commit(p)
		case store.Settlement:
			w.rows[p.Request].settle(p)
		}
	}
}

// commit takes over a change. One of an older revision than is known comes late and is passed over.
func (r *row) commit(c Commit) {
	if r.known && c.Rev != 0 && c.Rev <= r.Rev {
		return
	}
	if c.From != r.Rev && (r.known || c.From != 0) {
		r.gap = true
	}
	if c.Rev == 0 {
		*r = row{Record: Record{ID: r.ID}, known: true}
		return
	}
	r.known = true
	r.Rev, r.Entry, r.Open = c.Rev, c.Entry, c.Open
	for _, d := range c.Owe {
		h := r.holder(d.Site)
		h.Owed, h.Terms, h.State, h.Due = c.Version, d.Terms, request.Pending, c.Now
		if d.Due.After(c.Now) {
			h.Due, h.State, h.Cause = d.Due, request.Waiting, store.Held
		}
		h.Since = h.Due
	}
	r.Holders = slices.DeleteFunc(r.Holders, func(d request.Delivery) bool { return slices.Contains(c.Drop, d.Site) })
	r.Names = slices.DeleteFunc(r.Names, func(n Name) bool { return slices.Contains(c.Unlink, n.Name) })
	for _, n := range c.Link {
		if i := slices.IndexFunc(r.Names, func(m Name) bool { return m.Name == n.Name }); i >= 0 {
			r.Names[i] = n
		} else {
			r.Names = append(r.Names, n)
		}
	}
}

// holder is the row of a holder, a new one if there is none.
func (r *row) holder(site request.Site) *request.Delivery {
	for i := range r.Holders {
		if r.Holders[i].Site == site {
			return &r.Holders[i]
		}
	}
	r.Holders = append(r.Holders, request.Delivery{Request: r.ID, Site: site})
	return &r.Holders[len(r.Holders)-1]
}

// settle takes over the end of an attempt, as far as it must be known again: what is confirmed, and a person's word.
func (r *row) settle(x store.Settlement) {
	for i := range r.Holders {
		h := &r.Holders[i]
		if h.Site != x.Site {
			continue
		}
		if x.Acked.After(h.Acked) {
			h.Acked = x.Acked
		}
		if x.Local != "" {
			h.Local = x.Local
		}
		if x.Acked != (request.Version{}) {
			h.Last = x.Now
		}
		switch {
		case h.Acked == h.Owed && !h.Linked():
			if x.Token != "" && x.State == request.Delivered {
				r.Holders = slices.Delete(r.Holders, i, i+1)
			}
		case h.Acked == h.Owed:
			h.State, h.Cause = request.Delivered, ""
		case x.State == request.Cancelled && x.Owed == h.Owed:
			h.State, h.Cause = request.Cancelled, x.Cause
		}
		return
	}
	if !r.known {
		r.gap = true
	}
}

// fetch reads the requests that others have changed as well. Those that cannot be read stay as they were put together.
func (w *writer) fetch(ctx context.Context, source Source) {
	if source == nil {
		return
	}
	var ids []request.ID
	for id, r := range w.rows {
		if r.gap {
			ids = append(ids, id)
		}
	}
	for part := range slices.Chunk(ids, 256) {
		got, err := source.Records(ctx, part)
		if err != nil {
			return
		}
		for _, rec := range got {
			if r := w.rows[rec.ID]; rec.Rev >= r.Rev {
				*r = row{Record: rec, known: true}
			}
		}
	}
}

func (w *writer) flush(tx *sql.Tx, pending []any) error {
	put, err := tx.Prepare(putRecord)
	if err != nil {
		return err
	}
	defer put.Close()
	for id, r := range w.rows {
		if r.Rev == 0 || len(r.Entry) == 0 {
			if _, err := tx.Exec(dropRecord, string(id)); err != nil {
				return err
			}
			continue
		}
		holders, err := json.Marshal(r.Holders)
		if err != nil {
			return err
		}
		names, err := json.Marshal(r.Names)
		if err != nil {
			return err
		}
		if _, err := put.Exec(string(id), r.Rev, r.Open, r.Entry, string(holders), string(names)); err != nil {
			return err
		}
	}
	for _, p := range pending {
		n, is := p.(Note)
		if !is {
			continue
		}
		if n.Value == nil {
			_, err = tx.Exec(dropNote, n.Name)
		} else {
			_, err = tx.Exec(putNote, n.Name, n.Expires.UnixMilli(), n.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

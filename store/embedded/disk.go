package embedded

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/store/internal/rows"
)

// schema is made in one transaction with the identity, so that a half-made store is none. Entries are kept by row number, which
// fills pages to the end and keeps a usual entry inside one; the small rows are kept by their key.
const schema = `
create table if not exists meta   (key text primary key, value blob not null) without rowid;
create table if not exists entry  (id text not null unique, value blob not null);
create table if not exists holder (id text primary key, value blob not null) without rowid;
create table if not exists link   (name text primary key, id text not null) without rowid;
create table if not exists intent (slot integer primary key, id text not null);
create table if not exists note   (key text primary key, expires integer not null, value blob not null) without rowid;
create index if not exists note_expires on note (expires);
`

// formatRevision is the revision of the schema; a store of a later one is not opened.
const formatRevision = 1

// pragmas hold for every connection. synchronous=FULL flushes the log at every commit; in WAL mode anything less can lose the
// last commits when power fails. The log is written back when it has 8 MiB.
const pragmas = "_pragma=page_size(4096)&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
	"&_pragma=wal_autocheckpoint(2000)&_pragma=journal_size_limit(33554432)"

// disk is the connection that writes.
type disk struct {
	db   *sql.DB
	conn *sql.Conn
	stmt map[string]*sql.Stmt
}

func openDisk(ctx context.Context, path string) (w *disk, reader *sql.DB, err error) {
	file := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(filepath.Join(path, "ledger.db"))}).EscapedPath()}).String()
	w = &disk{stmt: make(map[string]*sql.Stmt)}
	if w.db, err = sql.Open("sqlite", file+"?"+pragmas+"&_txlock=immediate&_pragma=cache_size(-4000)"); err != nil {
		return nil, nil, err
	}
	w.db.SetMaxOpenConns(1)
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return nil, nil, errors.Join(err, w.db.Close())
	}
	reader, err = sql.Open("sqlite", file+"?"+pragmas+"&_pragma=query_only(1)&_pragma=cache_size(-2000)")
	if err != nil {
		return nil, nil, errors.Join(err, w.close())
	}
	reader.SetMaxOpenConns(4)
	reader.SetMaxIdleConns(2)
	return w, reader, nil
}

// close closes the statements too: database/sql leaves those of a sql.Conn to their maker, and a database with open statements stays open.
func (w *disk) close() error {
	var errs []error
	for _, st := range w.stmt {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, w.conn.Close(), w.db.Close())...)
}

// claim makes the schema and the identity, or checks that the store is id's.
func (w *disk) claim(ctx context.Context, id store.Identity) error {
	tx, err := w.conn.BeginTx(ctx, nil)
	if err != nil {
		return down("store.Open", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	var format int
	if err := tx.QueryRowContext(ctx, "pragma user_version").Scan(&format); err != nil {
		return down("store.Open", err)
	}
	if format > formatRevision {
		return down("store.Open", fmt.Errorf("the store has format %d, written by a later release; this one knows %d", format, formatRevision))
	}
	if _, err := tx.ExecContext(ctx, schema+fmt.Sprintf("pragma user_version=%d", formatRevision)); err != nil {
		return down("store.Open", err)
	}
	var found []byte
	if err := tx.QueryRowContext(ctx, "select value from meta where key='identity'").Scan(&found); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return down("store.Open", err)
	}
	mine, write, err := id.Check(found)
	if err != nil {
		return err
	}
	// A store of a release that knew no lives has lived.
	state := store.Lived
	if found == nil {
		state = store.Fresh
	}
	if _, err := tx.ExecContext(ctx, "insert into meta values('life', ?), ('life_state', ?) on conflict(key) do nothing", store.NewLife(time.Now()), string(state)); err != nil {
		return down("store.Open", err)
	}
	if write {
		if _, err := tx.ExecContext(ctx, "insert into meta values('identity', ?) on conflict(key) do update set value=excluded.value", mine); err != nil {
			return down("store.Open", err)
		}
	}
	return down("store.Open", tx.Commit())
}

// The statements of a change.
const (
	putEntry   = "insert into entry values(?1,?2) on conflict(id) do update set value=?2"
	dropEntry  = "delete from entry where id=?1"
	putHolder  = "insert into holder values(?1,?2) on conflict(id) do update set value=?2"
	dropHolder = "delete from holder where id=?1"
	putLink    = "insert into link values(?1,?2) on conflict(name) do update set id=?2"
	dropLink   = "delete from link where name=?1"
	putIntent  = "insert into intent values(?1,?2) on conflict(slot) do update set id=?2"
	putNote    = "insert into note values(?1,?2,?3) on conflict(key) do update set expires=?2, value=?3"
	dropNote   = "delete from note where key=?1"
	sweepNotes = "delete from note where key in (select key from note where expires < ?1 limit 500)"
)

// exec runs one statement, prepared once.
func (w *disk) exec(query string, args ...any) error {
	ctx := context.Background()
	st := w.stmt[query]
	if st == nil {
		var err error
		if st, err = w.conn.PrepareContext(ctx, query); err != nil {
			return err
		}
		w.stmt[query] = st
	}
	_, err := st.ExecContext(ctx, args...)
	return err
}

// atomically runs do in one transaction and returns when it is on the disk, or when nothing of it is.
func (w *disk) atomically(do func() error) error {
	err := w.exec("begin immediate")
	if err == nil {
		if err = do(); err == nil {
			if err = w.exec("commit"); err == nil {
				return nil
			}
		}
	}
	// The database may have rolled back by itself; then there is nothing to do, and the error says so.
	_ = w.exec("rollback")
	return err
}

// record is an entry with its holders. It is never changed once others can see it.
type record struct {
	entry   request.Entry
	rev     uint64
	holders []request.Delivery // as stored: none is in flight
	size    int
}

// selectRecord reads entry and holders in one statement, so that both are of one moment.
const selectRecord = "select e.id, e.value, h.value from entry e left join holder h on h.id = e.id "

// decodeRecord reads what sealEntry and sealHolders wrote.
func decodeRecord(id string, entry, holders []byte) (*record, error) {
	b, err := rows.Unseal(entry, id)
	if err == nil && len(b) < 8 {
		err = rows.ErrDamaged
	}
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", id, err)
	}
	r := &record{rev: binary.LittleEndian.Uint64(b[len(b)-8:]), size: len(entry) + len(holders)}
	if r.entry, err = rows.DecodeEntry(b[:len(b)-8]); err != nil {
		return nil, fmt.Errorf("entry %s: %w", id, err)
	}
	if holders != nil {
		r.holders, err = decodeHolders(id, holders)
	}
	return r, err
}

// sealEntry appends the revision and the checksum to an encoded entry.
func sealEntry(b []byte, id request.ID, rev uint64) []byte {
	return rows.Seal(binary.LittleEndian.AppendUint64(b, rev), string(id))
}

func sealHolders(id request.ID, holders []request.Delivery) []byte {
	b := make([]byte, 0, 160*len(holders)+4)
	for _, d := range holders {
		b = rows.AppendDelivery(b, d)
	}
	return rows.Seal(b, string(id))
}

func decodeHolders(id string, value []byte) ([]request.Delivery, error) {
	b, err := rows.Unseal(value, id)
	var out []request.Delivery
	for err == nil && len(b) > 0 {
		var d request.Delivery
		if d, b, err = rows.DecodeDelivery(request.ID(id), b); err == nil {
			out = append(out, d)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("holders of %s: %w", id, err)
	}
	return out, nil
}

// prepare makes the reads that come often.
func (s *Store) prepare(ctx context.Context) error {
	var errs [4]error
	s.readRecord, errs[0] = s.reader.PrepareContext(ctx, selectRecord+"where e.id = ?")
	s.readLink, errs[1] = s.reader.PrepareContext(ctx, "select id from link where name = ?")
	s.readNote, errs[2] = s.reader.PrepareContext(ctx, "select value, expires from note where key = ?")
	errs[3] = s.reader.QueryRowContext(ctx, "select coalesce(max(id), '') from entry").Scan(&s.highest)
	return errors.Join(errs[:]...)
}

// loadDue streams the holders' rows and indexes what is not delivered.
func (s *Store) loadDue(ctx context.Context) error {
	res, err := s.reader.QueryContext(ctx, "select id, value from holder")
	if err != nil {
		return err
	}
	defer func() { _ = res.Close() }() // read to the end below, or failed already
	for res.Next() {
		var id string
		var value sql.RawBytes
		if err := res.Scan(&id, &value); err != nil {
			return err
		}
		holders, err := decodeHolders(id, value)
		if err != nil {
			return err
		}
		for i := range holders {
			s.due.put(&holders[i], true)
		}
	}
	return res.Err()
}

// loadIntents finds the open intents: the rows whose entry still has one.
func (s *Store) loadIntents(ctx context.Context) error {
	res, err := s.reader.QueryContext(ctx, "select slot, id from intent order by slot")
	if err != nil {
		return err
	}
	defer func() { _ = res.Close() }() // as above
	rowsBySlot := make(map[int]request.ID)
	for res.Next() {
		var slot int
		var id request.ID
		if err := res.Scan(&slot, &id); err != nil {
			return err
		}
		rowsBySlot[slot], s.slots.next = id, slot
	}
	if err := res.Err(); err != nil {
		return err
	}
	for slot := 1; slot <= s.slots.next; slot++ {
		id, there := rowsBySlot[slot]
		r, err := s.fetch(id)
		if err != nil {
			return err
		}
		_, twice := s.open[id]
		if there && r != nil && rows.Open(&r.entry) && !twice {
			s.open[id] = slot
		} else {
			s.slots.give(slot)
		}
	}
	return nil
}

// expiry is a time as the note table keeps it.
func expiry(t time.Time) int64 { return t.Unix() }

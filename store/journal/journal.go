// Package journal keeps one gateway's own copy of what it has written to a store that can be lost: what a shared Redis forgets
// when it is emptied, replaced or fails over to an older state is put back from the journals of the gateways that wrote it.
//
// It is a copy and not a log: of each request the newest state, and the notes that have not expired, in an SQLite file on the
// gateway's own disk. Writing is behind the store by some milliseconds and never fails a caller: what is not on the disk yet is
// in memory, which is enough when the store is lost and the gateway is not. What only the store and this gateway know (writes
// accepted for later, ownership released) is flushed before it is acknowledged, see [Journal.Sync].
package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Record is one request as it is to be put back.
type Record struct {
	ID  request.ID
	Rev uint64
	// Entry is the stored value of the entry, as the store encodes it, Open whether it is unsettled.
	Entry []byte
	Open  bool
	// Holders are all holders. Their states are what was last written here: one whose Acked is not Owed is pending.
	Holders []request.Delivery
	// Names are the names that lead to it.
	Names []Name
}

// Name is a name of a request. Nonce is the store's own mark; of two requests that claim one name the later At is right.
type Name struct {
	Name  string `json:"name"`
	Nonce string `json:"nonce"`
	At    int64  `json:"at"`
}

// Note is something kept under a name until it expires.
type Note struct {
	Name    string
	Value   []byte
	Expires time.Time
}

// Commit is one change of a request that the store has made.
type Commit struct {
	ID request.ID
	// From is the revision it was made from, Rev the one that it made; 0: the request was forgotten.
	From, Rev uint64
	Entry     []byte
	Open      bool
	Version   request.Version
	Owe       []request.Debt
	Drop      []request.Site
	Link      []Name
	Unlink    []string
	Now       time.Time
}

// Source reads records back from the store, for those that others have changed as well.
type Source interface {
	Records(ctx context.Context, ids []request.ID) ([]Record, error)
}

// Journal is an open journal. Its methods are safe for concurrent use.
type Journal struct {
	id       string
	path     string // of the first journal beside which this one is, and of this one
	at       string
	identity store.Identity
	db       *sql.DB

	mu      sync.Mutex
	pending []any // Commit, store.Settlement, Note, in order
	syncs   []chan error
	meta    map[string]string // changes of the meta table
	marked  map[string]string // what was marked last
	source  Source
	err     error // why the last batch was not written
	closed  bool

	wake chan struct{}
	done chan struct{}
}

// schema is made in one transaction.
const schema = `
create table if not exists meta   (key text primary key, value text not null) without rowid;
create table if not exists record (id text not null unique, rev integer not null, open integer not null, entry blob not null, holders text not null, names text not null);
create table if not exists note   (name text primary key, expires integer not null, value blob not null) without rowid;
`

// pragmas: the file belongs to one process, which holds its lock as long as it is open. The log is flushed when it is written
// back and by Sync.
const pragmas = "_pragma=busy_timeout(0)&_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)" +
	"&_pragma=wal_autocheckpoint(2000)&_pragma=journal_size_limit(33554432)&_pragma=cache_size(-4000)&_txlock=immediate"

// mostJournals bounds how many gateways of a site may share a folder.
const mostJournals = 64

// Open opens the journal in the folder at path and makes it when there is none. Where another process of the site has it, the next
// one beside it is taken: path-2, path-3. Errors: store.ErrForeign when it is another site's, Kind StoreDown for the disk.
func Open(ctx context.Context, path string, id store.Identity) (*Journal, error) {
	for n := 1; ; n++ {
		at := numbered(path, n)
		j, busy, err := open(ctx, at, id)
		if err == nil {
			j.path, j.identity = path, id
			go j.write()
			return j, nil
		}
		if !busy || n == mostJournals {
			return nil, down(err)
		}
	}
}

func numbered(path string, n int) string {
	if n > 1 {
		return fmt.Sprintf("%s-%d", path, n)
	}
	return path
}

// Others are the journals beside this one that no process has open: of gateways that ran here once. The caller closes them.
func (j *Journal) Others(ctx context.Context) []*Journal {
	var out []*Journal
	for n := 1; n <= mostJournals; n++ {
		at := numbered(j.path, n)
		if _, err := os.Stat(filepath.Join(at, file)); err != nil || at == j.at {
			continue
		}
		if other, _, err := open(ctx, at, j.identity); err == nil { // else it is somebody's
			go other.write()
			out = append(out, other)
		}
	}
	return out
}

// file is the database in the folder of a journal.
const file = "journal.db"

func open(ctx context.Context, path string, id store.Identity) (j *Journal, busy bool, err error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, false, err
	}
	name := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(filepath.Join(path, file))}).EscapedPath()}).String()
	db, err := sql.Open("sqlite", name+"?"+pragmas)
	if err != nil {
		return nil, false, err
	}
	db.SetMaxOpenConns(1)
	j = &Journal{at: path, db: db, meta: make(map[string]string), marked: make(map[string]string), wake: make(chan struct{}, 1), done: make(chan struct{})}
	if err := j.claim(ctx, id); err != nil {
		return nil, isBusy(err), errors.Join(err, db.Close())
	}
	return j, false, nil
}

// claim makes the schema and the identity, or checks that the journal is id's.
func (j *Journal) claim(ctx context.Context, id store.Identity) error {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	var found []byte
	if err := tx.QueryRowContext(ctx, "select value from meta where key='identity'").Scan(&found); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	mine, write, err := id.Check(found)
	if err != nil {
		return err
	}
	if write {
		if _, err := tx.ExecContext(ctx, putMeta, "identity", string(mine)); err != nil {
			return err
		}
	}
	err = tx.QueryRowContext(ctx, "select value from meta where key='journal'").Scan(&j.id)
	if errors.Is(err, sql.ErrNoRows) {
		j.id = rand.Text()
		_, err = tx.ExecContext(ctx, putMeta, "journal", j.id)
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

// ID names the journal, for as long as its file exists.
func (j *Journal) ID() string { return j.id }

// Follow says from where records are read that others have changed as well. Without it they are put together from what is known.
func (j *Journal) Follow(s Source) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.source = s
}

// Committed, Settled, Noted and Forgot take over what the store has done. They only remember it; the disk comes later.
func (j *Journal) Committed(c Commit) { j.add(c) }

// Settled takes over ends of deliveries.
func (j *Journal) Settled(list []store.Settlement) {
	for _, x := range list {
		if x.Acked != (request.Version{}) || x.Local != "" || x.State == request.Cancelled || x.State == request.Delivered {
			j.add(x)
		}
	}
}

// Noted takes over a note; one without a value is forgotten.
func (j *Journal) Noted(n Note) { j.add(n) }

func (j *Journal) add(v any) {
	j.mu.Lock()
	if !j.closed {
		j.pending = append(j.pending, v)
	}
	j.mu.Unlock()
	j.nudge()
}

func (j *Journal) nudge() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Mark remembers a short text under a name, such as the life of the store that the journal follows.
func (j *Journal) Mark(name, text string) {
	j.mu.Lock()
	same := j.marked[name] == text && text != ""
	if !same {
		j.meta[name], j.marked[name] = text, text
	}
	j.mu.Unlock()
	if !same { // an idle gateway writes nothing
		j.nudge()
	}
}

// Marked is what Mark remembered last, also before a restart; "" for nothing.
func (j *Journal) Marked(ctx context.Context, name string) (text string, err error) {
	j.mu.Lock()
	text, ok := j.meta[name]
	j.mu.Unlock()
	if ok {
		return text, nil
	}
	err = j.db.QueryRowContext(ctx, "select value from meta where key=?", name).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return text, down(err)
}

// Sync returns when all that was taken over before is flushed to the disk. The error says why it is not.
func (j *Journal) Sync(ctx context.Context) error {
	answer := make(chan error, 1)
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return store.ErrClosed
	}
	j.syncs = append(j.syncs, answer)
	j.mu.Unlock()
	j.nudge()
	select {
	case err := <-answer:
		return down(err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Trouble says why the journal is behind, "" when it is not.
func (j *Journal) Trouble() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return "the journal of the gateway cannot be written: " + j.err.Error()
	}
	return ""
}

// Close writes what is left and closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	j.nudge()
	<-j.done
	return down(j.db.Close())
}

// Reset forgets all records and notes: they are of a life of the store that is over.
func (j *Journal) Reset(ctx context.Context) error {
	if err := j.Sync(ctx); err != nil {
		return err
	}
	j.mu.Lock()
	clear(j.marked)
	j.mu.Unlock()
	_, err := j.db.ExecContext(ctx, "delete from record; delete from note; delete from meta where key not in ('identity', 'journal')")
	return down(err)
}

// Each calls use with all records, in order of id, some at a time, and returns its first error.
func (j *Journal) Each(ctx context.Context, use func([]Record) error) error {
	for after := ""; ; {
		page, err := j.page(ctx, after)
		if err != nil || len(page) == 0 {
			return down(err)
		}
		if err := use(page); err != nil {
			return err
		}
		after = string(page[len(page)-1].ID)
	}
}

func (j *Journal) page(ctx context.Context, after string) ([]Record, error) {
	found, err := j.db.QueryContext(ctx, "select id, rev, open, entry, holders, names from record where id > ? order by id limit 256", after)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var page []Record
	for found.Next() {
		var r Record
		var holders, names []byte
		if err := found.Scan(&r.ID, &r.Rev, &r.Open, &r.Entry, &holders, &names); err != nil {
			return nil, err
		}
		if err := errors.Join(json.Unmarshal(holders, &r.Holders), json.Unmarshal(names, &r.Names)); err != nil {
			return nil, fmt.Errorf("record %s: %w", r.ID, err)
		}
		page = append(page, r)
	}
	return page, found.Err()
}

// Notes calls use with all notes that have not expired.
func (j *Journal) Notes(ctx context.Context, now time.Time, use func([]Note) error) error {
	for after := ""; ; {
		page, err := j.notes(ctx, after, now)
		if err != nil || len(page) == 0 {
			return down(err)
		}
		if err := use(page); err != nil {
			return err
		}
		after = page[len(page)-1].Name
	}
}

func (j *Journal) notes(ctx context.Context, after string, now time.Time) ([]Note, error) {
	found, err := j.db.QueryContext(ctx, "select name, expires, value from note where name > ? and expires > ? order by name limit 256", after, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var page []Note
	for found.Next() {
		var n Note
		var expires int64
		if err := found.Scan(&n.Name, &expires, &n.Value); err != nil {
			return nil, err
		}
		n.Expires = time.UnixMilli(expires)
		page = append(page, n)
	}
	return page, found.Err()
}

func down(err error) error {
	if err == nil || errors.Is(err, store.ErrForeign) || errors.Is(err, store.ErrClosed) {
		return err
	}
	return &request.Error{Op: "journal", Kind: request.StoreDown, Err: err}
}

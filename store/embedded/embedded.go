// Package embedded is the durable store that needs nothing installed: one folder with an SQLite database, owned by one process.
//
// What is acknowledged has been flushed to the disk. Concurrent changes share one flush: a single writer takes all that
// wait, judges each against the newest state, writes them in one transaction and only then answers. Since no other process
// writes, memory is authoritative: what is due, leases and open intents live there and are rebuilt when the store is opened.
// DESIGN.md beside this package says what is where and why every crash is safe.
package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Options tune a store. The zero value is good.
type Options struct {
	// Cache bounds the memory for entries and names read lately, in bytes; 0 is 16 MiB.
	Cache int64
	// Now tells the time for the expiry of keys and operations, and for what is behind and not only held; nil is time.Now.
	Now func() time.Time
}

// Store is an open embedded store. It implements store.Store.
type Store struct {
	id     store.Identity
	now    func() time.Time
	lock   *os.File
	disk   *disk
	reader *sql.DB
	// Reads that come often, prepared once for each connection.
	readRecord, readLink, readNote *sql.Stmt

	gate    sync.RWMutex // held for reading while a job is handed over, for writing to close
	closed  bool
	jobs    chan *job
	stopped chan struct{}
	swept   time.Time // the writer's own

	mu      sync.Mutex // guards what follows; never held over I/O
	records *lru[request.ID, *record]
	names   *lru[string, request.ID]
	stamps  [1024]uint32 // counts publications, by hash of the id or name; see fill
	seed    maphash.Seed
	due     index
	open    map[request.ID]int // unsettled requests and their slots
	slots   slots
	highest request.ID // no request has an id above it
	tokens  uint64
	boot    string
}

// Open opens the store in the folder at path and makes it when there is none. Errors: the folder is in use by another process,
// store.ErrForeign when it belongs to another identity, or Kind StoreDown when the disk or its content is at fault.
func Open(ctx context.Context, path string, id store.Identity, opts Options) (store.Store, error) {
	s, err := openStore(ctx, path, id, opts)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openStore(ctx context.Context, path string, id store.Identity, opts Options) (*Store, error) {
	if opts.Cache <= 0 {
		opts.Cache = 16 << 20
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if err := makeFolder(path); err != nil {
		return nil, down("store.Open", err)
	}
	lock, err := lockFolder(path)
	if err != nil {
		return nil, &request.Error{Op: "store.Open", Kind: request.StoreDown, Detail: "the store " + path + " cannot be locked", Err: err}
	}
	s := &Store{id: id, now: opts.Now, lock: lock, jobs: make(chan *job, 256), stopped: make(chan struct{}), seed: maphash.MakeSeed(),
		records: newLRU[request.ID, *record](opts.Cache * 7 / 8), names: newLRU[string, request.ID](opts.Cache / 8),
		due: index{}, open: make(map[request.ID]int), boot: newBoot()}
	if err := s.load(ctx, path); err != nil {
		return nil, errors.Join(err, s.release())
	}
	go s.write()
	return s, nil
}

// load opens the database and rebuilds what lives in memory.
func (s *Store) load(ctx context.Context, path string) error {
	var err error
	if s.disk, s.reader, err = openDisk(ctx, path); err != nil {
		return down("store.Open", err)
	}
	if err := s.disk.claim(ctx, s.id); err != nil {
		return err
	}
	if err := syncFolder(path); err != nil {
		return down("store.Open", err)
	}
	if err := s.prepare(ctx); err != nil {
		return down("store.Open", err)
	}
	if err := s.loadDue(ctx); err != nil {
		return down("store.Open", err)
	}
	if err := s.loadIntents(ctx); err != nil {
		return down("store.Open", err)
	}
	return nil
}

// release gives up files and lock.
func (s *Store) release() error {
	var errs []error
	if s.reader != nil {
		errs = append(errs, s.reader.Close())
	}
	if s.disk != nil {
		errs = append(errs, s.disk.close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// Close finishes the changes handed over, then closes the files. Later calls return store.ErrClosed; a second Close does nothing.
func (s *Store) Close() error {
	s.gate.Lock()
	if s.closed {
		s.gate.Unlock()
		return nil
	}
	s.closed = true
	close(s.jobs)
	s.gate.Unlock()
	<-s.stopped
	return s.release()
}

// Warnings is empty: this store is always set up safely.
func (s *Store) Warnings() []string { return nil }

// Ping tells whether the database can be read.
func (s *Store) Ping(ctx context.Context) error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	var one int
	if err := s.reader.QueryRowContext(ctx, "select count(*) from meta").Scan(&one); err != nil {
		return down("store.Ping", err)
	}
	return nil
}

// down wraps a failure of the disk or of its content; errors that are part of the contract stay as they are.
func down(op string, err error) error {
	if err == nil || errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrForeign) {
		return err
	}
	return &request.Error{Op: op, Kind: request.StoreDown, Err: err}
}

func makeFolder(path string) error {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is a file; the store is a folder", path)
	}
	return makeSynced(path)
}

// makeSynced makes a folder and those above it, each recorded durably in the one above.
func makeSynced(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	parent := parentOf(path)
	if err := makeSynced(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

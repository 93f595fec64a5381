package debts

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// ErrInUse: another process has the spool.
var ErrInUse = errors.New("the spool is in use by another process")

// Options tune a spool. The zero value is good.
type Options struct {
	// Most bounds how many debts there may be (default 100,000), Bytes how large the file may grow (default 256 MiB): beyond them
	// new ones are refused.
	Most  int
	Bytes int64
	// Answer is the most bytes of an answer that is kept for a repeated Idempotency-Key (default 64 KiB).
	Answer int
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Spool is an open spool. Its methods are safe for concurrent use.
type Spool struct {
	options Options
	dir     string
	path    string
	lock    *os.File
	seen    *seen

	jobs chan *job
	done chan struct{}
	gate sync.RWMutex // held for reading while a job is handed over

	mu      sync.Mutex
	closed  bool
	file    *os.File
	size    int64
	dead    int64 // bytes of lines that say nothing any more
	stale   bool  // what is in memory is not what is in the file, which is to be written anew
	trouble string
	live    map[string]*Debt
	turn    map[string]uint64 // by op, in which order they came
	last    uint64
	records map[place]int // debts that hold work on a record back
	keys    map[string]string
	index   map[place][]string // the debts of each record, in order
}

// place is a record, or a collection of which some record is meant.
type place struct{ collection, local string }

// mostSpools bounds how many processes of a site may share a folder.
const mostSpools = 64

// Open opens a spool in a folder, which it makes when there is none. Where another process has the first one the next one is taken:
// every process has its own. Errors: ErrInUse when all are taken, and those of the disk.
func Open(dir string, o Options) (*Spool, error) {
	o.Most, o.Bytes, o.Answer = cmp.Or(o.Most, 100_000), cmp.Or(o.Bytes, 256<<20), cmp.Or(o.Answer, 64<<10)
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("debts: %w", err)
	}
	for n := 1; n <= mostSpools; n++ {
		s, err := open(dir, n, o)
		if err == nil {
			go s.write()
			return s, nil
		}
		if !errors.Is(err, ErrInUse) {
			return nil, fmt.Errorf("debts: %w", err)
		}
	}
	return nil, fmt.Errorf("debts: %s: %w", dir, ErrInUse)
}

// Left reports whether there are debts in a folder.
func Left(dir string) bool {
	for n := 1; n <= mostSpools; n++ {
		if info, err := os.Stat(filepath.Join(dir, fmt.Sprintf("debts-%d", n))); err == nil && info.Size() > 0 {
			return true
		}
	}
	return len(asides(dir)) > 0
}

func open(dir string, n int, o Options) (*Spool, error) {
	path := filepath.Join(dir, fmt.Sprintf("debts-%d", n))
	l, err := lock(path + ".lock")
	if err != nil {
		return nil, err
	}
	s := &Spool{options: o, dir: dir, path: path, lock: l, jobs: make(chan *job, 1024), done: make(chan struct{}), live: make(map[string]*Debt),
		turn: make(map[string]uint64), records: make(map[place]int), index: make(map[place][]string), keys: make(map[string]string)}
	if s.file, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	damaged, err := s.load(o.Now())
	if err == nil && damaged > 0 {
		if err = keepAside(path, o.Now()); err == nil {
			err = s.rewrite()
		}
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err == nil {
		s.seen, err = openSeen(path+".keys", o.Now())
	}
	if err != nil {
		return nil, errors.Join(err, s.file.Close(), l.Close())
	}
	return s, nil
}

// Close ends the spool. What was handed to it is written.
func (s *Spool) Close() error {
	s.gate.Lock()
	if s.closed {
		s.gate.Unlock()
		return nil
	}
	s.closed = true
	close(s.jobs)
	s.gate.Unlock()
	<-s.done
	return errors.Join(s.seen.close(), s.file.Close(), s.lock.Close())
}

// Begin makes a debt durable before its call is made. Kind StoreDown: it cannot be, and the call must not be made.
func (s *Spool) Begin(d Debt) error {
	s.mu.Lock()
	full := len(s.live) >= s.options.Most || s.size > s.options.Bytes
	s.mu.Unlock()
	if full {
		return &request.Error{Op: "debts.Begin", Kind: request.StoreDown, Retry: 10 * time.Second,
			Detail: "the store does not answer, and there is no more room for writes to be remembered beside it"}
	}
	d.Flying = true
	if err := s.append(line{Verb: opened, Debt: d}, true); err != nil {
		return &request.Error{Op: "debts.Begin", Kind: request.StoreDown, Err: err, Retry: 5 * time.Second,
			Detail: "the store does not answer, and the write cannot be remembered beside it"}
	}
	return nil
}

// End remembers what came of the call of a debt. With an error it is remembered as long as the process lives.
func (s *Spool) End(op string, e End) error {
	if e.Answer != nil && len(e.Answer.Body) > s.options.Answer {
		e.Answer = nil
	}
	s.mu.Lock()
	d := s.live[op]
	if d == nil {
		s.mu.Unlock()
		return nil
	}
	l := line{Verb: ended, Debt: d.brief(), End: &e}
	s.mu.Unlock()
	err := s.append(l, true)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.apply(l)
		s.stale = true
	}
	return err
}

// Unanswered notes that the call of a debt was given up without an answer.
func (s *Spool) Unanswered(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.live[op]; d != nil {
		d.Flying, d.Quiet = false, s.options.Now()
	}
}

// Propose notes that the ledger has a debt's write, which now waits for the owner of the request.
func (s *Spool) Propose(op string) error {
	return s.append(line{Verb: proposed, Debt: Debt{Op: op}}, true)
}

// Strike removes a debt: it is settled, or nothing came of it. It is not waited for: to settle one twice does no harm.
func (s *Spool) Strike(op string) {
	_ = s.append(line{Verb: struck, Debt: Debt{Op: op}}, false)
}

// add puts a new debt into memory; the caller holds mu, or is alone.
func (s *Spool) add(d Debt) *Debt {
	one := d
	one.End, one.Proposed, one.size = nil, false, 0 // that is what further lines say
	s.last++
	s.live[d.Op], s.turn[d.Op] = &one, s.last
	if d.Key != "" {
		s.keys[d.Key] = d.Op
	}
	if d.Local != "" || d.Kind != request.Create || d.Child != nil {
		s.records[placeOf(&one)]++
		s.index[placeOf(&one)] = append(s.index[placeOf(&one)], d.Op)
	}
	return &one
}

// place is for a create that has just been told its local id.
func (s *Spool) place(d *Debt) {
	if d.Local == "" && d.Kind == request.Create && d.Child == nil && d.Record() != "" {
		s.records[placeOf(d)]++
		s.index[placeOf(d)] = append(s.index[placeOf(d)], d.Op)
	}
}

func placeOf(d *Debt) place { return place{d.Collection, d.Record()} }

// remove takes a debt out of memory.
func (s *Spool) remove(op string) {
	d := s.live[op]
	if d == nil {
		return
	}
	delete(s.live, op)
	delete(s.turn, op)
	if s.keys[d.Key] == op {
		delete(s.keys, d.Key)
	}
	s.release(d)
	p := placeOf(d)
	if left := slices.DeleteFunc(s.index[p], func(x string) bool { return x == op }); len(left) > 0 {
		s.index[p] = left
	} else {
		delete(s.index, p)
	}
}

// release lets work on a record of a debt go on.
func (s *Spool) release(d *Debt) {
	p := placeOf(d)
	if d.Proposed || p.local == "" && d.Kind == request.Create && d.Child == nil {
		return
	}
	if s.records[p]--; s.records[p] <= 0 {
		delete(s.records, p)
	}
}

// order is the names of the debts in the order in which they were made; the caller holds mu.
func (s *Spool) order() []string {
	ops := make([]string, 0, len(s.live))
	for op := range s.live {
		ops = append(ops, op)
	}
	slices.SortFunc(ops, func(a, b string) int { return cmp.Compare(s.turn[a], s.turn[b]) })
	return ops
}

// List are the debts in the order in which they were made.
func (s *Spool) List() []Debt {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Debt, 0, len(s.live))
	for _, op := range s.order() {
		out = append(out, *s.live[op])
	}
	return out
}

// Of are the debts of one record, in order, with those that may be of it since their call does not name a record.
func (s *Spool) Of(collection, local string) (out []Debt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ops := slices.Clone(s.index[place{collection, local}])
	if local != "" {
		ops = append(ops, s.index[place{collection, ""}]...)
	}
	slices.SortFunc(ops, func(a, b string) int { return cmp.Compare(s.turn[a], s.turn[b]) })
	for _, op := range ops {
		out = append(out, *s.live[op])
	}
	return out
}

// Holds reports whether a record has debts, or may have.
func (s *Spool) Holds(collection, local string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[place{collection, local}] > 0 || s.records[place{collection, ""}] > 0
}

// ByOp finds a debt by its operation, ByKey by the hash of its Idempotency-Key.
func (s *Spool) ByOp(op string) (Debt, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.live[op]
	if d == nil {
		return Debt{}, false
	}
	return *d, true
}

// ByKey finds the debt of an Idempotency-Key.
func (s *Spool) ByKey(hash string) (Debt, bool) {
	s.mu.Lock()
	op, ok := s.keys[hash]
	s.mu.Unlock()
	if !ok || hash == "" {
		return Debt{}, false
	}
	return s.ByOp(op)
}

// Count is how many debts there are, and since when there has been one.
func (s *Spool) Count() (n int, oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.live {
		if oldest.IsZero() || d.At.Before(oldest) {
			oldest = d.At
		}
	}
	return len(s.live), oldest
}

// Trouble is what a person should know of the spool, "" for nothing.
func (s *Spool) Trouble() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if list := asides(s.dir); len(list) > 0 {
		return "lines of the debts of a brown-out were damaged on the disk; the file was kept as " + list[0] +
			": compare the records that were written then with their requests, and remove it"
	}
	return s.trouble
}

// Failing is why nothing can be remembered just now, "" when it can be.
func (s *Spool) Failing() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// Saw notes that an Idempotency-Key was used while the store was there; Known reports whether it may have been.
func (s *Spool) Saw(hash string) { s.seen.add(hash, s.options.Now()) }

// Known reports whether a key was used before at this gateway, as far as that is remembered.
func (s *Spool) Known(hash string) bool { return s.seen.has(hash) }

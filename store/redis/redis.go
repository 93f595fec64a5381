// Package redis keeps a site's store in Redis 7 or later, or Valkey: single, behind Sentinel, or a cluster. Several gateways
// of one site may share it.
//
// All that belongs to one request is one hash, changed by one script; everything else of its partition is derived from it in
// the same script. A site's data is spread over 32 partitions, each in one slot of a cluster. Calls of many goroutines travel
// together in pipelines. Every script may be repeated without a second effect, so that a lost answer is asked for once more.
package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// Options tune a store. The zero value is good.
type Options struct {
	// AllowUnsafe opens a store on a server that may delete keys by itself. Warnings still say so.
	AllowUnsafe bool
	// Timeout bounds one round trip and the dial before it; 0 is 5 seconds.
	Timeout time.Duration
	// Lanes is how many pipelines may be under way at once; 0 is 4.
	Lanes int
	// Journal is this gateway's own copy of what it writes, from which a store that was lost is put together again; the store closes it.
	// nil: what is lost can only be learned from others.
	Journal Journal
	// Now tells the time for the life of operations, and for what is behind and not only held; nil is time.Now.
	Now func() time.Time
	// apart treats a single server like a cluster, for tests.
	apart bool
}

// Store is an open store in Redis. It implements store.Store.
type Store struct {
	client   goredis.UniversalClient
	keys     keyspace
	scripts  scripts
	batcher  *batcher
	warnings []string
	now      func() time.Time
	boot     string
	tokens   atomic.Uint64
	closed   atomic.Bool
	identity store.Identity
	journal  Journal
	life     *life
	leave    context.CancelFunc
	looked   chan struct{}
	// single is a server that is no cluster: one script may touch all partitions.
	single bool
}

// together is which calls may go as one: those of one partition, or all of them on a single server.
func (s *Store) together(partition int) int {
	if s.single {
		return 0
	}
	return partition
}

// Open connects to Redis and checks how it is set up. url is one of
//
//	redis://[user:password@]host:6379/0         rediss:// with TLS
//	redis+sentinel://MASTER@host1:26379,host2:26379/0
//	redis+cluster://[user:password@]host1:6379,host2:6379
//
// The last two take the options username, password, sentinel_username, sentinel_password and tls=true in the query. Errors: the
// URL is wrong (Kind Invalid), store.ErrForeign, Kind StoreDown when the server cannot be reached or is set up so that it would
// lose data by design: it evicts keys (unless allowed) or is a replica.
func Open(ctx context.Context, url string, id store.Identity, opts Options) (store.Store, error) {
	s, err := openStore(ctx, url, id, opts)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openStore(ctx context.Context, url string, id store.Identity, opts Options) (*Store, error) {
	if opts.Timeout <= 0 {
		opts.Timeout = 5 * time.Second
	}
	if opts.Lanes <= 0 {
		opts.Lanes = 4
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	conf, err := parseURL(url)
	if err != nil {
		return nil, &request.Error{Op: "store.Open", Kind: request.Invalid, Err: err}
	}
	s := &Store{client: newClient(conf, opts), keys: newKeyspace(id), scripts: newScripts(), now: opts.Now, boot: rand.Text(), identity: id,
		journal: opts.Journal, life: newLife(), looked: make(chan struct{})}
	_, cluster := s.client.(*goredis.ClusterClient)
	s.single = !cluster && !opts.apart
	if err := s.start(ctx, id, opts); err != nil {
		return nil, errors.Join(err, s.client.Close())
	}
	s.batcher = newBatcher(s, opts.Lanes, opts.Timeout)
	if s.journal != nil {
		s.journal.Follow(s)
	}
	ctx, s.leave = context.WithCancel(context.WithoutCancel(ctx))
	go s.lookAfter(ctx)
	return s, nil
}

// start checks server and identity.
func (s *Store) start(ctx context.Context, id store.Identity, opts Options) error {
	ctx, cancel := context.WithTimeout(ctx, 2*opts.Timeout)
	defer cancel()
	warnings, unsafe, err := checkAll(ctx, s.client)
	if err != nil {
		return down("store.Open", err)
	}
	if len(unsafe) > 0 {
		if !opts.AllowUnsafe || len(unsafe) != len(evictions(unsafe)) {
			return &request.Error{Op: "store.Open", Kind: request.StoreDown, Detail: strings.Join(unsafe, "; ")}
		}
		warnings = append(unsafe, warnings...)
	}
	s.warnings = warnings
	mine, _, err := id.Check(nil)
	if err != nil {
		return down("store.Open", err)
	}
	found, err := s.client.SetArgs(ctx, s.keys.identity(), mine, goredis.SetArgs{Mode: "NX", Get: true}).Result()
	if errors.Is(err, goredis.Nil) {
		return s.startLife(ctx, true) // a new store, ours from now on
	}
	if err != nil {
		return down("store.Open", err)
	}
	mine, write, err := id.Check([]byte(found))
	if err != nil {
		return err
	}
	if write {
		if err := s.client.Set(ctx, s.keys.identity(), mine, 0).Err(); err != nil {
			return down("store.Open", err)
		}
	}
	return s.startLife(ctx, false)
}

// Warnings implements store.Store: what was found when the store was opened, and what is wrong with the journal.
func (s *Store) Warnings() []string {
	if s.journal == nil {
		return s.warnings
	}
	if trouble := s.journal.Trouble(); trouble != "" {
		return append(slices.Clone(s.warnings), trouble)
	}
	return s.warnings
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	return s.do(ctx, "store.Ping", call(goredis.NewStatusCmd(ctx, "ping")))
}

// Close implements store.Store. Calls under way are finished.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.leave()
	<-s.looked
	s.batcher.close()
	var err error
	if s.journal != nil {
		err = s.journal.Close()
	}
	return errors.Join(err, s.client.Close())
}

// do sends calls with those of others and returns the first error. An answer of nil is no error.
func (s *Store) do(ctx context.Context, op string, calls ...*pending) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	if err := s.life.closedFor(ctx); err != nil {
		return err
	}
	id, _ := s.life.now("")
	if err := s.batcher.do(ctx, calls); err != nil {
		return down(op, err)
	}
	for _, c := range calls {
		if err := c.cmd.Err(); lostAnswer(err) {
			s.life.lose(id, "the store was emptied, or set back to an older state")
			return s.life.closedOr(id)
		} else if err != nil && !errors.Is(err, goredis.Nil) {
			return down(op, err)
		}
	}
	return nil
}

// down wraps a failure of the server or of the way to it; errors that are part of the contract stay as they are.
func down(op string, err error) error {
	if err == nil || request.KindOf(err) == request.Rejoining || errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrForeign) {
		return err
	}
	return &request.Error{Op: op, Kind: request.StoreDown, Err: err}
}

// unique names a transaction, a claim or a link once in the whole network.
func (s *Store) unique() string { return s.boot + "." + strconv.FormatUint(s.tokens.Add(1), 36) }

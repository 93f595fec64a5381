package redis

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// pending is one command on its way to the server.
type pending struct {
	cmd goredis.Cmder
	// again makes the same command anew for a second try; nil for one that must not be repeated.
	again func() goredis.Cmder
	// text is the same command with the script's text instead of its digest; nil for a plain command.
	text func() goredis.Cmder
}

// call is a plain command that may be repeated: a read, or a write that says the same again.
func call(cmd goredis.Cmder) *pending {
	args := cmd.Args()
	return &pending{cmd: cmd, again: func() goredis.Cmder { return remake(cmd, args) }}
}

// remake is a new command of the same kind and arguments.
func remake(cmd goredis.Cmder, args []any) goredis.Cmder {
	ctx := context.Background()
	switch cmd.(type) {
	case *goredis.StatusCmd:
		return goredis.NewStatusCmd(ctx, args...)
	case *goredis.StringCmd:
		return goredis.NewStringCmd(ctx, args...)
	case *goredis.IntCmd:
		return goredis.NewIntCmd(ctx, args...)
	case *goredis.StringSliceCmd:
		return goredis.NewStringSliceCmd(ctx, args...)
	case *goredis.MapStringStringCmd:
		return goredis.NewMapStringStringCmd(ctx, args...)
	case *goredis.ZSliceCmd:
		return goredis.NewZSliceCmd(ctx, args...)
	}
	return goredis.NewCmd(ctx, args...)
}

// order is a script to be run under the tag of one partition.
type order struct {
	script script
	tag    string
	// txid names the transaction; it is the same when the script is repeated.
	txid string
	// once says that it must not be repeated when its answer is lost.
	once bool
}

// run is a script in the life of the store as it is known now.
func (s *Store) run(o order, args ...any) *pending {
	key := s.lifeKey(o.tag)
	id, seen := s.life.now(key)
	if o.txid == "" {
		o.txid = s.unique()
	}
	return runWith(o, key, append(args, id, seen.seq, seen.tx, o.txid))
}

// runIn is a script in a life that this process does not live in yet.
func (s *Store) runIn(life string, sc script, tag string, args ...any) *pending {
	return runWith(order{script: sc, tag: tag}, s.lifeKey(tag), append(args, life, 0, "", s.unique()))
}

func runWith(o order, life string, args []any) *pending {
	with := func(name, text string) goredis.Cmder {
		all := append(make([]any, 0, len(args)+5), name, text, 2, o.tag, life)
		return goredis.NewCmd(context.Background(), append(all, args...)...)
	}
	sc, once := o.script, o.once
	p := &pending{cmd: with("evalsha", sc.sha), text: func() goredis.Cmder { return with("eval", sc.text) }}
	if !once {
		p.again = func() goredis.Cmder { return with("evalsha", sc.sha) }
	}
	return p
}

// parcel is the calls of one caller; they go in one pipeline.
type parcel struct {
	calls []*pending
	done  chan error
}

// batcher sends the calls of many goroutines in few pipelines: each lane takes all that waits, sends it and waits for the
// answers, while more gathers.
type batcher struct {
	client  goredis.UniversalClient
	timeout time.Duration
	// asks are the questions with which a pipeline ends, judge takes their answers.
	asks   func(calls []*pending) []*check
	judge  func(*check) error
	queue  chan *parcel
	gate   sync.RWMutex // held for reading while a parcel is handed over
	closed bool
	lanes  sync.WaitGroup
}

// mostCalls bounds a pipeline.
const mostCalls = 256

func newBatcher(s *Store, lanes int, timeout time.Duration) *batcher {
	b := &batcher{client: s.client, timeout: timeout, asks: s.questions, judge: s.life.judge, queue: make(chan *parcel, 1024)}
	for range lanes {
		b.lanes.Go(b.lane)
	}
	return b
}

// do returns when all calls are answered; their results are in the commands. The error is one of handing them over.
func (b *batcher) do(ctx context.Context, calls []*pending) error {
	if len(calls) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p := &parcel{calls: calls, done: make(chan error, 1)}
	b.gate.RLock()
	if b.closed {
		b.gate.RUnlock()
		return store.ErrClosed
	}
	b.queue <- p
	b.gate.RUnlock()
	// The round trip is bounded by the batcher's own timeout. A caller that left earlier would not know what happened.
	return <-p.done
}

func (b *batcher) close() {
	b.gate.Lock()
	b.closed = true
	close(b.queue)
	b.gate.Unlock()
	b.lanes.Wait()
}

// lane sends until the batcher is closed.
func (b *batcher) lane() {
	for first := range b.queue {
		batch := []*parcel{first}
		n := len(first.calls)
		for n < mostCalls {
			select {
			case p, more := <-b.queue:
				if more {
					batch = append(batch, p)
					n += len(p.calls)
					continue
				}
			default:
			}
			break
		}
		b.send(batch, n)
		for _, p := range batch {
			p.done <- nil
		}
	}
}

// send makes up to three round trips: all calls, those whose answer was lost, those whose script the server had to be told.
func (b *batcher) send(batch []*parcel, n int) {
	calls := make([]*pending, 0, n)
	for _, p := range batch {
		calls = append(calls, p.calls...)
	}
	b.exec(calls, b.asks)
	again := b.lost(calls)
	if len(again) > 0 {
		b.exec(again, b.asks)
	}
	if unknown := unknownScripts(calls); len(unknown) > 0 {
		b.exec(unknown, b.asks)
	}
}

// raw sends calls at once, whatever the life of the store.
func (b *batcher) raw(calls []*pending) {
	b.exec(calls, nil)
	if again := b.lost(calls); len(again) > 0 {
		b.exec(again, nil)
	}
	if unknown := unknownScripts(calls); len(unknown) > 0 {
		b.exec(unknown, nil)
	}
}

// unknownScripts renews the calls whose script the server does not know, with its text.
func unknownScripts(calls []*pending) []*pending {
	var out []*pending
	for _, c := range calls {
		if c.text != nil && isNoScript(c.cmd.Err()) {
			c.cmd = c.text()
			out = append(out, c)
		}
	}
	return out
}

// lost renews the calls that got no answer and may be repeated.
func (b *batcher) lost(calls []*pending) []*pending {
	var out []*pending
	for _, c := range calls {
		err := c.cmd.Err()
		if c.again == nil || err == nil || isAnswer(err) || request.KindOf(err) == request.Rejoining {
			continue
		}
		c.cmd = c.again()
		out = append(out, c)
	}
	return out
}

// exec makes one round trip. What it reads counts only if the store is then still the one that was written to: the questions come
// after the calls, on the same connection.
func (b *batcher) exec(calls []*pending, asks func([]*pending) []*check) {
	ctx, cancel := context.WithTimeout(context.Background(), b.timeout)
	defer cancel()
	pipe := b.client.Pipeline()
	for _, c := range calls {
		_ = pipe.Process(ctx, c.cmd) // only queues
	}
	var checks []*check
	if asks != nil {
		checks = asks(calls)
	}
	for _, c := range checks {
		_ = pipe.Process(ctx, c.cmd)
	}
	defer func() {
		for _, c := range checks {
			if err := b.judge(c); err != nil {
				spoil(calls, err)
			}
		}
	}()
	if _, err := pipe.Exec(ctx); err != nil && !isAnswer(err) {
		// Without a connection no command may have been given its error.
		for _, c := range calls {
			if c.cmd.Err() == nil && !answered(c.cmd) {
				c.cmd.SetErr(err)
			}
		}
	}
}

// spoil takes all answers for void.
func spoil(calls []*pending, err error) {
	for _, c := range calls {
		c.cmd.SetErr(err)
	}
}

// questions are those that a pipeline ends with: one for each place where the life of the store is kept.
func (s *Store) questions(calls []*pending) []*check {
	if s.single {
		return []*check{s.life.ask(s.keys.life())}
	}
	var out []*check
	asked := make(map[string]bool)
	for _, c := range calls {
		if tag := tagOf(keyOf(c.cmd)); tag != "" && !asked[tag] {
			asked[tag] = true
			out = append(out, s.life.ask(s.lifeKey(tag)))
		}
	}
	return out
}

// keyOf is the first key of a command.
func keyOf(cmd goredis.Cmder) string {
	args := cmd.Args()
	at := 1
	if name := cmd.Name(); name == "evalsha" || name == "eval" {
		at = 3
	}
	if len(args) <= at {
		return ""
	}
	key, _ := args[at].(string)
	return key
}

// answered tells whether a command without an error holds an answer.
func answered(cmd goredis.Cmder) bool {
	switch c := cmd.(type) {
	case *goredis.Cmd:
		return c.Val() != nil
	case *goredis.StatusCmd:
		return c.Val() != ""
	}
	return true
}

// isAnswer tells an error that the server gave from one on the way to it.
func isAnswer(err error) bool {
	_, ok := errors.AsType[goredis.Error](err)
	return ok
}

func isNoScript(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }

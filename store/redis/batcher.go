package redis

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

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

// run is a script under the tag of one partition. once says that it must not be repeated when its answer is lost.
func run(sc script, tag string, once bool, args ...any) *pending {
	with := func(name, script string) goredis.Cmder {
		all := append(make([]any, 0, len(args)+4), name, script, 1, tag)
		return goredis.NewCmd(context.Background(), append(all, args...)...)
	}
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
	queue   chan *parcel
	gate    sync.RWMutex // held for reading while a parcel is handed over
	closed  bool
	lanes   sync.WaitGroup
}

// mostCalls bounds a pipeline.
const mostCalls = 256

func newBatcher(client goredis.UniversalClient, lanes int, timeout time.Duration) *batcher {
	b := &batcher{client: client, timeout: timeout, queue: make(chan *parcel, 1024)}
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
	b.exec(calls)
	calls = b.lost(calls)
	if len(calls) > 0 {
		b.exec(calls)
	}
	var unknown []*pending
	for _, p := range batch {
		for _, c := range p.calls {
			if c.text != nil && isNoScript(c.cmd.Err()) {
				c.cmd = c.text()
				unknown = append(unknown, c)
			}
		}
	}
	if len(unknown) > 0 {
		b.exec(unknown)
	}
}

// lost renews the calls that got no answer and may be repeated.
func (b *batcher) lost(calls []*pending) []*pending {
	var out []*pending
	for _, c := range calls {
		err := c.cmd.Err()
		if c.again == nil || err == nil || isAnswer(err) {
			continue
		}
		c.cmd = c.again()
		out = append(out, c)
	}
	return out
}

func (b *batcher) exec(calls []*pending) {
	ctx, cancel := context.WithTimeout(context.Background(), b.timeout)
	defer cancel()
	if len(calls) == 1 {
		_ = b.client.Process(ctx, calls[0].cmd) // the error is in the command
		return
	}
	pipe := b.client.Pipeline()
	for _, c := range calls {
		_ = pipe.Process(ctx, c.cmd) // only queues
	}
	if _, err := pipe.Exec(ctx); err != nil && !isAnswer(err) {
		// Without a connection no command may have been given its error.
		for _, c := range calls {
			if c.cmd.Err() == nil && !answered(c.cmd) {
				c.cmd.SetErr(err)
			}
		}
	}
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

package app

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
	"github.com/meridian-gateway/meridian/upstream"
)

// reach is the site's request API, with the credentials and limits in force. It remembers since when the API cannot be reached: peers are
// told, and send nothing meanwhile.
type reach struct {
	tracer  *tracing.Tracer
	metrics *gateway.Metrics
	out     atomic.Pointer[outage] // nil while it can be reached
	fell    chan struct{}          // that it was set; of capacity 1
	mu      sync.RWMutex
	now     *reached
}

const (
	// reachAgain is how long an API that cannot be reached is left alone, reachPatience how long it may take to answer then.
	reachAgain    = 2 * time.Second
	reachPatience = 10 * time.Second
)

// outage is since when an API cannot be reached, and how the call ended that found out.
type outage struct {
	since time.Time
	why   string
}

// reached is a client with the calls that have not ended.
type reached struct {
	base   string
	client *upstream.Client
	calls  sync.WaitGroup
}

// set has calls that begin from now on made as the network file says. The client before is closed when its calls have ended.
func (r *reach) set(site configs.Site) {
	next := &reached{base: site.Upstream.Redacted(), client: upstream.New(upstream.Options{Base: site.Upstream, Credentials: site.Credentials, Timeout: site.Profile.Timeout,
		Parallel: site.Profile.Parallel, Rate: site.Profile.Rate, RetryAfter: site.Profile.RetryAfter})}
	r.mu.Lock()
	old := r.now
	r.now = next
	r.mu.Unlock()
	if old != nil {
		go func() { old.calls.Wait(); old.client.Close() }()
	}
}

// begin is the client for one call.
func (r *reach) begin() *reached {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.now.calls.Add(1)
	return r.now
}

// Do calls the API.
func (r *reach) Do(ctx context.Context, call request.Call, own bool) (request.Answer, error) {
	c := r.begin()
	defer c.calls.Done()
	ctx, call, span := r.traced(ctx, call)
	began := time.Now()
	ans, err := c.client.Do(ctx, call, own)
	r.metrics.Upstream(own, ans.Status, err, time.Since(began))
	span.Status(ans.Status)
	span.End(err)
	r.note(err)
	return ans, err
}

// note remembers what a call says about the API.
func (r *reach) note(err error) {
	switch {
	case err == nil:
		r.out.Store(nil)
	case request.KindOf(err) == request.NotSent:
		if !r.out.CompareAndSwap(nil, &outage{time.Now(), cause(err)}) {
			return
		}
		select {
		case r.fell <- struct{}{}:
		default:
		}
	}
}

// cause is what was wrong with a call, without the words that programs need.
func cause(err error) string {
	if e, ok := errors.AsType[*request.Error](err); ok {
		if e.Err != nil {
			return e.Err.Error()
		}
		return e.Detail
	}
	return err.Error()
}

// up reports whether the API could be reached when it was last called.
func (r *reach) up() bool { return r.out.Load() == nil }

// watch asks an API that cannot be reached until it can. A site without clients of its own would never call it again by itself, and so
// would never be sent anything again either. Probe is a read that changes nothing. It returns when ctx is done.
func (r *reach) watch(ctx context.Context, probe func() (request.Call, bool)) {
	for {
		select {
		case <-r.fell:
		case <-ctx.Done():
			return
		}
		for !r.up() {
			select {
			case <-time.After(reachAgain*3/4 + rand.N(reachAgain/2)):
			case <-ctx.Done():
				return
			}
			if call, ok := probe(); ok {
				one, cancel := context.WithTimeout(ctx, reachPatience)
				_, _ = r.Do(one, call, true) // what came of it is noted
				cancel()
			}
		}
	}
}

// Stream calls the API with bodies of any size.
func (r *reach) Stream(ctx context.Context, call request.Call, body io.Reader, size int64, own bool) (request.Stream, error) {
	c := r.begin()
	defer c.calls.Done()
	ctx, call, span := r.traced(ctx, call)
	began := time.Now()
	res, err := c.client.Stream(ctx, call, body, size, own)
	r.metrics.Upstream(own, res.Status, err, time.Since(began))
	span.End(err)
	r.note(err)
	if err != nil {
		return request.Stream{}, err
	}
	return request.Stream{Status: res.Status, Header: res.Header, Body: res.Body}, nil
}

// problems are what hinders the gateway's own calls.
func (r *reach) problems() []string {
	c := r.begin()
	defer c.calls.Done()
	out := c.client.Problems()
	if o := r.out.Load(); o != nil && len(out) == 0 {
		out = append(out, "the request API at "+c.base+" cannot be reached since "+o.since.UTC().Format(time.RFC3339)+": "+o.why)
	}
	return out
}

func (r *reach) close() {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.now != nil {
		r.now.client.Close()
	}
}

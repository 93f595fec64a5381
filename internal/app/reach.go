package app

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
	"github.com/meridian-gateway/meridian/upstream"
)

// reach is the site's request API, with the credentials and limits in force. It remembers whether the API could be reached when it was
// last called: peers are told.
type reach struct {
	tracer  *tracing.Tracer
	metrics *gateway.Metrics
	down    atomic.Bool
	mu      sync.RWMutex
	now     *reached
}

// reached is a client with the calls that have not ended.
type reached struct {
	client *upstream.Client
	calls  sync.WaitGroup
}

// set has calls that begin from now on made as the network file says. The client before is closed when its calls have ended.
func (r *reach) set(site configs.Site) {
	next := &reached{client: upstream.New(upstream.Options{Base: site.Upstream, Credentials: site.Credentials, Timeout: site.Profile.Timeout,
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
	switch {
	case err == nil:
		r.down.Store(false)
	case request.KindOf(err) == request.NotSent:
		r.down.Store(true)
	}
	return ans, err
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
	if err != nil {
		return request.Stream{}, err
	}
	return request.Stream{Status: res.Status, Header: res.Header, Body: res.Body}, nil
}

// problems are what hinders the gateway's own calls.
func (r *reach) problems() []string {
	c := r.begin()
	defer c.calls.Done()
	return c.client.Problems()
}

func (r *reach) close() {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.now != nil {
		r.now.client.Close()
	}
}

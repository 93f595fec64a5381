package app

import (
	"context"
	"net/http"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/tracing"
	"github.com/meridian-gateway/meridian/tracing/export"
)

const (
	// lastSpans bounds how long stopping waits for the last spans to be sent.
	lastSpans = 3 * time.Second
	// complainEvery is the shortest time between two words about spans that could not be sent.
	complainEvery = time.Minute
)

// startTracing begins to send spans, where the network file or the environment says where to. Stopping comes last of all, since what stops
// before it may still make some.
func (a *App) startTracing(ctx context.Context, _ configs.Site) error {
	n := a.network.Load()
	if !export.Enabled(n.Tracing.Endpoint, os.Getenv) {
		return nil
	}
	headers := make(map[string]string, len(n.Tracing.Headers))
	for name, v := range n.Tracing.Headers {
		headers[name] = v.Reveal()
	}
	t, stop, err := export.Start(ctx, export.Options{Endpoint: n.Tracing.Endpoint, Headers: headers, Sample: n.Tracing.Sample,
		Network: n.Name, Site: string(a.site), Version: a.options.Version, Done: a.spansDone()})
	if err != nil {
		return err
	}
	a.tracer = t
	a.onStop("tracing", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, lastSpans)
		defer cancel()
		if err := stop(ctx); err != nil {
			a.log.Warn("the last spans could not be sent", zap.Error(err))
		}
		return nil // no reason to call the stop a failure
	})
	return nil
}

// spansDone counts what was sent, and says now and then what was not.
func (a *App) spansDone() func(spans int, err error) {
	var mu sync.Mutex
	var last time.Time
	lost := 0
	return func(spans int, err error) {
		a.metrics.Spans(spans, err == nil)
		if err == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if lost += spans; time.Since(last) >= complainEvery {
			a.log.Warn("spans could not be sent and are lost", zap.Int("spans", lost), zap.Error(err))
			last, lost = time.Now(), 0
		}
	}
}

// traced begins the span of a call of the request API and writes the trace context into the call's header, a copy of it.
func (r *reach) traced(ctx context.Context, call request.Call) (context.Context, request.Call, tracing.Span) {
	ctx, span := r.tracer.Child(ctx, "upstream "+call.Method, tracing.Client)
	span.Text(tracing.Method, call.Method)
	if tracing.Of(ctx) != "" {
		h := call.Header.Clone()
		if h == nil {
			h = make(http.Header, 2)
		}
		tracing.Inject(ctx, h)
		call.Header = h
	}
	return ctx, call, span
}

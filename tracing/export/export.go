// Package export sends spans to an OpenTelemetry collector, by OTLP over HTTP.
package export

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/meridian-gateway/meridian/tracing"
)

// Options say where spans go and whose they are.
type Options struct {
	// Endpoint is the collector, as in http://collector:4318; "" is what the OTEL_EXPORTER_OTLP_ variables say. The path is /v1/traces where
	// it has none.
	Endpoint string
	Headers  map[string]string
	// Sample is which part of the traces that begin here are recorded, 0 to 1; nil is what OTEL_TRACES_SAMPLER says, all without it. A trace
	// that came with a call is recorded if its sender records it.
	Sample *float64
	// Network, Site and Version describe the gateway.
	Network, Site, Version string
	// Done is told of each batch of spans: how many they were, and why they could not be sent, if they could not; nil: nobody.
	Done func(spans int, err error)
}

// Enabled reports whether spans are to be sent at all, by the network file or the standard variables of the environment.
func Enabled(endpoint string, env func(string) string) bool {
	switch {
	case env("OTEL_SDK_DISABLED") == "true", env("OTEL_TRACES_EXPORTER") == "none":
		return false
	}
	return endpoint != "" || env("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Start makes a tracer. stop sends what is left, for as long as its context lasts. A collector that is away costs nothing but its spans: they
// are kept for a while, in bounded memory, and then dropped.
func Start(ctx context.Context, o Options) (t *tracing.Tracer, stop func(context.Context) error, err error) {
	var how []otlptracehttp.Option
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, nil, fmt.Errorf("tracing: %q is no http address", o.Endpoint)
		}
		if u.Path == "" || u.Path == "/" {
			u.Path = "/v1/traces"
		}
		how = append(how, otlptracehttp.WithEndpointURL(u.String()))
	}
	if len(o.Headers) > 0 {
		how = append(how, otlptracehttp.WithHeaders(o.Headers))
	}
	out, err := otlptracehttp.New(ctx, how...)
	if err != nil {
		return nil, nil, fmt.Errorf("tracing: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "meridian"), attribute.String("service.version", o.Version),
		attribute.String("service.namespace", o.Network), attribute.String("meridian.network", o.Network), attribute.String("meridian.site", o.Site)),
		resource.WithFromEnv()) // what the environment says goes before
	if err != nil {
		return nil, nil, fmt.Errorf("tracing: %w", err)
	}
	with := []sdk.TracerProviderOption{sdk.WithResource(about), sdk.WithBatcher(told{out, o.Done}, sdk.WithBatchTimeout(batchEvery))}
	if o.Sample != nil {
		with = append(with, sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(*o.Sample))))
	}
	p := sdk.NewTracerProvider(with...)
	return tracing.New(p.Tracer("github.com/meridian-gateway/meridian")), p.Shutdown, nil
}

// batchEvery is how long spans are gathered before they are sent.
const batchEvery = 2 * time.Second

// told tells what came of sending. The SDK would write it to standard error, past the gateway's log.
type told struct {
	sdk.SpanExporter
	done func(spans int, err error)
}

// ExportSpans sends a batch; that it could not be sent is told, and no error.
func (t told) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := t.SpanExporter.ExportSpans(ctx, spans)
	if t.done != nil {
		t.done(len(spans), err)
	}
	return nil
}

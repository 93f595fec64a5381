package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/meridian-gateway/meridian/request"
)

// The attributes of spans; docs/tracing.md describes them.
const (
	Collection  = "meridian.collection"
	Request     = "meridian.request"
	Version     = "meridian.version"
	Destination = "meridian.destination" // the site that a delivery, or a call to a peer, goes to
	Source      = "meridian.source"      // the site that it came from
	Outcome     = "meridian.outcome"     // the state that a delivery ended in
	Fault       = "error.type"           // the kind of an error
	Method      = "http.request.method"
	Status      = "http.response.status_code"
)

// Kind is the part that a span has in a conversation.
type Kind = trace.SpanKind

// The kinds.
const (
	Server   = trace.SpanKindServer
	Client   = trace.SpanKindClient
	Producer = trace.SpanKindProducer
	Consumer = trace.SpanKindConsumer
	Internal = trace.SpanKindInternal
)

// mostLinks is how many writes one delivery is said to be caused by.
const mostLinks = 32

// Tracer makes spans. A nil Tracer makes none, at no cost.
type Tracer struct{ t trace.Tracer }

// New makes a Tracer of an OpenTelemetry tracer.
func New(t trace.Tracer) *Tracer { return &Tracer{t} }

// Span is one piece of work in a trace; the zero Span does nothing.
type Span struct{ s trace.Span }

// Start begins a span of the trace that ctx is in, or of a new one.
func (t *Tracer) Start(ctx context.Context, name string, kind Kind) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx, s := t.t.Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, Span{s}
}

// Child begins a span only where ctx is in a trace: work that nobody's call has caused is not traced.
func (t *Tracer) Child(ctx context.Context, name string, kind Kind) (context.Context, Span) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, Span{}
	}
	return t.Start(ctx, name, kind)
}

// Caused begins a span of what earlier writes have caused together. It goes on with the trace of the last of them and has links to the
// others. Causes that are no good, or nil, cause nothing.
func (t *Tracer) Caused(ctx context.Context, name string, kind Kind, causes []request.Trace) (context.Context, Span) {
	var from []trace.SpanContext
	for i := len(causes) - 1; i >= 0 && len(from) < mostLinks; i-- {
		if sc, ok := parse(causes[i].Parent(), causes[i].State()); ok {
			from = append(from, sc)
		}
	}
	if len(from) == 0 {
		return ctx, Span{}
	}
	ctx = trace.ContextWithRemoteSpanContext(ctx, from[0])
	if t == nil {
		return ctx, Span{}
	}
	links := make([]trace.Link, 0, len(from)-1)
	for _, sc := range from[1:] {
		links = append(links, trace.Link{SpanContext: sc})
	}
	ctx, s := t.t.Start(ctx, name, trace.WithSpanKind(kind), trace.WithLinks(links...))
	return ctx, Span{s}
}

// Note says of which request and version the work of the span that ctx is in is.
func Note(ctx context.Context, id request.ID, v request.Version) {
	if s := trace.SpanFromContext(ctx); s.IsRecording() {
		(Span{s}).About(id, v)
	}
}

// About says of which request and version the work is; what is not known is left out.
func (s Span) About(id request.ID, v request.Version) {
	if s.s == nil {
		return
	}
	if id != "" {
		s.s.SetAttributes(attribute.String(Request, string(id)))
	}
	if !v.IsZero() {
		s.s.SetAttributes(attribute.String(Version, v.String()))
	}
}

// Text sets an attribute.
func (s Span) Text(key, value string) {
	if s.s != nil && value != "" {
		s.s.SetAttributes(attribute.String(key, value))
	}
}

// Status sets the status of an answer; one of the server's own faults makes the span one of an error.
func (s Span) Status(status int) {
	if s.s == nil || status == 0 {
		return
	}
	s.s.SetAttributes(attribute.Int(Status, status))
	if status >= 500 {
		s.s.SetStatus(codes.Error, "")
	}
}

// End ends the span. Of an error only the kind is told: its text may hold a client's data.
func (s Span) End(err error) {
	if s.s == nil {
		return
	}
	if err != nil {
		kind := string(request.KindOf(err))
		s.s.SetAttributes(attribute.String(Fault, kind))
		s.s.SetStatus(codes.Error, kind)
	}
	s.s.End()
}

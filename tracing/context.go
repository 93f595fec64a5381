package tracing

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/meridian-gateway/meridian/request"
)

// The headers of W3C trace context, in canonical form.
const (
	headerParent = "Traceparent"
	headerState  = "Tracestate"
)

// mostState is how much of a tracestate is taken, in bytes: what the standard asks for at least.
const mostState = 512

// Carried reports whether a header has anything of a trace context, good or not. It costs one look.
func Carried(h http.Header) bool { return len(h[headerParent]) > 0 }

// Accept takes the trace context of an HTTP call into ctx. One that is not exactly as the standard says is as none; a tracestate that is
// not, or is longer than 512 bytes, is left out.
func Accept(ctx context.Context, h http.Header) context.Context {
	lines := h[headerParent]
	if len(lines) != 1 {
		return ctx
	}
	return with(ctx, lines[0], strings.Join(h[headerState], ","))
}

// Into takes a trace context that was kept, or came from a peer, into ctx. One that is not good is as none.
func Into(ctx context.Context, t request.Trace) context.Context {
	if t == "" {
		return ctx
	}
	return with(ctx, t.Parent(), t.State())
}

func with(ctx context.Context, parent, state string) context.Context {
	sc, ok := parse(parent, state)
	if !ok {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, sc)
}

// parse reads a traceparent, strictly.
func parse(parent, state string) (trace.SpanContext, bool) {
	const length = 55
	if len(parent) < length || parent[2] != '-' || parent[35] != '-' || parent[52] != '-' {
		return trace.SpanContext{}, false
	}
	version, ok := octet(parent[:2])
	// A later version may be longer; what it adds is not known here.
	if !ok || version == 0xff || version == 0 && len(parent) != length || len(parent) > length && parent[length] != '-' || len(parent) > 2*length {
		return trace.SpanContext{}, false
	}
	flags, ok := octet(parent[53:55])
	if !ok {
		return trace.SpanContext{}, false
	}
	id, err := trace.TraceIDFromHex(parent[3:35])
	if err != nil {
		return trace.SpanContext{}, false
	}
	span, err := trace.SpanIDFromHex(parent[36:52])
	if err != nil {
		return trace.SpanContext{}, false
	}
	c := trace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: trace.TraceFlags(flags) & trace.FlagsSampled, Remote: true}
	if state != "" && len(state) <= mostState {
		if s, err := trace.ParseTraceState(state); err == nil {
			c.TraceState = s
		}
	}
	return trace.NewSpanContext(c), true
}

// octet is two hexadecimal digits in lower case.
func octet(s string) (byte, bool) {
	var out byte
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			out = out<<4 | (c - '0')
		case 'a' <= c && c <= 'f':
			out = out<<4 | (c - 'a' + 10)
		default:
			return 0, false
		}
	}
	return out, true
}

// Of is the trace context that ctx is in, "" when it is in none.
func Of(ctx context.Context) request.Trace {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return ""
	}
	return text(sc)
}

// Sampled is the same if the trace is recorded somewhere, else "": it is what is worth keeping.
func Sampled(ctx context.Context) request.Trace {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() || !sc.IsSampled() {
		return ""
	}
	return text(sc)
}

func text(sc trace.SpanContext) request.Trace {
	flags := "-00"
	if sc.IsSampled() {
		flags = "-01"
	}
	t := "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + flags
	if s := sc.TraceState().String(); s != "" && len(s) <= mostState {
		t += " " + s
	}
	return request.Trace(t)
}

// Inject writes the trace context that ctx is in into the header of a call. Without one the header stays as it is.
func Inject(ctx context.Context, h http.Header) {
	t := Of(ctx)
	if t == "" {
		return
	}
	h[headerParent] = []string{t.Parent()}
	if s := t.State(); s != "" {
		h[headerState] = []string{s}
	} else {
		delete(h, headerState)
	}
}

// IDs are the ids of the trace and of the span that ctx is in, for logs; "" without.
func IDs(ctx context.Context) (traceID, spanID string) {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return "", ""
	}
	return sc.TraceID().String(), sc.SpanID().String()
}

package gateway

import (
	"net/http"

	"go.uber.org/zap"

	"github.com/meridian-gateway/meridian/profile"
	"github.com/meridian-gateway/meridian/tracing"
)

// traced takes a client's trace context in and begins the span of its call; done ends it. Without a tracer the context is kept all the
// same, so that what the call causes at other sites is told as part of the client's trace.
func (f *face) traced(w http.ResponseWriter, r *http.Request, m profile.Match, described bool) (http.ResponseWriter, *http.Request, func()) {
	ctx := tracing.Accept(r.Context(), r.Header)
	if f.Tracer == nil {
		return w, r.WithContext(ctx), nothing
	}
	name := "pass " + methodOf(r.Method)
	if described {
		name = string(m.Verb) + " " + m.Collection.Name()
	}
	ctx, span := f.Tracer.Start(ctx, name, tracing.Server)
	span.Text(tracing.Method, methodOf(r.Method))
	if described {
		span.Text(tracing.Collection, m.Collection.Name())
	}
	seen := &statusWriter{ResponseWriter: w}
	return seen, r.WithContext(ctx), func() {
		span.Status(seen.status)
		span.End(nil)
	}
}

// methodOf is a method that is known, else a word for all others: a client may write anything there.
func methodOf(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "_OTHER"
}

// traceFields are the ids of the trace that a call is part of, for the log.
func traceFields(r *http.Request) []zap.Field {
	trace, span := tracing.IDs(r.Context())
	if trace == "" {
		return nil
	}
	return []zap.Field{zap.String("trace_id", trace), zap.String("span_id", span)}
}

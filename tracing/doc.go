// Package tracing follows calls over gateways and through their queues: W3C trace contexts from and to HTTP headers and durable
// records, and spans for an OpenTelemetry tracer where one is configured. Without one a [Tracer] is nil: every method of it returns at once,
// and a client's trace context is passed on as it came. Spans hold names of sites and collections, global ids and versions; never a
// path, a header, a value of a field or the text of an error.
package tracing

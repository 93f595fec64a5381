package replicate

import (
	"cmp"
	"context"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
	"github.com/meridian-gateway/meridian/tracing"
)

// traces are those of what caused something; "" is none.
func traces(t request.Trace) []request.Trace {
	if t == "" {
		return nil
	}
	return []request.Trace{t}
}

// traceInto keeps with an intent, and with the hand-over that it causes, what it is traced under: both may outlive this process.
func traceInto(ctx context.Context, in *request.Intent) {
	if in.Trace == "" {
		in.Trace = tracing.Sampled(ctx)
	}
	if in.Plan != nil && in.Trace != "" && in.Plan.Trace == "" {
		p := *in.Plan
		p.Trace = in.Trace
		in.Plan = &p
	}
}

// deliveringSpans are the spans of one batch; nil when nothing of it is traced.
type deliveringSpans map[request.ID]tracing.Span

// delivering begins a span for each delivery of which a write is traced that the holder has not got: it goes on with the trace of the
// newest of them, and has links to the others that it brings along. The snapshot takes it to the holder.
func (g *Engine) delivering(ctx context.Context, site request.Site, batch []store.Claimed, shots []request.Snapshot) deliveringSpans {
	var out deliveringSpans
	for i := range shots {
		var causes []request.Trace
		for _, op := range shots[i].Ops {
			if op.Trace != "" {
				causes = append(causes, op.Trace)
			}
		}
		if len(causes) == 0 {
			continue
		}
		in, span := g.Tracer.Caused(ctx, "deliver", tracing.Producer, causes)
		span.About(shots[i].ID, shots[i].Version)
		span.Text(tracing.Collection, shots[i].Collection)
		span.Text(tracing.Destination, string(site))
		shots[i].Trace = tracing.Of(in)
		if g.Tracer == nil {
			continue
		}
		if out == nil {
			out = make(deliveringSpans, len(batch))
		}
		out[shots[i].ID] = span
	}
	return out
}

func (s deliveringSpans) end(id request.ID, how store.Settlement) {
	span, ok := s[id]
	if !ok {
		return
	}
	span.Text(tracing.Outcome, string(how.State))
	var err error
	if how.State != request.Delivered && how.State != request.Superseded {
		err = &request.Error{Op: "deliver", Kind: request.Unavailable}
	}
	span.End(err)
}

// handing begins the span of a step of a hand-over that a traced write has caused; what it returns ends it.
func (g *Engine) handing(ctx context.Context, e request.Entry, p request.Plan) (context.Context, func(cause string)) {
	if p.Trace == "" {
		return ctx, func(string) {}
	}
	ctx, span := g.Tracer.Caused(ctx, "hand over", tracing.Producer, traces(p.Trace))
	span.About(e.ID, e.Version)
	span.Text(tracing.Collection, e.Collection)
	span.Text(tracing.Destination, string(p.To))
	return ctx, func(cause string) {
		span.Text(tracing.Outcome, cmp.Or(word(cause), "done"))
		span.End(nil)
	}
}

// word says that there is a cause, and not which: it may be anybody's text.
func word(cause string) string {
	if cause == "" {
		return ""
	}
	return "again"
}

package tracing

import (
	"context"
	"net/http"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/meridian-gateway/meridian/request"
)

const (
	good    = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	another = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203332-01"
)

// Only what is exactly a trace context is one.
func TestAccept(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]request.Trace{
		good:                                        good,
		strings.Replace(good, "-01", "-00", 1):      request.Trace(strings.Replace(good, "-01", "-00", 1)),
		strings.Replace(good, "-01", "-ff", 1):      good, // flags that are not known are not passed on
		"cc" + good[2:]:                             good, // a later version
		"cc" + good[2:] + "-more":                   good,
		"cc" + good[2:] + "more":                    "",
		"ff" + good[2:]:                             "",
		good + "-more":                              "",
		good[:54]:                                   "",
		strings.ToUpper(good):                       "",
		strings.Replace(good, "a", "g", 1):          "",
		"00-" + strings.Repeat("0", 32) + good[35:]: "",
		good[:36] + strings.Repeat("0", 16) + "-01": "",
		strings.Replace(good, "-", "_", 3):          "",
		"":                                          "",
		"\x00" + good:                               "",
		"cc" + good[2:] + "-" + strings.Repeat("x", 1000): "",
	} {
		if got := Of(Accept(t.Context(), http.Header{"Traceparent": {in}})); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := Of(Accept(t.Context(), http.Header{"Traceparent": {good, good}})); got != "" {
		t.Errorf("two: %q", got)
	}
	for state, want := range map[string]string{
		"a=1,b=2": "a=1,b=2", "a=1\r\nX: y": "", strings.Repeat("x", 600): "", "a": "", "a=1,a=2": "", "k=" + strings.Repeat("v", 300): "",
		strings.TrimSuffix(strings.Repeat("a=1,", 40), ","): "", "a=\x7f": "",
	} {
		out := http.Header{"Tracestate": {"old=1"}}
		Inject(Accept(t.Context(), http.Header{"Traceparent": {good}, "Tracestate": {state}}), out)
		if out.Get("Traceparent") != good || out.Get("Tracestate") != want {
			t.Errorf("state %q: %v", state, out)
		}
	}
	out := http.Header{"Traceparent": {"as it came"}}
	if Inject(t.Context(), out); out.Get("Traceparent") != "as it came" {
		t.Error(out)
	}
}

// What is kept comes back, and what a peer may say is bounded.
func TestKept(t *testing.T) {
	t.Parallel()
	kept := Sampled(Accept(t.Context(), http.Header{"Traceparent": {good}, "Tracestate": {"a=1"}}))
	if kept != good+" a=1" || kept.Bounded() != kept || Of(Into(t.Context(), kept)) != kept {
		t.Errorf("%q", kept)
	}
	if got := Sampled(Accept(t.Context(), http.Header{"Traceparent": {strings.Replace(good, "-01", "-00", 1)}})); got != "" {
		t.Errorf("%q is worth keeping", got)
	}
	for _, bad := range []request.Trace{"x", request.Trace(good + "\n"), request.Trace(good + " " + strings.Repeat("a", 600)), request.Trace(good + " \x00")} {
		if bad.Bounded() != "" {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzContext: whatever a client or a peer says, what goes on is well formed and goes on unchanged from there.
func FuzzContext(f *testing.F) {
	f.Add(good, "a=1")
	f.Add("01"+good[2:]+"-x", "a=1,b@c=2")
	f.Fuzz(func(t *testing.T, parent, state string) {
		got := Of(Accept(context.Background(), http.Header{"Traceparent": {parent}, "Tracestate": {state}}))
		if len(got) > request.MaxTrace || got.Bounded() != got || Of(Into(context.Background(), got)) != got {
			t.Errorf("%q %q: %q", parent, state, got)
		}
		Into(context.Background(), request.Trace(parent+" "+state))
	})
}

// Without a tracer nothing is allocated where there is no trace context either.
func TestNothingCostsNothing(t *testing.T) {
	ctx := t.Context()
	var none *Tracer
	h := http.Header{"Accept": {"*/*"}}
	if n := testing.AllocsPerRun(100, func() {
		in, span := none.Start(Accept(ctx, h), "x", Server)
		span.About("id", request.Version{})
		in, child := none.Child(in, "y", Client)
		in, caused := none.Caused(in, "z", Producer, nil)
		Inject(in, h)
		if Carried(h) || Of(in) != "" || Sampled(in) != "" {
			t.Error("a trace out of nothing")
		}
		Note(in, "id", request.Version{})
		caused.End(nil)
		child.Status(200)
		child.End(nil)
		span.End(nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Work that several writes have caused goes on with the trace of the last and has links to the others; errors are told by their kind.
func TestCaused(t *testing.T) {
	t.Parallel()
	seen := tracetest.NewSpanRecorder()
	tracer := New(sdk.NewTracerProvider(sdk.WithSpanProcessor(seen)).Tracer("test"))
	ctx, span := tracer.Caused(t.Context(), "deliver", Producer, []request.Trace{good, "nonsense", another})
	span.About("r1", request.Version{Epoch: request.Epoch{Num: 1}, Seq: 2})
	span.End(&request.Error{Op: "x", Kind: request.Busy, Detail: "s3cr3t"})
	if _, none := tracer.Child(t.Context(), "probe", Client); none.s != nil {
		t.Error("work that nobody caused is traced")
	}
	if _, none := tracer.Caused(t.Context(), "deliver", Producer, []request.Trace{"nonsense"}); none.s != nil {
		t.Error("nonsense is a cause")
	}
	if !strings.HasPrefix(string(Of(ctx)), another[:36]) {
		t.Errorf("it goes on in %s", Of(ctx))
	}
	s := seen.Ended()[0]
	if len(seen.Ended()) != 1 || s.Parent().SpanID().String() != "b7ad6b7169203332" || len(s.Links()) != 1 || s.Links()[0].SpanContext.SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("%v %v", s.Parent(), s.Links())
	}
	if s.Status().Description != "busy" || len(s.Events()) != 0 {
		t.Errorf("%v %v", s.Status(), s.Events())
	}
	for _, a := range s.Attributes() {
		if strings.Contains(a.Value.AsString(), "s3cr3t") {
			t.Errorf("%s has %s", a.Key, a.Value.AsString())
		}
	}
}

func BenchmarkOff(b *testing.B) {
	var none *Tracer
	h := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		ctx, span := none.Child(b.Context(), "x", Client)
		Inject(ctx, h)
		_ = Sampled(ctx)
		span.End(nil)
	}
}

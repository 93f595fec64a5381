package tests

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// spanRecord is a span as the collector got it.
type spanRecord struct {
	*otlp.Span
	site string
}

func (s spanRecord) id() string     { return hex.EncodeToString(s.SpanId) }
func (s spanRecord) parent() string { return hex.EncodeToString(s.ParentSpanId) }
func (s spanRecord) trace() string  { return hex.EncodeToString(s.TraceId) }

func (s spanRecord) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// otlpReceiver takes spans as an OpenTelemetry collector does.
type otlpReceiver struct {
	*httptest.Server
	mu     sync.Mutex
	spans  []spanRecord
	bodies []string
	tokens map[string]bool
}

func newOTLPReceiver(t *testing.T) *otlpReceiver {
	c := &otlpReceiver{tokens: map[string]bool{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var in collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &in)
		}
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			http.Error(w, "no OTLP", http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.tokens[r.Header.Get("X-Token")] = true
		c.bodies = append(c.bodies, string(body))
		for _, rs := range in.ResourceSpans {
			site := ""
			for _, a := range rs.Resource.Attributes {
				if a.Key == "meridian.site" {
					site = a.Value.GetStringValue()
				}
			}
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					c.spans = append(c.spans, spanRecord{s, site})
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// of are the spans of a trace, by "site name"; of several with one name the last.
func (c *otlpReceiver) of(trace string) map[string]spanRecord {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]spanRecord{}
	for _, s := range c.spans {
		if s.trace() == trace {
			name := s.site + " " + s.Name
			if s.Name == "deliver" {
				name += " to " + s.attribute("meridian.destination")
			}
			out[name] = s
		}
	}
	return out
}

// want waits for spans of a trace.
func (c *otlpReceiver) want(t *testing.T, trace string, names ...string) map[string]spanRecord {
	t.Helper()
	var got map[string]spanRecord
	harness.Eventually(t, 2*soon, "the spans of "+trace, func() error {
		got = c.of(trace)
		for _, n := range names {
			if _, ok := got[n]; !ok {
				var have []string
				for k := range got {
					have = append(have, k)
				}
				return fmt.Errorf("no %q among %q", n, have)
			}
		}
		return nil
	})
	return got
}

func traceParent(n byte) (trace, header string) {
	trace = strings.Repeat(fmt.Sprintf("%02x", n), 16)
	return trace, "00-" + trace + "-00f067aa0ba902b7-01"
}

// One trace tells of a create that was entered at one site, made at another and copied to a third; of two writes that were delivered as
// one when a link was mended, after the owner's gateway was started anew, the delivery goes on with the second's trace and has a link to
// the first's. No value of a field and no credentials are in what the collector gets.
func TestTraceSpansSites(t *testing.T) {
	t.Parallel()
	c := newOTLPReceiver(t)
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "cairo"),
		Extra: "tracing: {endpoint: \"" + c.URL + "\", sample: 0, headers: {X-Token: t0ken}}\n",
		Routes: "- {name: to-rome, on: create, at: [oslo], transfer: {to: rome}}\n" +
			"- {name: to-cairo, on: arrive, copy: {to: cairo}}\n"})
	oslo, rome, cairo := n.At("oslo"), n.At("rome"), n.At("cairo")
	name := subject("traced")
	trace, header := traceParent(1)
	made := oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, `"canary":"c4n4ry"`),
		Header: http.Header{"Traceparent": {header}, "Tracestate": {"vendor=x1"}, "Authorization": {"Bearer s3cr3t-token"}}}).Want(201)
	cairo.WantCopy(name, soon, nil)
	s := c.want(t, trace, "oslo create tickets", "oslo peer write", "rome serve write", "rome upstream POST", "oslo upstream POST", "rome deliver to cairo", "cairo apply", "cairo upstream POST")
	for _, x := range []struct{ child, parent string }{{"oslo peer write", "oslo create tickets"}, {"rome serve write", "oslo peer write"},
		{"rome upstream POST", "rome serve write"}, {"oslo upstream POST", "oslo create tickets"}, {"cairo apply", "rome deliver to cairo"}, {"cairo upstream POST", "cairo apply"}} {
		if s[x.child].parent() != s[x.parent].id() {
			t.Errorf("the parent of %s is %s, not %s %s", x.child, s[x.child].parent(), x.parent, s[x.parent].id())
		}
	}
	if got := s["oslo create tickets"]; got.parent() != "00f067aa0ba902b7" || got.Kind != otlp.Span_SPAN_KIND_SERVER || got.attribute("meridian.request") != made.Request() || got.TraceState != "vendor=x1" {
		t.Errorf("%+v", got.Span)
	}
	if p := s["rome deliver to cairo"].parent(); p != s["rome serve write"].id() {
		t.Errorf("the delivery's parent is %s", p)
	}
	if s["cairo apply"].attribute("meridian.version") != "1.1" || s["cairo apply"].attribute("meridian.source") != "rome" {
		t.Errorf("%+v", s["cairo apply"].Span)
	}
	for _, g := range []*harness.Gateway{oslo, rome, cairo} {
		found := false
		for _, e := range g.Fake().Commits("POST") {
			found = found || e.Header.Get("Traceparent") == "00-"+trace+"-"+s[g.Name+" upstream POST"].id()+"-01" && e.Header.Get("Tracestate") == "vendor=x1"
		}
		if !found {
			t.Errorf("the API of %s was not told of the trace", g.Name)
		}
	}

	n.Settled(soon)
	n.Cut("rome", "cairo")
	first, h1 := traceParent(2)
	second, h2 := traceParent(3)
	for i, h := range []string{h1, h2} {
		oslo.Do(harness.Call{Method: "PATCH", Path: "/tickets/" + made.ID(), Body: fmt.Sprintf(`{"n":%d}`, i+1), Header: http.Header{"Traceparent": {h}}}).Want(200)
	}
	one := c.want(t, first, "oslo update tickets", "rome serve write")
	two := c.want(t, second, "oslo update tickets", "rome serve write")
	rome.Kill()
	rome.Restart()
	n.Heal("rome", "cairo")
	cairo.WantCopy(name, 2*soon, map[string]any{"n": 2})
	var d spanRecord
	harness.Eventually(t, 2*soon, "the delivery after the cut", func() error {
		two = c.want(t, second, "cairo apply", "cairo upstream PATCH", "rome deliver to cairo")
		if d = two["rome deliver to cairo"]; d.attribute("meridian.outcome") != "delivered" {
			return fmt.Errorf("it ended as %s", d.attribute("meridian.outcome"))
		}
		return nil
	})
	if d.parent() != two["rome serve write"].id() || two["cairo apply"].parent() != d.id() {
		t.Errorf("the delivery's parent is %s, the copy's %s", d.parent(), two["cairo apply"].parent())
	}
	if len(d.Links) != 1 || hex.EncodeToString(d.Links[0].TraceId) != first || hex.EncodeToString(d.Links[0].SpanId) != one["rome serve write"].id() {
		t.Errorf("links %v, want one to %s %s", d.Links, first, one["rome serve write"].id())
	}

	// What is no trace context begins a new one, which is not sampled here; nothing but what the documents name is told.
	oslo.Do(harness.Call{Method: "GET", Path: "/tickets/" + made.ID(), Header: http.Header{"Traceparent": {"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"}}}).Want(200)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tokens) != 1 || !c.tokens["t0ken"] {
		t.Errorf("headers %v", c.tokens)
	}
	for _, body := range c.bodies {
		for _, secret := range []string{"c4n4ry", "s3cr3t-token", "t0ken", name} {
			if strings.Contains(body, secret) {
				t.Fatalf("%q is in what the collector gets", secret)
			}
		}
	}
	for _, s := range c.spans {
		if s.trace() != trace && s.trace() != first && s.trace() != second {
			t.Errorf("%s %s is part of a trace that nobody records", s.site, s.Name)
		}
	}
}

// Without a collector the trace context of a client goes on all the same, to the request APIs of all sites, and costs no gateway anything
// that it does not have; a call that passes through keeps it as it came.
func TestTraceContextIsCarried(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("carried")
	trace, header := traceParent(4)
	oslo.Do(harness.Call{Method: "POST", Path: "/tickets", Body: ticket(name, ""), Header: http.Header{"Traceparent": {header}, "Tracestate": {"a=1"}}}).Want(201)
	rome.WantCopy(name, soon, nil)
	for _, g := range []*harness.Gateway{oslo, rome} {
		e := g.Fake().Commits("POST")[0]
		if !strings.HasPrefix(e.Header.Get("Traceparent"), "00-"+trace+"-") || e.Header.Get("Tracestate") != "a=1" {
			t.Errorf("%s: %v", g.Name, e.Header)
		}
	}
	oslo.Do(harness.Call{Method: "GET", Path: "/other", Header: http.Header{"Traceparent": {"odd"}}})
	log := oslo.Fake().Log()
	if got := log[len(log)-1].Header.Get("Traceparent"); got != "odd" {
		t.Errorf("a call that passes has %q", got)
	}
}

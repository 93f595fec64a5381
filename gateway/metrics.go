package gateway

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/meridian-gateway/meridian/request"
)

// Kinds of calls in metrics; an intercepted call has its verb.
const (
	callPass    = "pass"
	callRead    = "read"
	callRefused = "refused"
)

// Metrics counts what a site's gateway does. All methods do nothing on a nil Metrics. Names are documented in docs/metrics.md.
type Metrics struct {
	registry *prometheus.Registry
	calls    map[string]*[6]prometheus.Counter // by kind, then status class
	took     map[string]prometheus.Observer

	delivered  *prometheus.CounterVec
	attempts   *prometheus.CounterVec
	lag        *prometheus.HistogramVec
	deliveries *prometheus.GaugeVec
	oldest     *prometheus.GaugeVec
	breaker    *prometheus.GaugeVec
	skew       *prometheus.GaugeVec
	routes     *prometheus.CounterVec
	hits       *prometheus.CounterVec
	spans      *prometheus.CounterVec
	inDoubt    prometheus.Gauge
	conflicts  prometheus.Gauge
	transfers  *prometheus.GaugeVec
	warnings   prometheus.Gauge
	reloads    *prometheus.CounterVec
	badFile    prometheus.Gauge
	behind     *prometheus.CounterVec
	watching   *prometheus.GaugeVec
	differing  *prometheus.CounterVec
	passedOn   prometheus.Counter
	debts      prometheus.Gauge
	oldestDebt prometheus.Gauge

	meters

	// Children are resolved once for each of the few sites and routes there are.
	sites sync.Map // request.Site -> *siteMetrics
}

type siteMetrics struct {
	delivered prometheus.Counter
	lag       prometheus.Observer
}

// NewMetrics makes the metrics of one site in a registry of their own.
func NewMetrics(network string, site request.Site) *Metrics {
	reg := prometheus.NewRegistry()
	labels := prometheus.Labels{"network": network, "site": string(site)}
	r := prometheus.WrapRegistererWith(labels, reg)
	m := &Metrics{registry: reg, calls: make(map[string]*[6]prometheus.Counter), took: make(map[string]prometheus.Observer)}
	mk := maker{r}
	counter, gauge, histogram := mk.counter, mk.gauge, mk.histogram
	m.meters = newMeters(mk)
	calls := counter("calls_total", "Calls of clients by kind (pass, read, create, update, replace, delete, refused) and status class.", "kind", "class")
	took := histogram("call_seconds", "Time from a client's call to the end of its answer, by kind.",
		[]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}, "kind")
	for _, kind := range []string{callPass, callRead, callRefused, "create", "update", "replace", "delete"} {
		var row [6]prometheus.Counter
		for class := range row {
			row[class] = calls.WithLabelValues(kind, className(class))
		}
		m.calls[kind], m.took[kind] = &row, took.WithLabelValues(kind)
	}
	m.delivered = counter("delivered_total", "Deliveries confirmed, by destination.", "destination")
	m.attempts = counter("delivery_attempts_total", "Attempts at deliveries by destination and the state they ended in.", "destination", "state")
	m.lag = histogram("delivery_lag_seconds", "How far behind a destination was when it confirmed a delivery.",
		[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400}, "destination")
	m.deliveries = gauge("deliveries", "Deliveries that are not done, by destination and state.", "destination", "state")
	m.oldest = gauge("delivery_oldest_age_seconds", "Age of the oldest delivery that is not done, by destination.", "destination")
	m.breaker = gauge("breaker_state", "Breaker to a destination: 0 closed, 1 half-open, 2 open.", "destination")
	m.skew = gauge("clock_skew_seconds", "How far a destination's clock is ahead of ours.", "destination")
	m.routes = counter("route_errors_total", "Conditions of routes that failed and counted as not matched, by route.", "route")
	m.spans = counter("trace_spans_total", "Spans given to the exporter, by result (sent, lost).", "result")
	m.hits = counter("route_hits_total", "How often routes were taken, by route.", "route")
	m.inDoubt = gauge("in_doubt", "Writes whose outcome a person must settle.").WithLabelValues()
	m.conflicts = gauge("conflicts", "Requests with conflict records that nobody has dismissed.").WithLabelValues()
	m.transfers = gauge("transfers", "Hand-overs of ownership that are not done, by state (waiting, open, parked).", "state")
	m.warnings = gauge("store_warnings", "Things that are unsafe about the store as it is set up.").WithLabelValues()
	m.reloads = counter("config_reloads_total", "Network files read after the start, by result (taken, refused).", "result")
	m.badFile = gauge("config_refused", "1 while the network file on disk is one that was refused.").WithLabelValues()
	m.behind = counter("behind_total", "What was done about changes that were made behind the gateway, by collection.", "collection", "what")
	m.watching = gauge("watch_failing", "1 while looking for changes behind the gateway fails, or is stopped by an alarm, by collection.", "collection")
	m.differing = counter("verify_differences_total", "Differences that verify found, by kind.", "kind")
	m.passedOn = counter("debts_total", "Writes that were passed on to the request API while the store was away.").WithLabelValues()
	m.debts = gauge("debts", "Writes passed on while the store was away that the ledger does not know of yet.").WithLabelValues()
	m.oldestDebt = gauge("debt_oldest_age_seconds", "Age of the oldest of them, 0 without any.").WithLabelValues()
	m.reloads.WithLabelValues("taken")
	m.reloads.WithLabelValues("refused")
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func className(class int) string {
	if class == 0 {
		return "other"
	}
	return strconv.Itoa(class) + "xx"
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	if m == nil {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Registry is where further metrics of the same site may be registered; nil for a nil Metrics.
func (m *Metrics) Registry() *prometheus.Registry {
	if m == nil {
		return nil
	}
	return m.registry
}

func nothing() {}

// began starts the clock for one call; what it returns stops it.
func (m *Metrics) began(kind string) (done func()) {
	if m == nil {
		return nothing
	}
	took, began := m.took[kind], time.Now()
	return func() { took.Observe(time.Since(began).Seconds()) }
}

// call counts one call.
func (m *Metrics) call(kind string, status int) {
	if m == nil {
		return
	}
	class := status / 100
	if class < 1 || class > 5 {
		class = 0
	}
	if row := m.calls[kind]; row != nil {
		row[class].Inc()
	}
}

// done counts one intercepted call with its duration.
func (m *Metrics) done(kind string, status int, took time.Duration) {
	if m == nil {
		return
	}
	m.call(kind, status)
	if o := m.took[kind]; o != nil {
		o.Observe(took.Seconds())
	}
}

// Delivered counts a delivery that its destination has confirmed, lag after the site fell behind.
func (m *Metrics) Delivered(site request.Site, lag time.Duration) {
	if m == nil {
		return
	}
	s, ok := m.sites.Load(site)
	if !ok {
		s, _ = m.sites.LoadOrStore(site, &siteMetrics{m.delivered.WithLabelValues(string(site)), m.lag.WithLabelValues(string(site))})
	}
	sm := s.(*siteMetrics)
	sm.delivered.Inc()
	sm.lag.Observe(lag.Seconds())
}

// Attempted counts an attempt at a delivery by the state it ended in.
func (m *Metrics) Attempted(site request.Site, state request.State) {
	if m != nil {
		m.attempts.WithLabelValues(string(site), string(state)).Inc()
	}
}

// RouteFailed counts a condition that failed at run time.
func (m *Metrics) RouteFailed(route string) {
	if m != nil {
		m.routes.WithLabelValues(route).Inc()
	}
}

// Spans counts spans of traces that were sent to the collector, or lost.
func (m *Metrics) Spans(n int, sent bool) {
	if m == nil {
		return
	}
	result := "lost"
	if sent {
		result = "sent"
	}
	m.spans.WithLabelValues(result).Add(float64(n))
}

// RouteHit counts a route that was taken.
func (m *Metrics) RouteHit(route string) {
	if m != nil {
		m.hits.WithLabelValues(route).Inc()
	}
}

// Reloaded counts a network file read after the start, and remembers whether the one on disk is in force.
func (m *Metrics) Reloaded(taken bool) {
	if m == nil {
		return
	}
	if taken {
		m.reloads.WithLabelValues("taken").Inc()
		m.badFile.Set(0)
		return
	}
	m.reloads.WithLabelValues("refused").Inc()
	m.badFile.Set(1)
}

// Noticed counts what was done about a change that was made behind the gateway.
func (m *Metrics) Noticed(collection, what string) {
	if m != nil {
		m.behind.WithLabelValues(collection, what).Inc()
	}
}

// Watched tells how a look for such changes ended.
func (m *Metrics) Watched(collection string, well bool) {
	if m == nil {
		return
	}
	failing := 1.0
	if well {
		failing = 0
	}
	m.watching.WithLabelValues(collection).Set(failing)
}

// Differed counts a difference that verify found.
func (m *Metrics) Differed(kind string) {
	if m != nil {
		m.differing.WithLabelValues(kind).Inc()
	}
}

// Debt counts a write that was passed on while the store was away.
func (m *Metrics) Debt() {
	if m != nil {
		m.passedOn.Inc()
	}
}

// Debts sets how many of them are not settled, and how old the oldest is.
func (m *Metrics) Debts(n int, age time.Duration) {
	if m != nil {
		m.debts.Set(float64(n))
		m.oldestDebt.Set(age.Seconds())
	}
}

// StoreWarnings sets how many things are unsafe about the store.
func (m *Metrics) StoreWarnings(n int) {
	if m != nil {
		m.warnings.Set(float64(n))
	}
}

// Observe takes over what health has found. It is called regularly, so that health and metrics say the same.
func (m *Metrics) Observe(f Forwarding) {
	if m == nil {
		return
	}
	m.inDoubt.Set(float64(f.InDoubt))
	m.conflicts.Set(float64(f.Conflicts))
	m.transfers.WithLabelValues("waiting").Set(float64(f.Transfers.Waiting))
	m.transfers.WithLabelValues("open").Set(float64(f.Transfers.Open))
	m.transfers.WithLabelValues("parked").Set(float64(f.Transfers.Parked))
	for _, d := range f.Destinations {
		s := string(d.Site)
		m.deliveries.WithLabelValues(s, string(request.Pending)).Set(float64(d.Pending))
		m.deliveries.WithLabelValues(s, "in-flight").Set(float64(d.InFlight))
		m.deliveries.WithLabelValues(s, string(request.Waiting)).Set(float64(d.Waiting))
		m.deliveries.WithLabelValues(s, string(request.Parked)).Set(float64(d.Parked))
		m.oldest.WithLabelValues(s).Set(d.OldestAge)
		m.skew.WithLabelValues(s).Set(d.ClockSkew)
		m.foretold(d)
		m.breaker.WithLabelValues(s).Set(map[string]float64{"half-open": 1, "open": 2}[d.Breaker])
	}
}

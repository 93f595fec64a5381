package gateway

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/meridian-gateway/meridian/request"
)

// meters are the metrics of what a gateway itself calls: its request API, its peers and its store.
type meters struct {
	upstream     *prometheus.CounterVec
	upstreamTook *prometheus.HistogramVec
	peers        *prometheus.CounterVec
	peersTook    *prometheus.HistogramVec
	store        *prometheus.HistogramVec
	storeFailed  *prometheus.CounterVec
	claimed      *prometheus.CounterVec
	flying       prometheus.Gauge
	listeners    prometheus.Gauge
	build        *prometheus.GaugeVec
	config       *prometheus.GaugeVec
	drain        *prometheus.GaugeVec
	in, out      *prometheus.GaugeVec
	hour         *prometheus.GaugeVec
	limit        *prometheus.GaugeVec
	catchUp      *prometheus.GaugeVec
}

// maker makes metrics in a registry.
type maker struct{ prometheus.Registerer }

func (r maker) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "meridian", Name: name, Help: help}, labels)
	r.MustRegister(v)
	return v
}

func (r maker) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "meridian", Name: name, Help: help}, labels)
	r.MustRegister(v)
	return v
}

func (r maker) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "meridian", Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(v)
	return v
}

func newMeters(r maker) meters {
	short := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	return meters{
		upstream:     r.counter("upstream_calls_total", "Calls of the request API by whose they are (client, own) and how they ended (status class, not-sent, in-doubt, cancelled).", "kind", "class"),
		upstreamTook: r.histogram("upstream_call_seconds", "Time of calls of the request API, by whose they are.", short[3:], "kind"),
		peers:        r.counter("peer_calls_total", "Calls of other gateways by destination, endpoint and result (ok, or the kind of the error).", "destination", "call", "result"),
		peersTook:    r.histogram("peer_call_seconds", "Time of calls of other gateways, by destination.", short[3:], "destination"),
		store:        r.histogram("store_seconds", "Time of work of the store, by what it is (read, lookup, commit, claim, settle).", short, "operation"),
		storeFailed:  r.counter("store_errors_total", "Work of the store that failed, by what it is.", "operation"),
		claimed:      r.counter("deliveries_claimed_total", "Deliveries taken from the queue to be made, by destination.", "destination"),
		flying:       r.gauge("calls_in_flight", "Calls of clients that are being served.").WithLabelValues(),
		listeners:    r.gauge("event_listeners", "Who listens to the stream of events of the admin API.").WithLabelValues(),
		build:        r.gauge("build_info", "1; the labels tell the version and how it was built.", "version", "goversion", "platform"),
		config:       r.gauge("config_info", "1; the label is the hash of the network file in force.", "hash"),
		drain:        r.gauge("drain_seconds", "Predicted time until nothing is owed to a destination; NaN when nothing moves.", "destination"),
		in:           r.gauge("forecast_in_rate", "Deliveries that come to be owed in a second, over the last minutes.", "destination"),
		out:          r.gauge("forecast_out_rate", "Deliveries that are made in a second, over the last minutes.", "destination"),
		hour:         r.gauge("forecast_owed_in_an_hour", "Deliveries that will be owed in an hour if things go on so.", "destination"),
		limit:        r.gauge("forecast_limit_seconds", "Time until the oldest delivery is as old as the lag limit; NaN when it will not be.", "destination"),
		catchUp:      r.gauge("forecast_catch_up_seconds", "While a destination is down: how long it will take to get what will be owed in an hour; NaN when it is not down or that is not known.", "destination"),
	}
}

// Built tells the version of the program.
func (m *Metrics) Built(version string) {
	if m != nil {
		m.build.WithLabelValues(version, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH).Set(1)
	}
}

// Configured tells which network file is in force.
func (m *Metrics) Configured(hash string) {
	if m != nil {
		m.config.Reset()
		m.config.WithLabelValues(hash).Set(1)
	}
}

// Upstream counts a call of the request API.
func (m *Metrics) Upstream(own bool, status int, err error, took time.Duration) {
	if m == nil {
		return
	}
	kind, class := "client", ""
	if own {
		kind = "own"
	}
	switch k := request.KindOf(err); {
	case err == nil && status >= 100 && status < 600:
		class = className(status / 100)
	case err == nil:
		class = className(0)
	case k == request.NotSent, k == request.Doubtful, k == request.ClientGone:
		class = string(k)
	default:
		class = "failed"
	}
	m.upstream.WithLabelValues(kind, class).Inc()
	m.upstreamTook.WithLabelValues(kind).Observe(took.Seconds())
}

// Peer counts a call of another gateway.
func (m *Metrics) Peer(to request.Site, call string, err error, took time.Duration) {
	if m == nil {
		return
	}
	result := "ok"
	if err != nil {
		result = string(known(request.KindOf(err)))
	}
	m.peers.WithLabelValues(string(to), call, result).Inc()
	m.peersTook.WithLabelValues(string(to)).Observe(took.Seconds())
}

// known is a kind of error that there is: the word of a peer is bounded before it becomes a label.
func known(k request.ErrKind) request.ErrKind {
	switch k {
	case request.Internal, request.Invalid, request.NotFound, request.Gone, request.Conflict, request.Precondition, request.Busy, request.Reserved,
		request.KeyReused, request.KeyBusy, request.OwnerUnreachable, request.NotYet, request.NotSent, request.Doubtful, request.HandingOver,
		request.Unavailable, request.StoreDown, request.Rejoining, request.Loop, request.NoContent, request.Forbidden, request.TooLarge, request.ClientGone:
		return k
	}
	return "other"
}

// Stored notes work of the store. What was asked for and is not there, or was changed meanwhile, is no failure.
func (m *Metrics) Stored(operation string, failed bool, took time.Duration) {
	if m == nil {
		return
	}
	m.store.WithLabelValues(operation).Observe(took.Seconds())
	if failed {
		m.storeFailed.WithLabelValues(operation).Inc()
	}
}

// Claimed counts deliveries that were taken from the queue.
func (m *Metrics) Claimed(site request.Site, n int) {
	if m != nil && n > 0 {
		m.claimed.WithLabelValues(string(site)).Add(float64(n))
	}
}

// Listening sets how many listen to the stream of events.
func (m *Metrics) Listening(n int) {
	if m != nil {
		m.listeners.Set(float64(n))
	}
}

// serving counts a call that is being served; what it returns ends it.
func (m *Metrics) serving() (done func()) {
	if m == nil {
		return nothing
	}
	m.flying.Inc()
	return m.flying.Dec
}

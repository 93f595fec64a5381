package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// operator is an Operator and a Watcher that remembers what it was asked.
type operator struct {
	record     store.Record
	filter     store.Filter
	since      time.Time
	cancelled  string
	settled    Settlement
	ordered    request.Order
	reclaimed  string
	dismissed  string
	from       time.Time
	days       int
	moving     []store.Record
	forwarding Forwarding
	ready, err error
}

func (o *operator) Requests(context.Context, request.ID, int) ([]store.Record, error) {
	return []store.Record{o.record}, o.err
}
func (o *operator) Request(_ context.Context, ref string) (store.Record, error) {
	if ref != "tokyo:a/1" {
		return store.Record{}, &request.Error{Kind: request.NotFound, Detail: "nothing is known as " + ref}
	}
	return o.record, o.err
}
func (o *operator) Deliveries(_ context.Context, f store.Filter) ([]request.Delivery, string, error) {
	o.filter = f
	return o.record.Holders, "next", o.err
}
func (o *operator) Retry(_ context.Context, f store.Filter, since time.Time) (int, error) {
	o.filter, o.since = f, since
	return 3, o.err
}
func (o *operator) Cancel(_ context.Context, id request.ID, site request.Site) error {
	o.cancelled = string(id) + " " + string(site)
	return o.err
}
func (o *operator) Settle(_ context.Context, id request.ID, how Settlement) error {
	o.settled = how
	return o.err
}
func (o *operator) Order(_ context.Context, order request.Order) (request.Standing, error) {
	o.ordered = order
	return request.Standing{Owner: "chicago", Version: at(2), Role: request.Owner, Plan: &request.Plan{To: order.To, By: order.By}}, o.err
}
func (o *operator) Reclaim(_ context.Context, id request.ID, by, reason string) (request.Standing, error) {
	o.reclaimed = string(id) + " " + by + ": " + reason
	return request.Standing{Owner: "chicago", Version: request.Version{Epoch: request.Epoch{Num: 2, Site: "chicago"}}, Role: request.Owner}, o.err
}
func (o *operator) Transfers(context.Context, request.ID, int) ([]store.Record, error) {
	return o.moving, o.err
}
func (o *operator) Conflicts(context.Context, request.ID, int) ([]store.Record, error) {
	return o.moving, o.err
}
func (o *operator) Dismiss(_ context.Context, id request.ID, conflict string) error {
	o.dismissed = string(id) + " " + conflict
	return o.err
}
func (o *operator) Schedule(_ context.Context, from time.Time, days int) ([]ScheduledRun, error) {
	o.from, o.days = from, days
	n := 4
	return []ScheduledRun{{Route: "sun", At: time.Date(2026, 3, 6, 17, 0, 0, 0, time.FixedZone("", -8*3600)), In: "America/Los_Angeles",
		Site: "chicago", Requests: &n}, {Route: "old", Site: "tokyo"}}, o.err
}
func (o *operator) Forwarding(context.Context) (Forwarding, error) { return o.forwarding, o.err }
func (o *operator) Ready(context.Context) error                    { return o.ready }

func newOperator() *operator {
	return &operator{
		record: store.Record{Entry: request.Entry{ID: gid, Collection: "tickets", Role: request.Owner, Owner: "chicago", Version: at(2),
			Fields: request.Fields{{Name: "title", Value: json.RawMessage(`"s3cr3t"`)}}},
			Holders: []request.Delivery{{Request: gid, Site: "tokyo", State: request.Parked, Owed: at(2), Acked: at(1), Cause: "422"}}},
		forwarding: Forwarding{Network: "furniture", Site: "chicago", State: Down, Destinations: []Destination{
			{Site: "tokyo", State: Down, Breaker: "open"}, {Site: "paris", State: OK, Breaker: "closed"}}},
	}
}

func ask(h http.Handler, method, path, body string, headers ...string) (int, string) {
	r := httptest.NewRequest(method, "http://127.0.0.1:8201"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:5000"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, x := range headers {
		k, v, _ := strings.Cut(x, ": ")
		switch k {
		case "Host":
			r.Host = v
		case "Remote":
			r.RemoteAddr = v
		default:
			r.Header.Set(k, v)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestHealth(t *testing.T) {
	t.Parallel()
	o := newOperator()
	h := NewAdmin(AdminOptions{Network: "furniture", Site: "chicago", Operator: o, Watcher: o})
	if code, body := ask(h, "GET", "/healthz", ""); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := ask(h, "GET", "/readyz", ""); code != 200 {
		t.Errorf("ready: %d", code)
	}
	o.ready = errors.New("the store does not answer")
	if code, body := ask(h, "GET", "/readyz", ""); code != 503 || !strings.Contains(body, "the store does not answer") {
		t.Errorf("not ready: %d %s", code, body)
	}
	o.forwarding.Count(Counts{InDoubt: 1, Conflicts: 2, Waiting: 3, Open: 4, Parked: 5})
	code, body := ask(h, "GET", "/health/forwarding", "")
	want := `{"network":"furniture","site":"chicago","state":"down","config_hash":"","destinations":[{"site":"tokyo","state":"down",` +
		`"breaker":"open","pending":0,"in_flight":0,"waiting":0,"parked":0,"oldest_age_seconds":0,"lag_seconds":{"p50":0,"p99":0},` +
		`"last_success":null,"last_error":"","drain_seconds":null,"clock_skew_seconds":0,"config_drift":false,"routes":[]},`
	if code != 503 || !strings.HasPrefix(body, want) || !strings.HasSuffix(body, `],"in_doubt":1,"conflicts":2,"transfers":{"waiting":3,"open":4,"parked":5}}`+"\n") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := ask(h, "GET", "/health/forwarding?site=paris", ""); code != 200 || strings.Contains(body, "tokyo") || !strings.Contains(body, `"state":"ok"`) {
		t.Errorf("paris alone: %d %s", code, body)
	}
	if code, _ := ask(h, "GET", "/health/forwarding?site=oslo", ""); code != 404 {
		t.Errorf("unknown site: %d", code)
	}
	o.forwarding.State = Degraded
	if code, _ := ask(h, "GET", "/health/forwarding", ""); code != 200 {
		t.Errorf("degraded: %d", code)
	}
}

func TestAdminAccess(t *testing.T) {
	t.Parallel()
	o := newOperator()
	free := NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o})
	locked := NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o, Token: "t0ken"})
	for _, c := range []struct {
		h       http.Handler
		method  string
		path    string
		headers []string
		status  int
	}{
		{free, "GET", "/api/v1/status", nil, 200},
		{free, "GET", "/api/v1/status", []string{"Host: localhost:8201"}, 200},
		{free, "GET", "/api/v1/status", []string{"Host: [::1]:8201"}, 200},
		{free, "GET", "/api/v1/status", []string{"Host: rebound.example"}, 403},
		{free, "GET", "/api/v1/status", []string{"Host: 127.0.0.1.evil.example"}, 403},
		{free, "GET", "/healthz", []string{"Host: rebound.example"}, 403},
		{free, "POST", "/api/v1/deliveries/retry", []string{"Origin: http://evil.example"}, 403},
		{free, "POST", "/api/v1/deliveries/retry", []string{"Origin: http://127.0.0.1:8201"}, 200},
		{locked, "GET", "/api/v1/status", nil, 401},
		{locked, "GET", "/api/v1/nothing", nil, 401},
		{locked, "GET", "/api/v2", nil, 401},
		{locked, "PUT", "/api/v1/status", nil, 401},
		{locked, "GET", "/api/v1/status", []string{"Authorization: Bearer wrong"}, 401},
		{locked, "GET", "/api/v1/status", []string{"Authorization: Basic t0ken"}, 401},
		{locked, "GET", "/api/v1/status", []string{"Authorization: Bearer t0ken"}, 200},
		{locked, "GET", "/api/v1/status", []string{"Authorization: bearer t0ken", "Host: admin.example"}, 200},
		{locked, "GET", "/api/v1/nothing", []string{"Authorization: Bearer t0ken"}, 404},
		{locked, "PUT", "/api/v1/status", []string{"Authorization: Bearer t0ken"}, 405},
		{locked, "GET", "/healthz", nil, 200},
		{locked, "GET", "/healthz", []string{"Remote: 192.0.2.1:99"}, 401},
		{locked, "GET", "/metrics", []string{"Remote: 192.0.2.1:99"}, 401},
		{locked, "GET", "/healthz", []string{"Remote: 192.0.2.1:99", "Authorization: Bearer t0ken"}, 200},
	} {
		body := ""
		if c.method != "GET" {
			body = "{}"
		}
		if code, out := ask(c.h, c.method, c.path, body, c.headers...); code != c.status {
			t.Errorf("%s %s %v: %d %s", c.method, c.path, c.headers, code, out)
		}
	}
}

func TestAdminAPI(t *testing.T) {
	t.Parallel()
	o := newOperator()
	h := NewAdmin(AdminOptions{Network: "furniture", Site: "chicago", Operator: o, Watcher: o})
	for _, c := range []struct {
		method, path, body string
		status             int
		has                string
	}{
		{"GET", "/api/v1/status", "", 200, `"ready":true`},
		{"GET", "/api/v1/requests", "", 200, `"version":"1.2"`},
		{"GET", "/api/v1/requests?limit=1", "", 200, `"after":"` + string(gid) + `"`},
		{"GET", "/api/v1/requests?limit=0", "", 400, "limit"},
		{"GET", "/api/v1/requests/tokyo:a%2F1", "", 200, `"owed":"1.2","acked":"1.1"`},
		{"GET", "/api/v1/requests/tokyo:a%2F1?fields=true", "", 200, `"fields":{"title":"s3cr3t"}`},
		{"GET", "/api/v1/requests/none", "", 404, "nothing is known as none"},
		{"GET", "/api/v1/deliveries?site=tokyo&state=in-flight&request=" + string(gid) + "&limit=7&after=x", "", 200, `"after":"next"`},
		{"GET", "/api/v1/deliveries?state=odd", "", 400, "no state odd"},
		{"GET", "/api/v1/deliveries?request=odd", "", 400, "global id"},
		{"POST", "/api/v1/deliveries/retry", `{"site":"tokyo","since":"2026-03-01T09:00:00Z"}`, 200, `{"retried":3}`},
		{"POST", "/api/v1/deliveries/retry", `{"sites":"tokyo"}`, 400, "unknown object member name"},
		{"POST", "/api/v1/deliveries/retry", `{} {}`, 400, "after top-level value"},
		{"POST", "/api/v1/deliveries/cancel", `{"request":"` + string(gid) + `","site":"tokyo"}`, 200, `"state":"cancelled"`},
		{"POST", "/api/v1/deliveries/cancel", `{"site":"tokyo"}`, 400, "request and site"},
		{"POST", "/api/v1/requests/tokyo:a%2F1/settle", `{"adopt":"17"}`, 200, `"settled":true`},
		{"POST", "/api/v1/requests/tokyo:a%2F1/settle", `{"adopt":"17","retry":true}`, 400, "exactly one"},
		{"POST", "/api/v1/requests/tokyo:a%2F1/settle", `{}`, 400, "exactly one"},
		{"GET", "/api/v1/openapi.yaml", "", 200, "openapi: 3.1.0"},
	} {
		code, body := ask(h, c.method, c.path, c.body)
		if code != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, code, body)
		}
		if c.path != "/api/v1/requests/tokyo:a%2F1?fields=true" && strings.Contains(body, "s3cr3t") {
			t.Errorf("%s shows values", c.path)
		}
		if strings.HasPrefix(c.path, "/api/v1/deliveries?site") && o.filter != (store.Filter{Site: "tokyo", State: request.InFlight, Request: gid, Limit: 7, After: "x"}) {
			t.Errorf("filter %+v", o.filter)
		}
	}
	if o.cancelled != string(gid)+" tokyo" || o.settled.Adopt != "17" || o.since.IsZero() {
		t.Errorf("cancelled %q, settled %+v, since %v", o.cancelled, o.settled, o.since)
	}
	o.err = errors.New("redis: s3cr3t")
	if code, body := ask(h, "GET", "/api/v1/requests", ""); code != 500 || strings.Contains(body, "s3cr3t") {
		t.Errorf("%d %s", code, body)
	}
}

// The description of the API names every path there is, and no other.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	var doc struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal([]byte(openAPI), &doc); err != nil {
		t.Fatal(err)
	}
	o := newOperator()
	a := &admin{AdminOptions: AdminOptions{Operator: o, Watcher: o, Planner: o, Seeder: noSeeder{}, Verifier: noSeeder{}, Watches: noSeeder{}, Rebuilder: noSeeder{}, Routes: noSeeder{}, Configurer: configurer{}, Guide: noGuide{}, Feed: &Feed{}}}
	r := mux.NewRouter()
	a.api(r)
	routes := map[string]bool{"/healthz": true, "/readyz": true, "/health/forwarding": true, "/metrics": true}
	err := r.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		methods, err2 := route.GetMethods()
		if err != nil || err2 != nil {
			return err
		}
		routes[path] = true
		if doc.Paths[path][strings.ToLower(methods[0])] == nil {
			t.Errorf("%s %s is not described", methods[0], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range doc.Paths {
		if !routes[path] {
			t.Errorf("%s is described and not there", path)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := NewMetrics("furniture", "chicago")
	b := setup(t, echo, func(o *Options) { o.Metrics = m })
	b.engine.write = func(context.Context, request.Write) (request.Result, error) { return made(201, "{}"), nil }
	b.do(t, "GET", "/x", "")
	b.do(t, "POST", "/tickets", "{}")
	b.do(t, "POST", "/tickets", "{")
	m.Delivered("tokyo", 20*time.Millisecond)
	m.Attempted("tokyo", request.Waiting)
	m.RouteFailed("sun")
	m.Reloaded(false)
	m.StoreWarnings(2)
	m.Observe(newOperator().forwarding)
	o := newOperator()
	h := NewAdmin(AdminOptions{Site: "chicago", Operator: o, Watcher: o, Metrics: m})
	_, page := ask(h, "GET", "/metrics", "")
	for _, want := range []string{
		`meridian_calls_total{class="2xx",kind="pass",network="furniture",site="chicago"} 1`,
		`meridian_calls_total{class="2xx",kind="create",network="furniture",site="chicago"} 1`,
		`meridian_calls_total{class="4xx",kind="create",network="furniture",site="chicago"} 1`,
		`meridian_delivered_total{destination="tokyo",network="furniture",site="chicago"} 1`,
		`meridian_delivery_lag_seconds_bucket{destination="tokyo",network="furniture",site="chicago",le="0.025"} 1`,
		`meridian_breaker_state{destination="tokyo",network="furniture",site="chicago"} 2`,
		`meridian_config_refused{network="furniture",site="chicago"} 1`,
		`meridian_store_warnings{network="furniture",site="chicago"} 2`,
		`meridian_route_errors_total{network="furniture",route="sun",site="chicago"} 1`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("missing %s", want)
		}
	}
	var none *Metrics // every method is safe without metrics
	none.Delivered("x", 0)
	none.Attempted("x", request.Parked)
	none.RouteFailed("x")
	none.Reloaded(true)
	none.StoreWarnings(1)
	none.Observe(Forwarding{})
	none.began("x")()
	none.done("x", 200, 0)
}

package gateway

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// apiPrefix is where the admin API is.
const apiPrefix = "/api/v1"

// api mounts what the command line does. It does without a subrouter: mux answers a wrong method below one with 404, as soon as
// another route follows.
func (a *admin) api(r *mux.Router) {
	handle := func(method, path string, h http.HandlerFunc) {
		methods := []string{method}
		if method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		r.Handle(apiPrefix+path, a.guarded(h)).Methods(methods...).Name(method + " " + path)
	}
	handle("GET", "/openapi.yaml", a.openAPI)
	handle("GET", "/status", a.status)
	handle("GET", "/requests", a.requests)
	handle("GET", "/requests/{ref}", a.request)
	handle("POST", "/requests/{ref}/settle", a.settle)
	handle("POST", "/requests/{ref}/transfer", a.transfer)
	handle("POST", "/requests/{ref}/return", a.giveBack)
	handle("POST", "/requests/{ref}/reclaim", a.reclaim)
	handle("GET", "/doubts", a.doubts)
	handle("GET", "/transfers", a.transfers)
	handle("GET", "/conflicts", a.conflicts)
	handle("POST", "/conflicts/{request}/{id}/dismiss", a.dismiss)
	if a.Guide != nil {
		handle("GET", "/network", a.networkOf)
		handle("GET", "/search", a.search)
		handle("GET", "/requests/{ref}/journey", a.journey)
		handle("GET", "/requests/{ref}/preview", a.preview)
	}
	if a.Feed != nil {
		handle("GET", "/events", a.events)
	}
	if a.Planner != nil {
		handle("GET", "/schedule", a.schedule)
	}
	if a.Seeder != nil {
		handle("POST", "/seed", a.seed)
		handle("GET", "/seed", a.seedState)
		handle("DELETE", "/seed", a.seedCancel)
	}
	if a.Verifier != nil {
		handle("POST", "/verify", a.verify)
		handle("GET", "/verify", a.verifyState)
		handle("DELETE", "/verify", a.verifyCancel)
	}
	if a.Rebuilder != nil {
		handle("GET", "/rejoin", a.rejoinState)
		handle("POST", "/rejoin", a.rejoinWithout)
	}
	if a.Routes != nil {
		handle("GET", "/routes", a.routes)
	}
	if a.Watches != nil {
		handle("GET", "/watch", a.watch)
	}
	if a.Configurer != nil {
		handle("GET", "/config", a.config)
	}
	handle("GET", "/deliveries", a.deliveries)
	handle("POST", "/deliveries/retry", a.retry)
	handle("POST", "/deliveries/cancel", a.cancel)
	if a.Extend != nil {
		a.Extend(handle)
	}
}

func (a *admin) openAPI(w http.ResponseWriter, r *http.Request) {
	writeText(w, r, "application/yaml", openAPI)
}

type statusView struct {
	Network    string       `json:"network"`
	Site       request.Site `json:"site"`
	Version    string       `json:"version"`
	State      string       `json:"state"`
	Ready      bool         `json:"ready"`
	Reason     string       `json:"reason,omitempty"`
	Forwarding Forwarding   `json:"forwarding"`
}

func (a *admin) status(w http.ResponseWriter, r *http.Request) {
	f, err := a.Watcher.Forwarding(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if f.Destinations == nil {
		f.Destinations = []Destination{}
	}
	v := statusView{Network: a.Network, Site: a.Site, Version: a.Version, State: f.State, Ready: true, Forwarding: f}
	if err := a.Watcher.Ready(r.Context()); err != nil {
		v.Ready, v.Reason = false, err.Error()
	}
	writeJSON(w, r, http.StatusOK, "application/json", v)
}

// limitOf reads a page size.
func limitOf(q url.Values) (int, error) {
	s := q.Get("limit")
	if s == "" {
		return 100, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1000 {
		return 0, bad("limit is a number from 1 to 1000")
	}
	return n, nil
}

type requestList struct {
	Requests []RequestView `json:"requests"`
	After    string        `json:"after"` // "" at the end
}

func (a *admin) requests(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := limitOf(q)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	records, err := a.Operator.Requests(r.Context(), request.ID(q.Get("after")), limit)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := requestList{Requests: make([]RequestView, 0, len(records))}
	for _, rec := range records {
		list.Requests = append(list.Requests, viewOf(rec, q.Get("fields") == "true"))
	}
	if len(records) == limit {
		list.After = string(records[limit-1].Entry.ID)
	}
	writeJSON(w, r, http.StatusOK, "application/json", list)
}

// record finds the request that a path names; ok=false when it has been answered already.
func (a *admin) record(w http.ResponseWriter, r *http.Request) (store.Record, bool) {
	ref, err := part(r, "ref")
	if err != nil {
		a.fail(w, r, err)
		return store.Record{}, false
	}
	rec, err := a.Operator.Request(r.Context(), ref)
	if err != nil {
		a.fail(w, r, err)
		return store.Record{}, false
	}
	return rec, true
}

// part is the part of the path that stands for a name.
func part(r *http.Request, name string) (string, error) {
	s, err := url.PathUnescape(mux.Vars(r)[name])
	if err != nil {
		return "", bad("the path is not escaped correctly")
	}
	return s, nil
}

func (a *admin) request(w http.ResponseWriter, r *http.Request) {
	if rec, ok := a.record(w, r); ok {
		writeJSON(w, r, http.StatusOK, "application/json", viewOf(rec, r.URL.Query().Get("fields") == "true"))
	}
}

func (a *admin) settle(w http.ResponseWriter, r *http.Request) {
	var how Settlement
	if err := decode(w, r, &how); err != nil {
		a.fail(w, r, err)
		return
	}
	n := 0
	for _, given := range []bool{how.Adopt != "", how.Retry, how.Abandon} {
		if given {
			n++
		}
	}
	if n != 1 {
		a.fail(w, r, bad("say exactly one of adopt (the local id), retry and abandon"))
		return
	}
	rec, ok := a.record(w, r)
	if !ok {
		return
	}
	if err := a.Operator.Settle(r.Context(), rec.Entry.ID, how); err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, r, http.StatusOK, "application/json", map[string]any{"request": rec.Entry.ID, "settled": true})
}

type deliveryList struct {
	Deliveries []DeliveryView `json:"deliveries"`
	After      string         `json:"after"` // "" at the end
}

// states are those a filter may name; "in-flight" is taken for "in flight".
func stateOf(s string) (request.State, error) {
	st := request.State(strings.ReplaceAll(s, "-", " "))
	switch st {
	case "", request.Pending, request.InFlight, request.Waiting, request.Parked, request.Delivered, request.Superseded, request.Cancelled:
		return st, nil
	}
	return "", bad("there is no state " + clip(s) + "; one of pending, in-flight, waiting, parked, delivered, superseded, cancelled")
}

func idOf(s string) (request.ID, error) {
	if s == "" {
		return "", nil
	}
	id, err := request.ParseID(s)
	if err != nil {
		return "", bad(err.Error())
	}
	return id, nil
}

func (a *admin) deliveries(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := limitOf(q)
	f := store.Filter{Site: request.Site(q.Get("site")), Limit: limit, After: q.Get("after")}
	if err == nil {
		f.State, err = stateOf(q.Get("state"))
	}
	if err == nil {
		f.Request, err = idOf(q.Get("request"))
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	found, cursor, err := a.Operator.Deliveries(r.Context(), f)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := deliveryList{Deliveries: make([]DeliveryView, 0, len(found)), After: cursor}
	for _, d := range found {
		list.Deliveries = append(list.Deliveries, deliveryOf(d))
	}
	writeJSON(w, r, http.StatusOK, "application/json", list)
}

// retryCall selects deliveries to be tried at once. Without anything it means all that are parked or waiting.
type retryCall struct {
	Request string       `json:"request"`
	Site    request.Site `json:"site"`
	State   string       `json:"state"`
	Since   *time.Time   `json:"since"`
}

func (a *admin) retry(w http.ResponseWriter, r *http.Request) {
	var c retryCall
	err := decode(w, r, &c)
	f := store.Filter{Site: c.Site}
	if err == nil {
		f.Request, err = idOf(c.Request)
	}
	if err == nil {
		f.State, err = stateOf(c.State)
	}
	var since time.Time
	if c.Since != nil {
		since = *c.Since
	}
	n := 0
	if err == nil {
		n, err = a.Operator.Retry(r.Context(), f, since)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, r, http.StatusOK, "application/json", map[string]int{"retried": n})
}

type cancelCall struct {
	Request string       `json:"request"`
	Site    request.Site `json:"site"`
}

func (a *admin) cancel(w http.ResponseWriter, r *http.Request) {
	var c cancelCall
	err := decode(w, r, &c)
	if err == nil && (c.Request == "" || c.Site == "") {
		err = bad("say request and site of the delivery")
	}
	var id request.ID
	if err == nil {
		id, err = idOf(c.Request)
	}
	if err == nil {
		err = a.Operator.Cancel(r.Context(), id, c.Site)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, r, http.StatusOK, "application/json", map[string]any{"request": id, "site": c.Site, "state": request.Cancelled})
}

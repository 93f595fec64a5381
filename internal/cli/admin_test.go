package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

const gid = request.ID("01JD000000000000000000000A")

// nine is when things began.
func nine() time.Time { return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC) }

func at(num, seq uint64, site request.Site) request.Version {
	return request.Version{Epoch: request.Epoch{Num: num, Site: site}, Seq: seq}
}

// engine is what stands behind the admin API of a test: one request, which is as look says when it is looked at.
type engine struct {
	mu        sync.Mutex
	look      func(n int) store.Record // the n-th look, from 1
	looks     int
	list      []store.Record
	orders    []request.Order
	standing  request.Standing
	reclaimed []string
	dismissed string
	health    gateway.Forwarding
	owed      []request.Delivery
	retried   int
	// answers are given in place of the admin API's to paths that end so.
	answers map[string]string
	err     error
}

// shows has the engine begin anew with other looks. A call that a command did not wait for may still be looking.
func (e *engine) shows(look func(n int) store.Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.look, e.looks = look, 0
}

func (e *engine) Request(_ context.Context, ref string) (store.Record, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ref != "17" && ref != "tokyo:a/1" && ref != string(gid) {
		return store.Record{}, &request.Error{Kind: request.NotFound, Detail: "nothing is known as " + ref}
	}
	e.looks++
	return e.look(e.looks), nil
}
func (e *engine) Order(_ context.Context, o request.Order) (request.Standing, error) {
	e.orders = append(e.orders, o)
	return e.standing, e.err
}
func (e *engine) Reclaim(_ context.Context, id request.ID, by, reason string) (request.Standing, error) {
	e.reclaimed = append(e.reclaimed, by+": "+reason)
	return e.standing, e.err
}
func (e *engine) Transfers(context.Context, request.ID, int) ([]store.Record, error) {
	return e.list, e.err
}
func (e *engine) Conflicts(context.Context, request.ID, int) ([]store.Record, error) {
	return e.list, e.err
}
func (e *engine) Dismiss(_ context.Context, id request.ID, conflict string) error {
	e.dismissed = string(id) + " " + conflict
	return e.err
}
func (e *engine) Requests(context.Context, request.ID, int) ([]store.Record, error) {
	return e.list, e.err
}
func (e *engine) Deliveries(context.Context, store.Filter) ([]request.Delivery, string, error) {
	return e.owed, "", e.err
}
func (e *engine) Retry(context.Context, store.Filter, time.Time) (int, error) {
	return e.retried, e.err
}
func (e *engine) Cancel(context.Context, request.ID, request.Site) error { return e.err }
func (e *engine) Settle(context.Context, request.ID, gateway.Settlement) error {
	return e.err
}
func (e *engine) Forwarding(context.Context) (gateway.Forwarding, error) { return e.health, e.err }
func (e *engine) Ready(context.Context) error                            { return nil }

// always is a request that does not change.
func always(e request.Entry, holders ...request.Delivery) func(int) store.Record {
	e.ID, e.Collection = gid, "tickets"
	return func(int) store.Record { return store.Record{Entry: e, Holders: holders} }
}

// serve makes an admin API, and a command line that asks it.
func serve(t *testing.T, e *engine) func(in string, args ...string) (code int, out, errs string) {
	t.Helper()
	url := address(t, e)
	return func(in string, args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := Run(t.Context(), append(args, "--admin", url), strings.NewReader(in), &out, &errs)
		return code, out.String(), errs.String()
	}
}

// address is where the admin API before an engine is.
func address(t *testing.T, e *engine) string {
	t.Helper()
	if e.look == nil {
		e.look = always(request.Entry{Role: request.Owner, Owner: "chicago", Version: at(1, 2, "chicago")})
	}
	admin := gateway.NewAdmin(gateway.AdminOptions{Network: "furniture", Site: "chicago", Operator: e, Watcher: e})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for path, text := range e.answers {
			if strings.HasSuffix(r.URL.Path, path) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, text)
				return
			}
		}
		admin.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// squeezed are the words of a table, however wide its columns are.
func squeezed(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestAdminAnswersWithErrors(t *testing.T) {
	t.Parallel()
	e := &engine{err: errors.New("redis: s3cr3t")}
	run := serve(t, e)
	for _, args := range [][]string{{"transfers"}, {"conflicts", "list"}, {"transfer", "17", "--to", "tokyo"}, {"return", "17"}} {
		if code, out, errs := run("", args...); code != Failed || out != "" || strings.Contains(errs, "s3cr3t") {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
	}
	var out, errs bytes.Buffer
	for _, args := range [][]string{{"transfer", "17", "--to", "tokyo"}, {"transfers"}, {"conflicts", "list"}, {"reclaim", "17", "--reason", "x", "--yes"}} {
		if code := Run(t.Context(), append(args, "--admin", "127.0.0.1:1"), nil, &out, &errs); code != Unreachable {
			t.Errorf("%v: %d", args, code)
		}
	}
}

package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
)

// noSeeder seeds nothing.
type noSeeder struct{}

func (noSeeder) Seed(context.Context, request.SeedOrder) (request.Seeding, error) {
	return request.Seeding{}, nil
}
func (noSeeder) Seeding(context.Context) (request.Seeding, error)    { return request.Seeding{}, nil }
func (noSeeder) CancelSeed(context.Context) (request.Seeding, error) { return request.Seeding{}, nil }

func (noSeeder) Rebuilding() request.Rebuilding { return request.Rebuilding{} }
func (noSeeder) GiveUp(request.Site) error      { return nil }

func (noSeeder) Verify(context.Context, request.VerifyOrder) (request.Verification, error) {
	return request.Verification{}, nil
}
func (noSeeder) Verifying(context.Context) (request.Verification, error) {
	return request.Verification{}, nil
}
func (noSeeder) CancelVerify(context.Context) (request.Verification, error) {
	return request.Verification{}, nil
}

// RoutesInForce is empty.
func (noSeeder) RoutesInForce() ([]RouteView, time.Time) { return nil, time.Time{} }
func (noSeeder) Watching() []request.Watching {
	return []request.Watching{{Collection: "tickets", Every: 30 * time.Second, Looked: 7, Error: "no"}}
}

// seeder remembers the order it was given.
type seeder struct {
	order request.SeedOrder
	state request.Seeding
	err   error
}

func (s *seeder) Seed(_ context.Context, o request.SeedOrder) (request.Seeding, error) {
	s.order = o
	return s.state, s.err
}
func (s *seeder) Seeding(context.Context) (request.Seeding, error) { return s.state, s.err }
func (s *seeder) CancelSeed(context.Context) (request.Seeding, error) {
	s.state.State = request.JobCancelled
	return s.state, s.err
}

func TestSeed(t *testing.T) {
	t.Parallel()
	s := &seeder{state: request.Seeding{ID: "1", State: request.JobRunning, Busy: 10 * time.Second, Parts: []request.SeedPart{
		{Collection: "a", Listed: 50, Seeded: 50, Done: true}, {Collection: "b", Listed: 50, Total: 300}}}}
	o := newOperator()
	srv := serve(t, NewAdmin(AdminOptions{Operator: o, Watcher: o, Seeder: s}))
	call := func(method, body string) (int, SeedingView) {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+"/api/v1/seed", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		var v SeedingView
		if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, v
	}
	status, v := call("POST", `{"collection":"b","rate":7,"since":"2026-01-02T03:04:05Z","dry_run":true,"by":"ann"}`)
	want := request.SeedOrder{Collection: "b", Rate: 7, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), DryRun: true, By: "ann from 127.0.0.1"}
	if status != 202 || s.order != want || v.ETA == nil || *v.ETA != 25 {
		t.Errorf("%d %+v %+v", status, s.order, v)
	}
	if status, _ = call("POST", ""); status != 202 || s.order.Rate != defaultSeedRate || s.order.Collection != "" {
		t.Errorf("%d %+v", status, s.order)
	}
	if status, _ = call("POST", `{"rates":1}`); status != 400 {
		t.Errorf("an unknown name: %d", status)
	}
	if status, v = call("DELETE", ""); status != 200 || v.State != request.JobCancelled || v.ETA != nil {
		t.Errorf("%d %+v", status, v)
	}
	for kind, want := range map[request.ErrKind]int{request.Invalid: 422, request.Conflict: 409, request.StoreDown: 503} {
		s.err = &request.Error{Op: "test", Kind: kind, Detail: "no"}
		if status, _ = call("POST", ""); status != want {
			t.Errorf("%s: %d, want %d", kind, status, want)
		}
	}
}

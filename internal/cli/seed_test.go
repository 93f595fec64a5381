package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/gateway"
	"github.com/meridian-gateway/meridian/request"
)

// jobs are seedings and comparisons as a test wants them: each look is the next of the list, the last one stays.
type jobs struct {
	mu      sync.Mutex
	orders  []request.SeedOrder
	seeds   []request.Seeding
	asked   []request.VerifyOrder
	compare []request.Verification
	ended   int
	err     error
}

func (j *jobs) nextSeed() request.Seeding {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.seeds[0]
	if len(j.seeds) > 1 {
		j.seeds = j.seeds[1:]
	}
	return s
}

func (j *jobs) nextVerify() request.Verification {
	j.mu.Lock()
	defer j.mu.Unlock()
	v := j.compare[0]
	if len(j.compare) > 1 {
		j.compare = j.compare[1:]
	}
	return v
}

func (j *jobs) Seed(_ context.Context, o request.SeedOrder) (request.Seeding, error) {
	j.orders = append(j.orders, o)
	return j.nextSeed(), j.err
}
func (j *jobs) Seeding(context.Context) (request.Seeding, error) { return j.nextSeed(), nil }
func (j *jobs) CancelSeed(context.Context) (request.Seeding, error) {
	j.ended++
	return j.nextSeed(), nil
}
func (j *jobs) Verify(_ context.Context, o request.VerifyOrder) (request.Verification, error) {
	j.asked = append(j.asked, o)
	return j.nextVerify(), j.err
}
func (j *jobs) Verifying(context.Context) (request.Verification, error) { return j.nextVerify(), nil }
func (j *jobs) CancelVerify(context.Context) (request.Verification, error) {
	j.ended++
	return j.nextVerify(), nil
}

// serveJobs makes an admin API with jobs, and a command line that asks it.
func serveJobs(t *testing.T, j *jobs) func(args ...string) (code int, out, errs string) {
	t.Helper()
	e := &engine{}
	s := httptest.NewServer(gateway.NewAdmin(gateway.AdminOptions{Network: "furniture", Site: "chicago", Operator: e, Watcher: e, Seeder: j, Verifier: j}))
	t.Cleanup(s.Close)
	return func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := Run(t.Context(), append(args, "--admin", s.URL), strings.NewReader(""), &out, &errs)
		return code, out.String(), errs.String()
	}
}

func TestSeed(t *testing.T) {
	t.Setenv("USER", "ann")
	begun := request.Seeding{ID: "1", State: request.JobRunning, Parts: []request.SeedPart{{Collection: "tickets", Listed: 10, Total: 40}}, Busy: time.Second}
	done := begun
	done.State, done.Started, done.Finished = request.JobDone, nine(), nine().Add(90*time.Second)
	done.Parts = []request.SeedPart{{Collection: "tickets", Listed: 40, Seeded: 37, Linked: 2, Skipped: 1, Done: true, Routes: map[string]int{"b": 2, "a": 37}}}
	done.Notes = []request.SeedNote{{Collection: "tickets", Local: "9", Reason: "it carries the id of another"}}
	j := &jobs{seeds: []request.Seeding{{}, begun, begun, done}}
	run := serveJobs(t, j)
	code, out, errs := run("seed", "--collection", "tickets", "--rate", "600/m", "--since", "2026-01-01T00:00:00Z")
	for _, want := range []string{"tickets 37 2 0 1 0 a 37, b 2", "tickets 9 it carries the id of another", "Done in 1m30s."} {
		if code != Done || !strings.Contains(squeezed(out), want) {
			t.Errorf("%d %q %q", code, out, errs)
		}
	}
	want := request.SeedOrder{Collection: "tickets", Rate: 10, Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), By: "ann from 127.0.0.1"}
	if len(j.orders) != 1 || j.orders[0] != want {
		t.Errorf("%+v", j.orders)
	}
	done.Parts[0].Failed = 3
	j.seeds = []request.Seeding{begun, done}
	code, out, errs = run("seed", "-o", "json")
	var v gateway.SeedingView
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != Failed || v.Collections[0].Failed != 3 || !strings.Contains(errs, "under way") || len(j.orders) != 1 {
		t.Errorf("joined, with failures: %d %q %q %v", code, out, errs, err)
	}
	j.seeds = []request.Seeding{done}
	if code, _, _ = run("seed", "--cancel"); j.ended != 1 {
		t.Errorf("%d, ended %d times", code, j.ended)
	}
	j.seeds = []request.Seeding{{}, {ID: "2", State: request.JobRunning}, {ID: "3", State: request.JobRunning}}
	if code, _, errs = run("seed"); code != Failed || !strings.Contains(errs, "another seeding") {
		t.Errorf("%d %q", code, errs)
	}
	for _, args := range [][]string{{"seed", "--rate", "x"}, {"seed", "--rate", "-1/s"}, {"seed", "--rate", "1/d"}, {"seed", "--since", "soon"}, {"seed", "--status", "--cancel"}, {"seed", "now"}, {"verify", "--sample", "-1"}} {
		if code, out, _ := run(args...); code != Misused || out != "" {
			t.Errorf("%v: %d %q", args, code, out)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Setenv("USER", "ann")
	running := request.Verification{ID: "1", State: request.JobRunning}
	equal := request.Verification{ID: "1", State: request.JobDone, Requests: 3, Copies: 1}
	other := equal
	other.Found, other.Repaired = 2, 1
	other.Differences = []request.Difference{
		{Request: gid, Site: "tokyo", Field: "status", Owner: json.RawMessage(`"open"`), Holder: json.RawMessage(`"\u001b[31mshut"`), Kind: request.DiffersField, Repaired: true},
		{Request: gid, Site: "paris", Kind: request.DiffersMissing, Owner: json.RawMessage(`"1.2"`), Note: "no room"}}
	away := equal
	away.Unreached = []request.Unreached{{Site: "paris", Cause: "no route"}}
	broken := equal
	broken.State, broken.Error = request.JobFailed, "the store is away"
	for _, c := range []struct {
		name string
		last request.Verification
		code int
		out  []string
		errs string
	}{
		{"equal", equal, Done, []string{"3 requests with 1 copy compared: no differences."}, ""},
		{"different", other, Failed, []string{"status", "the copy differs", "missing at the holder: no room", "2 differences"}, ""},
		{"away", away, Unreachable, []string{"no differences"}, "not compared with paris: no route"},
		{"broken", broken, Failed, nil, "the store is away"},
	} {
		j := &jobs{compare: []request.Verification{running, running, c.last}}
		code, out, errs := serveJobs(t, j)("verify", "--repair", "--collection", "tickets", "--sample", "7")
		if code != c.code || !strings.Contains(errs, c.errs) || strings.Contains(out, "\x1b") {
			t.Errorf("%s: %d %q %q", c.name, code, out, errs)
		}
		for _, want := range c.out {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in %q", c.name, want, out)
			}
		}
		if want := (request.VerifyOrder{Collection: "tickets", Repair: true, Sample: 7, By: "ann from 127.0.0.1"}); len(j.asked) != 1 || j.asked[0] != want {
			t.Errorf("%s: %+v", c.name, j.asked)
		}
	}
	j := &jobs{compare: []request.Verification{running, other}}
	code, out, _ := serveJobs(t, j)("verify", "-o", "json")
	var list []map[string]any
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != Failed || len(list) != 2 || list[0]["owner"] != "open" || list[1]["holder"] != nil || list[0]["request"] != string(gid) {
		t.Errorf("%d %q %v", code, out, err)
	}
	j = &jobs{compare: []request.Verification{running, {ID: "2", State: request.JobRunning}}}
	if code, _, errs := serveJobs(t, j)("verify"); code != Failed || !strings.Contains(errs, "restarted") {
		t.Errorf("%d %q", code, errs)
	}
	j = &jobs{compare: []request.Verification{{}}, err: &request.Error{Kind: request.Conflict, Detail: "a comparison is under way"}}
	if code, _, errs := serveJobs(t, j)("verify"); code != Failed || !strings.Contains(errs, "under way") {
		t.Errorf("%d %q", code, errs)
	}
}

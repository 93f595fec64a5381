package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Call is what a client sends.
type Call struct {
	Method, Path, Body string
	Header             http.Header
	// Key is the Idempotency-Key.
	Key string
}

// Answer is what a client got. Err is set when there was no answer at all, as when the gateway was killed.
type Answer struct {
	t      testing.TB
	call   Call
	Status int
	Header http.Header
	Body   []byte
	Err    error
	Took   time.Duration
}

// Do sends a call to the gateway's client face, with the credentials of the site's API. It may be used in goroutines.
func (g *Gateway) Do(c Call) Answer {
	a := Answer{t: g.t, call: c}
	began := time.Now()
	req, err := http.NewRequest(c.Method, g.URL(c.Path), strings.NewReader(c.Body))
	if err != nil {
		a.Err = err
		return a
	}
	for k, v := range g.api.Header() {
		req.Header[k] = v
	}
	if c.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.Header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	if c.Key != "" {
		req.Header.Set("Idempotency-Key", c.Key)
		req.GetBody = nil // net/http would repeat a call with a key by itself
	}
	res, err := clients.Do(req)
	if err != nil {
		a.Err = err
		return a
	}
	defer func() { _ = res.Body.Close() }()
	a.Status, a.Header = res.StatusCode, res.Header
	a.Body, a.Err = io.ReadAll(res.Body)
	a.Took = time.Since(began)
	return a
}

// Create makes a record.
func (g *Gateway) Create(path, body string) Answer {
	return g.Do(Call{Method: "POST", Path: path, Body: body})
}

// Patch merges fields into a record.
func (g *Gateway) Patch(path, body string) Answer {
	return g.Do(Call{Method: "PATCH", Path: path, Body: body})
}

// Put replaces a record.
func (g *Gateway) Put(path, body string) Answer {
	return g.Do(Call{Method: "PUT", Path: path, Body: body})
}

// Delete removes a record.
func (g *Gateway) Delete(path string) Answer { return g.Do(Call{Method: "DELETE", Path: path}) }

// Get reads a record.
func (g *Gateway) Get(path string) Answer { return g.Do(Call{Method: "GET", Path: path}) }

// Want fails the test unless the answer has one of the statuses.
func (a Answer) Want(statuses ...int) Answer {
	a.t.Helper()
	if a.Err != nil {
		a.t.Fatalf("%s %s: %v", a.call.Method, a.call.Path, a.Err)
	}
	if !slices.Contains(statuses, a.Status) {
		a.t.Fatalf("%s %s %.200s: got %d, want %v\n%v\n%.1000s", a.call.Method, a.call.Path, a.call.Body, a.Status, statuses, a.Header, a.Body)
	}
	return a
}

// WantProblem fails the test unless the answer is a problem of a kind, as application/problem+json.
func (a Answer) WantProblem(status int, kind string) Answer {
	a.t.Helper()
	a.Want(status)
	var p struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(a.Body, &p); err != nil || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") {
		a.t.Fatalf("%s %s: not a problem: %s %s", a.call.Method, a.call.Path, a.Header.Get("Content-Type"), a.Body)
	}
	if !strings.HasSuffix(p.Type, "/"+kind) || p.Status != status || p.Title == "" || p.Detail == "" {
		a.t.Fatalf("%s %s: want a full problem of type …/%s with status %d, got %+v", a.call.Method, a.call.Path, kind, status, p)
	}
	return a
}

// OK reports whether the write was acknowledged.
func (a Answer) OK() bool {
	return a.Err == nil && (a.Status == 200 || a.Status == 201 || a.Status == 204)
}

// Record is the body as a record.
func (a Answer) Record() Record {
	a.t.Helper()
	rec, err := object(a.Body)
	if err != nil {
		a.t.Fatalf("%s %s: the body is no record: %v: %d %.300s", a.call.Method, a.call.Path, err, a.Status, a.Body)
	}
	return rec
}

// ID is the local id in the body.
func (a Answer) ID() string { return a.Record().ID() }

// Request is the global id, of the receipt.
func (a Answer) Request() string { return a.Header.Get("Meridian-Request") }

// Owner is the site that owns the request.
func (a Answer) Owner() string { return a.Header.Get("Meridian-Owner") }

// Routes are the routes that fired.
func (a Answer) Routes() []string {
	var out []string
	for r := range strings.SplitSeq(a.Header.Get("Meridian-Route"), ",") {
		if r = strings.TrimSpace(r); r != "" {
			out = append(out, r)
		}
	}
	return out
}

// Version is the receipt's, epoch and sequence.
func (a Answer) Version() (epoch, seq int) {
	a.t.Helper()
	e, s, ok := strings.Cut(a.Header.Get("Meridian-Version"), ".")
	epoch, err1 := strconv.Atoi(e)
	seq, err2 := strconv.Atoi(s)
	if !ok || err1 != nil || err2 != nil {
		a.t.Errorf("%s %s: Meridian-Version is %q", a.call.Method, a.call.Path, a.Header.Get("Meridian-Version"))
	}
	return epoch, seq
}

// Copies are the states in Meridian-Copies by site.
func (a Answer) Copies() map[string]string {
	out := make(map[string]string)
	for item := range strings.SplitSeq(a.Header.Get("Meridian-Copies"), ",") {
		site, rest, ok := strings.Cut(strings.TrimSpace(item), ";state=")
		if ok {
			out[site] = rest
		}
	}
	return out
}

// Operation is where the write can be followed.
func (a Answer) Operation() string { return a.Header.Get("Meridian-Operation") }

// WantReceipt fails the test unless the answer carries a receipt with an owner and a version.
func (a Answer) WantReceipt(owner string) Answer {
	a.t.Helper()
	if len(a.Request()) != 26 || a.Owner() != owner {
		a.t.Fatalf("%s %s: want a receipt of owner %s, got request %q owner %q version %q", a.call.Method, a.call.Path, owner, a.Request(),
			a.Owner(), a.Header.Get("Meridian-Version"))
	}
	a.Version()
	return a
}

// WantOperation follows an operation until it is in one of the states.
func (g *Gateway) WantOperation(path string, within time.Duration, states ...string) map[string]any {
	g.t.Helper()
	var got map[string]any
	if path == "" {
		g.t.Fatal("there is no Meridian-Operation to follow")
	}
	Eventually(g.t, within, fmt.Sprintf("operation %s is one of %v", path, states), func() error {
		a := g.Get(path)
		if a.Err != nil || a.Status != 200 {
			return fmt.Errorf("%d %v %s", a.Status, a.Err, a.Body)
		}
		got = nil
		if err := json.Unmarshal(a.Body, &got); err != nil {
			return err
		}
		if !slices.Contains(states, fmt.Sprint(got["state"])) {
			return fmt.Errorf("it is %v", got)
		}
		return nil
	})
	return got
}

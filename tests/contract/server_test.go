package contract_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/tests/contract"
)

// creates is, for each product, how to make one record.
func creates() map[string]struct{ path, body string } {
	return map[string]struct{ path, body string }{
		"arsystem":   {arForm, `{"values":{"Short Description":"x"}}`},
		"servicenow": {snTable, `{"short_description":"x"}`},
		"jira":       {jiraIssue, jiraNew("x", "")},
		"zendesk":    {zdTickets, zdNew("x", "")},
		"github":     {ghIssues, `{"title":"x"}`},
		"freshdesk":  {fdTickets, fdNew("x", "")},
	}
}

// enter starts a product and returns a client with its credentials.
func enter(t *testing.T, name string, o contract.Options) (contract.Product, client) {
	t.Helper()
	p := contract.Products()[name](o)
	switch s := p.(type) {
	case *contract.ARSystem:
		return p, arLogin(t, s)
	case *contract.ServiceNow:
		return p, snClient(t, s)
	case *contract.Jira:
		return p, jiraClient(t, s)
	case *contract.Zendesk:
		return p, zdClient(t, s)
	case *contract.GitHub:
		return p, ghClient(t, s)
	case *contract.Freshdesk:
		return p, fdClient(t, s)
	}
	t.Fatalf("no client for %s", name)
	return nil, client{}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, one := range creates() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := enter(t, name, contract.Options{})
			count := func(want int, what string) {
				t.Helper()
				if got := len(s.Records()); got != want {
					t.Fatalf("%s: %d records, not %d", what, got, want)
				}
			}
			s.Forget()
			s.Fail("POST "+one.path, 2, 503)
			c.do("GET", one.path, "") // not struck
			for range 2 {
				if a := c.do("POST", one.path, one.body).is(503, "-"); len(a.body) == 0 && name != "freshdesk" {
					t.Fatal("a refusal without a body")
				}
			}
			count(0, "refused")
			s.Throttle(one.path, 1, 429, 1500*time.Millisecond)
			c.do("POST", one.path, one.body).is(429, "-").has("Retry-After", "2")
			s.DropAnswer("POST /", 1)
			if _, err := c.try("POST", one.path, one.body); err == nil {
				t.Fatal("an answer came through")
			}
			count(1, "the answer lost")
			s.DropCall("POST /", 1)
			if _, err := c.try("POST", one.path, one.body); err == nil {
				t.Fatal("an answer came through")
			}
			count(1, "the call lost")
			s.Delay("", 1, time.Millisecond)
			c.do("POST", one.path, one.body).is(201, "-")
			count(2, "late")
			s.Fail("", 5, 500)
			s.Heal()
			c.do("POST", one.path, one.body).is(201, "-")
			var log []string
			for _, l := range s.Calls() {
				if l.Method == "POST" && l.Path == one.path {
					log = append(log, fmt.Sprint(l.Status, l.Done, l.Dropped))
				}
			}
			if got, want := strings.Join(log, ", "), "503 false false, 503 false false, 429 false false, 201 true true, 0 false true, 201 true false, 201 true false"; got != want {
				t.Fatalf("the log is\n%s, not\n%s", got, want)
			}
		})
	}
}

// A call whose client has left is done all the same.
func TestDelayOutlivesTheClient(t *testing.T) {
	t.Parallel()
	j := contract.NewJira(contract.Options{})
	done := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		j.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	j.Delay("POST", 1, time.Hour)
	req, err := http.NewRequest("POST", srv.URL+jiraIssue, strings.NewReader(jiraNew("x", "")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+j.Credentials().Token)
	req.Header.Set("Content-Type", "application/json")
	_, err = (&http.Client{Timeout: 50 * time.Millisecond}).Do(req) //nolint:bodyclose // there is no answer
	if err == nil {
		t.Fatal("an answer came through")
	}
	<-done
	if n := len(j.Records()); n != 1 {
		t.Fatalf("%d records", n)
	}
}

// Many clients at once: every record is made once, and ids differ.
func TestParallel(t *testing.T) {
	t.Parallel()
	for name, one := range creates() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := enter(t, name, contract.Options{})
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 5 {
						if a, err := c.try("POST", one.path, one.body); err != nil || a.status != 201 {
							t.Errorf("%v %d %s", err, a.status, a.body)
						}
						_, _ = c.try("GET", one.path, "")
						_, _ = p.Records(), p.Calls()
					}
				})
			}
			all.Wait()
			seen := make(map[string]bool)
			for _, r := range p.Records() {
				id := r["id"]
				if name == "servicenow" {
					id = r["sys_id"]
				} else if v, ok := r["values"].(map[string]any); ok {
					id = v["Request ID"]
				}
				seen[fmt.Sprint(id)] = true
			}
			if len(seen) != 40 {
				t.Fatalf("%d records", len(seen))
			}
		})
	}
}

// What Records gives away is a copy.
func TestRecordsAreCopies(t *testing.T) {
	t.Parallel()
	p, c := enter(t, "zendesk", contract.Options{})
	c.do("POST", zdTickets, zdNew("x", `,"custom_fields":[{"id":1,"value":"a"}]`)).is(201, "-")
	p.Records()[0]["custom_fields"].([]any)[0].(map[string]any)["value"] = "b"
	p.Records()[0]["subject"] = "y"
	c.do("GET", zdTickets+"/35436", "").is(200, `{"ticket":{"subject":"x","custom_fields":[{"value":"a"}]}}`)
}

// Two servers of one product can be told to give different ids.
func TestSites(t *testing.T) {
	t.Parallel()
	ids := make(map[string]bool)
	for _, site := range []string{"chicago", "oslo"} {
		p, c := enter(t, "servicenow", contract.Options{Site: site})
		c.do("POST", snTable, `{}`).is(201, "-")
		ids[fmt.Sprint(p.Records()[0]["sys_id"])] = true
	}
	if len(ids) != 2 {
		t.Fatalf("ids: %v", ids)
	}
}

// Paths and queries that cannot be read are refused, not crashed on.
func TestMalformed(t *testing.T) {
	t.Parallel()
	for name, one := range creates() {
		p, c := enter(t, name, contract.Options{})
		for _, path := range []string{"/", "//", "/api", "/rest/api/2/issue//", one.path + "?a=%zz", one.path + "/", one.path + "//x", "/api/v2/tickets/99999999999999999999"} {
			if a := c.do("GET", path, ""); a.status < 400 && path != one.path+"/" {
				t.Errorf("%s: %s: %d", name, path, a.status)
			}
		}
		r := httptest.NewRequest("POST", one.path, strings.NewReader(one.body))
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code != 401 && w.Code != 403 {
			t.Errorf("%s: without credentials: %d", name, w.Code)
		}
	}
}

// A call that is cut off before its body has arrived is not done.
func TestCutBody(t *testing.T) {
	t.Parallel()
	p, c := enter(t, "github", contract.Options{})
	s, _ := strings.CutPrefix(c.base, "http://")
	conn, err := net.Dial("tcp", s)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{\"title\":\"x\"}", ghIssues, p.Credentials().Token)
	if err == nil {
		err = conn.(*net.TCPConn).CloseWrite()
	}
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(conn); len(b) > 0 {
		t.Errorf("an answer: %s", b)
	}
	_ = conn.Close()
	if n := len(p.Records()) + len(p.Calls()); n != 0 {
		t.Fatalf("%d records and calls", n)
	}
}

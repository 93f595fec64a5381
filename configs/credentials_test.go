package configs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/upstream"
)

// withLogin is the good file with a login in its profile and something more in its site.
func withLogin(login, site string) string {
	text := strings.Replace(good, "{preset: rest, ", "{preset: rest, timeout: 10s, parallel: 3, rate: 7/s, headers: {X-Requested-By: y}, "+login, 1)
	return strings.Replace(text, "    upstream:", site+"\n    upstream:", 1)
}

// What a site says of its login is laid over what its profile says; what goes out is the proof.
func TestLoginOfSiteOverProfile(t *testing.T) {
	t.Parallel()
	const (
		full = `login: {path: /in, form: {u: "{username}", p: "{password}", r: "{realm}"}, token: {from: body, at: /t}, lifetime: 1h, values: {realm: a, x: y}}, `
		who  = `username: gateway, password: "${PW}"`
	)
	for name, k := range map[string]struct{ login, site, want string }{
		"values": {full, `credentials: {login: {` + who + `, values: {realm: b}}}`, `POST /in "p=s%7Busername%7D&r=b&u=gateway" y|Bearer 1`},
		"form":   {full, `credentials: {login: {` + who + `, form: {"user": "{username}:{password}"}}}`, `POST /in "user=gateway%3As%7Busername%7D" y|Bearer 1`},
		"json": {full, `credentials: {login: {` + who + `, method: PUT, path: /other, json: [{u: "{username}"}, "{password}", 0]}}`,
			`PUT /other "[{\"u\":\"gateway\"},\"s{username}\",0]" y|Bearer 1`},
		"token":     {full, `credentials: {login: {` + who + `, token: {from: header, name: X-T}, send: {X-A: "{token} {username}"}}}`, `POST /in "p=s%7Busername%7D&r=a&u=gateway" y|2 gateway`},
		"alone":     {"", `credentials: {login: {` + who + `, path: /in, basic: true, token: {from: cookie, name: c}}}`, `POST /in "" y|c=3`},
		"ready":     {`login: {path: /in, form: {u: all}, token: {at: t}}, `, `store: "file:x"`, `POST /in "u=all" y|Bearer 1`},
		"with keys": {full, `credentials: {headers: {X-K: k}, login: {` + who + `}}`, `POST /in "p=s%7Busername%7D&r=a&u=gateway" y|Bearer 1 k`},
		"instead":   {full, `credentials: {bearer: b}`, `|Bearer b`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := Parse("f", []byte(withLogin(k.login, "    "+k.site)), func(string) (string, bool) { return "s{username}", true })
			if err != nil {
				t.Fatal(err)
			}
			if got := loggedIn(t, n.Sites["a"]); got != k.want {
				t.Errorf("got  %s\nwant %s", got, k.want)
			}
		})
	}
}

// loggedIn makes a call with a site's credentials and tells of the login and of what the call then carries.
func loggedIn(t *testing.T, site Site) string {
	t.Helper()
	login := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/tickets" {
			body, _ := io.ReadAll(r.Body)
			login = fmt.Sprintf("%s %s %q %s", r.Method, r.URL.Path, body, r.Header.Get("X-Requested-By"))
			w.Header().Set("X-T", "2")
			w.Header().Set("Set-Cookie", "c=3")
			_, _ = io.WriteString(w, `{"t":1}`)
			return
		}
		_, _ = fmt.Fprint(w, strings.Join(strings.Fields(r.Header.Get("Authorization")+" "+r.Header.Get("X-A")+" "+r.Header.Get("Cookie")+" "+r.Header.Get("X-K")), " "))
	}))
	defer s.Close()
	base := *site.Upstream
	base.Host = strings.TrimPrefix(s.URL, "http://")
	c := upstream.New(upstream.Options{Base: &base, Credentials: site.Credentials})
	defer c.Close()
	a, err := c.Do(context.Background(), request.Call{Method: "GET", Target: "/tickets"}, true)
	if err != nil {
		t.Fatal(err)
	}
	return login + "|" + string(a.Body)
}

// Two sites of one profile have limits of their own.
func TestLimitsOfSites(t *testing.T) {
	t.Parallel()
	for site, want := range map[string]string{
		"store: \"file:x\"": "10s 10s 3 7",
		"timeout: 30s":      "30s 30s 3 7",
		"timeout: 2s":       "2s 10s 3 7", // what has been sent may take effect as late as before
		"timeout: 30s\n    quiescence: 5s\n    parallel: 1\n    rate: 60/m": "30s 5s 1 1",
	} {
		n, err := Parse("f", []byte(withLogin("", "    "+site)), noEnv)
		if err != nil {
			t.Fatal(err)
		}
		p := n.Sites["a"].Profile
		if got := fmt.Sprint(p.Timeout, p.Quiescence, p.Parallel, p.Rate); got != want {
			t.Errorf("%s: %s, want %s", site, got, want)
		}
	}
	text, err := os.ReadFile("testdata/full/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	n, err := Parse("all.yaml", text, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c, sf := n.Sites["chicago"].Profile, n.Sites["san-francisco"].Profile; c.Timeout != 30*time.Second || sf.Timeout != 15*time.Second ||
		c.Parallel != 2 || sf.Parallel != 4 || c.RetryAfter != time.Minute || n.Sites["chicago"].Credentials.Login == nil || n.Sites["san-francisco"].Credentials.Login != nil {
		t.Errorf("%+v %+v", c, sf)
	}
}

// A password that is not known is said once, and a login does not show in what faults say or show.
func TestLoginFaultsAreDiscreet(t *testing.T) {
	t.Parallel()
	_, err := Parse("f", []byte(withLogin("", `    credentials: {login: {username: gateway, password: "${PW}", path: /in, form: {u: "{username}", p: "{password}"}, token: {at: t}}}`)), noEnv)
	if faults, ok := err.(Faults); !ok || len(faults) != 1 || !strings.Contains(err.Error(), "PW is not set") {
		t.Error(err)
	}
	golden, err := os.ReadFile("testdata/logins.txt")
	if err != nil || strings.Contains(string(golden), "hush") {
		t.Error("a secret is shown", err)
	}
	for _, line := range []string{
		`login: {username: gateway, password: "hush, hush", values: {pin: hush, q: 'hu, sh it''s hush'}}`, `credentials: {login: {form: {p: "hush {x}"}}}`,
		`password: "a \" hush"`, `client_secret: hush`, `login: hush`, `api_token: hush, x: y`, `password: "${X}hush"`,
	} {
		if got := masked(line); strings.Contains(got, "hush") || strings.Contains(got, "sh it") || len(got) != len(line) {
			t.Errorf("%s shows %s", line, got)
		}
	}
	const open = `login: {path: /in, form: {u: "{username}"}, password: ${PW}, token: {from: body, at: /t}}`
	if got := masked(open); got != open {
		t.Errorf("hidden: %s", got)
	}
}

package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meridian-gateway/meridian/configs"
	"github.com/meridian-gateway/meridian/internal/app"
	"github.com/meridian-gateway/meridian/internal/demo"
	"github.com/meridian-gateway/meridian/request"
)

// pair is two sites with their request APIs, in this process.
type pair struct {
	t       *testing.T
	dir     string
	apis    map[request.Site]*httptest.Server
	address map[request.Site]string // of peers
	apps    map[request.Site]*app.App
	text    string // of the network file made last
}

func start(t *testing.T, routes string) *pair {
	t.Helper()
	p := &pair{t: t, dir: t.TempDir(), apis: map[request.Site]*httptest.Server{}, address: map[request.Site]string{}, apps: map[request.Site]*app.App{}}
	for i, s := range []request.Site{"oslo", "rome"} {
		api, err := demo.OpenAPI("", 1+10*i)
		if err != nil {
			t.Fatal(err)
		}
		p.apis[s] = httptest.NewServer(api)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p.address[s] = l.Addr().String()
		_ = l.Close()
	}
	n := p.network(routes)
	for s := range p.apis {
		a, err := app.Start(t.Context(), app.Options{Network: n, Site: s})
		if err != nil {
			t.Fatal(err)
		}
		p.apps[s] = a
	}
	return p
}

func (p *pair) network(routes string) *configs.Network {
	p.t.Helper()
	text := "network: pair\nprofiles: {p: {preset: rest, collections: {tickets: {path: /tickets, external_id: {field: /external_id}}}}}\nsites:\n"
	for _, s := range []request.Site{"oslo", "rome"} {
		api := p.apis[s]
		text += fmt.Sprintf("  %s: {profile: p, upstream: %q, listen: \"127.0.0.1:0\", peer: {listen: %q, url: \"http://%s\"}, admin: {listen: \"127.0.0.1:0\"}, store: %q}\n",
			s, api.URL, p.address[s], p.address[s], "file:"+filepath.Join(p.dir, string(s)))
	}
	p.text = text + "routes:\n" + routes
	n, err := configs.Parse("test", []byte(p.text), func(string) (string, bool) { return "", false })
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *pair) stop() {
	for s, a := range p.apps {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		if err := a.Stop(ctx); err != nil {
			p.t.Errorf("stopping %s: %v", s, err)
		}
		cancel()
	}
	for _, api := range p.apis {
		api.Close()
	}
}

func (p *pair) call(method, url, body string, into any) http.Header {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := c.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		p.t.Fatalf("%s %s: %d, %v", method, url, res.StatusCode, err)
	}
	return res.Header
}

// A new network file changes what is scheduled while the gateway runs; a file that would change what it is refused; stopping leaves
// nothing behind, twice.
func TestReloadChangesSchedules(t *testing.T) {
	before := goleak.IgnoreCurrent()
	p := start(t, `  - {name: never, schedule: {cron: "0 0 29 2 *"}, when: status == "open", transfer: {to: rome}}`)
	client, admin := "http://"+p.apps["oslo"].Addresses().Client, "http://"+p.apps["oslo"].Addresses().Admin
	var made map[string]any
	h := p.call("POST", client+"/tickets", `{"title":"t","status":"open"}`, &made)
	if h.Get("Meridian-Owner") != "oslo" {
		t.Fatalf("owner %s: %v, %v", h.Get("Meridian-Owner"), h, made)
	}
	var plan []struct {
		Route    string
		Requests *int
	}
	p.call("GET", admin+"/api/v1/schedule?from=2028-02-01&days=60", "", &plan)
	if len(plan) != 1 || plan[0].Route != "never" || plan[0].Requests == nil || *plan[0].Requests != 1 {
		t.Errorf("scheduled: %+v", plan)
	}
	soon := p.network(`  - {name: soon, schedule: {every: 1s}, when: status == "open", transfer: {to: rome}}`)
	for s, a := range p.apps {
		if err := a.Reload(soon); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	give := time.Now().Add(20 * time.Second)
	for h.Get("Meridian-Owner") != "rome" {
		if time.Now().After(give) {
			t.Fatal("the new schedule did not move it")
		}
		h = p.call("GET", client+"/tickets/"+fmt.Sprint(made["id"]), "", &made)
	}
	other := p.network(`  - {name: soon, schedule: {every: 1s}, when: status == "open", transfer: {to: rome}}`)
	moved := other.Sites["oslo"]
	moved.Store = "file:elsewhere"
	other.Sites["oslo"] = moved
	if err := p.apps["oslo"].Reload(other); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("another store: %v", err)
	}
	var f struct {
		State     string
		Problems  []string
		Transfers struct{ Waiting, Open, Parked int }
	}
	p.call("GET", admin+"/health/forwarding", "", &f)
	if f.State != "degraded" || len(f.Problems) != 1 || f.Transfers.Parked != 0 {
		t.Errorf("health %+v", f)
	}
	p.stop()
	if err := p.apps["oslo"].Stop(t.Context()); err != nil {
		t.Errorf("stopped again: %v", err)
	}
	goleak.VerifyNone(t, before)
}

// A start that fails in the middle says what is wrong and leaves nothing running.
func TestStartThatFails(t *testing.T) {
	before := goleak.IgnoreCurrent()
	p := start(t, `  - {name: all, on: [create], copy: {to: all}}`)
	n := p.network(`  - {name: all, on: [create], copy: {to: all}}`)
	if a, err := app.Start(t.Context(), app.Options{Network: n, Site: "oslo"}); err == nil || a != nil {
		t.Errorf("two gateways on one store: %v, %v", a, err)
	}
	if _, err := app.Start(t.Context(), app.Options{Network: n, Site: "atlantis"}); err == nil || !strings.Contains(err.Error(), "it has oslo, rome") {
		t.Errorf("an unknown site: %v", err)
	}
	p.stop()
	goleak.VerifyNone(t, before)
}

// A site whose request API was away finds out by itself that it is back: nobody else calls it, and no other site sends it anything before
// it says so.
func TestIdleSiteFindsItsAPIAgain(t *testing.T) {
	p := start(t, `  - {name: all, on: [create], copy: {to: all}}`)
	defer p.stop()
	old := p.apis["rome"]
	old.CloseClientConnections()
	old.Close()
	var made map[string]any
	p.call("POST", "http://"+p.apps["oslo"].Addresses().Client+"/tickets", `{"title":"t","status":"open"}`, &made)
	type health struct {
		State    string
		Problems []string
	}
	says := func(what string, is func(health) bool) {
		t.Helper()
		var h health
		for give := time.Now().Add(30 * time.Second); !is(h); time.Sleep(20 * time.Millisecond) {
			if h = (health{}); time.Now().After(give) {
				t.Fatalf("rome does not say %s: %+v", what, h)
			}
			p.call("GET", "http://"+p.apps["rome"].Addresses().Admin+"/health/forwarding", "", &h)
		}
	}
	lost := "the request API at " + old.URL + " cannot be reached since "
	says("that its API is away", func(h health) bool {
		return h.State == "degraded" && len(h.Problems) == 1 && strings.HasPrefix(h.Problems[0], lost)
	})
	if err := p.apps["oslo"].Stop(t.Context()); err != nil { // which would find out, too
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", old.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	back := httptest.NewUnstartedServer(old.Config.Handler)
	_ = back.Listener.Close()
	back.Listener = l
	back.Start()
	p.apis["rome"] = back
	says("that its API is back", func(h health) bool { return h.State != "" && len(h.Problems) == 0 })
}

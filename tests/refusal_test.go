package tests

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// What the API refuses passes to the client as it is, wherever the client is, and replicates nothing.
func TestRefusalPassesUntouched(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "san-francisco", "chicago"), Routes: furniture})
	sf, chicago := n.At("san-francisco"), n.At("chicago")
	name := subject("fine chair")
	made := sf.Create("/tickets", ticket(name, `"category":"chair","n":0`)).Want(201)
	there := chicago.WantCopy(name, soon, nil)
	n.Settled(soon)
	before := map[*harness.Gateway]int{sf: len(sf.Fake().Commits("")), chicago: len(chicago.Fake().Commits(""))}

	body := `{"errors":[{"code":"E17","text":"no such thing\u00e9"}]}`
	for _, g := range []*harness.Gateway{sf, chicago} {
		g.Fake().Inject(&harness.Fault{Status: 422, Body: body, When: func(r *http.Request, _ []byte) bool { return r.Method != "GET" },
			Header: http.Header{"X-Rule": {"17"}}})
	}
	for _, a := range []harness.Answer{
		sf.Create("/tickets", ticket(subject("refused"), `"category":"desk"`)),
		sf.Create("/tickets", ticket(subject("refused"), `"category":"chair"`)),
		sf.Patch("/tickets/"+made.ID(), `{"n":1}`),
		sf.Put("/tickets/"+made.ID(), `{"n":1}`),
		sf.Delete("/tickets/" + made.ID()),
		chicago.Patch("/tickets/"+there.ID(), `{"n":1}`),
		chicago.Delete("/tickets/" + there.ID()),
	} {
		a.Want(422)
		if string(a.Body) != body || a.Header.Get("X-Rule") != "17" {
			t.Errorf("the refusal was changed: %v %s", a.Header, a.Body)
		}
	}
	for g, was := range before {
		g.Fake().Clear()
		if now := len(g.Fake().Commits("")); now != was {
			t.Errorf("%s's API was written %d times by refused calls", g.Name, now-was)
		}
	}
	n.Settled(soon)
	n.WantSame(name, soon, "san-francisco", "chicago")
	sf.Patch("/tickets/"+made.ID(), `{"n":2}`).Want(200)
	n.WantSame(name, soon, "san-francisco", "chicago")
}

// A copy that its target refuses parks alone, with the target's answer in the list; all others go on. When the reason is gone,
// the command line sends it again.
func TestParkedAlone(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome", "lima"), Routes: everywhere})
	oslo, rome, lima := n.At("oslo"), n.At("rome"), n.At("lima")
	bad := subject("refused by Rome")
	rule := rome.Fake().Inject(&harness.Fault{Status: 422, Body: `{"error":"summary is mandatory in Rome"}`,
		When: func(r *http.Request, body []byte) bool { return strings.Contains(string(body), bad) }})
	made := oslo.Create("/tickets", ticket(bad, "")).Want(201)
	for range 10 {
		good := subject("welcome")
		oslo.Create("/tickets", ticket(good, "")).Want(201)
		rome.WantCopy(good, soon, nil)
	}
	lima.WantCopy(bad, soon, nil)
	h := oslo.WantHealth("one is parked", soon, func(h harness.Health) bool { return h.To("rome").Parked == 1 && h.Owed() == 0 })
	if h.State != "degraded" || h.To("rome").State != "degraded" || h.To("lima").State != "ok" || h.Status != 200 {
		t.Errorf("health with one delivery parked: %+v", h)
	}
	list, err := oslo.Deliveries("parked")
	if err != nil || len(list) != 1 || list[0].Request != made.Request() || list[0].Site != "rome" || !strings.Contains(list[0].Cause, "mandatory in Rome") {
		t.Errorf("the list of parked deliveries is %+v (%v)", list, err)
	}
	out, code := oslo.CLI("deliveries", "list", "-o", "json")
	if code != 0 || !strings.Contains(out, made.Request()) || !strings.Contains(out, "mandatory in Rome") || !json.Valid([]byte(out)) {
		t.Errorf("meridian deliveries list: exit %d\n%s", code, out)
	}

	rome.Fake().Clear()
	if out, code := oslo.CLI("deliveries", "retry"); code != 0 {
		t.Errorf("meridian deliveries retry: exit %d\n%s", code, out)
	}
	rome.WantCopy(bad, soon, nil)
	oslo.WantHealth("all is well again", soon, func(h harness.Health) bool { return h.State == "ok" && h.To("rome").Parked == 0 })
	if rome.Fake().Struck(rule) == 0 {
		t.Error("the test is wrong: Rome refused nothing")
	}
}

// A parked delivery is tried again with the next version by itself.
func TestParkedIsSuperseded(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo, rome := n.At("oslo"), n.At("rome")
	rome.Fake().Inject(&harness.Fault{Status: 400, Body: `{"error":"level out of range"}`,
		When: func(r *http.Request, body []byte) bool { return strings.Contains(string(body), `"level":99`) }})
	name := subject("too high")
	made := oslo.Create("/tickets", ticket(name, `"level":99`)).Want(201)
	oslo.WantHealth("it is parked", soon, func(h harness.Health) bool { return h.To("rome").Parked == 1 })
	oslo.Patch("/tickets/"+made.ID(), `{"level":9}`).Want(200)
	rome.WantCopy(name, soon, map[string]any{"level": 9})
	oslo.WantHealth("all is well again", soon, func(h harness.Health) bool { return h.State == "ok" })
}

// The command line answers with its exit codes.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere})
	oslo := n.At("oslo")
	made := oslo.Create("/tickets", ticket(subject("shown"), "")).Want(201)
	n.Settled(soon)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"status"}, 0, "rome"},
		{[]string{"status", "-o", "json"}, 0, `"rome"`},
		{[]string{"requests", "list"}, 0, made.Request()},
		{[]string{"requests", "show", made.Request()}, 0, made.Request()},
		{[]string{"requests", "show", "oslo:" + made.ID()}, 0, made.Request()},
		{[]string{"requests", "show", made.ID()}, 0, made.Request()},
		{[]string{"requests", "show", "oslo:nothing"}, 1, ""},
		{[]string{"deliveries", "list"}, 0, ""},
		{[]string{"deliveries", "list", "--no-such-flag"}, 2, ""},
		{[]string{"nonsense"}, 2, ""},
	} {
		out, code := oslo.CLI(c.args...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("meridian %s: exit %d, want %d and %q in\n%s", strings.Join(c.args, " "), code, c.code, c.want, out)
		}
	}
	if out, code := harness.CLI(t, oslo.Env(), "check", "--config", n.Path()); code != 0 {
		t.Errorf("meridian check: exit %d, want 0\n%s", code, out)
	}
	oslo.Kill()
	if out, code := oslo.CLI("status"); code != 3 {
		t.Errorf("meridian status without a gateway: exit %d, want 3\n%s", code, out)
	}
	if out, code := harness.CLI(t, nil, "check", "--config", "/does/not/exist"); code != 2 {
		t.Errorf("meridian check of no file: exit %d, want 2\n%s", code, out)
	}
}

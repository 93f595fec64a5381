package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/tests/harness"
)

// promtool is Prometheus's own tool, where it is.
func promtool(t *testing.T) string {
	t.Helper()
	path := filepath.Join(harness.Root(), ".cache", "bin", "promtool")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	path, err := exec.LookPath("promtool")
	switch {
	case err == nil:
		return path
	case os.Getenv("MERIDIAN_REQUIRE") != "":
		t.Fatal("promtool is missing: ./scripts/setup.sh")
	}
	t.Skip("promtool is missing: ./scripts/setup.sh")
	return ""
}

func runPromtool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), promtool(t), args...)
	cmd.Dir, cmd.Stdin = filepath.Join(harness.Root(), "deploy", "prometheus"), strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documentedMetrics are those of docs/metrics.md with their types and labels.
func documentedMetrics(t *testing.T) map[string][2]string {
	t.Helper()
	out := map[string][2]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(meridian_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|").FindAllStringSubmatch(readFile(t, "docs/metrics.md"), -1) {
		labels := strings.Fields(strings.NewReplacer("`", "", ",", " ").Replace(m[3]))
		slices.Sort(labels)
		out[m[1]] = [2]string{m[2], strings.Join(labels, " ")}
	}
	if len(out) < 40 {
		t.Fatalf("only %d metrics are documented", len(out))
	}
	return out
}

var (
	typeLine   = regexp.MustCompile(`(?m)^# TYPE (meridian_[a-z_]+) ([a-z]+)$`)
	sampleLine = regexp.MustCompile(`(?m)^(meridian_[a-z_]+)\{([^}]*)\} `)
	labelPair  = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
)

// The metrics of a gateway that was given something of everything, hostile input too, pass promtool, are those of docs/metrics.md with their types and
// labels, and hold no word that a client chose.
func TestMetricsOfBusyGateway(t *testing.T) {
	t.Parallel()
	n := harness.Start(t, harness.Network{Sites: harness.Fakes(t, "oslo", "rome"), Routes: everywhere + "\n- {name: broken, on: create, when: size + 1 > 2, copy: {to: rome}}\n"})
	oslo, rome := n.At("oslo"), n.At("rome")
	name := subject("counted")
	id := oslo.Create("/tickets", ticket(name, `"size":"big"`)).Want(201).ID()
	rome.WantCopy(name, soon, nil)
	oslo.Patch("/tickets/"+id, `{"n":1}`).Want(200)
	oslo.Get("/tickets/" + id).Want(200)
	for i := range 50 {
		evil := fmt.Sprintf("evil%d", i)
		oslo.Do(harness.Call{Method: strings.ToUpper(evil), Path: "/" + evil})
		oslo.Do(harness.Call{Method: "POST", Path: "/" + evil, Body: evil, Header: http.Header{"Traceparent": {evil}, "X-Request-Id": {evil}, "User-Agent": {evil}}})
		oslo.Do(harness.Call{Method: "POST", Path: "/tickets/" + evil, Body: `{"` + evil + `":1}`})
		_, _ = harness.GetRaw(oslo.Admin("/api/v1/" + evil))
		_, _ = harness.Post("http://"+oslo.PeerAddress()+"/peer/v1/"+evil, evil)
	}
	n.Settled(soon)
	harness.Eventually(t, 3*soon, "a forecast", func() error {
		if _, err := harness.GetRaw(oslo.Admin("/health/forwarding")); err != nil {
			return err
		}
		text, err := harness.GetRaw(oslo.Admin("/metrics"))
		if err == nil && !strings.Contains(string(text), "meridian_forecast_in_rate{") {
			err = fmt.Errorf("none yet")
		}
		return err
	})
	text, err := harness.GetRaw(oslo.Admin("/metrics"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	if strings.Contains(strings.ToLower(page), "evil") || strings.Contains(page, name) {
		t.Error("a client's word is in the metrics")
	}
	if out := runPromtool(t, page, "check", "metrics"); strings.TrimSpace(out) != "" {
		t.Errorf("promtool check metrics: %s", out)
	}
	known := documentedMetrics(t)
	for _, m := range typeLine.FindAllStringSubmatch(page, -1) {
		if known[m[1]][0] != m[2] {
			t.Errorf("%s is a %s, and documented as %q", m[1], m[2], known[m[1]][0])
		}
	}
	series := map[string]int{}
	for _, m := range sampleLine.FindAllStringSubmatch(page, -1) {
		name := m[1]
		if _, ok := known[name]; !ok {
			name = regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(name, "")
		}
		var labels []string
		for _, l := range labelPair.FindAllStringSubmatch(m[2], -1) {
			if l[1] != "network" && l[1] != "site" && l[1] != "le" {
				labels = append(labels, l[1])
			}
		}
		slices.Sort(labels)
		if got := strings.Join(labels, " "); got != known[name][1] {
			t.Errorf("%s has the labels %q, and documented are %q", name, got, known[name][1])
		}
		if series[m[1]]++; series[m[1]] > 150 {
			t.Fatalf("%s has more than 150 series", m[1])
		}
	}
	for _, want := range []string{"meridian_route_hits_total", "meridian_route_errors_total", "meridian_upstream_calls_total", "meridian_peer_calls_total",
		"meridian_store_seconds_bucket", "meridian_deliveries_claimed_total", "meridian_config_info", "meridian_build_info", "meridian_drain_seconds"} {
		if series[want] == 0 {
			t.Errorf("there is no %s", want)
		}
	}
	var health struct {
		Destinations []struct {
			Forecast *struct {
				Trend string `json:"trend"`
				Owed  int    `json:"owed"`
			} `json:"forecast"`
		} `json:"destinations"`
	}
	body, err := harness.GetRaw(oslo.Admin("/health/forwarding"))
	if err == nil {
		err = json.Unmarshal(body, &health)
	}
	if err != nil || len(health.Destinations) != 1 || health.Destinations[0].Forecast == nil || health.Destinations[0].Forecast.Trend == "" || health.Destinations[0].Forecast.Owed != 0 {
		t.Errorf("%v %s", err, body)
	}
}

// Every metric that is documented is made somewhere, and the other way round.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	made := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?:counter|gauge|histogram)\("([a-z_]+)"`).FindAllStringSubmatch(readFile(t, "gateway/metrics.go")+readFile(t, "gateway/meters.go"), -1) {
		made["meridian_"+m[1]] = true
	}
	known := documentedMetrics(t)
	for m := range made {
		if _, ok := known[m]; !ok {
			t.Errorf("%s is not in docs/metrics.md", m)
		}
	}
	for m := range known {
		if !made[m] {
			t.Errorf("%s is in docs/metrics.md, and nothing makes it", m)
		}
	}
}

type alertRules struct {
	Groups []struct {
		Rules []struct {
			Alert       string
			Expr        string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

// The alerts are good, each fires and is silent when it should, is explained under its own heading, and asks of metrics that are there.
func TestAlerts(t *testing.T) {
	t.Parallel()
	runPromtool(t, "", "check", "rules", "alerts.yaml")
	runPromtool(t, "", "check", "config", "prometheus.yaml")
	runPromtool(t, "", "test", "rules", "alerts_test.yaml")
	var rules alertRules
	if err := yaml.Unmarshal([]byte(readFile(t, "deploy/prometheus/alerts.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	doc, tests := readFile(t, "docs/alerts.md"), readFile(t, "deploy/prometheus/alerts_test.yaml")
	seen := map[string]bool{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			seen[r.Alert] = true
			wantMetrics(t, r.Alert, r.Expr)
			if !slices.Contains([]string{"critical", "warning"}, r.Labels["severity"]) || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: %v %v", r.Alert, r.Labels, r.Annotations)
			}
			if !strings.HasSuffix(r.Annotations["runbook_url"], "/docs/alerts.md#"+strings.ToLower(r.Alert)) {
				t.Errorf("%s links to %s", r.Alert, r.Annotations["runbook_url"])
			}
			_, section, ok := strings.Cut(doc, "\n## "+r.Alert+"\n")
			section, _, _ = strings.Cut(section, "\n## ")
			if !ok || !strings.Contains(section, "**What it means.**") || !strings.Contains(section, "**Check**") || !strings.Contains(section, "```sh\n") || !strings.Contains(section, "**Fix.**") {
				t.Errorf("docs/alerts.md does not explain %s", r.Alert)
			}
			if !strings.Contains(tests, "alertname: "+r.Alert+"\n        exp_alerts:\n") {
				t.Errorf("no test lets %s fire", r.Alert)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(doc, -1) {
		if !seen[m[1]] {
			t.Errorf("docs/alerts.md explains %s, which is no alert", m[1])
		}
	}
}

// wantMetrics wants that an expression asks of documented metrics alone.
func wantMetrics(t *testing.T, of, expr string) {
	t.Helper()
	known := documentedMetrics(t)
	found := regexp.MustCompile(`meridian_[a-z_]+`).FindAllString(expr, -1)
	for _, m := range found {
		base := regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(m, "")
		if _, ok := known[m]; !ok && known[base][0] != "histogram" {
			t.Errorf("%s asks of %s, which is not documented", of, m)
		}
	}
	if len(found) == 0 && !strings.Contains(expr, "up{") {
		t.Errorf("%s asks of nothing", of)
	}
}

// The dashboard is one that Grafana can read: each panel asks of one data source, in queries that Prometheus takes, about documented metrics.
func TestGrafana(t *testing.T) {
	t.Parallel()
	var board struct {
		Title, UID string
		Templating struct {
			List []struct{ Name, Type, Definition string }
		}
		Panels []struct {
			ID          int
			Type, Title string
			Description string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, "deploy/grafana/meridian.json")), &board); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range board.Templating.List {
		if names = append(names, v.Name); v.Type == "query" {
			wantMetrics(t, "variable "+v.Name, v.Definition)
		}
	}
	if board.Title == "" || !slices.Equal(names, []string{"datasource", "network", "site"}) {
		t.Errorf("%q %q", board.Title, names)
	}
	rules := &strings.Builder{}
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	ids := map[int]bool{}
	for i, p := range board.Panels {
		if ids[p.ID] || p.GridPos.W+p.GridPos.X > 24 {
			t.Errorf("%s: id %d, %+v", p.Title, p.ID, p.GridPos)
		}
		for _, q := range board.Panels[:i] {
			if a, b := p.GridPos, q.GridPos; a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s lies over %s", p.Title, q.Title)
			}
		}
		if ids[p.ID] = true; p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%s says or asks nothing", p.Title)
		}
		for k, x := range p.Targets {
			wantMetrics(t, p.Title, x.Expr)
			fmt.Fprintf(rules, "      - record: meridian:panel%d_%d\n        expr: %q\n", p.ID, k, strings.NewReplacer("$network", "n", "$site", "s").Replace(x.Expr))
		}
	}
	path := filepath.Join(t.TempDir(), "queries.yaml")
	if err := os.WriteFile(path, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	runPromtool(t, "", "check", "rules", path)
}

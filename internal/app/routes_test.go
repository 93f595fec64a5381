package app_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/meridian-gateway/meridian/internal/cli"
)

// Each route is counted once for each time that it is taken, and not when a schedule is only looked at; what is found by no field says
// why; the command shows it.
func TestRoutesAreCounted(t *testing.T) {
	p := start(t, `  - {name: chairs, on: [create, update], when: category == "chair", copy: {to: rome}}
  - {name: broken, on: create, when: size + 1 > 2, copy: {to: rome}}
  - {name: never, schedule: {cron: "0 0 29 2 *"}, when: status == "open", transfer: {to: rome}}
`)
	defer p.stop()
	began := time.Now()
	client, admin := "http://"+p.apps["oslo"].Addresses().Client, "http://"+p.apps["oslo"].Addresses().Admin
	var made map[string]any
	for _, body := range []string{`{"category":"chair","size":"big","status":"open"}`, `{"category":"chair","size":0}`, `{"category":"desk","size":5}`} {
		p.call("POST", client+"/tickets", body, &made)
	}
	var runs []any
	p.call("GET", admin+"/api/v1/schedule?days=366", "", &runs)
	type route struct {
		Name, Does, Schedule string
		WhyNot               string `json:"why_not"`
		Indexed              bool
		Index                []string
		Hits, Errors         int
		LastHit              *time.Time `json:"last_hit"`
		LastError            string     `json:"last_error"`
	}
	var got struct {
		Routes []route
		Since  time.Time
	}
	p.call("GET", admin+"/api/v1/routes", "", &got)
	if len(got.Routes) != 3 || got.Since.IsZero() || got.Since.After(began) {
		t.Fatalf("%+v", got)
	}
	chairs, broken, never := got.Routes[0], got.Routes[1], got.Routes[2]
	if chairs.Hits != 2 || chairs.Errors != 0 || chairs.LastHit == nil || chairs.LastHit.Before(got.Since) || !chairs.Indexed || strings.Join(chairs.Index, " ") != "category" ||
		chairs.Does != "copy to rome" || chairs.WhyNot != "" {
		t.Errorf("%+v", chairs)
	}
	if broken.Hits != 1 || broken.Errors != 1 || broken.Indexed || !strings.Contains(broken.WhyNot, "compares by order") || broken.LastError == "" || strings.Contains(broken.LastError, "big") {
		t.Errorf("%+v", broken)
	}
	if never.Hits != 0 || never.LastHit != nil || never.Schedule == "" || !strings.Contains(never.WhyNot, "schedule") || never.Does != "transfer to rome (ownership)" {
		t.Errorf("%+v", never)
	}
	var out, errs bytes.Buffer
	if code := cli.Run(t.Context(), []string{"routes", "--admin", admin}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatal(code, errs.String())
	}
	for _, want := range []string{"copy to rome", "category", "never", "broken: its condition failed: ", "broken: it compares by order"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

package routing

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

func TestDecideRoute(t *testing.T) {
	t.Parallel()
	table := mustCompile(t, []Route{
		{Name: "west", Collection: "tickets", Schedule: &Schedule{At: "close", Of: "chicago"}, At: []request.Site{"chicago"},
			When: `status == "open"`, Transfer: to("san-francisco")},
		{Name: "first", On: []Event{Update}, Transfer: to("upholstery")},
		{Name: "old", Schedule: &Schedule{Every: time.Hour}, When: `age("closed_at") > duration("720h") && old.status == nil`,
			Archive: &Action{To: []request.Site{"upholstery"}, Mode: "move"}},
		{Name: "both", Schedule: &Schedule{Every: time.Hour}, When: `changed("skill")`, Copy: &Action{All: true}, Return: &Action{}},
		{Name: "broken", Schedule: &Schedule{Every: time.Hour}, When: `status > 3`, Delete: &Action{}},
	})
	var names []string
	for _, r := range table.Scheduled() {
		names = append(names, r.Name+" "+r.Schedule.String())
	}
	if diff := cmp.Diff([]string{"west at close of chicago", "old every 1h", "both every 1h", "broken every 1h"}, names); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		route, collection string
		site              request.Site
		fields, want      string
	}{
		{"west", "tickets", "chicago", `{"status":"open"}`, "transfer west [san-francisco] fired west"},
		{"west", "tickets", "chicago", `{"status":"closed"}`, " fired "},
		{"west", "tickets", "upholstery", `{"status":"open"}`, " fired "},
		{"west", "articles", "chicago", `{"status":"open"}`, " fired "},
		{"first", "tickets", "chicago", `{}`, " fired "},
		{"none", "tickets", "chicago", `{}`, " fired "},
		{"old", "tickets", "chicago", `{"status":"closed","closed_at":"2026-01-01T00:00:00Z"}`, "archive old [upholstery] fired old"},
		{"old", "tickets", "chicago", `{"status":"closed","closed_at":"2026-03-01T00:00:00Z"}`, " fired "},
		{"old", "tickets", "upholstery", `{"closed_at":"2026-01-01T00:00:00Z"}`, "stay old [] fired "},
		{"both", "tickets", "chicago", `{"skill":"wood"}`, "return both []; copy both [san-francisco upholstery] fired both"},
		{"both", "tickets", "chicago", `{"skill":null}`, " fired "},
	} {
		same := fields(t, c.fields)
		d := table.DecideRoute(c.route, Input{Event: Update, Collection: c.collection, Site: c.site, Owner: c.site, Old: same, New: same, Now: noon})
		if got := summary(d); got != c.want || len(d.Errors) > 0 {
			t.Errorf("%s at %s: %s\ngot  %s %v\nwant %s", c.route, c.site, c.fields, got, d.Errors, c.want)
		}
	}
	d := table.DecideRoute("broken", Input{Site: "chicago", New: fields(t, `{"status":"open"}`)})
	if len(d.Errors) != 1 || d.Errors[0].Route != "broken" || len(d.Fired) > 0 {
		t.Errorf("a condition that fails is no match and is told: %+v", d)
	}
	if d := table.DecideRoute("west", Input{Collection: "tickets", Site: "chicago", New: fields(t, `{"status":"open"}`), Except: []string{"west"}}); len(d.Fired) > 0 {
		t.Error(d.Fired)
	}
}

// A route does not fire on an arrival that it caused, does not keep others from firing, and fires on other arrivals.
func TestExcept(t *testing.T) {
	t.Parallel()
	table := mustCompile(t, []Route{
		{Name: "both", On: []Event{Arrive, Returned}, When: `n == 1`, Transfer: to("chicago"), Copy: to("san-francisco")},
		{Name: "next", On: []Event{Arrive}, Return: &Action{}},
	})
	in := Input{Event: Arrive, Collection: "tickets", Site: "upholstery", New: fields(t, `{"n":1}`)}
	if got := summary(table.Decide(in)); got != "transfer both [chicago]; copy both [san-francisco] fired both" {
		t.Error(got)
	}
	in.Except = []string{"other", "both"}
	if got := summary(table.Decide(in)); got != "return next [] fired next" {
		t.Error(got)
	}
	in.Event = Returned
	if got := summary(table.Decide(in)); got != " fired " {
		t.Error(got)
	}
}

func TestScheduleString(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Schedule{
		"every 15m": {Every: 15 * time.Minute}, "every 1h30m": {Every: 90 * time.Minute}, "every 1s": {Every: time.Second}, "every 10h": {Every: 10 * time.Hour},
		"by cron 0 18 * * MON-FRI in Europe/Paris": {Cron: "0 18 * * MON-FRI", In: "Europe/Paris"}, "at open of paris": {At: "open", Of: "paris"},
		"by cron @daily, not on holidays": {Cron: "@daily", SkipHolidays: true},
	} {
		if got := s.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Looking for rings ends, however many there could be.
func TestRingsOfMany(t *testing.T) {
	t.Parallel()
	routes := make([]Route, 300)
	for i := range routes {
		r := Route{Name: fmt.Sprintf("r%d", i), On: []Event{Arrive, Returned}, At: []request.Site{sites[i%3]}, Transfer: to(sites[(i+1)%3]),
			When: fmt.Sprintf(`a%d > %d && b%d matches "^x{%d}$"`, i, i, i, i)}
		if i%5 == 0 {
			r.Transfer, r.Return = nil, &Action{}
		}
		routes[i] = r
	}
	if w := mustCompile(t, routes).Warnings(); len(w) > ringMost {
		t.Errorf("%d warnings", len(w))
	}
}

package routing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

var (
	noon  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	sites = []request.Site{"chicago", "san-francisco", "upholstery"}
)

func fields(t testing.TB, text string) request.Fields {
	t.Helper()
	if text == "" {
		return nil
	}
	f, err := request.ParseFields([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mustCompile(t testing.TB, routes []Route, declared ...Declared) *Table {
	t.Helper()
	table, problems := Compile(routes, sites, declared...)
	if len(problems) > 0 {
		t.Fatalf("problems: %+v", problems)
	}
	return table
}

// decideOne decides an update from old to new under one copy route with the condition.
func decideOne(t testing.TB, when, old, new string) (bool, []RouteError) {
	t.Helper()
	table := mustCompile(t, []Route{{Name: "r", On: []Event{Update}, When: when, Copy: &Action{All: true}}})
	d := table.Decide(Input{Event: Update, Collection: "tickets", Site: "chicago", Owner: "chicago", Origin: "san-francisco",
		EnteredBy: "mary", Old: fields(t, old), New: fields(t, new), Now: noon})
	return len(d.Fired) == 1, d.Errors
}

func TestConditions(t *testing.T) {
	t.Parallel()
	const old = `{"status":"open","priority":2,"id":12345678901234567890}`
	const new = `{"status":"closed","priority": 2.0,"category":"chair","id":12345678901234567890,"near":12345678901234567891,
		"exact":9007199254740993,"tags":["vip","loud"],"customer":{"name":"Ann","age":33,"tiers":[{"n":1},{"n":2}]},"vip":true,"off":false,
		"none":null,"closed_at":"2026-01-01T00:00:00Z","opened":"2026-03-04 11:00:00.5Z","esc":"a\"b","price":1.10,"e20":1e20,
		"due-date":"x","owner":"me","neg":-12345678901234567890,"float":1.5}`
	for when, want := range map[string]bool{
		`status == "closed"`: true, `"closed" == status`: true, `status == "open"`: false, `status != "open"`: true,
		`status == 'closed' && category == 'chair'`: true, `old.status == "open"`: true, `old.status != status`: true,
		`changed("status")`: true, `changed("priority")`: false, `changed("category")`: true, `changed("nothing")`: false,
		`changed("none")`: false, `changed("id")`: false, `not changed("status")`: false, `!changed("priority")`: true,
		// Absent fields, members and elements.
		`nothing == nil`: true, `none == nil`: true, `nothing == "x"`: false, `nothing != "x"`: true, `nothing > 3`: false,
		`nothing < 3`: false, `not (nothing >= 3)`: true, `nothing in ["a"]`: false, `nothing not in ["a"]`: true, `"a" in nothing`: false,
		`nothing.a.b.c == nil`: true, `customer.address.street == "x"`: false, `customer.name == "Ann"`: true,
		`customer["name"] == "Ann"`: true, `status.name == nil`: true, `tags[0] == "vip"`: true, `tags[-1] == "loud"`: true,
		`tags[7] == nil`: true, `customer.tiers[1].n == 2`: true, `customer?.name == "Ann"`: true, `old.category == nil`: true,
		`old.customer.name == nil`: true, `nothing && true`: false, `nothing || true`: true, `!nothing`: true, `vip`: true, `off`: false,
		`nothing`: false, `vip and not off`: true, `nothing ? false : true`: true, `len(nothing) == 0`: true, `len(tags) == 2`: true,
		`any(nothing, # == "x")`: false, `all(nothing, # == "x")`: true, `any(tags, # == "vip")`: true, `any(tags, {# == "vip"})`: true,
		`any(customer.tiers, .n == 2)`: true, `any(customer.tiers, .vip)`: false, `count(tags, # == "vip") == 1`: true,
		`lower(nothing) == "x"`: false, `upper(status) == "CLOSED"`: true, `nothing contains "x"`: false, `status contains "los"`: true,
		`status matches "^c.*d$"`: true, `nothing startsWith "x"`: false, `status startsWith "cl"`: true, `(nothing ?? "y") == "y"`: true,
		// Numbers.
		`priority == 2`: true, `priority == 2.0`: true, `priority in [1, 2]`: true, `priority in [1.0, 2.0]`: true, `priority > 1.5`: true,
		`priority >= 2 and priority <= 2`: true, `priority == "2"`: false, `price == 1.1`: true, `price in [1.1]`: true, `float * 2 == 3`: true,
		`float * 2 in [3]`: true, `id == 12345678901234567890`: true, `near == 12345678901234567890`: false,
		`id == 12345678901234567891`: false, `id == 12_345_678_901_234_567_890`: true, `id in [1, 12345678901234567890]`: true,
		`near in [1, 12345678901234567890]`: false, `exact == 9007199254740993`: true, `exact == 9007199254740992`: false,
		`id > 12345678901234567889`: true, `near > id`: true, `id > near`: false, `id > 5`: true, `id < 5`: false, `id > 1.5`: true,
		`neg == -12345678901234567890`: true, `neg < 0`: true, `e20 == 100000000000000000000`: true, `e20 == 1e20`: true,
		`id == "12345678901234567890"`: false, `id != 12345678901234567891`: true,
		// Words.
		`site == "chicago"`: true, `owner == site`: true, `origin == "san-francisco"`: true, `entered_by == "mary"`: true,
		`field("owner") == "me"`: true, `field("due-date") == "x"`: true, `field("nothing") == nil`: true,
		`age("closed_at") > duration("720h")`: true, `age("closed_at") > duration("72000h")`: false, `age("nothing") > duration("1h")`: false,
		`age("opened") < duration("1h")`: true, `now.Year() == 2026`: true, `now().Year() == 2026`: true, `now > date("2026-01-01")`: true,
		`old == nil`: false, `len(old) == 3`: true, `"status" in old`: true, `"category" in old`: false,
		`category in ["chair", "stool"]`: true, `category not in ["chair"]`: false, `not (category in ["chair"])`: false,
		`category == "chair" || category == "desk"`: true, `esc == "a\"b"`: true, `esc in ['a"b']`: true,
		`let s = status; s == "closed"`: true, `tags == ["vip", "loud"]`: true, `vip == true`: true, `off == true`: false,
		`off == false`: true, `1 == 1`: true, `if vip { status == "closed" } else { false }`: true, ``: true,
	} {
		got, errs := decideOne(t, when, old, new)
		if got != want || len(errs) > 0 {
			t.Errorf("%s: got %v, want %v; errors %v", when, got, want, errs)
		}
	}
}

// What fails at run time counts as not matched and is reported.
func TestRunTimeErrors(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`status + 1 == 2`:                           "",
		`status > 3`:                                "a text and a number have no order",
		`status && true`:                            "a text is no condition",
		`tags`:                                      "a list is no condition",
		`"x" in status`:                             "a text has nothing in it",
		`age("status") > duration("1h")`:            `age("status"): the field holds no time`,
		`status.Foo()`:                              "",
		`any(1..100000000, # == 1)`:                 "memory budget exceeded",
		`repeat("x", 100000000) == "y"`:             "memory budget exceeded",
		`upper(priority) == "X"`:                    "",
		`status matches pattern`:                    "",
		`len(map(1..1000000, repeat("a", 50))) > 1`: "memory budget exceeded",
	} {
		got, errs := decideOne(t, when, "", `{"status":"closed","priority":2,"tags":[],"pattern":"("}`)
		if got || len(errs) != 1 || errs[0].Route != "r" {
			t.Errorf("%s: got %v, errors %v; want one error", when, got, errs)
			continue
		}
		if msg := errs[0].Err.Error(); !strings.Contains(msg, want) || strings.Contains(msg, "\n") {
			t.Errorf("%s: error %q, want %q in it, in one line", when, msg, want)
		}
	}
}

func TestOldIsEmptyWhereNothingWasWritten(t *testing.T) {
	t.Parallel()
	table := mustCompile(t, []Route{{Name: "r", On: Events(), When: `changed("skill")`, Copy: &Action{All: true}}})
	same := fields(t, `{"skill":"upholsterer"}`)
	for ev, want := range map[Event]bool{Create: true, Arrive: true, Returned: true, Update: false, Delete: false} {
		d := table.Decide(Input{Event: ev, Site: "chicago", Old: same, New: same})
		if got := len(d.Fired) == 1; got != want {
			t.Errorf("%s: got %v, want %v", ev, got, want)
		}
	}
	if d := table.Decide(Input{Event: Create, Site: "chicago", New: fields(t, `{"skill":null}`)}); len(d.Fired) > 0 {
		t.Errorf("null is no change from nothing: %v", d.Fired)
	}
}

func summary(d Decision) string {
	var out []string
	for name, t := range map[string]*Taken{"transfer": d.Transfer, "return": d.Return, "archive": d.Archive, "delete": d.Delete, "stay": d.Stay} {
		if t != nil {
			out = append(out, fmt.Sprintf("%s %s %v", name, t.Route.Name, t.To))
		}
	}
	for _, c := range d.Copies {
		out = append(out, fmt.Sprintf("copy %s %v", c.Route.Name, c.To))
	}
	return strings.Join(out, "; ") + " fired " + strings.Join(d.Fired, ",")
}

func to(s ...request.Site) *Action { return &Action{To: s} }

// Order, first match, targets.
func TestDecide(t *testing.T) {
	t.Parallel()
	both := []Event{Create, Update}
	table := mustCompile(t, []Route{
		{Name: "copy1", On: both, When: `category == "chair"`, Copy: &Action{All: true}},
		{Name: "sf-only", On: both, At: []request.Site{"san-francisco"}, When: `category == "chair"`, Transfer: to("chicago")},
		{Name: "articles", Collection: "articles", On: both, Transfer: to("upholstery")},
		{Name: "any", On: both, When: `category in ["chair", "sofa"]`, Transfer: to("upholstery")},
		{Name: "home", On: both, When: `status == "repaired"`, Return: &Action{}},
		{Name: "old", On: both, When: `status == "old"`, Archive: to("upholstery")},
		{Name: "gone", On: both, When: `status == "canceled"`, Delete: &Action{Copies: "all"}},
		{Name: "copy2", On: both, When: `category == "chair"`, Copy: to("chicago", "chicago", "san-francisco")},
		{Name: "timed", Schedule: &Schedule{Every: time.Hour}, On: both, Copy: &Action{All: true}},
		{Name: "both", On: both, When: `category == "both"`, Transfer: to("chicago"), Copy: &Action{All: true}},
	})
	for _, c := range []struct {
		site       request.Site
		collection string
		fields     string
		want       string
	}{
		{"san-francisco", "tickets", `{"category":"chair"}`, "transfer sf-only [chicago]; copy copy1 [chicago upholstery]; copy copy2 [chicago] fired copy1,sf-only,copy2"},
		{"chicago", "tickets", `{"category":"chair"}`, "transfer any [upholstery]; copy copy1 [san-francisco upholstery]; copy copy2 [san-francisco] fired copy1,any,copy2"},
		{"upholstery", "tickets", `{"category":"chair","status":"repaired"}`, "stay any []; copy copy1 [chicago san-francisco]; copy copy2 [chicago san-francisco] fired copy1,copy2"},
		{"upholstery", "tickets", `{"status":"repaired"}`, "return home [] fired home"},
		{"upholstery", "tickets", `{"status":"old"}`, "stay old [] fired "},
		{"chicago", "tickets", `{"status":"old"}`, "archive old [upholstery] fired old"},
		{"chicago", "tickets", `{"status":"canceled"}`, "delete gone [] fired gone"},
		{"chicago", "articles", `{"category":"lamp"}`, "transfer articles [upholstery] fired articles"},
		{"chicago", "tickets", `{"category":"both"}`, "stay both []; copy both [san-francisco upholstery] fired both"},
		{"chicago", "tickets", `{}`, " fired "},
	} {
		d := table.Decide(Input{Event: Create, Collection: c.collection, Site: c.site, New: fields(t, c.fields)})
		if got := summary(d); got != c.want {
			t.Errorf("%s at %s:\ngot  %s\nwant %s", c.fields, c.site, got, c.want)
		}
	}
	if d := table.Decide(Input{Event: Delete, Collection: "tickets", Site: "chicago", New: fields(t, `{"category":"chair"}`)}); summary(d) != " fired " {
		t.Errorf("an event of no route: %s", summary(d))
	}
}

// A decision does not share what it lists with the table or with other decisions.
func TestDecisionsAreTheirOwn(t *testing.T) {
	t.Parallel()
	table := mustCompile(t, []Route{{Name: "r", On: []Event{Create}, Copy: to("chicago", "upholstery")}})
	in := Input{Event: Create, Site: "san-francisco"}
	d := table.Decide(in)
	slices.Reverse(d.Copies[0].To)
	if diff := cmp.Diff([]request.Site{"chicago", "upholstery"}, table.Decide(in).Copies[0].To); diff != "" {
		t.Error(diff)
	}
}

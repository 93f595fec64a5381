package routing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meridian-gateway/meridian/request"
)

// What is wrong with a condition is said where it is, in words for the person who wrote it.
func TestConditionProblems(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`status = "open"`:                         `7: = is no comparison (write == to compare)`,
		`status == "open`:                         `15: a text is not closed (texts stand in "" or '')`,
		`status == `:                              `9: the expression ends too early`,
		`status is "open"`:                        `7: unexpected token Identifier("is") (is there an operator missing, such as && or ==? A text stands in quotes)`,
		`chnaged("status")`:                       `0: there is no function chnaged (did you mean changed?)`,
		`status == "a" && frobnicate(x)`:          `17: there is no function frobnicate`,
		`changed(status)`:                         `0: changed needs the name of one field, in quotes (changed("status"))`,
		`changed()`:                               `0: changed needs the name of one field, in quotes (changed("status"))`,
		`age("x") > duration("30d")`:              `11: "30d" is not a duration (as in duration("720h"), duration("15m"); there are no days, write 24h)`,
		`"x"`:                                     `0: expected bool, but got string (a condition is true or false, as in status == "open")`,
		`site == 3`:                               `5: invalid operation: == (mismatched types string and int)`,
		`now > "2026"`:                            `4: invalid operation: > (mismatched types time.Time and string)`,
		`status matches "("`:                      "",
		`any(a, any(b, # == 1))`:                  `7: any inside the condition of any is not allowed (look at one list at a time)`,
		`all(a, count(filter(#.b, true)) == 1)`:   `13: filter inside the condition of all is not allowed (look at one list at a time)`,
		`$env["x"] == 1`:                          `0: $env is not there in conditions (fields stand by their bare names, or as in field("due-date"))`,
		`a == 1 && ` + strings.Repeat("a", 9000):  `0: a condition has at most 8192 bytes`,
		strings.Repeat("a == 1 && ", 800) + "b":   "",
		strings.Repeat("(", 700) + "b":            "",
		`1e999 == a`:                              `6: the number is too big`,
		`a == 0xffffffffffffffffffffffffffffffff`: "",
	} {
		_, problems := Compile([]Route{{Name: "r", On: []Event{Create}, When: when, Copy: &Action{All: true}}}, sites)
		if len(problems) != 1 {
			t.Errorf("%.60s: problems %+v, want one", when, problems)
			continue
		}
		p := problems[0]
		got := fmt.Sprintf("%d: %s", p.Offset, p.Message)
		if p.Hint != "" {
			got += " (" + p.Hint + ")"
		}
		if want != "" && got != want || strings.Contains(got, "\n") {
			t.Errorf("%.60s:\ngot  %s\nwant %s", when, got, want)
		}
	}
}

func TestRouteProblems(t *testing.T) {
	t.Parallel()
	_, problems := Compile([]Route{
		{Name: "a", On: []Event{"craete"}, At: []request.Site{"paris"}, Transfer: to("rome")},
		{Name: "b", On: []Event{Create}, Transfer: to("chicago", "upholstery")},
		{Name: "c", On: []Event{Create}, Copy: to()},
		{Name: "d", On: []Event{Create}, Transfer: &Action{All: true}},
	}, sites)
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%d %s: %s", p.Route, p.Path, p.Message))
	}
	want := []string{`0 on: there is no event "craete"`, `0 at: there is no site "paris"`, `0 transfer.to: there is no site "rome"`,
		"1 transfer.to: a request goes to exactly one site", "2 copy.to: a copy goes to one site at least",
		"3 transfer.to: a request goes to exactly one site"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	declared := Declared{Collection: "tickets", Fields: []string{"status", "category", "priority"}}
	compile := func(when string, d Declared) (string, *Table) {
		table, problems := Compile([]Route{{Name: "r", Collection: "tickets", On: []Event{Create}, When: when, Copy: &Action{All: true}}}, sites, d)
		if table != nil {
			problems = table.Warnings()
		}
		var out []string
		for _, p := range problems {
			out = append(out, fmt.Sprintf("%d %s %s", p.Offset, p.Message, p.Hint))
		}
		return strings.Join(out, "; "), table
	}
	for when, want := range map[string]string{
		`status == "x" && skill == "y"`: ``,
		`stauts == "x"`:                 `0 no profile names a field "stauts" did you mean status?`,
		`changed("categroy")`:           `0 no profile names a field "categroy" did you mean category?`,
		`old.prioritty == 1`:            `4 no profile names a field "prioritty" did you mean priority?`,
		`entred_by == "mary"`:           `0 no profile names a field "entred_by" did you mean entered_by?`,
		`stat == "x"`:                   ``,
	} {
		if got, table := compile(when, declared); got != want || table == nil {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
	declared.Closed = true
	if got, table := compile(`stauts == "x" && skill == "y"`, declared); table != nil ||
		got != `0 there is no field "stauts" did you mean status?; 17 there is no field "skill" ` {
		t.Errorf("closed: got %q", got)
	}
}

func TestRings(t *testing.T) {
	t.Parallel()
	arriving := []Event{Create, Arrive}
	at := func(s ...request.Site) []request.Site { return s }
	for name, c := range map[string]struct {
		routes []Route
		want   []string
	}{
		"there and back": {[]Route{
			{Name: "out", On: []Event{Create}, At: at("chicago"), When: `category == "chair"`, Transfer: to("upholstery")},
			{Name: "back", On: arriving, At: at("upholstery"), When: `status == "open"`, Transfer: to("chicago")},
		}, []string{"a request can go round in a ring: chicago -> upholstery -> chicago, by the routes out, back"}},
		"conditions exclude each other": {[]Route{
			{Name: "out", On: arriving, At: at("chicago"), When: `category == "chair"`, Transfer: to("upholstery")},
			{Name: "back", On: arriving, At: at("upholstery"), When: `category in ["desk", "lamp"]`, Transfer: to("chicago")},
		}, nil},
		"other collections": {[]Route{
			{Name: "out", Collection: "a", On: arriving, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "back", Collection: "b", On: arriving, At: at("upholstery"), Transfer: to("chicago")},
		}, nil},
		"only writes move": {[]Route{
			{Name: "out", On: []Event{Create, Update}, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "back", On: []Event{Update}, At: at("upholstery"), Transfer: to("chicago")},
		}, nil},
		"one route, all sites": {[]Route{{Name: "all", On: arriving, Transfer: to("chicago")}}, nil},
		"three": {[]Route{
			{Name: "one", On: arriving, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "two", On: arriving, At: at("upholstery"), Transfer: to("san-francisco")},
			{Name: "three", On: arriving, At: at("san-francisco"), Transfer: to("chicago")},
		}, []string{"a request can go round in a ring: chicago -> upholstery -> san-francisco -> chicago, by the routes one, two, three"}},
		"conditions that no request meets": {[]Route{
			{Name: "out", On: arriving, At: at("chicago"), When: `category == "chair"`, Transfer: to("upholstery")},
			{Name: "back", On: arriving, At: at("upholstery"), When: `category != "chair"`, Transfer: to("chicago")},
		}, nil},
		"conditions beyond equality": {[]Route{
			{Name: "out", On: arriving, At: at("chicago"), When: `priority > 3 && age("opened") > duration("1h")`, Transfer: to("upholstery")},
			{Name: "back", On: arriving, At: at("upholstery"), When: `changed("skill") && priority >= 4 && not (kind in ["a", "b"])`, Transfer: to("chicago")},
		}, []string{"a request can go round in a ring: chicago -> upholstery -> chicago, by the routes out, back"}},
		"many values": {[]Route{
			{Name: "out", On: arriving, At: at("chicago"), When: `n in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]`, Transfer: to("upholstery")},
			{Name: "back", On: arriving, At: at("upholstery"), When: `n in [12, 13, 14]`, Transfer: to("chicago")},
		}, []string{"a request can go round in a ring: chicago -> upholstery -> chicago, by the routes out, back"}},
		"three conditions, each two go together": {[]Route{
			{Name: "one", On: arriving, At: at("chicago"), When: `x in [1, 2]`, Transfer: to("upholstery")},
			{Name: "two", On: arriving, At: at("upholstery"), When: `x in [2, 3]`, Transfer: to("san-francisco")},
			{Name: "three", On: arriving, At: at("san-francisco"), When: `x in [3, 1]`, Transfer: to("chicago")},
		}, nil},
		"an earlier route keeps it": {[]Route{
			{Name: "keep", On: arriving, At: at("upholstery"), When: `category != nil`, Transfer: to("upholstery")},
			{Name: "out", On: arriving, At: at("chicago"), When: `category == "chair"`, Transfer: to("upholstery")},
			{Name: "back", On: arriving, At: at("upholstery"), Transfer: to("chicago")},
		}, nil},
		"only for requests that are somewhere else": {[]Route{
			{Name: "out", On: arriving, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "back", On: arriving, When: `site == "san-francisco"`, Transfer: to("chicago")},
		}, nil},
		"a return and a transfer of what returned": {[]Route{
			{Name: "out", On: []Event{Create, Returned}, At: at("chicago"), When: `category == "chair"`, Transfer: to("upholstery")},
			{Name: "refuse", On: []Event{Arrive}, At: at("upholstery"), When: `priority < 2`, Return: &Action{}},
		}, []string{"a request can go round in a ring: chicago -> upholstery -> chicago, by the routes out, refuse"}},
		"a return, and nothing sends it away again": {[]Route{
			{Name: "out", On: arriving, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "refuse", On: arriving, At: at("upholstery"), Return: &Action{}},
		}, nil},
		"home by two returns": {[]Route{
			{Name: "out", On: []Event{Create}, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "further", On: []Event{Arrive}, At: at("upholstery"), Transfer: to("san-francisco")},
			{Name: "home", On: []Event{Arrive, Returned}, At: at("san-francisco", "upholstery"), Return: &Action{}},
		}, nil},
		"one returns and the next does too": {[]Route{
			{Name: "out", On: []Event{Create, Returned}, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "further", On: []Event{Arrive}, At: at("upholstery"), Transfer: to("san-francisco")},
			{Name: "back", On: []Event{Arrive}, At: at("san-francisco"), Return: &Action{}},
			{Name: "home", On: []Event{Returned}, At: at("upholstery"), Return: &Action{}},
		}, []string{"a request can go round in a ring: chicago -> upholstery -> san-francisco -> upholstery -> chicago, by the routes out, further, back, home"}},
		"a request from elsewhere": {[]Route{
			{Name: "out", On: []Event{Create}, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "again", On: []Event{Returned}, At: at("san-francisco"), Transfer: to("upholstery")},
			{Name: "refuse", On: []Event{Arrive}, At: at("upholstery"), When: `origin == "chicago"`, Return: &Action{}},
		}, []string{"a request can go round in a ring: san-francisco -> upholstery -> san-francisco, by the routes again, refuse"}},
		"an archive that is not the end": {[]Route{
			{Name: "old", On: []Event{Update, Arrive}, At: at("chicago"), When: `status == "closed"`, Archive: &Action{To: at("upholstery"), Mode: "move"}},
			{Name: "revive", On: []Event{Arrive}, At: at("upholstery"), Transfer: to("chicago")},
		}, []string{"a request can go round in a ring: chicago -> upholstery -> chicago, by the routes old, revive"}},
		"the sun": {[]Route{
			{Name: "east", Schedule: &Schedule{Every: time.Hour}, At: at("chicago"), Transfer: to("upholstery")},
			{Name: "west", Schedule: &Schedule{Every: time.Hour}, At: at("upholstery"), Transfer: to("chicago")},
			{Name: "back", On: []Event{Arrive}, At: at("upholstery"), When: `x == 1`, Transfer: to("chicago")},
		}, nil},
		"copies": {[]Route{
			{Name: "out", On: arriving, At: at("chicago"), Transfer: &Action{To: at("upholstery"), Mode: "data"}},
			{Name: "back", On: arriving, At: at("upholstery"), Transfer: to("chicago")},
		}, nil},
	} {
		var got []string
		for _, w := range mustCompile(t, c.routes).Warnings() {
			got = append(got, w.Message)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestUnindexed(t *testing.T) {
	t.Parallel()
	table := mustCompile(t, []Route{
		{Name: "a", On: []Event{Create}, When: `x == 1 || x in [2]`, Copy: &Action{All: true}},
		{Name: "b", On: []Event{Create}, When: `x > 1`, Copy: &Action{All: true}},
		{Name: "c", On: []Event{Create}, When: `x == 1 || y == 1`, Copy: &Action{All: true}},
		{Name: "d", On: []Event{Create}, Copy: &Action{All: true}},
	})
	if diff := cmp.Diff([]string{"b", "c"}, table.Unindexed()); diff != "" {
		t.Error(diff)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	on := []Event{Create}
	table := mustCompile(t, []Route{
		{Name: "hourly", Schedule: &Schedule{Every: time.Hour}, When: `category == "chair" && old.x == nil`, Transfer: to("chicago")},
		{Name: "nightly", Schedule: &Schedule{Cron: "0 1 * * *", In: "Europe/Paris", SkipHolidays: true}, When: `id == 1`, Copy: &Action{All: true}},
		{Name: "sun", Schedule: &Schedule{At: "close", Of: "chicago"}, At: []request.Site{"chicago"}, Transfer: to("upholstery")},
		{Name: "stay", Schedule: &Schedule{}, Transfer: to("san-francisco")},
		{Name: "again", On: on, Transfer: to("chicago")},
		{Name: "articles", Collection: "articles", On: on, Copy: &Action{All: true}},
		{Name: "updates", On: []Event{Update, Arrive}, Copy: &Action{All: true}},
		{Name: "elsewhere", On: on, At: []request.Site{"chicago", "upholstery"}, Copy: &Action{All: true}},
		{Name: "false", On: on, When: `category == "chair" and (id == 12345678901234567890 or owner == "x") && site != "y"`, Copy: &Action{All: true}},
		{Name: "broken", On: on, When: `category == "chair" && category > 3`, Copy: &Action{All: true}},
		{Name: "first", On: on, Transfer: to("chicago")},
		{Name: "second", On: on, Transfer: to("upholstery")},
		{Name: "here", On: on, Copy: to("san-francisco")},
	})
	got := table.Explain(Input{Event: Create, Collection: "tickets", Site: "san-francisco", Owner: "san-francisco",
		New: fields(t, `{"category":"chair","id":12345678901234567891}`), Now: noon, Except: []string{"again"}})
	want := []Reason{
		{Route: "hourly", Cause: BySchedule, Would: true, Schedule: "every 1h", Why: "it runs every 1h; it would take this request"},
		{Route: "nightly", Cause: BySchedule, Schedule: "by cron 0 1 * * * in Europe/Paris, not on holidays", Part: "id == 1",
			Why:    "it runs by cron 0 1 * * * in Europe/Paris, not on holidays; it would not take this request: its condition is false",
			Values: []Value{{"id", []byte("12345678901234567891")}}},
		{Route: "sun", Cause: BySchedule, Schedule: "at close of chicago",
			Why: "it runs at close of chicago; it would not take this request: it applies at chicago, not at san-francisco"},
		{Route: "stay", Cause: BySchedule, Schedule: "by a schedule",
			Why: "it runs by a schedule; it would not take this request: it matches, but the request is there already"},
		{Route: "again", Cause: Itself, Why: "it moved the request here itself, and no route fires on an arrival that it caused"},
		{Route: "articles", Cause: Collection, Why: "it is for collection articles, not for tickets"},
		{Route: "updates", Cause: WrongEvent, Why: "it is for update, arrive, not for create"},
		{Route: "elsewhere", Cause: WrongSite, Why: "it applies at chicago, upholstery, not at san-francisco"},
		{Route: "false", Cause: Condition, Why: "its condition is false", Part: `id == 12345678901234567890 or owner == "x"`,
			Values: []Value{{"id", []byte("12345678901234567891")}, {"owner", []byte(`"san-francisco"`)}}},
		{Route: "broken", Cause: Failed, Why: "its condition cannot be computed: a text and a number have no order (at character 33)",
			Part: "category > 3", Values: []Value{{"category", []byte(`"chair"`)}}},
		{Route: "first", Fired: true, Cause: Fires, Why: "it matches"},
		{Route: "second", Cause: Shadowed, By: "first", Why: "it matches, but first comes first"},
		{Route: "here", Cause: AlreadyHere, Why: "it matches, but the request is there already"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
